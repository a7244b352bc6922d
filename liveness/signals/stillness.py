"""Stillness: a face whose features never move.

What it sees
    The face mesh over three seconds, each frame mapped by an affine transform onto the mean shape, so
    that movement of the whole head, of the camera or of a held photo drops out. What is left is the
    movement of eyes, lids, mouth and skin, in hundredths of the distance between the outer eye corners.
    ``inner_motion`` is the same from the pixels: what a moved picture of the face does not explain, over all of
    the face, in hundredths of its width.
Why a fake differs
    A living face blinks, breathes and speaks; a still picture does not, however it is moved about,
    zoomed or covered with noise. What is left of it is the jitter of the mesh, which does not last from
    one moment to the next, and which the pixels do not show.
Fails when
    The face is small or dark (the mesh jitters as much as a calm face moves); the picture is an
    animated photo. A frozen link shows the same: after the face was seen moving, exact repeats count
    for nothing until they have lasted longer than links freeze.
Reference
    Kollreider et al., "Non-intrusive liveness detection by face images", 2009 (movement of face parts).
    On 57 bona fide clips and 113 simulated stills of the same people ``inner_motion`` alone has an AUC of 0.999,
    on 55 simulated prints 0.95: the clips that it was made on, so take it as hopeful.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import FaceTrack, Floats, Observation, Pixels, ProbeTick
from liveness.measures.conditions import light_quality, pose_quality, ramp, size_quality
from liveness.measures.face_patch import face_patch
from liveness.measures.inner_motion import inner_motion
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class StillnessSettings:
    """Times in seconds of media time."""

    window_s: float = 3.0
    least_frames_per_s: float = 4.0
    patch_every_s: float = 0.24
    """So often the pixels of the face are kept …"""
    least_patches: int = 6
    """… and from fewer than this nothing is told: they would agree with their mean by chance."""
    freeze_s: float = 30.0
    """Exact repeats after movement count as a frozen link up to this long."""
    surely_still: tuple[float, float] = (-1.4, -2.4)
    """Deformation (log %) from which on, and at which fully, the circumstances no longer matter."""
    moved_percent: float = 0.8
    """Movement of features (% of the eye distance) after which a standstill may be the link's."""


# Lids, brows, lips and jaw: what moves in a living face. One index list, so that 478 points need not be kept.
POINTS = (
    *(33, 133, 159, 145, 158, 153, 263, 362, 386, 374, 385, 380),  # lids
    *(70, 105, 107, 300, 334, 336),  # brows
    *(61, 291, 13, 14, 0, 17, 39, 269, 181, 405),  # lips
    *(1, 4, 168, 98, 327, 152, 172, 397, 10, 234, 454),  # nose, jaw, forehead, temples
)


