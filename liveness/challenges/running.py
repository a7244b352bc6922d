"""The one challenge of a session that is prepared or runs; pure, like all below the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from liveness.challenges.contract import Challenge, Guidance, Mode, Need, Outcome
from liveness.frames import Observation

_FAILED = "The challenge could not be judged, by an error of the software; nothing follows from it."


@dataclass(frozen=True, slots=True)
class ChallengeNews:
    """Something that a challenge has to say: help for the candidate, or what came of it."""

    id: str
    challenge: str
    time_s: float
    guidance: Guidance | None = None
    outcome: Outcome | None = None
    """If set, the challenge is over."""
    parameters: str = ""
    error: str = ""
    """What went wrong, if the outcome is owed to an error."""


class Running:
    """Holds the challenge and asks it at the right times."""

    def __init__(self, classes: Mapping[str, type[Challenge]]) -> None:
        self._classes = classes
        self._challenge: Challenge | None = None
        self._id = ""
        self._told: Guidance | None = None

    @property
    def needs(self) -> frozenset[Need]:
        """What is needed of every frame now."""
        return frozenset() if self._challenge is None else self._challenge.spec.needs

    @property
    def active(self) -> bool:
        """Whether one is prepared or runs."""
        return self._challenge is not None

    def prepare(self, challenge_id: str, name: str) -> None:
        """Make the challenge, so that it sees the person before the prompt; an older one is dropped.

        Raises
        ------
        ValueError
            There is no such challenge.
        """
        if name not in self._classes:
            raise ValueError(f"no such challenge: {name!r}; there are {', '.join(self._classes)}")
        self._challenge, self._id, self._told = self._classes[name](), challenge_id, None

    def begin(self, challenge_id: str, prompt_s: float, parameters: str, mode: Mode) -> None:
        """Begin it.

        Raises
        ------
        ValueError
            Another one, or none, is prepared, or it has begun, or the parameters are none of its own.
        """
        if self._challenge is None or challenge_id != self._id:
            raise ValueError(f"challenge {challenge_id!r} is not prepared")
        self._challenge.begin(prompt_s, parameters, mode)

    def stop(self, challenge_id: str) -> None:
        """Drop it without an outcome, if it is this one."""
        if challenge_id == self._id:
            self._forget()

    def observe(self, observation: Observation) -> list[ChallengeNews]:
        """Show it a frame; returns what it has to say."""
        challenge = self._challenge
        if challenge is None:
            return []
        news = []
        try:
            challenge.observe(observation)
            guidance = challenge.guidance if challenge.prompt_s is not None else None
        except Exception as error:
            return [self._over(observation.time_s, _failed(), error)]
        if guidance is not None and guidance != self._told:
            self._told = guidance
            news.append(ChallengeNews(self._id, challenge.spec.name, observation.time_s, guidance=guidance))
        return news + self.pass_time(observation.time_s)

    def pass_time(self, time_s: float, *, end: bool = False) -> list[ChallengeNews]:
        """Ask for the outcome if it is settled, its time is over, or (``end``) nothing will come any more."""
        challenge = self._challenge
        if challenge is None:
            return []
        if challenge.prompt_s is None:
            if end:
                self._forget()
            return []
        try:
            if not (end or challenge.settled or time_s > challenge.deadline_s):
                return []
            return [self._over(time_s, challenge.outcome())]
        except Exception as error:
            return [self._over(time_s, _failed(), error)]

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state for :meth:`restore`."""
        challenge = self._challenge
        return {
            "id": self._id,
            "told": self._told,
            "name": challenge.spec.name if challenge else None,
            "challenge": challenge.snapshot() if challenge else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        if state["name"] in self._classes:
            self.prepare(state["id"], state["name"])
            assert self._challenge is not None
            self._challenge.restore(state["challenge"])
            self._told = state["told"]

    def _over(self, time_s: float, outcome: Outcome, error: Exception | None = None) -> ChallengeNews:
        challenge = self._challenge
        assert challenge is not None
        text = f"{type(error).__name__}: {error}" if error else ""
        news = ChallengeNews(
            self._id, challenge.spec.name, time_s, outcome=outcome, parameters=challenge.parameters or "", error=text
        )
        self._forget()
        return news

    def _forget(self) -> None:
        self._challenge, self._id, self._told = None, "", None


def _failed() -> Outcome:
    return Outcome("unclear", 0.0, _FAILED, None, None)


EventAction = Literal["prepare", "begin", "stop"]
