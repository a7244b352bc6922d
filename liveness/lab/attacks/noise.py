"""What several attacks draw: noise, smooth random courses, smooth random fields."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from liveness.frames import Floats, Pixels

_ROOM = 96


def noisy(picture: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Return the picture with grey noise: a fresh random cut of one large field, since drawing is slow."""
    if sigma == 0:
        return picture
    height, width = picture.shape[:2]
    top, left = (int(start) for start in rng.integers(0, _ROOM, 2))
    more, less = _grey_field(height + _ROOM, width + _ROOM, round(2 * sigma) / 2)
    cut = (slice(top, top + height), slice(left, left + width))
    return np.asarray(cv2.subtract(cv2.add(picture, more[cut]), less[cut]), dtype=np.uint8)


@functools.lru_cache(maxsize=2)
def _grey_field(height: int, width: int, sigma: float) -> tuple[Pixels, Pixels]:
    """Return (height, width, 3) what Gaussian grey noise adds and what it takes away, always the same."""
    noise = np.random.default_rng(7).normal(0, sigma, (height, width)).round()
    wide = np.repeat(noise[..., None], 3, axis=2)
    return np.maximum(wide, 0).astype(np.uint8), np.maximum(-wide, 0).astype(np.uint8)


def unit_noise(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return (height, width) Gaussian noise of unit size: a random cut, flipped at random, of one large field."""
    height, width = shape
    field = _unit_field(height + _ROOM, width + _ROOM)
    top, left = (int(start) for start in rng.integers(0, _ROOM, 2))
    cut = field[top : top + height, left : left + width]
    return cut[:: int(rng.choice([-1, 1])), :: int(rng.choice([-1, 1]))]


@functools.lru_cache(maxsize=2)
def _unit_field(height: int, width: int) -> Floats:
    return np.random.default_rng(11).standard_normal((height, width), dtype=np.float32)


def smooth_walk(rng: np.random.Generator, count: int, fps: float, width: int, *, step_s: float) -> Floats:
    """Return (count, width) smooth random values of about unit size that wander within ``step_s``."""
    knots = max(4, int(count / fps / step_s) + 4)
    values = rng.normal(0, 1, (knots, width))
    at = np.arange(count) / fps / step_s
    left = at.astype(int)
    part = (1 - np.cos((at - left) * np.pi))[:, None] / 2
    return np.asarray(values[left] * (1 - part) + values[left + 1] * part, dtype=np.float32)


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], *, cells: int) -> Floats:
    """Return (height, width) smooth random values of about unit size, ``cells`` humps across."""
    rows = max(2, round(cells * shape[0] / shape[1]))
    coarse = rng.normal(0, 1, (rows + 1, cells + 1)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
