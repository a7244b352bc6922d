"""The Signal contract, and how signals are found.

A signal is one file in ``liveness/signals``: one class that derives from :class:`Signal`, with its
settings as a frozen dataclass beside it. An import error there propagates: a detector that is silently
missing would read as "looks live".
"""

from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, Literal, TypeVar

from liveness.frames import Observation, ProbeTick
from liveness.verdict import Evidence, Family

Group = Literal["texture", "motion", "replay", "dynamics", "surroundings", "physiology"]
"""Signals of one group look at the same thing; together they count up to one cap."""

ALTERNATIVE_GROUPS: frozenset[Group] = frozenset({"replay"})
"""Groups whose signals look for different traces of one species, any of which is enough: a loop shows in the pixels
or, where these were shifted, in the movements. That one trace is missing does not speak against the other."""

Need = Literal["probe", "frame", "hands", "audio"]


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """What the engine and the fusion have to know of a signal without running it."""

    name: str
    title: str
    """What people read, e.g. "Learnt screens and prints"."""
    group: Group
    families: frozenset[Family]
    """The families it can speak about."""
    needs: frozenset[Need]
    unit: str
    """Unit of the headline value; "1" for a pure number."""
    features: tuple[str, ...]
    """Names of all features of its evidence, the headline value first."""
    observe_every_s: float
    """Least media time between two frames it wants to see; 0 for every analysed frame."""
    period_s: float
    """Media time between two pieces of evidence."""
    window_s: float
    """Stretch of media time that one piece of evidence looks at."""
    needed_s: float
    """Seconds of evidence at full quality after which it has said all it can."""
    cost_ms: float
    """Declared cost of one observation at 720p on one core."""
    suspicious: str
    """The sentence when it speaks for an attack: what is seen and, behind a semicolon, what to do about it."""
    reassuring: str
    """The sentence when it speaks for a live person."""
    still: bool = False
    """Whether a single picture is enough for it."""
    newest: bool = False
    """Whether a piece of evidence takes in those before it, so that only the newest counts and not their mean."""
    species: frozenset[str] = frozenset()
    """The attack species that it is made for; empty for all of its families. No curve is learnt for others:
    what a few clips would teach about them is chance, or how those clips came about."""
    directions: Mapping[str, Literal[-1, 1]] = field(default_factory=dict)
    """Features that can only speak for an attack when they are high (1) or low (-1), by the reason given in the
    module's text. A curve that would learn the contrary from a corpus does without the feature."""


class Signal:
    """Base of all signals; state lives in instance attributes only."""

    spec: ClassVar[SignalSpec]

    def probe(self, tick: ProbeTick) -> None:
        """See a decoded frame (only called when ``needs`` has ``probe``)."""

    def observe(self, observation: Observation) -> None:
        """See an analysed frame."""
        raise NotImplementedError

    def evidence(self) -> Evidence | None:
        """Return what the last ``window_s`` say, or None until there is enough."""
        raise NotImplementedError

    def missing(self) -> str | None:
        """Say in one sentence why there is no evidence now, or None if there is."""
        raise NotImplementedError

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state, independent of this object, of plain values and arrays."""
        return copy.deepcopy(self.__dict__)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`snapshot` returned."""
        self.__dict__.update(copy.deepcopy(dict(state)))


_Found = TypeVar("_Found")


def discover(package: ModuleType) -> dict[str, type[Signal]]:
    """Return the signal classes of all modules of ``package``, by name; errors as :func:`discover_classes`."""
    return discover_classes(package, Signal)


def discover_classes(package: ModuleType, base: type[_Found]) -> dict[str, type[_Found]]:
    """Return the classes with a ``spec`` of their own that derive from ``base``, by name, in order of their modules.

    Raises
    ------
    ImportError
        A module cannot be imported; it is never skipped.
    ValueError
        Two classes bear the same name.
    """
    found: dict[str, type[_Found]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for _, cls in inspect.getmembers(module, inspect.isclass):
            spec = vars(cls).get("spec")
            if cls.__module__ != module.__name__ or not issubclass(cls, base) or spec is None:
                continue
            if spec.name in found:
                raise ValueError(f"{spec.name!r} is there twice: rename the one in {module.__name__}")
            found[spec.name] = cls
    return found
