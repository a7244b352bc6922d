"""Attacks that are fed in as if they came from a camera: a still, a loop, a recording."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import cv2
import numpy as np

from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Pixels
from liveness.lab.attacks.noise import noisy, smooth_walk
from liveness.lab.attacks.source import Source

_DRAWS = 20
"""So often a picture with a face is looked for; after that, any will do."""


def still(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """One picture for 5–10 s: as it is, with camera noise, or drifting slowly as a "Ken Burns" shot."""
    picture = _with_a_face(source, rng)
    count = round(rng.uniform(5, 10) * source.fps)
    variant = rng.choice(["plain", "noise", "drift", "noise and drift"])
    sigma = rng.uniform(1.0, 4.0) if "noise" in variant else 0.0
    drift = smooth_walk(rng, count, source.fps, 3, step_s=4.0) if "drift" in variant else np.zeros((count, 3))
    height, width = picture.shape[:2]
    for shift_x, shift_y, zoom in drift:
        matrix = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float64)
        if "drift" in variant:
            scale = 1.06 + 0.03 * float(np.clip(zoom, -1.5, 1.5))
            matrix = np.array(
                [
                    [scale, 0, (1 - scale) * width / 2 + 0.01 * width * shift_x],
                    [0, scale, (1 - scale) * height / 2 + 0.01 * height * shift_y],
                ]
            )
        moved = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        yield noisy(np.asarray(moved, dtype=np.uint8), sigma, rng)


def _with_a_face(source: Source, rng: np.random.Generator) -> Pixels:
    """Draw a picture that shows a face; one that shows nobody would present nobody."""
    picture = source.pictures[int(rng.integers(len(source.pictures)))]
    with LandmarkTracker() as tracker:
        for _ in range(_DRAWS):
            if tracker.track(picture) is not None:
                break
            picture = source.pictures[int(rng.integers(len(source.pictures)))]
    return picture


def loop(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """A stretch of 1.2–8 s played again and again: cut hard, cut where it fits best, cross-faded, or to and fro."""
    variant = rng.choice(["cut", "best", "fade", "to and fro"])
    shortest, longest = 1.2, max(1.21, min(8.0, source.duration_s * 0.95))
    length = max(4, round(rng.uniform(shortest, longest) * source.fps))
    length = min(length, len(source.pictures))
    start = int(rng.integers(len(source.pictures) - length + 1))
    part = list(source.pictures[start : start + length])
    if variant == "best":
        part = part[: _best_end(part)]
    if variant == "to and fro":
        part += part[-2:0:-1]
    if variant == "fade":
        part = _faded(part, max(2, round(0.3 * source.fps)))
    count = round(max(10.0, 2.5 * len(part) / source.fps) * source.fps)
    sigma = float(rng.choice([0.0, 1.0, 2.0]))
    for picture in itertools.islice(itertools.cycle(part), count):
        yield noisy(picture, sigma, rng)


def recording(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """The clip itself, encoded once more, perhaps with noise: no passive signal can know it."""
    sigma = float(rng.choice([0.0, 1.0]))
    for picture in source.pictures:
        yield noisy(picture, sigma, rng)


def _best_end(part: list[Pixels]) -> int:
    """Return how many pictures to keep so that the last is most like the first."""
    first = cv2.resize(part[0], (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    earliest = len(part) // 2
    costs = [
        float(np.abs(cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA) - first).mean()) for p in part[earliest:]
    ]
    return earliest + int(np.argmin(costs)) + 1


def _faded(part: list[Pixels], count: int) -> list[Pixels]:
    """Return the pictures with the last ``count`` blended into the first, so that the loop has no seam."""
    count = min(count, len(part) // 3)
    if count < 1:
        return part
    blended = [
        cv2.addWeighted(part[len(part) - count + i], 1 - (i + 1) / (count + 1), part[i], (i + 1) / (count + 1), 0)
        for i in range(count)
    ]
    return [*part[count : len(part) - count], *(np.asarray(p, dtype=np.uint8) for p in blended)]
