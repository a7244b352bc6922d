"""The course of one movement: there, held, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Visit:
    """Goes from 0 to 1, stays, and comes back, smoothly; seconds after the prompt."""

    begins_s: float
    move_s: float
    hold_s: float

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, *, hold_s: Span, begins_s: Span = (0.5, 1.6), move_s: Span = (0.5, 1.1)
    ) -> Visit:
        """Draw a person's reaction, speed and patience."""
        return cls(float(rng.uniform(*begins_s)), float(rng.uniform(*move_s)), float(rng.uniform(*hold_s)))

    @property
    def ends_s(self) -> float:
        """When it is back."""
        return self.begins_s + 2 * self.move_s + self.hold_s

    def share(self, after_s: float) -> float:
        """Return how much of the way has been gone, 0–1."""
        since = after_s - self.begins_s
        line = min(since, 2 * self.move_s + self.hold_s - since) / self.move_s
        return float((1 - np.cos(np.pi * np.clip(line, 0, 1))) / 2)
