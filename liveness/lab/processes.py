"""Work for all cores, whose processes end with the one that began them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection

_LETS_GO_S = 0.2
"""A pool that finds its processes dead before it has let go of the work that waits complains of it."""


@contextlib.contextmanager
def processes(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Give so many processes, else one a core; when the caller is interrupted, fails or is killed, they end at once."""
    lifeline, ours = multiprocessing.Pipe(duplex=False)
    with (
        lifeline,
        ours,
        ProcessPoolExecutor(count or os.cpu_count(), initializer=_obey, initargs=(lifeline, ours)) as pool,
    ):
        try:
            yield pool
        except BaseException:
            threading.Timer(_LETS_GO_S, ours.close).start()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _obey(lifeline: Connection, ours: Connection) -> None:
    """Leave an interrupt at the terminal to the process that began this one, and end when that one lets go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ours.close()
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    with contextlib.suppress(EOFError):
        lifeline.recv_bytes()
    os._exit(os.EX_TEMPFAIL)
