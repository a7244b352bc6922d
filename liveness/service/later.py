"""Work that must be done in order, but not while someone waits: writing down what the media workers tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

Job = Callable[[], Awaitable[None]]

LONGEST_QUEUE = 5_000

log = structlog.get_logger("liveness.service")


class Later:
    """Runs jobs one after the other; one that fails is logged and does not stop the rest."""

    def __init__(self) -> None:
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._runner: asyncio.Task[None] | None = None
        self.dropped = 0

    def start(self) -> None:
        """Begin to work."""
        self._runner = asyncio.create_task(self._run(), name="later")

    async def stop(self, timeout_s: float) -> None:
        """Finish what is queued, as far as time allows."""
        if self._runner is None:
            return
        try:
            await asyncio.wait_for(self._jobs.join(), timeout_s)
        except TimeoutError:
            log.warning("work left undone", jobs=self._jobs.qsize())
        self._runner.cancel()
        await asyncio.gather(self._runner, return_exceptions=True)
        self._runner = None

    def put(self, job: Job) -> None:
        """Queue a job that must be done."""
        self._jobs.put_nowait(job)

    async def run(self, job: Job) -> None:
        """Do a job in its turn, and return when it is done; an error of it is raised here."""
        if self._runner is None:
            await job()
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def tell() -> None:
            try:
                await job()
            except Exception as error:
                if done.done():
                    # Who waited has gone: the log is the only place left to say it.
                    raise
                done.set_exception(error)
            except BaseException:
                done.cancel()
                raise
            else:
                if not done.done():
                    done.set_result(None)

        self.put(tell)
        await done

    def offer(self, job: Job) -> None:
        """Queue a job that may be dropped, and counted, when the queue is long."""
        if self._jobs.qsize() >= LONGEST_QUEUE:
            self.dropped += 1
        else:
            self.put(job)

    async def _run(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                await job()
            except Exception:
                log.exception("work failed")
            finally:
                self._jobs.task_done()
