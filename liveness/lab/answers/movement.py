"""Every kind of answer to every challenge of movement, played on many people, and what came of it."""

from __future__ import annotations

import csv
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from liveness.challenges.contract import Challenge, Result
from liveness.challenges.cover_eye import CoverEye
from liveness.challenges.hand_over_face import HandOverFace
from liveness.challenges.lean_in import LeanIn
from liveness.challenges.point_camera import PointCamera
from liveness.challenges.read_digits import ReadDigits
from liveness.challenges.turn_to_profile import TurnToProfile
from liveness.errors import MediaError
from liveness.lab.answers import hands, moving, speaking, turning
from liveness.lab.answers.film import Film, play
from liveness.lab.answers.light import interval
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


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one answer."""

    person: str
    challenge: str
    kind: str
    draw: int
    parameters: str
    result: Result
    judged: bool
    """False where the circumstances let nobody judge: ``unclear``, and nothing measured that speaks against it."""
    reason: str
    asked: bool = True
    """False where it was seen beforehand that nobody could judge it, so that the person would not have been asked."""


@dataclass(slots=True)
class Run:
    """What a run has found so far."""

    half: Half
    command: str
    answers: list[Answered] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """People on whom answers have been played."""
        return list(dict.fromkeys(one.person for one in self.answers))

    @property
    def counts(self) -> Counts:
        """How often each kind of answer to each challenge came to each result."""
        found: Counts = {}
        for one in self.answers:
            by_result = found.setdefault(one.challenge, {}).setdefault(one.kind, {})
            by_result[one.result] = by_result.get(one.result, 0) + 1
        return found


@dataclass(frozen=True, slots=True)
class Draws:
    """How often each kind of answer is played on each person, with parameters, speed and size drawn anew."""

    honest: int = 1
    wrong: int = 1
    """Of each kind that is not what was asked."""
    forged: int = 1


def count(
    people: Sequence[Person],
    run: Run,
    *,
    names: frozenset[str],
    progress: Callable[[str], None],
    draws: Draws | None = None,
) -> Iterator[Person]:
    """Play answers on each person, and yield whenever some of a person's have been added to ``run``.

    First what is done right of all people, then what is not as asked, then what is forged; what ``run`` holds already
    is not played again. What is random is drawn by the names of person, challenge and kind, and the number of the
    draw. ``names``: the challenges, all if empty.
    """
    draws = draws or Draws()
    known = {(one.person, one.challenge, one.kind, one.draw) for one in run.answers}
    chosen = [answers for answers in ANSWERS if not names or answers.challenge.spec.name in names]
    stages = (
        (draws.honest, [(answers, kind) for answers in chosen for kind in answers.honest]),
        (draws.wrong, [(answers, kind) for answers in chosen for kind in answers.not_done]),
        (draws.forged, [(answers, kind) for answers in chosen for kind in answers.forged]),
    )
    for often, kinds in stages:
        for person in people:
            for (answers, kind), draw in itertools.product(kinds, range(often)):
                if (person.name, answers.challenge.spec.name, kind, draw) not in known:
                    run.answers.append(_answered(person, answers, kind, draw, progress))
            yield person


def _answered(person: Person, answers: Answers, kind: str, draw: int, progress: Callable[[str], None]) -> Answered:
    name = answers.challenge.spec.name
    rng = np.random.default_rng(zlib.crc32(f"{person.name} {name} {kind} {draw}".encode()))
    parameters = answers.challenge.drawn(rng.bytes(answers.challenge.spec.random_bytes))
    outcome = play(answers.challenge, parameters, answers.kinds[kind](person, parameters, rng))
    whole = "" if outcome.integrity is None else f", integrity {outcome.integrity:.2f}"
    progress(f"{person.name} {name} {kind} {parameters}: {outcome.result} ({outcome.reason}{whole})")
    judged = outcome.result != "unclear" or outcome.integrity is not None
    return Answered(person.name, name, kind, draw, parameters, outcome.result, judged, outcome.reason, outcome.asked)


def table(run: Run) -> str:
    """Return the counts as text, a line for each kind of answer, and then what they say of each challenge."""
    results = ("passed", "broken", "not_done", "unclear")
    lines = [f"{'challenge':<16} {'answer':<18} " + " ".join(f"{result:>8}" for result in results)]
    for name, kinds in run.counts.items():
        for kind, counter in kinds.items():
            lines.append(f"{name:<16} {kind:<18} " + " ".join(f"{counter.get(r, 0):>8}" for r in results))
    return "\n".join([*lines, "", *figures(run)])


def figures(run: Run) -> list[str]:
    """Return, for each challenge, how many of its answers were recognised, with 95 % intervals by answer and by person.

    One person's answers are much alike, so that the interval by answer is too narrow; that by person counts who had
    every answer right.
    """
    lines = []
    for answers in ANSWERS:
        mine = [one for one in run.answers if one.challenge == answers.challenge.spec.name]
        honest = [one for one in mine if one.kind in answers.honest]
        if not honest:
            continue
        asked = [one for one in honest if one.asked]
        judged = [one for one in honest if one.judged]
        wrong = [one for one in mine if one.kind in answers.not_done]
        lines += [
            answers.challenge.spec.name,
            f"  done right, recognised: {_share(honest)}",
            f"  of those that were asked: {_share(asked)}",
            f"  of those that could be judged: {_share(judged)}",
            f"  not as asked, recognised: {_share([one for one in wrong if one.asked])}",
        ]
        for kind in answers.forged:
            lines.append(f"  {kind}, passed: {_share([one for one in mine if one.kind == kind and one.asked])}")
    return lines


def _share(answers: Sequence[Answered]) -> str:
    if not answers:
        return "none"
    hits = sum(one.result == "passed" for one in answers)
    low, high = interval(hits, len(answers))
    by_person: dict[str, list[bool]] = {}
    for one in answers:
        by_person.setdefault(one.person, []).append(one.result == "passed")
    most = hits * 2 > len(answers)
    alike = sum(all(found) if most else any(found) for found in by_person.values())
    low_by, high_by = interval(alike, len(by_person))
    what = "all of them" if most else "any"
    return (
        f"{hits} of {len(answers)}: {hits / len(answers):.1%} ({low:.1%}–{high:.1%}); people with {what}: "
        f"{alike} of {len(by_person)} ({low_by:.0%}–{high_by:.0%})"
    )


def write(run: Run, path: Path) -> None:
    """Write what a run has found as JSON."""
    document = {
        "people": run.half,
        "names": run.names,
        "command": run.command,
        "counts": run.counts,
        "figures": figures(run),
        "answers": [asdict(one) for one in run.answers],
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read(path: Path, half: Half, command: str) -> Run:
    """Return what earlier runs had found on this half, to go on with; a new run if there is nothing."""
    run = Run(half, command)
    if path.exists():
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["people"] == half:
            run.answers = [Answered(**one) for one in document["answers"]]
    return run
