"""MediaPipe's hand landmarks, in tracking mode; made only while a challenge asks for hands."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Literal, Self

import numpy as np

# After landmarks, which silences both libraries before they load.
from mediapipe.python.solutions.hands import Hands

from liveness.faces.landmarks import banners_off
from liveness.frames import Frame, Hand

_WIDTH_PX: Final = 640
"""The models look at 192 and 224 pixels; a wider picture only costs."""

_SWAPPED: Final[dict[str, Literal["left", "right"]]] = {"Left": "right", "Right": "left"}
"""The model names hands as in a mirrored picture, and ours is not."""


class HandFinder:
    """Follows up to two hands from frame to frame; some 30 ms a frame on one core, less while there are none."""

    def __init__(self, *, min_score: float = 0.4) -> None:
        with banners_off():
            self._hands = Hands(
                static_image_mode=False,
                max_num_hands=2,
                model_complexity=0,
                min_detection_confidence=min_score,
                min_tracking_confidence=min_score,
            )
            self._hands.process(np.zeros((64, 64, 3), dtype=np.uint8))
        self._greeted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def see(self, frame: Frame) -> tuple[Hand, ...]:
        """Return the hands in the next frame, none or up to two."""
        rgb = np.ascontiguousarray(frame.rgb(max_width=_WIDTH_PX))
        if self._greeted:
            found = self._hands.process(rgb)
        else:
            # The landmark model starts, and greets, when the first hand comes.
            with banners_off():
                found = self._hands.process(rgb)
        self._greeted = self._greeted or bool(found.multi_hand_landmarks)
        size = np.array([frame.width, frame.height, frame.width], dtype=np.float32)
        hands = []
        for marks, sides in zip(found.multi_hand_landmarks or [], found.multi_handedness or [], strict=True):
            points = np.array([(p.x, p.y, p.z) for p in marks.landmark], dtype=np.float32) * size
            likeliest = sides.classification[0]
            hands.append(Hand(points, float(likeliest.score), _SWAPPED[likeliest.label]))
        return tuple(hands)

    def close(self) -> None:
        """Free the models."""
        self._hands.close()
