"""What processes use, read from Linux's /proc, and the figures made of it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from liveness.errors import ConfigError

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time of one process so far, in seconds; differences of two of them are what is of interest."""

    cpu_s: float = 0.0
    waited_s: float = 0.0
    """Time in which a thread of it could have run, but its core was busy."""
    by_thread_s: Mapping[str, float] = field(default_factory=dict)
    """CPU time by kind of thread: ``loop`` (the main one, in which the network is), ``models`` (MediaPipe's own),
    ``early`` (those there before the first call) and ``late`` (those that came with calls: the decoders)."""

    def since(self, before: Usage) -> Usage:
        """Return what was used between two looks."""
        kinds = self.by_thread_s.keys() | before.by_thread_s.keys()
        return Usage(
            self.cpu_s - before.cpu_s,
            max(self.waited_s - before.waited_s, 0.0),
            # A thread that has ended is missing from the later look.
            {
                kind: max(self.by_thread_s.get(kind, 0.0) - before.by_thread_s.get(kind, 0.0), 0.0)
                for kind in sorted(kinds)
            },
        )


def check_platform() -> None:
    """Refuse to measure where it cannot be done.

    Raises
    ------
    ConfigError
        This is no Linux.
    """
    if not (_PROC / "self" / "stat").exists():
        raise ConfigError(
            f"the bench reads what processes use from /proc, which {platform.system()} has not; use Linux"
        )


def threads_of(pid: int) -> frozenset[str]:
    """Return the numbers of a process's threads."""
    return frozenset(task.name for task in (_PROC / str(pid) / "task").iterdir())


def usage_of(pid: int, early: frozenset[str] = frozenset()) -> Usage:
    """Return what a process and all its threads have used; threads that have ended count in ``cpu_s`` only.

    Parameters
    ----------
    early
        The threads there were before the first call.
    """
    by_thread: dict[str, float] = {}
    waited_s = 0.0
    for task in (_PROC / str(pid) / "task").iterdir():
        try:
            name = (task / "comm").read_text("utf-8", "replace").strip()
            ran_ns, waited_ns = (task / "schedstat").read_text("ascii").split()[:2]
        except OSError:
            continue  # It has just ended.
        if task.name == str(pid):
            kind = "loop"
        elif name.startswith("mediapipe"):
            kind = "models"
        else:
            kind = "early" if task.name in early else "late"
        by_thread[kind] = by_thread.get(kind, 0.0) + int(ran_ns) / 1e9
        waited_s += int(waited_ns) / 1e9
    return Usage(_cpu_seconds(pid), waited_s, by_thread)


def busy_seconds(core: int) -> float:
    """Return for how long a core has been busy, with whatever, or was taken away from this machine."""
    for line in (_PROC / "stat").read_text("ascii").splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, irq, softirq, stolen = map(int, fields[:8])
            return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _cpu_seconds(pid: int) -> float:
    # The name, in parentheses, may hold anything; user and system time are the 14th and 15th field.
    fields = (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the proportional set size of a process in MB: pages that it shares count by their share."""
    try:
        rollup = (_PROC / str(pid) / "smaps_rollup").read_text("ascii")
    except OSError:
        pages = int((_PROC / str(pid) / "statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found.group(1)) * 1024 / 1e6 if found else 0.0


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return a percentile, interpolated between neighbours; None of nothing.

    Examples
    --------
    >>> percentile([10.0, 20.0, 30.0], 0.75)
    25.0
    """
    if not values:
        return None
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the slope of the least-squares line through (x, y) points; None if they have less than two x."""
    if len({x for x, _ in points}) < 2:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    across = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / across


def machine() -> dict[str, Any]:
    """Return what the figures hold for."""
    try:
        info = (_PROC / "cpuinfo").read_text("utf-8", "replace")
    except OSError:
        info = ""
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "aiortc": version("aiortc"),
        "mediapipe": version("mediapipe"),
    }
