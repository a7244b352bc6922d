"""Heads: logistic regressions on what a network sees, each kept as JSON beside the network that it belongs to."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar

import numpy as np

from liveness.errors import ModelError
from liveness.frames import Floats
from liveness.models.runner import card

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """One logistic regression; all arrays are of one length."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    limit: float
    """A value further than so many standard deviations from what was learnt from counts as just so far."""

    @classmethod
    def of(cls, stated: Mapping[str, Any], *, limit: float) -> Head:
        """Read what JSON states; KeyError, TypeError or ValueError where it states no head."""
        mean, scale, weights = (floats(stated[name]) for name in ("mean", "scale", "weights"))
        return cls(mean, scale, weights, float(stated["bias"]), limit)

    def log_odds(self, values: Floats) -> float:
        """Return the log odds."""
        return self.bias + float(held(values, self.mean, self.scale, self.limit) @ self.weights)


def floats(values: Any) -> Floats:
    """Return numbers as JSON knows them as an array."""
    return np.array(values, dtype=np.float32)


def held(values: Floats, mean: Floats, scale: Floats, limit: float) -> Floats:
    """Return values in standard deviations of what was learnt from, no further than ``limit``."""
    return np.asarray(np.clip((values - mean) / scale, -limit, limit), dtype=np.float32)


class HeadFile:
    """A file of heads that ships with the package, and what may stand in for it."""

    def __init__(self, name: str, network: str) -> None:
        """State the file, ``name``.json, and the network whose SHA-256 it has to carry."""
        self._name = f"{name}.json"
        self._network = network
        self._in_place: ContextVar[Mapping[str, Any] | None] = ContextVar(f"{name}_head", default=None)

    @property
    def in_place(self) -> Mapping[str, Any] | None:
        """What stands in for the file in this context; None for the file itself."""
        return self._in_place.get()

    @contextlib.contextmanager
    def replaced_by(self, stated: Mapping[str, Any] | None) -> Iterator[None]:
        """Let models made in this context use heads that have not seen who is measured; the shipped ones for None."""
        token = self._in_place.set(stated)
        try:
            yield
        finally:
            self._in_place.reset(token)

    def read(self, make: Callable[[Mapping[str, Any]], Made], in_place: Mapping[str, Any] | None = None) -> Made:
        """Return what ``make`` makes of the file, or of what stands in for it.

        Raises
        ------
        ModelError
            It is missing or damaged, or belongs to another network.
        """
        if in_place is None:
            stated, name, remedy = self._shipped(), self._name, "install the package again"
        else:
            stated, name, remedy = in_place, f"what stands in for {self._name}", "learn it again"
        try:
            made, network = make(stated), stated["network_sha256"]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{name}: damaged ({error}); {remedy}") from error
        if network != card(self._network).sha256:
            raise ModelError(f"{name}: belongs to another network than {self._network}.onnx; {remedy}")
        return made

    def _shipped(self) -> Mapping[str, Any]:
        try:
            stated: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath(self._name).read_bytes())
        except (OSError, ValueError) as error:
            raise ModelError(f"{self._name}: cannot be read ({error}); install the package again") from error
        return stated
