"""``liveness check``: a call against itself, as an operator runs it."""

from __future__ import annotations

import subprocess
import sys


def test_it_holds_a_call_and_says_what_works() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "liveness", "check"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("✔") == 6
    assert "1280 × 720" in done.stdout
    assert "All of it works." in done.stdout


def test_a_calibration_that_is_not_there_is_told_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "liveness", "check", "--calibration", "/nowhere.json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "nowhere.json" in done.stderr
