"""Writing results: whole files or none, whatever interrupts."""

from __future__ import annotations

import contextlib
import os
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from liveness.errors import ConfigError


def visible(text: object) -> str:
    """Return the text with everything that would steer a terminal or reorder a line as escape codes.

    File names come from strangers: line breaks, colour codes and bidirectional marks must not act.
    """
    return "".join(
        f"\\u{ord(char):04x}" if unicodedata.category(char) in {"Cc", "Cf", "Cs"} else char for char in str(text)
    )


def check_targets(targets: Sequence[Path], sources: Sequence[Path]) -> None:
    """Refuse, before any work is done, outputs that could not be written or would destroy something.

    Raises
    ------
    ConfigError
        A target is a folder, lies in no folder that can be written to, is one of the sources, or stands twice.
    """
    for at, target in enumerate(targets):
        if target.is_dir():
            raise ConfigError(f"{target}: expected a file to write, this is a folder; name a file in it")
        if not target.exists() and not os.access(target.parent, os.W_OK):
            raise ConfigError(f"{target}: cannot be written; choose a folder that exists and may be written to")
        if any(source.exists() and target.exists() and source.samefile(target) for source in sources):
            raise ConfigError(f"{target}: is one of the inputs and would be destroyed; choose another name")
        if any(target.absolute() == other.absolute() for other in targets[:at]):
            raise ConfigError(f"{target}: is named for two outputs; choose two names")


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
