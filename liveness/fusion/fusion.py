"""The running fusion of one session: gathers evidence, tells the state, says why."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from liveness.contract import SignalSpec
from liveness.fusion.answers import Answer, Answers
from liveness.fusion.calibration import Calibration, Thresholds
from liveness.fusion.posterior import Belief, Measured, Posterior, with_answer
from liveness.verdict import FAMILIES, FAMILY_WORDS, Evidence, Family, Reason, State, family_of_species

HORIZON_S = 20.0
"""Evidence fades with this time constant, so that a change in a long call is seen."""

_CLEAR_QUALITY = 0.5
"""Mean quality below which a signal's word counts the less, whatever its length."""

EVEN_ODDS = 0.5
"""The prior of a live person at which thresholds are learnt and states told."""

_SILENCE_S = 5.0
"""Without evidence for this long nobody is vouched for."""

_FAILED_NATS = 1.5
"""A failed challenge that says less than this examines nobody: half of what :data:`~answers.COVERS_NATS` asks."""

_SPEAKS_NATS = 0.1
"""Below this a signal is not quoted as a reason."""
_FAINT_NATS = 0.7
"""Below this, odds of two to one, what speaks against somebody is called faint."""


class Gathered:
    """What one signal's features are, fading or not: their weighted mean, or the newest where that says it all."""

    def __init__(self, fade_s: float, *, newest: bool = False) -> None:
        self._fade_s = fade_s
        self._newest = newest
        self._sums: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._held_quality = 0.0
        self._weight = 0.0
        self._seconds = 0.0
        self._time_s = 0.0

    def add(self, evidence: Evidence, seconds: float) -> None:
        """Take in evidence that stands for ``seconds`` of media time; failed evidence only counts as time."""
        self._fade(evidence.end_s)
        self._seconds += seconds
        if evidence.failed or evidence.quality <= 0:
            return
        weight = evidence.quality * seconds
        self._weight += weight
        if self._newest:
            # A poor look does not take the place of a good one.
            if evidence.quality >= 0.5 * self._held_quality:
                self._held_quality = evidence.quality
                self._held = dict(evidence.features)
            return
        for name, value in evidence.features.items():
            self._sums[name] = self._sums.get(name, 0.0) + weight * value

    def measured(self, time_s: float, needed_s: float) -> Measured | None:
        """Return the means as of ``time_s``, or None if nothing counts."""
        self._fade(time_s)
        if self._weight < 1e-6:
            return None
        means = self._held if self._newest else {name: total / self._weight for name, total in self._sums.items()}
        # What small, dark or turned faces distort does not average out, however long one looks.
        clarity = min(1.0, self._weight / self._seconds / _CLEAR_QUALITY)
        return Measured(means, clarity * min(1.0, self._weight / needed_s))

    def _fade(self, time_s: float) -> None:
        if time_s > self._time_s:
            keep = math.exp(-(time_s - self._time_s) / self._fade_s)
            self._weight *= keep
            self._seconds *= keep
            self._held_quality *= keep
            self._sums = {name: total * keep for name, total in self._sums.items()}
            self._time_s = time_s


@dataclass(frozen=True, slots=True)
class Judgement:
    """A belief with its state and its reasons."""

    belief: Belief
    state: State
    suspected: Family | None
    doubted: Family | None
    """What somebody who looks live is not vouched for because of."""
    doubts: Mapping[str, float]
    """By species, what doubtful curves say, in nats."""
    reasons: tuple[Reason, ...]
    summary: str


