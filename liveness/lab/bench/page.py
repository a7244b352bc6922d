"""The results as one picture (SVG, no script, no network): frame age against calls, and where the CPU time goes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from liveness.output import visible

_WIDTH, _HEIGHT = 1040, 578
_TOP, _BOTTOM = 150, 440
_AGE_LEFT, _AGE_RIGHT = 70, 500
_CPU_LEFT, _CPU_RIGHT = 600, 1010
_LONGEST_AGE_MS = 100_000.0
_SHORTEST_AGE_MS = 10.0
_STAGES = ("network", "decode", "rgb", "probe", "faces", "signals", "fusion")
"""In this order they are stacked; others follow."""
_COLOURS = ("#3b6fb6", "#6fa8dc", "#d9a441", "#8e7cc3", "#c9533e", "#5b9a68", "#8a8f98", "#b07aa1", "#4f9d9d")
_LINES: Mapping[str, tuple[str, str, str]] = {
    "liveness": ("#1a7f4b", "", "liveness"),
    "naive": ("#c9533e", "7 5", "naive server"),
}

_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 22px; font-weight: 600; } .head { font-size: 16px; font-weight: 600; }
.small { font-size: 12px; fill: #59636e; } .axis { stroke: #59636e; } .grid { stroke: #d1d9e0; } .back { fill: #fff; }
.limit { stroke: #9a6700; stroke-dasharray: 2 4; } .of-limit { fill: #9a6700; font-size: 12px; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .small { fill: #9198a1; } .axis { stroke: #9198a1; } .grid { stroke: #3d444d; }
  .back { fill: #0d1117; } .limit { stroke: #d29922; } .of-limit { fill: #d29922; }
}
"""


