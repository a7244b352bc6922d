"""Gaze jumps: do the eyes move in leaps, as living eyes do?

What it sees
------------
Both irises between their eye corners, from one analysed frame to the next, over up to twenty seconds: ``gaze_jumps``
is the log of how far a few large steps raise the root mean square above the common step (the median). Of mere noise,
whatever its size, that is 0.39 (one standard deviation by 0.67). Steps with a lid half closed are left out, and so are
those to a picture in which the whole face stands still: it is the one before, shown again.

Why a fake differs
------------------
Living eyes rest and leap: one to four saccades a second, faster than a frame, with fixations between them. A
photograph that is driven by sound has no reason to look anywhere: the model moves head and lips, and the gaze stays
in the head or drifts with it, so that its steps are distributed like noise. A swapped face keeps the actor's gaze: of
live swaps this says nothing.

Fails when
----------
Someone stares all the time, or the picture is so poor that the leaps drown in what the landmarks tremble: then
living eyes look like noise as well, so the quality falls with the size of the common steps. Glasses that reflect,
sunglasses and a head turned far. Fewer than five analysed frames a second. An animation driven by a film of
somebody's own eyes has that person's jumps.

Reference
---------
D. A. Robinson, "The mechanics of human saccadic eye movement", J. Physiol. 174 (1964), for speed and size of a leap. No
earlier use against animated photographs is known to us. The figures stand in docs/accuracy.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.dsp import Series, log_ratio
from liveness.frames import FaceTrack, Floats, Observation
from liveness.measures.conditions import SMALL_IOD_PX, pose_quality, ramp, size_quality
from liveness.measures.face_regions import STEADY
from liveness.verdict import Evidence

_EYES: Final = ((33, 133, 159, 145, 468), (362, 263, 386, 374, 473))
"""Of each eye the corners in the picture's order, the upper and the lower lid, the iris."""
_OPEN_SHARE = 0.7
"""A lid lower than this share of its usual height covers the iris, whose place is then a guess."""
_HELD_SHARE = 0.1
"""A face that moves less than this share of its usual motion is a repeated picture; of live ones hardly any does."""
_MOST = 2.5
"""More is no clearer: a few landmarks that slip must not outweigh all other seconds."""


@dataclass(frozen=True, slots=True)
class SaccadesSettings:
    """Over how long the gaze is watched."""

    window_s: float = 20.0
    """Nobody is sure to leap in any few seconds; the longer one watches, the more it says that nobody did."""
    least_s: float = 3.8
    """Least stretch that says anything: two periods, less what it takes until a face is first found."""
    least_steps: int = 30
    """Least number of steps with open eyes."""
    longest_step_s: float = 0.25
    """Steps over a longer time are no longer one leap each."""
    fresh_s: float = 1.2
    """Least new stretch since the last evidence."""
    clear_step: float = 0.008
    drowned_step: float = 0.02
    """Median step, in widths of the eye, up to which the measurement is good, and from which on it says nothing."""


class _Look(NamedTuple):
    time_s: float
    gaze: float
    """Mean place of both irises along the line between their eye corners, in widths of the eye."""
    opening: float
    """Mean height of the lids in widths of the eye."""
    moved: float
    """Mean way of the face's landmarks since the look before, in eye distances; 0 at the first."""
    quality: float


