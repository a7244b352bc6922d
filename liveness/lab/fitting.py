"""Learning the calibration: curves, what each adds beside the others, and the thresholds.

Everything that is stored is learnt here from labelled samples. Groups (persons; sources of pictures) are
never split: out-of-fold values, which shares, powers and thresholds rest on, come from curves that saw
nobody of the same group.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from liveness.contract import ALTERNATIVE_GROUPS, SignalSpec
from liveness.fusion.calibration import Calibration, Curve, Thresholds, covariance_rows
from liveness.fusion.fusion import Gathered
from liveness.lab.dataset import Measured, group_folds
from liveness.lab.replaying import LASTING_S, LEAST_S, Outcome, going_on, replay
from liveness.verdict import FAMILIES, SPECIES, Family, family_of_species, species_of

Array = npt.NDArray[np.float64]

FOLDS = 5
SHARES: dict[str, float] = {
    "screen": 0.5,
    "print": 0.5,
    "still": 1 / 3,
    "loop": 1 / 3,
    "recording": 1 / 3,
    "face_swap": 0.5,
    "animation": 0.5,
    "other_person": 1.0,
}
"""Prior share of each species within its family: stated, no corpus can tell it; see :func:`_mixture`."""

LONG_S = 8.0
"""Live persons of at least this length are what the live thresholds are set on."""
LIVE_MISS = 0.20
"""Share of long bona fide clips that may fall below the live confidence."""
COVERAGE_MISS = 0.05
"""Share of long bona fide clips that may fall below the live coverage."""
DOUBT_MISS = 0.25
"""Share of long bona fide clips that a doubtful curve may keep from the word live."""
LEAST_COVERAGE, MOST_COVERAGE = 0.3, 0.8
"""Nobody is vouched for below the one, and no more than the other is ever demanded."""
SUSPECT_COVERAGE: dict[Family, float] = {
    "presentation": 0.5,
    "injection": 0.15,
    "synthesis": 0.5,
    "substitution": 0.5,
}
"""Coverage below which nobody is suspected of a family.

Half of what can be had where networks judge single pictures, which small or dark faces mislead. A still or a loop shows
at once and for sure, or has not come round yet.
"""
GOES_ON_S = 40.0
"""Suspicion begins above what every bona fide clip would reach if it went on for so long: twice what is remembered."""
SUSPECT_MARGINS_NATS: dict[Family, float] = {
    "presentation": 1.0,
    "injection": 0.3,
    "synthesis": 1.0,
    "substitution": 0.3,
}
"""How far above the highest bona fide posterior (in log odds) suspicion begins.

Most where networks judge, which err surely where they err, and were taught by few tools and few surfaces.
"""
LEAST_SUSPICION = 0.33
"""No family is suspected below this posterior against bona fide (it is 0.2 before any evidence)."""
_RIDGES = (0.1, 0.5, 3.0)
"""Strengths of the prior on slopes; for each curve the one that predicts unseen groups best is taken."""
_DOUBT = 0.05
"""Chance that any curve is kept that gains nothing; shared evenly among all that are tried (Bonferroni)."""
_WORTH_NATS = 0.03
"""What a signal has to add beside the others, in nats a sample: a twentieth of what there is to know (log 2). For less,
one more signal that errs in its own way is not worth having."""
_BOOTSTRAPS = 4000
_ESTABLISHED = 0.2
"""A species of whose gain no more than this share is established counts in no probability: it raises doubts."""
_LEAST_GROUPS = 4
"""A curve needs so many groups of each class: fewer teach what these few have in common."""
_NO_CURVE_FOR = frozenset({"recording", "other_person"})
"""A recording that never repeats differs in nothing that is measured here; it keeps its share, at 0 nats."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one sample gives for learning."""

    group: str
    species: str | None
    """None for bona fide."""
    simulated: bool
    picture: bool
    signals: Mapping[str, tuple[Mapping[str, float], float]]
    """Per signal the mean features and the weight (0–1) that they have at the end."""
    share: float = 1.0
    """What it counts for: the looks at one sample count together as one."""


