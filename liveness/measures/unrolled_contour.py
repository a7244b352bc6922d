"""The face's contour, unrolled: a strip along it, from well inside the face to what lies around it.

The strip hides nearly all of who a person is, and it is where a swapped face is blended in. Fine detail is
measured in pixels of the source before anything is sampled, so that it keeps its meaning at every size.
"""

from __future__ import annotations

import itertools
from typing import Final

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.measures.face_regions import OVAL

STRIP_SHAPE: Final = (4, 48, 256)
"""Channels, from inside to outside, round the face from the middle of the forehead over the picture's right."""

WIDEST_FACE_PX: Final = 240.0
"""Larger faces are scaled down to this first."""

_INSIDE, _OUTSIDE = 0.28, 0.20
"""How far the strip reaches, in face widths."""

_BLURS_PX = (0.7, 1.4, 2.8)
_HIGH_PASS_PX = 6.0
_FLOOR = 0.25
"""Grey levels of detail that rounding alone makes."""


def unrolled_contour(luma: Pixels, points: Floats) -> Floats | None:
    """Sample a strip along the normals of the face's contour.

    Parameters
    ----------
    luma
        (height, width) picture, or the part of one that holds the face with its surroundings.
    points
        (478, 2 or more) landmarks in pixels of ``luma``.

    Returns
    -------
    Array of :data:`STRIP_SHAPE`: luma without its coarse part, then the log of the fine detail between blurs of 0,
    0.7, 1.4 and 2.8 pixels, each channel less its median. None if the face is not inside the picture.
    """
    oval = points[list(OVAL), :2].astype(np.float32)
    width = float(np.ptp(oval[:, 0]))
    height = float(np.ptp(oval[:, 1]))
    size = float(np.sqrt(width * height)) * 0.85
    if size < 16:
        return None
    reach = size * (_OUTSIDE + 0.08)
    low = np.floor(oval.min(axis=0) - reach).astype(int)
    high = np.ceil(oval.max(axis=0) + reach).astype(int)
    low = np.maximum(low, 0)
    high = np.minimum(high, [luma.shape[1], luma.shape[0]])
    if (high - low).min() < 32:
        return None
    patch = luma[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    oval = oval - low.astype(np.float32)
    if size > WIDEST_FACE_PX:
        scale = WIDEST_FACE_PX / size
        patch = np.asarray(cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
        oval, size = oval * scale, WIDEST_FACE_PX
    along, across = _grid(oval, size)
    inside = (along >= 0) & (along < patch.shape[1]) & (across >= 0) & (across < patch.shape[0])
    if inside.mean() < 0.8:
        return None
    strip = cv2.remap(_channels(patch), along, across, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    strip = np.transpose(strip, (2, 0, 1))
    return np.asarray(strip - np.median(strip, axis=(1, 2), keepdims=True), dtype=np.float32)


def _grid(oval: Floats, size: float) -> tuple[Floats, Floats]:
    """Return x and y of every sample of the strip."""
    _, rows, columns = STRIP_SHAPE
    at = np.arange(columns) * (len(oval) / columns)
    closed = np.vstack([oval, oval[:1]])
    places = np.arange(len(closed))
    line = np.stack([np.interp(at, places, closed[:, axis]) for axis in range(2)], axis=1)
    # Round the corners at the landmarks, or the normals would fan out there.
    kernel = cv2.getGaussianKernel(25, 5.0).ravel()
    line = np.stack([np.convolve(np.pad(line[:, axis], 12, mode="wrap"), kernel, "valid") for axis in range(2)], axis=1)
    tangent = np.roll(line, -3, axis=0) - np.roll(line, 3, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    if float(((line - line.mean(axis=0)) * normal).sum()) < 0:
        normal = -normal
    reach = np.linspace(-_INSIDE, _OUTSIDE, rows) * size
    samples = line[None] + reach[:, None, None] * normal[None]
    return samples[..., 0].astype(np.float32), samples[..., 1].astype(np.float32)


def _channels(patch: Floats) -> Floats:
    blurred = [patch, *(_blur(patch, sigma) for sigma in _BLURS_PX)]
    channels: list[cv2.typing.MatLike] = [cv2.addWeighted(patch, 1 / 16, _blur(patch, _HIGH_PASS_PX), -1 / 16, 0)]
    for fine, coarse in itertools.pairwise(blurred):
        energy: Floats = np.asarray(cv2.blur(cv2.absdiff(fine, coarse), (5, 5)), dtype=np.float32)
        np.add(energy, np.float32(_FLOOR), out=energy)
        channels.append(cv2.log(energy, dst=energy))
    return np.asarray(cv2.merge(channels), dtype=np.float32)


def _blur(picture: Floats, sigma_px: float) -> Floats:
    size = 2 * round(3 * sigma_px) + 1
    return np.asarray(cv2.GaussianBlur(picture, (size, size), sigma_px), dtype=np.float32)


_ZONES: Final = ((0, 14), (14, 24), (24, 32), (32, 40), (40, 48))
"""Rows of the strip, from well inside to well outside."""

_STRETCHES: Final = (
    np.arange(256),
    np.arange(80, 176),
    np.concatenate([np.arange(40, 88), np.arange(168, 216)]),
    np.concatenate([np.arange(40), np.arange(216, 256)]),
)
"""Columns of the strip: all around, jaw and chin, temples and cheeks, forehead."""

PROFILE_SIZE: Final = len(_STRETCHES) * 3 * len(_ZONES)


def strip_profile(strip: Floats) -> Floats:
    """Say how fineness changes from inside the face to outside.

    Parameters
    ----------
    strip
        Array of :data:`STRIP_SHAPE`, as :func:`unrolled_contour` returns it.

    Returns
    -------
    :data:`PROFILE_SIZE` values: along all of the contour, the jaw, the sides and the forehead, the two log ratios of
    neighbouring scales and the log of the coarsest, in five zones from inside to outside, less their median.
    """
    ratios = np.stack([strip[1] - strip[2], strip[2] - strip[3], strip[3]])
    parts = []
    for columns in _STRETCHES:
        some = ratios[:, :, columns]
        zones = np.stack([np.median(some[:, a:b].reshape(3, -1), axis=1) for a, b in _ZONES], axis=1)
        parts.append((zones - np.median(zones, axis=1, keepdims=True)).ravel())
    return np.asarray(np.concatenate(parts), dtype=np.float32)
