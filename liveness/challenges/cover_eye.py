"""Cover an eye: the flat hand is held before one eye, drawn at random; the other stays free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from liveness.challenges.contract import ChallengeSpec, Guidance
from liveness.challenges.movement import Progress
from liveness.challenges.occlusion import OcclusionChallenge, held
from liveness.measures.hand_cover import Cover

_HOLD_S = 0.6
_COVERED, _FREE, _APART = 0.5, 0.65, 0.3
"""Least cover of the eye asked for, most of the other one, and least difference."""


class CoverEye(OcclusionChallenge):
    """Looks which eye a hand covers."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="cover_eye",
        title="Cover one eye",
        page_text="In a moment you will be asked to cover one eye with your flat hand.",
        deadline_s=8.0,
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
        self._eye = "left"

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return "left" or "right", of one byte."""
        return "left" if random[0] & 1 else "right"

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows."""
        text = f"Cover your {parameters} eye with your flat hand for two seconds. Keep the other eye free."
        return {"text": text, "picture": f"eye_{parameters}"}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return what the interviewer says."""
        return f"Please cover your {parameters} eye with your flat hand for two seconds, and keep the other one free."

    def _take_parameters(self, parameters: str) -> None:
        if parameters not in ("left", "right"):
            raise ValueError(f"expected the eye, left or right, got {parameters!r}")
        self._eye = parameters

    def _followed(self, covers: list[Cover]) -> Progress:
        def covering(left: bool) -> list[bool]:
            pairs = [(c.left_eye, c.right_eye) if left else (c.right_eye, c.left_eye) for c in covers]
            return [asked >= _COVERED and other <= _FREE and asked - other >= _APART for asked, other in pairs]

        right, wrong = covering(self._eye == "left"), covering(self._eye != "left")
        began_s, wrong_s = held(covers, right, _HOLD_S), held(covers, wrong, _HOLD_S)
        if wrong_s is not None and (began_s is None or wrong_s < began_s):
            return Progress("failed", "The other eye was covered.", "other_side")
        if began_s is not None:
            return Progress("done", "The eye that was asked for was covered after the prompt.", "good", began_s)
        guidance: Guidance = "hold" if right and right[-1] else "further"
        return Progress("waiting", "The eye that was asked for was not covered in time.", guidance)
