"""Which challenge would settle most of the doubt that is open now, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from liveness.challenges.contract import Challenge, Outcome
from liveness.challenges.strengths import Strengths
from liveness.verdict import FAMILIES, FAMILY_WORDS, Family, NextStep

_PASSED = Outcome("passed", 1.0, "", True, None)
_DOCUMENT = NextStep("ask_document", "Ask to hold an identity document beside the face.")


def next_step(
    families: Mapping[Family, float],
    challenges: Mapping[str, type[Challenge]],
    strengths: Strengths,
    *,
    tried: Collection[str] = (),
) -> NextStep:
    """Return the challenge whose pass would take most off the attacks that are open now.

    Parameters
    ----------
    families
        Posteriors of the families, 0–1.
    tried
        Names of challenges that were judged already; a second time they teach less.
    """

    def gain(name: str) -> float:
        llr = strengths.llr(name, _PASSED)
        settled = sum(families[family] * -llr.get(family, 0.0) for family in FAMILIES)
        return settled / 2 if name in tried else settled

    best = max(sorted(challenges), key=gain, default=None)
    likeliest = max(FAMILIES, key=lambda family: families[family])
    if best is None or gain(best) <= 0 or likeliest not in challenges[best].spec.families:
        fits = [name for name in sorted(challenges) if likeliest in challenges[name].spec.families]
        fits = sorted(fits, key=lambda name: (-gain(name), name in tried))
        if not fits:
            return _DOCUMENT
        best = fits[0]
    spec = challenges[best].spec
    return NextStep(best, f"{spec.title}: it settles best whether this is {FAMILY_WORDS[likeliest]}.")
