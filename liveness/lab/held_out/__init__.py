"""Models that have not seen a person or a source of pictures: for measuring what the shipped ones were learnt from.

Every fifth of the corpus's persons was left out of the forgery model's head and of the rendering model's heads once,
every fourth of all persons and sources of the presentation and the surface model. They stand here as hashes only; who
does not is measured by what ships.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from liveness.errors import ModelError


def person_hash(group: str) -> str:
    """Return how a group of samples is named here."""
    return hashlib.sha256(f"liveness {group}".encode()).hexdigest()[:16]


def forgery_head(group: str) -> Mapping[str, Any] | None:
    """Return the forgery model's head that has not seen this group; None if no head has."""
    data = _forgery()
    fold = data["folds"].get(person_hash(group))
    return None if fold is None else data["heads"][fold]


def surface_head(group: str) -> Mapping[str, Any] | None:
    """Return the surface model's head that has not seen this group; None if none has."""
    data = _surface()
    fold = data["folds"].get(person_hash(group))
    return None if fold is None else data["heads"][fold]


def rendering_heads(group: str) -> Mapping[str, Any] | None:
    """Return the rendering model's heads that have not seen this group; None if none has."""
    data = _rendering()
    fold = data["folds"].get(person_hash(group))
    return None if fold is None else data["heads"][fold]


def sample_hash(sample: str) -> str:
    """Return how one sample is named here."""
    return hashlib.sha256(f"liveness sample {sample}".encode()).hexdigest()[:16]


def presentation_network(group: str, sample: str) -> bytes | None:
    """Return the presentation model's network (ONNX) that has not seen this sample; None if the one that ships has not.

    A clip among pictures is measured with the others of its source, but was left out of training with its person:
    so the sample itself is looked for before its group.

    Raises
    ------
    ModelError
        Its file is not the one whose hash is stated.
    """
    data = _presentation()
    fold = data["folds"].get(sample_hash(sample), data["folds"].get(person_hash(group)))
    return None if fold is None else _network(f"presentation{fold}.onnx", data["sha256"][str(fold)])


@functools.cache
def _network(name: str, sha256: str) -> bytes:
    data = resources.files(__package__).joinpath(name).read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelError(f"{name}: its SHA-256 is not the one in presentation.json; install the package again")
    return data


@functools.cache
def _presentation() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath("presentation.json").read_bytes())
    return data


@functools.cache
def _forgery() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath("forgery.json").read_bytes())
    return data


@functools.cache
def _rendering() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath("rendering.json").read_bytes())
    return data


@functools.cache
def _surface() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath("surface.json").read_bytes())
    return data
