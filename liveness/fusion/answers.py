"""What the answers to challenges add to what is seen in passing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from liveness.verdict import FAMILIES, Family

FADE_S = 300.0
"""An answer vouches for who gave it, and ever less for who sits there later."""
MOST_NATS = 5.0
"""No number of challenges counts for more, for one family."""
COVERS_NATS = 3.0
"""An answer worth this much leaves nothing about a family unexamined."""
_SAME_PERSON_S = 4.0
"""An answer lives through a new face within this time after it: who turns away is lost and found again."""
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """One outcome that was judged."""

    challenge: str
    time_s: float
    llr: Mapping[Family, float]
    """Nats by family, positive speaks for the attack; empty if the outcome says nothing."""
    reason: str


@dataclass(slots=True)
class Answers:
    """All of a session; several to one kind of challenge count as their mean, so that trying again gains little."""

    given: list[Answer] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Take in an answer."""
        self.given = [*self.given, answer][-_KEPT:]

    def new_shot(self, time_s: float, *, cut: bool) -> None:
        """Another picture (``cut``) or face begins: what was answered before says nothing for it any more."""
        self.given = [] if cut else [one for one in self.given if time_s - one.time_s <= _SAME_PERSON_S]

    def llr(self, time_s: float, fade_s: float = FADE_S) -> dict[Family, float]:
        """Return what the answers say as of ``time_s``, in nats."""
        by_kind: dict[str, list[Answer]] = defaultdict(list)
        for answer in self.given:
            by_kind[answer.challenge].append(answer)
        total = dict.fromkeys(FAMILIES, 0.0)
        for answers in by_kind.values():
            for family in FAMILIES:
                total[family] += _mean(answers, family, time_s, fade_s)
        return {family: min(max(nats, -MOST_NATS), MOST_NATS) for family, nats in total.items() if nats}


def _mean(answers: Sequence[Answer], family: Family, time_s: float, fade_s: float) -> float:
    faded = [answer.llr.get(family, 0.0) * math.exp(-max(time_s - answer.time_s, 0.0) / fade_s) for answer in answers]
    return sum(faded) / len(faded)
