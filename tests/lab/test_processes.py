"""Work for all cores, when it is broken off."""

from __future__ import annotations

import os
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


def test_who_is_interrupted_leaves_nobody_at_work(tmp_path: Path) -> None:
    script = tmp_path / "broken_off.py"
    script.write_text(BROKEN_OFF)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        said = {running.stdout.readline().strip() for _ in range(3)}
        workers = [int(pid) for pid in said - {"waiting"}]
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert not running.stderr.read()
    ended = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < ended:
        time.sleep(0.05)
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
