"""From manifests to a calibration with its provenance."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import liveness.signals
from liveness import __version__
from liveness.contract import SignalSpec, discover
from liveness.errors import ManifestError
from liveness.fusion.calibration import Calibration
from liveness.lab.dataset import SIMULATED, Measured, Sample, further_looks, measure, read_manifest, simulate
from liveness.lab.fitting import (
    COVERAGE_MISS,
    DOUBT_MISS,
    FOLDS,
    GOES_ON_S,
    LEAST_SUSPICION,
    LIVE_MISS,
    LONG_S,
    SUSPECT_COVERAGE,
    SUSPECT_MARGINS_NATS,
    fit,
)


def signal_specs() -> dict[str, SignalSpec]:
    """Return the specs of all signals by name."""
    return {name: cls.spec for name, cls in discover(liveness.signals).items()}


def read_manifests(paths: Sequence[Path]) -> list[Sample]:
    """Read several manifests as one.

    Raises
    ------
    ManifestError
        An id stands twice, or one of the manifests is not usable.
    """
    samples = [sample for path in paths for sample in read_manifest(path)]
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise ManifestError(f"id {sample.id} stands twice in {', '.join(map(str, paths))}: give each its own")
        seen.add(sample.id)
    return samples


def measure_for_learning(
    samples: Sequence[Sample], *, seed: int, cache: Path, progress: Callable[[str], None]
) -> list[Measured]:
    """Measure the samples, real clips at several looks, and the attacks simulated from them."""
    twins = simulate(samples, SIMULATED, seed=seed, cache=cache, progress=progress)
    return measure([*samples, *further_looks(samples), *twins], cache=cache, progress=progress)


def calibrate_manifests(
    paths: Sequence[Path], *, seed: int, cache: Path, progress: Callable[[str], None]
) -> Calibration:
    """Learn a calibration from labelled clips and pictures.

    Raises
    ------
    ManifestError
        A manifest is not usable, or has too few persons to learn from.
    """
    samples = read_manifests(paths)
    persons = {one.group for one in samples if one.label == "bonafide" and not one.picture}
    if len(persons) < 2 * FOLDS:
        raise ManifestError(f"expected bona fide clips of at least {2 * FOLDS} persons, found {len(persons)}")
    measured = measure_for_learning(samples, seed=seed, cache=cache, progress=progress)
    learnt = fit(measured, signal_specs(), seed=seed)
    return replace(learnt, provenance={**_provenance(measured, len(persons), seed), **learnt.provenance})


def _provenance(measured: Sequence[Measured], persons: int, seed: int) -> dict[str, object]:
    measured = [one for one in measured if not one.sample.shift_s]
    real = [one for one in measured if not one.sample.simulated]
    files = sorted({one.sha256 for one in real})
    types: dict[str, int] = {}
    for one in measured:
        name = one.sample.attack_type or "bonafide"
        types[name] = types.get(name, 0) + 1
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "code_version": __version__,
        "corpus_sha256": hashlib.sha256("\n".join(files).encode()).hexdigest(),
        "seed": seed,
        "persons": persons,
        "bona_fide_seconds": round(
            sum(one.measurements.duration_s for one in real if one.sample.label == "bonafide"), 1
        ),
        "clips": sum(not one.sample.picture for one in real),
        "pictures": sum(one.sample.picture for one in real),
        "simulated": len(measured) - len(real),
        "by_type": dict(sorted(types.items())),
        "stated": {
            "live_confidence": f"{LIVE_MISS:.0%} of live persons' clips of {LONG_S:g} s or more fall below it, or 0.5",
            "doubt": f"{DOUBT_MISS:.0%} of live persons' clips of {LONG_S:g} s or more lie above it",
            "live_coverage": f"{COVERAGE_MISS:.0%} of live persons' clips of {LONG_S:g} s or more fall below, or 0.3",
            "suspect": f"above the highest that any live person's clip reached, had it gone on for {GOES_ON_S:g} s, by "
            + ", ".join(f"{nats} ({family})" for family, nats in SUSPECT_MARGINS_NATS.items())
            + f" nats, or {LEAST_SUSPICION}",
            "suspect_coverage": ", ".join(f"{share} ({family})" for family, share in SUSPECT_COVERAGE.items()),
            "folds": f"{FOLDS} by person; what thresholds rest on comes from curves that did not see the person",
        },
        "files": files,
    }
