"""Work for all cores, when it is broken off."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BROKEN_OFF = """
import os, sys, time
from liveness.lab.processes import processes

def work(number):
    sys.stdout.write(f"{os.getpid()}\\n")
    sys.stdout.flush()
    time.sleep(60)

if __name__ == "__main__":
    try:
        with processes(2) as pool:
            answers = pool.map(work, range(8))
            sys.stdout.write("waiting\\n")
            sys.stdout.flush()
            list(answers)
    except KeyboardInterrupt:
        sys.exit(130)
"""


DYING = """
import os, sys, time
from concurrent.futures.process import BrokenProcessPool
from liveness.lab.processes import processes

def work(number):
    if number == 1:
        os.kill(os.getpid(), 9)
    time.sleep(60)

if __name__ == "__main__":
    try:
        with processes(2) as pool:
            list(pool.map(work, range(8)))
    except BrokenProcessPool:
        sys.exit(7)
"""


def gone(pids: list[int]) -> bool:
    """Tell whether these processes end within ten seconds."""
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_who_is_broken_off_leaves_nobody_at_work(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "broken_off.py"
    script.write_text(BROKEN_OFF)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        said = {running.stdout.readline().strip() for _ in range(3)}
        workers = [int(pid) for pid in said - {"waiting"}]
        running.send_signal(how)
        assert running.wait(20) == (130 if how == signal.SIGINT else -signal.SIGKILL)
        assert not running.stderr.read()
    assert gone(workers)


def test_a_process_that_dies_is_told_and_hinders_nobody_from_ending(tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    assert subprocess.run([sys.executable, str(script)], capture_output=True, timeout=30, check=False).returncode == 7
