"""The two server sides that are measured: the real media workers, and the naive server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol

from liveness.lab.bench.figures import CallSeen, Window, by_stage, by_stage_in_loop
from liveness.lab.bench.lines import Child, ChildError
from liveness.lab.bench.measuring import Usage, memory_mb, threads_of, usage_of
from liveness.live.interface import FrameAge, LiveError
from liveness.live.pool import LiveSettings, MediaPool, PoolEvent, SessionOptions
from liveness.live.shedding import LEVELS

MOST_CALLS = 32
_LOOK_EVERY_S = 1.0


class Server(Protocol):
    """The server side, as the ramp needs it."""

    name: str

    async def open(self, sdp: str) -> str | None:
        """Take one more call; returns the answer, or None if it is refused."""

    async def measure(self, seconds: float) -> Window:
        """Watch for so long."""

    async def close(self) -> None:
        """End."""


class PoolServer:
    """The real media workers, one of them, pinned to one core; this process is their front."""

    name = "liveness"

    def __init__(self, core: int | None) -> None:
        self._early: frozenset[str] = frozenset()
        self._events: list[tuple[str, str, Mapping[str, Any]]] = []
        self._opened: list[str] = []
        self._ages: list[FrameAge] = []
        self._pool = MediaPool(
            LiveSettings(workers=1, cores=None if core is None else (core,), calls_per_worker=MOST_CALLS), self._hear
        )

    async def start(self) -> None:
        """Start the worker."""
        await self._pool.start()
        self._early = threads_of(int((await self._numbers())["pid"]))

    async def open(self, sdp: str) -> str | None:
        """Take one more call."""
        session_id = f"bench-{len(self._opened)}"
        try:
            answer = await self._pool.open(session_id, sdp, SessionOptions())
        except LiveError:
            return None
        self._opened.append(session_id)
        return answer.sdp

    async def measure(self, seconds: float) -> Window:
        """Watch for so long."""
        before = await self._numbers()
        pid = int(before["pid"])
        used, front = usage_of(pid, self._early), usage_of(os.getpid())
        first = {session: self._dropped(session) for session in self._opened}
        self._events.clear()
        self._ages.clear()
        shed = _gave_up(before)
        end_s, began_s = time.monotonic() + seconds, time.time()
        ages_until_s = began_s
        while (left_s := end_s - time.monotonic()) > 0:
            await asyncio.sleep(min(_LOOK_EVERY_S, left_s))
            shed = shed or _gave_up(await self._numbers())
            self._ages += await self._pool.frame_ages(ages_until_s)
            ages_until_s = max((age.done_unix_s for age in self._ages), default=ages_until_s)
        self._ages = [age for age in self._ages if age.done_unix_s <= began_s + seconds]
        used, front = usage_of(pid, self._early).since(used), usage_of(os.getpid()).since(front)
        after = await self._numbers()
        stages = {
            key.removeprefix("stage_seconds_"): value - before.get(key, 0.0)
            for key, value in after.items()
            if key.startswith("stage_seconds_")
        }
        links = [data for _, kind, data in self._events if kind == "link"]
        return Window(
            calls=[self._seen(session, first[session], seconds) for session in self._opened],
            server=used,
            front=front,
            memory_mb=memory_mb(pid),
            stage_cpu_s=by_stage(used, stages),
            shed=shed,
            left_out=after["left_out_total"] - before["left_out_total"],
            arrival_clock=sum(data.get("age_clock") == "arrival" for data in links),
        )

    async def close(self) -> None:
        """End the worker and all calls."""
        await self._pool.stop(grace_s=0)

    def _seen(self, session: str, dropped_before: float, seconds: float) -> CallSeen:
        ages = [age.since_sent_ms for age in self._ages if age.session_id == session]
        verdict_ages = [
            data["sent_unix_ms"] - data["frame_unix_ms"]
            for known, kind, data in self._events
            if known == session and kind == "verdict" and data.get("frame_unix_ms") is not None
        ]
        return CallSeen(
            analysed_fps=len(ages) / seconds,
            ages_ms=ages,
            verdict_ages_ms=verdict_ages,
            dropped=max(self._dropped(session) - dropped_before, 0.0),
        )

    def _dropped(self, session: str) -> float:
        counts = [data["dropped"] for known, kind, data in self._events if known == session and kind == "link"]
        return float(counts[-1]) if counts else 0.0

    async def _numbers(self) -> dict[str, float]:
        workers = list((await self._pool.metrics()).values())
        if len(workers) != 1:
            raise ChildError("the media worker ended while it was measured; see what it said")
        return dict(workers[0])

    def _hear(self, event: PoolEvent) -> None:
        if event.kind in ("link", "verdict"):
            self._events.append((event.session_id, event.kind, event.data))


class NaiveServer:
    """The server to compare with, in a process of its own on the same core."""

    name = "naive"

    def __init__(self, child: Child) -> None:
        self._child = child
        self._early = threads_of(child.pid)

    @classmethod
    async def start(cls, core: int | None) -> NaiveServer:
        """Start the process."""
        child = await Child.start("liveness.lab.bench.naive", cores=None if core is None else [core])
        await child.ask("window")  # Once it answers, all that it needs is loaded.
        return cls(child)

    async def open(self, sdp: str) -> str | None:
        """Take one more call."""
        return str(await self._child.ask("accept", sdp=sdp))

    async def measure(self, seconds: float) -> Window:
        """Watch for so long."""
        await self._child.ask("window")
        began_s, used = time.monotonic(), usage_of(self._child.pid, self._early)
        await asyncio.sleep(seconds)
        used = usage_of(self._child.pid, self._early).since(used)
        seen = await self._child.ask("window")
        # Its loop may have been too busy to answer at once.
        took_s = time.monotonic() - began_s
        stages: dict[str, float] = {}
        for call in seen:
            for stage, spent_s in call["seconds"].items():
                stages[stage] = stages.get(stage, 0.0) + spent_s * seconds / took_s
        return Window(
            calls=[CallSeen(call["analysed"] / took_s, call["ages_ms"], waiting=call["waiting"]) for call in seen],
            server=used,
            front=Usage(),
            memory_mb=memory_mb(self._child.pid),
            stage_cpu_s=by_stage_in_loop(used, stages),
        )

    async def close(self) -> None:
        """End the process."""
        await self._child.stop()


def _gave_up(numbers: Mapping[str, float]) -> bool:
    """Whether more was given up than some of the analysed rate, which the rule looks at by itself."""
    relief = LEVELS[int(numbers["load_level"])]
    return relief.sender_fps is not None or relief.costliest_off > 0 or relief.refuses
