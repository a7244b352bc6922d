"""The skin between brows and lips, laid into one small upright picture: what texture is compared by over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from liveness.frames import Box, FaceTrack, Floats, Pixels
from liveness.geometry import similarity

PATCH_PX: Final = 48

_ANCHORS: Final = (33, 133, 362, 263, 168, 4, 2, 152, 10)
_THERE: Final = np.array(
    [(12, 18), (20, 18), (28, 18), (36, 18), (24, 17), (24, 28), (24, 31), (24, 45), (24, 3)], dtype=np.float32
)
"""Where the anchors lie in the patch: outer and inner eye corners, bridge, tip and base of the nose, chin, forehead."""


def face_patch(luma: Pixels, face: FaceTrack) -> Pixels:
    """Return the (48, 48) luma of the face, upright and of one size; what is outside the picture repeats its edge."""
    matrix = similarity(face.points_px[list(_ANCHORS), :2], _THERE)
    low = _shrunk(luma, matrix)
    return np.asarray(
        cv2.warpAffine(low[0], low[1], (PATCH_PX, PATCH_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        dtype=np.uint8,
    )


def _shrunk(luma: Pixels, matrix: Floats) -> tuple[Pixels, Floats]:
    """Shrink the part that the patch shows first where the map shrinks it by more than two, so that nothing aliases."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    step = max(1, int(0.5 / max(scale, 1e-3)))
    if step == 1:
        return luma, matrix
    corners = np.array([(0, 0, 1), (PATCH_PX, 0, 1), (0, PATCH_PX, 1), (PATCH_PX, PATCH_PX, 1)], dtype=np.float32)
    places = corners @ np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float32).T
    left, top = (max(0, int(value) - 2 * step) for value in places.min(axis=0))
    right, bottom = (int(value) + 2 * step for value in places.max(axis=0))
    part = luma[top : max(bottom, top + step), left : max(right, left + step)]
    if part.size == 0:
        return luma, matrix
    size = (max(1, part.shape[1] // step), max(1, part.shape[0] // step))
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    back = matrix.copy()
    back[:, 2] += matrix[:, 0] * left + matrix[:, 1] * top
    back[:, 0] *= part.shape[1] / size[0]
    back[:, 1] *= part.shape[0] / size[1]
    return small, back


def correlation(one: Pixels, other: Pixels, mask: Pixels | None = None) -> float:
    """Return the normalised correlation of two patches, in [-1, 1], over the pixels where the mask is not 0.

    0 where one of them is plain, or fewer than 16 pixels are compared.
    """
    chosen = slice(None) if mask is None else mask.ravel() > 0
    a, b = one.ravel()[chosen].astype(np.float64), other.ravel()[chosen].astype(np.float64)
    if a.size < 16:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > a.size else 0.0


def sharpness(patch: Pixels) -> float:
    """Return the log of the median absolute Laplacian over the patch's contrast."""
    inner = patch[6:42, 8:40].astype(np.float32)
    edges = np.abs(cv2.Laplacian(inner, cv2.CV_32F))
    return float(np.log((edges.mean() + 0.5) / (inner.std() + 2.0)))


def box_tile(luma: Pixels, box: Box) -> Pixels | None:
    """Return the (48, 48) luma of a box of the picture; None if too little of it is inside."""
    part = box.clipped(luma.shape[1], luma.shape[0])
    if part.area < 0.5 * box.area or min(part.width, part.height) < 8:
        return None
    inside = luma[int(part.top) : int(part.bottom), int(part.left) : int(part.right)]
    return np.asarray(cv2.resize(inside, (PATCH_PX, PATCH_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def comes_and_goes(tiles: Sequence[Pixels]) -> float | None:
    """Return how much a course of tiles changes to something else and back again, over its contrast.

    0 for what moves on steadily, which never comes back so soon; None for fewer than five tiles.
    """
    if len(tiles) < 5:
        return None
    course = np.stack(tiles).astype(np.float32)
    contrast = float(course[0].std()) + 4.0
    excess = []
    for lag in (1, 2, 3):
        there = np.abs(course[lag:] - course[:-lag]).mean(axis=(1, 2))
        around = np.abs(course[2 * lag :] - course[: -2 * lag]).mean(axis=(1, 2))
        if len(around):
            excess.append(float(np.mean(np.maximum(np.minimum(there[:-lag], there[lag:]) - around, 0))))
    return max(excess) / contrast
