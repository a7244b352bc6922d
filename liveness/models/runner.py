"""Runs the networks that ship with the package: onnxruntime, on one thread of the CPU, one picture at a time.

A network is a file of ONNX beside this module; ``models.json`` states of each its SHA-256, its size and the time
that one run may take. A file that is not the one that was measured is refused. Whoever wants more than one core runs
more of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeAlias

import numpy as np
import onnxruntime

from liveness.errors import ModelError
from liveness.frames import Floats

Session: TypeAlias = onnxruntime.InferenceSession

_loaded: ContextVar[dict[str, Session] | None] = ContextVar("loaded_networks", default=None)


@dataclass(frozen=True, slots=True)
class Card:
    """What ``models.json`` states of one network."""

    name: str
    sha256: str
    cost_ms: float
    """Declared cost of one run on one core."""


def card(name: str) -> Card:
    """Return what is stated of a network.

    Raises
    ------
    ModelError
        No such network ships with the package.
    """
    cards: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath("models.json").read_text())
    if name not in cards:
        raise ModelError(f"no network {name!r} ships with this version; there are {', '.join(sorted(cards))}")
    return Card(name, cards[name]["sha256"], cards[name]["cost_ms"])


class Network:
    """One network, read when it first runs; not to be shared by threads."""

    def __init__(self, name: str, stand_in: bytes | None = None) -> None:
        """Take the network of that name, or an ONNX file in its place that somebody else has vouched for."""
        self._card = card(name)
        self._stand_in = stand_in
        self._session: Session | None = None

    def run(self, values: Floats | Mapping[str, Floats]) -> Floats:
        """Return the output for one (1, …) input, or for several by their names.

        Raises
        ------
        ModelError
            The file is missing or is not the one whose hash is stated.
        """
        return self.outputs(values)[0]

    def outputs(self, values: Floats | Mapping[str, Floats], names: Sequence[str] | None = None) -> list[Floats]:
        """Return several outputs by their names, or all; input and errors are those of :meth:`run`."""
        if self._session is None:
            self._session = self._read()
        shown = values if isinstance(values, Mapping) else {self._session.get_inputs()[0].name: values}
        return [np.asarray(one, dtype=np.float32) for one in self._session.run(names, dict(shown))]

    def _read(self) -> Session:
        loaded = _loaded.get()
        if self._stand_in is not None:
            return self._session_of(self._stand_in)
        if loaded is None:
            return self._session_of(self._shipped())
        if self._card.name not in loaded:
            loaded[self._card.name] = self._session_of(self._shipped())
        return loaded[self._card.name]

    def _session_of(self, data: bytes) -> Session:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return Session(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors have no common class but this
            raise ModelError(f"{self._card.name}.onnx: expected a network in ONNX, found damaged data") from error

    def _shipped(self) -> bytes:
        name = self._card.name
        try:
            data = resources.files(__package__).joinpath(f"{name}.onnx").read_bytes()
        except OSError as error:
            raise ModelError(f"{name}.onnx: cannot be read: {error.strerror}; install the package again") from error
        if hashlib.sha256(data).hexdigest() != self._card.sha256:
            raise ModelError(f"{name}.onnx: its SHA-256 is not the one in models.json; install the package again")
        return data


@contextlib.contextmanager
def loaded_once() -> Iterator[None]:
    """Let each network be read once for all who run it in this context, which must be one thread's."""
    token = _loaded.set({})
    try:
        yield
    finally:
        _loaded.reset(token)
