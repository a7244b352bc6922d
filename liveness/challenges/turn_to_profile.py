"""Turn to profile: the head turns to a side drawn at random, and holds, after the prompt.

Judged against the person's own yaw before the prompt. The mesh loses a face near profile: a loss after the right
turn counts as part of the hold; a face that is lost without having been seen turning does not. Integrity is not
measured yet, only compliance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, cast

import numpy as np

from liveness.challenges.contract import Challenge, ChallengeSpec, Curve, Guidance, Outcome
from liveness.frames import Observation

Side = Literal["left", "right"]
"""As the candidate sees it; the candidate's left is the picture's right."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How far, how long, how soon."""

    turned_deg: float = 45.0
    """Yaw beyond that of rest which counts as turned; the mesh tells less than the head does near profile."""
    lost_from_deg: float = 32.0
    """A face that is lost while turned further than this was on its way."""
    away_deg: float = 12.0
    """Further than this from rest the head has begun to turn."""
    hold_s: float = 1.0
    least_reaction_s: float = 0.2
    """A turn that begins sooner than this was not an answer."""
    gap_s: float = 0.5
    """A longer stretch without any frame ends a hold."""
    least_seen: int = 5
    """Fewer frames with a face than this say nothing of how the person sits."""


class _Look(NamedTuple):
    time_s: float
    yaw_deg: float | None
    """None while no face is seen."""
    broken: bool


class _Turn(NamedTuple):
    """How far the answer has come."""

    complied: bool | None
    reason: str
    guidance: Guidance | None
    answered_s: float | None = None
    """Media time at which the hold began."""


class TurnToProfile(Challenge):
    """Looks at the course of yaw after the prompt."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="turn_to_profile",
        title="Turn to profile",
        page_text="In a moment you will be asked to turn your head to one side and to hold it there.",
        deadline_s=8.0,
        alternative="Who cannot turn the head can take the light code, or pass a hand across the face.",
        families=frozenset({"injection", "synthesis", "presentation"}),
        known_ways_to_beat=(
            "A driver who turns before a face swap that has been trained on profiles.",
            "Recordings of both sides, one of which is chosen after the prompt.",
        ),
        random_bytes=1,
    )

    def __init__(self, settings: TurnSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or TurnSettings()
        self._side: Side = "left"
        self._looks: list[_Look] = []

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return "left" or "right", of one byte."""
        return "left" if random[0] & 1 else "right"

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows."""
        text = f"Turn your head to your {parameters} as far as you can, hold it there, then look at the camera again."
        return {"text": text, "picture": f"turn_{parameters}"}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return what the interviewer says."""
        return f"Please turn your head to your {parameters} as far as you can, hold it for two seconds, and come back."

    def observe(self, observation: Observation) -> None:
        """Keep the yaw of one frame, or that no face was seen."""
        yaw = None if observation.face is None else observation.face.pose_deg[0]
        self._looks.append(_Look(observation.time_s, yaw, bool(observation.changes & {"gap", "cut"})))

    @property
    def settled(self) -> bool:
        """Whether the turn was held, or was none that could still become right."""
        return self.prompt_s is not None and self._turn(self.prompt_s).complied is not None

    @property
    def guidance(self) -> Guidance | None:
        """How the turn goes."""
        if self.prompt_s is None:
            return "ready" if self._rest_deg(np.inf) is not None else None
        return self._turn(self.prompt_s).guidance

    def _take_parameters(self, parameters: str) -> None:
        if parameters not in ("left", "right"):
            raise ValueError(f"expected the side, left or right, got {parameters!r}")
        self._side = cast(Side, parameters)

    def _rest_deg(self, prompt_s: float) -> float | None:
        """Return the median yaw of the person's baseline, or None if it was not seen."""
        start_s = min(prompt_s, self._looks[-1].time_s if self._looks else 0.0) - 2 * self.spec.baseline_s
        before = [yaw for t, yaw, _ in self._looks if start_s <= t < prompt_s and yaw is not None]
        return float(np.median(before)) if len(before) >= self._settings.least_seen else None

    def _judge(self, prompt_s: float) -> Outcome:
        turn = self._turn(prompt_s)
        curve = self._curve(prompt_s)
        if turn.complied:
            answered_s = None if turn.answered_s is None else turn.answered_s - prompt_s
            return Outcome("passed", 0.5, turn.reason, True, None, answered_s, curve)
        after = [look for look in self._looks if prompt_s <= look.time_s <= self.deadline_s]
        seen = sum(look.yaw_deg is not None for look in after)
        if self._rest_deg(prompt_s) is None or seen < self._settings.least_seen:
            return Outcome("unclear", 0.0, turn.reason, None, None, None, curve)
        return Outcome("not_done", 1.0, turn.reason, False, None, None, curve)

    def _turn(self, prompt_s: float) -> _Turn:
        """Follow the yaw from the prompt on."""
        use, rest = self._settings, self._rest_deg(prompt_s)
        if rest is None:
            return _Turn(None, "The face was not seen long enough before the prompt to compare with.", "face_lost")
        sign = 1.0 if self._side == "left" else -1.0
        began_s = held_from = None
        last_s, last_deg, seen = prompt_s, 0.0, 0
        guidance: Guidance | None = None
        for t, yaw, broken in self._looks:
            if t < prompt_s:
                last_deg = last_deg if yaw is None else sign * (yaw - rest)
                continue
            if t > self.deadline_s:
                break
            if began_s is None and abs(last_deg) > use.away_deg:
                if t - prompt_s < use.least_reaction_s:
                    return _Turn(False, "The head turned before the prompt could have been followed.", None)
                began_s = t
            if broken or t - last_s > use.gap_s:
                held_from = None
            last_s = t
            if yaw is None:
                on_its_way = last_deg >= use.lost_from_deg
                held_from = (t if held_from is None else held_from) if on_its_way else None
                guidance = "hold" if on_its_way else "face_lost"
            else:
                seen += 1
                last_deg = sign * (yaw - rest)
                if last_deg <= -use.turned_deg:
                    return _Turn(False, "The head turned to the other side.", "other_side")
                held = last_deg >= use.turned_deg
                held_from = (t if held_from is None else held_from) if held else None
                guidance = self._heard(last_deg, held)
            if held_from is not None and t - held_from >= use.hold_s:
                return _Turn(True, "The head turned to the side asked for and was held there.", "good", held_from)
        if seen < use.least_seen:
            return _Turn(None, "The face was not seen after the prompt.", guidance)
        return _Turn(None, "No turn to the side asked for was held in time.", guidance)

    def _heard(self, turned_deg: float, held: bool) -> Guidance:
        if held:
            return "hold"
        return "other_side" if turned_deg < -self._settings.away_deg else "further"

    def _curve(self, prompt_s: float) -> Curve | None:
        rest = self._rest_deg(prompt_s)
        if rest is None:
            return None
        sign = 1.0 if self._side == "left" else -1.0
        shown = [look for look in self._looks if prompt_s - 2 * self.spec.baseline_s <= look.time_s <= self.deadline_s]
        return Curve(
            title="Turn of the head to the side asked for",
            unit="°",
            times_s=tuple(look.time_s - prompt_s for look in shown),
            values=tuple(None if look.yaw_deg is None else sign * (look.yaw_deg - rest) for look in shown),
            asked=tuple(self._settings.turned_deg if look.time_s >= prompt_s else None for look in shown),
        )
