"""``python -m liveness.lab.answers light|movement --corpus MANIFEST --out counts.json``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liveness.lab.answers import light, movement
from liveness.lab.dataset import read_manifest


def main() -> None:
    """Simulate answers and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m liveness.lab.answers", description=main.__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    lights = commands.add_parser("light", help="the light code")
    moves = commands.add_parser("movement", help="turn, lean, hand, eye, digits, camera")
    for command in (lights, moves):
        command.add_argument("--corpus", type=Path, required=True, help="manifest of bona fide clips")
        command.add_argument("--out", type=Path, required=True, help="where the counts are written")
    lights.add_argument("--cache", type=Path, default=Path(".answers"), help="folder that keeps what was measured")
    lights.add_argument("--most", type=int, default=216, help="render no more answers than this")
    moves.add_argument("--people", choices=("tuning", "test"), default="test", help="which half of the people")
    moves.add_argument("--challenge", action="append", default=[], help="only this one; may be given again")
    asked = parser.parse_args()
    if asked.what == "light":
        _light(asked)
    else:
        _movement(asked)


def _light(asked: argparse.Namespace) -> None:
    lines = light.run(
        read_manifest(asked.corpus), cache=asked.cache, out=asked.out, most=asked.most, progress=_progress
    )
    sys.stdout.write("\n".join(lines) + "\n")


def _movement(asked: argparse.Namespace) -> None:
    people = movement.people_of(asked.corpus, asked.people)
    counts = movement.count(people, names=frozenset(asked.challenge), progress=_progress)
    movement.write(counts, asked.out, asked.people)
    sys.stdout.write(movement.table(counts) + "\n")


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


main()
