"""Turn to profile: the head turns to a side drawn at random, and holds, after the prompt.

Judged by where the tip of the nose lies between the two sides of the face's contour, against the person's own before
the prompt (:mod:`liveness.measures.nose_place`). The yaw of the mesh's pose matrix is not used: on heads drawn at 54°
it read 34° to 65°, and at 27° 15° to 51°, while the nose tells the two apart for everybody. Beyond some 60° the mesh
slips or loses the face: a head that was seen turned stays so until it is seen nearly straight, and a loss after the
right turn is part of the hold; a face that is lost without having been seen turning is not.

The candidate's own left is the picture's right: the nose goes there. The sign of the mesh's yaw is the other way round.

Integrity: the same face comes back; while turned, the picture does not come and go between two faces, nor the face
blur; on the way there the marks move as one rigid head. On renderings these tell a torn swap from an honest turn only
in part, and an animated photograph not at all, while honest turns came out low now and then (the mesh slips): this
challenge never says ``broken``, but ``unclear``, and a high integrity means little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, cast

import numpy as np

from liveness.challenges.contract import ChallengeSpec, Curve, Guidance
from liveness.challenges.movement import (
    GAP_S,
    LEAST_REACTION_S,
    Integrity,
    MovementChallenge,
    Progress,
    baseline_seen,
)
from liveness.frames import Box, FaceTrack, Floats, Frame, Observation, Pixels
from liveness.measures.conditions import ramp, size_quality
from liveness.measures.face_patch import box_tile, comes_and_goes, correlation, face_patch, sharpness
from liveness.measures.nose_place import nose_yaw_deg
from liveness.measures.rigid_head import RigidHead, head_marks

Side = Literal["left", "right"]
"""As the candidate sees it; the candidate's left is the picture's right."""


_PLAIN = 4.0
"""Standard deviation of a patch's luma, below which it has nothing to compare."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How far and how long."""

    turned_deg: float = 33.0
    """Turn from rest, as the nose tells it, which counts as turned; heads drawn at 25° read as up to 28°, and those
    that go on to 60° as 39° or more on their way (tuning half)."""
    kept_deg: float = 16.0
    """A head that turned stays turned until it is back at this: so low, since the mesh slips near profile."""
    lost_from_deg: float = 28.0
    """A face that is lost while turned further than this was on its way."""
    away_deg: float = 14.0
    """Further than this from rest the head has begun to turn; less is how people sit and talk."""
    back_deg: float = 15.0
    slip_s: float = 0.4
    """The mesh of a turned head may read as nearly straight for so long, until it is found again."""
    slipped: float = 0.5
    """What the mesh takes for the face of a turned head looks less than this like the person's face before
    (correlation): 0.27 at most on heads held at 62–80° whose mesh read as straight, 0.8 at least on heads that were
    back (tuning half). So a head counts as back only if it also looks like it."""
    hold_s: float = 2.0
    """Includes the way from where a turn begins to count, and back to where the face looks like itself again: 18 drawn
    heads that came straight back were not away so long, and 18 that were held were (tuning half)."""
    return_s: float = 2.5
    """No longer is waited for the face to come back after the hold."""


class _Look(NamedTuple):
    time_s: float
    yaw_deg: float | None
    """By the place of the nose; None while no face is seen."""
    broken: bool
    marks: Floats | None
    patch: Pixels | None
    tile: Pixels | None
    alike: float | None
    """Correlation of the patch with the person's own before the prompt; None if unknown."""