def rows_of(measured: Sequence[Measured], specs: Mapping[str, SignalSpec]) -> list[Row]:
    """Summarise every sample as the fusion would at its end."""
    rows = []
    looks = Counter(one.sample.id for one in measured)
    for one in measured:
        gathered = {name: Gathered(math.inf, newest=spec.newest) for name, spec in specs.items()}
        for _, batch in one.measurements.moments:
            for evidence in batch:
                gathered[evidence.signal].add(evidence, specs[evidence.signal].period_s)
        signals = {}
        for name, have in gathered.items():
            found = have.measured(one.measurements.duration_s, specs[name].needed_s)
            if found is not None:
                signals[name] = (found.features, 1.0 if one.sample.picture else found.weight)
        species = species_of(one.sample.attack_type) if one.sample.label == "attack" else None
        rows.append(
            Row(
                one.sample.group,
                species.name if species else None,
                one.sample.simulated,
                one.sample.picture,
                signals,
                share=1 / looks[one.sample.id],
            )
        )
    return rows


def fit(measured: Sequence[Measured], specs: Mapping[str, SignalSpec], *, seed: int = 0) -> Calibration:
    """Learn a whole calibration, thresholds included."""
    rows = rows_of(measured, specs)
    learnt = learn(rows, specs, seed=seed)
    return Calibration(
        learnt.curves,
        learnt.shares,
        _thresholds(measured, rows, specs, seed=seed),
        {"gains": {name: {"nats": one.nats, "at_least": one.at_least} for name, one in learnt.gains.items()}},
        doubts=learnt.doubts,
    )


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better unseen samples are told than by saying nothing, in nats a sample (0 to log 2)."""

    nats: float
    at_least: float
    """One-sided bound by bootstrap over groups; what lies below 0 is not established."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Curves with what they were chosen by."""

    curves: tuple[Curve, ...]
    shares: Mapping[str, float]
    """Share of each species within its family."""
    gains: Mapping[str, Gain]
    """By ``species signal``, those included that were tried and dropped."""
    doubts: tuple[Curve, ...] = ()
    """For each species that counts in no probability, the curve whose gain is nearest to being established."""


def learn(rows: Sequence[Row], specs: Mapping[str, SignalSpec], *, seed: int) -> Learnt:
    """Learn the curves with their shares and powers, and how far each species counts."""
    folds = group_folds([row.group for row in rows], FOLDS, seed=seed)
    curves: list[Curve] = []
    doubts: list[Curve] = []
    gains: dict[str, Gain] = {}
    told: dict[str, float] = {}
    speakers = _speakers(specs)
    doubt = _DOUBT / max(1, sum(len(names) for names in speakers.values()))
    for species in SPECIES:
        if species.name not in speakers:
            continue
        taught = {one for name in speakers[species.name] for one in _taught_by(specs[name], species.name)}
        usable = [row for row in rows if row.species is None or row.species in taught]
        columns: dict[str, tuple[Curve, Array]] = {}
        unsure: dict[str, Curve] = {}
        for name in speakers[species.name]:
            tried = {ridge: _out_of_fold(usable, specs[name], species.name, folds, ridge) for ridge in _RIDGES}
            judges = [_judges(row, specs[name], species.name) for row in usable]
            ridge = min(_RIDGES, key=lambda one: _loss(usable, judges, tried[one]))
            curve, unseen = _fit_curve(usable, specs[name], species.name, ridge), np.where(judges, tried[ridge], 0.0)
            power = _power(usable, judges, unseen)
            gain = _gain(usable, judges, unseen, doubt=doubt, seed=seed)
            gains[f"{species.name} {name}"] = gain
            if curve is None or power <= 0 or gain.nats <= 0:
                continue
            unsure[name] = replace(curve, power=power)
            if gain.at_least > 0:
                columns[name] = (unsure[name], unseen)
        unseen_of = {name: unseen for name, (_, unseen) in columns.items()}
        kept, added = _that_add(usable, species.name, unseen_of, specs, seed=seed)
        gains |= {f"{species.name} {name} beside": gain for name, gain in added.items()}
        columns = {name: columns[name] for name in kept}
        shares, together = _together(usable, species.name, kept, specs)
        heard = _heard(usable, species.name, kept, specs)
        gain = gains[species.name] = _gain(usable, heard, together, doubt=doubt, seed=seed)
        told[species.name] = max(gain.at_least / gain.nats, 0.0) if gain.nats > 0 else 0.0
        if told[species.name] > _ESTABLISHED:
            counting = [name for name in columns if shares[name] > 0.02]
            curves += [replace(columns[name][0], share=shares[name]) for name in counting]
        else:
            told[species.name] = 0.0
            doubts += _surest(unsure, {name: gains[f"{species.name} {name}"].at_least for name in unsure})
    return Learnt(tuple(curves), _mixture(told), gains, tuple(doubts))


