"""How the report shows what came of challenges: words, and the measured curve beside what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """One challenge as the page shows it."""

    title: str
    time_s: float
    result: str
    icon: str
    words: str
    reason: str
    facts: tuple[str, ...]
    curve: CurveView | None


@dataclass(frozen=True, slots=True)
class CurveView:
    """A curve as two SVG paths in a box of 480 × 120 units, with where the prompt lies."""

    title: str
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
    if one["answered_s"] is not None:
        facts.append(f"answered {one['answered_s']:.1f} s after the prompt")
    if one["parameters"] and len(one["parameters"]) <= 24:
        facts.append(f"asked for: {one['parameters'].replace('_', ' ')}")
    if one["result"] in ("not_done", "unclear"):
        facts.append("this says nothing against the person")
    curve = _curve(one["curve"]) if one["curve"] else None
    title = one.get("title") or one["challenge"].replace("_", " ")
    return ChallengeView(title, one["time_s"], one["result"], icon, words, one["reason"], tuple(facts), curve)


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
    said = f"from {min(measured):.3g} to {max(measured):.3g} {curve['unit']}" if measured else "nothing was measured"
    return CurveView(
        title=curve["title"],
        low=f"{low:.3g} {curve['unit']}",
        high=f"{high:.3g} {curve['unit']}",
        start=f"{times[0]:.1f} s",
        end=f"{times[-1]:.1f} s",
        measured=path(curve["values"]),
        asked=path(curve["asked"]),
        prompt_x=-times[0] / length * _WIDTH if times[0] <= 0 <= times[-1] else None,
        text=f"{curve['title']}: {said}, over {length:.1f} seconds.",
    )
