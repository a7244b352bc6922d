"""What a hand covers of the face: the hull of its landmarks over the place where the face was last seen free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np

from liveness.frames import Box, FaceTrack, Hand, Pixels
from liveness.measures.face_patch import PATCH_PX, box_tile, correlation

_THICKNESS: Final = 0.10
"""Half the thickness of a finger, in lengths of the hand (wrist to the tip of the middle finger)."""
_LOST_S: Final = 0.4
_EYES: Final = {"right": (33, 133), "left": (362, 263)}
"""Corners of the candidate's own right and left eye; the right one is on the picture's left."""


class Cover(NamedTuple):
    """One frame with regard to the hands, in the box of the face."""

    time_s: float
    across: float | None
    """Middle of the hand nearest to the face: -1 and 1 are the face's edges, positive on the candidate's left."""
    lower: float
    upper: float
    """Shares of the lower and upper half of the face that are covered, 0–1."""
    left_eye: float
    right_eye: float
    """Shares of the candidate's own eyes that are covered, 0–1."""
    kept: float | None
    """How much what is under the hand looks as the free face did there (correlation, -1 to 1); None if unknown."""
    broken: bool
    seen: bool = True
    """Whether the hand was found in this frame; if not, ``kept`` is of the place where it was last."""

    @property
    def share(self) -> float:
        """Share of the face that is covered, 0–1."""
        return (self.lower + self.upper) / 2


class CoverWatch:
    """Keeps where and how the face was last seen free; plain state."""

    def __init__(self) -> None:
        self.face: FaceTrack | None = None
        self._free: Pixels | None = None
        self._last: Pixels | None = None
        self._last_s = -np.inf

    def see(
        self, time_s: float, luma: Pixels, face: FaceTrack | None, hands: Sequence[Hand], *, broken: bool
    ) -> Cover | None:
        """Return what is covered in this frame; None before a face has been seen free."""
        masks = [] if self.face is None else [_mask(hand, self.face.box_px) for hand in hands]
        covered = np.zeros((PATCH_PX, PATCH_PX), np.uint8) if not masks else np.maximum.reduce(masks)
        if face is not None and not covered.any() and (self._last is None or not self._lately(time_s)):
            # The mesh bends under a hand: only a free face says where the face is.
            self.face, self._free = face, box_tile(luma, face.box_px)
        if self.face is None:
            return None
        if covered.any():
            self._last, self._last_s = covered, time_s
        under = covered if self._last is None else self._last
        box = self.face.box_px
        half = PATCH_PX // 2
        oval = _oval()
        return Cover(
            time_s=time_s,
            across=_across(hands, box),
            upper=_part(covered[:half], oval[:half]),
            lower=_part(covered[half:], oval[half:]),
            left_eye=_part(covered, _eye(self.face, "left")),
            right_eye=_part(covered, _eye(self.face, "right")),
            kept=self._kept(luma, box, np.asarray(np.minimum(under, oval), dtype=np.uint8)),
            broken=broken,
            seen=bool(covered.any()),
        )

    def _lately(self, time_s: float) -> bool:
        """Whether a hand was found a moment ago, so that it may only have been lost."""
        return time_s - self._last_s < _LOST_S

    def _kept(self, luma: Pixels, box: Box, covered: Pixels) -> float | None:
        now = box_tile(luma, box)
        inner = cv2.erode(covered, np.ones((3, 3), np.uint8))
        if now is None or self._free is None or int(inner.sum()) < 0.1 * PATCH_PX**2:
            return None
        return correlation(now, self._free, np.asarray(inner, dtype=np.uint8))


def _mask(hand: Hand, box: Box) -> Pixels:
    """Return the (48, 48) mask of a hand in the box of the face."""
    scale = np.array([PATCH_PX / max(box.width, 1), PATCH_PX / max(box.height, 1)], dtype=np.float32)
    points = (hand.points_px[:, :2] - np.array([box.left, box.top], dtype=np.float32)) * scale
    mask = np.zeros((PATCH_PX, PATCH_PX), np.uint8)
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (1,))
    length = float(np.hypot(*(points[12] - points[0])))
    cv2.polylines(mask, [hull], True, (1,), thickness=max(1, round(2 * _THICKNESS * length)))
    return mask


def _across(hands: Sequence[Hand], box: Box) -> float | None:
    """Return the place of the nearest hand at the face's height, from -1 to 1 over the face."""
    (x, y), near = box.center, []
    for hand in hands:
        middle = hand.points_px[:, :2].mean(axis=0)
        if abs(float(middle[1]) - y) < box.height:
            near.append((float(middle[0]) - x) / max(box.width / 2, 1.0))
    return min(near, key=abs) if near else None


def _part(covered: Pixels, region: Pixels) -> float:
    return float((covered & region).sum()) / max(1, int(region.sum()))


def _oval() -> Pixels:
    mask = np.zeros((PATCH_PX, PATCH_PX), np.uint8)
    half = PATCH_PX // 2
    cv2.ellipse(mask, (half, half), (half, half), 0, 0, 360, (1,), -1)
    return mask


def _eye(face: FaceTrack, side: str) -> Pixels:
    mask = np.zeros((PATCH_PX, PATCH_PX), np.uint8)
    box = face.box_px
    x, y = face.points_px[list(_EYES[side]), :2].mean(axis=0)
    at = (round((x - box.left) / max(box.width, 1) * PATCH_PX), round((y - box.top) / max(box.height, 1) * PATCH_PX))
    cv2.circle(mask, at, 4, (1,), -1)
    return mask
