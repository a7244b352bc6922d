"""Error rates after ISO/IEC 30107-3, with abstention, on persons that calibration has not seen.

APCER is the share of attacks that end ``live``, BPCER the share of bona fide presentations that end
``suspect``; both classes may end ``inconclusive``, and attacks that end ``suspect`` are found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.stats import beta, rankdata

from liveness import __version__
from liveness.contract import SignalSpec
from liveness.errors import ConfigError, ManifestError
from liveness.fusion.calibration import Calibration
from liveness.fusion.fusion import EVEN_ODDS
from liveness.fusion.posterior import Measured as Seen
from liveness.fusion.posterior import Posterior, all_of
from liveness.lab.attacks import MAKERS
from liveness.lab.calibrating import measure_for_learning, read_manifests, signal_specs
from liveness.lab.dataset import Measured, Sample, group_folds, measure, simulate
from liveness.lab.fitting import FOLDS, GOES_ON_S, Array, fit, rows_of
from liveness.lab.replaying import Outcome, going_on, replay
from liveness.verdict import FAMILIES, Family, State, family_of, species_of

Mode = Literal["cross-validated", "unseen", "in-sample"]

SIMULATION_SEED = 90_001
"""Another seed than calibration's, so that simulated attacks are not the ones that were learnt from."""
EXAMINED = 0.5
"""A family counts as examined on a clip from this coverage on."""
_BINS = 10
_BOOTSTRAPS = 1000


@dataclass(frozen=True, slots=True)
class Judged:
    """One clip with how it ended."""

    sample: Sample
    duration_s: float
    outcome: Outcome
    later: State | None = None
    """The state that it would have ended in, had it gone on like this for :data:`~liveness.lab.fitting.GOES_ON_S`."""


@dataclass(frozen=True, slots=True)
class JudgedPicture:
    """One picture with its score in nats, by the signals that can judge one."""

    sample: Sample
    llr: float
    suspect: bool = False
    """Whether its look alone, at full weight, lies above the threshold of suspicion: movement, which might speak for
    the person, and the coverage that suspicion asks for are left aside."""


