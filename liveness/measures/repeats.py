"""Whether the newest stretch of a course of values was there before: what loops are found by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liveness.frames import Floats


@dataclass(frozen=True, slots=True)
class Repeat:
    """The earlier stretch that the newest one is most like."""

    best: float
    """Its RMS difference from the newest stretch."""
    beside: float
    """The lesser of the RMS differences a little earlier and later: a real repeat fits there far worse."""
    moved: float
    """RMS movement within the newest stretch."""
    moved_there: float
    """The same where the movement is: values weighted by how much they move, as in ``best``."""


class Course:
    """A course of vectors on an even clock, of bounded length: when it is full, its older half is forgotten."""

    def __init__(self, width: int, longest: int) -> None:
        self._longest = longest
        self._values = np.zeros((min(longest, 512), width), dtype=np.float32)
        self.count = 0
        self.forgotten = 0
        """Slots that were forgotten at the old end."""

    def append(self, values: Floats) -> None:
        """Put a (width,) vector into the next slot."""
        if self.count >= self._longest:
            half = self._longest // 2
            self._values[: self.count - half] = self._values[half : self.count].copy()
            self.count -= half
            self.forgotten += half
        if self.count >= len(self._values):
            grown = np.zeros((min(2 * len(self._values), self._longest), self._values.shape[1]), dtype=np.float32)
            grown[: self.count] = self._values[: self.count]
            self._values = grown
        self._values[self.count] = values
        self.count += 1

    def replace_last(self, values: Floats) -> None:
        """Put a newer vector into the last slot."""
        self._values[self.count - 1] = values

    def values(self) -> Floats:
        """Return the (count, width) course."""
        return self._values[: self.count]

    def clear(self) -> None:
        """Forget everything."""
        self.count = 0

    def repeat(
        self, *, window: int, step: int, lag: int, aside: int, scale: Floats | None = None, most: float = np.inf
    ) -> Repeat | None:
        """Look for the newest ``window`` slots in what was before, forwards and backwards.

        Parameters
        ----------
        window, step
            Length of the stretch in slots, and the distance of the slots that are compared.
        lag
            A forward repeat lies at least so many slots back.
        aside
            How far beside the best fit :attr:`Repeat.beside` is measured.
        scale
            (width,) by which each value is divided first.
        most
            No value counts more than this many times the mean.
        """
        if self.count < window + lag + 1:
            return None
        course = self.values() if scale is None else self.values() / scale
        offsets = np.arange(0, window, step)
        query = course[self.count - window + offsets]
        spread = query.var(axis=0)
        weights = np.minimum(spread / (spread.mean() + 1e-6), most).astype(np.float32)
        forwards = _mismatch(course, query, weights, offsets, self.count - window - lag)
        backwards = _mismatch(course, query[::-1], weights, offsets, self.count - 2 * window)
        best, beside = min((_dip(costs, aside) for costs in (forwards, backwards) if costs.size), default=(0.0, 0.0))
        return Repeat(best, beside, float(np.sqrt(spread.mean())), float(np.sqrt((weights * spread).mean())))


def _mismatch(course: Floats, query: Floats, weights: Floats, offsets: npt.NDArray[np.int64], starts: int) -> Floats:
    """Return for each start slot the weighted RMS difference of the query to the stretch that begins there."""
    if starts < 1:
        return np.zeros(0, dtype=np.float32)
    scale = np.sqrt(weights)
    query = query * scale
    past = course[: starts + int(offsets[-1]) + 1] * scale
    squares = (past**2).sum(axis=1)[None] + (query**2).sum(axis=1)[:, None] - 2 * query @ past.T
    total = np.zeros(starts, dtype=np.float32)
    for row, offset in zip(squares, offsets, strict=True):
        total += row[offset : offset + starts]
    return np.asarray(np.sqrt(np.maximum(total, 0) / (len(offsets) * query.shape[1])), dtype=np.float32)


def _dip(costs: Floats, aside: int) -> tuple[float, float]:
    """Return the least mismatch, and the lesser of those beside it."""
    best = int(np.argmin(costs))
    beside = [float(costs[at]) for at in (best - aside, best + aside) if 0 <= at < len(costs)]
    return float(costs[best]), min(beside, default=float(costs[best]))