class Saccades(Signal):
    """Compares large steps of the gaze with the common ones."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="saccades",
        title="Gaze jumps",
        group="physiology",
        families=frozenset({"synthesis"}),
        needs=frozenset({"frame"}),
        unit="log ratio",
        features=("gaze_jumps",),
        observe_every_s=0.0,
        period_s=2.0,
        window_s=20.0,
        needed_s=6.0,
        cost_ms=0.1,
        suspicious=(
            "The eyes do not leap from place to place, as in an animated photograph, though somebody who stares looks"
            " so as well; a challenge settles it."
        ),
        reassuring="The eyes rest and leap as living eyes do.",
        species=frozenset({"animation"}),
        directions={"gaze_jumps": -1},
    )

    def __init__(self, settings: SaccadesSettings | None = None) -> None:
        self._settings = settings or SaccadesSettings()
        self._looks: deque[_Look] = deque()
        self._points: Floats | None = None
        self._told_until_s: float | None = None
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Keep the gaze of one frame; a break or a lost face starts the stretch anew."""
        if observation.broken or observation.face is None:
            self._points = None
        look = self._look(observation)
        if observation.broken or look is None:
            self._looks.clear()
            self._told_until_s = None
        while self._looks and observation.time_s - self._looks[0].time_s > self._settings.window_s:
            self._looks.popleft()
        if look is not None:
            self._looks.append(look)

    def evidence(self) -> Evidence | None:
        """Return how the gaze moved in the last seconds, or None until there is enough that is new."""
        if self.missing() is not None:
            return None
        start, end, steps = self._looks[0].time_s, self._looks[-1].time_s, self._steps()
        common, root_mean_square = float(np.median(steps)), float(np.sqrt(np.mean(steps**2)))
        self._told_until_s = end
        features = {"gaze_jumps": min(log_ratio(root_mean_square, common, floor=1e-5), _MOST)}
        clear = ramp(common, self._settings.drowned_step, self._settings.clear_step)
        return Evidence(
            signal=self.spec.name,
            start_s=start,
            end_s=end,
            value=features["gaze_jumps"],
            unit=self.spec.unit,
            quality=clear * float(np.mean([look.quality for look in self._looks])),
            features=features,
        )

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        settings = self._settings
        if not self._looks:
            return self._missing
        end = self._looks[-1].time_s
        if end - self._looks[0].time_s < settings.least_s:
            return "The eyes have not been watched without a break for long enough yet."
        if self._steps().size < settings.least_steps:
            return "Too few pictures a second were analysed, or the eyes were closed too often, to see them leap."
        if self._told_until_s is not None and end - self._told_until_s < settings.fresh_s:
            return "Too little new was seen since the last measurement."
        return None

    def _steps(self) -> Series:
        """Return (n,) how far the gaze went between neighbouring frames with open eyes, in widths of the eye."""
        times = np.array([look.time_s for look in self._looks])
        gaze = np.array([look.gaze for look in self._looks])
        opening = np.array([look.opening for look in self._looks])
        seen = opening > _OPEN_SHARE * float(np.median(opening))
        # A lid that comes down or goes up moves the iris' place in the frame before and after, too.
        whole = seen.copy()
        whole[1:] &= seen[:-1]
        whole[:-1] &= seen[1:]
        moved = np.array([look.moved for look in self._looks])
        renewed = moved > _HELD_SHARE * float(np.median(moved))
        kept = whole[1:] & whole[:-1] & renewed[1:] & (np.diff(times) <= self._settings.longest_step_s)
        steps: Series = np.abs(np.diff(gaze))[kept]
        return steps

    def _look(self, observation: Observation) -> _Look | None:
        face = observation.face
        if face is None:
            self._missing = "No face is seen."
            return None
        size = size_quality(face)
        if size == 0:
            self._missing = (
                f"The face is too small: fewer than {SMALL_IOD_PX:.0f} pixels between the outer eye corners."
            )
            return None
        gaze, opening = _eyes(face)
        points, before = face.points_px[list(STEADY), :2].astype(np.float32), self._points
        self._points = points
        moved = 0.0 if before is None else float(np.hypot(*(points - before).T).mean()) / max(face.iod_px, 1.0)
        return _Look(observation.time_s, gaze, opening, moved, quality=size * pose_quality(face))


def _eyes(face: FaceTrack) -> tuple[float, float]:
    """Return where both irises stand between the corners, and how high the lids are, in widths of the eye."""
    places, openings = zip(*(_eye(face.points_px[list(indices), :2]) for indices in _EYES), strict=True)
    return float(np.mean(places)), float(np.mean(openings))


def _eye(points: Floats) -> tuple[float, float]:
    """Measure one eye by (5, 2) points as in ``_EYES``."""
    left, right, upper, lower, iris = points
    across = right - left
    width = max(float(np.hypot(*across)), 1e-3)
    place = float(np.dot(iris - (left + right) / 2, across)) / width**2
    return place, float(np.hypot(*(upper - lower))) / width
