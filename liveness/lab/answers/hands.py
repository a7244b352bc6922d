"""Answers with a hand: a drawn hand of the person's own skin colour before the face."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.lab.answers.film import Film
from liveness.lab.answers.head import shell_middle
from liveness.lab.answers.material import Person
from liveness.lab.answers.visits import Visit
from liveness.measures.face_regions import OVAL, fill

Maker = Callable[[Person, str, np.random.Generator], Film]

_SIZE, _LONG = 240, 560
"""Pixels of the sprite that stand for a hand's length and a little more, and its height with the forearm."""
_FINGERS = (
    ((0.35, 0.50), (0.29, 0.21)),
    ((0.45, 0.48), (0.44, 0.12)),
    ((0.55, 0.50), (0.58, 0.17)),
    ((0.64, 0.55), (0.71, 0.30)),
)
_LIMBS = (
    *((*finger, radius, radius * 0.8) for finger, radius in zip(_FINGERS, (0.050, 0.052, 0.050, 0.043), strict=True)),
    ((0.42, 0.80), (0.29, 0.66), 0.085, 0.065),
    ((0.29, 0.66), (0.17, 0.50), 0.060, 0.042),
    *(((0.5, 0.80), knuckle, 0.14, 0.062) for knuckle in ((0.36, 0.54), (0.45, 0.52), (0.54, 0.53), (0.62, 0.58))),
    ((0.5, 0.82), (0.5, 1.0), 0.13, 0.105),
    ((0.5, 1.0), (0.5, 2.6), 0.105, 0.17),
)
"""(from, to, radius, radius) of each limb, in sizes of the sprite: fingers, thumb, palm, wrist, forearm."""


@functools.cache
def _sprite() -> tuple[Floats, Floats]:
    """Return (560, 240) shade and coverage of an open hand with its forearm, fingers up, lit from above."""
    y, x = np.mgrid[0:_LONG, 0:_SIZE].astype(np.float32) / _SIZE
    height = np.zeros((_LONG, _SIZE), dtype=np.float32)
    for (x0, y0), (x1, y1), radius, end in _LIMBS:
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
        off = (x - x0 - along * (x1 - x0)) ** 2 + (y - y0 - along * (y1 - y0)) ** 2
        # A palm and an arm are flatter than round.
        limb = np.sqrt(np.maximum((radius + (end - radius) * along) ** 2 - off, 0))
        height = np.maximum(height, np.minimum(limb, 0.055 + 0.25 * np.maximum(limb - 0.055, 0)))
    mask = cv2.GaussianBlur((height > 0).astype(np.float32), (0, 0), 1)
    smooth = np.asarray(cv2.GaussianBlur(height * _SIZE, (0, 0), 2), dtype=np.float32)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8
    shade = 0.40 + 0.65 * (0.95 - 0.2 * gx - 0.3 * gy) / np.sqrt(1 + gx**2 + gy**2)
    grain = np.random.default_rng(0).normal(0, 1, (_LONG, _SIZE)).astype(np.float32)
    # Skin is not of one colour: veins, knuckles and redder tips, as patches of a finger's width.
    shade = shade + 0.25 * cv2.GaussianBlur(grain, (0, 0), 5) + 0.02 * grain
    return np.clip(shade, 0.3, 1.2).astype(np.float32), np.asarray(mask, dtype=np.float32)


class _Place(NamedTuple):
    """Where the hand is: its middle in half faces from the face's middle, its turn, its size in face heights."""

    x: float
    y: float
    turn_deg: float
    size: float
    mirrored: bool


def _laid(picture: Pixels, points: Floats, place: _Place) -> tuple[Pixels, Floats]:
    """Return the picture with the hand on top, and the hand's (height, width) coverage."""
    shade, mask = _sprite()
    if place.mirrored:
        shade, mask = shade[:, ::-1].copy(), mask[:, ::-1].copy()
    contour = points[list(OVAL), :2]
    wide, high = np.ptp(contour, axis=0) / 2
    middle = shell_middle(points) + np.array([place.x * wide, place.y * high], dtype=np.float32)
    scale = float(place.size * 2 * high / _SIZE)
    matrix = np.array(cv2.getRotationMatrix2D((_SIZE / 2, _SIZE / 2), place.turn_deg, scale), dtype=np.float64)
    matrix[:, 2] += middle - np.array([_SIZE / 2, _SIZE * 0.5])
    size = (picture.shape[1], picture.shape[0])
    shade, mask = (
        np.asarray(cv2.warpAffine(one, matrix, size, flags=cv2.INTER_AREA)[..., None], np.float32)
        for one in (shade, mask)
    )
    cheek = points[[50, 280], :2].mean(axis=0).astype(int).clip(4, np.array(size) - 5)
    skin = np.median(
        picture[cheek[1] - 3 : cheek[1] + 4, points[50, 0].astype(int) : points[280, 0].astype(int)], axis=(0, 1)
    )
    # A hand is a little redder than a cheek, and keeps light from what is close behind it.
    hand = shade * skin * np.array([1.0, 0.94, 0.92], dtype=np.float32)
    far = float(0.05 * high)
    shadow = cv2.GaussianBlur(np.roll(mask, round(far), axis=0), (0, 0), max(1.0, far))[..., None]
    behind = picture * (1 - 0.35 * shadow)
    return np.asarray(behind * (1 - mask) + hand * mask, dtype=np.float32).clip(0, 255).astype(np.uint8), mask


