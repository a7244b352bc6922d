"""What challenges of movement have in common: an answer is followed frame by frame, and judged for two things apart.

Compliance: was it done as asked, after the prompt, in time. Integrity: was what was seen meanwhile whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, NamedTuple

from liveness.challenges.contract import Challenge, Curve, Guidance, Outcome
from liveness.frames import FaceTrack

LEAST_REACTION_S: Final = 0.2
"""Nobody answers a prompt sooner than this."""

GAP_S: Final = 0.5
"""A longer stretch without any frame ends a hold."""

_LEAST_BASELINE: Final = 0.6
"""Share of the baseline's time from whose beginning to end the person must have been seen."""
_BROKEN_BELOW: Final = 0.3
_UNMEASURED_QUALITY: Final = 0.5


class Progress(NamedTuple):
    """How far an answer has come."""

    state: Literal["done", "failed", "waiting", "unseen"]
    """``failed``: cannot become right any more. ``unseen``: the face was not seen well enough to tell."""
    reason: str
    guidance: Guidance | None = None
    answered_s: float | None = None
    """Media time at which the answer came."""
    over: bool = True
    """Whether nothing that may still come in time can change it, of what is done."""


@dataclass(frozen=True, slots=True)
class Integrity:
    """Whether what was seen was whole."""

    value: float | None
    """0 (fits a fake) to 1 (fits a live person); None if it could not be measured."""
    broken: str
    """What is said if it is low."""


class MovementChallenge(Challenge):
    """Follows an answer; a challenge says how (:meth:`_progress`), and how whole it was (:meth:`_integrity`)."""

    least_integrity: ClassVar[float | None] = None
    """What was done passes only if its integrity is known and this high, and is ``unclear`` otherwise; None: it also
    passes unmeasured. For what a recording does as well as a person, so that doing it alone says nothing."""

    @property
    def settled(self) -> bool:
        """Whether the answer is complete, or cannot become right any more."""
        if self.prompt_s is None:
            return False
        progress = self._progress(self.prompt_s)
        return progress.state == "failed" or (progress.state == "done" and progress.over)

    @property
    def guidance(self) -> Guidance | None:
        """How the answer goes."""
        if self.prompt_s is None:
            return "ready" if self._known() else None
        return self._progress(self.prompt_s).guidance

    def _judge(self, prompt_s: float) -> Outcome:
        progress, curve = self._progress(prompt_s), self._curve(prompt_s)
        if progress.state == "unseen":
            return Outcome("unclear", 0.0, progress.reason, None, None, None, curve)
        if progress.state != "done":
            return Outcome("not_done", 1.0, progress.reason, False, None, None, curve)
        whole = self._integrity(prompt_s)
        answered_s = None if progress.answered_s is None else progress.answered_s - prompt_s
        quality = self._quality()
        least = self.least_integrity
        if least is not None and (whole.value is None or _BROKEN_BELOW <= whole.value < least):
            return Outcome("unclear", quality, self._DOUBTFUL, True, whole.value, answered_s, curve)
        if whole.value is None:
            # What was done counts; that nothing could be said of how it looked makes it count less.
            return Outcome("passed", _UNMEASURED_QUALITY * quality, progress.reason, True, None, answered_s, curve)
        if whole.value < _BROKEN_BELOW:
            return Outcome("broken", quality, whole.broken, True, whole.value, answered_s, curve)
        counts = quality * (_UNMEASURED_QUALITY + (1 - _UNMEASURED_QUALITY) * whole.value)
        return Outcome("passed", counts, progress.reason, True, whole.value, answered_s, curve)

    _DOUBTFUL: ClassVar[str] = "It was done as asked, but too little else was seen to tell it from a recording."

    def _progress(self, prompt_s: float) -> Progress:
        raise NotImplementedError

    def _integrity(self, prompt_s: float) -> Integrity:
        raise NotImplementedError

    def _curve(self, prompt_s: float) -> Curve | None:
        raise NotImplementedError

    def _known(self) -> bool:
        """Whether enough of the person's baseline has been seen for the prompt to be shown."""
        raise NotImplementedError

    def _quality(self) -> float:
        """How far the circumstances let one judge, 0–1."""
        return 1.0


def baseline_seen(times_s: list[float], baseline_s: float) -> bool:
    """Whether looks at these times before the prompt show how the person sits: enough of them, spread over time."""
    return len(times_s) >= 3 and times_s[-1] - times_s[0] >= _LEAST_BASELINE * baseline_s


def head_size_px(face: FaceTrack) -> float:
    """Return the root mean square radius of the mesh in all three axes: a turn or nod leaves it as it is."""
    points = face.points_px[:468]
    return float(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean() ** 0.5)
