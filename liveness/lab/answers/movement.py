"""Every kind of answer to every challenge of movement, played on many people, and what came of it."""

from __future__ import annotations

import csv
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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


def people_of(manifest: Path, half: Half, most: int | None = None) -> Iterable[Person]:
    """Yield the bona fide people of a manifest; every other one is for choosing thresholds, the rest for testing.

    The order is that of the manifest, and a person's first clip alone is used. No more than ``most`` are given.
    """
    return itertools.islice(_people(manifest, half), most)


def _people(manifest: Path, half: Half) -> Iterable[Person]:
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


@dataclass(slots=True)
class Run:
    """What a run has found so far."""

    half: Half
    command: str
    counts: Counts = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    """People on whom all kinds of answers have been played."""


def count(
    people: Iterable[Person], run: Run, *, names: frozenset[str], progress: Callable[[str], None]
) -> Iterator[Person]:
    """Play every kind of answer once a person, and yield each person whose answers have been added to ``run``.

    Parameters are drawn by the person's and the kind's name; ``names``: the challenges, all if empty.
    """
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
                by_result = run.counts.setdefault(name, {}).setdefault(kind, {})
                by_result[outcome.result] = by_result.get(outcome.result, 0) + 1
                whole = "" if outcome.integrity is None else f", integrity {outcome.integrity:.2f}"
                progress(f"{person.name} {name} {kind} {parameters}: {outcome.result} ({outcome.reason}{whole})")
        run.names.append(person.name)
        yield person


def table(counts: Counts) -> str:
    """Return the counts as text, a line for each kind of answer."""
    results = ("passed", "broken", "not_done", "unclear")
    lines = [f"{'challenge':<16} {'answer':<18} " + " ".join(f"{result:>8}" for result in results)]
    for name, kinds in counts.items():
        for kind, counter in kinds.items():
            lines.append(f"{name:<16} {kind:<18} " + " ".join(f"{counter.get(r, 0):>8}" for r in results))
    return "\n".join(lines)


def write(run: Run, path: Path) -> None:
    """Write what a run has found as JSON."""
    document = {"people": run.half, "names": run.names, "command": run.command, "counts": run.counts}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
