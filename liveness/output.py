"""Writing results: whole files or none, whatever interrupts."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from liveness.errors import ConfigError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears under ``path`` only when the block ends without an error.

    Raises
    ------
    ConfigError
        The folder is not there or cannot be written to.
    """
    if path.exists() and not path.is_file():
        if path.is_dir():
            raise ConfigError(f"{path}: expected a file to write, this is a folder; name a file in it")
        with path.open("w", encoding="utf-8") as file:  # A pipe or a device cannot be replaced.
            yield file
        return
    path = path.resolve()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; choose a folder that exists") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
