"""Every kind of answer to every challenge of movement, played on many people, and what came of it."""

from __future__ import annotations

import csv
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from liveness.challenges.contract import Challenge
from liveness.challenges.cover_eye import CoverEye
from liveness.challenges.hand_over_face import HandOverFace
from liveness.challenges.lean_in import LeanIn
from liveness.challenges.point_camera import PointCamera
from liveness.challenges.read_digits import ReadDigits
from liveness.challenges.turn_to_profile import TurnToProfile
from liveness.errors import MediaError
from liveness.lab.answers import hands, moving, speaking, turning
from liveness.lab.answers.film import Film, play
from liveness.lab.answers.material import Person, read_person
from liveness.media import is_picture

Maker = Callable[[Person, str, np.random.Generator], Film]
Half = Literal["tuning", "test"]


@dataclass(frozen=True, slots=True)
class Answers:
    """The kinds of answers to one challenge."""

    challenge: type[Challenge]
    honest: Mapping[str, Maker]
    not_done: Mapping[str, Maker]
    forged: Mapping[str, Maker]

    @property
    def kinds(self) -> dict[str, Maker]:
        """All kinds by name."""
        return {**self.honest, **self.not_done, **self.forged}


ANSWERS = (
    Answers(TurnToProfile, turning.HONEST, turning.NOT_DONE, turning.FORGED),
    Answers(LeanIn, moving.LEAN_HONEST, moving.LEAN_NOT_DONE, moving.LEAN_FORGED),
    Answers(PointCamera, moving.POINT_HONEST, moving.POINT_NOT_DONE, moving.POINT_FORGED),
    Answers(HandOverFace, hands.OVER_HONEST, hands.OVER_NOT_DONE, hands.OVER_FORGED),
    Answers(CoverEye, hands.EYE_HONEST, hands.EYE_NOT_DONE, hands.EYE_FORGED),
    Answers(ReadDigits, speaking.HONEST, speaking.NOT_DONE, speaking.FORGED),
)

Counts = dict[str, dict[str, dict[str, int]]]
"""Challenge, kind of answer, result: how often."""


def people_of(manifest: Path, half: Half) -> Iterable[Person]:
    """Yield the bona fide people of a manifest; every other one is for choosing thresholds, the rest for testing.

    The order is that of the manifest, and a person's first clip alone is used.
    """
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide"]
    seen: set[str] = set()
    for index, row in enumerate(row for row in rows if not is_picture(Path(row["file"]))):
        name = row["person"] or row["id"]
        first = name not in seen
        seen.add(name)
        if (index % 2 == 0) != (half == "tuning") or not first:
            continue
        try:
            person = read_person(row["id"], manifest.parent / row["file"])
        except MediaError:
            continue
        if person is not None:
            yield person


def count(people: Iterable[Person], *, names: frozenset[str], progress: Callable[[str], None]) -> Counts:
    """Play every kind of answer once a person, with parameters drawn by the person's and the kind's name."""
    found: dict[str, dict[str, Counter[str]]] = {}
    for person in people:
        for answers in ANSWERS:
            name = answers.challenge.spec.name
            if names and name not in names:
                continue
            for kind, make in answers.kinds.items():
                seed = zlib.crc32(f"{person.name} {name} {kind}".encode())
                rng = np.random.default_rng(seed)
                parameters = answers.challenge.drawn(rng.bytes(answers.challenge.spec.random_bytes))
                outcome = play(answers.challenge(), parameters, make(person, parameters, rng))
                found.setdefault(name, {}).setdefault(kind, Counter())[outcome.result] += 1
                progress(f"{person.name} {name} {kind} {parameters}: {outcome.result} ({outcome.reason})")
    return {name: {kind: dict(counter) for kind, counter in kinds.items()} for name, kinds in found.items()}


def table(counts: Counts) -> str:
    """Return the counts as text, a line for each kind of answer."""
    results = ("passed", "broken", "not_done", "unclear")
    lines = [f"{'challenge':<16} {'answer':<18} " + " ".join(f"{result:>8}" for result in results)]
    for name, kinds in counts.items():
        for kind, counter in kinds.items():
            lines.append(f"{name:<16} {kind:<18} " + " ".join(f"{counter.get(r, 0):>8}" for r in results))
    return "\n".join(lines)


def write(counts: Counts, path: Path, half: Half) -> None:
    """Write the counts as JSON."""
    path.write_text(json.dumps({"people": half, "counts": counts}, indent=1) + "\n", encoding="utf-8")
