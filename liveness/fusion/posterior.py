"""From what the signals measured to posteriors of the five hypotheses.

Bona fide and the four families exclude one another. A family is a mixture of attack species; a species
that no signal can see (a recording that never repeats) keeps its share and bounds how far a family can
be ruled out. Evidence of one group counts up to the limit of its best curve, and each curve counts by
the share of it that is new beside the others.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from liveness.contract import ALTERNATIVE_GROUPS, Group, SignalSpec
from liveness.errors import CalibrationError
from liveness.fusion.answers import COVERS_NATS
from liveness.fusion.calibration import Calibration, Curve, bounded
from liveness.verdict import FAMILIES, SPECIES, Family, family_of_species

_Z90 = 1.6449
"""Two-sided 90 % of a normal distribution."""

_Source = tuple[str, str, float, tuple[float, ...]]
"""What errs as one: a curve's signal, bias and weights, for what was seen and for what was not."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one signal has gathered so far."""

    features: Mapping[str, float]
    """Means over what was measured, weighted by quality."""
    weight: float
    """0–1: how much of what this signal could say it has been able to see."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Posteriors with what they rest on."""

    confidence: float
    interval: tuple[float, float]
    families: Mapping[Family, float]
    coverage: Mapping[Family, float]
    llr: Mapping[str, Mapping[Family, float]]
    """Per signal, what it alone says about each family, in nats, weighted as it counts."""

    def against(self, family: Family) -> float:
        """Return the posterior of a family against bona fide alone.

        A still picture is as well one held before the camera as one fed in. What cannot be told apart
        shares the posterior, so that neither might ever seem likely; against bona fide each stands alone.
        """
        return self.families[family] / (self.families[family] + self.confidence)


