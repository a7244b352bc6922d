"""Whether landmarks move as one rigid head does: fitted to the person's own mesh before.

Under weak perspective every view of a rigid head is an affine map of its points in space, so what an affine map of
the baseline mesh leaves over is expression, noise of the landmarks, or a head that is none (structure from motion by
factorisation: Tomasi & Kanade 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from liveness.frames import FaceTrack, Floats
from liveness.geometry import apply_affine, similarity
from liveness.measures.face_regions import STEADY

HEAD_POINTS: Final = (*STEADY, 50, 280, 101, 330, 116, 345, 205, 425, 2, 98, 327, 70, 300, 107, 336, 46, 276)
"""Steady points, cheeks, brows and the base of the nose; none of the contour, which slides over a turning head."""


def head_marks(face: FaceTrack) -> Floats:
    """Return (k, 3) positions of :data:`HEAD_POINTS` in pixels, independent of the track's own array."""
    return face.points_px[list(HEAD_POINTS)]


class RigidHead:
    """The median of some meshes of one person, laid over each other."""

    def __init__(self, marks: Sequence[Floats]) -> None:
        """Take at least one (k, 3) of :func:`head_marks`."""
        first = marks[0]
        laid = []
        for one in marks:
            matrix = similarity(one[:, :2], first[:, :2])
            scale = np.float32(np.hypot(matrix[0, 0], matrix[1, 0]))
            laid.append(np.column_stack([apply_affine(matrix, one[:, :2]), one[:, 2] * scale]))
        self._points = np.median(np.stack(laid), axis=0)
        self._space = np.column_stack([self._points, np.ones(len(self._points))])
        self._solve = np.linalg.pinv(self._space)

    def residual(self, marks: Floats) -> Floats:
        """Return (k, 2): how far each mark lies off the best rigid view, in root mean square sizes of the head."""
        off = marks[:, :2] - self._space @ (self._solve @ marks[:, :2])
        spread = marks[:, 1] - marks[:, 1].mean()
        # The height alone: the width of a turning head shrinks.
        return np.asarray(off / max(float(np.sqrt((spread**2).mean())), 1e-3), dtype=np.float32)
