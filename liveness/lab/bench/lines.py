"""How the bench talks with its child processes: one JSON object a line, a request and its reply."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from liveness.errors import LivenessError

_LONGEST_LINE = 1 << 24
_REPLY_S = 60.0

Handler = Callable[..., Awaitable[Any]]


class ChildError(LivenessError):
    """A process of the bench did not do what it was asked."""


class Child:
    """One child process, on the cores that it is given."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._numbers = itertools.count()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @classmethod
    async def start(cls, module: str, *arguments: str, cores: Iterable[int] | None = None) -> Child:
        """Start ``python -m module``; its standard error is ours."""
        chosen = json.dumps(sorted(cores)) if cores is not None else "null"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, chosen, *arguments, stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE
        )
        return cls(process)

    async def ask(self, op: str, **arguments: Any) -> Any:
        """Send a request and return the reply; one at a time.

        Raises
        ------
        ChildError
            It failed, ended, or took longer than a minute.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        number = next(self._numbers)
        try:
            self._process.stdin.write(json.dumps({"id": number, "op": op, "arguments": arguments}).encode() + b"\n")
            async with asyncio.timeout(_REPLY_S):
                while True:
                    line = await self._process.stdout.readline()
                    if not line:
                        raise ChildError(f"a process of the bench ended while it was asked to {op}; see what it said")
                    reply = json.loads(line)
                    if reply["id"] == number:  # Others answer what was no longer waited for.
                        break
        except TimeoutError as error:
            raise ChildError(f"a process of the bench did not {op} within {_REPLY_S:g} s") from error
        except ConnectionError as error:
            raise ChildError(f"a process of the bench ended before it could {op}; see what it said") from error
        if "error" in reply:
            raise ChildError(f"{op}: {reply['error']}")
        return reply["result"]

    async def stop(self) -> None:
        """Close its standard input, at which it ends; kill it if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(5.0):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def settle_on(cores: str) -> None:
    """In a child: go to the cores that the parent chose, as JSON; what is typed at the terminal is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    chosen = json.loads(cores)
    if chosen:
        os.sched_setaffinity(0, chosen)


async def serve(handlers: Mapping[str, Handler]) -> None:
    """In a child: answer requests in their order until standard input ends."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        message = json.loads(line)
        reply: dict[str, Any] = {"id": message["id"]}
        try:
            reply["result"] = await handlers[message["op"]](**message["arguments"])
        except Exception as error:  # the parent is told, and decides
            reply["error"] = f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
