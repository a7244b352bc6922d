"""Judging what was measured of a clip just as the engine does, and as it would if the call went on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from liveness.contract import SignalSpec
from liveness.fusion.calibration import Calibration
from liveness.fusion.fusion import EVEN_ODDS, Fusion
from liveness.fusion.posterior import Belief
from liveness.lab.dataset import Measured
from liveness.verdict import FAMILIES, Family, State

LASTING_S = 1.0
"""A suspicion must hold this long."""
LEAST_S = 2.5
"""Nothing is decided about less than this."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one sample ended under some calibration."""

    confidence: float
    state: State
    families: Mapping[Family, float]
    coverage: Mapping[Family, float]
    peaks: Mapping[Family, float]
    """Per family, the highest posterior against bona fide alone that lasted with the coverage that suspicion needs."""
    decided_s: float | None
    """When the final state other than inconclusive was first reached."""
    doubts: Mapping[str, float] = field(default_factory=dict)
    """By species, what doubtful curves say of the whole, in nats."""


def replay(one: Measured, calibration: Calibration, specs: Mapping[str, SignalSpec]) -> Outcome:
    """Fuse the measurements of a clip just as the engine does, and conclude as a review does."""
    fusion = Fusion(calibration, specs, EVEN_ODDS)
    beliefs: list[tuple[float, Belief]] = []
    worst: tuple[float, Belief] | None = None
    decided_s = live_s = None
    for time_s, batch in one.measurements.moments:
        for evidence in batch:
            fusion.add(evidence)
        judged = fusion.judge(time_s)
        beliefs.append((time_s, judged.belief))
        if judged.state == "suspect":
            top = max(judged.belief.against(family) for family in FAMILIES)
            decided_s = time_s if decided_s is None else decided_s
            if worst is None or top > worst[0]:
                worst = (top, judged.belief)
        elif judged.state == "live" and live_s is None:
            live_s = time_s
    final = fusion.conclude(one.measurements.duration_s, watched_share=one.measurements.watched_share)
    if final.state == "suspect" and worst is None:
        decided_s = one.measurements.duration_s
    belief = worst[1] if worst else final.belief
    state: State = "suspect" if worst else final.state
    long_enough = one.measurements.duration_s >= LEAST_S
    return Outcome(
        confidence=belief.confidence,
        state=state,
        families=belief.families,
        coverage=belief.coverage,
        peaks={
            family: max(
                _lasting_peak([(time_s, _suspicion(belief, family, calibration)) for time_s, belief in beliefs]),
                _suspicion(final.belief, family, calibration) if long_enough else 0.0,
            )
            for family in FAMILIES
        },
        decided_s=decided_s if state == "suspect" else live_s if state == "live" else None,
        doubts=fusion.doubts(one.measurements.duration_s),
    )


def _suspicion(belief: Belief, family: Family, calibration: Calibration) -> float:
    """Return the posterior of a family against bona fide; 0 where too little of it was seen for any suspicion."""
    needed = calibration.thresholds.suspect_coverage.get(family, 1.1)
    return belief.against(family) if belief.coverage.get(family, 0.0) >= needed else 0.0


def _lasting_peak(suspicions: Sequence[tuple[float, float]]) -> float:
    """Return the highest of (seconds, posterior against bona fide) that was kept for the lasting time, else 0."""
    peak = 0.0
    for at, (start_s, _) in enumerate(suspicions):
        if start_s < LEAST_S:
            continue
        lowest = math.inf
        for time_s, one in suspicions[at:]:
            lowest = min(lowest, one)
            if time_s - start_s >= LASTING_S:
                peak = max(peak, lowest)
                break
    return peak


def going_on(one: Measured, seconds: float) -> Measured:
    """Return a clip whose measurements come again and again until it has lasted as long as that.

    Calls last longer than clips, and what is said of somebody grows surer with time. What the whole would be measured
    to be if it went on nobody knows; this is what it comes to if the person looks on as before.
    """
    length_s = one.measurements.duration_s
    # What is too short for any decision says nothing of how it would go on.
    rounds = math.ceil(seconds / length_s) if length_s >= LEAST_S else 1
    moments = [
        (
            time_s + late_s,
            tuple(
                replace(evidence, start_s=evidence.start_s + late_s, end_s=evidence.end_s + late_s)
                for evidence in batch
            ),
        )
        for late_s in (number * length_s for number in range(rounds))
        for time_s, batch in one.measurements.moments
    ]
    return replace(one, measurements=replace(one.measurements, duration_s=rounds * length_s, moments=tuple(moments)))
