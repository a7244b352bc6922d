"""What the engine says: evidence, and the verdict fused from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Family = Literal["presentation", "injection", "synthesis", "substitution"]
"""What an attacker can do; he picks one."""

FAMILIES: tuple[Family, ...] = ("presentation", "injection", "synthesis", "substitution")

FAMILY_WORDS: Mapping[Family, str] = {
    "presentation": "a photo or a screen before the camera",
    "injection": "a recording, a loop or a still picture fed in as a camera",
    "synthesis": "a face made or changed by a model",
    "substitution": "another person",
}
"""What each is called in a sentence."""

State = Literal["warming_up", "live", "suspect", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Species:
    """One attack instrument species: what a curve is learnt for."""

    name: str
    family: Family
    prefixes: tuple[str, ...]
    """Attack types, as manifests and the lab name them, begin with one of these."""


SPECIES: tuple[Species, ...] = (
    Species("screen", "presentation", ("screen_", "presentation_")),
    Species("print", "presentation", ("print_", "mask_")),
    Species("still", "injection", ("still",)),
    Species("loop", "injection", ("loop",)),
    Species("recording", "injection", ("recording",)),
    Species("face_swap", "synthesis", ("face_swap",)),
    Species("animation", "synthesis", ("photo_animation", "reenactment", "lip_sync", "ai_generated")),
    Species("other_person", "substitution", ("other_person",)),
)


def species_of(attack_type: str) -> Species | None:
    """Return the species of an attack type, or None for a name that nobody has sorted yet.

    A leading ``sim_`` marks a simulated twin and does not matter here.
    """
    plain = attack_type.removeprefix("sim_") + "_"
    return next((one for one in SPECIES if plain.startswith(one.prefixes)), None)


def family_of_species(name: str) -> Family:
    """Return the family of a species; StopIteration for a name that is none."""
    return next(one.family for one in SPECIES if one.name == name)


def family_of(attack_type: str) -> Family | None:
    """Return the family of an attack type, or None for a name that nobody has sorted yet."""
    species = species_of(attack_type)
    return species.family if species else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one signal measured over one stretch of time.

    A signal fills everything up to ``quality``; the calibration adds ``llr`` and ``reason``, since what
    a value means is learnt and not known to the signal.
    """

    signal: str
    start_s: float
    end_s: float
    value: float
    """The headline value, in ``unit``."""
    unit: str
    quality: float
    """How far the circumstances allowed this measurement, 0–1; 0 means it counts for nothing."""
    features: Mapping[str, float] = field(default_factory=dict)
    """All that was measured, by name, the headline value included; the curves are learnt over these."""
    llr: Mapping[Family, float] = field(default_factory=dict)
    """Log-likelihood ratio against bona fide, in nats; positive speaks for the attack. Families that the
    signal says nothing about are absent."""
    reason: str = ""
    """One sentence that an interviewer can act on."""
    failed: bool = False
    """The signal raised an error: this stretch was not measured."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence of a verdict with the evidence behind it."""

    signal: str
    time_s: float
    """When it was seen best: the end of the stretch that says it most strongly."""
    family: Family
    llr: float
    """Nats towards the attack (positive) or towards a live person (negative)."""
    text: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """The one challenge that would settle the doubt."""

    challenge: str
    why: str


@dataclass(frozen=True, slots=True)
class Received:
    """What of the picture arrived, as measured."""

    width: int
    height: int
    fps: float
    kbit_s: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How sure the software is, of what, and why."""

    time_s: float
    confidence: float
    """Posterior probability of bona fide, 0–1."""
    interval: tuple[float, float]
    """90 % interval of the confidence."""
    state: State
    families: Mapping[Family, float]
    """Posteriors of the four families; with the confidence they sum to 1."""
    coverage: Mapping[Family, float]
    """Per examined family, the share of the discriminating power that could be had which was had."""
    reasons: tuple[Reason, ...]
    """Strongest first."""
    missing: Mapping[str, str]
    """Signals that could not measure, with the reason why."""
    doubted: Family | None
    """What alone keeps somebody who looks live from being called so; a challenge settles it."""
    doubts: Mapping[str, float]
    """By attack species that counts in no probability, what its doubtful curve says, in nats (above 0: for it)."""
    next_step: NextStep | None
    summary: str
    """One sentence that says what the state means here."""
    analysed_fps: float
    dropped: int
    received: Received

    @property
    def least_coverage(self) -> float:
        """The coverage shown: the least of the examined families (0 when none is examined)."""
        return min(self.coverage.values(), default=0.0)
