"""The face with what surrounds it, at one size at most, and which pixels belong to which.

No face is enlarged, and none is wider than what calls deliver: so a large picture says no more than a small one, and
nothing is judged by how large a face is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from liveness.frames import Box, Floats, Pixels
from liveness.measures.face_regions import OVAL, fill

SIDE: Final = 224
"""Pixels of the square's side."""
WIDEST_IOD_PX: Final = 80.0
"""A face whose outer eye corners lie further apart is scaled down to this."""
_NOSE: Final = 4
_EYES: Final = (33, 263)
_INNER, _EDGE = 0.82, 1.12
"""The inner face ends, and what surrounds it begins, at so much of the face's oval."""
_MARGIN_PX: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class FaceSquare:
    """One look at a face."""

    rgb: Pixels
    """(224, 224, 3); beyond the picture its last pixels are repeated."""
    regions: Pixels
    """(3, 224, 224), 1 in the inner face, at its edge, and in what surrounds it within the picture."""


def square_box(points_px: Floats) -> Box:
    """Return the part of a frame that :func:`face_square` wants to see; it may reach beyond the frame.

    Parameters
    ----------
    points_px
        (478, 2 or more) landmarks in pixels of the frame.
    """
    half = SIDE / 2 / _scale(points_px) + _MARGIN_PX
    x, y = (float(value) for value in points_px[_NOSE, :2])
    return Box(np.floor(x - half), np.floor(y - half), np.ceil(x + half), np.ceil(y + half))


def face_square(rgb: Pixels, points_px: Floats) -> FaceSquare:
    """Cut out the square around the nose.

    Parameters
    ----------
    rgb
        (h, w, 3) pixels: the part of the frame that :func:`square_box` names, as far as it lies within.
    points_px
        (478, 2 or more) landmarks in pixels of ``rgb``.
    """
    scale = _scale(points_px)
    points = points_px[:, :2] * np.float32(scale)
    if scale < 1:
        # A sliver at the picture's edge keeps a pixel.
        size = [max(1, round(side * scale)) for side in rgb.shape[1::-1]]
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    height, width = rgb.shape[:2]
    left, top = (int(value) for value in np.round(points[_NOSE]) - SIDE // 2)
    # The square's own columns and rows that lie within the picture.
    x0, x1 = max(0, -left), min(SIDE, width - left)
    y0, y1 = max(0, -top), min(SIDE, height - top)
    if x1 <= x0 or y1 <= y0:
        return FaceSquare(np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((3, SIDE, SIDE), np.uint8))
    inside = rgb[top + y0 : top + y1, left + x0 : left + x1]
    square = cv2.copyMakeBorder(inside, y0, SIDE - y1, x0, SIDE - x1, cv2.BORDER_REPLICATE)
    oval = points[list(OVAL)] - np.array([left, top], dtype=np.float32)
    middle = oval.mean(axis=0)
    inner, whole = (fill((oval - middle) * np.float32(reach) + middle, (SIDE, SIDE)) for reach in (_INNER, _EDGE))
    regions = np.stack([inner, whole & ~inner & 1, 1 - whole])
    there = np.zeros((SIDE, SIDE), dtype=np.uint8)
    there[y0:y1, x0:x1] = 1
    return FaceSquare(np.asarray(square, dtype=np.uint8), regions * there)


def _scale(points_px: Floats) -> float:
    eyes = points_px[list(_EYES), :2]
    return min(1.0, WIDEST_IOD_PX / max(float(np.hypot(*(eyes[0] - eyes[1]))), 1e-3))