class Fusion:
    """Gathers the evidence of one session."""

    def __init__(self, calibration: Calibration, specs: Mapping[str, SignalSpec], prior_bonafide: float) -> None:
        self._thresholds = calibration.thresholds
        self._specs = specs
        # Thresholds are learnt at even odds, so states are told at even odds, whatever prior is shown.
        self._posterior = Posterior(calibration, specs.values(), EVEN_ODDS)
        self._shown = Posterior(calibration, specs.values(), prior_bonafide)
        self._recent = {name: Gathered(HORIZON_S, newest=spec.newest) for name, spec in specs.items()}
        self._whole = {name: Gathered(math.inf, newest=spec.newest) for name, spec in specs.items()}
        self._answers = Answers()
        self._answered: set[str] = set()
        self._strongest: dict[tuple[str, bool], tuple[float, float]] = {}
        self._suspect_since: dict[Family, float] = {}
        self._judged_s = 0.0
        self._heard_s = -math.inf
        self._spoke = False

    @property
    def examined(self) -> tuple[Family, ...]:
        """Families that some enabled signal can speak about."""
        return self._posterior.examined

    @property
    def thresholds(self) -> Thresholds:
        """Where the states begin."""
        return self._thresholds

    def add(self, evidence: Evidence) -> Evidence:
        """Take in what a signal measured, and return it with its meaning (llr and reason)."""
        spec = self._specs[evidence.signal]
        if evidence.failed or evidence.quality <= 0 or not all(np.isfinite(list(evidence.features.values()))):
            evidence = replace(evidence, quality=0.0, reason=f"{spec.title} could not be measured here.")
            self._recent[spec.name].add(evidence, spec.period_s)
            self._whole[spec.name].add(evidence, spec.period_s)
            return evidence
        self._spoke = True
        self._heard_s = max(self._heard_s, evidence.end_s)
        self._recent[spec.name].add(evidence, spec.period_s)
        self._whole[spec.name].add(evidence, spec.period_s)
        llr = self._posterior.llr_of(spec.name, evidence.features)
        strongest = max(llr.values(), key=abs, default=self._posterior.doubt_of(spec.name, evidence.features))
        key = (spec.name, strongest > 0)
        if abs(strongest) * evidence.quality >= self._faded_strength(key, evidence.end_s):
            self._strongest[key] = (evidence.end_s, abs(strongest) * evidence.quality)
        return replace(evidence, llr=llr, reason=_sentence(spec, strongest))

    def doubts(self, time_s: float) -> dict[str, float]:
        """Return what doubtful curves say of everything seen until then, by species, in nats."""
        return self._posterior.doubts(self._measured(self._whole, time_s))

    def answer(self, answer: Answer) -> None:
        """Take in what came of a challenge."""
        self._answers.add(answer)
        self._answered.add(answer.challenge)
        if answer.llr:
            self._spoke = True
            self._heard_s = max(self._heard_s, answer.time_s)

    @property
    def answered(self) -> list[str]:
        """Names of the challenges that were judged."""
        return sorted(self._answered)

    def new_shot(self, time_s: float, *, cut: bool) -> None:
        """Forget what was seen lately: another picture (``cut``) or another face begins here."""
        self._answers.new_shot(time_s, cut=cut)
        self._recent = {name: Gathered(HORIZON_S, newest=spec.newest) for name, spec in self._specs.items()}

    def judge(self, time_s: float) -> Judgement:
        """Return the state as of now, from what was seen lately."""
        measured = self._measured(self._recent, time_s)
        answers = self._answers.llr(time_s)
        belief = self._posterior.believe(measured, answers)
        suspected = self._lasting_suspicion(belief, answers, time_s)
        doubted = self._doubted(belief, measured, answers, time_s)
        unheard = self._unheard(belief, measured, answers)
        withheld = doubted is not None or unheard is not None or time_s - self._heard_s > _SILENCE_S
        state = self._state(belief, suspected, time_s, withheld=withheld)
        self._judged_s = time_s
        return self._judgement(
            measured, answers, time_s, state=state, suspected=suspected, doubted=doubted, unheard=unheard
        )

    def conclude(self, time_s: float, *, watched_share: float) -> Judgement:
        """Return the state of everything seen; a suspicion that came and went is the host's to keep.

        Parameters
        ----------
        time_s
            End of the session.
        watched_share
            Share of the session in which the candidate's face was seen, 0–1. Below one half it lowers
            the coverage: what was not watched is not vouched for.
        """
        measured = self._measured(self._whole, time_s)
        factor = min(1.0, 2 * watched_share)
        # What was answered before another picture or face says nothing of the whole.
        answers = self._answers.llr(time_s, fade_s=math.inf)
        belief = _covered(self._posterior.believe(measured, answers), factor)
        suspected = max(
            (family for family in FAMILIES if self._suspicious(belief, answers, family, time_s, factor)),
            key=belief.against,
            default=None,
        )
        doubted = self._doubted(belief, measured, answers, time_s)
        unheard = self._unheard(belief, measured, answers)
        state = self._state(belief, suspected, time_s, withheld=doubted is not None or unheard is not None)
        state = "inconclusive" if state == "warming_up" else state
        return self._judgement(
            measured,
            answers,
            time_s,
            state=state,
            suspected=suspected,
            doubted=doubted,
            unheard=unheard,
            factor=factor,
        )

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state for :meth:`restore`."""
        return {
            "recent": {name: copy.deepcopy(vars(gathered)) for name, gathered in self._recent.items()},
            "whole": {name: copy.deepcopy(vars(gathered)) for name, gathered in self._whole.items()},
            "strongest": dict(self._strongest),
            "answers": list(self._answers.given),
            "answered": sorted(self._answered),
            "suspect_since": dict(self._suspect_since),
            "judged_s": self._judged_s,
            "heard_s": self._heard_s,
            "spoke": self._spoke,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        for name, gathered in self._recent.items():
            vars(gathered).update(copy.deepcopy(state["recent"].get(name, {})))
        for name, gathered in self._whole.items():
            vars(gathered).update(copy.deepcopy(state["whole"].get(name, {})))
        self._strongest = dict(state["strongest"])
        self._answers, self._answered = Answers(list(state["answers"])), set(state["answered"])
        self._suspect_since = dict(state["suspect_since"])
        self._judged_s = float(state["judged_s"])
        self._heard_s = float(state["heard_s"])
        self._spoke = bool(state["spoke"])

    def _faded_strength(self, key: tuple[str, bool], time_s: float) -> float:
        seen_s, strength = self._strongest.get(key, (time_s, 0.0))
        return strength * math.exp(-(time_s - seen_s) / HORIZON_S)

    def _measured(self, gathered: Mapping[str, Gathered], time_s: float) -> dict[str, Measured]:
        found = {name: one.measured(time_s, self._specs[name].needed_s) for name, one in gathered.items()}
        return {name: measured for name, measured in found.items() if measured is not None}

    def _lasting_suspicion(self, belief: Belief, answers: Mapping[Family, float], time_s: float) -> Family | None:
        lasting: Family | None = None
        silent = time_s - self._heard_s > _SILENCE_S
        for family in FAMILIES:
            if silent or not self._suspicious(belief, answers, family, time_s):
                self._suspect_since.pop(family, None)
                continue
            if time_s - self._judged_s > _SILENCE_S:
                self._suspect_since.pop(family, None)  # Nobody looked in between: that is not lasting.
            since = self._suspect_since.setdefault(family, time_s)
            held = time_s - since >= self._thresholds.lasting_s
            if held and (lasting is None or belief.against(family) > belief.against(lasting)):
                lasting = family
        return lasting

    def _suspicious(
        self, belief: Belief, answers: Mapping[Family, float], family: Family, time_s: float, factor: float = 1.0
    ) -> bool:
        examined, failed = belief.coverage.get(family, 0.0), answers.get(family, 0.0)
        if failed >= _FAILED_NATS:
            # Who failed a challenge has been examined as well as who passed one, which is in the coverage.
            examined += with_answer(0.0, -failed) * (factor - examined)
        return (
            belief.against(family) >= self._thresholds.suspect.get(family, 1.1)
            and examined >= self._thresholds.suspect_coverage.get(family, 1.1)
            and time_s >= self._thresholds.least_s
        )

    def _state(self, belief: Belief, suspected: Family | None, time_s: float, *, withheld: bool) -> State:
        if suspected is not None:
            return "suspect"
        if not self._spoke or time_s < self._thresholds.least_s:
            return "warming_up"
        return "live" if self._looks_live(belief) and not withheld else "inconclusive"

    def _looks_live(self, belief: Belief) -> bool:
        least = min((belief.coverage[family] for family in self.examined), default=0.0)
        return belief.confidence >= self._thresholds.live_confidence and least >= self._thresholds.live_coverage

    def _doubted(
        self, belief: Belief, measured: Mapping[str, Measured], answers: Mapping[Family, float], time_s: float
    ) -> str | None:
        """Return the species that alone stands between somebody who looks live and the word for it.

        It is one that is not surely known: its doubtful curve speaks against the person more than any answer to a
        challenge speaks for them.
        """
        if not self._looks_live(belief) or time_s < self._thresholds.least_s:
            return None
        for species, nats in self._posterior.doubts(measured).items():
            if nats + answers.get(family_of_species(species), 0.0) > self._thresholds.doubt.get(species, -math.inf):
                return species
        return None

    def _unheard(
        self, belief: Belief, measured: Mapping[str, Measured], answers: Mapping[Family, float]
    ) -> Family | None:
        """Return a family that too little could be heard of: silence does not rule it out, nor does a lowered voice.

        That is one with a species that nobody could look for, or one against which a signal speaks that saw it poorly,
        and so counts for little: in full, it would keep the word for a live person back.
        """
        for species, seen in self._posterior.seen_of(measured).items():
            family = family_of_species(species)
            # Half of what is asked of a family: it only has to have had its say, and must not come and go by fading.
            if with_answer(seen, answers.get(family, 0.0)) < self._thresholds.live_coverage / 2:
                return family
        full = self._posterior.in_full(measured)
        if full == measured:
            return None
        then = self._posterior.believe(full, answers)
        if then.confidence >= self._thresholds.live_confidence:
            return None
        return max(FAMILIES, key=lambda family: then.against(family) - belief.against(family))

    def _judgement(
        self,
        measured: Mapping[str, Measured],
        answers: Mapping[Family, float],
        time_s: float,
        *,
        state: State,
        suspected: Family | None,
        doubted: str | None,
        unheard: Family | None,
        factor: float = 1.0,
    ) -> Judgement:
        belief = _covered(self._shown.believe(measured, answers), factor)
        likeliest = suspected or _likeliest(belief)
        return Judgement(
            belief=belief,
            state=state,
            suspected=suspected,
            doubted=family_of_species(doubted) if doubted else None,
            doubts=self._posterior.doubts(measured),
            reasons=self._reasons(belief),
            summary=self._summary(
                belief,
                state,
                likeliest,
                time_s,
                doubted=self._doubt_said(doubted, measured) if doubted else "",
                unheard=unheard,
            ),
        )

    def _summary(
        self, belief: Belief, state: State, likeliest: Family, time_s: float, *, doubted: str, unheard: Family | None
    ) -> str:
        if state == "suspect":
            return (
                f"There are signs of {FAMILY_WORDS[likeliest]}. This alone proves nothing: "
                "take the next step before you decide anything."
            )
        if state == "live":
            return "Everything that could be examined looks like a live person before a camera."
        return doubted or self._undecided(belief, time_s, unheard)

    def _doubt_said(self, species: str, measured: Mapping[str, Measured]) -> str:
        strength = "a faint" if self._posterior.doubts(measured)[species] < _FAINT_NATS else "an unsure"
        # What follows the semicolon is what to ask: the next step says that.
        sign = self._specs[self._posterior.doubters[species]].suspicious.partition(";")[0].rstrip(".")
        return (
            f"What was seen looks like a live person, but there is {strength} sign of "
            f"{FAMILY_WORDS[family_of_species(species)]}: {sign[0].lower()}{sign[1:]}. "
            "It does not change the percentage; a challenge settles it."
        )

    def _undecided(self, belief: Belief, time_s: float, unheard: Family | None) -> str:
        if time_s < self._thresholds.least_s:
            return f"Less than {self._thresholds.least_s:g} seconds of video: too little to say anything."
        if not self._spoke:
            return "No face could be measured: nothing can be said."
        least = min((belief.coverage[family] for family in self.examined), default=0.0)
        if least < self._thresholds.live_coverage:
            return "We have seen too little to say whether a live person is there."
        if unheard and self._looks_live(belief):
            return f"What was seen looks like a live person, but too little of it can tell {FAMILY_WORDS[unheard]}."
        return "What was seen speaks clearly neither for a live person nor for an attack."

    def _reasons(self, belief: Belief) -> tuple[Reason, ...]:
        found = []
        for name, llrs in belief.llr.items():
            if not llrs:
                continue
            family = max(llrs, key=lambda one: abs(llrs[one]))
            if abs(llrs[family]) < _SPEAKS_NATS:
                continue
            time_s = self._strongest.get((name, llrs[family] > 0), (0.0, 0.0))[0]
            found.append(Reason(name, time_s, family, llrs[family], _sentence(self._specs[name], llrs[family])))
        for answer in self._answers.given:
            if answer.llr:
                family = max(answer.llr, key=lambda one: abs(answer.llr[one]))
                found.append(Reason(answer.challenge, answer.time_s, family, answer.llr[family], answer.reason))
        return tuple(sorted(found, key=lambda reason: -abs(reason.llr)))


def _covered(belief: Belief, factor: float) -> Belief:
    return replace(belief, coverage={family: value * factor for family, value in belief.coverage.items()})


def _likeliest(belief: Belief) -> Family:
    return max(FAMILIES, key=lambda family: belief.families[family])


def _sentence(spec: SignalSpec, llr: float) -> str:
    if abs(llr) < _SPEAKS_NATS:
        return f"{spec.title}: nothing that speaks for either side."
    if llr <= 0:
        return spec.reassuring
    text = spec.suspicious
    return text if llr >= _FAINT_NATS else f"A faint sign only: {text[0].lower()}{text[1:]}"
