"""A recording put out at another rate than it was made at: pictures are left out, repeated, or blended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from liveness.frames import Pixels
from liveness.lab.attacks.source import Source

RATES_HZ = (12.0, 15.0, 20.0, 24.0, 25.0, 30.0)
"""Rates that a recording may have been made at."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How one recording is converted."""

    rate_hz: float
    """Of the recording, before it is put out at the clip's own rate."""
    blends: bool
    """Whether pictures between two of the recording are their mixture; otherwise the one before is repeated."""
    phase: float
    """How far the recording's first picture is before the clip's, in pictures of the recording, 0–1."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, fps: float) -> Self:
        """Draw one that changes something: a higher rate is always blended, since repeating would undo it."""
        rates = [rate for rate in RATES_HZ if abs(rate - fps) > 0.5]
        rate = float(rng.choice(rates))
        return cls(rate, blends=rate > fps or bool(rng.random() < 0.5), phase=rng.uniform(0.1, 0.9))


def frame_rate(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """The clip as a recording of another frame rate, converted to its own."""
    return converted(source, Conversion.drawn(rng, source.fps))


def converted(source: Source, conversion: Conversion) -> Iterator[Pixels]:
    """Yield as many pictures as the clip has, each from where the recording is at its time."""
    ratio = source.fps / conversion.rate_hz
    # A recording of more pictures than the clip has holds what lies between these; else it holds some of these.
    picture_at = _between if ratio < 1 else _nearest
    for index in range(len(source.pictures)):
        at = index / ratio + conversion.phase
        number = int(at)
        before = picture_at(source, (number - conversion.phase) * ratio)
        if not conversion.blends:
            yield before
            continue
        after = picture_at(source, (number + 1 - conversion.phase) * ratio)
        yield np.asarray(cv2.addWeighted(before, 1 - (at - number), after, at - number, 0), dtype=np.uint8)


def _nearest(source: Source, place: float) -> Pixels:
    """Return the clip's picture nearest to a place between its pictures."""
    return source.pictures[int(np.clip(round(place), 0, len(source.pictures) - 1))]


def _between(source: Source, place: float) -> Pixels:
    """Return the mixture of the clip's pictures on both sides of a place."""
    place = float(np.clip(place, 0, len(source.pictures) - 1))
    before = int(place)
    after = min(before + 1, len(source.pictures) - 1)
    share = place - before
    return np.asarray(
        cv2.addWeighted(source.pictures[before], 1 - share, source.pictures[after], share, 0), dtype=np.uint8
    )