Course = Callable[[float], _Place | None]


def _film(person: Person, course: Course, *, mask: str = "none", seed: int = 0) -> Film:
    """Show a hand; ``mask``: "fails" lays the face over the hand for most of the time, "good" never does."""
    shown = np.random.default_rng(seed).random(400) < 0.8

    def film(after_s: float) -> Pixels:
        picture, points = person.at(after_s + 60)
        place = course(after_s)
        if place is None:
            return picture
        with_hand, _ = _laid(picture, points, place)
        if mask != "fails" or not shown[int(after_s * 12) % len(shown)]:
            return with_hand
        contour = points[list(OVAL), :2]
        inner = contour.mean(axis=0) + (contour - contour.mean(axis=0)) * np.float32(0.93)
        soft = (
            cv2.GaussianBlur(fill(inner, (picture.shape[0], picture.shape[1])).astype(np.float32), (0, 0), 4)[..., None]
            * 0.92
        )
        return np.asarray(picture * soft + with_hand * (1 - soft), dtype=np.uint8)

    return film


def _course(
    way: str, rng: np.random.Generator, begins_s: tuple[float, float] = (0.5, 1.8), last_s: float = 0
) -> Course:
    """Return the course of a hand for a side, a half of the face, or an eye ("eye-left")."""
    start, size = float(rng.uniform(*begins_s)), float(rng.uniform(0.85, 1.05))
    tilt, wobble = float(rng.uniform(-8, 8)), float(rng.uniform(-0.08, 0.08))
    if way in ("left", "right"):
        sign, takes = (1.0 if way == "left" else -1.0), float(rng.uniform(1.4, 2.6))

        def passing(after_s: float) -> _Place | None:
            share = (after_s - start) / takes
            at = sign * (1.9 - 3.8 * share)
            return _Place(at, wobble + 0.15, tilt, size, sign < 0) if 0 <= share <= 1 else None

        return passing
    rest = {
        "lower": _Place(0.05, 0.55, 80 + tilt, size, False),
        "upper": _Place(0.05, -0.45, 80 + tilt, size, False),
        # The upper palm and the roots of the fingers lie on the eye.
        "eye-left": _Place(0.55, -0.2, tilt * 0.5 - 10, 0.9 * size, True),
        "eye-right": _Place(-0.55, -0.2, tilt * 0.5 + 10, 0.9 * size, False),
    }[way]
    away = {"lower": (-2.2, 1.0), "upper": (-2.4, -0.4), "eye-left": (1.7, 1.4), "eye-right": (-1.7, 1.4)}[way]
    visit = Visit(start, float(rng.uniform(0.4, 0.8)), last_s or float(rng.uniform(1.6, 2.4)))

    def holding(after_s: float) -> _Place | None:
        share = visit.share(after_s)
        if share == 0:
            return None
        return rest._replace(
            x=away[0] + (rest.x + wobble * 0.5 - away[0]) * share, y=away[1] + (rest.y + wobble - away[1]) * share
        )

    return holding


_OTHER = {
    "left": "right",
    "right": "left",
    "lower": "upper",
    "upper": "lower",
    "eye-left": "eye-right",
    "eye-right": "eye-left",
}


def _makers(prefix: str, deadline_s: float) -> tuple[dict[str, Maker], dict[str, Maker], dict[str, Maker]]:
    """Return honest, not done, and forged answers."""

    def at(way: str) -> str:
        return prefix + way

    late, early = (deadline_s - 0.4, deadline_s - 0.1), (-1.0, -0.6)
    honest: dict[str, Maker] = {"done": lambda who, way, rng: _film(who, _course(at(way), rng))}
    not_done: dict[str, Maker] = {
        "nothing": lambda who, way, rng: _film(who, lambda _: None),
        "other_side": lambda who, way, rng: _film(who, _course(_OTHER[at(way)], rng)),
        "too_late": lambda who, way, rng: _film(who, _course(at(way), rng, late)),
        "before_prompt": lambda who, way, rng: _film(who, _course(at(way), rng, early, 2.5)),
    }
    forged: dict[str, Maker] = {
        "swap_mask_fails": lambda who, way, rng: _film(who, _course(at(way), rng), mask="fails"),
        "swap_mask_good": lambda who, way, rng: _film(who, _course(at(way), rng), mask="good"),
    }
    return honest, not_done, forged


_over, _eye = _makers("", 9.0), _makers("eye-", 8.0)
OVER_HONEST: Mapping[str, Maker] = _over[0]
OVER_NOT_DONE: Mapping[str, Maker] = _over[1]
OVER_FORGED: Mapping[str, Maker] = _over[2]
EYE_HONEST: Mapping[str, Maker] = _eye[0]
EYE_NOT_DONE: Mapping[str, Maker] = _eye[1]
EYE_FORGED: Mapping[str, Maker] = _eye[2]
