"""Light code: a random soft colour code on the screen comes back from the skin.

The score is a rank among codes never shown, so that a wrong code passes no more often than the stated rate,
whatever the noise. Fails in sunlight, far from the screen, with a dim screen; then it abstains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from liveness.dsp import Series

RGB = tuple[int, int, int]
WARM: RGB = (240, 196, 168)
COOL: RGB = (168, 210, 240)
"""Two opponent hues of nearly the same relative luminance: their change is no general flash."""
SYMBOLS = 12
RANDOM_BYTES = 15
FALSE_ALARM_RATE = 0.001


@dataclass(frozen=True, slots=True)
class LightCode:
    """24 bits, two a symbol, and the length of each symbol."""

    bits: tuple[tuple[bool, bool], ...]
    """(left, right) as the candidate sees them; True is warm."""
    lengths_s: tuple[float, ...]

    @classmethod
    def drawn(cls, random: bytes) -> LightCode:
        """Make the code of ``RANDOM_BYTES`` bytes, which come from ``secrets``."""
        if len(random) != RANDOM_BYTES:
            raise ValueError(f"expected {RANDOM_BYTES} random bytes, got {len(random)}")
        number = int.from_bytes(random[:3], "big")
        bits = tuple((bool(number >> 2 * k & 1), bool(number >> 2 * k + 1 & 1)) for k in range(SYMBOLS))
        return cls(bits, tuple(0.4 + 0.1 * byte / 255 for byte in random[3:]))

    @property
    def starts_s(self) -> Series:
        """(13,) start of each symbol and the end of the last, in seconds after the prompt."""
        return np.concatenate([[0.0], np.cumsum(self.lengths_s)])

    def rendered(self) -> list[tuple[float, RGB, RGB]]:
        """Return (start_s, left, right) of each symbol."""
        return [
            (float(start), WARM if left else COOL, WARM if right else COOL)
            for start, (left, right) in zip(self.starts_s, self.bits, strict=False)
        ]


@dataclass(frozen=True, slots=True)
class LightSettings:
    """How the code is looked for."""

    max_lag_s: float = 1.5
    lag_step_s: float = 0.05
    smooth_s: float = 1.2
    """Width of the Gaussian whose running mean is taken off."""
    sides: float = 0.5
    """Weight of right against left in the template."""
    codes: int = 10_000
    seed: int = 1
    least_z: float = 10.0
    """Predicted strength below which the answer could not be seen."""


@dataclass(frozen=True, slots=True)
class LightScore:
    """How well the skin followed the code."""

    state: Literal["followed", "not_followed", "abstained"]
    chance: float
    """Share of codes never shown that fit as well."""
    correlation: float
    lag_s: float
    side: float
    """Correlation of left minus right; negative means the wrong side was lit."""


def predicted_z(*, amplitude: float, noise: float, frames: int) -> float:
    """Return the strength in standard deviations that a modulation of log(R/B) of this amplitude would have."""
    return amplitude * float(np.sqrt(frames)) / max(noise, 1e-9)


def score(
    code: LightCode, times_s: Series, left: Series, right: Series, *, z: float, settings: LightSettings | None = None
) -> LightScore:
    """Compare the skin's colour with the code.

    Parameters
    ----------
    times_s
        (n,) media time after the prompt; samples before it, or later than code and greatest lag, do not count.
    left, right
        (n, 3) mean RGB of the skin on the *candidate's* left and right (the picture's right and left).
    z
        Of :func:`predicted_z`; below ``least_z`` the answer is abstained from.
    """
    use = settings or LightSettings()
    within = (times_s >= 0) & (times_s <= code.starts_s[-1] + use.max_lag_s)
    times, left, right = times_s[within], left[within], right[within]
    if len(times) < 4 * SYMBOLS or z < use.least_z:
        return LightScore("abstained", 1.0, 0.0, 0.0, 0.0)
    high = np.eye(len(times)) - _running_mean(times, use.smooth_s)
    warm = [np.log(np.maximum(side[:, 0], 1)) - np.log(np.maximum(side[:, 2], 1)) for side in (left, right)]
    mean, side = high @ (warm[0] + warm[1]) / 2, high @ (warm[0] - warm[1]) / 2
    signs = np.array(code.bits, dtype=np.float64) * 2 - 1
    others = np.random.default_rng(use.seed).choice([-1.0, 1.0], size=(use.codes, SYMBOLS, 2))
    codes = np.concatenate([signs[None], others])
    both, apart = (codes[..., 0] + codes[..., 1]) / 2, (codes[..., 0] - codes[..., 1]) / 2 * use.sides
    lags = np.arange(0, use.max_lag_s + 1e-9, use.lag_step_s)
    size = float(np.sqrt(mean @ mean + side @ side)) + 1e-12
    fits = []
    for lag in lags:
        base = high @ _symbols(code, times - lag)
        gram = base.T @ base
        power = ((both @ gram) * both).sum(axis=1) + ((apart @ gram) * apart).sum(axis=1)
        fits.append((both @ (base.T @ mean) + apart @ (base.T @ side)) / (np.sqrt(np.maximum(power, 1e-12)) * size))
    table = np.array(fits)
    peaks = table.max(axis=0)
    best = int(table[:, 0].argmax())
    chance = (1 + int((peaks[1:] >= peaks[0]).sum())) / (use.codes + 1)
    sided = high @ _symbols(code, times - lags[best]) @ apart[0]
    norm = float(np.sqrt((sided @ sided) * (side @ side))) + 1e-12
    state: Literal["followed", "not_followed"] = "followed" if chance <= FALSE_ALARM_RATE else "not_followed"
    return LightScore(state, chance, float(peaks[0]), float(lags[best]), float(sided @ side) / norm)


def _symbols(code: LightCode, after_s: Series) -> Series:
    """Return (n, 12): 1 where a time lies in that symbol."""
    starts = code.starts_s
    inside = (after_s[:, None] >= starts[None, :-1]) & (after_s[:, None] < starts[None, 1:])
    return np.asarray(inside, dtype=np.float64)


def _running_mean(times: Series, width_s: float) -> Series:
    """Return the (n, n) matrix that takes the Gaussian mean over real time, each sample worth its own dt."""
    worth = np.gradient(times)
    weights = np.exp(-0.5 * ((times[:, None] - times[None, :]) / width_s) ** 2) * worth[None, :]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
