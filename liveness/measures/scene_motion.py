"""How the surroundings of a person move from frame to frame: shift and growth of the whole scene.

Corners of the scene (Shi & Tomasi 1994) are followed by pyramidal Lucas–Kanade (Bouguet 2000); a scaled rotation is
fitted to them robustly, by medians over pairs, so that what moves by itself does not count.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from liveness.frames import Box, Floats, Pixels

_WIDTH_PX: Final = 320
_CORNERS, _LEAST = 120, 12
_AGREE_PX: Final = 1.0
"""A corner that lies nearer than this to where the common motion takes it moves with the scene."""


class SceneStep(NamedTuple):
    """Motion of the scene between two frames."""

    shift: tuple[float, float]
    """(x, y) of the point at the picture's middle, in picture widths."""
    growth: float | None
    """Log of the scale: positive when the scene grows; None if the corners lie too near to each other to tell."""
    agreement: float
    """Share of the corners that follow the common motion, 0–1."""


class SceneFollower:
    """Keeps the last small picture; plain state, so that a challenge's snapshot can copy it."""

    def __init__(self) -> None:
        self._before: Pixels | None = None
        self._mask: Pixels | None = None

    def see(self, luma: Pixels, person: Box | None) -> SceneStep | None:
        """Return the motion since the last frame, or None if there is too little to follow.

        Parameters
        ----------
        luma
            (height, width) luma of the frame.
        person
            The face's box in pixels; its head and the body below it are left out. None: all of the picture counts.
        """
        scale = min(1.0, _WIDTH_PX / luma.shape[1])
        size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
        small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        mask = beside(small.shape, person, scale)
        before, before_mask = self._before, self._mask
        self._before, self._mask = small, mask
        if before is None or before_mask is None or before.shape != small.shape:
            return None
        # What the person covers in either frame is no scene.
        return _step(before, small, np.minimum(before_mask, mask))

    def forget(self) -> None:
        """Start anew, after a cut."""
        self._before = self._mask = None


def beside(shape: tuple[int, ...], person: Box | None, scale: float) -> Pixels:
    """Return a (height, width) mask of the scene: 255 beside head and body, 0 on them and at the picture's edge."""
    rows, columns = shape[:2]
    mask = np.zeros((rows, columns), dtype=np.uint8)
    mask[3 : rows - 3, 3 : columns - 3] = 255
    if person is None:
        return mask
    x, y = (value * scale for value in person.center)
    wide, high = person.width * scale / 2, person.height * scale / 2
    for sides, above, below in ((1.5, 1.7, 1.2), (2.6, -1.0, 20.0)):
        top, bottom = max(0, int(y - above * high)), max(0, min(rows, int(y + below * high)))
        left, right = max(0, int(x - sides * wide)), max(0, min(columns, int(x + sides * wide)))
        mask[top:bottom, left:right] = 0
    return mask


def _step(before: Pixels, after: Pixels, mask: Pixels) -> SceneStep | None:
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, 0.01, 6, mask=mask, blockSize=5)
    if corners is None or len(corners) < _LEAST:
        return None
    guess = np.zeros_like(corners)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, guess, winSize=(17, 17), maxLevel=3)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(after, before, there, guess.copy(), winSize=(17, 17), maxLevel=3)
    # A corner that does not come back to where it was had no hold.
    good = (found[:, 0] > 0) & (found_back[:, 0] > 0) & (np.abs(back - corners).max(axis=(1, 2)) < 0.7)
    if int(good.sum()) < _LEAST:
        return None
    here, moved = corners[good, 0], there[good, 0]
    growth = _growth(here, moved)
    grown = growth or 0.0
    middle = np.array([before.shape[1] / 2, before.shape[0] / 2], dtype=np.float32)
    shift = np.median(moved - middle - np.exp(grown) * (here - middle), axis=0)
    off = np.hypot(*(moved - middle - np.exp(grown) * (here - middle) - shift).T)
    width = before.shape[1]
    # What grows fast is placed less exactly.
    within = _AGREE_PX + 20 * abs(grown)
    agreement = float((off < within).sum()) / len(corners)
    return SceneStep((float(shift[0]) / width, float(shift[1]) / width), growth, agreement)


def _growth(here: Floats, moved: Floats) -> float | None:
    """Return the log of the median ratio of distances between corners, or None of too few that lie apart."""
    half = len(here) // 2
    apart = np.hypot(*(here[:half] - here[half : 2 * half]).T)
    apart_then = np.hypot(*(moved[:half] - moved[half : 2 * half]).T)
    far = apart > 20
    if int(far.sum()) < 4:
        return None
    return float(np.log(np.median(np.maximum(apart_then[far], 1e-3) / apart[far])))
