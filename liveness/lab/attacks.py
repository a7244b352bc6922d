"""Labelled attack clips made from bona fide ones: stills, loops, recordings, and simple re-filming.

Everything is drawn from a seeded generator, so the same seed makes the same clip. The attack types made
here bear the prefix ``sim_``.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt

from liveness.errors import ConfigError, MediaError
from liveness.frames import Floats, Pixels
from liveness.media import Recording

RECIPE = 1
"""To be counted up whenever a maker below makes something else from the same seed."""

LONGEST_SOURCE_S = 12.0
"""No more of a source than this is held in memory."""
_LARGEST_PX = 640
_SMALLEST_PX = 32


@dataclass(frozen=True, slots=True)
class Source:
    """The pictures an attack is made of, on an even clock."""

    fps: float
    pictures: tuple[Pixels, ...]
    """(height, width, 3) RGB each, all of one even size."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.pictures) / self.fps


Maker = Callable[[Source, np.random.Generator], Iterator[Pixels]]


def make_attack(kind: str, source: Path, target: Path, *, seed: int = 0) -> None:
    """Make one attack clip (H.264 in whatever container ``target`` names).

    Parameters
    ----------
    kind
        A key of :data:`MAKERS`.
    source
        A bona fide recording; its first :data:`LONGEST_SOURCE_S` seconds are used.
    target
        Where to write; what is there stays until the new clip is whole.
    seed
        Draws all parameters of the attack.

    Raises
    ------
    ConfigError
        ``kind`` is unknown.
    MediaError
        ``source`` cannot be read.
    """
    if kind not in MAKERS:
        raise ConfigError(f"unknown attack kind {kind!r}: expected one of {', '.join(MAKERS)}")
    rng = np.random.default_rng([seed, *kind.encode()])
    pictures = read_source(source)
    # Beside the target, and with its ending, which names the container.
    part = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        write_clip(part, MAKERS[kind](pictures, rng), pictures.fps, quality=int(rng.integers(20, 31)))
        part.replace(target)
    except (ValueError, av.error.FFmpegError) as error:
        raise MediaError(f"{target}: cannot be written as video ({error}); name a file such as attack.mp4") from error
    finally:
        part.unlink(missing_ok=True)


