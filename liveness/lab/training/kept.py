"""Arrays that took long to make, kept in a folder between two runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liveness.models.runner import card

Array = npt.NDArray[Any]


def kept_looks(folder: Path, name: str, make: Callable[[], Mapping[str, Array]]) -> dict[str, Array]:
    """Return what ``make`` made at an earlier run with the same network, else what it makes now.

    What is cut out of a picture before the network sees it is not part of the name: whoever changes that begins with
    an empty folder.
    """
    file = folder / f"{name}-{card('general').sha256[:12]}.npz"
    if not file.exists():
        part = folder / f"{name}.{os.getpid()}.part.npz"
        np.savez(part, **make())
        part.replace(file)
    with np.load(file) as data:
        return {key: np.asarray(data[key]) for key in data.files}
