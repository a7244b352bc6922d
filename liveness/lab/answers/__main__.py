"""``python -m liveness.lab.answers light --corpus MANIFEST --out counts.json``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liveness.lab.answers import light
from liveness.lab.dataset import read_manifest


def main() -> None:
    """Simulate answers and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m liveness.lab.answers", description=main.__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    lights = commands.add_parser("light", help="the light code")
    lights.add_argument("--corpus", type=Path, required=True, help="manifest of bona fide clips")
    lights.add_argument("--out", type=Path, required=True, help="where the counts are written")
    lights.add_argument("--cache", type=Path, default=Path(".answers"), help="folder that keeps what was measured")
    lights.add_argument("--most", type=int, default=216, help="render no more answers than this")
    asked = parser.parse_args()
    lines = light.run(
        read_manifest(asked.corpus),
        cache=asked.cache,
        out=asked.out,
        most=asked.most,
        progress=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
    )
    print("\n".join(lines))  # noqa: T201


main()
