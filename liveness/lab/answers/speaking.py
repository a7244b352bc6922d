"""Answers to "read digits": a still photograph whose mouth is opened, with or without the sound that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


def _mouthed(person: Person, begins_s: float, rng: np.random.Generator, *, syllables: int) -> Film:
    photo, still = person.at(60)
    height = float(np.linalg.norm(still[10] - still[152]))
    middle, half = (still[61, 0] + still[291, 0]) / 2, abs(still[291, 0] - still[61, 0]) / 2
    # The corners stay where they are, and the lip between them hangs as an arc.
    less = np.clip(1.0 - ((still[list(_LOWER), 0] - middle) / max(half, 1.0)) ** 2, 0.0, 1.0)
    starts = begins_s + np.cumsum(rng.uniform(0.45, 0.7, syllables)) - 0.45
    wide = rng.uniform(0.06, 0.11, syllables)

    def film(after_s: float) -> Pixels:
        since = (after_s - starts) / 0.34
        opening = float(np.sum(wide * np.where((since >= 0) & (since <= 1), np.sin(np.pi * since.clip(0, 1)), 0)))
        if opening < 1e-3:
            return photo
        moved = still.copy()
        moved[list(_LOWER), 1] += opening * height * less
        return _hollow(person.head.drawn(photo, still, moved, under=photo), moved)

    return film


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
    photo = person.at(60)[0]
    return lambda after_s: photo


def _recording(person: Person, digits: str, rng: np.random.Generator) -> Film:
    """What was filmed of the person before, talking or not, going on."""
    return lambda after_s: person.at(after_s + 60)[0]


HONEST: Mapping[str, Maker] = {"done": _done}
NOT_DONE: Mapping[str, Maker] = {"nothing": _nothing, "too_late": _late, "one_syllable": _once}
FORGED: Mapping[str, Maker] = {"recording": _recording}
