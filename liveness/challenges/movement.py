"""What challenges of movement have in common: an answer is followed frame by frame, and judged for two things apart.

Compliance: was it done as asked, after the prompt, in time. Integrity: was what was seen meanwhile whole.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median
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
_ODD: Final = "It was done as asked, but the picture of it was poor or odd: look for yourself, or ask again."
_DOUBTFUL: Final = "It was done as asked, but too little else was seen to tell it from a recording."


_FILLED: Final = 0.4
"""Share of the picture's width from which on a face leaves too little of the room to see how it moves. Of 18 people
those below 0.35 were judged nearly always, and those above 0.45 in half of the cases; none lay between."""
FILLED_TEXT: Final = (
    "The face fills the picture, so that too little of the room is seen to judge this: ask the person to sit back, or"
    " ask for something else."
)


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

    accuses: ClassVar[bool] = False
    """Whether a low integrity is ``broken``, or only ``unclear``. None accuses yet: who keeps the head in the picture
    while the lid tilts looks like a pasted face, and too few honest answers have been seen to tell such cases."""

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
        answered_s = None if progress.answered_s is None else progress.answered_s - prompt_s
        return self._weighed(self._integrity(prompt_s), progress.reason, answered_s, curve)

    def _weighed(self, whole: Integrity, reason: str, answered_s: float | None, curve: Curve | None) -> Outcome:
        """Return the outcome of what was done as asked."""
        quality, value = self._quality(), whole.value
        low = value is not None and value < _BROKEN_BELOW
        if low and self.accuses:
            return Outcome("broken", quality, whole.broken, True, value, answered_s, curve)
        least = _BROKEN_BELOW if self.least_integrity is None else self.least_integrity
        if (value is None and self.least_integrity is not None) or (value is not None and value < least):
            return Outcome("unclear", quality, _ODD if low else _DOUBTFUL, True, value, answered_s, curve)
        # What was done counts; that nothing could be said of how it looked makes it count less.
        counts = quality * (_UNMEASURED_QUALITY + (1 - _UNMEASURED_QUALITY) * (value or 0.0))
        return Outcome("passed", counts, reason, True, value, answered_s, curve)

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


class Nearness:
    """How much of the picture the face has taken lately."""

    def __init__(self, span_s: float) -> None:
        """Go by the median of so many seconds: who comes near for a moment still sits where they sit."""
        self._span_s = span_s
        self._shares: deque[tuple[float, float]] = deque()

    def see(self, time_s: float, face: FaceTrack | None, width: int) -> None:
        """Take in one frame, so many pixels wide."""
        if face is not None:
            self._shares.append((time_s, face.box_px.width / width))
        while self._shares and self._shares[0][0] < time_s - self._span_s:
            self._shares.popleft()

    @property
    def fills_picture(self) -> bool:
        """Whether the face leaves too little of the picture to see how the room moves."""
        return bool(self._shares) and median(share for _, share in self._shares) > _FILLED


def baseline_seen(times_s: list[float], baseline_s: float) -> bool:
    """Whether looks at these times before the prompt show how the person sits: enough of them, spread over time."""
    return len(times_s) >= 3 and times_s[-1] - times_s[0] >= _LEAST_BASELINE * baseline_s


def head_size_px(face: FaceTrack) -> float:
    """Return the root mean square radius of the mesh in all three axes: a turn or nod leaves it as it is."""
    points = face.points_px[:468]
    return float(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean() ** 0.5)
