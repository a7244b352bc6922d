"""The strip along the face's contour, where a swapped face is blended in, and what lies on its two sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveness.frames import Box, FaceTrack, Floats, Pixels
from liveness.measures.face_regions import OVAL, fill

# Stretches of the contour, as positions in OVAL: from one corner of the jaw to the other; under the chin.
_JAW, _CHIN = slice(11, 26), slice(14, 23)

# How far out a region begins and ends, in contours: 1 is the contour itself, 0 the middle of the face.
_INNER, _ON_CONTOUR, _NECK = 0.72, (0.90, 1.10), (1.14, 1.40)


@dataclass(frozen=True, slots=True, eq=False)
class ContourRegions:
    """Masks (1 inside, 0 outside) over the part of the picture in ``box``, each of its height and width."""

    box: Box
    """Whole pixels inside the picture."""
    inner: Pixels
    """The face well inside its contour."""
    jaw: Pixels
    """The strip along the lower contour, half of it within and half of it outside."""
    neck: Pixels
    """The neck below the chin."""
    neck_seen: float
    """Share of the neck region that lies in the picture, 0–1."""


def contour_regions(face: FaceTrack, width: int, height: int) -> ContourRegions | None:
    """Lay the regions over a picture of ``width`` × ``height`` pixels; None if the face is not inside it."""
    oval = face.points_px[list(OVAL), :2]
    inner, jaw, neck = _scaled(oval, _INNER), _band(oval, _JAW, _ON_CONTOUR), _band(oval, _CHIN, _NECK)
    corners = np.concatenate([inner, jaw, neck])
    low, high = np.floor(corners.min(axis=0)) - 8, np.ceil(corners.max(axis=0)) + 8
    box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1])).clipped(width, height)
    if min(box.width, box.height) < 16:
        return None
    shape = (int(box.height), int(box.width))
    origin = np.array([box.left, box.top], dtype=np.float32)
    masks = [fill(np.asarray(region - origin, dtype=np.float32), shape) for region in (inner, jaw, neck)]
    if not (masks[0].any() and masks[1].any()):
        return None
    neck_seen = min(1.0, float(masks[2].sum()) / max(_area(neck), 1.0))
    return ContourRegions(box=box, inner=masks[0], jaw=masks[1], neck=masks[2], neck_seen=neck_seen)


def _scaled(oval: Floats, factor: float) -> Floats:
    middle = oval.mean(axis=0)
    return np.asarray(middle + (oval - middle) * factor, dtype=np.float32)


def _band(oval: Floats, stretch: slice, reach: tuple[float, float]) -> Floats:
    near, far = (_scaled(oval, factor)[stretch] for factor in reach)
    return np.concatenate([near, far[::-1]])


def _area(polygon: Floats) -> float:
    x, y = polygon[:, 0].astype(np.float64), polygon[:, 1].astype(np.float64)
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