def _heard(rows: Sequence[Row], species: str, names: Iterable[str], specs: Mapping[str, SignalSpec]) -> list[bool]:
    """Tell of each row whether any of the signals has a word on it that says how good its curve is."""
    every = list(names)
    return [any(_judges(row, specs[name], species) for name in every) for row in rows]


def _together(
    rows: Sequence[Row], species: str, columns: Mapping[str, Array], specs: Mapping[str, SignalSpec]
) -> tuple[dict[str, float], Array]:
    """Return the share of each signal beside the others, and each row's llr by all of them."""
    heard = np.array(_heard(rows, species, columns, specs), dtype=bool)
    shares = _shares(
        [row for row, one in zip(rows, heard, strict=True) if one],
        {name: unseen[heard] for name, unseen in columns.items()},
    )
    shares |= dict.fromkeys(_alternatives(shares, specs), 1.0)
    return shares, sum((shares[name] * unseen for name, unseen in columns.items()), np.zeros(len(rows)))


def _that_add(
    rows: Sequence[Row], species: str, columns: Mapping[str, Array], specs: Mapping[str, SignalSpec], *, seed: int
) -> tuple[dict[str, Array], dict[str, Gain]]:
    """Leave out, one after the other, signals that add too little beside the others, or nothing that is established.

    One that looks for another trace of the species than the others do may add little: attacks that leave that trace
    alone are rare here and need not be elsewhere.

    Returns the columns that are left, and of every signal that was looked at beside others what it adds to them.
    """
    left, added = dict(columns), dict[str, Gain]()
    while len(left) > 1:
        heard = _heard(rows, species, left, specs)
        _, everything = _together(rows, species, left, specs)
        for name in left:
            _, without = _together(rows, species, {one: of for one, of in left.items() if one != name}, specs)
            added[name] = _gain(rows, heard, everything, doubt=_DOUBT, seed=seed, over=without)
        least = min(left, key=lambda name: added[name].at_least)
        if added[least].at_least > 0:
            mixed = _alternatives(left, specs)
            least = min(left, key=lambda name: math.inf if name in mixed else added[name].nats)
            if least in mixed or added[least].nats >= _WORTH_NATS:
                break
        del left[least]
    return left, added


def _surest(curves: Mapping[str, Curve], at_least: Mapping[str, float]) -> list[Curve]:
    """Return the curve of the signal whose gain is nearest to being established, or none of none."""
    return [curves[max(at_least, key=lambda name: at_least[name])]] if at_least else []


def _speakers(specs: Mapping[str, SignalSpec]) -> dict[str, list[str]]:
    """Return the signals that may speak about each species for which curves are sought."""
    return {
        species.name: [
            name
            for name, spec in specs.items()
            if species.family in spec.families and (not spec.species or species.name in spec.species)
        ]
        for species in SPECIES
        if species.name not in _NO_CURVE_FOR
    }


