"""Hand over face: an open hand passes slowly across the face from a side drawn at random, or is held before a half.

A mask that is laid over the face does not know hands: it tears, or shows the face through the hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from liveness.challenges.contract import ChallengeSpec, Guidance
from liveness.challenges.movement import Progress
from liveness.challenges.occlusion import BRIDGE_S, OcclusionChallenge, held
from liveness.measures.hand_cover import Cover

_WAYS = ("left", "right", "lower", "upper")
_HOLD_S = 0.6
_OUTSIDE, _ACROSS = 0.6, -0.25
"""Where a pass begins on the side asked for, and how far it must get on the other, in half faces."""
_FASTEST = 8.0
"""Half faces in a second; a hand that is to pass slowly does not go faster."""
_COVERED, _APART = 0.35, 0.12
"""Least cover of the half asked for, and how much less that of the other must be."""


class HandOverFace(OcclusionChallenge):
    """Follows the hand across the face, or before a half of it."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="hand_over_face",
        title="Hand across the face",
        page_text="In a moment you will be asked to move your open hand before your face.",
        deadline_s=9.0,
        alternative="Who cannot raise a hand can turn the head, or be asked for the changing light.",
        families=frozenset({"synthesis", "presentation", "injection"}),
        known_ways_to_beat=(
            "A face swap with a segmentation that knows hands.",
            "A driver with a hand of the same skin, and a mask switched off for the moment.",
        ),
        random_bytes=1,
        needs=frozenset({"hands"}),
    )

    def __init__(self) -> None:
        super().__init__()
        self._way = "left"

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return "left", "right", "lower" or "upper", of one byte."""
        return _WAYS[random[0] % len(_WAYS)]

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows."""
        return {"text": _asked(parameters), "picture": f"hand_{parameters}"}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return what the interviewer says."""
        text = _asked(parameters)
        return f"Please {text[0].lower()}{text[1:]}"

    def _take_parameters(self, parameters: str) -> None:
        if parameters not in _WAYS:
            raise ValueError(f"expected one of {', '.join(_WAYS)}, got {parameters!r}")
        self._way = parameters

    def _followed(self, covers: list[Cover]) -> Progress:
        return self._passed(covers) if self._way in ("left", "right") else self._held(covers)

    def _passed(self, covers: list[Cover]) -> Progress:
        """Follow the hand from outside one edge, over the face, to the other side."""
        sign = 1.0 if self._way == "left" else -1.0
        from_side: float | None = None
        began_s = last_s = last = None
        covered = 0
        for cover in covers:
            if cover.across is None:
                continue
            place = sign * cover.across
            # A hand that is elsewhere all at once is another hand, or a false one.
            jumped = last is not None and last_s is not None and abs(place - last) > _FASTEST * (cover.time_s - last_s)
            if cover.broken or last_s is None or jumped or cover.time_s - last_s > BRIDGE_S:
                from_side, began_s, covered = place, cover.time_s, 0
            last, last_s = place, cover.time_s
            covered += cover.share > 0.15
            if from_side is None or began_s is None:
                continue
            if from_side <= -_OUTSIDE and place >= -_ACROSS and covered >= 2:
                return Progress("failed", "The hand came from the other side.", "other_side")
            if from_side >= _OUTSIDE and place <= _ACROSS and covered >= 2 and cover.time_s - began_s >= 0.4:
                return Progress("done", "The hand passed across the face from the side asked for.", "good", began_s)
        return Progress("waiting", "No hand passed across the face from the side asked for.", "further")

    def _held(self, covers: list[Cover]) -> Progress:
        def before(lower: bool) -> list[bool]:
            pairs = [(c.lower, c.upper) if lower else (c.upper, c.lower) for c in covers]
            return [asked >= _COVERED and asked - other >= _APART for asked, other in pairs]

        right, wrong = before(self._way == "lower"), before(self._way != "lower")
        began_s = held(covers, right, _HOLD_S)
        wrong_s = held(covers, wrong, _HOLD_S)
        if wrong_s is not None and (began_s is None or wrong_s < began_s):
            return Progress("failed", "The hand was held before the other half of the face.", "other_side")
        if began_s is not None:
            return Progress("done", "The hand was held before the half asked for.", "good", began_s)
        guidance: Guidance = "hold" if right and right[-1] else "further"
        return Progress("waiting", "No hand was held before the half of the face that was asked for.", guidance)


def _asked(way: str) -> str:
    if way in ("left", "right"):
        return f"Pass your open hand slowly across your face, close to it, beginning at your {way}."
    part = "mouth and chin" if way == "lower" else "eyes and forehead"
    return f"Hold your open hand before your {part} for two seconds."
