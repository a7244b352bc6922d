"""The Challenge contract. Randomness and the prompt's media time are handed in; nothing here knows a clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from liveness.frames import Observation
from liveness.verdict import Evidence, Family


@dataclass(frozen=True, slots=True)
class ChallengeSpec:
    """What people and the planner know of a challenge without running it."""

    name: str
    page_text: str
    spoken_text: str
    """The sentence that the interviewer reads aloud."""
    deadline_s: float
    """Media time after the prompt until which an answer counts."""
    alternative: str
    """What is offered to who cannot do it."""
    families: frozenset[Family]
    known_ways_to_beat: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one challenge. None means that it could not be judged, which speaks against nobody."""

    compliance: bool | None
    """Whether what was asked was done in time."""
    integrity: float | None
    """0 (the answer fits a fake) to 1 (it fits a live person)."""
    reason: str
    evidence: Mapping[Family, Evidence] = field(default_factory=dict)


class Challenge:
    """One challenge, once: begun at one prompt, observed, and asked for its outcome a single time."""

    spec: ClassVar[ChallengeSpec]

    def __init__(self) -> None:
        self._prompt_s: float | None = None
        self._spent = False

    def begin(self, prompt_s: float) -> None:
        """Show the prompt at this media time; what was observed before is only the person's baseline."""
        if self._prompt_s is not None:
            raise ValueError("this challenge has begun already: draw a new one for another attempt")
        self._prompt_s = prompt_s

    def observe(self, observation: Observation) -> None:
        """See an analysed frame, before the prompt (baseline) or after it (answer)."""
        raise NotImplementedError

    def outcome(self) -> Outcome:
        """Return the outcome; a second call is refused, as is one before the prompt."""
        if self._prompt_s is None:
            raise ValueError("this challenge has not begun: call begin with the prompt's media time first")
        if self._spent:
            raise ValueError("this challenge is spent: draw a new one for another attempt")
        self._spent = True
        return self._judge(self._prompt_s)

    def _judge(self, prompt_s: float) -> Outcome:
        raise NotImplementedError
