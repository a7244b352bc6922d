"""How the report shows what came of challenges: words, and the measured curve beside what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_WORDS: Mapping[str, tuple[str, str]] = {
    "passed": ("live", "Passed"),
    "broken": ("suspect", "Did not hold together"),
    "not_done": ("inconclusive", "Not done as asked"),
    "unclear": ("inconclusive", "Could not be judged"),
}
"""Icon and words of each result."""

_WIDTH, _HEIGHT = 480.0, 120.0
_LEAD_S = 1.0
_MOST_PARAMETERS = 24
"""What is longer, as the code of a light, says nothing to a reader."""


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """One challenge as the page shows it."""

    title: str
    from_s: float
    """Where in the recording to look: shortly before the prompt, as far as that is known."""
    result: str
    icon: str
    words: str
    reason: str
    facts: tuple[str, ...]
    harmless: bool
    """Whether it must be said that nothing follows from it."""
    curve: CurveView | None


@dataclass(frozen=True, slots=True)
class CurveView:
    """A curve as two SVG paths in a box of 480 × 120 units, with where the prompt lies."""

    title: str
    unit: str
    """The unit where it is a word; a sign such as ° stands beside the figures."""
    low: str
    high: str
    start: str
    end: str
    measured: str
    asked: str
    prompt_x: float | None
    text: str
    """What a screen reader says in its place."""


def challenge_views(challenges: Sequence[Mapping[str, Any]]) -> list[ChallengeView]:
    """Return what the page shows of each challenge, in order of time."""
    return [_view(one) for one in challenges]


def _view(one: Mapping[str, Any]) -> ChallengeView:
    icon, words = _WORDS[one["result"]]
    facts = []
    if one["answered_s"] is not None and one["challenge"] != "light_code":  # light comes back at once
        facts.append(f"answered {one['answered_s']:.1f} s after the prompt")
    if one["parameters"] and len(one["parameters"]) <= _MOST_PARAMETERS:
        facts.append(_asked(one["challenge"], one["parameters"]))
    curve = _curve(one["curve"]) if one["curve"] else None
    title = one.get("title") or one["challenge"].replace("_", " ")
    before_s = one["curve"]["times_s"][-1] + _LEAD_S if one["curve"] and one["curve"]["times_s"] else _LEAD_S
    return ChallengeView(
        title=title,
        from_s=max(0.0, round(one["time_s"] - before_s, 3)),
        result=one["result"],
        icon=icon,
        words=words,
        reason=one["reason"],
        facts=tuple(facts),
        harmless=one["result"] in ("not_done", "unclear"),
        curve=curve,
    )


def _asked(name: str, parameters: str) -> str:
    """Return the sentence that was asked; the parameters where this version does not know the challenge or them."""
    import liveness.challenges  # noqa: PLC0415 (loads what the challenges need: not for a report without any)
    from liveness.challenges.contract import discover  # noqa: PLC0415

    cls = discover(liveness.challenges).get(name)
    if cls is not None and cls.spec.spoken:
        with suppress(KeyError, ValueError):
            return f"asked: “{cls.aloud(parameters)}”"
    return f"asked for: {parameters.replace('_', ' ')}"


def _curve(curve: Mapping[str, Any]) -> CurveView | None:
    known = [value for value in (*curve["values"], *curve["asked"]) if value is not None]
    times = curve["times_s"]
    if len(times) < 2 or not known or times[-1] <= times[0]:
        return None
    low, high = min(known), max(known)
    spread = (high - low) or 1.0
    length = times[-1] - times[0]

    def path(values: Sequence[float | None]) -> str:
        steps, pen = [], "M"
        for time_s, value in zip(times, values, strict=True):
            if value is None:
                pen = "M"
                continue
            x, y = (time_s - times[0]) / length * _WIDTH, _HEIGHT - (value - low) / spread * _HEIGHT
            steps.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        return "".join(steps)

    measured = [value for value in curve["values"] if value is not None]
    sign, unit = (curve["unit"][0], "") if curve["unit"][:1] in ("°", "×") else ("", curve["unit"])
    if unit.startswith("%"):
        sign = " %"

    def figure(value: float) -> str:
        digits = _decimals(low, high)
        # Adding 0 makes a negative zero one without a sign.
        return f"{round(value, digits) + 0.0:.{digits}f}{sign}".replace("-", "−")

    tail = f" {unit}" if unit and not sign else unit.removeprefix("%")
    said = f"from {figure(min(measured))} to {figure(max(measured))}{tail}" if measured else "nothing was measured"
    return CurveView(
        title=curve["title"],
        unit=unit,
        low=figure(low),
        high=figure(high),
        start=f"{times[0]:.1f} s".replace("-", "−"),
        end=f"{times[-1]:.1f} s",
        measured=path(curve["values"]),
        asked=path(curve["asked"]),
        prompt_x=-times[0] / length * _WIDTH if times[0] <= 0 <= times[-1] else None,
        text=f"{curve['title']}: {said}, over {length:.1f} seconds.",
    )


def _decimals(low: float, high: float) -> int:
    size = max(abs(low), abs(high))
    return 0 if size >= 10 else 1 if size >= 1 else 2
