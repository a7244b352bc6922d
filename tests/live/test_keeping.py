"""The folder of evidence goes with the process that made it, also when that one is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from liveness.live.keeping import OwnFolder

MAKES = """
import sys
from liveness.live.keeping import OwnFolder
folder = OwnFolder()
(folder.path / "evidence").write_text("of a face")
print(folder.path, flush=True)
sys.stdin.read()
"""


def age(folder: Path) -> None:
    """Let a folder look as if it had been there for an hour."""
    then = folder.stat().st_mtime - 3600
    os.utime(folder, (then, then))


def test_what_a_killed_process_has_left_goes_at_the_next_start_and_that_of_a_living_one_stays() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        left = Path(one.stdout.readline().strip())
        age(left)
        OwnFolder().remove()
        assert (left / "evidence").exists()
        one.kill()
    mine = OwnFolder()
    assert not left.exists()
    age(mine.path)
    OwnFolder().remove()
    assert mine.path.exists()
    mine.remove()
    assert not mine.path.exists()
