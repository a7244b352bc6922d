"""A media worker: one process with its own connections, decoders and engines; the front tells it what to do.

Run as ``python -m liveness.live.worker FD SETTINGS``; it ends when the socket ``FD`` does, so that it never outlives
the front. Frames never leave it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import hashlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import cv2
import structlog

from liveness.engine import Engine
from liveness.errors import LivenessError
from liveness.faces.landmarks import FaceModels
from liveness.fusion import calibration
from liveness.live.analyser import Analyser
from liveness.live.call import Age, Call, forget_snapshot, read_snapshot, settings_for
from liveness.live.framing import messages, pack
from liveness.live.interface import AtCapacity, ChallengeRefused, CloseReason, IceServer, OfferRefused, UnknownResource
from liveness.live.peer import Peer
from liveness.live.shedding import Load, Shedder

_LOOK_EVERY_S = 1.0
_AGE_WINDOW_S = 3.0
_log = structlog.get_logger()


class Worker:
    """All sessions of one media process."""

    def __init__(self, writer: asyncio.StreamWriter, settings: Mapping[str, Any]) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._keep = Path(settings["runtime_dir"])
        self._most = int(settings["calls_per_worker"])
        self._prior = float(settings["prior_bonafide"])
        self._ice = tuple(IceServer(tuple(urls), user, word) for urls, user, word in settings["ice_servers"])
        self._calibration = calibration.load(Path(settings["calibration"]) if settings["calibration"] else None)
        self._calls: dict[str, Call] = {}
        self._peers: dict[str, Peer] = {}
        self._analyser = Analyser(self._emit_from_thread)
        self._shedder = Shedder()
        self._face_models: FaceModels | None = None
        self._spent: dict[str, float] = {}
        self._busy = 0.0
        self._asked_fps: int | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._handlers: dict[str, Callable[..., Awaitable[Any]]] = {
            "open": self._open,
            "trickle": self._trickle,
            "hang_up": self._hang_up,
            "end": self._end,
            "report": self._report,
            "erase": self._erase,
            "tell": self._tell,
            "challenge": self._challenge,
            "metrics": self._metrics,
            "frame_ages": self._frame_ages,
        }

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until the front is gone."""
        self._analyser.start()
        models = self._face_models = await self._analyser.run(FaceModels)
        # What is there now stays: no collection of garbage need look at it while a call waits.
        gc.collect()
        gc.freeze()
        watching = self._loop.create_task(self._watch())
        tasks: set[asyncio.Task[None]] = set()
        self._send({"event": "ready"})
        try:
            async for message in messages(reader):
                task = self._loop.create_task(self._answer(message))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            watching.cancel()
            await asyncio.gather(
                watching, *tasks, *(peer.close() for peer in self._peers.values()), return_exceptions=True
            )
            self._analyser.stop()
            models.close()

    # Requests of the front.

    async def _answer(self, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"reply": message["id"]}
        try:
            reply["result"] = await self._handlers[message["op"]](**message["arguments"])
        except OfferRefused as error:
            reply["refused"] = {"detail": str(error), "status": error.status}
        except ChallengeRefused as error:
            reply["challenge_refused"] = str(error)
        except AtCapacity as error:
            reply["at_capacity"] = error.retry_after_s
        except UnknownResource as error:
            reply["unknown"] = str(error)
        except Exception as error:
            _log.exception("request_failed", op=message["op"])
            reply["error"] = f"{type(error).__name__}: {error}"
        self._send(reply)

    async def _open(self, session_id: str, sdp: str, off: list[str]) -> dict[str, str]:
        known = session_id in self._calls
        if self._shedder.relief.refuses or (not known and len(self._calls) >= self._most):
            raise AtCapacity
        await self._drop_peer(session_id)
        call = await self._call(session_id, frozenset(off))
        peer = Peer(
            call,
            self._ice,
            relief=self._shedder.relief,
            wake=self._analyser.wake,
            on_message=lambda data: self._emit(session_id, "message", {"data": data}),
            on_closed=self._peer_closed,
        )
        self._peers[session_id] = peer
        try:
            answer = await peer.accept(sdp)
        except OfferRefused:
            await self._drop_peer(session_id)
            if not known:
                await self._forget(session_id)
            raise
        self._emit(session_id, "connected", {"resource_id": answer.resource_id})
        return {"resource_id": answer.resource_id, "sdp": answer.sdp, "etag": answer.etag}

    async def _trickle(self, resource_id: str, fragment: str) -> None:
        await self._peer_of(resource_id).trickle(fragment)

    async def _hang_up(self, resource_id: str) -> None:
        peer = self._peer_of(resource_id)
        await self._drop_peer(peer.call.session_id)
        self._emit(peer.call.session_id, "closed", {"resource_id": resource_id, "reason": "bye"})

    async def _end(self, session_id: str, off: list[str]) -> dict[str, Any]:
        await self._drop_peer(session_id)
        call = await self._call(session_id, frozenset(off))
        document = await self._analyser.run(call.document)
        await self._forget(session_id)
        return document

    async def _report(self, session_id: str, off: list[str]) -> dict[str, Any]:
        call = await self._call(session_id, frozenset(off))
        return await self._analyser.run(call.document)

    async def _erase(self, session_id: str) -> None:
        await self._drop_peer(session_id)
        await self._forget(session_id)

    async def _tell(self, session_id: str, message: dict[str, Any]) -> bool:
        peer = self._peers.get(session_id)
        return peer is not None and peer.tell(message)

    async def _challenge(self, session_id: str, data: dict[str, str]) -> None:
        call = self._calls.get(session_id)
        if call is None:
            raise UnknownResource(f"session {session_id} has no call here")
        try:
            await self._analyser.run(lambda: call.challenge(data))
        except ValueError as error:
            raise ChallengeRefused(str(error)) from None

    async def _frame_ages(self, since_unix_s: float) -> list[tuple[str, float, float]]:
        return [
            (age.session_id, age.done_s, age.since_sent_ms)
            for age in list(self._analyser.ages)
            if age.done_s > since_unix_s
        ]

    async def _metrics(self) -> dict[str, float]:
        return self._numbers()

    # Sessions.

    async def _call(self, session_id: str, off: frozenset[str]) -> Call:
        """Return the session's call; a new one goes on from the snapshot that a worker which died has left."""
        if session_id in self._calls:
            return self._calls[session_id]
        keep = self._snapshot_of(session_id)

        def make() -> Call:
            state = read_snapshot(keep)
            engine = self._engine(off, state["engine"] if state else None)
            call = Call(session_id, engine, self._calibration, keep=keep, restore=state)
            call.relieve(self._shedder.relief)
            self._analyser.add(call)
            return call

        call = self._calls[session_id] = await self._analyser.run(make)
        return call

    def _engine(self, off: frozenset[str], restore: Mapping[str, Any] | None = None) -> Engine:
        settings = settings_for(self._prior, off)
        return Engine(
            self._calibration,
            settings,
            restore=restore,
            timer=time.perf_counter,
            face_models=self._face_models,
        )

    def _snapshot_of(self, session_id: str) -> Path:
        # The name says nothing of the session to who lists the folder, and cannot lead elsewhere.
        return self._keep / f"{hashlib.sha256(session_id.encode()).hexdigest()[:32]}.snapshot"

    async def _forget(self, session_id: str) -> None:
        call = self._calls.pop(session_id, None)
        if call is None:
            forget_snapshot(self._snapshot_of(session_id))
            return

        def free() -> None:
            self._analyser.remove(session_id)
            call.close()

        await self._analyser.run(free)
        _add_spent(self._spent, call.engine.seconds_spent)
        _give_back()

    async def _drop_peer(self, session_id: str) -> None:
        peer = self._peers.pop(session_id, None)
        if peer is not None:
            await peer.close()

    def _peer_of(self, resource_id: str) -> Peer:
        for peer in self._peers.values():
            if peer.resource_id == resource_id:
                return peer
        raise UnknownResource(f"no connection {resource_id}")

    def _peer_closed(self, peer: Peer, reason: CloseReason) -> None:
        session_id = peer.call.session_id
        if self._peers.get(session_id) is peer:
            del self._peers[session_id]
        self._emit(session_id, "closed", {"resource_id": peer.resource_id, "reason": reason})
        closing = self._loop.create_task(peer.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    # Load, and what is told of it.

    async def _watch(self) -> None:
        cpu_s, at_s = time.process_time(), time.monotonic()
        analysed, overtaken = self._analyser.analysed, self._overwritten()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now_cpu_s, now_s = time.process_time(), time.monotonic()
            seconds = now_s - at_s
            self._busy = (now_cpu_s - cpu_s) / seconds
            cpu_s, at_s = now_cpu_s, now_s
            done, analysed = self._analyser.analysed - analysed, self._analyser.analysed
            # It falls when a call ends.
            lost, overtaken = max(self._overwritten() - overtaken, 0), self._overwritten()
            ages = self._ages()
            ours = sorted(age.since_decoded_ms for age in ages)
            waiting = max((peer.waiting for peer in self._peers.values()), default=0)
            load = Load(self._busy, _percentile(ours, 0.95), lost / max(done + lost, 1), waiting)
            if self._shedder.see(load, seconds):
                await self._relieve()
            for session_id, peer in list(self._peers.items()):
                measured = await peer.measure()
                own = sorted(age.since_sent_ms for age in ages if age.session_id == session_id)
                self._emit(session_id, "link", self._link(peer, measured, own))

    def _overwritten(self) -> int:
        return sum(call.mailbox.overwritten for call in self._calls.values())

    def _ages(self) -> list[Age]:
        since = time.time() - _AGE_WINDOW_S
        return [age for age in list(self._analyser.ages) if age.done_s >= since]

    async def _relieve(self) -> None:
        relief = self._shedder.relief
        _log.info("load_level", level=self._shedder.level, busy=round(self._busy, 2))
        calls = list(self._calls.values())

        def relieve() -> None:
            for call in calls:
                call.relieve(relief)

        for peer in self._peers.values():
            peer.relieve(relief)
        await self._analyser.run(relieve)
        self._send({"event": "capacity", "level": self._shedder.level, "refuses": relief.refuses})
        if relief.sender_fps == self._asked_fps:
            return
        self._asked_fps = relief.sender_fps
        message = {"type": "rate", "max_fps": relief.sender_fps}
        for session_id, peer in self._peers.items():
            peer.tell(message)
            reason = "The checking server is busy." if relief.sender_fps else "The checking server has time again."
            self._emit(session_id, "rate", {"max_fps": relief.sender_fps, "reason": reason})

    def _link(self, peer: Peer, measured: dict[str, Any], ages: list[float]) -> dict[str, Any]:
        call = peer.call
        call.picture.kbit_s = measured["kbit_s"]
        call.picture.fps = measured["fps"] if peer.leaves_out else None
        return {
            **call.statistics(),
            **measured,
            "frame_age_ms": {"p50": _percentile(ages, 0.5), "p95": _percentile(ages, 0.95)},
            "age_clock": "sender" if call.age_clock.on_sender_clock else "arrival",
            "quality": _quality(measured),
        }

    def _numbers(self) -> dict[str, float]:
        ages = sorted(age.since_sent_ms for age in self._ages())
        stages = dict(self._spent)
        for call in self._calls.values():
            _add_spent(stages, call.engine.seconds_spent)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        numbers = {
            "sessions": float(len(self._calls)),
            "connections": float(len(self._peers)),
            "load_level": float(self._shedder.level),
            "busy_share": round(self._busy, 4),
            "analysed_total": float(self._analyser.analysed),
            "overwritten_total": float(self._overwritten()),
            "forged_messages_total": float(sum(peer.forged_messages for peer in self._peers.values())),
            "waiting_pictures": float(max((peer.waiting for peer in self._peers.values()), default=0)),
            "undecoded_total": float(sum(peer.undecoded for peer in self._peers.values())),
            "left_out_total": float(sum(peer.left_out for peer in self._peers.values())),
            "damaged_frames_total": float(sum(peer.damaged for peer in self._peers.values())),
            "frame_age_p50_ms": _percentile(ages, 0.5),
            "frame_age_p95_ms": _percentile(ages, 0.95),
            "cpu_seconds_total": usage.ru_utime + usage.ru_stime,
            "open_files": float(len(os.listdir("/proc/self/fd"))) if os.path.isdir("/proc/self/fd") else 0.0,
            "tasks": float(len(asyncio.all_tasks())),
            "pid": float(os.getpid()),
        }
        return numbers | {f"stage_seconds_{name}": round(seconds, 4) for name, seconds in stages.items()}

    # Towards the front.

    def _emit(self, session_id: str, kind: str, data: Mapping[str, Any]) -> None:
        self._send({"event": kind, "session": session_id, "data": dict(data)})

    def _emit_from_thread(self, session_id: str, kind: str, data: Mapping[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it who would have listened
            self._loop.call_soon_threadsafe(self._emit, session_id, kind, data)

    def _send(self, message: Mapping[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(pack(message))


def _add_spent(stages: dict[str, float], spent: Mapping[str, float]) -> None:
    """Add an engine's times to the stages that a profile names: probe, faces, fusion, and all signals as one."""
    for name, seconds in spent.items():
        stage = name if name in ("probe", "faces", "fusion") else "signals"
        stages[stage] = stages.get(stage, 0.0) + seconds


def _give_back() -> None:
    """Return free memory to the system: models and decoders leave large holes that malloc would keep."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _percentile(values: list[float], share: float) -> float:
    """Return a percentile of sorted values, 0 if there are none."""
    return round(values[min(int(share * len(values)), len(values) - 1)], 1) if values else 0.0


def _quality(measured: Mapping[str, Any]) -> str:
    """Say how good what arrives is, in a word."""
    if measured["fps"] < 1:
        return "none"
    if measured["fps"] < 10 or measured["lost_share"] > 0.05 or measured["kbit_s"] < 200:
        return "poor"
    if measured["fps"] < 20 or measured["lost_share"] > 0.01 or measured["kbit_s"] < 700:
        return "fair"
    return "good"


def _own_log() -> TextIO:
    """Return standard error under another number: descriptor 2 is silenced while models start."""
    return os.fdopen(os.dup(2), "w", buffering=1)


def _set_up_logs() -> None:
    log = _own_log()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=log),
    )
    logging.basicConfig(stream=log, level=logging.WARNING)
    # A damaged picture is everyday life in a call.
    logging.getLogger("aiortc.rtcrtpreceiver").setLevel(logging.ERROR)


async def _main(descriptor: int, settings: Mapping[str, Any]) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    await Worker(writer, settings).run(reader)
    writer.close()


def main() -> None:
    """Run one worker until its front is gone."""
    settings = json.loads(sys.argv[2])
    _set_up_logs()
    # The front ends us by closing the socket: an interrupt typed at its terminal is its to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if settings["core"] is not None:
        os.sched_setaffinity(0, {settings["core"]})
    cv2.setNumThreads(1)
    try:
        asyncio.run(_main(int(sys.argv[1]), settings))
    except LivenessError as error:
        sys.exit(f"liveness: {error}")


if __name__ == "__main__":
    main()
