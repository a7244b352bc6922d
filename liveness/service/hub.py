"""The event streams of the sessions: numbered, resumable, each audience by itself.

A stream remembers its newest events; a reader that comes back is given what it missed, from memory or, beyond
that, from the store. A reader that does not keep up is cut off and comes back by the number it saw last, so that
nobody's slowness costs memory or delays others. The two audiences have streams and numbers of their own: not even
a gap in the candidate's numbers tells how often the interviewer is told something.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from liveness.service.store import StoredEvent
from liveness.service.views import CandidateEvent

Audience: TypeAlias = Literal["viewer", "candidate"]

REMEMBERED = 256
"""Events that a stream can replay from memory."""
QUEUED = 64
"""Events that may wait for a reader before it is cut off."""
RESTART_GAP = 10_000
"""Numbers left free at a start, for events that were sent but not kept before."""
READERS = 16
"""Readers of one stream at a time."""


class TooManyReaders(Exception):  # noqa: N818
    """A stream has no room for one more reader."""


class Reader:
    """One reader's bounded queue."""

    def __init__(self, size: int) -> None:
        self._queue: deque[StoredEvent] = deque()
        self._size = size
        self._news = asyncio.Event()
        self.closed = False
        self.fell_behind = False

    def offer(self, event: StoredEvent) -> None:
        """Queue an event; if there is no room, cut the reader off after what it has."""
        if self.closed:
            return
        if len(self._queue) >= self._size:
            self.fell_behind = True
            self.close()
            return
        self._queue.append(event)
        self._news.set()

    def close(self) -> None:
        """Let the reader end when its queue is empty."""
        self.closed = True
        self._news.set()

    async def next(self, timeout_s: float) -> StoredEvent | None:
        """Return the next event, or None when ``timeout_s`` passed without one.

        Raises
        ------
        StopAsyncIteration
            There will be none any more.
        """
        if not self._queue and not self.closed:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), timeout_s)
            except TimeoutError:
                return None
        if self._queue:
            return self._queue.popleft()
        raise StopAsyncIteration


@dataclass(frozen=True, slots=True)
class Joined:
    """A reader that has just joined."""

    reader: Reader
    missed: list[StoredEvent] | None
    """What it missed; None if memory does not reach back that far, and the store must be asked."""
    before: int
    """The number before the first that ``reader`` will be given."""
    latest: Mapping[str, StoredEvent]
    """The last event of each kind until then, since this node started."""


class _Stream:
    def __init__(self, last: int) -> None:
        self.first = last
        """Memory holds all events after this number."""
        self.last = last
        self.memory: deque[StoredEvent] = deque(maxlen=REMEMBERED)
        self.latest: dict[str, StoredEvent] = {}
        self.readers: set[Reader] = set()

    def append(self, kind: str, payload: Mapping[str, Any]) -> StoredEvent:
        self.last += 1
        event = StoredEvent(self.last, kind, payload)
        if len(self.memory) == REMEMBERED:
            self.first = self.memory[0].number
        self.memory.append(event)
        self.latest[kind] = event
        for reader in list(self.readers):
            reader.offer(event)
            if reader.closed:
                self.readers.discard(reader)
        return event


class Hub:
    """All streams of this node; used from one event loop."""

    def __init__(self, on_slow_reader: Callable[[], None] = lambda: None) -> None:
        self._streams: dict[tuple[str, Audience], _Stream] = {}
        self._on_slow_reader = on_slow_reader

    def begin(self, session_id: str, audience: Audience, last: int) -> None:
        """Make a stream, unless it is there; its numbers go on after ``last``."""
        self._streams.setdefault((session_id, audience), _Stream(last))

    def has(self, session_id: str) -> bool:
        """Tell whether a session's streams have begun."""
        return (session_id, "viewer") in self._streams and (session_id, "candidate") in self._streams

    def tell_viewers(self, session_id: str, kind: str, payload: Mapping[str, Any]) -> StoredEvent | None:
        """Send an event to the interviewer's side; None if the session has no streams."""
        return self._append(session_id, "viewer", kind, payload)

    def tell_candidate(self, session_id: str, event: CandidateEvent) -> StoredEvent | None:
        """Send one of the few events that the candidate's side knows."""
        return self._append(session_id, "candidate", event.kind, event.payload())

    def latest(self, session_id: str, audience: Audience, kind: str) -> StoredEvent | None:
        """Return the last event of a kind since this node started."""
        stream = self._streams.get((session_id, audience))
        return stream.latest.get(kind) if stream else None

    def join(self, session_id: str, audience: Audience, after: int | None) -> Joined:
        """Add a reader, who has seen all up to ``after``.

        Raises
        ------
        TooManyReaders
            The stream has as many as it bears.
        """
        stream = self._streams[session_id, audience]
        if len(stream.readers) >= READERS:
            raise TooManyReaders
        reader = Reader(QUEUED)
        stream.readers.add(reader)
        if after is None or after > stream.last:
            missed: list[StoredEvent] | None = [] if after is None else None
        elif after >= stream.first:
            missed = [event for event in stream.memory if event.number > after]
        else:
            missed = None
        return Joined(reader, missed, stream.last, dict(stream.latest))

    def leave(self, session_id: str, audience: Audience, reader: Reader) -> None:
        """Remove a reader."""
        if reader.fell_behind:
            self._on_slow_reader()
        stream = self._streams.get((session_id, audience))
        if stream:
            stream.readers.discard(reader)

    def forget(self, session_id: str) -> None:
        """Forget what was sent to the interviewer's side but the session's state; the streams go on."""
        stream = self._streams.get((session_id, "viewer"))
        if stream:
            stream.first = stream.last
            stream.memory.clear()
            stream.latest.clear()

    def drop(self, session_id: str) -> None:
        """End a session's streams and forget them."""
        for key in ((session_id, "viewer"), (session_id, "candidate")):
            stream = self._streams.pop(key, None)
            for reader in stream.readers if stream else ():
                reader.close()

    def close(self) -> None:
        """End all streams."""
        for session_id in {key[0] for key in self._streams}:
            self.drop(session_id)

    def idle(self) -> list[str]:
        """Return the sessions whose streams nobody reads."""
        busy = {key[0] for key, stream in self._streams.items() if stream.readers}
        return sorted({key[0] for key in self._streams} - busy)

    def readers(self) -> int:
        """Return how many readers there are."""
        return sum(len(stream.readers) for stream in self._streams.values())

    def _append(self, session_id: str, audience: Audience, kind: str, payload: Mapping[str, Any]) -> StoredEvent | None:
        stream = self._streams.get((session_id, audience))
        return stream.append(kind, payload) if stream else None
