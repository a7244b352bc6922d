"""MediaPipe's hand landmarks, in tracking mode; made only while a challenge needs hands."""

from __future__ import annotations

import numpy as np
from mediapipe.python.solutions.hands import Hands

from liveness.faces.landmarks import quiet_start
from liveness.frames import Floats, Frame, Hand, Pixels

_WIDTH = 640
"""Pixels; hands near a face are large enough at this width."""


class HandFinder:
    """Finds at most two hands in each frame; about 15 ms a frame on one core."""

    def __init__(self) -> None:
        with quiet_start():
            self._hands = Hands(
                static_image_mode=False, max_num_hands=2, model_complexity=0, min_detection_confidence=0.5
            )
            self._hands.process(np.zeros((64, 64, 3), dtype=np.uint8))
        self._greeted = False

    def see(self, frame: Frame) -> tuple[Hand, ...]:
        """Return the hands in a frame, in pixels of the frame."""
        rgb = frame.rgb(max_width=_WIDTH)
        mirrored: Pixels = np.ascontiguousarray(rgb[:, ::-1])  # The model tells left from right for a mirrored picture.
        if self._greeted:
            found = self._hands.process(mirrored)
        else:
            with quiet_start():
                found = self._hands.process(mirrored)
            self._greeted = bool(found.multi_hand_landmarks)
        hands = []
        for marks, side in zip(found.multi_hand_landmarks or [], found.multi_handedness or [], strict=True):
            points: Floats = np.array([(1 - p.x, p.y, p.z) for p in marks.landmark], dtype=np.float32)
            points *= np.array([frame.width, frame.height, frame.width], dtype=np.float32)
            label = side.classification[0]
            hands.append(Hand(points, float(label.score), "left" if label.label == "Left" else "right"))
        return tuple(hands)

    def close(self) -> None:
        """Free the model."""
        self._hands.close()
