"""The presentation model: what a network sees of a face, three squares of pixels, and what it says to them.

``face`` is the face alone, brought to one size; ``around`` has 2.7 times its size, where a rim, an edge of paper or a
hand would be; ``detail`` is the middle of the face in the pixels of the source, where a screen's grid and the dots of a
print are. White balance, brightness and contrast of the face are taken out of all three, so that the light of a room
and the automatics of a camera can say nothing. See docs/models/presentation.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from liveness.frames import Box, Floats, Pixels
from liveness.models.runner import Network

FACE_SIDE, AROUND_SIDE, DETAIL_SIDE = 128, 96, 96
"""Pixels of each square's side."""
AROUND = 2.7
_FACE = 1.2
_LARGEST_FACE_PX = 320.0
"""A larger face is scaled down to this before its detail is cut out."""
_MESH_POINTS = 468
_LEAST_MEAN, _LEAST_SPREAD = 4.0, 8.0
"""In grey levels: what is darker or flatter than this is not stretched any further."""
_LIMIT = 4.0
"""What is further from the mean than so many spreads counts as just so far."""

_stand_in: ContextVar[bytes | None] = ContextVar("presentation_network", default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Three squares of one picture: (side, side, 4) RGB, and 255 where the picture is, 0 beyond its edge."""

    face: Pixels
    around: Pixels
    detail: Pixels


class PresentationModel:
    """The network; not to be shared by threads."""

    def __init__(self) -> None:
        self._network = Network("presentation", _stand_in.get())

    def log_odds(self, planes: Planes) -> float:
        """Return the log odds that the face was filmed off a screen or a print.

        Raises
        ------
        ModelError
            The network is missing or is not the one whose hash is stated.
        """
        return float(self._network.run(network_inputs(planes))[0, 0])


@contextlib.contextmanager
def with_network(data: bytes | None) -> Iterator[None]:
    """Let models made in this context use another network: one that has not seen who is measured."""
    if data is None:
        yield
        return
    token = _stand_in.set(data)
    try:
        yield
    finally:
        _stand_in.reset(token)


def around_box(points_px: Floats) -> Box:
    """Return the part of a frame that :func:`presentation_planes` wants to see; it may reach beyond the frame."""
    left, top, side = _square(points_px, AROUND)
    return Box(left, top, left + side, top + side)


def presentation_planes(rgb: Pixels, points_px: Floats) -> Planes:
    """Return what the network looks at.

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
    return Planes(
        _cut(rgb, middle, _FACE * side, FACE_SIDE),
        _cut(rgb, middle, AROUND * side, AROUND_SIDE),
        _cut(rgb, (round(middle[0]), round(middle[1])), DETAIL_SIDE / detail, DETAIL_SIDE),
    )


def network_inputs(planes: Planes) -> dict[str, Floats]:
    """Return what the network takes, by its names: see :func:`evened`."""
    return evened({"face": planes.face, "around": planes.around, "detail": planes.detail})


def evened(squares: Mapping[str, npt.NDArray[Any]]) -> dict[str, Floats]:
    """Return (1, 3, side, side) of each square, by the face's own colours; 0 is its mean and what is not there.

    Each channel is divided by its mean over the middle of the face (white balance and brightness, as a diagonal
    change of the coded values), then all by the spread of the face's luma (contrast).
    """
    quarter = FACE_SIDE // 4
    middle = squares["face"][quarter:-quarter, quarter:-quarter, :3].astype(np.float32)
    mean = np.maximum(middle.reshape(-1, 3).mean(axis=0), _LEAST_MEAN)
    luma = (middle / mean).mean(axis=2)
    spread = max(float(luma.std()), _LEAST_SPREAD / float(mean.mean()))
    gain, shift = np.float32(1 / spread) / mean, np.float32(1 / spread)
    found = {}
    for name, square in squares.items():
        even = np.clip(square[..., :3].astype(np.float32) * gain - shift, -_LIMIT, _LIMIT)
        even *= square[..., 3:] > 0
        found[name] = np.ascontiguousarray(even.transpose(2, 0, 1)[None], dtype=np.float32)
    return found


def _square(points_px: Floats, factor: float) -> tuple[float, float, float]:
    """Return left, top and side of a square around the face."""
    low, high = points_px[:_MESH_POINTS, :2].min(axis=0), points_px[:_MESH_POINTS, :2].max(axis=0)
    side = max(float((high - low).max()), 8.0) * factor
    middle = (low + high) / 2
    return float(middle[0] - side / 2), float(middle[1] - side / 2), side


def _cut(rgb: Pixels, middle: tuple[float, float], side: float, wanted: int) -> Pixels:
    """Return a square of the picture scaled to ``wanted`` pixels; what lies beyond the picture is marked."""
    height, width = rgb.shape[:2]
    whole = max(4, round(side))
    left, top = round(middle[0] - side / 2), round(middle[1] - side / 2)
    inner = rgb[max(0, top) : max(0, min(height, top + whole)), max(0, left) : max(0, min(width, left + whole))]
    square = np.zeros((wanted, wanted, 4), dtype=np.uint8)
    if inner.size == 0:
        return square
    scale = wanted / whole
    x, y = round(max(0, -left) * scale), round(max(0, -top) * scale)
    if x >= wanted or y >= wanted:
        return square
    size = (
        max(1, min(wanted - x, round(inner.shape[1] * scale))),
        max(1, min(wanted - y, round(inner.shape[0] * scale))),
    )
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    there = square[y : y + size[1], x : x + size[0]]
    there[..., :3], there[..., 3] = cv2.resize(inner, size, interpolation=way), 255
    return square
