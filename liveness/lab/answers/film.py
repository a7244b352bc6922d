"""A film of an answer, as the engine would see it: encoded pictures, tracked by the models that run in a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from liveness.challenges.contract import Challenge, Outcome
from liveness.challenges.running import Running
from liveness.faces.hands import HandFinder
from liveness.faces.tracking import FaceFollower
from liveness.frames import Box, Floats, Pixels
from liveness.lab.answers.material import FPS

PROMPT_S = 1.5
"""Media time at which the prompt is shown."""

Film = Callable[[float], Pixels]
"""What the camera gives at a time in seconds after the prompt (negative before): (height, width, 3) RGB."""

Sound = Callable[[float, float], Floats]
"""What the microphone gives between two such times: mono at 16 kHz."""

_JPEG_QUALITY = 82


class Shot:
    """One picture as a frame."""

    dropped = 0

    def __init__(self, index: int, time_s: float, rgb: Pixels, audio: Floats | None = None) -> None:
        self.index, self.time_s, self.audio = index, time_s, audio
        self.height, self.width = rgb.shape[:2]
        self._rgb = rgb
        self._luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def luma(self) -> Pixels:
        """Return the luma."""
        return self._luma

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        """Return the picture, at most ``max_width`` wide."""
        if max_width is None or self.width <= max_width:
            return self._rgb
        size = (max_width, round(self.height * max_width / self.width))
        return np.asarray(cv2.resize(self._rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def crop_rgb(self, box: Box) -> Pixels:
        """Return a part of the picture."""
        part = box.clipped(self.width, self.height)
        return self._rgb[int(part.top) : int(part.bottom), int(part.left) : int(part.right)]


def shots(film: Film, until_s: float, sound: Sound | None = None) -> Iterator[Shot]:
    """Yield the film's frames; each has gone through a lossy codec, as in a call."""
    for index in range(int((PROMPT_S + until_s) * FPS)):
        time_s = index / FPS
        after_s = time_s - PROMPT_S
        audio = None if sound is None else sound(after_s - 1 / FPS, after_s)
        yield Shot(index, time_s, _coded(film(after_s)), audio)


def play(
    cls: type[Challenge], parameters: str, film: Film, *, until_s: float | None = None, sound: Sound | None = None
) -> Outcome:
    """Show a film to a challenge until it is settled or its time is over, as in a session, and return the outcome."""
    end_s = cls.spec.deadline_s + 0.5 if until_s is None else until_s
    running = Running({cls.spec.name: cls})
    running.prepare("", cls.spec.name)
    finder = HandFinder() if "hands" in cls.spec.needs else None
    begun, time_s = False, 0.0
    try:
        with FaceFollower() as follower:
            for shot in shots(film, end_s, sound):
                observation = follower.see(shot)
                if finder is not None:
                    observation = replace(observation, hands=finder.see(shot))
                if not begun and shot.time_s >= PROMPT_S:
                    begun = True
                    running.begin("", PROMPT_S, parameters, "page")
                time_s = shot.time_s
                for news in running.observe(observation):
                    if news.error:
                        raise RuntimeError(f"{cls.spec.name} failed: {news.error}")
                    if news.outcome is not None:
                        return news.outcome
    finally:
        if finder is not None:
            finder.close()
    last = [news.outcome for news in running.pass_time(time_s, end=True) if news.outcome is not None]
    return last[0]


def _coded(picture: Pixels) -> Pixels:
    """Put a picture through JPEG, which is lossy in the same way as one frame of a call's video."""
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