def read_source(path: Path) -> Source:
    """Read up to :data:`LONGEST_SOURCE_S` seconds of a recording."""
    pictures: list[Pixels] = []
    size: tuple[int, int] | None = None
    with Recording(path) as recording:
        fps = recording.info.fps or 25.0
        fps = fps if 5 <= fps <= 60 else 25.0
        for frame in recording.frames():
            if frame.time_s >= LONGEST_SOURCE_S:
                break
            rgb = frame.rgb(max_width=_LARGEST_PX)
            size = size or (rgb.shape[1] // 2 * 2, rgb.shape[0] // 2 * 2)
            pictures.append(np.ascontiguousarray(rgb[: size[1], : size[0]]))
    if not pictures or size is None:
        raise MediaError(f"{path}: expected at least one picture, found none")
    if min(size) < _SMALLEST_PX:
        raise MediaError(
            f"{path}: expected pictures of at least {_SMALLEST_PX} × {_SMALLEST_PX}, got {size[0]} × {size[1]}"
        )
    return Source(fps, tuple(pictures))


def write_clip(path: Path, pictures: Iterator[Pixels], fps: float, *, quality: int) -> None:
    """Encode RGB pictures with H.264 at constant rate factor ``quality``."""
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(quality), "preset": "superfast"})
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for index, picture in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def still(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """One picture for 5–10 s: as it is, with camera noise, or drifting slowly as a "Ken Burns" shot."""
    picture = source.pictures[int(rng.integers(len(source.pictures)))]
    count = round(rng.uniform(5, 10) * source.fps)
    variant = rng.choice(["plain", "noise", "drift", "noise and drift"])
    sigma = rng.uniform(1.0, 4.0) if "noise" in variant else 0.0
    drift = _smooth_walk(rng, count, source.fps, 3, step_s=4.0) if "drift" in variant else np.zeros((count, 3))
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
        yield _noisy(np.asarray(moved, dtype=np.uint8), sigma, rng)


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
        yield _noisy(picture, sigma, rng)


def recording(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """The clip itself, encoded once more, perhaps with noise: no passive signal can know it."""
    sigma = float(rng.choice([0.0, 1.0]))
    for picture in source.pictures:
        yield _noisy(picture, sigma, rng)


def printed(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """A print held before the camera by an unsteady hand."""
    picture = source.pictures[int(rng.integers(len(source.pictures)))]
    count = round(rng.uniform(8, 12) * source.fps)
    paper = _paper(picture, rng)
    yield from _refilmed(itertools.repeat(paper, count), count, source.fps, rng)


def screen(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """The clip on a screen, filmed by a camera: pixel grid, lifted blacks, blur, noise, unsteady hand."""
    count = min(len(source.pictures), round(12 * source.fps))
    glow = rng.uniform(5, 30)
    grid = rng.uniform(0.0, 0.25)

    def shown() -> Iterator[Pixels]:
        for picture in source.pictures[:count]:
            yield _displayed(picture, glow, grid)

    yield from _refilmed(shown(), count, source.fps, rng)


MAKERS: dict[str, Maker] = {
    "still": still,
    "loop": loop,
    "recording": recording,
    "print": printed,
    "screen": screen,
}
"""What can be made, by the name that ``liveness attack`` takes."""


def _noisy(picture: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Return the picture with grey noise: a fresh random cut of one large field, since drawing is slow."""
    if sigma == 0:
        return picture
    height, width = picture.shape[:2]
    top, left = (int(start) for start in rng.integers(0, _NOISE_ROOM, 2))
    more, less = _noise_field(height + _NOISE_ROOM, width + _NOISE_ROOM, round(2 * sigma) / 2)
    cut = (slice(top, top + height), slice(left, left + width))
    return np.asarray(cv2.subtract(cv2.add(picture, more[cut]), less[cut]), dtype=np.uint8)


_NOISE_ROOM = 96


@functools.lru_cache(maxsize=2)
def _noise_field(height: int, width: int, sigma: float) -> tuple[Pixels, Pixels]:
    """Return (height, width, 3) what Gaussian grey noise adds and what it takes away, always the same."""
    noise = np.random.default_rng(7).normal(0, sigma, (height, width)).round()
    wide = np.repeat(noise[..., None], 3, axis=2)
    return np.maximum(wide, 0).astype(np.uint8), np.maximum(-wide, 0).astype(np.uint8)


def _smooth_walk(rng: np.random.Generator, count: int, fps: float, width: int, *, step_s: float) -> Floats:
    """Return (count, width) smooth random values of about unit size that wander within ``step_s``."""
    knots = max(4, int(count / fps / step_s) + 4)
    values = rng.normal(0, 1, (knots, width))
    at = np.arange(count) / fps / step_s
    left = at.astype(int)
    part = (1 - np.cos((at - left) * np.pi))[:, None] / 2
    return np.asarray(values[left] * (1 - part) + values[left + 1] * part, dtype=np.float32)


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


def _paper(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the picture as printed: fewer tones, lifted blacks, a white border."""
    levels = picture.astype(np.float32) / 255
    levels = 0.12 + 0.78 * levels ** rng.uniform(0.9, 1.2)
    grey = levels.mean(axis=2, keepdims=True)
    toned = (grey + (levels - grey) * rng.uniform(0.6, 0.9)) * 255
    border = max(4, picture.shape[1] // 40)
    return np.asarray(
        cv2.copyMakeBorder(
            toned.astype(np.uint8), border, border, border, border, cv2.BORDER_CONSTANT, value=(235, 233, 228)
        ),
        dtype=np.uint8,
    )


def _displayed(picture: Pixels, glow: float, grid: float) -> Pixels:
    """Return the picture as a screen shows it, twice as large, with a dark line between its pixels."""
    height, width = picture.shape[:2]
    shown = cv2.convertScaleAbs(picture, alpha=(255 - glow) / 255, beta=glow)
    dimmed = cv2.convertScaleAbs(shown, alpha=1 - grid)
    large = np.repeat(np.repeat(shown, 2, axis=0), 2, axis=1)
    large[1::2] = np.repeat(dimmed, 2, axis=1)
    large[:, 1::2] = cv2.convertScaleAbs(np.ascontiguousarray(large[:, 1::2]), alpha=1 - grid)
    return np.asarray(large[: 2 * height, : 2 * width], dtype=np.uint8)


def _refilmed(pictures: Iterator[Pixels], count: int, fps: float, rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield a plane with the pictures on it, as an unsteady camera sees it before a plain room."""
    sway = _smooth_walk(rng, count, fps, 8, step_s=1.0) * rng.uniform(0.004, 0.02)
    blur = rng.uniform(0.5, 1.2)
    sigma = rng.uniform(1.0, 4.0)
    gain = rng.uniform(0.8, 1.2, 3)
    share = rng.uniform(0.75, 1.1)
    for picture, corner in zip(pictures, sway, strict=False):
        height, width = picture.shape[:2]
        scale = min(1.0, 960 / max(width, height))
        out_width, out_height = int(width * scale) // 2 * 2, int(height * scale) // 2 * 2
        inset = (1 - share) / 2
        flat = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
        source = (flat * [width, height]).astype(np.float32)
        placed = inset + flat * (1 - 2 * inset) + corner.reshape(4, 2) + corner[:2] * 2
        target = (placed * [out_width, out_height]).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(source, target)
        room = np.full((out_height, out_width, 3), 92, dtype=np.uint8)
        seen = cv2.warpPerspective(
            picture, matrix, (out_width, out_height), dst=room, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT
        )
        seen = cv2.GaussianBlur(seen, (0, 0), blur)
        yield _noisy(_balanced_colour(np.asarray(seen, dtype=np.uint8), gain), sigma, rng)


def _balanced_colour(picture: Pixels, gain: npt.NDArray[np.float64]) -> Pixels:
    """Return the picture with each channel times its gain."""
    tables = np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, tables.reshape(1, 256, 3)), dtype=np.uint8)
