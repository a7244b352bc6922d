"""In which language a reader is told things: what challenges say, translated on its way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from starlette.requests import HTTPConnection

from liveness.challenges.contract import Challenge, Language
from liveness.service.catalogue import catalogue

_SAID = ("title", "text", "aloud", "alternative", "warning", "reason", "unit")
_INSIDE = ("page", "outcome", "curve")


def language_of(connection: HTTPConnection) -> Language:
    """Return the language that ``Accept-Language`` prefers among ours; English if it names none of them."""
    best: tuple[float, Language] = (0.0, "en")
    for part in ",".join(connection.headers.getlist("accept-language"))[:400].split(","):
        tag, _, weight = part.partition(";")
        name = tag.strip().lower().split("-")[0]
        try:
            quality = float(weight.partition("=")[2]) if weight.strip() else 1.0
        except ValueError:
            continue
        # Of equals the first counts.
        for known in get_args(Language):
            if name == known and quality > best[0]:
                best = quality, known
    return best[1]


def in_language(payload: Mapping[str, Any], language: Language) -> Mapping[str, Any]:
    """Return a message with what challenges say in it translated: about one, or a verdict that proposes one."""
    if language == "en":
        return payload
    step = payload.get("next_step")
    if isinstance(step, Mapping):
        return {**payload, "next_step": _proposed(step, language)}
    name = payload.get("challenge") if str(payload.get("schema", "")).startswith("liveness.challenge") else None
    return _translated(payload, str(name), language) if name else payload


def available_in(listed: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return the list of what was asked and of what can be, translated."""
    return {
        "challenges": [in_language(one, language) for one in listed["challenges"]],
        "available": [_translated(one, one["name"], language) for one in listed["available"]],
    }


def _proposed(step: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return what a verdict proposes, whose sentence begins with the challenge's title, or names none."""
    cls = catalogue().get(str(step.get("challenge")), Challenge)
    why = str(step.get("why", ""))
    if cls is not Challenge and why.startswith(f"{cls.spec.title}: "):
        title, _, rest = why.partition(": ")
        return {**step, "why": f"{cls.told(title, language)}: {cls.told(rest, language)}"}
    return {**step, "why": cls.told(why, language)}


def _translated(part: Mapping[str, Any], name: str, language: Language) -> dict[str, Any]:
    cls = catalogue().get(name)
    found = dict(part)
    for key, value in part.items():
        if key in _SAID and isinstance(value, str) and cls:
            found[key] = cls.told(value, language)
        elif key in _INSIDE and isinstance(value, Mapping):
            found[key] = _translated(value, name, language)
    return found
