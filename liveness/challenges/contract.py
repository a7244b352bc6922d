"""The Challenge contract, and how challenges are found.

A challenge is one file in ``liveness/challenges``: one class that derives from :class:`Challenge`. Randomness and
the prompt's media time are handed in; nothing here knows a clock. An import error propagates.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Any, ClassVar, Literal

from liveness.contract import discover_classes
from liveness.frames import Observation
from liveness.verdict import Family

Need = Literal["hands"]
"""What a challenge needs beyond frame and face; made only while it runs."""

Mode = Literal["page", "spoken"]
"""Whether the candidate's page shows the prompt, or the interviewer reads it aloud."""

Language = Literal["en", "de"]
"""Languages in which challenges speak; the code's own is English."""

Result = Literal["passed", "broken", "not_done", "unclear"]
"""``passed``: done, and whole. ``broken``: done, and what was seen fits no live person (a face that tears, light that
does not fall on it). ``not_done``: not done as asked, in time; people mishear, so this accuses nobody. ``unclear``: the
circumstances did not let one judge."""

Guidance = Literal["ready", "further", "other_side", "closer", "back", "hold", "good", "face_lost"]
"""What helps the candidate while it runs; nothing in it tells how the answer is judged."""


@dataclass(frozen=True, slots=True)
class ChallengeSpec:
    """What people and the planner know of a challenge without running it."""

    name: str
    title: str
    """What the interviewer reads on the button, e.g. "Turn to profile"."""
    page_text: str
    """What the candidate reads before it begins; names no parameter."""
    deadline_s: float
    """Media time after the prompt until which an answer counts, when the page shows the prompt."""
    alternative: str
    """What is offered to who cannot do it, as a sentence to the interviewer."""
    families: frozenset[Family]
    """What a passed answer can speak against."""
    known_ways_to_beat: tuple[str, ...]
    random_bytes: int
    """Bytes of secure randomness that :meth:`Challenge.drawn` takes."""
    baseline_s: float = 1.0
    """Media time that must be seen of the person before the prompt."""
    needs: frozenset[Need] = frozenset()
    spoken: bool = True
    """Whether an interviewer can ask for it by voice."""
    warning: str | None = None
    """What the candidate must be warned of before, e.g. of changing light."""
    moves_camera: bool = False
    """Whether the whole picture moves while it is done, so that a fast movement is no cut."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What was measured, to be replayed: a course over time beside what was asked for."""

    title: str
    unit: str
    times_s: tuple[float, ...]
    """Seconds after the prompt; what came before is negative."""
    values: tuple[float | None, ...]
    """The measured course; None where nothing could be measured."""
    asked: tuple[float | None, ...]
    """What an answer looks like, on the same times and scale (a threshold, a code); None where nothing is asked."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one challenge."""

    result: Result
    quality: float
    """0–1: how far the circumstances let one judge; scales what the result counts."""
    reason: str
    """One sentence that an interviewer can act on."""
    compliance: bool | None
    """Whether what was asked was done in time; None if that could not be seen."""
    integrity: float | None
    """0 (what was seen while it was done fits a fake) to 1 (it fits a live person); None if not measured."""
    answered_s: float | None = None
    """Seconds from the prompt to the answer."""
    curve: Curve | None = None
    asked: bool = True
    """False if it came to nothing before the prompt, because nobody could have judged it."""


class Challenge:
    """One challenge, once: prepared, begun at one prompt, observed, and asked for its outcome a single time.

    From :class:`__init__` on it sees every analysed frame; what comes before :meth:`begin` is only the person's own
    baseline. State lives in instance attributes only.
    """

    spec: ClassVar[ChallengeSpec]

    def __init__(self) -> None:
        self.prompt_s: float | None = None
        """Media time of the prompt."""
        self.parameters: str | None = None
        self.mode: Mode = "page"
        self._spent = False

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return parameters, as text, from ``spec.random_bytes`` bytes of ``secrets``; all values equally likely."""
        raise NotImplementedError

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the candidate's page shows: ``text``, ``picture`` (a name) and what is special to it."""
        raise NotImplementedError

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return the sentence that the interviewer reads aloud; only where ``spec.spoken``."""
        raise NotImplementedError

    @classmethod
    def told(cls, text: str, language: Language) -> str:
        """Return something that it says in a language; as it stands where nobody has translated it."""
        if language == "en":
            return text
        spec: ChallengeSpec | None = getattr(cls, "spec", None)
        own, shared = german().get(spec.name, {}) if spec else {}, german()["shared"]
        pattern = _NUMBER.sub("{}", text)
        found = own.get(pattern) or shared.get(pattern)
        return found.format(*_NUMBER.findall(text)) if found else text

    def begin(self, prompt_s: float, parameters: str, mode: Mode = "page") -> None:
        """Show the prompt at this media time.

        Raises
        ------
        ValueError
            It has begun already, or the parameters are none of its own (the text says what they look like).
        """
        if self.prompt_s is not None:
            raise ValueError("this challenge has begun already: draw a new one for another attempt")
        self._take_parameters(parameters)
        self.prompt_s, self.parameters, self.mode = prompt_s, parameters, mode

    @property
    def deadline_s(self) -> float:
        """Media time until which an answer counts; a sentence that is read aloud takes a while to be said."""
        if self.prompt_s is None:
            raise ValueError("this challenge has not begun")
        return self.prompt_s + self.spec.deadline_s + (_SAYING_S if self.mode == "spoken" else 0.0)

    def observe(self, observation: Observation) -> None:
        """See an analysed frame, before the prompt (baseline) or after it (answer)."""
        raise NotImplementedError

    @property
    def settled(self) -> bool:
        """Whether the answer is complete, so that the outcome need not wait for the deadline."""
        return False

    @property
    def unsuitable(self) -> str | None:
        """Why nobody could judge it as things are, in one sentence; None if one could, or too little was seen to know.

        It is asked before the prompt alone: who is told then need not do in vain what cannot be judged.
        """
        return None

    @property
    def guidance(self) -> Guidance | None:
        """What would help the candidate now."""
        return None

    def outcome(self) -> Outcome:
        """Return the outcome; a second call is refused, as is one before the prompt."""
        if self.prompt_s is None:
            raise ValueError("this challenge has not begun: call begin with the prompt's media time first")
        if self._spent:
            raise ValueError("this challenge is spent: draw a new one for another attempt")
        self._spent = True
        return self._judge(self.prompt_s)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state, independent of this object, of plain values and arrays."""
        return copy.deepcopy(self.__dict__)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`snapshot` returned."""
        self.__dict__.update(copy.deepcopy(dict(state)))

    def _take_parameters(self, parameters: str) -> None:
        """Read the parameters; raise ValueError saying what was expected if they are none of its own."""
        raise NotImplementedError

    def _judge(self, prompt_s: float) -> Outcome:
        raise NotImplementedError


_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@cache
def german() -> Mapping[str, Mapping[str, str]]:
    """Return the German of what challenges say, by their name (or ``shared``) and the English; a number is ``{}``."""
    text = resources.files(__package__).joinpath("german.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


_SAYING_S = 5.0
"""Time that reading the sentence aloud takes off the candidate's own."""


def discover(package: ModuleType) -> dict[str, type[Challenge]]:
    """Return the challenge classes of all modules of ``package``, by name.

    Raises
    ------
    ImportError
        A module cannot be imported; it is never skipped.
    ValueError
        Two challenges bear the same name.
    """
    return discover_classes(package, Challenge)