def _mixture(told: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each species within its family.

    Among the species that curves were sought for, the stated shares are weighed by how much of the species' gain is
    established: mixed in evenly, one that is hardly known would speak against live persons by its noise alone.
    """
    shares = dict(SHARES)
    for family in FAMILIES:
        names = [species.name for species in SPECIES if species.family == family and species.name in told]
        whole = sum(SHARES[name] for name in names)
        known = {name: SHARES[name] * told[name] for name in names}
        total = sum(known.values())
        if total > 0:
            shares |= {name: whole * one / total for name, one in known.items()}
    return shares


def _taught_by(spec: SignalSpec, species: str) -> frozenset[str]:
    """Return the species that teach a signal's curve for one of them.

    What looks at single pictures is taught by real ones alone, and of prints there may be too few sources. It learns
    the same for all species of a family that it may speak of: that the face was filmed off some surface.
    """
    if not spec.still:
        return frozenset({species})
    family = family_of_species(species)
    return frozenset(
        one.name for one in SPECIES if one.family == family and (not spec.species or one.name in spec.species)
    )


def _judges(row: Row, spec: SignalSpec, species: str) -> bool:
    """Tell whether a signal's word on this sample says how good its curve is: a picture must be real."""
    theirs = row.species is None or row.species in _taught_by(spec, species)
    return theirs and spec.name in row.signals and not (spec.still and row.simulated)


def _training(rows: Sequence[Row], spec: SignalSpec, species: str) -> list[Row]:
    """Return the rows that may teach a signal: a picture must be real, a movement may be simulated."""
    return [row for row in rows if _judges(row, spec, species) and row.signals[spec.name][1] > 0.1]


def _fit_curve(rows: Sequence[Row], spec: SignalSpec, species: str, ridge: float) -> Curve | None:
    training = _training(rows, spec, species)
    attack = np.array([row.species is not None for row in training])
    if attack.sum() < 2 or (~attack).sum() < 2:
        return None
    x = np.array([[row.signals[spec.name][0][feature] for feature in spec.features] for row in training])
    weights, count = _balanced(training, attack, np.array([row.signals[spec.name][1] for row in training]))
    if count < _LEAST_GROUPS:
        return None
    low, high = np.quantile(x, 0.01, axis=0), np.quantile(x, 0.99, axis=0)
    x = np.clip(x, low, high)
    mean = np.average(x, axis=0, weights=weights)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights)) + 1e-9
    directions = [spec.directions.get(one, 0) for one in spec.features]
    beta, covariance = _directed((x - mean) / scale, attack, weights, directions=directions, ridge=ridge)
    if not np.any(beta[1:]):
        return None
    return Curve(
        signal=spec.name,
        species=species,
        features=spec.features,
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        weights=tuple(beta[1:].tolist()),
        bias=float(beta[0]),
        covariance=covariance_rows(covariance.astype(np.float32)),
        limit=math.log(count + 1),
        share=1.0,
        power=0.0,
    )


def _balanced(rows: Sequence[Row], attack: npt.NDArray[np.bool_], quality: Array) -> tuple[Array, float]:
    """Return weights whose sum is the same for both classes, and that sum.

    Within a class a group counts by the root of its size, so that a source of 300 pictures does not
    outvote 50 persons. The common sum is the smaller number of groups: no class knows more than that.
    """
    weights = quality * np.array([row.share for row in rows])
    groups = 10**9
    for wanted in (True, False):
        inside = np.flatnonzero(attack == wanted)
        sizes: dict[str, float] = defaultdict(float)
        for at in inside:
            sizes[rows[at].group] += rows[at].share
        for at in inside:
            weights[at] /= math.sqrt(sizes[rows[at].group])
        groups = min(groups, len(sizes))
    for wanted in (True, False):
        weights[attack == wanted] *= groups / weights[attack == wanted].sum()
    return weights, float(groups)


def _logistic(z: Array, attack: npt.NDArray[np.bool_], weights: Array, ridge: float) -> tuple[Array, Array]:
    """Return coefficients (bias first) and their covariance: Newton's method, normal prior on slopes."""
    design = np.hstack([np.ones((len(z), 1)), z])
    beta = np.zeros(design.shape[1])
    prior = np.diag([1e-3, *([ridge] * z.shape[1])])
    hessian = prior
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weights * (attack - p)) - prior @ beta
        hessian = (design * (weights * p * (1 - p))[:, None]).T @ design + prior
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return beta, np.linalg.inv(hessian)