class Stillness(Signal):
    """Tells a face that lives from a picture of one."""

    settings = StillnessSettings()
    spec = SignalSpec(
        name="stillness",
        title="Stillness of the features",
        group="replay",
        families=frozenset({"injection", "presentation"}),
        needs=frozenset({"probe", "frame"}),
        unit="log % of eye distance",
        features=("deformation", "fastest", "lasting", "inner_motion"),
        observe_every_s=0.0,
        period_s=1.0,
        window_s=settings.window_s,
        needed_s=2.5,
        cost_ms=0.4,
        species=frozenset({"still", "print"}),
        directions={"deformation": -1, "fastest": -1, "lasting": -1, "inner_motion": -1},
        suspicious="Eyes, lids and mouth do not move at all, as in a still picture.",
        reassuring="Eyes, lids and mouth move as those of a living face do.",
    )

    def __init__(self) -> None:
        self._shapes: deque[tuple[float, Floats, float]] = deque()
        self._patches: deque[tuple[float, Pixels]] = deque()
        self._changed_s = -np.inf
        self._thawed_s = -np.inf
        self._time_s = 0.0
        self._most_percent = 0.0
        self._why = "No face has been seen for three seconds on end."

    def probe(self, tick: ProbeTick) -> None:
        """Note when the picture last changed at all."""
        self._time_s = tick.time_s
        if tick.face_change > 0 or tick.rest_change > 0:
            if 0.5 < tick.time_s - self._changed_s < self.settings.freeze_s:
                self._thawed_s = tick.time_s
            self._changed_s = tick.time_s

    def observe(self, observation: Observation) -> None:
        """Keep the shape of the face for the window."""
        if observation.broken or observation.face is None:
            self._shapes.clear()
            self._patches.clear()
        if observation.face is None:
            return
        face = observation.face
        quality = min(size_quality(face), pose_quality(face), light_quality(observation))
        self._shapes.append((face.time_s, _shape(face), quality))
        while face.time_s - self._shapes[0][0] > self.settings.window_s:
            self._shapes.popleft()
        if not self._patches or face.time_s - self._patches[-1][0] >= self.settings.patch_every_s:
            self._patches.append((face.time_s, face_patch(observation.frame.luma(), face)))
        while face.time_s - self._patches[0][0] > self.settings.window_s:
            self._patches.popleft()

    def evidence(self) -> Evidence | None:
        """Measure the movement of the features over the window."""
        if not self._shapes:
            self._why = "No face has been seen for three seconds on end."
            return None
        start_s, end_s = self._shapes[0][0], self._shapes[-1][0]
        if end_s - start_s < 0.8 * self.settings.window_s:
            return None
        few = len(self._patches) < self.settings.least_patches
        if few or len(self._shapes) < self.settings.least_frames_per_s * (end_s - start_s):
            self._why = "Too few frames a second arrive to see the features move."
            return None
        moves = _deformation(np.stack([shape for _, shape, _ in self._shapes]))
        moved = np.linalg.norm(moves, axis=2)
        features = {
            "deformation": float(np.log(np.sqrt((moved**2).mean()) + 0.02)),
            "fastest": float(np.log(np.quantile(moved, 0.98) + 0.02)),
            "lasting": float(np.log(_lasting(moves) + 0.15)),
            "inner_motion": float(np.log(inner_motion([patch for _, patch in self._patches]) + 0.05)),
        }
        quality = float(np.mean([quality for _, _, quality in self._shapes]))
        if quality > 0:
            # A small or turned face makes the mesh jitter more, never less: what stands still all the same, is still.
            quality = max(quality, ramp(features["deformation"], *self.settings.surely_still))
        percent = float(np.exp(features["deformation"]))
        frozen_s = self._time_s - self._changed_s
        froze = 0.5 < frozen_s < self.settings.freeze_s or self._time_s - self._thawed_s < self.settings.window_s
        if self._most_percent > self.settings.moved_percent and froze:
            quality = 0.0
            self._why = "The picture is frozen; that may be the connection."
        elif quality < 0.05:
            self._why = "The face is too small, too dark or turned too far away to see its features move."
        self._most_percent = max(self._most_percent, percent)
        return Evidence(
            signal=self.spec.name,
            start_s=start_s,
            end_s=end_s,
            value=features["deformation"],
            unit=self.spec.unit,
            quality=quality,
            features=features,
        )

    def missing(self) -> str | None:
        """Say why nothing can be said about stillness."""
        return self._why


def _shape(face: FaceTrack) -> Floats:
    """Return (n, 2) points in % of the eye distance."""
    return np.asarray(face.points_px[list(POINTS), :2] * (100.0 / max(face.iod_px, 1.0)), dtype=np.float32)


def _deformation(shapes: Floats) -> Floats:
    """Return (frames, points, 2) moves from the mean shape after the best affine map of each frame.

    Neighbouring frames are averaged in threes first, which halves the mesh's jitter and keeps a blink.
    """
    smooth = (shapes[:-2] + shapes[1:-1] + shapes[2:]) / 3 if len(shapes) > 8 else shapes
    mean = smooth.mean(axis=0)
    ones = np.ones((smooth.shape[0], smooth.shape[1], 1), dtype=np.float32)
    design = np.concatenate([smooth, ones], axis=2)
    normal = np.einsum("fpi,fpj->fij", design, design)
    right = np.einsum("fpi,pj->fij", design, mean)
    maps = np.linalg.solve(normal + 1e-6 * np.eye(3, dtype=np.float32), right)
    residual = design @ maps - mean
    # A constant offset (the mean shape is the mean of unaligned shapes) is no movement.
    residual -= residual.mean(axis=0)
    return np.asarray(residual, dtype=np.float32)


def _lasting(moves: Floats) -> float:
    """Return the size of the moves that are still there three frames later, in % of the eye distance.

    The mesh's jitter on a small or noisy face does not last; the averaging in threes ends within three frames.
    """
    if len(moves) < 8:
        return 0.0
    shared = float((moves[3:] * moves[:-3]).sum(axis=2).mean())
    return float(np.sqrt(max(shared, 0.0)))
