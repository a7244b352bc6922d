"""Cadence: the face stands still in frames in which the rest of the picture moves on.

What it sees
    For every decoded frame, how much the luma changed inside the face box and outside of it.
Why a fake differs
    A swap or animation that cannot keep up with the camera renews the face at 10–15 frames a second
    while the background arrives at 30, so that the face stalls in frames in which the rest does not.
Fails when
    The generator is fast enough; the codec renews both together; the background stands still without
    noise (nothing to compare with: quality 0); whole frames are repeated (then both stall together).
Reference
    Cadence analysis of frame-rate conversion, as in Bestagini et al., "Detection of temporal
    interpolation in video sequences", 2013.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import Observation, ProbeTick
from liveness.measures.conditions import ramp
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class CadenceSettings:
    """Times in seconds of media time."""

    window_s: float = 4.0
    stall_share: float = 0.25
    """A region stalls when it changes less than this share of its median change."""


class Cadence(Signal):
    """Compares how often face and surroundings are renewed."""

    settings = CadenceSettings()
    spec = SignalSpec(
        name="cadence",
        title="Cadence of face and background",
        group="surroundings",
        families=frozenset({"synthesis"}),
        needs=frozenset({"probe", "frame"}),
        unit="share of frames",
        features=("face_stalls",),
        observe_every_s=0.0,
        period_s=2.0,
        window_s=settings.window_s,
        needed_s=4.0,
        cost_ms=0.05,
        directions={"face_stalls": 1},
        suspicious="The face is renewed less often than the picture around it.",
        reassuring="Face and background are renewed together.",
    )

    def __init__(self) -> None:
        self._ticks: deque[tuple[float, float, float]] = deque()

    def probe(self, tick: ProbeTick) -> None:
        """Keep the changes for the window."""
        if tick.face_thumb is None:
            self._ticks.clear()
            return
        self._ticks.append((tick.time_s, tick.face_change, tick.rest_change))
        while tick.time_s - self._ticks[0][0] > self.settings.window_s:
            self._ticks.popleft()

    def observe(self, observation: Observation) -> None:
        """Forget what was before a break."""
        if observation.broken or observation.face is None:
            self._ticks.clear()

    def evidence(self) -> Evidence | None:
        """Count the frames in which only the face stalls."""
        if len(self._ticks) < 15 or self._ticks[-1][0] - self._ticks[0][0] < 0.8 * self.settings.window_s:
            return None
        face = np.array([change for _, change, _ in self._ticks])
        rest = np.array([change for _, _, change in self._ticks])
        face_stalls = face < self.settings.stall_share * np.median(face)
        rest_stalls = rest < self.settings.stall_share * np.median(rest)
        features = {"face_stalls": float((face_stalls & ~rest_stalls).mean())}
        quality = min(ramp(float(np.median(rest)), 0.0, 0.3), ramp(float(np.median(face)), 0.0, 0.3))
        return Evidence(
            signal=self.spec.name,
            start_s=self._ticks[0][0],
            end_s=self._ticks[-1][0],
            value=features["face_stalls"],
            unit=self.spec.unit,
            quality=quality,
            features=features,
        )

    def missing(self) -> str | None:
        """Say why nothing can be said about cadence."""
        return "The face has not been in view for four seconds on end, or too few frames arrive."