def evaluate_manifests(
    paths: Sequence[Path],
    calibration: Calibration,
    *,
    kinds: Sequence[str],
    in_sample: bool,
    cache: Path,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Evaluate labelled clips and pictures.

    Where the calibration has seen one of the files, everything is cross-validated: the calibration is
    learnt again without each fifth of the persons, who are then judged.

    Parameters
    ----------
    kinds
        Attacks to simulate from the bona fide clips; keys of :data:`liveness.lab.attacks.MAKERS`.
    in_sample
        Judge with the calibration as it is, though it may have seen the clips; the result says so.

    Raises
    ------
    ManifestError, MediaError, ConfigError
        A manifest, a clip, or a kind is not usable.
    """
    unknown = set(kinds) - set(MAKERS)
    if unknown:
        raise ConfigError(f"--simulate: no attack kind {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    samples = read_manifests(paths)
    twins = simulate(samples, kinds, seed=SIMULATION_SEED, cache=cache, progress=progress)
    measured = measure([*samples, *twins], cache=cache, progress=progress)
    specs = signal_specs()
    seen = any(one.sha256 in calibration.seen for one in measured)
    if seen and not in_sample:
        mode: Mode = "cross-validated"
        seed = int(calibration.provenance.get("seed", 1))
        learning = measure_for_learning(samples, seed=seed, cache=cache, progress=progress)
        judged, pictures = cross_validate(measured, learning, specs, progress)
    else:
        mode = "in-sample" if seen else "unseen"
        judged, pictures = judge(measured, calibration, specs)
    if not any(one.sample.label == "bonafide" for one in judged):
        raise ManifestError(f"{paths[0]}: expected bona fide clips among the rows, found none")
    return figures_of(judged, pictures, mode, calibration, paths)


def judge(
    measured: Iterable[Measured], calibration: Calibration, specs: Mapping[str, SignalSpec]
) -> tuple[list[Judged], list[JudgedPicture]]:
    """Judge every sample by one calibration."""
    judged, pictures = [], []
    for one in measured:
        if one.sample.picture:
            llr = _picture_llr(one, calibration, specs)
            if llr is not None:
                pictures.append(JudgedPicture(one.sample, llr, _suspected(one, calibration, specs)))
        else:
            outcome = replay(one, calibration, specs)
            later = replay(going_on(one, GOES_ON_S), calibration, specs).state
            judged.append(Judged(one.sample, one.measurements.duration_s, outcome, later))
    return judged, pictures


def cross_validate(
    measured: Sequence[Measured],
    learning: Sequence[Measured],
    specs: Mapping[str, SignalSpec],
    progress: Callable[[str], None],
    *,
    without: str | None = None,
) -> tuple[list[Judged], list[JudgedPicture]]:
    """Judge every sample by a calibration learnt from others than its group.

    Parameters
    ----------
    without
        An attack type that nothing is learnt from, be it simulated or not.
    """
    folds = group_folds([one.sample.group for one in learning], FOLDS, seed=11)
    judged: list[Judged] = []
    pictures: list[JudgedPicture] = []
    for fold in range(FOLDS):
        teaching = [
            one
            for one in learning
            if folds[one.sample.group] != fold
            and (without is None or one.sample.attack_type.removeprefix("sim_") != without.removeprefix("sim_"))
        ]
        learnt = fit(teaching, specs, seed=fold)
        some, more = judge([one for one in measured if folds[one.sample.group] == fold], learnt, specs)
        judged += some
        pictures += more
        progress(f"fold {fold + 1} of {FOLDS}")
    return judged, pictures


def _picture_llr(one: Measured, calibration: Calibration, specs: Mapping[str, SignalSpec]) -> float | None:
    """Return what the signals that can judge a picture say of it, for the likelier of screen and print."""
    row = rows_of([one], specs)[0]
    species: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for curve in calibration.curves:
        if curve.signal in row.signals and specs[curve.signal].still:
            species[curve.species].append((curve.share * curve.llr(row.signals[curve.signal][0])[0], curve.limit))
    return max((all_of(said) for said in species.values()), default=None)


def _suspected(one: Measured, calibration: Calibration, specs: Mapping[str, SignalSpec]) -> bool:
    seen = {name: Seen(features, 1.0) for name, (features, _) in rows_of([one], specs)[0].signals.items()}
    belief = Posterior(calibration, specs.values(), EVEN_ODDS).believe(seen)
    return belief.against("presentation") >= calibration.thresholds.suspect.get("presentation", 1.1)


def figures_of(
    judged: Sequence[Judged],
    pictures: Sequence[JudgedPicture],
    mode: Mode,
    calibration: Calibration,
    paths: Sequence[Path],
) -> dict[str, Any]:
    """Return all figures of judged clips and pictures, as they stand in the JSON."""
    bona_fide = [one for one in judged if one.sample.label == "bonafide"]
    attacks = [one for one in judged if one.sample.label == "attack"]
    by_type: dict[str, list[Judged]] = defaultdict(list)
    by_family: dict[str, list[Judged]] = defaultdict(list)
    for one in attacks:
        by_type[one.sample.attack_type].append(one)
        by_family[str(family_of(one.sample.attack_type))].append(one)
    types = {name: _attack_figures(ones, bona_fide) for name, ones in sorted(by_type.items())}
    real = [one for one in attacks if not one.sample.simulated] or attacks
    return {
        "schema": "liveness.evaluation/1",
        "mode": mode,
        "manifests": [path.name for path in paths],
        "engine": {"version": __version__, "calibration_sha256": calibration.sha256},
        "bona_fide": _bona_fide_figures(bona_fide),
        "attack_types": types,
        "families": {name: _attack_figures(by_family[name], bona_fide) for name in FAMILIES if name in by_family},
        "worst_type": max(
            types, key=lambda name: (types[name]["apcer"]["rate"], types[name]["apcer"]["interval"][0]), default=None
        ),
        "confidence": _confidence_figures(bona_fide, real),
        "pairs": _pair_figures(bona_fide, attacks),
        "doubts": _doubt_figures(bona_fide, attacks),
        "pictures": _picture_figures(pictures),
        "clips": [
            {
                "id": one.sample.id,
                "label": one.sample.label,
                "attack_type": one.sample.attack_type,
                "duration_s": round(one.duration_s, 2),
                "state": one.outcome.state,
                "confidence": round(one.outcome.confidence, 4),
                "coverage": round(min(one.outcome.coverage.values(), default=0.0), 3),
                "families": {name: round(value, 4) for name, value in one.outcome.families.items()},
                "decided_s": one.outcome.decided_s,
            }
            for one in judged
        ],
    }


def _doubt_figures(bona_fide: Sequence[Judged], attacks: Sequence[Judged]) -> dict[str, Any]:
    """Return for each species that is only doubted how well its doubt tells it; no word counts as 0 nats."""
    found = {}
    for name in sorted({name for one in bona_fide for name in one.outcome.doubts}):
        of_it = [
            one
            for one in attacks
            if not one.sample.simulated and (kind := species_of(one.sample.attack_type)) and kind.name == name
        ]
        found[name] = {
            "attacks": len(of_it),
            "spoke_of": sum(name in one.outcome.doubts for one in of_it),
            "bona_fide": len(bona_fide),
            "spoke_of_bona_fide": sum(name in one.outcome.doubts for one in bona_fide),
            "auc": _auc_with_interval(bona_fide, of_it, _undoubted(name)),
        }
    return found


def _undoubted(species: str) -> Callable[[Judged], float]:
    return lambda one: -one.outcome.doubts.get(species, 0.0)


def _bona_fide_figures(ones: Sequence[Judged]) -> dict[str, Any]:
    long = [one for one in ones if one.duration_s >= 8]
    return {
        "count": len(ones),
        "seconds": round(sum(one.duration_s for one in ones), 1),
        "bpcer": rate(sum(one.outcome.state == "suspect" for one in ones), len(ones)),
        "inconclusive": rate(sum(one.outcome.state == "inconclusive" for one in ones), len(ones)),
        "live": rate(sum(one.outcome.state == "live" for one in ones), len(ones)),
        "live_of_8_s_or_more": rate(sum(one.outcome.state == "live" for one in long), len(long)),
        "suspects": [one.sample.id for one in ones if one.outcome.state == "suspect"],
        "had_they_gone_on": _later(ones),
        "median_decided_s": _median([one.outcome.decided_s for one in ones if one.outcome.decided_s is not None]),
    }


def _later(ones: Sequence[Judged]) -> dict[str, Any]:
    """Return how the clips would have ended, had they gone on as they are: a call lasts longer than a clip."""
    known = [one for one in ones if one.later is not None]
    shares = {state: rate(sum(one.later == state for one in known), len(known)) for state in ("suspect", "live")}
    return {"seconds": GOES_ON_S, **shares, "suspects": [one.sample.id for one in known if one.later == "suspect"]}


def _attack_figures(ones: Sequence[Judged], bona_fide: Sequence[Judged]) -> dict[str, Any]:
    return {
        "count": len(ones),
        "apcer": rate(sum(one.outcome.state == "live" for one in ones), len(ones)),
        "inconclusive": rate(sum(one.outcome.state == "inconclusive" for one in ones), len(ones)),
        "found": rate(sum(one.outcome.state == "suspect" for one in ones), len(ones)),
        "missed": [one.sample.id for one in ones if one.outcome.state == "live"],
        "had_they_gone_on": _later(ones),
        "auc": _auc_with_interval(bona_fide, ones),
        "auc_of_family": _family_areas(bona_fide, ones),
        "median_decided_s": _median(
            [
                one.outcome.decided_s
                for one in ones
                if one.outcome.state == "suspect" and one.outcome.decided_s is not None
            ]
        ),
    }


def rate(count: int, total: int) -> dict[str, Any]:
    """Return a share with its 95 % Clopper–Pearson interval."""
    if total == 0:
        return {"count": 0, "of": 0, "rate": 0.0, "interval": [0.0, 1.0]}
    low = float(beta.ppf(0.025, count, total - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, total - count)) if count < total else 1.0
    return {"count": count, "of": total, "rate": round(count / total, 4), "interval": [round(low, 4), round(high, 4)]}


def auc(live: Sequence[float], attack: Sequence[float]) -> float:
    """Return the chance that a live score lies above an attack's, ties counting half."""
    ranks = rankdata([*live, *attack])
    above = ranks[: len(live)].sum() - len(live) * (len(live) + 1) / 2
    return float(above / (len(live) * len(attack)))


def _auc_with_interval(
    bona_fide: Sequence[Judged],
    attacks: Sequence[Judged],
    score: Callable[[Judged], float] = lambda one: one.outcome.confidence,
) -> dict[str, Any]:
    """Return the AUC of a score, high for bona fide, with a 95 % interval by bootstrap over persons."""
    if not bona_fide or not attacks:
        return {"value": None, "interval": None}
    live = [score(one) for one in bona_fide]
    attack = [score(one) for one in attacks]
    persons = sorted({one.sample.group for one in [*bona_fide, *attacks]})
    at = {person: index for index, person in enumerate(persons)}
    live_at = np.array([at[one.sample.group] for one in bona_fide])
    attack_at = np.array([at[one.sample.group] for one in attacks])
    wins = (np.array(live)[:, None] > np.array(attack)[None]) + 0.5 * (
        np.array(live)[:, None] == np.array(attack)[None]
    )
    rng = np.random.default_rng(3)
    values = []
    for _ in range(_BOOTSTRAPS):
        drawn = np.bincount(rng.integers(len(persons), size=len(persons)), minlength=len(persons)).astype(float)
        one, other = drawn[live_at], drawn[attack_at]
        if one.sum() > 0 and other.sum() > 0:
            values.append(float(one @ wins @ other / (one.sum() * other.sum())))
    low, high = np.quantile(values, [0.025, 0.975])
    return {"value": round(auc(live, attack), 4), "interval": [round(float(low), 4), round(float(high), 4)]}


def _against(one: Judged, family: Family) -> float:
    """Return the posterior of a family against bona fide alone."""
    posterior = one.outcome.families[family]
    return posterior / (posterior + one.outcome.confidence) if posterior > 0 else 0.0


def _family_areas(bona_fide: Sequence[Judged], attacks: Sequence[Judged]) -> dict[str, float | None]:
    """Return how well the attacks' own family is told from bona fide: of all clips, and of those it was examined on.

    Confidence falls with doubts about other families as well; these figures leave them out.
    """
    family = family_of(attacks[0].sample.attack_type)
    assert family is not None

    def area(least: float) -> float | None:
        live, attack = (
            [-_against(one, family) for one in ones if one.outcome.coverage.get(family, 0.0) >= least]
            for ones in (bona_fide, attacks)
        )
        return round(auc(live, attack), 4) if live and attack else None

    return {"all": area(0.0), "examined": area(EXAMINED)}


def _confidence_figures(bona_fide: Sequence[Judged], attacks: Sequence[Judged]) -> dict[str, Any]:
    """Return Brier score and calibration slope, both classes weighted alike: attacks alike by family, and by clip.

    By family, one with few clips weighs as much as one with many; by clip, it hardly counts.
    """
    if not bona_fide or not attacks:
        nothing = {"brier": None, "slope": None}
        return {**nothing, "ece": None, "by_clip": nothing, "auc": {"value": None, "interval": None}}
    ones = [*bona_fide, *attacks]
    truth = np.array([one.sample.label == "bonafide" for one in ones], dtype=float)
    confidence = np.array([one.outcome.confidence for one in ones])
    sizes: dict[str, int] = defaultdict(int)
    for one in attacks:
        sizes[str(family_of(one.sample.attack_type))] += 1
    weights = np.array(
        [
            0.5 / len(bona_fide)
            if one.sample.label == "bonafide"
            else 0.5 / len(sizes) / sizes[str(family_of(one.sample.attack_type))]
            for one in ones
        ]
    )
    by_clip = np.where(truth > 0, 0.5 / len(bona_fide), 0.5 / len(attacks))
    bounded = np.clip(confidence, 1e-6, 1 - 1e-6)
    logit = np.log(bounded / (1 - bounded))

    def told(weights: Array) -> dict[str, float]:
        brier = float((weights * (confidence - truth) ** 2).sum())
        return {"brier": round(brier, 4), "slope": round(_slope(logit, truth, weights), 3)}

    return {
        **told(weights),
        "ece": round(_calibration_error(confidence, truth, weights), 4),
        "by_clip": told(by_clip),
        "auc": _auc_with_interval(bona_fide, attacks),
    }


def _calibration_error(confidence: Array, truth: Array, weights: Array) -> float:
    """Return the expected calibration error: mean distance of confidence and share of live clips, over ten bins."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    apart = np.bincount(bins, weights * (confidence - truth), _BINS)
    return float(np.abs(apart).sum() / weights.sum())


def _slope(logit: Array, truth: Array, weights: Array) -> float:
    """Return the slope of a logistic regression of the truth on the confidence's log odds; 1 is calibrated."""

    def loss(parameters: Array) -> float:
        z = parameters[0] + parameters[1] * logit
        return float((weights * np.logaddexp(0, np.where(truth > 0, -z, z))).sum())

    return float(minimize(loss, np.array([0.0, 1.0]), method="BFGS").x[1])


def _pair_figures(bona_fide: Sequence[Judged], attacks: Sequence[Judged]) -> dict[str, Any]:
    """Return in what share of pairs a live swap has less confidence, and more synthesis, than its own original."""
    originals: dict[str, list[Judged]] = defaultdict(list)
    for one in bona_fide:
        originals[one.sample.group].append(one)
    lower = higher = total = 0
    for one in attacks:
        own = originals.get(one.sample.group)
        if one.sample.attack_type == "face_swap_realtime" and own:
            lower += one.outcome.confidence < float(np.mean([other.outcome.confidence for other in own]))
            synthesis = float(np.mean([_against(other, "synthesis") for other in own]))
            higher += _against(one, "synthesis") > synthesis
            total += 1
    return {"swap_below_its_original": rate(lower, total), "swap_more_synthesis_than_original": rate(higher, total)}


def _picture_figures(pictures: Sequence[JudgedPicture]) -> dict[str, Any]:
    """Return how well pictures are told whose sources were not learnt from."""
    by_source: dict[str, list[JudgedPicture]] = defaultdict(list)
    presentation = [
        one for one in pictures if one.sample.label == "bonafide" or family_of(one.sample.attack_type) == "presentation"
    ]
    for one in presentation:
        by_source[one.sample.group].append(one)

    def area(ones: Sequence[JudgedPicture]) -> float | None:
        live = [-one.llr for one in ones if one.sample.label == "bonafide"]
        attack = [-one.llr for one in ones if one.sample.label == "attack"]
        return round(auc(live, attack), 4) if live and attack else None

    sources = {
        name: {
            "bona_fide": sum(one.sample.label == "bonafide" for one in ones),
            "attacks": sum(one.sample.label == "attack" for one in ones),
            "auc": area(ones),
        }
        for name, ones in sorted(by_source.items())
    }
    live = [one for one in presentation if one.sample.label == "bonafide"]
    attacks = [one for one in presentation if one.sample.label == "attack"]
    return {
        "count": len(presentation),
        "suspect": {
            "bona_fide": rate(sum(one.suspect for one in live), len(live)),
            "attacks": rate(sum(one.suspect for one in attacks), len(attacks)),
        },
        "auc": area(presentation),
        "mean_auc_within_source": _mean([one["auc"] for one in sources.values() if one["auc"] is not None]),
        "sources": {name: one for name, one in sources.items() if one["auc"] is not None},
        "scores": [[one.sample.label, round(one.llr, 3)] for one in presentation],
    }


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 2) if values else None


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
