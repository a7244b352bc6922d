"""Repeated expressions: the face makes the same movements again, to the last detail.

What it sees
    Openings of mouth and eyes, heights of brows, lengths of the face and the pose of the head, relative to
    the distance of the outer eye corners, on a clock of ten per second over the last five minutes. The
    newest four seconds are compared with every earlier stretch, forwards and backwards.
Why a fake differs
    A loop repeats not only its pixels but the movements in them. Shifting, zooming, cropping or
    brightening the picture hides the pixels from `loops`; the movements of the face stay the same. Nobody
    repeats four seconds of speech and glances so that it fits to within the jitter of the mesh.
Fails when
    The face hardly moves (quality 0); it is small, so that the mesh jitters as much as it moves; time is
    warped; the loop is longer than the memory.
Reference
    As `loops`, on landmark trajectories. Measured on 54 bona fide clips and a loop of each: the sharpest
    fit of a bona fide clip is 1.6 times better than beside it, that of 48 loops at least 2.3 times; the
    rest hardly move.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import FaceTrack, Floats, Observation
from liveness.measures.conditions import ramp, size_quality
from liveness.measures.repeats import Course
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class ExpressionSettings:
    """Times in seconds of media time."""

    clock_hz: float = 10.0
    memory_s: float = 300.0
    window_s: float = 4.0
    shortest_lag_s: float = 0.8
    aside_s: float = 0.3
    hold_s: float = 20.0
    longest_step_s: float = 0.5
    """Over a longer step between two frames nothing is interpolated."""
    faint: float = 2.5
    clear: float = 4.0
    """Movement, in multiples of the jitter, of quality 0 and of quality 1."""


# Pairs of landmarks whose distance is taken, and the least jitter (% of the eye distance) assumed of each.
_DISTANCES: tuple[tuple[int, int, float], ...] = (
    (13, 14, 0.25),  # inner lips
    (61, 291, 0.25),  # corners of the mouth
    (159, 145, 0.15),  # lids
    (386, 374, 0.15),
    (105, 159, 0.25),  # brows
    (334, 386, 0.25),
    (1, 152, 0.3),  # nose to chin, forehead, cheeks
    (10, 1, 0.3),
    (234, 1, 0.3),
    (454, 1, 0.3),
    (0, 17, 0.3),  # outer lips
)
_POSE_JITTER_DEG = (0.2, 0.2, 0.15)


class Expressions(Signal):
    """Finds movements of the face that were made before."""

    settings = ExpressionSettings()
    spec = SignalSpec(
        name="expressions",
        title="Repeated expressions",
        group="replay",
        families=frozenset({"injection"}),
        needs=frozenset({"frame"}),
        unit="log of log ratio",
        features=("sharpness", "mismatch"),
        observe_every_s=0.0,
        period_s=1.0,
        window_s=settings.window_s,
        needed_s=2.5,
        cost_ms=0.1,
        newest=True,
        species=frozenset({"loop"}),
        directions={"sharpness": 1, "mismatch": -1},
        suspicious="The face makes the same movements as before, to the last detail: this is a loop.",
        reassuring="The face does not repeat its movements.",
    )

    def __init__(self) -> None:
        self._course = Course(len(_LEAST_JITTER), int(self.settings.memory_s * self.settings.clock_hz))
        self._last: tuple[float, Floats] | None = None
        self._next_slot_s = 0.0
        self._size_quality = 0.0
        self._seen: deque[tuple[float, dict[str, float], float]] = deque()
        self._why = "No face has been seen for long enough to tell whether it repeats its movements."

    def observe(self, observation: Observation) -> None:
        """Put the expression on the clock, interpolated between frames."""
        face = observation.face
        if face is None:
            self._last = None
            return
        new = _expression(face)
        self._size_quality = size_quality(face)
        time_s = face.time_s
        if self._last is None or time_s - self._last[0] > self.settings.longest_step_s:
            self._next_slot_s = time_s
            self._last = (time_s, new)
        before_s, before = self._last
        while self._next_slot_s <= time_s:
            part = (self._next_slot_s - before_s) / (time_s - before_s) if time_s > before_s else 1.0
            self._course.append(np.asarray(before + part * (new - before), dtype=np.float32))
            self._next_slot_s += 1 / self.settings.clock_hz
        self._last = (time_s, new)

    def evidence(self) -> Evidence | None:
        """Compare the newest window with the past."""
        settings, course = self.settings, self._course
        if self._last is None or course.count < 5:
            return None
        end_s = self._last[0]
        found = course.repeat(
            window=int(settings.window_s * settings.clock_hz),
            step=1,
            lag=int(settings.shortest_lag_s * settings.clock_hz),
            aside=int(settings.aside_s * settings.clock_hz),
            scale=_jitter(course.values()),
            most=4.0,
        )
        if found is None:
            return None
        quality = ramp(found.moved_there, settings.faint, settings.clear) * min(1.0, 2 * self._size_quality)
        if quality < 0.05:
            self._why = "The face moves too little, or is too small, to tell whether it repeats its movements."
        tiny = 1e-3
        features = {
            "sharpness": float(np.log(0.1 + max(0.0, np.log((found.beside + tiny) / (found.best + tiny))))),
            "mismatch": float(np.log((found.best + tiny) / (found.moved_there + tiny))),
        }
        self._seen.append((end_s, features, quality))
        while end_s - self._seen[0][0] > settings.hold_s:
            self._seen.popleft()
        _, features, quality = max(self._seen, key=lambda seen: (seen[1]["sharpness"] + 2.4) * seen[2])
        return Evidence(
            signal=self.spec.name,
            start_s=end_s - settings.window_s,
            end_s=end_s,
            value=features["sharpness"],
            unit=self.spec.unit,
            quality=quality,
            features=features,
        )

    def missing(self) -> str | None:
        """Say why nothing can be said about repeated movements."""
        return self._why


_LEAST_JITTER = np.array([least for _, _, least in _DISTANCES] + list(_POSE_JITTER_DEG), dtype=np.float32)


def _expression(face: FaceTrack) -> Floats:
    """Return (14,) distances in % of the eye distance, and yaw, pitch and roll in degrees."""
    points = face.points_px[:, :2]
    one, other = points[[a for a, _, _ in _DISTANCES]], points[[b for _, b, _ in _DISTANCES]]
    distances = np.linalg.norm(one - other, axis=1) * (100.0 / max(face.iod_px, 1.0))
    return np.asarray(np.concatenate([distances, face.pose_deg]), dtype=np.float32)


def _jitter(course: Floats) -> Floats:
    """Return the (14,) jitter of each value: the usual size of its second differences, at least the mesh's own."""
    bends = np.abs(np.diff(course, n=2, axis=0))
    return np.maximum(np.median(bends, axis=0) / (0.6745 * np.sqrt(6)), _LEAST_JITTER).astype(np.float32)
