"""The light that falls on skin: mean colours of the face's parts, of the neck, and of what is behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from liveness.dsp import Series
from liveness.frames import Box, FaceTrack, Floats, Frame, Pixels
from liveness.measures.face_regions import SKIN_REGIONS, fill

_NOSE = (6, 351, 437, 420, 279, 4, 49, 198, 217, 122)
_LEFT_SIDE = (127, 234, 93, 132, 58, 172, 138, 215, 177, 137, 227, 34)
_RIGHT_SIDE = (356, 454, 323, 361, 288, 397, 367, 435, 401, 366, 447, 264)

FACE_PARTS: Final = {
    **SKIN_REGIONS,
    "nose": _NOSE,
    # From the temple down to the jaw: skin that looks away from a screen in front.
    "left_side": _LEFT_SIDE,
    "right_side": _RIGHT_SIDE,
}
"""Patches of the face as polygons of landmarks; left is the picture's left."""

PARTS: Final = (*FACE_PARTS, "neck", "background")
"""Rows of what :func:`lit` returns. ``neck`` is what lies below the chin: skin, or what is worn there."""

_FACE_PX = 96.0
"""Width of a face after scaling down: means need no more, and the codec's blocks are averaged."""
_DARK, _BRIGHT = 20, 243
"""Levels past which a channel no longer follows the light (noise floor, clipping)."""
_LEAST_PIXELS, _LEAST_SHARE = 12, 0.4
_LEAST_FACE_PX = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Lit:
    """What one frame shows of the light."""

    colours: Floats
    """(8, 3) mean red, green and blue (0–255, as coded) of :data:`PARTS`; NaN where a part cannot be measured."""
    lost: float
    """Share of the face's pixels that are clipped or black, 0–1."""


def lit(frame: Frame, face: FaceTrack) -> Lit | None:
    """Measure the mean colours of all parts; about 1 ms at 640 × 480.

    Returns
    -------
    The colours, or None for a face that is too small to have parts.
    """
    points = face.points_px[:468, :2].astype(np.float64)
    across, down = points[454] - points[234], points[152] - points[10]
    wide = float(np.hypot(*across))
    if wide < _LEAST_FACE_PX:
        return None
    area = _around(points, wide).clipped(frame.width, frame.height)
    if area.width < _LEAST_FACE_PX or area.height < _LEAST_FACE_PX:
        return None
    left, top = int(np.floor(area.left)), int(np.floor(area.top))
    rgb = frame.crop_rgb(Box(left, top, int(np.ceil(area.right)), int(np.ceil(area.bottom))))
    scale = min(1.0, _FACE_PX / wide)
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small: Pixels = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    usable = ((small >= _DARK) & (small <= _BRIGHT)).all(axis=2).astype(np.uint8)
    colours = np.full((len(PARTS), 3), np.nan, dtype=np.float32)
    shape, origin = (small.shape[0], small.shape[1]), np.array([left, top])
    inside = kept = 0
    for row, polygons in enumerate(_polygons(points, across, down)):
        mask = np.zeros(shape, dtype=np.uint8)
        for polygon in polygons:
            mask |= fill(np.asarray((polygon - origin) * scale, dtype=np.float32), shape)
        whole = int(mask.sum())
        mask &= usable
        left_over = int(mask.sum())
        if row < len(FACE_PARTS):
            inside, kept = inside + whole, kept + left_over
        if left_over >= max(_LEAST_PIXELS, _LEAST_SHARE * whole):
            colours[row] = cv2.mean(small, mask)[:3]
    return Lit(colours, 1.0 - kept / max(inside, 1))


def log_ratios(colours: Series) -> Series:
    """Return log(R/G) and log(B/G): what remains of a colour when brightness and shading cancel.

    Parameters
    ----------
    colours
        (…, 3) red, green, blue.

    Returns
    -------
    (…, 2); NaN stays NaN.
    """
    logs = np.log(np.maximum(colours, 1.0))
    return np.asarray(np.stack([logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]], axis=-1), dtype=np.float64)


def _around(points: Series, wide: float) -> Box:
    low, high = points.min(axis=0), points.max(axis=0)
    return Box(low[0] - 0.75 * wide, low[1] - 0.3 * wide, high[0] + 0.75 * wide, high[1] + 0.5 * wide)


def _polygons(points: Series, across: Series, down: Series) -> list[list[Series]]:
    """Return the polygons of each part, (n, 2) pixels of the frame."""
    parts = [[points[list(part)]] for part in FACE_PARTS.values()]
    chin, top = points[152], points[10]
    neck = _quad(chin + 0.06 * down, 0.2 * across, 0.2 * down)
    # Beside the head at the height of forehead and eyes, past the hair.
    beside = [_quad(top - 0.1 * down + side * 1.0 * across, 0.2 * across, 0.5 * down) for side in (-1, 1)]
    return [*parts, [neck], beside]


def _quad(upper: Series, half: Series, depth: Series) -> Series:
    return np.array([upper - half, upper + half, upper + half + depth, upper - half + depth])
