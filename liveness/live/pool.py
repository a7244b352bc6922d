"""The front's side of the media workers: starts them, pins sessions to them, and carries on when one dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from liveness.live.framing import messages, pack
from liveness.live.interface import (
    Answer,
    AtCapacity,
    ChallengeAction,
    ChallengeRefused,
    EventKind,
    FrameAge,
    LiveError,
    LiveSettings,
    OfferRefused,
    PoolEvent,
    SessionOptions,
    UnknownResource,
    WorkerGone,
)
from liveness.live.keeping import OwnFolder

__all__ = [
    "Answer",
    "AtCapacity",
    "LiveSettings",
    "MediaPool",
    "OfferRefused",
    "PoolEvent",
    "SessionOptions",
    "UnknownResource",
    "WorkerGone",
]

_ENVIRONMENT = {
    # A worker has one core: numpy's threads would only wait on it, at full speed.
    "OPENBLAS_NUM_THREADS": "1",
    # Every decoder is a thread, and every thread would get an arena of its own it never gives back.
    "MALLOC_ARENA_MAX": "2",
    # What a frame needs is needed again for the next one: giving it back and fetching it anew, page by page, costs
    # more than much of what is done with it.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
"""What numpy and glibc's allocator are told in a worker; others do not know these variables."""

_START_S = 60.0
_REQUEST_S = 30.0
_RECEIVING_S = 5.0
_RESTART_S = (0.0, 0.5, 2.0, 5.0, 15.0)
"""Pauses before a worker is started again; a long life begins the row anew."""
_log = structlog.get_logger()


@dataclass(slots=True)
class _WorkerProcess:
    """One worker as the front sees it."""

    number: int
    process: asyncio.subprocess.Process
    writer: asyncio.StreamWriter
    reading: asyncio.Task[None] | None = None
    waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    sessions: set[str] = field(default_factory=set)
    level: int = 0
    refuses: bool = False


