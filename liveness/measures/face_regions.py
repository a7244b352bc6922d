"""Regions of the face by their landmarks, and the mean colour of its skin."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from liveness.frames import Box, FaceTrack, Floats, Frame, Pixels

OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The face's contour, from the middle of the forehead over the picture's right round to the chin and back."""

LIPS: Final = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
"""Outer and inner edge of both lips."""

STEADY: Final = (6, 168, 197, 195, 33, 133, 263, 362, 5, 4, 1, 122, 351, 9, 8, 151, 10, 67, 297, 127, 356)
"""Points that expressions move least: nose, eye corners, forehead, temples."""

_FOREHEAD = (67, 109, 10, 338, 297, 296, 336, 9, 107, 66)
_LEFT_CHEEK = (117, 118, 101, 36, 205, 187, 123)
_RIGHT_CHEEK = (346, 347, 330, 266, 425, 411, 352)

SKIN_REGIONS: Final = {"forehead": _FOREHEAD, "left_cheek": _LEFT_CHEEK, "right_cheek": _RIGHT_CHEEK}
"""Patches of bare skin, as polygons of landmarks; left is the picture's left."""

_SUBSAMPLED_PX = 96


def fill(polygon: Floats, shape: tuple[int, int]) -> Pixels:
    """Return a (height, width) mask, 1 inside the (n, 2) polygon and 0 outside, drawn to 1/8 pixel."""
    mask = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(polygon * 8).astype(np.int32)], (1,), shift=3)
    return mask


def skin_colours(frame: Frame, face: FaceTrack) -> Floats | None:
    """Return the mean colour of each skin region.

    Returns
    -------
    (3, 3) mean red, green and blue (0–255) of the regions in :data:`SKIN_REGIONS`' order, or None when one of
    them is not in the picture.
    """
    points = face.points_px[:, :2]
    used = points[[index for region in SKIN_REGIONS.values() for index in region]]
    low, high = np.floor(used.min(axis=0)), np.ceil(used.max(axis=0))
    if low.min() < 0 or high[0] > frame.width or high[1] > frame.height or (high - low).min() < 12:
        return None
    rgb = frame.crop_rgb(Box(float(low[0]), float(low[1]), float(high[0]), float(high[1])))
    step = max(1, min(rgb.shape[:2]) // _SUBSAMPLED_PX)
    small = np.ascontiguousarray(rgb[::step, ::step])
    colours = []
    for region in SKIN_REGIONS.values():
        polygon = np.asarray((points[list(region)] - low) / step, dtype=np.float32)
        mask = fill(polygon, (small.shape[0], small.shape[1]))
        if not mask.any():
            return None
        colours.append(cv2.mean(small, mask)[:3])
    return np.array(colours, dtype=np.float32)
