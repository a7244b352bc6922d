"""What moves in a face beyond what a moved, zoomed, turned or brightened picture of it would.

Patches of one face over some seconds are laid onto their mean by a similarity (Lucas and Kanade 1981, on the whole
patch), and gain and offset of their brightness are taken out. What is left is divided by the patch's own gradients and
so becomes a length. It rests on all pixels of the face, where a landmark rests on a few, and so tells a living face
that is calm from a still picture on which the mesh jitters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from liveness.frames import Floats, Pixels

_EDGE_PX: Final = 3
_ROUNDS: Final = 2
_BLUR_PX: Final = 0.8
_LEAST_GRADIENT: Final = 0.25
"""Grey levels a pixel (root mean square): a flatter face would make a large length of its noise."""

Array = npt.NDArray[np.float64]


def inner_motion(patches: Sequence[Pixels]) -> float:
    """Return the root mean square of the face's own motion, in % of the patch's width.

    Parameters
    ----------
    patches
        Two or more of (side, side) luma, as :func:`liveness.measures.face_patch.face_patch` cuts them.
    """
    seen = np.stack([_blurred(patch) for patch in patches])
    laid = _laid_on_their_mean(seen)
    mean = laid.mean(axis=0)
    flat = _inside(laid).reshape(len(laid), -1).astype(np.float64)
    brightness = np.stack([_inside(mean).ravel(), np.ones(flat.shape[1])], axis=1).astype(np.float64)
    left = flat - (brightness @ np.linalg.lstsq(brightness, flat.T, rcond=None)[0]).T
    across, down = _gradients(mean)
    gradient = max(float(np.sqrt((_inside(across) ** 2 + _inside(down) ** 2).mean())), _LEAST_GRADIENT)
    return float(np.sqrt((left**2).mean())) / gradient / seen.shape[2] * 100


def _blurred(patch: Pixels) -> Floats:
    return np.asarray(cv2.GaussianBlur(patch.astype(np.float32), (0, 0), _BLUR_PX), dtype=np.float32)


def _laid_on_their_mean(seen: Floats) -> Floats:
    """Return the (n, side, side) patches, each shifted, scaled and turned so that they agree best."""
    count, height, width = seen.shape
    x, y = np.meshgrid(np.arange(width) - width / 2, np.arange(height) - height / 2)
    moves = np.zeros((count, 4))
    laid = seen.copy()
    for _ in range(_ROUNDS):
        mean = laid.mean(axis=0)
        across, down = _gradients(mean)
        # What shift, growth, turn, gain and offset would each add to the mean.
        parts = (across, down, across * x + down * y, down * x - across * y, mean, np.ones_like(mean))
        design: Array = np.stack([_inside(part).ravel() for part in parts], axis=1).astype(np.float64)
        normal = design.T @ design
        normal += 1e-6 * float(np.trace(normal)) / len(parts) * np.eye(len(parts))
        off = _inside(laid - mean).reshape(count, -1).astype(np.float64)
        moves -= np.linalg.solve(normal, design.T @ off.T).T[:, :4]
        for at, (shift_x, shift_y, growth, turn) in enumerate(moves):
            wide, tilt = 1 + growth, turn
            middle_x, middle_y = width / 2, height / 2
            back = np.array(
                [
                    [wide, -tilt, middle_x - wide * middle_x + tilt * middle_y + shift_x],
                    [tilt, wide, middle_y - wide * middle_y - tilt * middle_x + shift_y],
                ]
            )
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            laid[at] = cv2.warpAffine(seen[at], back, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return laid


def _gradients(picture: Floats) -> tuple[Floats, Floats]:
    """Return the change a pixel across and down."""
    across = np.asarray(cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3) / 8, dtype=np.float32)
    down = np.asarray(cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3) / 8, dtype=np.float32)
    return across, down


def _inside(pictures: Floats) -> Floats:
    return pictures[..., _EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