class TurnToProfile(MovementChallenge):
    """Looks at the course of yaw after the prompt, and at the face on its way."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="turn_to_profile",
        title="Turn to profile",
        page_text="In a moment you will be asked to turn your head to one side and to hold it there.",
        deadline_s=8.0,
        alternative="Who cannot turn the head can be asked for the changing light, or pass a hand across the face.",
        families=frozenset({"injection", "synthesis", "presentation"}),
        known_ways_to_beat=(
            "A driver who turns before a face swap that has been trained on profiles.",
            "A face swap that fades out when the head turns, and in again.",
            "Recordings of both sides, one of which is chosen after the prompt.",
        ),
        random_bytes=1,
    )

    def __init__(self, settings: TurnSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or TurnSettings()
        self._side: Side = "left"
        self._looks: list[_Look] = []
        self._box: Box | None = None
        self._size = 0.0
        self._own: Pixels | None = None

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return "left" or "right", of one byte."""
        return "left" if random[0] & 1 else "right"

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows."""
        text = f"Turn your head to your {parameters} as far as you can, hold it for two seconds, and come back."
        return {"text": text, "picture": f"turn_{parameters}"}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return what the interviewer says."""
        return f"Please turn your head to your {parameters} as far as you can, hold it for two seconds, and come back."

    def observe(self, observation: Observation) -> None:
        """Keep the yaw and the looks of one frame, or that no face was seen."""
        face, frame = observation.face, observation.frame
        if self.prompt_s is None and face is not None:
            self._box, self._size = face.box_px, size_quality(face)
        self._looks.append(self._look(observation, face, frame))

    def _look(self, observation: Observation, face: FaceTrack | None, frame: Frame) -> _Look:
        broken = bool(observation.changes & {"gap", "cut"})
        # The place where the face was before the prompt, whatever the mesh makes of it since.
        tile = None if self._box is None else box_tile(frame.luma(), self._box.scaled(1.1))
        if face is None:
            return _Look(observation.time_s, None, broken, None, None, tile, None)
        patch = face_patch(frame.luma(), face)
        if self.prompt_s is not None and self._own is None:
            self._own = self._own_patch(self.prompt_s)
        # Of a face without contrast nothing can be said.
        own = None if self._own is None or float(self._own.std()) < _PLAIN else self._own
        alike = None if patch is None or own is None else correlation(patch, own)
        yaw_deg = nose_yaw_deg(face.points_px)
        return _Look(observation.time_s, yaw_deg, broken, head_marks(face), patch, tile, alike)

    def _own_patch(self, prompt_s: float) -> Pixels | None:
        """Return the median of the person's face before the prompt."""
        patches = [look.patch for look in self._baseline(prompt_s) if look.patch is not None]
        return np.median(np.stack(patches), axis=0).astype(np.uint8) if patches else None

    def _take_parameters(self, parameters: str) -> None:
        if parameters not in ("left", "right"):
            raise ValueError(f"expected the side, left or right, got {parameters!r}")
        self._side = cast(Side, parameters)

    def _baseline(self, prompt_s: float) -> list[_Look]:
        start_s = prompt_s - 1.5 * self.spec.baseline_s
        return [look for look in self._looks if start_s <= look.time_s < prompt_s and look.yaw_deg is not None]

    def _known(self) -> bool:
        return bool(self._looks) and self._rest_deg(self._looks[-1].time_s + 1e-3) is not None

    def _rest_deg(self, prompt_s: float) -> float | None:
        """Return the median yaw of the person's baseline, or None if it was not seen."""
        before = self._baseline(prompt_s)
        if not baseline_seen([look.time_s for look in before], self.spec.baseline_s):
            return None
        return float(np.median([look.yaw_deg for look in before if look.yaw_deg is not None]))

    def _course(self, prompt_s: float, rest: float) -> list[tuple[_Look, float | None]]:
        """Return the looks up to the deadline with the turn to the side asked for, in degrees."""
        sign = 1.0 if self._side == "left" else -1.0
        return [
            (look, None if look.yaw_deg is None else sign * (look.yaw_deg - rest))
            for look in self._looks
            if prompt_s - 1.5 * self.spec.baseline_s <= look.time_s <= self.deadline_s
        ]

    def _progress(self, prompt_s: float) -> Progress:
        rest = self._rest_deg(prompt_s)
        if rest is None:
            return Progress(
                "unseen", "The face was not seen long enough before the prompt to compare with.", "face_lost"
            )
        course = self._course(prompt_s, rest)
        before = [deg for look, deg in course if look.time_s < prompt_s + LEAST_REACTION_S and deg is not None]
        if before and abs(before[-1]) > self._settings.away_deg:
            return Progress("failed", "The head turned before the prompt could have been followed.")
        return self._followed([step for step in course if step[0].time_s >= prompt_s], prompt_s)

    def _followed(self, course: list[tuple[_Look, float | None]], prompt_s: float) -> Progress:
        """Walk through the answer: turn and hold, seen or lost."""
        use = self._settings
        held_from: float | None = None
        last_s = turned_s = prompt_s
        last_deg, seen = 0.0, 0
        guidance: Guidance | None = None
        for index, (look, deg) in enumerate(course):
            if look.broken or look.time_s - last_s > GAP_S:
                held_from = None
            last_s = look.time_s
            if deg is not None:
                seen, last_deg = seen + 1, deg
            if last_deg <= -use.turned_deg:
                return Progress("failed", "The head turned to the other side.", "other_side")
            turned = self._turned(look, deg, last_deg, held_from is not None)
            if turned:
                held_from, turned_s = look.time_s if held_from is None else held_from, look.time_s
                if look.time_s - held_from >= use.hold_s:
                    return self._held(course[index:], held_from)
            elif look.time_s - turned_s > use.slip_s:
                held_from = None
            guidance = self._guided(deg, turned)
        if seen < 3:
            return Progress("unseen", "The face was not seen after the prompt.", guidance)
        return Progress("waiting", "No turn to the side asked for was held in time.", guidance)

    def _held(self, course: list[tuple[_Look, float | None]], held_from: float) -> Progress:
        """Wait for the face to come back after the hold; whoever covers the camera after a glance does not.

        A single frame that looks straight may be a slip of the mesh.
        """
        done_s = away_s = course[0][0].time_s
        faces = 0
        for look, deg in course:
            faces += deg is not None
            if deg is None or abs(deg) >= self._settings.back_deg or self._slipped(look):
                away_s = look.time_s
            if look.time_s - away_s > self._settings.slip_s:
                return Progress("done", self._DONE, "good", held_from)
            if look.time_s - done_s > self._settings.return_s:
                break
        if faces < 3:
            return Progress("unseen", "The head turned and was not seen again; ask again, and to come back.", "good")
        over = look.time_s - done_s > self._settings.return_s or look.time_s >= self.deadline_s - GAP_S
        return Progress("done", self._DONE, "good", held_from, over)

    _DONE: ClassVar[str] = "The head turned to the side asked for and was held there."

    def _turned(self, look: _Look, deg: float | None, last_deg: float, already: bool) -> bool:
        if deg is None:
            return already or last_deg >= self._settings.lost_from_deg
        if already:
            return deg >= self._settings.kept_deg or self._slipped(look)
        return deg >= self._settings.turned_deg

    def _slipped(self, look: _Look) -> bool:
        """Whether the mesh lies on something that does not look like the person's face."""
        return look.alike is not None and look.alike < self._settings.slipped

    def _guided(self, deg: float | None, turned: bool) -> Guidance:
        if turned:
            return "hold"
        if deg is None:
            return "face_lost"
        return "other_side" if deg < -self._settings.away_deg else "further"

    def _integrity(self, prompt_s: float) -> Integrity:
        """Take the worst of what could be measured."""
        rest = self._rest_deg(prompt_s)
        before = self._baseline(prompt_s)
        if rest is None or self._size == 0:
            return Integrity(None, "")
        after = [(look, deg) for look, deg in self._course(prompt_s, rest) if look.time_s >= prompt_s]
        own = self._own_patch(prompt_s)
        if own is None:
            return Integrity(None, "")
        found: list[tuple[float, str]] = []
        back = [look.patch for look, deg in after[-6:] if deg is not None and abs(deg) < self._settings.back_deg]
        alike = [correlation(patch, own) for patch in back if patch is not None]
        if alike:
            found.append((ramp(max(alike), 0.05, 0.35), "Another face came back than the one that turned away."))
        turned = [look for look, deg in after if deg is None or deg >= self._settings.kept_deg]
        flicker = comes_and_goes([look.tile for look in turned if look.tile is not None])
        if flicker is not None:
            found.append((ramp(flicker, 0.25, 0.10), "While turned, the face came and went as a mask that tears does."))
        sharp = [sharpness(look.patch) for look in turned if look.patch is not None]
        if len(sharp) >= 3:
            fell = float(np.median(sharp)) - sharpness(own)
            found.append((ramp(fell, -1.4, -0.8), "The face blurred when it turned, as a mask without a profile does."))
        head = RigidHead([look.marks for look in before if look.marks is not None])
        way = [look for look, deg in after if deg is not None and 10 < deg < 30 and look.marks is not None]
        if len(way) >= 3:
            off = [
                float(np.sqrt((head.residual(look.marks) ** 2).sum(axis=1).mean()))
                for look in way
                if look.marks is not None
            ]
            found.append((ramp(float(np.median(off)), 0.32, 0.14), "The features did not turn as one head."))
        if not found:
            return Integrity(None, "")
        return Integrity(*min(found))

    def _quality(self) -> float:
        return 0.5 + 0.5 * self._size

    def _curve(self, prompt_s: float) -> Curve | None:
        rest = self._rest_deg(prompt_s)
        if rest is None:
            return None
        course = self._course(prompt_s, rest)
        return Curve(
            title="Turn of the head to the side asked for",
            unit="°",
            times_s=tuple(look.time_s - prompt_s for look, _ in course),
            values=tuple(deg for _, deg in course),
            asked=tuple(self._settings.turned_deg if look.time_s >= prompt_s else None for look, _ in course),
        )
