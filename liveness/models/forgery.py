"""The face-forgery model: what a network sees in a strip, and what that means.

The network (``forgery.onnx``) has seen ordinary photographs and their self-blended doubles, nobody of the corpus. The
head (``forgery.json``) is a regularised logistic regression on its features and on the strip's profile, and was
learnt from real swaps. See docs/models/forgery.md.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from liveness.errors import ModelError
from liveness.frames import Floats
from liveness.models.runner import Network, card

_LIMIT = 3.0
"""A value further than so many standard deviations from what was learnt from counts as just so far."""

_other_head: ContextVar[Mapping[str, Any] | None] = ContextVar("forgery_head", default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Logistic regression; all arrays are of one length."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float

    def log_odds(self, values: Floats) -> float:
        """Return the log odds of a forgery for the mean of several looks."""
        z = np.clip((values - self.mean) / self.scale, -_LIMIT, _LIMIT)
        return self.bias + float(z @ self.weights)


class ForgeryModel:
    """Network and head; not to be shared by threads."""

    def __init__(self) -> None:
        self._network = Network("forgery")
        self._head: Head | None = None
        self._stated = _other_head.get()

    def look(self, strip: Floats, profile: Floats) -> Floats:
        """Return the values of one strip; their mean over some looks is what the head understands."""
        return np.concatenate([self._network.run(strip[None])[0], profile])

    def log_odds(self, values: Floats) -> float:
        """Return the log odds of a forgery for the mean of several looks.

        Raises
        ------
        ModelError
            The head is missing or damaged.
        """
        if self._head is None:
            self._head = head_of(self._stated if self._stated is not None else _read())
        return self._head.log_odds(values)


def head_of(data: Mapping[str, Any]) -> Head:
    """Read a head.

    Raises
    ------
    ModelError
        It is damaged, or belongs to another network.
    """
    try:
        arrays = [np.array(data[name], dtype=np.float32) for name in ("mean", "scale", "weights")]
        bias, network = float(data["bias"]), data["network_sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"forgery.json: damaged ({error}); install the package again") from error
    if network != card("forgery").sha256:
        raise ModelError("forgery.json: belongs to another network than forgery.onnx; install the package again")
    return Head(arrays[0], arrays[1], arrays[2], bias)


def _read() -> Mapping[str, Any]:
    try:
        data: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath("forgery.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"forgery.json: cannot be read ({error}); install the package again") from error
    return data


@contextlib.contextmanager
def with_head(data: Mapping[str, Any] | None) -> Iterator[None]:
    """Let models made in this context use another head: one that has not seen the person who is measured."""
    if data is None:
        yield
        return
    token = _other_head.set(data)
    try:
        yield
    finally:
        _other_head.reset(token)