def _directed(
    z: Array, attack: npt.NDArray[np.bool_], weights: Array, *, directions: Sequence[int], ridge: float
) -> tuple[Array, Array]:
    """Return the logistic fit without the features whose slope has the wrong sign, alone or beside the others.

    One that speaks the wrong way alone would be given weight only for what it takes back of another.
    """
    width = z.shape[1]
    apart = np.average(z, axis=0, weights=weights * attack) - np.average(z, axis=0, weights=weights * ~attack)
    kept = [at for at in range(width) if apart[at] * directions[at] >= 0]
    if not kept:
        return np.zeros(width + 1), np.zeros((width + 1, width + 1))
    beta, covariance = _logistic(z[:, kept], attack, weights, ridge)
    while True:
        wrong = [at for place, at in enumerate(kept, start=1) if beta[place] * directions[at] < 0]
        if not wrong:
            break
        kept = [at for at in kept if at not in wrong]
        beta, covariance = _logistic(z[:, kept], attack, weights, ridge)
    places = [0, *(at + 1 for at in kept)]
    whole, spread = np.zeros(width + 1), np.zeros((width + 1, width + 1))
    whole[places] = beta
    spread[np.ix_(places, places)] = covariance
    return whole, spread


def _out_of_fold(rows: Sequence[Row], spec: SignalSpec, species: str, folds: Mapping[str, int], ridge: float) -> Array:
    """Return each row's llr times weight, from curves that did not see its group; 0 where nothing was measured."""
    values = np.zeros(len(rows))
    for fold in range(FOLDS):
        curve = _fit_curve([row for row in rows if folds[row.group] != fold], spec, species, ridge)
        if curve is None:
            continue
        for at, row in enumerate(rows):
            if folds[row.group] == fold and spec.name in row.signals:
                features, weight = row.signals[spec.name]
                values[at] = weight * curve.llr(features)[0]
    return values


def _losses(rows: Sequence[Row], judges: Sequence[bool], unseen: Array) -> tuple[list[Row], Array, Array]:
    """Return the rows that judge, their weights (both classes alike, sum 1) and their logistic loss."""
    inside = [at for at, one in enumerate(judges) if one]
    some = [rows[at] for at in inside]
    attack = np.array([row.species is not None for row in some], dtype=bool)
    if not attack.any() or attack.all():
        return [], np.zeros(0), np.zeros(0)
    weights, count = _balanced(some, attack, np.ones(len(some)))
    return some, weights / (2 * count), np.logaddexp(0, np.where(attack, -1.0, 1.0) * unseen[inside])


def _loss(rows: Sequence[Row], judges: Sequence[bool], unseen: Array) -> float:
    """Return the logistic loss of unseen llr over the samples that judge, both classes alike."""
    some, weights, losses = _losses(rows, judges, unseen)
    return float((weights * losses).sum()) if some else math.inf


def _gain(
    rows: Sequence[Row], judges: Sequence[bool], unseen: Array, *, doubt: float, seed: int, over: Array | None = None
) -> Gain:
    """Return how much less the loss is than that of another word, and how much of that all but a ``doubt`` have.

    Parameters
    ----------
    over
        (n,) the other word; saying nothing if not given.
    """
    some, weights, losses = _losses(rows, judges, unseen)
    if not some:
        return Gain(0.0, 0.0)
    _, _, others = _losses(rows, judges, np.zeros(len(rows)) if over is None else over)
    groups = {name: at for at, name in enumerate(sorted({row.group for row in some}))}
    parts = np.bincount([groups[row.group] for row in some], weights * (others - losses), len(groups))
    drawn = np.random.default_rng(seed).integers(len(groups), size=(_BOOTSTRAPS, len(groups)))
    return Gain(float(parts.sum()), float(np.quantile(parts[drawn].sum(axis=1), doubt)))


