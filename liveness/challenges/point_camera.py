"""Point the camera: the person tilts the lid or moves the camera by hand, and everything in the picture moves as one.

The scene beside the person is followed (see :mod:`liveness.measures.scene_motion`); it must move the way asked for,
and the face with it. A face pasted into the picture of another camera stays where it was, or comes after.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from liveness.challenges.contract import ChallengeSpec, Curve, Guidance
from liveness.challenges.movement import (
    FILLED_TEXT,
    LEAST_REACTION_S,
    Integrity,
    MovementChallenge,
    Nearness,
    Progress,
)
from liveness.frames import Observation
from liveness.measures.conditions import ramp
from liveness.measures.scene_motion import SceneFollower

# Where the picture's contents go, x to the right and y down: a camera that looks up sees things sink. The
# candidate's left is the picture's right; a camera that turns there sees things go to the left.
_WAYS: Mapping[str, tuple[float, float]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, 1.0),
    "down": (0.0, -1.0),
}
_WORDS = {
    "left": "turn the camera (or the whole screen) a little to your left",
    "right": "turn the camera (or the whole screen) a little to your right",
    "up": "tilt the camera (or the lid of the laptop) so that it looks a little further up",
    "down": "tilt the camera (or the lid of the laptop) so that it looks a little further down",
}

_PLAIN = "There is too little to see behind the person to follow the camera: ask for something else."


@dataclass(frozen=True, slots=True)
class PointSettings:
    """How far, in picture widths."""

    moved: float = 0.06
    settles_s: float = 1.2
    """Time from there on in which the movement goes on; the farther, the surer it is whether the face went along."""
    still: float = 0.02
    """Less than this is no movement yet."""
    aside: float = 0.8
    """Most that the scene may move aside, as a share of the way asked for."""
    least_agreement: float = 0.3
    least_known: float = 0.5
    """Least share of the steps in which the scene could be followed."""
    face_went: float = 0.03
    """Root of the summed squares of a face's steps the way asked for, in picture widths, from which on it went."""


class _Look(NamedTuple):
    time_s: float
    shift: tuple[float, float] | None
    """Of the scene since the frame before, in picture widths; None if it could not be followed."""
    face: tuple[float, float] | None
    """Middle of the face, in picture widths."""


