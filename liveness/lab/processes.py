"""Work for all cores, whose processes end with the one that began them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor


@contextlib.contextmanager
def processes(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Give so many processes, else one a core; when the caller is interrupted or fails, they end at once."""
    before = set(multiprocessing.active_children())
    with ProcessPoolExecutor(count or os.cpu_count(), initializer=_obey) as pool:
        try:
            yield pool
        except BaseException:
            # In this order: a pool that finds its processes dead before it has let go of what waits complains of it.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
            raise


def _obey() -> None:
    """Leave an interrupt at the terminal to the process that began this one, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
