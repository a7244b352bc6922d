"""Runs the networks that ship with the package: OpenCV's own inference, on the CPU, one picture at a time.

A network is a file of ONNX beside this module; ``models.json`` states of each its SHA-256, its size and the time
that one run may take. A file that is not the one that was measured is refused. How many threads OpenCV
uses is the host's to say (the workers of a live service say one).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import resources
from typing import Any

import cv2
import numpy as np

from liveness.errors import ModelError
from liveness.frames import Floats

_loaded: ContextVar[dict[str, cv2.dnn.Net] | None] = ContextVar("loaded_networks", default=None)


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
        self._net: cv2.dnn.Net | None = None

    def run(self, values: Floats | Mapping[str, Floats]) -> Floats:
        """Return the output for one (1, …) input, or for several by their names.

        Raises
        ------
        ModelError
            The file is missing or is not the one whose hash is stated.
        """
        return np.asarray(self._shown(values).forward(), dtype=np.float32)

    def outputs(self, values: Floats | Mapping[str, Floats], names: Sequence[str]) -> list[Floats]:
        """Return several outputs by their names, for the same input as :meth:`run`, which says what it raises."""
        return [np.asarray(one, dtype=np.float32) for one in self._shown(values).forward(list(names))]

    def _shown(self, values: Floats | Mapping[str, Floats]) -> cv2.dnn.Net:
        if self._net is None:
            self._net = self._read()
        for name, value in values.items() if isinstance(values, Mapping) else (("", values),):
            self._net.setInput(value, name)
        return self._net

    def _read(self) -> cv2.dnn.Net:
        loaded = _loaded.get()
        if self._stand_in is not None:
            return self._net_of(self._stand_in)
        if loaded is None:
            return self._net_of(self._shipped())
        if self._card.name not in loaded:
            loaded[self._card.name] = self._net_of(self._shipped())
        return loaded[self._card.name]

    def _net_of(self, data: bytes) -> cv2.dnn.Net:
        name = self._card.name
        try:
            net = cv2.dnn.readNetFromONNX(np.frombuffer(data, dtype=np.uint8))
        except cv2.error as error:
            raise ModelError(f"{name}.onnx: expected a network in ONNX, found damaged data") from error
        net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
        return net

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
