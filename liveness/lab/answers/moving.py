"""Answers to "lean in" and "move the camera": a person before a room that moves by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.lab.answers.film import Film
from liveness.lab.answers.head import shell_middle, without
from liveness.lab.answers.material import Person
from liveness.lab.answers.visits import Visit

Maker = Callable[[Person, str, np.random.Generator], Film]

_LATE, _EARLY = (9.4, 9.8), (-0.9, -0.4)


def _scaled(person: Person, visits: Sequence[tuple[Visit, float]], *, zoomed: bool) -> Film:
    """Grow the head (or, zoomed, the whole picture) by exp(amount × share), summed over the visits."""
    photo, still = person.at(60)
    room = without(photo, still)

    def film(after_s: float) -> Pixels:
        picture, points = person.at(after_s + 60)
        scale = float(np.exp(sum(amount * visit.share(after_s) for visit, amount in visits)))
        if abs(scale - 1) < 1e-3:
            return picture
        middle = shell_middle(points)
        if zoomed:
            return _warped(picture, _about(middle, scale))
        moved = points.copy()
        moved[:, :2] = middle + (points[:, :2] - middle) * scale
        moved[:, 2] = points[:, 2] * scale
        # The room stays; it is one picture, with the camera's noise of the moment left out.
        return person.head.drawn(picture, points, moved, under=room if scale < 1 else picture)

    return film


def _about(middle: Floats, scale: float) -> Floats:
    shift = middle * (1 - scale)
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], dtype=np.float32)


def _warped(picture: Pixels, matrix: Floats) -> Pixels:
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT), dtype=np.uint8)


def _leaning(
    way: str, rng: np.random.Generator, *, begins_s: tuple[float, float] = (0.5, 1.4), near: float = 0.0
) -> list[tuple[Visit, float]]:
    """Return the movements of an answer to a way such as "back-2"."""
    first, times = way.split("-")
    visits, start = [], float(rng.uniform(*begins_s))
    for _ in range(int(times)):
        amounts = [near or float(np.log(rng.uniform(1.38, 1.6)))]
        if first == "back":
            amounts.insert(0, -float(np.log(1 / rng.uniform(0.75, 0.83))))
        for amount in amounts:
            visit = Visit(start, float(rng.uniform(0.45, 0.7)), float(rng.uniform(0.3, 0.6)))
            visits.append((visit, amount))
            start = visit.ends_s + float(rng.uniform(0.1, 0.3))
    return visits


def _lean_done(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _scaled(person, _leaning(way, rng), zoomed=False)


def _lean_zoomed(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _scaled(person, _leaning(way, rng), zoomed=True)


def _lean_other(person: Person, way: str, rng: np.random.Generator) -> Film:
    first, times = way.split("-")
    return _scaled(person, _leaning(("in-" if first == "back" else "back-") + times, rng), zoomed=False)


def _lean_count(person: Person, way: str, rng: np.random.Generator) -> Film:
    first, times = way.split("-")
    return _scaled(person, _leaning(f"{first}-{1 if times == '2' else 2}", rng), zoomed=False)


def _lean_little(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _scaled(person, _leaning(way, rng, near=float(np.log(rng.uniform(1.05, 1.15)))), zoomed=False)


def _lean_late(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _scaled(person, _leaning(way, rng, begins_s=_LATE), zoomed=False)


def _lean_early(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _scaled(person, _leaning(way, rng, begins_s=_EARLY), zoomed=False)


def _nothing(person: Person, way: str, rng: np.random.Generator) -> Film:
    return lambda after_s: person.at(after_s + 60)[0]


_CONTENTS = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}
_OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}
_ACROSS = {"left": "up", "right": "down", "up": "left", "down": "right"}


def _shifted(person: Person, way: str, visit: Visit, amount: float, rng: np.random.Generator, *, pasted: bool) -> Film:
    """Move the camera: what it sees moves, with the tremble of a hand; or only the room does, behind a pasted person.

    What comes in at the edge is the picture mirrored, and a margin is cut off as if it had been seen wider before.
    """
    along = np.array(_CONTENTS[way], dtype=np.float32)
    tremble = rng.normal(0, 1, 4)

    def film(after_s: float) -> Pixels:
        picture, points = person.at(after_s + 60)
        share = visit.share(after_s)
        shake = 0.0025 * np.sin(11 * after_s + tremble[0]) * np.sin(np.pi * min(1.0, 4 * share * (1 - share) + 0.05))
        shift = (along * share * amount + np.array([shake, -shake])) * picture.shape[1]
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], dtype=np.float32)
        if not pasted:
            return _warped(picture, matrix)
        return person.head.drawn(picture, points, points, under=_warped(without(picture, points), matrix))

    return film


def _hand(rng: np.random.Generator, begins_s: tuple[float, float] = (0.8, 3.0)) -> Visit:
    return Visit(float(rng.uniform(*begins_s)), float(rng.uniform(0.5, 1.2)), 12.0)


def _far(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.10, 0.20))


def _point_done(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _shifted(person, way, _hand(rng), _far(rng), rng, pasted=False)


def _point_opposite(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _shifted(person, _OPPOSITE[way], _hand(rng), _far(rng), rng, pasted=False)


def _point_across(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _shifted(person, _ACROSS[way], _hand(rng), _far(rng), rng, pasted=False)


def _point_little(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _shifted(person, way, _hand(rng), float(rng.uniform(0.01, 0.035)), rng, pasted=False)


def _point_late(person: Person, way: str, rng: np.random.Generator) -> Film:
    # Who has moved it far enough by the deadline is in time, however late the hand began.
    return _shifted(person, way, _hand(rng, (9.95, 10.3)), _far(rng), rng, pasted=False)


def _point_early(person: Person, way: str, rng: np.random.Generator) -> Film:
    visit = Visit(float(rng.uniform(-0.7, -0.3)), float(rng.uniform(0.6, 1.2)), 12.0)
    return _shifted(person, way, visit, _far(rng), rng, pasted=False)


def _point_pasted(person: Person, way: str, rng: np.random.Generator) -> Film:
    return _shifted(person, way, _hand(rng), _far(rng), rng, pasted=True)


LEAN_HONEST: Mapping[str, Maker] = {"done": _lean_done}
LEAN_NOT_DONE: Mapping[str, Maker] = {
    "nothing": _nothing,
    "other_first": _lean_other,
    "other_count": _lean_count,
    "too_little": _lean_little,
    "too_late": _lean_late,
    "before_prompt": _lean_early,
}
LEAN_FORGED: Mapping[str, Maker] = {"zoomed_recording": _lean_zoomed}

POINT_HONEST: Mapping[str, Maker] = {"done": _point_done}
POINT_NOT_DONE: Mapping[str, Maker] = {
    "nothing": _nothing,
    "opposite": _point_opposite,
    "across": _point_across,
    "too_little": _point_little,
    "too_late": _point_late,
    "before_prompt": _point_early,
}
POINT_FORGED: Mapping[str, Maker] = {"pasted_face": _point_pasted}
