"""The folder in which evidence outlives a worker that dies, and nothing else."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

_PREFIX = "liveness-live-"
_MEMORY, _MEMORY_BYTES = Path("/dev/shm"), 256 * 2**20  # noqa: S108 (mkdtemp makes a folder of its own there)
"""Where Linux keeps files in memory, and how much must be free there: a call keeps one or two million bytes."""
_YOUNG_S = 5.0
"""A folder may be without its lock for this long, between its making and its locking."""


class OwnFolder:
    """A folder that goes with the process that made it.

    It is locked as long as that process lives: one that was killed could not remove its folder, and the next one does.
    """

    def __init__(self) -> None:
        parent = _in_memory() or Path(tempfile.gettempdir())
        for left in parent.glob(f"{_PREFIX}*"):
            _remove_if_left(left)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = _opened(self.path)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """Remove the folder with all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _in_memory() -> Path | None:
    """Return a folder in memory for what must outlive a worker and nothing else; None where there is none to speak of.

    Renaming a file that was just written can wait for the disk, and analysis would wait with it.
    """
    if os.access(_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES:
        return _MEMORY
    return None


def _opened(folder: Path) -> int:
    # No link: others may write beside our folders.
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _remove_if_left(folder: Path) -> None:
    try:
        descriptor = _opened(folder)
    except OSError:
        return
    try:
        known = os.fstat(descriptor)
        if known.st_uid != os.getuid() or time.time() - known.st_mtime < _YOUNG_S:
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