def picture(results: Mapping[str, Any]) -> str:
    """Return the SVG of results of schema ``liveness.bench/1``."""
    runs: Sequence[Mapping[str, Any]] = results["runs"]
    body = [*_heading(runs), *_ages(results, runs), *_costs(runs), *_footing(results)]
    label = escape(" ".join(_conclusion(run) for run in runs), quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" aria-label="{label}">\n<style>{_STYLE}</style>\n'
        f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _conclusion(run: Mapping[str, Any]) -> str:
    name = _LINES[run["server"]][2]
    held, growth = run["calls_held"], run["memory_mb"]["further_call"]
    calls = f"{held} call{'s' if held != 1 else ''} at once on one core"
    costs = f", {run['cpu_seconds_per_call_second']:.2f} CPU s per call-second at that" if run["calls_per_core"] else ""
    memory = f", {growth:.0f} MB per further call" if growth is not None else ""
    return f"{name}: held {calls}{costs}{memory}."


def _heading(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield _text(30, 40, "How many calls one core bears", "title")
    for number, run in enumerate(runs):
        yield _text(30, 66 + 20 * number, _conclusion(run))
    yield _text(_AGE_LEFT - 40, _TOP - 22, "Frame age when its analysis is done, p95 of all calls", "head")
    yield _text(_CPU_LEFT - 40, _TOP - 22, "CPU seconds per call-second, by stage", "head")


def _ages(results: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Draw the ages over the calls; the scale is logarithmic, since a queue that grows has no end."""
    calls = [step["calls"] for run in runs for step in run["steps"]]
    known = [step["age_ms"]["p95"] for run in runs for step in run["steps"] if step["age_ms"]["p95"] is not None]
    limit = float(results["rule"]["max_age_ms"])
    highest = min(10 ** math.ceil(math.log10(max([limit * 2, *known]))), _LONGEST_AGE_MS)
    most = max([*calls, 2])

    for value in _ticks(highest):
        y = _log_y(value, highest)
        yield f'<line class="grid" x1="{_AGE_LEFT}" x2="{_AGE_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(_AGE_LEFT - 8, y + 4, f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s", "small", "end")
    y = _log_y(limit, highest)
    yield f'<line class="limit" x1="{_AGE_LEFT}" x2="{_AGE_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    yield _text(_AGE_RIGHT, y - 5, f"limit {limit:g} ms", "of-limit", "end")
    for count in range(1, most + 1):
        if most <= 12 or count % 4 == 0:
            yield _text(_call_x(count, most), _BOTTOM + 20, str(count), "small", "middle")
    yield _text((_AGE_LEFT + _AGE_RIGHT) / 2, _BOTTOM + 42, "calls", "small", "middle")
    for number, run in enumerate(runs):
        yield from _age_line(run, number, most, highest)


def _age_line(run: Mapping[str, Any], number: int, most: int, highest: float) -> Iterator[str]:
    colour, dashes, name = _LINES[run["server"]]
    points = [
        (_call_x(step["calls"], most), _log_y(step["age_ms"]["p95"], highest), step)
        for step in run["steps"]
        if step["age_ms"]["p95"] is not None
    ]
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    yield f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dashes}"/>'
    for x, y, step in points:
        inside = colour if step["holds"] else "none"
        verdict = "holds" if step["holds"] else "does not hold"
        told = f"{name}, {step['calls']} calls: {step['age_ms']['p95']:g} ms, {verdict}"
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{inside}" stroke="{colour}" stroke-width="2">'
            f"<title>{escape(told)}</title></circle>"
        )
    x, y = _AGE_LEFT + 190 * number, _BOTTOM + 66
    stroke = f'stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dashes}"'
    yield f'<line x1="{x}" x2="{x + 34}" y1="{y}" y2="{y}" {stroke}/>'
    yield _text(x + 42, y + 5, f"{name} (filled: holds)", "small")


def _costs(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Draw a bar for each step of each run, stacked by stage."""
    bars = [(run["server"], step) for run in runs for step in run["steps"]]
    stages = _stages(step for _, step in bars)
    sums = [sum(step["cpu"]["by_stage"].values()) for _, step in bars]
    highest = max([0.05, *sums]) * 1.1
    room = (_CPU_RIGHT - _CPU_LEFT) / max(len(bars) + len(runs) - 1, 1)
    for part in range(5):
        value = highest * part / 4
        y = _BOTTOM - (_BOTTOM - _TOP) * part / 4
        yield f'<line class="grid" x1="{_CPU_LEFT}" x2="{_CPU_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(_CPU_LEFT - 8, y + 4, f"{value:.2f}", "small", "end")
    x = float(_CPU_LEFT)
    for run in runs:
        begun = x
        for step in run["steps"]:
            yield from _bar(step, stages, x + room * 0.15, room * 0.7, highest)
            yield _text(x + room / 2, _BOTTOM + 20, str(step["calls"]), "small", "middle")
            x += room
        yield _text((begun + x) / 2, _BOTTOM + 42, f"{_LINES[run['server']][2]}: calls", "small", "middle")
        x += room
    for number, (stage, colour) in enumerate(stages.items()):
        x = _CPU_LEFT - 40 + 90 * (number % 5)
        y = _BOTTOM + 58 + 18 * (number // 5)
        yield f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 17, y + 11, stage, "small")


def _bar(step: Mapping[str, Any], stages: Mapping[str, str], x: float, width: float, highest: float) -> Iterator[str]:
    y = float(_BOTTOM)
    for stage, colour in stages.items():
        spent = step["cpu"]["by_stage"].get(stage, 0.0)
        height = spent / highest * (_BOTTOM - _TOP)
        y -= height
        if height > 0:
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">'
                f"<title>{escape(visible(stage))}: {spent:.4f}</title></rect>"
            )


def _stages(steps: Iterator[Mapping[str, Any]]) -> dict[str, str]:
    """Return the colour of each stage that occurs, in the order of stacking."""
    found = list(dict.fromkeys(stage for step in steps for stage in step["cpu"]["by_stage"]))
    ordered = [stage for stage in _STAGES if stage in found] + [stage for stage in found if stage not in _STAGES]
    colours = dict(zip(_STAGES, _COLOURS, strict=False))
    spare = iter(_COLOURS[len(_STAGES) :])
    return {visible(stage): colours.get(stage) or next(spare, "#999999") for stage in ordered}


def _footing(results: Mapping[str, Any]) -> Iterator[str]:
    clip, machine, rule = results["clip"], results["machine"], results["rule"]
    size = f"{clip['width']}×{clip['height']}"
    layers = " in two temporal layers" if clip["temporal_layers"] > 1 else ""
    what = f"{clip['codec'].upper()}{layers}, {size}, {clip['fps']:g} fps, {clip['kbit_s'] / 1000:.1f} Mbit/s"
    yield _text(30, _HEIGHT - 43, f"Every call: {what}.", "small")
    yield _text(
        30,
        _HEIGHT - 26,
        f"A step holds with at least {rule['min_fps']:g} analysed fps and a p95 age of at most {rule['max_age_ms']:g} "
        "ms in every call, and no more given up than rate and the upper layer.",
        "small",
    )
    disturbed = any(step["disturbed"] for run in results["runs"] for step in run["steps"])
    rough = " Other programs took part of the server's core at times: take the figures as rough." if disturbed else ""
    yield _text(30, _HEIGHT - 9, f"{machine['cpu']}, {machine['cores']} cores; {results['made_at']}.{rough}", "small")


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(visible(words))}</text>'


def _call_x(count: int, most: int) -> float:
    return _AGE_LEFT + 20 + (_AGE_RIGHT - _AGE_LEFT - 40) * (count - 1) / (most - 1)


def _log_y(value: float, highest: float) -> float:
    share = math.log10(max(value, _SHORTEST_AGE_MS) / _SHORTEST_AGE_MS) / math.log10(highest / _SHORTEST_AGE_MS)
    return _BOTTOM - (_BOTTOM - _TOP) * min(share, 1.0)


def _ticks(highest: float) -> Iterator[float]:
    value = _SHORTEST_AGE_MS
    while value <= highest:
        yield value
        value *= 10