class MediaPool:
    """All media workers of one node. Belongs to one event loop; ``on_event`` is called in it and must not block."""

    def __init__(self, settings: LiveSettings, on_event: Callable[[PoolEvent], None]) -> None:
        self.settings = settings
        self._on_event = on_event
        self._workers: dict[int, _WorkerProcess] = {}
        self._numbers = itertools.count()
        self._options: dict[str, SessionOptions] = {}
        self._resources: dict[str, str] = {}
        self._received_s: dict[str, float] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._own_dir: OwnFolder | None = None
        self.worker_deaths = 0

    async def start(self) -> None:
        """Start the workers; returns when all are ready.

        Raises
        ------
        LiveError
            A worker did not come up; it has said why on standard error.
        """
        if self.settings.runtime_dir is None:
            self._own_dir = OwnFolder()
        else:
            self.settings.runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        count = self.settings.workers or len(os.sched_getaffinity(0))
        try:
            await asyncio.gather(*(self._start_worker(number) for number in range(count)))
        except BaseException:
            await self.stop(grace_s=0)
            raise

    async def stop(self, grace_s: float = 5.0) -> None:
        """End all calls, each with its report, and then the workers."""
        self._stopping = True
        # A worker that is just being started again must be among those that are stopped.
        for task in list(self._keeping):
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        if grace_s > 0:
            sessions = [session for worker in self._workers.values() for session in worker.sessions]
            ended = [self._end_politely(session_id) for session_id in sessions]
            if ended:
                await asyncio.wait([asyncio.ensure_future(one) for one in ended], timeout=grace_s)
        workers = list(self._workers.values())
        for worker in workers:
            worker.writer.close()
        for worker in workers:
            try:
                async with asyncio.timeout(max(grace_s, 2.0)):
                    await worker.process.wait()
            except TimeoutError:
                worker.process.kill()
                await worker.process.wait()
        await asyncio.gather(*(one.reading for one in workers if one.reading), return_exceptions=True)
        self._workers.clear()
        if self._own_dir is not None:
            self._own_dir.remove()
            self._own_dir = None

    async def open(self, session_id: str, offer_sdp: str, options: SessionOptions | None = None) -> Answer:
        """Answer a publisher's offer; the session goes on with its evidence so far.

        Raises
        ------
        OfferRefused
            The SDP cannot be used; ``status`` tells how.
        AtCapacity
            No worker can take the call now.
        """
        worker = self._worker_of(session_id) or self._freest()
        self._options[session_id] = options or self._options.get(session_id, SessionOptions())
        worker.sessions.add(session_id)
        try:
            result = await self._ask(worker, "open", session_id=session_id, sdp=offer_sdp, off=self._off(session_id))
        except (OfferRefused, AtCapacity):
            if session_id not in self._received_s:
                worker.sessions.discard(session_id)
            raise
        except WorkerGone as error:
            raise AtCapacity(1.0) from error
        self._resources[session_id] = result["resource_id"]
        return Answer(result["resource_id"], result["sdp"], result["etag"])

    async def trickle(self, resource_id: str, fragment: str) -> None:
        """Add ICE candidates to a connection.

        Raises
        ------
        OfferRefused, UnknownResource
        """
        await self._ask(self._worker_with(resource_id), "trickle", resource_id=resource_id, fragment=fragment)

    async def hang_up(self, resource_id: str) -> None:
        """End a connection; the session's evidence stays for the next one.

        Raises
        ------
        UnknownResource
        """
        await self._ask(self._worker_with(resource_id), "hang_up", resource_id=resource_id)

    async def end(self, session_id: str, *, withdrawn: bool = False) -> dict[str, Any] | None:
        """End a session and free all of it; returns its review, or None if it never had a call or is withdrawn."""
        resource_id = self._resources.get(session_id)
        known = session_id in self._options
        document: dict[str, Any] | None = None
        if withdrawn or not known:
            await self.erase(session_id)
        else:
            worker = self._worker_of(session_id) or self._freest(even_if_busy=True)
            document = await self._ask(worker, "end", session_id=session_id, off=self._off(session_id))
            self._forget(session_id)
        if resource_id is not None:
            reason = "withdrawn" if withdrawn else "shutdown" if self._stopping else "bye"
            self._tell_host(session_id, "closed", {"resource_id": resource_id, "reason": reason})
        return document

    async def report(self, session_id: str) -> dict[str, Any] | None:
        """Return the review of a session so far, or None if it never had a call."""
        if session_id not in self._options:
            return None
        worker = self._worker_of(session_id) or self._freest(even_if_busy=True)
        worker.sessions.add(session_id)
        found: dict[str, Any] = await self._ask(worker, "report", session_id=session_id, off=self._off(session_id))
        return found

    async def erase(self, session_id: str) -> None:
        """Drop a session with all that was gathered of it."""
        worker = self._worker_of(session_id) or (self._freest(even_if_busy=True) if self._workers else None)
        if worker is not None:
            await self._ask(worker, "erase", session_id=session_id)
        self._forget(session_id)

    def resource_of(self, session_id: str) -> str | None:
        """Return the open connection of a session, if any."""
        return self._resources.get(session_id)

    def is_receiving(self, session_id: str) -> bool:
        """Whether media arrived lately."""
        received_s = self._received_s.get(session_id)
        return session_id in self._resources and received_s is not None and time.monotonic() - received_s < _RECEIVING_S

    async def tell(self, session_id: str, message: Mapping[str, Any]) -> bool:
        """Send a message over the session's data channel; returns whether it was open."""
        worker = self._worker_of(session_id)
        if worker is None:
            return False
        try:
            return bool(await self._ask(worker, "tell", session_id=session_id, message=dict(message)))
        except WorkerGone:
            return False

    async def challenge(
        self,
        session_id: str,
        action: ChallengeAction,
        challenge_id: str,
        *,
        challenge: str,
        parameters: str = "",
        mode: str = "page",
    ) -> None:
        """Prepare, begin or stop a challenge; what comes of it is told as events.

        Raises
        ------
        UnknownResource
            The session has no call.
        ChallengeRefused
            The engine could not take it; the text says why.
        """
        worker = self._worker_of(session_id)
        if worker is None:
            raise UnknownResource(f"session {session_id} has no call")
        data = {"action": action, "id": challenge_id, "challenge": challenge, "parameters": parameters, "mode": mode}
        await self._ask(worker, "challenge", session_id=session_id, data=data)

    async def metrics(self) -> dict[int, dict[str, float]]:
        """Return plain numbers by name, for each worker that is up."""
        found: dict[int, dict[str, float]] = {}
        for number, worker in list(self._workers.items()):
            try:
                found[number] = await self._ask(worker, "metrics")
            except WorkerGone:
                continue
        return found

    async def frame_ages(self, since_unix_s: float) -> list[FrameAge]:
        """Return of each frame whose analysis was done after ``since_unix_s`` how old it was then.

        A worker remembers its last 512.
        """
        found: list[FrameAge] = []
        for worker in list(self._workers.values()):
            with contextlib.suppress(WorkerGone):
                told = await self._ask(worker, "frame_ages", since_unix_s=since_unix_s)
                found += [FrameAge(*one) for one in told]
        return found

    @property
    def workers_ready(self) -> int:
        """How many workers can take calls."""
        return sum(worker.ready.is_set() for worker in self._workers.values())

    # Workers.

    async def _start_worker(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        settings = {
            "calibration": str(self.settings.calibration) if self.settings.calibration else None,
            "ice_servers": [[list(one.urls), one.username, one.credential] for one in self.settings.ice_servers],
            "runtime_dir": str(self._own_dir.path if self._own_dir else self.settings.runtime_dir),
            "calls_per_worker": self.settings.calls_per_worker,
            "prior_bonafide": self.settings.prior_bonafide,
            "core": self.settings.cores[number % len(self.settings.cores)] if self.settings.cores else None,
        }
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "liveness.live.worker",
                    str(theirs.fileno()),
                    json.dumps(settings),
                    pass_fds=[theirs.fileno()],
                    env={**os.environ, **_ENVIRONMENT},
                    stdin=asyncio.subprocess.DEVNULL,
                )
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        worker = _WorkerProcess(number, process, writer)
        self._workers[number] = worker
        worker.reading = asyncio.create_task(self._read(worker, reader))
        ready = asyncio.create_task(worker.ready.wait())
        done, _ = await asyncio.wait({ready, worker.reading}, timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
        if ready not in done:
            ready.cancel()
            raise LiveError("a media worker did not come up; see what it said above")

    async def _read(self, worker: _WorkerProcess, reader: asyncio.StreamReader) -> None:
        async for message in messages(reader):
            if "reply" in message:
                future = worker.waiting.pop(message["reply"], None)
                if future is not None and not future.done():
                    future.set_result(message)
            elif message["event"] == "ready":
                worker.ready.set()
            elif message["event"] == "capacity":
                worker.level, worker.refuses = message["level"], message["refuses"]
                self._tell_host("", "capacity", {"worker": worker.number, "level": worker.level})
            else:
                self._heard(message["session"], message["event"], message["data"])
        self._gone(worker)

    def _gone(self, worker: _WorkerProcess) -> None:
        """Carry on without a worker: whoever waits is told, and its sessions come back on another one."""
        was_ready = worker.ready.is_set()
        worker.ready.clear()
        for future in worker.waiting.values():
            if not future.done():
                future.set_exception(WorkerGone("the media worker ended"))
        worker.waiting.clear()
        worker.writer.close()
        if self._stopping or not was_ready:
            return
        self.worker_deaths += 1
        _log.error("worker_died", worker=worker.number, sessions=len(worker.sessions))
        del self._workers[worker.number]
        for session_id in worker.sessions:
            resource_id = self._resources.pop(session_id, None)
            if resource_id is not None:
                self._tell_host(session_id, "closed", {"resource_id": resource_id, "reason": "worker_died"})
        task = asyncio.create_task(self._restart(worker))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _restart(self, worker: _WorkerProcess) -> None:
        await worker.process.wait()
        for pause_s in itertools.chain(_RESTART_S, itertools.repeat(_RESTART_S[-1])):
            await asyncio.sleep(pause_s)
            try:
                await self._start_worker(worker.number)
            except (LiveError, OSError) as error:
                _log.error("worker_restart_failed", worker=worker.number, error=str(error))
                self._workers.pop(worker.number, None)
            else:
                return

    async def _ask(self, worker: _WorkerProcess, op: str, **arguments: Any) -> Any:
        number = next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        worker.waiting[number] = future
        if worker.writer.is_closing():
            worker.waiting.pop(number)
            raise WorkerGone("the media worker ended")
        worker.writer.write(pack({"id": number, "op": op, "arguments": arguments}))
        try:
            async with asyncio.timeout(_REQUEST_S):
                reply = await future
        except TimeoutError as error:
            raise LiveError(f"a media worker did not answer {op} within {_REQUEST_S:g} s") from error
        finally:
            worker.waiting.pop(number, None)
        if "refused" in reply:
            raise OfferRefused(reply["refused"]["detail"], status=reply["refused"]["status"])
        if "challenge_refused" in reply:
            raise ChallengeRefused(reply["challenge_refused"])
        if "at_capacity" in reply:
            raise AtCapacity(reply["at_capacity"])
        if "unknown" in reply:
            raise UnknownResource(reply["unknown"])
        if "error" in reply:
            raise LiveError(reply["error"])
        return reply["result"]

    def _worker_of(self, session_id: str) -> _WorkerProcess | None:
        return next((worker for worker in self._workers.values() if session_id in worker.sessions), None)

    def _worker_with(self, resource_id: str) -> _WorkerProcess:
        for session_id, known in self._resources.items():
            worker = self._worker_of(session_id) if known == resource_id else None
            if worker is not None:
                return worker
        raise UnknownResource(f"no connection {resource_id}")

    def _freest(self, *, even_if_busy: bool = False) -> _WorkerProcess:
        up = [one for one in self._workers.values() if one.ready.is_set() and (even_if_busy or not one.refuses)]
        if not up:
            raise AtCapacity(2.0)
        return min(up, key=lambda one: (one.level, len(one.sessions), one.number))

    # Sessions.

    def _off(self, session_id: str) -> list[str]:
        return sorted(self._options.get(session_id, SessionOptions()).off)

    async def _end_politely(self, session_id: str) -> None:
        try:
            document = await self.end(session_id)
        except LiveError as error:
            _log.warning("report_lost", session=session_id, error=str(error))
            return
        if document is not None:
            self._tell_host(session_id, "report", document)

    def _forget(self, session_id: str) -> None:
        worker = self._worker_of(session_id)
        if worker is not None:
            worker.sessions.discard(session_id)
        self._options.pop(session_id, None)
        self._resources.pop(session_id, None)
        self._received_s.pop(session_id, None)

    def _heard(self, session_id: str, kind: EventKind, data: Mapping[str, Any]) -> None:
        if session_id not in self._options:
            return  # It was ended or erased while this was on its way.
        if kind == "link" and data["fps"] > 0:
            self._received_s[session_id] = time.monotonic()
        elif kind == "closed":
            if self._resources.get(session_id) != data["resource_id"]:
                return
            del self._resources[session_id]
        self._tell_host(session_id, kind, data)

    def _tell_host(self, session_id: str, kind: EventKind, data: Mapping[str, Any]) -> None:
        self._on_event(PoolEvent(session_id, kind, data))
