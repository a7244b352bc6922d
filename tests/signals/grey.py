"""A frame for signals that look at landmarks only."""

from __future__ import annotations

import numpy as np

from liveness.frames import Box, Pixels


class GreyFrame:
    """A grey picture; only its time matters."""

    index = dropped = 0
    width, height = 640, 480
    audio = None

    def __init__(self, time_s: float) -> None:
        self.time_s = time_s

    def luma(self) -> Pixels:
        return np.full((self.height, self.width), 120, np.uint8)

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        return np.full((self.height, self.width, 3), 120, np.uint8)

    def crop_rgb(self, box: Box) -> Pixels:
        return self.rgb()
