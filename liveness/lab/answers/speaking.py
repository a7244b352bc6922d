"""Answers to "read digits": a silent person whose mouth is opened, without the sound that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.lab.answers.film import Film
from liveness.lab.answers.material import Person
from liveness.measures.face_regions import fill

Maker = Callable[[Person, str, np.random.Generator], Film]

_LOWER = (
    14,
    17,
    84,
    314,
    87,
    317,
    178,
    402,
    181,
    405,
    88,
    318,
    95,
    324,
    91,
    321,
    152,
    148,
    377,
    176,
    400,
    200,
    199,
    18,
    83,
    313,
)
"""Lower lip and chin: what an opening mouth takes down."""

_WITHIN = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Around the inner edge of the lips."""

_SILENT, _STILL = 6, 0.006
"""Most pictures of a silent mouth, and the range of its opening in face heights."""


def _mouthed(person: Person, begins_s: float, rng: np.random.Generator, *, syllables: int) -> Film:
    silent = _silent(person)
    starts = begins_s + np.cumsum(rng.uniform(0.45, 0.7, syllables)) - 0.45
    wide = rng.uniform(0.06, 0.11, syllables)

    def film(after_s: float) -> Pixels:
        picture, points = silent.at(after_s + 60)
        since = (after_s - starts) / 0.34
        opening = float(np.sum(wide * np.where((since >= 0) & (since <= 1), np.sin(np.pi * since.clip(0, 1)), 0)))
        if opening < 1e-3:
            return picture
        moved = points.copy()
        moved[list(_LOWER), 1] += opening * float(np.linalg.norm(points[10] - points[152])) * _hanging(points)
        return _hollow(silent.head.drawn(picture, points, moved, under=picture), moved)

    return film


def _silent(person: Person) -> Person:
    """Return the person in up to half a second in which the mouth hardly moved: who waits for a prompt is silent."""
    height = [max(1.0, float(np.linalg.norm(points[10] - points[152]))) for points in person.points_px]
    opening = [
        float(np.linalg.norm(points[13, :2] - points[14, :2])) / high
        for points, high in zip(person.points_px, height, strict=True)
    ]
    part = slice(0, 1)
    for long in range(_SILENT, 0, -1):
        moved = [float(np.ptp(opening[at : at + long])) for at in range(max(1, len(opening) - long + 1))]
        part = slice(int(np.argmin(moved)), int(np.argmin(moved)) + long)
        if min(moved) < _STILL:
            break
    return replace(person, pictures=person.pictures[part], points_px=person.points_px[part])


def _hanging(points_px: Floats) -> Floats:
    """Return (k,) how far each point of the lower lip goes: its corners stay, and between them it hangs as an arc."""
    left, right = points_px[61, 0], points_px[291, 0]
    off = (points_px[list(_LOWER), 0] - (left + right) / 2) / max(abs(right - left) / 2, 1.0)
    return np.asarray(np.clip(1.0 - off**2, 0.0, 1.0), dtype=np.float32)


def _hollow(picture: Pixels, points_px: Floats) -> Pixels:
    """Return the picture with the inside of the mouth dark, where the photograph could only be stretched."""
    inside = fill(points_px[list(_WITHIN), :2], (picture.shape[0], picture.shape[1])).astype(np.float32)
    soft = cv2.GaussianBlur(inside, (0, 0), 0.7)[..., None]
    dark = np.array([0.30, 0.17, 0.16], dtype=np.float32) * np.float32(picture.mean())
    return np.asarray(dark * soft + picture * (1 - soft), dtype=np.uint8)


def _done(person: Person, digits: str, rng: np.random.Generator) -> Film:
    return _mouthed(person, float(rng.uniform(0.6, 1.8)), rng, syllables=4)


def _late(person: Person, digits: str, rng: np.random.Generator) -> Film:
    return _mouthed(person, 7.7, rng, syllables=4)


def _once(person: Person, digits: str, rng: np.random.Generator) -> Film:
    return _mouthed(person, float(rng.uniform(0.6, 1.8)), rng, syllables=1)


def _nothing(person: Person, digits: str, rng: np.random.Generator) -> Film:
    silent = _silent(person)
    return lambda after_s: silent.at(after_s + 60)[0]


def _recording(person: Person, digits: str, rng: np.random.Generator) -> Film:
    """What was filmed of the person before, talking or not, going on."""
    return lambda after_s: person.at(after_s + 60)[0]


HONEST: Mapping[str, Maker] = {"done": _done}
NOT_DONE: Mapping[str, Maker] = {"nothing": _nothing, "too_late": _late, "one_syllable": _once}
FORGED: Mapping[str, Maker] = {"recording": _recording}
