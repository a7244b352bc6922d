"""Which challenge would settle most of the doubt that is open now, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from liveness.challenges.contract import Challenge, Outcome
from liveness.challenges.strengths import Strengths
from liveness.verdict import FAMILIES, FAMILY_WORDS, Family, NextStep

_PASSED = Outcome("passed", 1.0, "", True, None)
DOCUMENT = NextStep("ask_document", "Ask to hold an identity document beside the face.")
"""What is left where no challenge speaks of the likeliest attack."""


def next_step(
    families: Mapping[Family, float],
    challenges: Mapping[str, type[Challenge]],
    strengths: Strengths,
    *,
    tried: Collection[str] = (),
) -> NextStep:
    """Return the challenge, of those that speak of the likeliest attack, whose pass would take most off all attacks.

    Parameters
    ----------
    families
        Posteriors of the families, 0–1.
    tried
        Names of challenges that were judged already; a second time they teach less, so that they come last.
    """
    likeliest = max(FAMILIES, key=lambda family: families[family])

    def rank(name: str) -> tuple[bool, float, str]:
        llr = strengths.llr(name, _PASSED)
        return name in tried, sum(families[family] * llr.get(family, 0.0) for family in FAMILIES), name

    fitting = sorted((name for name, cls in challenges.items() if likeliest in cls.spec.families), key=rank)
    if not fitting:
        return DOCUMENT
    spec = challenges[fitting[0]].spec
    return NextStep(spec.name, f"{spec.title}: it settles best whether this is {FAMILY_WORDS[likeliest]}.")
