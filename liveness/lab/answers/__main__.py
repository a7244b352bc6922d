"""``python -m liveness.lab.answers light|movement --corpus MANIFEST --out counts.json``, then ``strengths``."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path

from liveness.lab.answers import light, movement, strengths_file
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
    moves.add_argument("--most", type=int, default=None, dest="people_most", help="no more people than this")
    for kind, what in (("honest", "done right"), ("wrong", "not as asked"), ("forged", "forged")):
        moves.add_argument(f"--{kind}", type=int, default=1, help=f"answers {what} a person and kind")
    worth = commands.add_parser("strengths", help="files of counts as what outcomes are worth")
    worth.add_argument("--light", type=Path, required=True, help="counts of the light code")
    worth.add_argument(
        "--movement", type=Path, required=True, action="append", help="counts of movement; again for other challenges"
    )
    worth.add_argument(
        "--only", action="append", default=[], help="of movement only this challenge; may be given again"
    )
    worth.add_argument("--note", default="", help="what whoever reads the counts must know of how they came about")
    worth.add_argument("--out", type=Path, required=True, help="where the strengths are written")
    asked = parser.parse_args()
    if asked.what == "light":
        _light(asked)
    elif asked.what == "movement":
        _movement(asked)
    else:
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        strengths_file.make(
            asked.light, asked.movement, asked.out, date=today, command=_command(), note=asked.note, only=asked.only
        )


def _light(asked: argparse.Namespace) -> None:
    lines = light.run(
        read_manifest(asked.corpus),
        cache=asked.cache,
        out=asked.out,
        most=asked.most,
        command=_command(),
        progress=_progress,
    )
    sys.stdout.write("\n".join(lines) + "\n")


def _movement(asked: argparse.Namespace) -> None:
    run = movement.read(asked.out, asked.people, _command())
    people = list(movement.people_of(asked.corpus, asked.people, asked.people_most))
    draws = movement.Draws(asked.honest, asked.wrong, asked.forged)
    for _ in movement.count(people, run, names=frozenset(asked.challenge), progress=_progress, draws=draws):
        # After each person: a run that is cut off has not been for nothing, and goes on where it was.
        movement.write(run, asked.out)
    sys.stdout.write(movement.table(run) + "\n")


def _command() -> str:
    """Return how this was called, files without their folders: those of one machine tell nobody else anything."""
    words = [Path(one).name if Path(one).is_absolute() else one for one in sys.argv[1:]]
    return " ".join(["python -m liveness.lab.answers", *words])


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


main()
