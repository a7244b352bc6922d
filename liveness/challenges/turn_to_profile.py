"""Turn to profile: the head turns to a side drawn at random, and holds, after the prompt.

Judged against the person's own yaw before the prompt. The mesh loses a face near profile: a loss after the right
turn counts as part of the hold. Integrity is not measured yet, only compliance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from liveness.challenges.contract import Challenge, ChallengeSpec, Outcome
from liveness.frames import Observation

Side = Literal["left", "right"]
"""As the candidate sees it; the candidate's left is the picture's right."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How far, how long, how soon."""

    turned_deg: float = 40.0
    hold_s: float = 1.0
    least_reaction_s: float = 0.2
    """A turn that begins sooner than this was not an answer."""
    baseline_s: float = 2.0
    gap_s: float = 0.5
    """A longer stretch without any frame ends a hold."""


class TurnToProfile(Challenge):
    """Looks at the course of yaw after the prompt."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="turn_to_profile",
        page_text="Turn your head to the side shown and hold it there.",
        spoken_text="Please turn your head to the side I name and hold it there.",
        deadline_s=8.0,
        alternative="Light code, or a question by the interviewer.",
        families=frozenset({"injection", "synthesis", "presentation"}),
        known_ways_to_beat=("A driver who turns before a swap that bears profiles.", "Choosing a recording live."),
    )

    def __init__(self, side: Side, settings: TurnSettings | None = None) -> None:
        super().__init__()
        self._side = side
        self._settings = settings or TurnSettings()
        self._course: list[tuple[float, float | None, bool]] = []

    def observe(self, observation: Observation) -> None:
        """Keep the yaw of one frame, or that no face was seen."""
        yaw = None if observation.face is None else observation.face.pose_deg[0]
        self._course.append((observation.time_s, yaw, bool(observation.changes & {"gap", "cut"})))

    def _judge(self, prompt_s: float) -> Outcome:
        use = self._settings
        before = [yaw for t, yaw, _ in self._course if prompt_s - use.baseline_s <= t < prompt_s and yaw is not None]
        if len(before) < 5:
            return Outcome(None, None, "The face was not seen long enough before the prompt to compare with.")
        rest = float(np.median(before))
        sign = 1.0 if self._side == "left" else -1.0
        if abs(before[-1] - rest) > use.turned_deg / 2 or abs(rest) > use.turned_deg / 2:
            return Outcome(False, None, "The head was turned already before the prompt.")
        return self._answer(prompt_s, rest, sign)

    def _answer(self, prompt_s: float, rest: float, sign: float) -> Outcome:
        use = self._settings
        held_from: float | None = None
        last_s, seen, first = prompt_s, 0, True
        for t, yaw, broken in self._course:
            if not prompt_s <= t <= prompt_s + self.spec.deadline_s:
                continue
            if broken or t - last_s > use.gap_s:
                held_from = None
            last_s = t
            if yaw is None:
                if held_from is not None and t - held_from >= use.hold_s:
                    return self._done()
                continue
            seen += 1
            turned = sign * (yaw - rest)
            if turned <= -use.turned_deg:
                return Outcome(False, None, "The head turned to the other side.")
            if turned < use.turned_deg:
                held_from = None
                continue
            if first and t - prompt_s < use.least_reaction_s:
                return Outcome(False, None, "The turn came too soon after the prompt to be an answer to it.")
            first = False
            held_from = t if held_from is None else held_from
            if t - held_from >= use.hold_s:
                return self._done()
        if seen < 5:
            return Outcome(None, None, "The face was not seen after the prompt.")
        return Outcome(False, None, "No turn to the side asked for was held in time.")

    @staticmethod
    def _done() -> Outcome:
        return Outcome(True, None, "The head turned to the side asked for after the prompt, and was held there.")
