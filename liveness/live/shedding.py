"""What a worker gives up, and in which order, when there is more to do than time; latency never grows instead."""

from __future__ import annotations

from dataclasses import dataclass, replace

from liveness.config import ANALYSIS_FPS

FULL_FPS = ANALYSIS_FPS
_LOST_SHARE, _BUSY_SHARE, _IDLE_SHARE = 0.12, 0.90, 0.70
"""Analysis gets the time that decoding leaves: by lost frames a core is seen to be too full, and by its being full they
are seen to be our doing. A step gives up a sixth of the frames and more, and what is overtaken is made up for: fewer
lost ones are borne."""
_BACK_SHARE, _ANALYSIS_SHARE = 0.94, 0.45
"""A rate is given back if the core would then be no fuller than this, given what part of its time goes with the rate:
the face mesh and what follows the face; the learnt models look by the clock."""
_WARM_SHARE, _COOL_SHARE = 0.70, 0.50
"""Above the one, pictures that the others do without are left undecoded; below the other there is room for them."""
_LATE_MS, _EARLY_MS = 140.0, 90.0
_MANY_WAITING, _FEW_WAITING = 6, 2
"""Pictures before one decoder: a fifth of a second of a common call, which the age of frames does not show."""
_UP_AFTER_S, _AGAIN_AFTER_S, _DOWN_AFTER_S = 4.0, 8.0, 10.0
"""The models of a call that begins take a second or two of a core that is nearly full; that passes by itself. While no
frame is late, what was given up last has twice as long to show what it is worth."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a worker was in the last second or so."""

    cpu_share: float
    """CPU time used by the time that the worker's core had, 0–1."""
    age_ms: float
    """95th percentile of the time from a frame's decoding to the end of its analysis; the network is not our load."""
    lost_share: float = 0.0
    """Share of the frames due that newer ones overtook before they were analysed, 0–1."""
    waiting: int = 0
    """Pictures before the decoder that has most of them to decode."""


@dataclass(frozen=True, slots=True)
class Relief:
    """What is given up at one level."""

    analysis_fps: float
    """Analysed frames a second of every session."""
    sender_fps: int | None
    """What senders are asked to send at most."""
    costliest_off: int
    """So many of the costliest signals pause."""
    refuses: bool
    """New sessions are sent away."""
    base_layer_only: bool = True
    """Of a video in temporal layers only the lowest is decoded, where that has all the frames that are analysed."""


LEVELS: tuple[Relief, ...] = (
    Relief(FULL_FPS, None, 0, refuses=False, base_layer_only=False),
    Relief(FULL_FPS, None, 0, refuses=False),
    Relief(10.2, None, 0, refuses=False),
    Relief(8.0, None, 0, refuses=False),
    Relief(6.0, None, 0, refuses=False),
    Relief(6.0, 15, 0, refuses=False),
    Relief(6.0, 15, 2, refuses=False),
    Relief(5.0, 12, 3, refuses=True),
)


class Shedder:
    """Decides on the level from the load, one step at a time: up after 4 or 8 bad seconds, down after 10 good ones."""

    def __init__(self) -> None:
        self.level = 0
        self._bad_s = 0.0
        self._late_s = 0.0
        self._good_s = 0.0

    @property
    def relief(self) -> Relief:
        """What is given up now."""
        return LEVELS[self.level]

    def see(self, load: Load, seconds: float) -> bool:
        """Take in the load of the last ``seconds``; returns whether the level changed."""
        full = load.cpu_share > _BUSY_SHARE and load.lost_share > _LOST_SHARE
        warm = load.cpu_share > _WARM_SHARE and not self.relief.base_layer_only
        late = load.age_ms > _LATE_MS or load.waiting > _MANY_WAITING
        bad = warm or full or late
        good = load.cpu_share < self._room() and load.age_ms < _EARLY_MS and load.waiting <= _FEW_WAITING
        self._bad_s = self._bad_s + seconds if bad else 0.0
        self._good_s = self._good_s + seconds if good else 0.0
        self._late_s = self._late_s + seconds if late else 0.0
        patience_s = _AGAIN_AFTER_S if self.relief.analysis_fps < FULL_FPS else _UP_AFTER_S
        if (self._bad_s >= patience_s or self._late_s >= _UP_AFTER_S) and self.level + 1 < len(LEVELS):
            self.level, self._bad_s, self._late_s = self.level + 1, 0.0, 0.0
            return True
        if self._good_s >= _DOWN_AFTER_S and self.level > 0:
            self.level, self._good_s = self.level - 1, 0.0
            return True
        return False

    def _room(self) -> float:
        """Return how busy a worker may be for the next lower level to be borne."""
        now, then = self.relief, LEVELS[max(self.level - 1, 0)]
        if now.base_layer_only and not then.base_layer_only:
            return _COOL_SHARE
        more = then.analysis_fps / now.analysis_fps - 1
        if then == replace(now, analysis_fps=then.analysis_fps):
            return _BACK_SHARE / (1 + _ANALYSIS_SHARE * more)
        return _IDLE_SHARE
