"""What the presentation model sees of a face: three squares of pixels, each for another scale.

``face`` is the face alone, brought to one size; ``around`` has 2.7 times its size, where a rim, an edge of paper or a
hand would be; ``detail`` is the middle of the face in the pixels of the source, where a screen's grid and the dots of a
print are.
"""

from __future__ import annotations

import cv2
import numpy as np

from liveness.frames import Box, Floats, Pixels

SIDE = 80
"""Pixels of each square's side."""
AROUND = 2.7
_FACE = 1.3
_LARGEST_FACE_PX = 400.0
_MESH_POINTS = 468


def around_box(points_px: Floats) -> Box:
    """Return the part of a frame that :func:`presentation_planes` wants to see; it may reach beyond the frame."""
    left, top, side = _square(points_px, AROUND)
    return Box(left, top, left + side, top + side)


def presentation_planes(rgb: Pixels, points_px: Floats) -> Pixels:
    """Return (SIDE, SIDE, 9): face, around and detail, red, green and blue of each.

    Parameters
    ----------
    rgb
        (h, w, 3) pixels of the source.
    points_px
        (478, 2 or more) landmarks in pixels of ``rgb``.
    """
    left, top, side = _square(points_px, 1.0)
    middle = (left + side / 2, top + side / 2)
    detail = min(1.0, _LARGEST_FACE_PX / side)
    return np.concatenate(
        [
            _cut(rgb, middle, _FACE * side),
            _cut(rgb, middle, AROUND * side),
            _cut(rgb, (round(middle[0]), round(middle[1])), SIDE / detail),
        ],
        axis=2,
    )


def network_input(planes: Pixels) -> Floats:
    """Return (1, 9, SIDE, SIDE) what the network takes."""
    return np.ascontiguousarray(planes.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


def _square(points_px: Floats, factor: float) -> tuple[float, float, float]:
    """Return left, top and side of a square around the face."""
    low, high = points_px[:_MESH_POINTS, :2].min(axis=0), points_px[:_MESH_POINTS, :2].max(axis=0)
    side = max(float((high - low).max()), 8.0) * factor
    middle = (low + high) / 2
    return float(middle[0] - side / 2), float(middle[1] - side / 2), side


def _cut(rgb: Pixels, middle: tuple[float, float], side: float) -> Pixels:
    """Return a square of the picture scaled to SIDE; what lies beyond the picture is grey."""
    height, width = rgb.shape[:2]
    whole = max(4, round(side))
    left, top = round(middle[0] - side / 2), round(middle[1] - side / 2)
    inner = rgb[max(0, top) : max(0, min(height, top + whole)), max(0, left) : max(0, min(width, left + whole))]
    square = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)
    if inner.size == 0:
        return square
    scale = SIDE / whole
    x, y = round(max(0, -left) * scale), round(max(0, -top) * scale)
    size = (max(1, min(SIDE - x, round(inner.shape[1] * scale))), max(1, min(SIDE - y, round(inner.shape[0] * scale))))
    if x >= SIDE or y >= SIDE:
        return square
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[y : y + size[1], x : x + size[0]] = cv2.resize(inner, size, interpolation=way)
    return square
