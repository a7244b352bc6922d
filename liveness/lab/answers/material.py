"""What answers are made of: a few seconds of a person, with the landmarks that the mesh found in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Floats, Pixels
from liveness.geometry import head_pose_deg
from liveness.lab.answers.head import Head, shell
from liveness.media import Recording

FPS = 10.0
"""Pictures a second; a little less than what the engine analyses."""
_LONGEST_S, _WIDEST_PX = 4.0, 320


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A person who sits before the camera, more or less still; goes to and fro through what was filmed."""

    name: str
    pictures: tuple[Pixels, ...]
    """(height, width, 3) RGB each, all of one size."""
    points_px: tuple[Floats, ...]
    """(504, 3) each: :func:`liveness.lab.answers.head.shell`."""
    head: Head

    def at(self, time_s: float) -> tuple[Pixels, Floats]:
        """Return the picture at a time, with its points."""
        count = len(self.pictures)
        place = int(time_s * FPS + 1e-6) % max(1, 2 * count - 2)
        index = place if place < count else 2 * count - 2 - place
        return self.pictures[index], self.points_px[index]


def person_of(name: str, pictures: Iterable[Pixels]) -> Person | None:
    """Find the face in pictures at :data:`FPS`; None if it is not seen in front of the camera for at least a second."""
    kept: list[tuple[Pixels, Floats, float]] = []
    with LandmarkTracker() as tracker:
        for picture in pictures:
            points = tracker.track(picture)
            if points is not None:
                yaw = head_pose_deg(points, picture.shape[1], picture.shape[0])[0]
                kept.append((picture, points, yaw))
            elif kept:
                break
    # A person who answers a prompt looks at the screen before: the longest stretch near the front.
    stretch = _longest([abs(yaw) < 20 for *_, yaw in kept])
    chosen = kept[stretch]
    if len(chosen) < FPS:
        return None
    front = min(chosen, key=lambda look: abs(look[2]))[1]
    return Person(name, tuple(p for p, *_ in chosen), tuple(shell(q) for _, q, _ in chosen), Head(front))


def read_person(name: str, path: Path) -> Person | None:
    """Read the first seconds of a recording; the same as :func:`person_of`."""
    return person_of(name, _pictures(path))


def _pictures(path: Path) -> Iterable[Pixels]:
    slot = -1
    with Recording(path) as recording:
        for frame in recording.frames():
            if frame.time_s > _LONGEST_S:
                return
            if int(frame.time_s * FPS + 1e-6) > slot:
                slot = int(frame.time_s * FPS + 1e-6)
                rgb = frame.rgb(max_width=_WIDEST_PX)
                yield np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])


def _longest(good: list[bool]) -> slice:
    best, start = slice(0, 0), 0
    for index, is_good in enumerate([*good, False]):
        if not is_good:
            if index - start > best.stop - best.start:
                best = slice(start, index)
            start = index + 1
    return best