class Posterior:
    """Fuses the measurements of the enabled signals; keeps no state between calls."""

    def __init__(self, calibration: Calibration, specs: Iterable[SignalSpec], prior_bonafide: float) -> None:
        known = {spec.name: spec for spec in specs}
        self._groups = {name: spec.group for name, spec in known.items()}
        self._curves = [curve for curve in calibration.curves if curve.signal in self._groups]
        self._doubts = [curve for curve in calibration.doubts if curve.signal in self._groups]
        for curve in [*self._curves, *self._doubts]:
            strange = set(curve.features) - set(known[curve.signal].features)
            if strange:
                raise CalibrationError(
                    f"the calibration does not fit this version: {curve.signal} does not measure "
                    f"{', '.join(sorted(strange))}; learn it anew with `liveness calibrate`"
                )
        self._shares = _prior_shares(calibration.shares)
        self._prior_bonafide = prior_bonafide
        seen = {family_of_species(curve.species) for curve in self._curves if curve.power > 0}
        self.examined: tuple[Family, ...] = tuple(family for family in FAMILIES if family in seen)

    def llr_of(self, signal: str, features: Mapping[str, float]) -> dict[Family, float]:
        """Return what one measurement of a signal says about each family, in nats, at full weight."""
        curves = [curve for curve in self._curves if curve.signal == signal]
        return self._by_family({curve.species: curve.llr(features)[0] for curve in curves})

    def believe(self, measured: Mapping[str, Measured], answers: Mapping[Family, float] | None = None) -> Belief:
        """Fuse what was measured so far with what the answers to challenges say, in nats by family."""
        said = answers or {}
        species_llr: dict[str, float] = {}
        species_reach: dict[str, Mapping[_Source, float]] = {}
        for species in SPECIES:
            species_llr[species.name], species_reach[species.name] = self._fuse_species(species.name, measured)
        family_llr = self._by_family(species_llr, every=True)
        prior = (1 - self._prior_bonafide) / len(FAMILIES)
        odds = {
            family: prior / self._prior_bonafide * math.exp(family_llr[family] + said.get(family, 0.0))
            for family in FAMILIES
        }
        total = sum(odds.values())
        confidence = 1 / (1 + total)
        families = {family: odds[family] * confidence for family in FAMILIES}
        reaches: dict[_Source, float] = defaultdict(float)
        for species in SPECIES:
            within = self._shares[species.name] * math.exp(species_llr[species.name])
            part = odds[species.family] / total * within / math.exp(family_llr[species.family])
            for source, one in species_reach[species.name].items():
                reaches[source] += part * one
        logit, reach = math.log(confidence / (1 - confidence)), _Z90 * math.hypot(*reaches.values())
        low = min(_sigmoid(logit - reach), 1 / (1 + sum(self._doubting(odds, family_llr, measured).values())))
        return Belief(
            confidence=confidence,
            interval=(low, _sigmoid(logit + reach)),
            families=families,
            coverage={
                family: with_answer(self._coverage(family, measured), said.get(family, 0.0)) for family in self.examined
            },
            llr={name: self._weighted(name, have) for name, have in measured.items()},
        )

    def _doubting(
        self, odds: Mapping[Family, float], llr: Mapping[Family, float], measured: Mapping[str, Measured]
    ) -> dict[Family, float]:
        """Return the odds, were each doubted species as likely as all else of its family; without a word, 0 nats."""
        doubts = self.doubts(measured)
        more: dict[Family, list[float]] = defaultdict(list)
        for curve in self._doubts:
            family = family_of_species(curve.species)
            more[family].append(math.exp(doubts.get(curve.species, 0.0) - llr[family]))
        return {family: one * (1 + sum(more[family])) / (1 + len(more[family])) for family, one in odds.items()}

    @property
    def doubters(self) -> dict[str, str]:
        """The signal that raises the doubt of each species that is only doubted."""
        return {curve.species: curve.signal for curve in self._doubts}

    def doubt_of(self, signal: str, features: Mapping[str, float]) -> float:
        """Return what one measurement of a signal says for a species that is only doubted, in nats; 0 if nothing."""
        return max((curve.llr(features)[0] for curve in self._doubts if curve.signal == signal), key=abs, default=0.0)

    def doubts(self, measured: Mapping[str, Measured]) -> dict[str, float]:
        """Return what doubtful curves say of the species that only they see, in nats; they count nowhere else."""
        return {
            curve.species: have.weight * curve.llr(have.features)[0]
            for curve in self._doubts
            if (have := measured.get(curve.signal)) is not None
        }

    def _fuse_species(self, species: str, measured: Mapping[str, Measured]) -> tuple[float, dict[_Source, float]]:
        """Return the llr of one species, and by how much each source may move it.

        What was not seen adds the spread it might have had. Sources err apart from one another; what one curve says of
        two species it says wrongly of both.
        """
        by_group: dict[Group, list[tuple[float, float]]] = defaultdict(list)
        reaches: dict[Group | None, dict[_Source, float]] = defaultdict(dict)
        for curve in self._curves:
            if curve.species != species:
                continue
            group, source = self._groups[curve.signal], (curve.signal, curve.bias, curve.weights)
            have = measured.get(curve.signal)
            weight = curve.share * (have.weight if have else 0.0)
            if have and weight > 0:
                llr, variance = curve.llr(have.features)
                by_group[group].append((weight * llr, curve.limit))
                reaches[group][("seen", *source)] = weight * math.sqrt(variance)
            reaches[None][("unseen", *source)] = (curve.share - weight) * curve.power / 2
        total = 0.0
        for group, parts in by_group.items():
            if group in ALTERNATIVE_GROUPS:
                whole = sum(curve.share for curve in self._curves_of(species, group))
                together, counts = _any_of([llr for llr, _ in parts], whole)
                reaches[group] = {
                    source: count * one for count, (source, one) in zip(counts, reaches[group].items(), strict=True)
                }
            else:
                together = all_of(parts)
            total += together
        return total, {source: one for kind in reaches.values() for source, one in kind.items()}

    def _curves_of(self, species: str, group: str) -> list[Curve]:
        return [curve for curve in self._curves if curve.species == species and self._groups[curve.signal] == group]

    def _by_family(self, species_llr: Mapping[str, float], *, every: bool = False) -> dict[Family, float]:
        """Mix species into families by their prior shares; species without a value count as 0 nats."""
        mixed: dict[Family, float] = {}
        for family in FAMILIES:
            members = [species for species in SPECIES if species.family == family]
            if not every and not any(species.name in species_llr for species in members):
                continue
            mean = sum(self._shares[species.name] * math.exp(species_llr.get(species.name, 0.0)) for species in members)
            mixed[family] = math.log(mean)
        return mixed

    def _coverage(self, family: Family, measured: Mapping[str, Measured]) -> float:
        could = had = 0.0
        for curve in self._curves:
            if family_of_species(curve.species) != family:
                continue
            power = curve.share * curve.power * self._shares[curve.species]
            could += power
            have = measured.get(curve.signal)
            had += power * (have.weight if have else 0.0)
        return had / could if could > 0 else 0.0

    def in_full(self, measured: Mapping[str, Measured]) -> dict[str, Measured]:
        """Return what was measured, the word of signals that speak for an attack in full, however poorly they saw."""
        return {
            name: replace(have, weight=1.0) if max(self.llr_of(name, have.features).values(), default=0.0) > 0 else have
            for name, have in measured.items()
        }

    def seen_of(self, measured: Mapping[str, Measured]) -> dict[str, float]:
        """Return for each species that anything can tell the share (0–1) of that which was had.

        A family may be covered by what tells one of its species, while nobody could look for another.
        """
        could: dict[str, float] = defaultdict(float)
        had: dict[str, float] = defaultdict(float)
        for curve in (*self._curves, *self._doubts):
            power = curve.share * curve.power
            have = measured.get(curve.signal)
            could[curve.species] += power
            had[curve.species] += power * (have.weight if have else 0.0)
        return {species: had[species] / power for species, power in could.items() if power > 0}

    def _weighted(self, signal: str, have: Measured) -> dict[Family, float]:
        llr = {
            curve.species: curve.share * have.weight * curve.llr(have.features)[0]
            for curve in self._curves
            if curve.signal == signal
        }
        return self._by_family(llr) if llr else {}


def with_answer(coverage: float, nats: float) -> float:
    """Return the coverage that an answer leaves: one that was passed examines what passing by could not."""
    return coverage + (1 - coverage) * min(max(-nats, 0.0) / COVERS_NATS, 1.0)


def _prior_shares(stated: Mapping[str, float]) -> dict[str, float]:
    """Return each species' share of its family, summing to 1; equal shares where none is stated."""
    shares: dict[str, float] = {}
    for family in FAMILIES:
        names = [species.name for species in SPECIES if species.family == family]
        whole = sum(stated.get(name, 0.0) for name in names)
        shares |= {name: stated.get(name, 0.0) / whole if whole > 0 else 1 / len(names) for name in names}
    return shares


def all_of(parts: Sequence[tuple[float, float]]) -> float:
    """Add (llr, limit) of traces of one kind up to the limit of the best; one alone keeps to its own."""
    together = sum(llr for llr, _ in parts)
    return bounded(together, max(limit for _, limit in parts)) if len(parts) > 1 else together


def _any_of(llrs: Sequence[float], whole: float) -> tuple[float, list[float]]:
    """Mix the llr of alternative traces evenly; those not measured, up to ``whole``, count as 0 nats.

    Returns the llr, and by how much it moves when each of them does.
    """
    odds = [math.exp(llr) for llr in llrs]
    total = sum(odds) + max(whole - len(llrs), 0.0)
    return math.log(total / max(whole, len(llrs))), [one / total for one in odds]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
