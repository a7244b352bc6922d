"""``python -m liveness.lab.answers movement --corpus MANIFEST --out counts.json``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liveness.lab.answers import movement


def main() -> None:
    """Play answers and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m liveness.lab.answers", description=main.__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    moves = commands.add_parser("movement", help="turn, lean, hand, eye, digits, camera")
    moves.add_argument("--corpus", type=Path, required=True, help="manifest of bona fide clips")
    moves.add_argument("--out", type=Path, required=True, help="where the counts are written")
    moves.add_argument("--people", choices=("tuning", "test"), default="test", help="which half of the people")
    moves.add_argument("--challenge", action="append", default=[], help="only this one; may be given again")
    asked = parser.parse_args()
    people = movement.people_of(asked.corpus, asked.people)
    counts = movement.count(people, names=frozenset(asked.challenge), progress=lambda line: _say(line, sys.stderr))
    movement.write(counts, asked.out, asked.people)
    _say(movement.table(counts), sys.stdout)


def _say(line: str, stream: object) -> None:
    print(line, file=stream, flush=True)  # type: ignore[call-overload]


main()
