"""Put trained presentation models where the package looks for them.

``python -m liveness.lab.training.presentation_shipping OUT`` takes what :mod:`liveness.lab.training.presentation` left
in OUT and writes liveness/models/presentation.onnx with its entry in models.json, and the networks of the folds to
liveness/lab/held_out, with the hashes of the groups that each has not seen. Weights are kept as float16; by how much
that changes the log odds is measured and said.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from liveness.frames import Floats
from liveness.lab.held_out import person_hash, sample_hash
from liveness.lab.training.presentation import FOLDS, SQUARES
from liveness.lab.training.trunk import halved

COST_MS = 8.0
"""Declared cost of one run on one core."""
_PACKAGE = Path(__file__).parents[2]
_TRIALS = 20


def difference(one: bytes, other: bytes) -> float:
    """Return how far two networks lie apart at most on drawn inputs, in nats."""
    rng = np.random.default_rng(5)
    nets = [cv2.dnn.readNetFromONNX(np.frombuffer(data, dtype=np.uint8)) for data in (one, other)]
    apart = []
    for _ in range(_TRIALS):
        squares = {}
        for name, side in SQUARES.items():
            rough = rng.normal(0, 1, (3, 12, 12)).astype(np.float32)
            large = [cv2.resize(channel, (side, side), interpolation=cv2.INTER_CUBIC) for channel in rough]
            fine = rng.normal(0, rng.uniform(0, 0.5), (3, side, side))
            squares[name] = (np.stack(large) + fine)[None].astype(np.float32)
        first, second = (_run(net, squares) for net in nets)
        apart.append(abs(first - second))
    return max(apart)


def _run(net: cv2.dnn.Net, squares: Mapping[str, Floats]) -> float:
    for name, values in squares.items():
        net.setInput(values, name)
    return float(np.asarray(net.forward())[0, 0])


def ship(out: Path, models: Path, held_out: Path) -> float:
    """Write all networks; returns by how much halving the weights changed the log odds at most, in nats.

    Without a network that has seen all, that of the first fold ships, and is the one that has not seen its groups.
    """
    apart = 0.0

    def write(source: Path, target: Path) -> str:
        nonlocal apart
        whole = source.read_bytes()
        small = halved(whole)
        apart = max(apart, difference(whole, small))
        target.write_bytes(small)
        return hashlib.sha256(small).hexdigest()

    whole = (out / "presentation.onnx").exists()
    stated = json.loads((models / "models.json").read_text())
    sha256 = write(out / ("presentation.onnx" if whole else "fold0.onnx"), models / "presentation.onnx")
    stated["presentation"] = {"sha256": sha256, "cost_ms": COST_MS}
    (models / "models.json").write_text(json.dumps(stated, indent=1) + "\n")
    for old in held_out.glob("presentation*.onnx"):
        old.unlink()
    wanted = range(FOLDS) if whole else range(1, FOLDS)
    hashes = {str(at): write(out / f"fold{at}.onnx", held_out / f"presentation{at}.onnx") for at in wanted}
    with np.load(out / "unseen.npz") as file:
        rows = list(zip(file["id"].tolist(), file["group"].tolist(), file["fold"].tolist(), strict=True))
    known = {person_hash(group): fold for _, group, fold in rows}
    known |= {sample_hash(name): fold for name, group, fold in rows if group.startswith("person ")}
    folds = {name: fold for name, fold in sorted(known.items()) if fold in wanted}
    (held_out / "presentation.json").write_text(json.dumps({"sha256": hashes, "folds": folds}, indent=1) + "\n")
    return apart


def main(arguments: Sequence[str] | None = None) -> None:
    """Put the networks into this checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    apart = ship(options.out, _PACKAGE / "models", _PACKAGE / "lab" / "held_out")
    sys.stdout.write(f"float16 changes the log odds by {apart:.4f} nats at most\n")


if __name__ == "__main__":
    main()
