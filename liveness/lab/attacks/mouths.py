"""The inside of a mouth that was closed on the picture it is made of: dark, perhaps with a row of teeth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.lab.attacks.portraits import INNER_LIPS
from liveness.measures.face_regions import fill

_TEETH_LEVELS, _TEETH_SHARE = 170, 0.4
"""Levels that bright teeth add to the dark, and the share of the mouth's height that they take."""


@dataclass(frozen=True, slots=True)
class Mouth:
    """What the inside of the mouth looks like."""

    dark: tuple[float, float, float]
    """Red, green and blue, 0–255."""
    teeth: float
    """How bright the teeth are, 0–1."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Draw one, often without teeth."""
        level = rng.uniform(15, 50)
        return cls((level * 1.6, level * 0.8, level * 0.8), float(rng.choice([0.0, 0.3, 0.6])))

    def within(self, picture: Pixels, lips: Floats, strength: float) -> Pixels:
        """Return the (height, width, 3) picture with the inside drawn between the lips.

        Parameters
        ----------
        lips
            (20, 2) the points :data:`INNER_LIPS`, in pixels.
        strength
            How much of what was there is covered, 0–1.
        """
        hole = fill(lips, (picture.shape[0], picture.shape[1]))
        if strength <= 0 or not hole.any():
            return picture
        top, bottom = float(lips[:, 1].min()), float(lips[:, 1].max())
        rows = (np.arange(picture.shape[0], dtype=np.float32) - top) / max(bottom - top, 1.0)
        teeth = self.teeth * _TEETH_LEVELS * np.clip((_TEETH_SHARE - rows) / 0.1, 0, 1)
        inside = np.array(self.dark, dtype=np.float32) + teeth[:, None, None]
        cover = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), max(0.6, (bottom - top) / 12))
        share = np.asarray(cover * min(1.0, strength), dtype=np.float32)[..., None]
        return np.asarray(np.round(picture * (1 - share) + inside * share), dtype=np.uint8)


def inner_lips(points: Floats) -> Floats:
    """Return (20, 2) the points of a face that lie around the opening of its mouth."""
    return np.ascontiguousarray(points[list(INNER_LIPS), :2])
