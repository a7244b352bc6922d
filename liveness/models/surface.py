"""What the general network sees of a face that may have been filmed off a surface, and what that means.

Three squares: the face, the face with what surrounds it, and the fine detail of its middle in the pixels of the source.
The head (``surface.json``) is a regularised logistic regression that was held from saying what only tells sources
apart. It stands beside :mod:`liveness.models.presentation`, whose network learnt from the same pictures; the two err on
different ones. See docs/models/presentation.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.models.heads import Head, HeadFile
from liveness.models.runner import Network

SIDE, DETAIL_SIDE = 160, 128
"""Pixels of the side of the two scaled squares, and of the one in the pixels of the source."""
_REACH: Final = (1.4, 2.6)
"""Size of the two scaled squares, in faces."""
_STAGES: Final = ("stage1", "stage2", "stage3", "stage4")
_MESH_POINTS, _NOSE = 468, 4
_LIMIT: Final = 4.0
_FINE_PX, _FINE_GAIN = 2.0, 6.0
_ANTIALIASED: Final = 0.6
"""Below this scale a picture is made smaller by areas before it is cut."""

SURFACE_HEAD: Final = HeadFile("surface", network="general")


@dataclass(frozen=True, slots=True, eq=False)
class Squares:
    """(side, side, 3) RGB each; beyond the picture it is mirrored."""

    face: Pixels
    around: Pixels
    detail: Pixels


class SurfaceModel:
    """Network and head; not to be shared by threads."""

    def __init__(self) -> None:
        self._network = Network("general")
        self._in_place = SURFACE_HEAD.in_place
        self._head: Head | None = None

    def look(self, squares: Squares) -> Floats:
        """Return mean, spread and maximum of each channel in the three squares.

        Raises
        ------
        ModelError
            The network is missing or is not the one whose hash is stated.
        """
        detail = squares.detail.astype(np.float32)
        fine = np.clip((detail - cv2.GaussianBlur(detail, (0, 0), _FINE_PX)) * _FINE_GAIN, -127, 127)
        shown = (squares.face.astype(np.float32) - 127, squares.around.astype(np.float32) - 127, fine)
        return np.concatenate([self._seen(np.asarray(one, dtype=np.float32)) for one in shown])

    def log_odds(self, values: Floats) -> float:
        """Return the log odds that what was looked at was filmed off a screen or a print.

        Raises
        ------
        ModelError
            The head is missing or damaged.
        """
        if self._head is None:
            self._head = SURFACE_HEAD.read(partial(Head.of, limit=_LIMIT), self._in_place)
        return self._head.log_odds(values)

    def _seen(self, square: Floats) -> Floats:
        values = np.ascontiguousarray(square.transpose(2, 0, 1)[None]) / np.float32(128)
        found = []
        for stage in self._network.outputs(values, _STAGES):
            flat = stage[0].reshape(stage.shape[1], -1)
            found += [flat.mean(axis=1), flat.std(axis=1), flat.max(axis=1)]
        return np.concatenate(found)


def surface_squares(rgb: Pixels, points_px: Floats) -> Squares:
    """Cut the squares out of a picture.

    Parameters
    ----------
    rgb
        (h, w, 3) pixels of the source.
    points_px
        (478, 2 or more) landmarks in pixels of ``rgb``.
    """
    low, high = points_px[:_MESH_POINTS, :2].min(axis=0), points_px[:_MESH_POINTS, :2].max(axis=0)
    middle, size = (low + high) / 2, max(float((high - low).max()), 8.0)
    face, around = (_scaled(rgb, middle, SIDE / (size * reach)) for reach in _REACH)
    half = DETAIL_SIDE // 2
    x, y = (int(value) for value in np.round(points_px[_NOSE, :2]))
    shift = np.array([[1, 0, half - x], [0, 1, half - y]], dtype=np.float32)
    detail = cv2.warpAffine(
        rgb, shift, (DETAIL_SIDE, DETAIL_SIDE), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101
    )
    return Squares(face, around, np.asarray(detail, dtype=np.uint8))


def _scaled(rgb: Pixels, middle: Floats, scale: float) -> Pixels:
    if scale < _ANTIALIASED:
        smaller = scale / 0.95
        # A sliver at the picture's edge keeps a pixel.
        size = [max(1, round(side * smaller)) for side in rgb.shape[1::-1]]
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        middle, scale = middle * np.float32(smaller), 0.95
    x, y = (float(value) for value in middle * scale)
    move = np.array([[scale, 0, SIDE / 2 - x], [0, scale, SIDE / 2 - y]], dtype=np.float32)
    square = cv2.warpAffine(rgb, move, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(square, dtype=np.uint8)
