"""How fast `liveness review` is on one core, and how much memory it takes: no test, a measurement.

    python tests/benchmarks/review_speed.py [--seconds 60 …]

Makes a 1280 × 720 clip at 30 frames a second of a person who talks (H.264), reviews it in a process of its
own that is pinned to one core, and prints real-time factor, CPU time and peak memory for every length.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from people import save, talking

from liveness.frames import Pixels


def at_720p(seconds: float) -> Iterator[Pixels]:
    """Yield the talking person, 560 pixels high, before a plain wall of 1280 × 720 with camera noise."""
    rng = np.random.default_rng(3)
    walls = [rng.normal(110, 2, (720, 1280, 3)).clip(0, 255).astype(np.uint8) for _ in range(4)]
    part = [cv2.resize(picture, (560, 560), interpolation=cv2.INTER_CUBIC) for picture in talking(12, sigma=1.5)]
    for index, person in enumerate(itertools.islice(itertools.cycle(part + part[::-1]), round(seconds * 30))):
        picture = walls[index % 4].copy()
        picture[160:, 360:920] = person
        yield picture


def review(path: Path) -> tuple[float, float, float]:
    """Return the wall seconds, CPU seconds and peak megabytes of a review pinned to one core."""
    core = min(os.sched_getaffinity(0))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    code = (
        "import os,sys;"
        f"os.sched_setaffinity(0,{{{core}}});"
        "sys.argv=['liveness','review',sys.argv[1],'--json','-'];"
        "from liveness.cli import main\n"
        "try: main()\n"
        "finally: print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')), "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(done.stderr.splitlines()[-1]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="*", default=[30.0, 120.0])
    lengths = parser.parse_args().seconds
    print(f"{'video':>8} {'wall':>8} {'CPU':>8} {'× real time':>12} {'peak memory':>12} {'video bitrate':>14}")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        for seconds in lengths:
            path = save(Path(folder) / f"{seconds:g}.mp4", at_720p(seconds), fps=30, quality=23)
            wall, cpu, peak = review(path)
            rate = path.stat().st_size * 8 / seconds / 1e6
            print(f"{seconds:7.0f}s {wall:7.1f}s {cpu:7.1f}s {seconds / wall:12.1f} {peak:9.0f} MB {rate:9.1f} Mbit/s")  # noqa: T201


main()
