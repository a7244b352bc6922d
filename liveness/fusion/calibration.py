"""Calibration as data: what a measured value means, learnt from labelled clips and shipped as JSON.

For every signal and every attack species that it can speak about there is one curve: a regularised
logistic regression over the signal's features whose output is a log-likelihood ratio against bona fide.
Nothing here is typed in by hand; ``liveness calibrate`` writes the file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from liveness.errors import CalibrationError
from liveness.frames import Floats
from liveness.verdict import FAMILIES, SPECIES, Family

SCHEMA = "liveness.calibration/1"


@dataclass(frozen=True, slots=True)
class Curve:
    """What one signal says about one attack species."""

    signal: str
    species: str
    features: tuple[str, ...]
    low: tuple[float, ...]
    """Per feature, the least value of the training data that counts; smaller ones are moved here."""
    high: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    """Per standardised feature, nats."""
    bias: float
    covariance: tuple[tuple[float, ...], ...]
    """(d + 1, d + 1) of bias and weights."""
    limit: float
    """No |llr| beyond this: with n examples nobody can claim odds better than about n to one."""
    share: float
    """How much of the llr is new information beside the other signals, 0–1 (learnt together)."""
    power: float
    """Mean llr of the attacks minus that of bona fide, out of fold, in nats; never negative."""

    def llr(self, features: Mapping[str, float]) -> tuple[float, float]:
        """Return the log-likelihood ratio in nats, and its variance within the limit."""
        x = np.array([features[name] for name in self.features])
        z = (np.clip(x, self.low, self.high) - self.mean) / self.scale
        value = self.bias + float(z @ np.array(self.weights))
        row = np.concatenate([[1.0], z])
        reach = math.sqrt(max(0.0, float(row @ np.array(self.covariance) @ row)))
        low, middle, high = (self._within(bound) for bound in (value - reach, value, value + reach))
        return middle, ((high - low) / 2) ** 2

    def _within(self, llr: float) -> float:
        return bounded(llr, self.limit)


def bounded(nats: float, limit: float) -> float:
    """Return ``nats`` bent so that it stays within the limit; cut off there, clear and clearer were the same.

    Examples
    --------
    >>> round(bounded(0.3, 3.0), 2), round(bounded(6.0, 3.0), 2)
    (0.3, 2.89)
    """
    return limit * math.tanh(nats / limit)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the states begin; learnt for the error rates that the provenance states."""

    live_confidence: float
    live_coverage: float
    suspect: Mapping[Family, float]
    """Posterior of a family against bona fide alone from which on it is suspected."""
    suspect_coverage: Mapping[Family, float]
    """Coverage of a family below which it is not suspected, whatever little was seen of it."""
    lasting_s: float
    """A suspicion must hold this long."""
    least_s: float
    """Nothing is decided about less than this."""
    doubt: Mapping[str, float] = field(default_factory=dict)
    """By species that only a doubtful curve sees: its llr times weight, in nats, above which nobody is vouched for;
    without one, nobody of whom it speaks."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """All curves with the thresholds and their provenance."""

    curves: tuple[Curve, ...]
    shares: Mapping[str, float]
    """Prior share of each species within its family."""
    thresholds: Thresholds
    provenance: Mapping[str, Any]
    sha256: str = ""
    doubts: tuple[Curve, ...] = ()
    """For species of which too little is established to count, the surest curve of each. It counts in no posterior; it
    can take away ``live`` and widen the interval, and nothing else: see :attr:`Thresholds.doubt`."""

    @property
    def seen(self) -> frozenset[str]:
        """SHA-256 of all files that the calibration was learnt from."""
        return frozenset(self.provenance.get("files", ()))

    @property
    def signals(self) -> frozenset[str]:
        """Names of the signals that can change a verdict."""
        return frozenset(curve.signal for curve in (*self.curves, *self.doubts))


def load(path: Path | None = None) -> Calibration:
    """Read a calibration; without ``path`` the one that ships with the package.

    Raises
    ------
    CalibrationError
        The file is missing, is no JSON, or is of another schema.
    """
    name = str(path or "the packaged calibration.json")
    try:
        text = path.read_bytes() if path else resources.files(__package__).joinpath("calibration.json").read_bytes()
    except OSError as error:
        raise CalibrationError(
            f"{name}: cannot be read: {error.strerror}; make it with `liveness calibrate`"
        ) from error
    try:
        data = json.loads(text)
        if data.get("schema") != SCHEMA:
            raise CalibrationError(f"{name}: expected schema {SCHEMA}, found {data.get('schema')!r}")
        return _decoded(data, hashlib.sha256(text).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationError(f"{name}: damaged ({error}); make it again with `liveness calibrate`") from error


def dump(calibration: Calibration) -> str:
    """Return the calibration as JSON text, numbers at nine digits."""
    thresholds = calibration.thresholds
    data = {
        "schema": SCHEMA,
        "provenance": dict(calibration.provenance),
        "shares": dict(calibration.shares),
        "thresholds": {
            "live_confidence": thresholds.live_confidence,
            "live_coverage": thresholds.live_coverage,
            "suspect": dict(thresholds.suspect),
            "suspect_coverage": dict(thresholds.suspect_coverage),
            "lasting_s": thresholds.lasting_s,
            "least_s": thresholds.least_s,
            "doubt": dict(thresholds.doubt),
        },
        "curves": [_coded(curve) for curve in calibration.curves],
        "doubts": [_coded(curve) for curve in calibration.doubts],
    }
    return json.dumps(_rounded(data), indent=1, sort_keys=True) + "\n"


def _coded(curve: Curve) -> dict[str, Any]:
    return {name: getattr(curve, name) for name in Curve.__dataclass_fields__}


def _rounded(data: Any) -> Any:
    if isinstance(data, float):
        return float(f"{data:.9g}")
    if isinstance(data, Mapping):
        return {key: _rounded(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_rounded(value) for value in data]
    return data


def _decoded(data: Mapping[str, Any], sha256: str) -> Calibration:
    curves = tuple(_curve(raw) for raw in data["curves"])
    # Calibrations that were learnt before there were any have none.
    doubts = tuple(_curve(raw) for raw in data.get("doubts", ()))
    for kind in (curves, doubts):
        twice = [one for one, count in Counter((curve.signal, curve.species) for curve in kind).items() if count > 1]
        if twice:
            raise ValueError(f"two curves of {twice[0][0]} for {twice[0][1]}: expected one")
    stated = dict(data["thresholds"])
    if not isinstance(stated["suspect_coverage"], Mapping):
        # Calibrations that were learnt before the families differed have one number for all.
        stated["suspect_coverage"] = dict.fromkeys(FAMILIES, float(stated["suspect_coverage"]))
    thresholds = Thresholds(**stated)
    if set(thresholds.suspect_coverage) != set(FAMILIES):
        raise ValueError(f"suspect_coverage: expected the four families, found {sorted(thresholds.suspect_coverage)}")
    unknown = set(data["shares"]) - {species.name for species in SPECIES}
    if unknown or set(thresholds.suspect) - set(FAMILIES):
        raise ValueError(f"unknown species or families {sorted(unknown)}")
    return Calibration(curves, data["shares"], thresholds, data["provenance"], sha256, doubts)


def _curve(raw: Mapping[str, Any]) -> Curve:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    fields["covariance"] = tuple(tuple(row) for row in raw["covariance"])
    return Curve(**fields)


def covariance_rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    """Return a square array as nested tuples."""
    return tuple(tuple(float(value) for value in row) for row in matrix)