def _power(rows: Sequence[Row], judges: Sequence[bool], unseen: Array) -> float:
    """Return how far the classes lie apart in the unseen llr, in nats; never negative."""
    spoke = np.array(judges)
    attack = np.array([row.species is not None for row in rows])
    one, other = unseen[spoke & attack], unseen[spoke & ~attack]
    if len(one) < 2 or len(other) < 2:
        return 0.0
    return max(float(one.mean() - other.mean()), 0.0)


def _alternatives(names: Iterable[str], specs: Mapping[str, SignalSpec]) -> list[str]:
    """Return the signals that look for other traces of one species: they are mixed, so that none counts twice."""
    groups = Counter(specs[name].group for name in names)
    return [name for name in names if specs[name].group in ALTERNATIVE_GROUPS and groups[specs[name].group] > 1]


def _shares(rows: Sequence[Row], columns: Mapping[str, Array]) -> dict[str, float]:
    """Return for each signal the share (0–1) of its llr that counts beside the others.

    Least logistic loss of the weighted sum over out-of-fold values: two signals that say the same thing
    share what one would get.
    """
    if not columns:
        return {}
    attack = np.array([row.species is not None for row in rows])
    weights, count = _balanced(rows, attack, np.ones(len(rows)))
    matrix = np.column_stack(list(columns.values()))
    sign = np.where(attack, 1.0, -1.0)

    def loss(share: Array) -> float:
        value = float((weights * np.logaddexp(0, -sign * (matrix @ share))).sum()) / (2 * count)
        return value + 1e-3 * float((share**2).sum())

    start = np.full(matrix.shape[1], 0.5)
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(0.0, 1.0)] * matrix.shape[1])
    return dict(zip(columns, found.x.tolist(), strict=True))


def _thresholds(
    measured: Sequence[Measured], rows: Sequence[Row], specs: Mapping[str, SignalSpec], *, seed: int
) -> Thresholds:
    """Set the thresholds on bona fide clips judged by curves that did not see them."""
    folds = group_folds([row.group for row in rows], FOLDS, seed=seed + 1)
    open_ended = Thresholds(0.0, 0.0, {}, SUSPECT_COVERAGE, LASTING_S, LEAST_S)
    outcomes: list[tuple[float, Outcome, Mapping[Family, float]]] = []
    for fold in range(FOLDS):
        learnt = learn([row for row in rows if folds[row.group] != fold], specs, seed=seed + 2)
        calibration = Calibration(learnt.curves, learnt.shares, open_ended, {}, doubts=learnt.doubts)
        outcomes += [
            (
                one.measurements.duration_s,
                replay(one, calibration, specs),
                replay(going_on(one, GOES_ON_S), calibration, specs).peaks,
            )
            for one in measured
            if one.sample.label == "bonafide" and not one.sample.picture and folds[one.sample.group] == fold
        ]
    long = [one for duration_s, one, _ in outcomes if duration_s >= LONG_S] or [one for _, one, _ in outcomes]
    confidence = float(np.quantile([one.confidence for one in long], LIVE_MISS))
    coverage = float(np.quantile([min(one.coverage.values(), default=0.0) for one in long], COVERAGE_MISS))
    suspect: dict[Family, float] = {}
    for family in FAMILIES:
        highest = max((max(one.peaks[family], peaks[family]) for _, one, peaks in outcomes), default=0.0)
        odds = math.log(max(highest, 1e-6) / (1 - min(highest, 1 - 1e-6))) + SUSPECT_MARGINS_NATS[family]
        suspect[family] = max(LEAST_SUSPICION, 1 / (1 + math.exp(-odds)))
    doubt = {}
    for species in SPECIES:
        nats = [one.doubts[species.name] for one in long if species.name in one.doubts]
        if nats:
            doubt[species.name] = float(np.quantile(nats, 1 - DOUBT_MISS))
    return Thresholds(
        live_confidence=max(0.5, confidence),
        live_coverage=min(max(LEAST_COVERAGE, coverage), MOST_COVERAGE),
        suspect=suspect,
        suspect_coverage=SUSPECT_COVERAGE,
        lasting_s=LASTING_S,
        least_s=LEAST_S,
        doubt=doubt,
    )
