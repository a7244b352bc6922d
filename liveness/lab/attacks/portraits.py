"""Faces that attacks are made of: those of the clip, and another one from a second file."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveness.errors import MediaError
from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Floats, Pixels
from liveness.geometry import head_pose_deg
from liveness.media import Recording, is_picture, read_picture

LARGEST_PX = 640
"""Width to which clips and pictures are scaled down."""
LEAST_FACE_PX = 48
"""Height of the smallest face that is worth putting anywhere."""
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""The outline of the opening of the mouth, round from its corner at the picture's left."""
_STRAIGHT_DEG = 20.0
_SOUGHT_S, _SOUGHT_STEP = 6.0, 5
_EYES = ((33, 133, 159, 145), (263, 362, 386, 374))
"""Of each eye its corners, and the middles of its lids."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """One picture of one face."""

    picture: Pixels
    """(height, width, 3) RGB of even size."""
    points: Floats
    """(478, 3) landmarks in its pixels."""


def tracked(pictures: Sequence[Pixels], name: str) -> list[Floats | None]:
    """Return (478, 3) landmarks in pixels for each picture, None where no face is seen.

    Raises
    ------
    MediaError
        No picture shows a face.
    """
    with LandmarkTracker() as tracker:
        found = [tracker.track(picture) for picture in pictures]
    if all(points is None for points in found):
        raise MediaError(
            f"{name}: expected a clip of a person, found no face in its {len(pictures)} pictures; "
            "give one that shows the whole face"
        )
    return found


def read_face(path: Path) -> Portrait:
    """Return the face in a picture, or the best of those in a clip's first seconds.

    Raises
    ------
    MediaError
        The file cannot be read, or shows no face, or one that is too small.
    """
    portraits = list(_portraits(_pictures(path)))
    if not portraits:
        raise MediaError(
            f"{path}: expected a picture or clip of a face, found no face in it; "
            "give one that shows the whole face, turned to the camera"
        )
    best = min(portraits, key=lambda one: off_front(one.points, one.picture) - 150 * lips_height(one.points))
    tall = height_of(best.points)
    if tall < LEAST_FACE_PX:
        raise MediaError(
            f"{path}: expected a face at least {LEAST_FACE_PX} pixels tall when the picture is {LARGEST_PX} wide, "
            f"got {tall:.0f}; cut the picture to the head"
        )
    return best


def first_good(pictures: Sequence[Pixels], found: Sequence[Floats | None]) -> int:
    """Return the first picture whose face makes nearly as good a portrait as any."""
    costs = [
        np.inf if points is None else off_front(points, picture)
        for picture, points in zip(pictures, found, strict=True)
    ]
    return int(np.argmax(np.array(costs) <= min(costs) + 8))


def off_front(points: Floats, picture: Pixels) -> float:
    """Return how far (478, 3) landmarks are from a good portrait: degrees of turn, and as much for eyes and mouth.

    Eyes should be open, the mouth closed.
    """
    yaw, pitch, _ = head_pose_deg(points, picture.shape[1], picture.shape[0])
    return abs(yaw) + 0.5 * abs(pitch) + 100 * max(0.0, 0.3 - eye_opening(points)) + 20 * mouth_opening(points)


def eye_opening(points: Floats) -> float:
    """Return the height of the eyes by their width, the mean of both: about 0.3 when they are open."""
    ratios = []
    for outer, inner, upper, lower in _EYES:
        wide = float(np.linalg.norm(points[outer, :2] - points[inner, :2]))
        ratios.append(float(np.linalg.norm(points[upper, :2] - points[lower, :2])) / max(wide, 1e-3))
    return sum(ratios) / len(ratios)


def mouth_opening(points: Floats) -> float:
    """Return the height of the mouth's opening by its width: 0 when it is closed."""
    wide = float(np.linalg.norm(points[78, :2] - points[308, :2]))
    return float(np.linalg.norm(points[13, :2] - points[14, :2])) / max(wide, 1e-3)


def lips_height(points: Floats) -> float:
    """Return the height of both lips by that of the face: about 0.15, less when they are pressed together."""
    upper = float(np.linalg.norm(points[0, :2] - points[13, :2]))
    lower = float(np.linalg.norm(points[17, :2] - points[14, :2]))
    return (upper + lower) / max(height_of(points), 1e-3)


def most_opened(found: Iterable[Floats | None], picture: Pixels) -> Floats | None:
    """Return the (478, 3) landmarks of the face whose lips are the most open, among those not turned far."""
    usable = [one for one in found if one is not None and abs(yaw_deg(one, picture)) < _STRAIGHT_DEG]
    return max(usable, key=lambda one: min(mouth_opening(one), 0.5) + 2 * lips_height(one), default=None)


def height_of(points: Floats) -> float:
    """Return the height in pixels of a face from the middle of the forehead to the chin."""
    return float(np.linalg.norm(points[10] - points[152]))


def yaw_deg(points: Floats, picture: Pixels) -> float:
    """Return how far a face is turned to a side, positive when the nose goes to the picture's left."""
    return head_pose_deg(points, picture.shape[1], picture.shape[0])[0]


def _pictures(path: Path) -> Iterator[Pixels]:
    if is_picture(path):
        yield _even(read_picture(path).rgb(max_width=LARGEST_PX))
        return
    with Recording(path) as recording:
        frames = itertools.takewhile(lambda frame: frame.time_s < _SOUGHT_S, recording.frames())
        for frame in itertools.islice(frames, 0, None, _SOUGHT_STEP):
            yield _even(frame.rgb(max_width=LARGEST_PX))


def _portraits(pictures: Iterable[Pixels]) -> Iterator[Portrait]:
    with LandmarkTracker() as tracker:
        for picture in pictures:
            points = tracker.track(picture)
            if points is not None:
                yield Portrait(picture, points)


def _even(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
