"""The analysing thread of a worker: one frame at a time, of the call that has waited longest."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from liveness.live.call import Age, Call, Emit
from liveness.models.runner import loaded_once

_Result = TypeVar("_Result")
_PAUSE_S = 0.1
_AGES = 512
_log = structlog.get_logger()


class Analyser:
    """Owns every engine of its process, so that no two of them ever run at once.

    One thread suits one core, keeps the order fair, lets a model start without another one running, and all calls
    share each model. Its calls of
    ``emit`` come from that thread.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._calls: dict[str, Call] = {}
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="analyser", daemon=True)
        self.ages: deque[Age] = deque(maxlen=_AGES)
        """Of the frames analysed lately."""
        self.analysed = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the frame at hand and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Say that a frame waits somewhere."""
        self._wake.set()

    def add(self, call: Call) -> None:
        """Analyse this call from now on; to be called in :meth:`run`."""
        self._calls[call.session_id] = call

    def remove(self, session_id: str) -> None:
        """Analyse it no longer; to be called in :meth:`run`."""
        self._calls.pop(session_id, None)

    async def run(self, job: Callable[[], _Result]) -> _Result:
        """Run something between two frames, in the analysing thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()

        def settle(result: _Result | None, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            try:
                result = job()
            except Exception as error:
                loop.call_soon_threadsafe(settle, None, error)
            else:
                loop.call_soon_threadsafe(settle, result, None)

        self._jobs.put(work)
        self._wake.set()
        return await future

    def _run(self) -> None:
        with loaded_once():
            self._turn()

    def _turn(self) -> None:
        next_idle_s = 0.0
        while not self._stopping:
            self._wake.clear()
            self._run_jobs()
            call = self._longest_waiting()
            if call is not None:
                self._guarded(call, self._analyse)
            elif time.monotonic() >= next_idle_s:
                for one in list(self._calls.values()):
                    self._guarded(one, lambda idle: idle.idle(self._emit))
                next_idle_s = time.monotonic() + 0.25
            else:
                self._wake.wait(_PAUSE_S)

    def _run_jobs(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            job()

    def _longest_waiting(self) -> Call | None:
        waiting = [(since, call) for call in self._calls.values() if (since := call.mailbox.waiting_since) is not None]
        return min(waiting, key=lambda one: one[0])[1] if waiting else None

    def _analyse(self, call: Call) -> None:
        age = call.analyse(self._emit)
        if age is not None:
            self.analysed += 1
            self.ages.append(age)

    def _guarded(self, call: Call, work: Callable[[Call], Any]) -> None:
        """Let a call that cannot be analysed end, and the others go on."""
        try:
            work(call)
        except Exception as error:
            _log.exception("analysis_failed", session=call.session_id)
            self._calls.pop(call.session_id, None)
            self._emit(call.session_id, "failed", {"error": f"{type(error).__name__}: {error}"})
