"""Answers to "turn to profile"."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from liveness.dsp import Series
from liveness.frames import Floats, Pixels
from liveness.lab.answers.film import Film
from liveness.lab.answers.head import shell_middle, turned, without
from liveness.lab.answers.material import FPS, Person
from liveness.lab.answers.visits import Visit
from liveness.measures.face_regions import OVAL, fill
from liveness.measures.nose_place import nose_yaw_deg

Maker = Callable[[Person, str, np.random.Generator], Film]


def _sign(side: str) -> float:
    # A positive yaw takes the nose to the picture's left, which is the candidate's own right.
    return -1.0 if side == "left" else 1.0


_OTHER = {"left": "right", "right": "left"}


def _turn(person: Person, visit: Visit, degrees: float) -> Film:
    def film(after_s: float) -> Pixels:
        picture, points = person.at(after_s + 60)
        yaw = degrees * visit.share(after_s)
        return picture if yaw == 0 else person.head.drawn(picture, points, turned(points, yaw_deg=yaw))

    return film


def _profile(person: Person, side: str, rng: np.random.Generator) -> float:
    """Return how far a head goes from where it rests to stand at 62–80° to the camera, in degrees with a sign.

    A head that rests turned has not as far to go to that side, and none turns beyond what a neck lets it.
    """
    rest = float(np.median([nose_yaw_deg(points) for points in person.points_px]))
    return _sign(side) * float(rng.uniform(62, 80)) + rest


def _done(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _turn(person, Visit.drawn(rng, hold_s=(1.5, 2.5)), _profile(person, side, rng))


def _other_side(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _turn(person, Visit.drawn(rng, hold_s=(1.5, 2.5)), _profile(person, _OTHER[side], rng))


def _too_little(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _turn(person, Visit.drawn(rng, hold_s=(1.5, 2.5)), _sign(side) * float(rng.uniform(10, 25)))


def _not_held(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _turn(person, Visit.drawn(rng, hold_s=(0.0, 0.2)), _profile(person, side, rng))


def _too_late(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _turn(person, Visit.drawn(rng, hold_s=(1.5, 2.5), begins_s=(7.6, 8.2)), _profile(person, side, rng))


def _before(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _turn(person, Visit.drawn(rng, hold_s=(2.5, 3.5), begins_s=(-0.9, -0.3)), _profile(person, side, rng))


def _nothing(person: Person, side: str, rng: np.random.Generator) -> Film:
    return lambda after_s: person.at(after_s + 60)[0]


def _flat_photo(person: Person, side: str, rng: np.random.Generator) -> Film:
    """A photograph of the person on a card that is turned: what it shows keeps its plane."""
    visit, degrees = Visit.drawn(rng, hold_s=(1.5, 2.5)), _sign(side) * float(rng.uniform(45, 70))
    photo, points = person.at(60)
    middle = shell_middle(points)
    half = np.float32(0.95 * np.ptp(points[:, :2], axis=0).max() / 2)
    card = np.array([[-1, -1.1], [1, -1.1], [1, 1.1], [-1, 1.1]], dtype=np.float32) * half
    behind = without(photo, points)

    def film(after_s: float) -> Pixels:
        angle = np.radians(degrees * visit.share(after_s))
        depth = 6 * half
        scale = depth / (depth + card[:, 0] * np.sin(angle))
        there = np.stack([card[:, 0] * np.cos(angle) * scale, card[:, 1] * scale], axis=1).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(card + middle, there + middle)
        size = (photo.shape[1], photo.shape[0])
        moved = cv2.warpPerspective(photo, matrix, size, borderMode=cv2.BORDER_REFLECT)
        mask = fill(there + middle, (size[1], size[0]))[..., None]
        picture: Pixels = np.where(mask > 0, moved, behind).astype(np.uint8)
        return picture

    return film


def _animation(person: Person, side: str, rng: np.random.Generator) -> Film:
    """An animated photograph driven beyond what it knows: too little depth, and its features swim."""
    visit, degrees = Visit.drawn(rng, hold_s=(1.5, 2.5)), _profile(person, side, rng)
    photo, points = person.at(60)
    behind = without(photo, points)
    size = float(np.ptp(points[list(OVAL), 0]))
    waves, phases = rng.normal(0, 1, (6, 2)), rng.uniform(0, 6.28, (6, 2))

    def film(after_s: float) -> Pixels:
        share = visit.share(after_s)
        flat = points.copy()
        flat[:, 2] = points[:, 2].mean() + (points[:, 2] - points[:, 2].mean()) * (1 - 0.5 * share)
        moved = turned(flat, yaw_deg=degrees * share * 0.85)
        moved[:, :2] += share * 0.02 * size * _swimming(points, after_s, waves, phases, size)
        return person.head.drawn(photo, points, moved, under=behind)

    return film


def _swimming(points: Floats, after_s: float, waves: Series, phases: Series, size: float) -> Floats:
    """Return (n, 2) smooth displacements that change over time."""
    total = np.zeros((len(points), 2), dtype=np.float32)
    for wave, phase in zip(waves, phases, strict=True):
        along = points[:, :2] @ wave.astype(np.float32) * np.float32(6 / size)
        total += np.stack([np.sin(along + phase[0] + 7 * after_s), np.cos(along + phase[1] + 5 * after_s)], axis=1)
    return total


def _swap(person: Person, side: str, rng: np.random.Generator, *, torn: bool) -> Film:
    """A face swap that was trained from the front: beyond 35° its face blurs, or tears and comes and goes."""
    visit, degrees = Visit.drawn(rng, hold_s=(1.5, 2.5)), _profile(person, side, rng)
    off = rng.random(400) < 0.5

    def film(after_s: float) -> Pixels:
        picture, points = person.at(after_s + 60)
        yaw = degrees * visit.share(after_s)
        moved = turned(points, yaw_deg=yaw)
        drawn = person.head.drawn(picture, points, moved)
        if abs(yaw) < 35:
            return drawn
        mask = fill(moved[list(OVAL), :2], (drawn.shape[0], drawn.shape[1])).astype(np.float32)
        soft = cv2.GaussianBlur(mask, (0, 0), 4)[..., None]
        width = max(2.0, float(np.ptp(moved[list(OVAL), 0])))
        if torn and off[int(after_s * FPS / 2) % len(off)]:
            false = person.head.drawn(picture, points, turned(points, yaw_deg=yaw * 0.45))
        else:
            false = np.asarray(cv2.GaussianBlur(drawn, (0, 0), width / 28), dtype=np.uint8)
        return np.asarray(false * soft + drawn * (1 - soft), dtype=np.uint8)

    return film


def _swap_torn(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _swap(person, side, rng, torn=True)


def _swap_blurred(person: Person, side: str, rng: np.random.Generator) -> Film:
    return _swap(person, side, rng, torn=False)


HONEST: Mapping[str, Maker] = {"done": _done}
NOT_DONE: Mapping[str, Maker] = {
    "nothing": _nothing,
    "other_side": _other_side,
    "too_little": _too_little,
    "not_held": _not_held,
    "too_late": _too_late,
    "before_prompt": _before,
}
FORGED: Mapping[str, Maker] = {
    "flat_photo": _flat_photo,
    "animation": _animation,
    "swap_torn": _swap_torn,
    "swap_blurred": _swap_blurred,
}
