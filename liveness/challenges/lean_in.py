"""Lean in: the person comes nearer, so that the face grows and the room does not; once or twice, drawn at random.

The size of the face is taken in all three axes of the mesh, so that a nod or a turn leaves it as it is, against the
person's own before the prompt. The scene beside the person is followed apart: a recording that is zoomed scales both.
Where too little of the room is seen to follow it (a face that fills the picture) the answer is ``unclear``: it could
as well be a zoomed recording.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np

from liveness.challenges.contract import ChallengeSpec, Curve, Guidance
from liveness.challenges.movement import (
    FILLED_TEXT,
    LEAST_REACTION_S,
    Integrity,
    MovementChallenge,
    Nearness,
    Progress,
    baseline_seen,
    head_size_px,
)
from liveness.frames import FaceTrack, Observation, Pixels
from liveness.measures.conditions import ramp, size_quality
from liveness.measures.scene_motion import SceneFollower, beside

_WIDTH_PX, _LEAST_PX = 160, 200
_WAYS = {"in-1": ("in", 1), "in-2": ("in", 2), "back-1": ("back", 1), "back-2": ("back", 2)}


@dataclass(frozen=True, slots=True)
class LeanSettings:
    """How far, as growth of the face (1: as at rest)."""

    near: float = 1.28
    """Beyond this the person has come near; what people are asked for is more than the 30 % it stands for."""
    far: float = 0.90
    """Below this the person has leant back."""
    back_again: float = 1.12
    """Below this the person is no longer near."""
    quiet_s: float = 1.5
    """A further time within this after the last one is one too many."""
    least_near_s: float = 0.15
    """A single frame is no lean."""
    least_rate: float = 0.4
    """Log growth of the face in a second; what is slower is noise of the mesh and says nothing of the scene."""
    least_steps: int = 3
    """Least number of pairs of frames with such a growth in which the scene could be followed."""

    least_gain: float = 1.5
    """Levels (0–255) by which the scene as it was, grown with the face, and as it was, must differ to tell them."""
    nearer: float = 1.15
    """Growth of the face from which on the scene is compared with itself before."""


class _Look(NamedTuple):
    time_s: float
    size_px: float | None
    """None while no face is seen."""
    scene_growth: float | None
    """Log growth of the scene since the frame before."""
    room: tuple[float, float] | None = None
    """How much the scene differs (mean levels) from that before the prompt, and from that grown with the face."""


class LeanIn(MovementChallenge):
    """Looks at the size of the face, and at that of the scene."""

    least_integrity: ClassVar[float | None] = 0.5

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="lean_in",
        title="Lean in",
        page_text="In a moment you will be asked to move nearer to the camera and back.",
        deadline_s=10.0,
        alternative="Who cannot lean can be asked for the changing light, or turn the head.",
        families=frozenset({"injection", "presentation", "synthesis"}),
        known_ways_to_beat=(
            "A driver who leans in before a face swap.",
            "A recording cut out from its background and scaled before another one.",
            "A photograph moved towards the camera before a real room.",
        ),
        random_bytes=1,
    )

    def __init__(self, settings: LeanSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or LeanSettings()
        self._first, self._times = "in", 1
        self._looks: list[_Look] = []
        self._scene = SceneFollower()
        self._size_quality = 0.0
        self._before: tuple[Pixels, FaceTrack] | None = None
        """The last small picture before the prompt, with the face in it."""
        self._near = Nearness(self.spec.baseline_s)

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return what comes first and how often, such as "back-2", of one byte."""
        return tuple(_WAYS)[random[0] % len(_WAYS)]

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows."""
        first, times = _WAYS[parameters]
        return {"text": _asked(first, times) + ".", "picture": f"lean_{first}", "times": times}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return what the interviewer says."""
        text = _asked(*_WAYS[parameters])
        return f"Please {text[0].lower()}{text[1:]}."

    def observe(self, observation: Observation) -> None:
        """Keep the sizes of face and scene in one frame."""
        face = observation.face
        if observation.changes & {"cut", "resolution"}:
            self._scene.forget()
        if face is not None:
            self._size_quality = size_quality(face)
        self._near.see(observation.time_s, face, observation.frame.width)
        step = self._scene.see(observation.frame.luma(), None if face is None else face.box_px)
        growth = None if step is None or step.agreement < 0.3 else step.growth
        room = None if face is None else self._room(observation.frame.luma(), face)
        self._looks.append(_Look(observation.time_s, None if face is None else head_size_px(face), growth, room))

    def _room(self, luma: Pixels, face: FaceTrack) -> tuple[float, float] | None:
        """Compare the scene with that before the prompt, as it was and grown with the face; None where neither tells.

        Corners are lost before a plain wall; its shades are not.
        """
        size = (_WIDTH_PX, max(1, round(luma.shape[0] * _WIDTH_PX / luma.shape[1])))
        small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if self.prompt_s is None:
            self._before = small, face
            return None
        if self._before is None or self._before[0].shape != small.shape:
            return None
        then, face_then = self._before
        growth = head_size_px(face) / max(head_size_px(face_then), 1e-3)
        if growth < self._settings.nearer:
            return None
        scale = _WIDTH_PX / luma.shape[1]
        here, there = (np.array(one.box_px.center, dtype=np.float32) * scale for one in (face_then, face))
        shift = there - growth * here
        matrix = np.array([[growth, 0, shift[0]], [0, growth, shift[1]]], dtype=np.float32)
        grown = cv2.warpAffine(then, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        mask = np.minimum(beside(then.shape, face_then.box_px, scale), beside(then.shape, face.box_px, scale)) > 0
        # What comes from where the person was is no scene.
        mask &= cv2.warpAffine(beside(then.shape, face_then.box_px, scale), matrix, size, borderValue=(255.0,)) > 127
        if int(mask.sum()) < _LEAST_PX:
            return None
        return _unlike(small[mask], then[mask]), _unlike(small[mask], np.asarray(grown, dtype=np.uint8)[mask])

    def _take_parameters(self, parameters: str) -> None:
        if parameters not in _WAYS:
            raise ValueError(f"expected one of {', '.join(_WAYS)}, got {parameters!r}")
        self._first, self._times = _WAYS[parameters]

    @property
    def unsuitable(self) -> str | None:
        """Tell of a face that fills the picture."""
        return FILLED_TEXT if self._near.fills_picture and self._known() else None

    def _known(self) -> bool:
        return bool(self._looks) and self._rest_px(self._looks[-1].time_s + 1e-3) is not None

    def _rest_px(self, prompt_s: float) -> float | None:
        start_s = prompt_s - 1.5 * self.spec.baseline_s
        before = [(t, size) for t, size, *_ in self._looks if start_s <= t < prompt_s and size is not None]
        if not baseline_seen([t for t, _ in before], self.spec.baseline_s):
            return None
        return float(np.median([size for _, size in before]))

    def _course(self, prompt_s: float, rest: float) -> list[tuple[float, float | None]]:
        """Return the times up to the deadline with the growth of the face."""
        start_s = prompt_s - 1.5 * self.spec.baseline_s
        looks = [look for look in self._looks if start_s <= look.time_s <= self.deadline_s]
        return [(look.time_s, None if look.size_px is None else look.size_px / rest) for look in looks]

    def _progress(self, prompt_s: float) -> Progress:
        rest = self._rest_px(prompt_s)
        if rest is None:
            return Progress(
                "unseen", "The face was not seen long enough before the prompt to compare with.", "face_lost"
            )
        course = self._course(prompt_s, rest)
        early = [size for t, size in course if t < prompt_s + LEAST_REACTION_S and size is not None]
        if early and not 0.9 < early[-1] < self._settings.back_again:
            return Progress("failed", "The person moved before the prompt could have been followed.")
        seen = [(t, size) for t, size in course if t >= prompt_s and size is not None]
        if len(seen) < 3:
            return Progress("unseen", "The face was not seen after the prompt.", "face_lost")
        return self._followed(seen)

    def _followed(self, seen: list[tuple[float, float]]) -> Progress:
        """Walk through the answer: (back,) near, away from near, as often as asked."""
        use = self._settings
        leant_back, near_from, answered_s, done = False, None, None, 0
        finished_s: float | None = None
        guidance: Guidance = "closer" if self._first == "in" else "back"
        for t, size in seen:
            if size <= use.far and near_from is None:
                if self._first == "in" and done == 0:
                    return Progress("failed", "The person leant back first and not in.", "other_side")
                if finished_s is not None:
                    return Progress("failed", "The person leant back more often than asked.")
                leant_back = True
                guidance = "closer"
            if size >= use.near:
                near_from = t if near_from is None else near_from
                guidance = "back"
                if t - near_from >= use.least_near_s:
                    if self._first == "back" and not leant_back:
                        return Progress("failed", "The person leant in first and not back.", "other_side")
                    if finished_s is not None:
                        return Progress("failed", "The person leant in more often than asked.")
                    answered_s = near_from if answered_s is None else answered_s
            if size <= use.back_again and near_from is not None:
                if t - near_from >= use.least_near_s:
                    done += 1
                    leant_back = False
                    finished_s = t if done == self._times else None
                    guidance = "good" if finished_s is not None else ("closer" if self._first == "in" else "back")
                near_from = None
        if finished_s is None:
            return Progress("waiting", "Coming nearer and back as asked was not seen in time.", guidance)
        over = seen[-1][0] - finished_s >= use.quiet_s
        return Progress("done", "The person came nearer and went back as often as asked.", "good", answered_s, over)

    def _integrity(self, prompt_s: float) -> Integrity:
        """Compare the growth of the scene with that of the face, step by step, on all ways in and out."""
        use = self._settings
        after = [look for look in self._looks if prompt_s <= look.time_s <= self.deadline_s]
        pairs: list[tuple[float, float]] = []
        for before, look in itertools.pairwise(after):
            if before.size_px is None or look.size_px is None or look.scene_growth is None:
                continue
            step = float(np.log(look.size_px / before.size_px))
            if abs(step) >= use.least_rate * (look.time_s - before.time_s):
                pairs.append((step, look.scene_growth))
        words = "The room grew with the face, as in a picture that is zoomed and not approached."
        if len(pairs) < use.least_steps:
            return Integrity(self._stayed(after), words)
        # The slope of a line through nothing: large steps, which are measured best, count most.
        share = sum(step * scene for step, scene in pairs) / sum(step**2 for step, _ in pairs)
        return Integrity(ramp(share, 0.7, 0.3), words)

    def _stayed(self, after: list[_Look]) -> float | None:
        """Judge by the shades of the room whether it stayed (1) or grew with the face (0)."""
        rooms = [look.room for look in after if look.room is not None]
        if not rooms:
            return None
        still, grown = (float(np.median(values)) for values in zip(*rooms, strict=True))
        # A few looks tell as well as many where the difference is large.
        if abs(grown - still) * min(1.0, len(rooms) / (2 * self._settings.least_steps)) < self._settings.least_gain:
            return None
        return ramp(still / max(still + grown, 1e-3), 0.6, 0.4)

    def _quality(self) -> float:
        return 0.5 + 0.5 * self._size_quality

    def _curve(self, prompt_s: float) -> Curve | None:
        rest = self._rest_px(prompt_s)
        if rest is None:
            return None
        course = self._course(prompt_s, rest)
        return Curve(
            title="Size of the face against that before",
            unit="×",
            times_s=tuple(t - prompt_s for t, _ in course),
            values=tuple(size for _, size in course),
            asked=tuple(self._settings.near if t >= prompt_s else None for t, _ in course),
        )


def _unlike(one: Pixels, other: Pixels) -> float:
    """Return the mean difference of two pictures of a scene (0–255), whose brightness may have changed."""
    change = one.astype(np.float32) - other
    return float(np.abs(change - np.median(change)).mean())


def _asked(first: str, times: int) -> str:
    once = "Lean in towards the camera, then sit as before"
    if first == "back":
        once = "Lean back, then lean in towards the camera, then sit as before"
    return once + (", twice" if times == 2 else "")
