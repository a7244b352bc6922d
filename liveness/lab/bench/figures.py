"""The figures of the bench: of one window, of one step, and of a whole run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liveness.lab.bench.measuring import Usage, percentile, slope


@dataclass(frozen=True, slots=True)
class Rule:
    """When a step holds: no more was given up than analysed rate and pictures of upper temporal layers, and for
    every call both of these hold."""

    min_fps: float = 10.0
    """Analysed frames a second."""
    max_age_ms: float = 150.0
    """95th percentile of the age of frames when their analysis is done."""


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One call in one window."""

    analysed_fps: float
    ages_ms: Sequence[float]
    """Ages of all analysed frames when their analysis was done, on the sender's clock."""
    verdict_ages_ms: Sequence[float] = ()
    """Of those among them that gave a verdict, when it was told."""
    dropped: float = 0.0
    """Frames that were due to be analysed and were overwritten by newer ones."""
    waiting: int = 0
    """Decoded frames in a queue at the end."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a server did in one window."""

    calls: Sequence[CallSeen]
    server: Usage
    front: Usage
    memory_mb: float
    stage_cpu_s: Mapping[str, float]
    """CPU time of the server by what it did."""
    shed: bool = False
    """Whether the server gave up more than some of the analysed rate to keep pace."""
    left_out: float = 0.0
    """Pictures of upper temporal layers that were left undecoded."""
    arrival_clock: int = 0
    """Looks at which ages were not on the sender's clock."""


def summary(window: Window, seconds: float, rule: Rule) -> dict[str, Any]:
    """Return the figures of one step."""
    count = len(window.calls)
    call_seconds = count * seconds
    ages = [age for call in window.calls for age in call.ages_ms]
    verdict_ages = [age for call in window.calls for age in call.verdict_ages_ms]
    worst = [percentile(call.ages_ms, 0.95) for call in window.calls]
    slowest = min((call.analysed_fps for call in window.calls), default=0.0)
    total = window.server.cpu_s + window.front.cpu_s
    soon_enough = all(age is not None and age <= rule.max_age_ms for age in worst)
    # Ages on another clock than the sender's begin at the fastest frame: of an overloaded server they say nothing.
    holds = not window.shed and not window.arrival_clock and slowest >= rule.min_fps and soon_enough
    return {
        "calls": count,
        "holds": holds,
        "shed": window.shed,
        "left_out_per_call_second": _rounded(window.left_out / call_seconds),
        "age_ms": {
            "p50": _rounded(percentile(ages, 0.5)),
            "p95": _rounded(percentile(ages, 0.95)),
            "worst_call_p95": _rounded(max((age for age in worst if age is not None), default=None)),
            "samples": len(ages),
        },
        "verdict_age_ms": {
            "p50": _rounded(percentile(verdict_ages, 0.5)),
            "p95": _rounded(percentile(verdict_ages, 0.95)),
        },
        "age_clock": "sender" if window.arrival_clock == 0 else "arrival, in part",
        "analysed_fps": {
            "mean": round(sum(call.analysed_fps for call in window.calls) / count, 2) if count else 0.0,
            "slowest_call": round(slowest, 2),
        },
        "dropped_per_call_second": round(sum(call.dropped for call in window.calls) / call_seconds, 3),
        "waiting_frames": sum(call.waiting for call in window.calls),
        "cpu": {
            "seconds_per_call_second": round(total / call_seconds, 4),
            "front_seconds_per_call_second": round(window.front.cpu_s / call_seconds, 4),
            "core_share": round(window.server.cpu_s / seconds, 3),
            "waited_share": round(window.server.waited_s / seconds, 3),
            "by_stage": {name: round(spent / call_seconds, 4) for name, spent in window.stage_cpu_s.items()},
        },
        "memory_mb": round(window.memory_mb, 1),
    }


def by_stage(used: Usage, stage_wall_s: Mapping[str, float]) -> dict[str, float]:
    """Share a media worker's CPU time among what it does.

    The system tells the threads apart: the loop's, in which the network is; the decoders'; and the rest, analysis and
    models, which is shared among the stages by the time that each took by the clock.
    """
    network, decode = used.by_thread_s.get("loop", 0.0), used.by_thread_s.get("late", 0.0)
    rest = max(used.cpu_s - network - decode, 0.0)
    wall = sum(stage_wall_s.values())
    shares = {name: rest * spent / wall for name, spent in stage_wall_s.items() if spent > 0} if wall > 0 else {}
    return {"network": network, "decode": decode, **(shares or {"analysis": rest})}


def by_stage_in_loop(used: Usage, stage_cpu_s: Mapping[str, float]) -> dict[str, float]:
    """Share the naive server's CPU time among what it does: its stages run in the loop's own thread."""
    loop, decode = used.by_thread_s.get("loop", 0.0), used.by_thread_s.get("late", 0.0)
    stages = dict(stage_cpu_s)
    stages["faces"] = stages.get("faces", 0.0) + max(used.cpu_s - loop - decode, 0.0)
    return {"network": max(loop - sum(stage_cpu_s.values()), 0.0), "decode": decode, **stages}


def of_senders(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the senders did between two of their reports, and what it cost them."""
    seconds = after["at_s"] - before["at_s"]
    pairs = list(zip(before["senders"], after["senders"], strict=True))
    count = max(len(pairs), 1)

    def gained(key: str) -> int:
        return sum(int(now[key]) - int(then[key]) for then, now in pairs)

    return {
        "sent_fps": round(gained("frames") / seconds / count, 2),
        "sent_late_share": round(gained("late") / max(gained("frames"), 1), 4),
        "keyframes_asked": gained("keyframes_asked"),
        "sender_cpu_per_call_second": round((after["cpu_seconds"] - before["cpu_seconds"]) / seconds / count, 4),
    }


def conclusion(name: str, steps: Sequence[Mapping[str, Any]], ended: str) -> dict[str, Any]:
    """Return a run: how many calls held, and the costs at that many."""
    held = 0
    for step in steps:
        if not step["holds"]:
            break
        held = int(step["calls"])
    best = next((step for step in steps if step["calls"] == held), None)
    cost = float(best["cpu"]["seconds_per_call_second"]) if best else 0.0
    growth = slope([(float(step["calls"]), float(step["memory_mb"])) for step in steps])
    return {
        "server": name,
        "calls_held": held,
        "calls_per_core": round(1 / cost, 2) if cost > 0 else None,
        "cpu_seconds_per_call_second": cost if best else None,
        "memory_mb": {"first_call": steps[0]["memory_mb"] if steps else None, "further_call": _rounded(growth)},
        "ended": ended,
        "steps": list(steps),
    }


def told(step: Mapping[str, Any]) -> str:
    """Say a step in a line."""
    age = step["age_ms"]
    p50, p95 = (f"{age[key]:.0f}" if age[key] is not None else "–" for key in ("p50", "p95"))
    limits = [
        *(["holds"] if step["holds"] else ["does not hold"]),
        *(["load was shed"] if step["shed"] else []),
        *(["upper layer undecoded"] if step["left_out_per_call_second"] else []),
        *(["the senders were too slow"] if step["sender_limited"] else []),
        *(["other programs took part of the core"] if step["disturbed"] else []),
    ]
    return (
        f"{step['calls']} call{'s' if step['calls'] > 1 else ''}: frame age p50 {p50} ms, p95 {p95} ms; "
        f"{step['analysed_fps']['slowest_call']:.1f} analysed fps in the slowest; "
        f"{step['cpu']['seconds_per_call_second']:.3f} CPU s per call-second; {step['memory_mb']:.0f} MB; "
        f"{', '.join(limits)}"
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
