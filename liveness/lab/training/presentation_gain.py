"""Print what the presentation model adds to the texture signal, on persons and sources that neither has seen.

``python -m liveness.lab.training.presentation_gain CORPUS --cache CACHE`` measures CORPUS/manifest.csv and
CORPUS/stills.csv (what the cache of ``liveness calibrate`` has is not measured again) with the networks that have not
seen each group, and learns curves as a calibration does, each time without a fifth of the groups, which are then
judged: by texture alone, by the network alone, and by both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liveness.contract import SignalSpec
from liveness.lab.calibrating import signal_specs
from liveness.lab.dataset import group_folds, measure, read_manifest
from liveness.lab.evaluation import auc
from liveness.lab.fitting import FOLDS, Row, learn, rows_of
from liveness.verdict import family_of

Array = npt.NDArray[Any]
SETS = {"texture": ("texture",), "network": ("refilmed",), "both": ("texture", "refilmed")}
DIM = "source HilufMeressaKahsay/face_mask_detection"
"""Live only: a webcam in a dark room."""
_REFUSED = 0.05


def unseen(rows: Sequence[Row], specs: Mapping[str, SignalSpec]) -> Array:
    """Return for each row what its signals say about a screen together, in nats, by curves that have not seen it."""
    folds = group_folds([row.group for row in rows], FOLDS, seed=11)
    said = np.zeros(len(rows))
    for fold in range(FOLDS):
        learnt = learn([row for row in rows if folds[row.group] != fold], specs, seed=fold)
        curves = [curve for curve in learnt.curves if curve.species == "screen"]
        limit = max((curve.limit for curve in curves), default=0.0)
        for at, row in enumerate(rows):
            if folds[row.group] == fold:
                parts = [
                    curve.share * curve.llr(row.signals[curve.signal][0])[0]
                    for curve in curves
                    if curve.signal in row.signals
                ]
                said[at] = min(max(sum(parts), -limit), limit)
    return said


def report(said: Array, rows: Sequence[Row], names: Sequence[str], write: Callable[[str], None]) -> None:
    """Write the figures of one set of signals."""
    group = np.array([row.group for row in rows])
    attack = np.array([row.species is not None for row in rows])
    still = np.char.startswith(group, "source ")
    sources = sorted(set(group[still & attack]))
    ours = np.isin(group, sources)
    live, shown = ours & ~attack, ours & attack
    within = {one: _area(said[live & (group == one)], said[shown & (group == one)]) for one in sources}
    worst = min(within, key=lambda one: within[one])
    limit = {one: np.quantile(said[live & (group != one)], 1 - _REFUSED) for one in sources}
    over = np.array([at in limit and value > limit[at] for at, value in zip(group, said, strict=True)])
    loss = (np.logaddexp(0, said[live]).mean() + np.logaddexp(0, -said[shown]).mean()) / 2
    mean = float(np.mean(list(within.values())))
    write(f"  AUC pooled {_area(said[live], said[shown]):.3f}, within a source {mean:.3f}, worst {within[worst]:.3f}")
    write(f"  worst source: {worst}")
    write(f"  5 % of other sources: BPCER {over[live].mean():.1%}, APCER {1 - over[shown].mean():.1%}")
    write(f"  even odds: BPCER {(said[live] > 0).mean():.1%}, APCER {(said[shown] <= 0).mean():.1%}; loss {loss:.3f}")
    dim = said[group == DIM]
    if len(dim):
        write(f"  dim webcam: {_above(dim)}, median {np.median(dim):.2f}")
    clips = ~still & ~attack
    write(f"  live clips: {_above(said[clips])}")
    highest = sorted(zip(said[clips].tolist(), np.array(names)[clips].tolist(), strict=True))[-5:]
    write("    highest: " + ", ".join(f"{name} {value:.2f}" for value, name in highest))
    for at in np.flatnonzero(~still & attack):
        write(f"    {names[at]} {said[at]:.2f}, above {(said[clips] < said[at]).mean():.0%} of the live clips")
    for one in sources:
        part = group == one
        write(
            f"    {one.removeprefix('source ')[:44]:44} AUC {within[one]:.3f}"
            f"  live {(part & ~attack).sum():4} above even {(said[part & ~attack] > 0).sum():4}"
            f"  attacks {(part & attack).sum():4} below even {(said[part & attack] <= 0).sum():4}"
        )


def _above(said: Array) -> str:
    return f"{len(said)}, above even odds {(said > 0).mean():.0%}, above e to one {(said > 1).mean():.0%}"


def _area(live: Array, attack: Array) -> float:
    return auc((-live).tolist(), (-attack).tolist()) if len(live) and len(attack) else float("nan")


def compare(rows: Sequence[Row], names: Sequence[str], write: Callable[[str], None]) -> None:
    """Write the figures of texture, of the network, and of both."""
    specs = signal_specs()
    for name, signals in SETS.items():
        some = [replace(row, signals={one: row.signals[one] for one in signals if one in row.signals}) for row in rows]
        chosen = {one: specs[one] for one in signals}
        learnt = learn(some, chosen, seed=1)
        write(f"\n{name}")
        for what, gain in learnt.gains.items():
            if what.startswith("screen"):
                write(f"  gain of {what}: {gain.nats:.3f} nats, at least {gain.at_least:.3f}")
        for curve in learnt.curves:
            write(f"  {curve.species} {curve.signal}: share {curve.share:.2f}, power {curve.power:.2f}")
        report(unseen(some, chosen), some, names, write)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args(arguments)
    samples = [one for name in ("manifest.csv", "stills.csv") for one in read_manifest(options.corpus / name)]
    wanted = [one for one in samples if one.label == "bonafide" or family_of(one.attack_type) == "presentation"]
    measured = measure(wanted, cache=options.cache, progress=lambda _: None)
    rows = rows_of(measured, signal_specs())
    heard = [at for at, row in enumerate(rows) if {"texture", "refilmed"} <= set(row.signals)]

    def write(line: str) -> None:
        sys.stdout.write(line + "\n")

    compare([rows[at] for at in heard], [measured[at].sample.id for at in heard], write)


if __name__ == "__main__":
    main()
