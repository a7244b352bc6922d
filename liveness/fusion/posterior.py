"""From what the signals measured to posteriors of the five hypotheses.

Bona fide and the four families exclude one another. A family is a mixture of attack species; a species
that no signal can see (a recording that never repeats) keeps its share and bounds how far a family can
be ruled out. Evidence of one group counts up to the limit of its best curve, and each curve counts by
the share of it that is new beside the others.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from liveness.contract import ALTERNATIVE_GROUPS, SignalSpec
from liveness.errors import CalibrationError
from liveness.fusion.answers import COVERS_NATS
from liveness.fusion.calibration import Calibration, Curve, bounded
from liveness.verdict import FAMILIES, SPECIES, Family, family_of_species

_Z90 = 1.6449
"""Two-sided 90 % of a normal distribution."""


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
        species_var: dict[str, float] = {}
        for species in SPECIES:
            llr, variance = self._fuse_species(species.name, measured)
            species_llr[species.name], species_var[species.name] = llr, variance
        family_llr = self._by_family(species_llr, every=True)
        prior = (1 - self._prior_bonafide) / len(FAMILIES)
        odds = {
            family: prior / self._prior_bonafide * math.exp(family_llr[family] + said.get(family, 0.0))
            for family in FAMILIES
        }
        total = sum(odds.values())
        confidence = 1 / (1 + total)
        families = {family: odds[family] * confidence for family in FAMILIES}
        variance = 0.0
        for species in SPECIES:
            within = self._shares[species.name] * math.exp(species_llr[species.name])
            part = odds[species.family] / total * within / math.exp(family_llr[species.family])
            variance += part**2 * species_var[species.name]
        logit, reach = math.log(confidence / (1 - confidence)), _Z90 * math.sqrt(variance)
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

    def _fuse_species(self, species: str, measured: Mapping[str, Measured]) -> tuple[float, float]:
        """Return llr and variance of one species; what was not seen adds the spread it might have had."""
        by_group: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        variance = 0.0
        for curve in self._curves:
            if curve.species != species:
                continue
            have = measured.get(curve.signal)
            weight = curve.share * (have.weight if have else 0.0)
            if have and weight > 0:
                llr, var = curve.llr(have.features)
                by_group[self._groups[curve.signal]].append((weight * llr, weight**2 * var, curve.limit))
            variance += (curve.share - weight) ** 2 * (curve.power / 2) ** 2
        llr = 0.0
        for group, parts in by_group.items():
            if group in ALTERNATIVE_GROUPS:
                together, var = _any_of(parts, sum(curve.share for curve in self._curves_of(species, group)))
            else:
                together, var = all_of(parts)
            llr += together
            variance += var
        return llr, variance

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


def all_of(parts: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Add (llr, variance, limit) of traces of one kind up to the limit of the best; one alone keeps to its own."""
    together = sum(llr for llr, _, _ in parts)
    if len(parts) > 1:
        together = bounded(together, max(limit for _, _, limit in parts))
    return together, sum(var for _, var, _ in parts)


def _any_of(parts: list[tuple[float, float, float]], whole: float) -> tuple[float, float]:
    """Mix (llr, variance, limit) of alternative traces evenly; those not measured, up to ``whole``, count as 0 nats."""
    odds = [math.exp(llr) for llr, _, _ in parts]
    total = sum(odds) + max(whole - len(parts), 0.0)
    variance = sum((one / total) ** 2 * var for one, (_, var, _) in zip(odds, parts, strict=True))
    return math.log(total / max(whole, len(parts))), variance


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
