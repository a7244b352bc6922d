"""The one challenge of a session that is prepared or runs; pure, like all below the engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from liveness.challenges.contract import Challenge, Guidance, Mode, Need, Outcome
from liveness.frames import Floats, Observation, Pixels
from liveness.measures.scene_motion import beside

_SMALL_PX = (80, 60)
_LEAST_SCENE, _SAME_LEVELS = 0.02, 8.0
"""Least share of the picture that must be scene, and its mean change (0–255), below which it is the same room."""
_SHIFTS = [(right, down) for right in range(-12, 13) for down in range(-9, 10)]
"""How far a camera may turn between two frames, in samples of the small picture: a seventh of it."""
_LEAST_LEFT = 0.6
"""Least share of the scene that must still be seen then."""
_SAME_PATTERN = 0.95
"""Least correlation of a scene with itself when the camera has turned; none of 930 cuts between two people's rooms was
excused by it that is not without it."""
_UNCOVERED = 0.4
"""Least share of the room that a hand leaves in view."""
_TORN_TEXT = "The picture was cut, or changed its size, in the middle of it; ask again."
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
        self._torn_s = -math.inf
        self._hand = False
        """Whether a hand was in the last picture."""
        self._scene: tuple[Pixels, Pixels] | None = None
        """The last picture, small, and where the person is not in it."""
        self._void = ""
        self._asked_already = False

    @property
    def needs(self) -> frozenset[Need]:
        """What is needed of every frame now."""
        return frozenset() if self._challenge is None else self._challenge.spec.needs

    @property
    def active(self) -> bool:
        """Whether one is prepared or runs."""
        return self._challenge is not None

    def prepare(self, challenge_id: str, name: str, *, asked_already: bool = False) -> None:
        """Make the challenge, so that it sees the person before the prompt; an older one is dropped.

        Parameters
        ----------
        asked_already
            It was asked for, as in a recording, so that it is judged even where it had better not been asked.

        Raises
        ------
        ValueError
            There is no such challenge.
        """
        if name not in self._classes:
            raise ValueError(f"no such challenge: {name!r}; there are {', '.join(self._classes)}")
        self._forget()
        self._challenge, self._id = self._classes[name](), challenge_id
        self._asked_already = asked_already

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

    def void(self, challenge_id: str, reason: str) -> None:
        """Let nothing follow from how it is answered, whose sentence is ``reason``."""
        if challenge_id == self._id:
            self._void = self._void or reason

    def stop(self, challenge_id: str) -> None:
        """Drop it without an outcome, if it is this one."""
        if challenge_id == self._id:
            self._forget()

    def observe(self, observation: Observation) -> list[ChallengeNews]:
        """Show it a frame; returns what it has to say."""
        challenge = self._challenge
        if challenge is None:
            return []
        if self._tears(observation):
            self._torn_s = observation.time_s
        news = []
        try:
            challenge.observe(observation)
            if challenge.prompt_s is None and not self._asked_already and (why := challenge.unsuitable) is not None:
                return [self._over(observation.time_s, Outcome("unclear", 0.0, why, None, None, asked=False))]
            guidance = challenge.guidance if challenge.prompt_s is not None else None
        except Exception as error:
            return [self._over(observation.time_s, _failed(), error)]
        if guidance is not None and guidance != self._told:
            self._told = guidance
            news.append(ChallengeNews(self._id, challenge.spec.name, observation.time_s, guidance=guidance))
        return news + self.pass_time(observation.time_s)

    def _tears(self, observation: Observation) -> bool:
        """Whether the picture is another one from here on.

        A hand, or a face, that comes close to the camera fast looks like a cut; but the room stays. Where a hand hides
        the room, there is nothing that could tell.
        """
        before, self._hand = self._hand, bool(observation.hands)
        hand = before and self._hand
        moves = self._challenge is not None and self._challenge.spec.moves_camera
        scene, self._scene = self._scene, _small(observation)
        if "resolution" in observation.changes:
            return True
        return "cut" in observation.changes and not _same_room(scene, self._scene, hand=hand, moves=moves)

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
            return [self._over(time_s, self._sound(challenge, challenge.outcome()))]
        except Exception as error:
            return [self._over(time_s, _failed(), error)]

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state for :meth:`restore`."""
        challenge = self._challenge
        return {
            "id": self._id,
            "told": self._told,
            "torn_s": self._torn_s,
            "hand": self._hand,
            "scene": self._scene,
            "void": self._void,
            "asked_already": self._asked_already,
            "name": challenge.spec.name if challenge else None,
            "challenge": challenge.snapshot() if challenge else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        if state["name"] in self._classes:
            self.prepare(state["id"], state["name"], asked_already=state["asked_already"])
            assert self._challenge is not None
            self._challenge.restore(state["challenge"])
            self._told, self._torn_s, self._void = state["told"], state["torn_s"], state["void"]
            self._hand, self._scene = state["hand"], state["scene"]

    def _sound(self, challenge: Challenge, outcome: Outcome) -> Outcome:
        """Return the outcome, or that nothing follows: the picture was torn, or its time was not the server's."""
        assert challenge.prompt_s is not None
        torn = self._torn_s > challenge.prompt_s - challenge.spec.baseline_s
        if outcome.result not in ("passed", "broken") or not (torn or self._void):
            return outcome
        return Outcome("unclear", 0.0, self._void or _TORN_TEXT, None, None, None, outcome.curve)

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
        self._torn_s, self._void, self._asked_already = -math.inf, "", False
        self._hand, self._scene = False, None


def _small(observation: Observation) -> tuple[Pixels, Pixels]:
    """Return the (60, 80) luma of a picture, and 255 where the scene is beside the person."""
    luma, face = observation.frame.luma(), observation.face
    small = np.asarray(cv2.resize(luma, _SMALL_PX, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    box = None if face is None else face.box_px
    mask = beside(luma.shape, box, 1.0)
    return small, np.asarray(cv2.resize(mask, _SMALL_PX, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _same_room(
    before: tuple[Pixels, Pixels] | None, after: tuple[Pixels, Pixels], *, hand: bool, moves: bool = False
) -> bool:
    """Whether what is beside the person stayed as it was, but for its brightness; a hand may hide some or all of it.

    Where the camera ``moves``, it may also have gone aside as a whole.
    """
    if before is None:
        return False
    if _stayed(*_overlapping(before, after, 0, 0), hand=hand):
        return True
    if not moves:
        return False
    # Between two samples lies half of the detail that a room has; smoothed, it may lie anywhere.
    soft_before, soft_after = ((np.asarray(cv2.blur(one, (3, 3)), np.uint8), mask) for one, mask in (before, after))
    least = _LEAST_LEFT * float((before[1] > 0).sum())
    pairs = (_overlapping(soft_before, soft_after, *way) for way in _SHIFTS)
    return any(one.size >= least and _stayed(one, other, hand=False) and _alike(one, other) for one, other in pairs)


def _alike(one: Floats, other: Floats) -> bool:
    """Whether two views of a scene have the same pattern: of many shifts one makes two plain walls the same."""
    a, b = one - one.mean(), other - other.mean()
    return float(a @ b) >= _SAME_PATTERN * float(np.sqrt((a @ a) * (b @ b)) + 1e-6)


def _overlapping(
    before: tuple[Pixels, Pixels], after: tuple[Pixels, Pixels], right: int, down: int
) -> tuple[Floats, Floats]:
    """Return the samples of the scene that both have if the second shows it so many samples further right and down."""
    rows, columns = before[0].shape
    here = slice(max(0, -down), rows - max(0, down)), slice(max(0, -right), columns - max(0, right))
    there = slice(max(0, down), rows - max(0, -down)), slice(max(0, right), columns - max(0, -right))
    scene = np.minimum(before[1][here], after[1][there]) > 0
    return before[0][here][scene].astype(np.float32), after[0][there][scene].astype(np.float32)


def _stayed(before: Floats, after: Floats, *, hand: bool) -> bool:
    if before.size < _LEAST_SCENE * _SMALL_PX[0] * _SMALL_PX[1]:
        return hand
    change = after - before
    apart = np.abs(change - np.median(change))
    # Of a room that a hand covers in part, the rest stays exactly as it was.
    return float(np.quantile(apart, _UNCOVERED) if hand else apart.mean()) < _SAME_LEVELS


def _failed() -> Outcome:
    return Outcome("unclear", 0.0, _FAILED, None, None)
