"""A photographed face, and an observation of it."""

from functools import cache

import cv2
import numpy as np
import skimage.data

from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Box, FaceTrack, Floats, Observation, Pixels


class ArrayFrame:
    """A picture held as an array."""

    index = dropped = 0
    audio = None

    def __init__(self, time_s: float, rgb: Pixels) -> None:
        self.time_s = time_s
        self.height, self.width = rgb.shape[:2]
        self._rgb = rgb

    def luma(self) -> Pixels:
        return np.asarray(cv2.cvtColor(self._rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        return self._rgb

    def crop_rgb(self, box: Box) -> Pixels:
        return self._rgb[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]


@cache
def portrait() -> tuple[Pixels, Floats]:
    """The astronaut with the noise of a camera, twice as large, and her landmarks."""
    picture = np.asarray(skimage.data.astronaut(), dtype=np.uint8)[0:320, 80:400]  # type: ignore[no-untyped-call]
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noisy = large + np.random.default_rng(0).normal(0, 4, large.shape)
    rgb = np.clip(noisy, 0, 255).astype(np.uint8)
    with LandmarkTracker() as tracker:
        points = tracker.track(rgb)
    assert points is not None
    return rgb, points


def seen(time_s: float, rgb: Pixels, points: Floats | None) -> Observation:
    face = None
    if points is not None:
        low, high = points[:468, :2].min(axis=0), points[:468, :2].max(axis=0)
        box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        face = FaceTrack(1, time_s, box, points, (0.0, 0.0, 0.0), 1.0, time_s)
    return Observation(frame=ArrayFrame(time_s, rgb), face=face, others=(), changes=frozenset())
