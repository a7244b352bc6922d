"""What the outcome of a challenge is worth, as counts from the lab's simulated answers, honest and forged.

The counts are made by ``python -m liveness.lab.answers`` and shipped as data with their provenance; a challenge
without counts is worth nothing. Simulated forgeries are only those that somebody thought of, so no outcome counts
for more than ``MOST_NATS``.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import get_args

from liveness.challenges.contract import Outcome, Result
from liveness.errors import CalibrationError
from liveness.verdict import FAMILIES, Family

SCHEMA = "liveness.answers/1"
MOST_NATS = 3.0
"""Odds of twenty to one."""

_BONAFIDE = "bonafide"
_SPEAKS: frozenset[Result] = frozenset({"passed", "broken"})
"""Results that count. What was not done, or could not be judged, speaks for and against nobody."""

Counts = Mapping[str, Mapping[Result, int]]
"""Number of simulated answers by who gave them (``bonafide`` or a family) and result."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """Counts by challenge."""

    counts: Mapping[str, Counts]
    sha256: str = ""

    def llr(self, challenge: str, outcome: Outcome) -> dict[Family, float]:
        """Return the log-likelihood ratio of each family against bona fide, in nats; positive speaks for an attack.

        With one added to every count, so that what never came in the lab is rare and not impossible.
        """
        result = outcome.result
        known = self.counts.get(challenge, {})
        if result not in _SPEAKS or _BONAFIDE not in known:
            return {}
        genuine = _share(known[_BONAFIDE], result)
        found: dict[Family, float] = {}
        for family in FAMILIES:
            if family not in known:
                continue
            nats = math.log(_share(known[family], result) / genuine)
            # A pass never accuses, nor does a broken answer vouch; and it accuses of nothing that never gave one: that
            # would be the one that is added, over samples of different sizes.
            given = known[family].get(result, 0) > 0
            nats = min(nats, 0.0) if result == "passed" else max(nats, 0.0) * given
            found[family] = outcome.quality * min(max(nats, -MOST_NATS), MOST_NATS)
        return found


def _share(counts: Mapping[Result, int], result: Result) -> float:
    return (counts.get(result, 0) + 1) / (sum(counts.values()) + len(get_args(Result)))


def load(path: Path | None = None) -> Strengths:
    """Read counts; without ``path`` those that ship with the package.

    Raises
    ------
    CalibrationError
        The file is missing, is no JSON, or is of another schema.
    """
    name = str(path or "the packaged strengths.json")
    try:
        text = path.read_bytes() if path else resources.files(__package__).joinpath("strengths.json").read_bytes()
        data = json.loads(text)
        if data.get("schema") != SCHEMA:
            raise CalibrationError(f"{name}: expected schema {SCHEMA}, found {data.get('schema')!r}")
        return Strengths(_checked(data["counts"]), hashlib.sha256(text).hexdigest())
    except OSError as error:
        raise CalibrationError(f"{name}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationError(f"{name}: damaged ({error}); make it again with the lab's answers") from error


def _checked(raw: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, Counts]:
    results, givers = set(get_args(Result)), {_BONAFIDE, *FAMILIES}
    checked: dict[str, Counts] = {}
    for challenge, counts in raw.items():
        for giver, by_result in counts.items():
            if giver not in givers or set(by_result) - results:
                raise ValueError(f"{challenge}: unknown {giver} or results {sorted(by_result)}")
        checked[challenge] = {
            giver: {result: int(by_result.get(result, 0)) for result in get_args(Result)}
            for giver, by_result in counts.items()
        }
    return checked
