"""Settings of the engine, with the meaning and the range of each."""

from __future__ import annotations

from dataclasses import dataclass

from liveness.errors import ConfigError

ANALYSIS_FPS = 12.5
"""Of 25 frames a second every other one; of 30, two of five. Hosts of recordings and of calls use the same."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What a host may choose; what is learnt stands in the calibration instead."""

    analysis_fps: float = ANALYSIS_FPS
    """Analysed frames a second of media time; 2–30."""
    budget_ms: float = 12.0
    """Declared cost of signals that one analysed frame may carry; what is over waits for the next frame."""
    verdict_every_s: float = 0.5
    """Media time between two verdicts."""
    prior_bonafide: float = 0.5
    """Prior probability of a live person; the four families share the rest equally. Between 0 and 1."""
    off: frozenset[str] = frozenset()
    """Names of signals that are switched off for this session."""

    def __post_init__(self) -> None:
        if not 2 <= self.analysis_fps <= 30:
            raise ConfigError(f"analysis_fps must lie in 2–30, got {self.analysis_fps}")
        if not 0 < self.prior_bonafide < 1:
            raise ConfigError(f"prior_bonafide must lie between 0 and 1, got {self.prior_bonafide}")
        if self.budget_ms <= 0 or self.verdict_every_s <= 0:
            raise ConfigError("budget_ms and verdict_every_s must be positive")