class PointCamera(MovementChallenge):
    """Adds up how the scene moves after the prompt."""

    least_integrity: ClassVar[float | None] = 0.5

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="point_camera",
        title="Move the camera",
        page_text="In a moment you will be asked to move your camera, or the lid of your laptop, a little by hand.",
        deadline_s=10.0,
        alternative="Whose camera cannot be moved can be asked for the changing light, or turn the head.",
        families=frozenset({"injection", "presentation", "synthesis"}),
        known_ways_to_beat=(
            "A face swap over the picture of a real camera, which moves with it.",
            "A recording shifted as a whole after the prompt, with something to show at its edge.",
        ),
        random_bytes=1,
        moves_camera=True,
    )

    def __init__(self, settings: PointSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or PointSettings()
        self._way = _WAYS["up"]
        self._looks: list[_Look] = []
        self._scene = SceneFollower()
        self._near = Nearness(self.spec.baseline_s)

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return "left", "right", "up" or "down", of one byte."""
        return tuple(_WAYS)[random[0] % len(_WAYS)]

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows."""
        words = _WORDS[parameters]
        return {"text": f"{words[0].upper()}{words[1:]}, and leave it there.", "picture": f"camera_{parameters}"}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return what the interviewer says."""
        return f"Please {_WORDS[parameters]}, and leave it there for a moment."

    def observe(self, observation: Observation) -> None:
        """Keep the motion of scene and face in one frame."""
        face, frame = observation.face, observation.frame
        if observation.changes & {"resolution"}:
            self._scene.forget()
        step = self._scene.see(frame.luma(), None if face is None else face.box_px)
        shift = None if step is None or step.agreement < self._settings.least_agreement else step.shift
        middle = None if face is None else (face.box_px.center[0] / frame.width, face.box_px.center[1] / frame.width)
        self._looks.append(_Look(observation.time_s, shift, middle))
        self._near.see(observation.time_s, face, frame.width)

    def _take_parameters(self, parameters: str) -> None:
        if parameters not in _WAYS:
            raise ValueError(f"expected one of {', '.join(_WAYS)}, got {parameters!r}")
        self._way = _WAYS[parameters]

    @property
    def unsuitable(self) -> str | None:
        """Tell of a face that fills the picture, and of a room in which nothing can be followed."""
        if not self._known():
            return None
        if self._near.fills_picture:
            return FILLED_TEXT
        seen = [look.shift is not None for look in self._looks[1:]]
        return _PLAIN if sum(seen) < self._settings.least_known * len(seen) else None

    def _known(self) -> bool:
        return bool(self._looks) and self._looks[-1].time_s - self._looks[0].time_s >= self.spec.baseline_s / 2

    def _course(self, start_s: float) -> list[tuple[float, float, float]]:
        """Return (time_s, along, aside): how far the scene has moved since ``start_s``, in picture widths."""
        along = aside = 0.0
        course = []
        for t, shift, _ in self._looks:
            if not start_s <= t <= self.deadline_s:
                continue
            if shift is not None:
                along += shift[0] * self._way[0] + shift[1] * self._way[1]
                aside += shift[0] * self._way[1] - shift[1] * self._way[0]
            course.append((t, along, aside))
        return course

    def _progress(self, prompt_s: float) -> Progress:
        use = self._settings
        after = [look for look in self._looks if prompt_s <= look.time_s <= self.deadline_s]
        early = [along for t, along, _ in self._course(prompt_s - 0.6) if t < prompt_s + LEAST_REACTION_S]
        if early and float(np.ptp(early)) > 1.5 * use.still:
            return Progress("failed", "The camera moved before the prompt could have been followed.")
        guidance: Guidance = "further"
        done_s: float | None = None
        for t, along, aside in self._course(prompt_s):
            if done_s is not None:
                continue
            if along <= -use.moved or abs(aside) >= max(use.moved, use.aside * abs(along)):
                return Progress("failed", "The camera moved another way than asked.", "other_side")
            if along >= use.moved:
                done_s = t
            guidance = "other_side" if along < -use.still else "further"
        if done_s is not None:
            over = after[-1].time_s - done_s >= use.settles_s
            return Progress("done", "The picture moved as a whole, the way that was asked for.", "good", done_s, over)
        if len(after) < 3 or self._followed(after) < use.least_known:
            return Progress("unseen", "There was too little to see behind the person to follow the camera.", "further")
        return Progress("waiting", "The camera was not moved in time.", guidance)

    def _followed(self, after: list[_Look]) -> float:
        """Return the share of steps in which the scene could be followed: of all, or of those that matter if less.

        Before a plain wall the scene is lost just while it moves; that the face moved then is all that is seen.
        """
        known = np.array([look.shift is not None for look in after])
        gone = np.zeros(len(after))
        for index, (before, look) in enumerate(itertools.pairwise(after), start=1):
            if before.face is not None and look.face is not None:
                gone[index] = max(0.0, self._along(look.face) - self._along(before.face)) ** 2
        share = float(known.mean())
        if float(gone.sum()) < self._settings.face_went**2:
            return share
        return min(share, float(gone @ known) / float(gone.sum()))

    def _along(self, place: tuple[float, float]) -> float:
        return place[0] * self._way[0] + place[1] * self._way[1]

    def _integrity(self, prompt_s: float) -> Integrity:
        """Compare how far the face went with the scene."""
        course = self._course(prompt_s)
        moved = next((index for index, (_, along, _) in enumerate(course) if along >= self._settings.moved), None)
        after = [look for look in self._looks if prompt_s <= look.time_s <= self.deadline_s]
        if moved is None:
            return Integrity(None, "")
        begun = max((index for index in range(moved) if course[index][1] < self._settings.still), default=0)
        until_s = course[moved][0] + self._settings.settles_s
        places = [
            (along, self._along(look.face))
            for look, (t, along, _) in zip(after, course, strict=True)
            if after[begun].time_s - 0.5 <= t <= until_s and look.face is not None
        ]
        if len(places) < 4:
            return Integrity(None, "")
        # A line through all places, for the person moves in the picture meanwhile.
        scene, face = (np.array(values) - np.mean(values) for values in zip(*places, strict=True))
        if float(scene @ scene) <= 0:
            return Integrity(None, "")
        share = float(scene @ face) / float(scene @ scene)
        return Integrity(
            ramp(share, 0.2, 0.7), "The room moved with the camera and the face stayed where it was, as if pasted."
        )

    def _curve(self, prompt_s: float) -> Curve | None:
        course = self._course(prompt_s - 0.6)
        if not course:
            return None
        return Curve(
            title="Movement of the picture the way asked for",
            unit="widths",
            times_s=tuple(t - prompt_s for t, _, _ in course),
            values=tuple(along for _, along, _ in course),
            asked=tuple(self._settings.moved if t >= prompt_s else None for t, _, _ in course),
        )
