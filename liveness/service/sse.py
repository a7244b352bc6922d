"""Server-sent events: how an event is written, and a response that sends a stream of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from liveness.service.store import StoredEvent

KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_S = 15.0
TAKEN_WITHIN_S = 30.0
"""A reader that takes nothing for this long is cut off; it may come back by the number it saw last."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def written(event: StoredEvent) -> bytes:
    """Return an event as it goes over the wire; JSON has no line breaks of its own."""
    data = json.dumps(event.payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()


def last_event_id(header: str | None) -> int | None:
    """Return what a reader says it saw last; what is no number of ours counts as nothing seen."""
    if header is None or not header.isascii() or not header.isdigit() or len(header) > 15:
        return None
    return int(header)


class _Events(StreamingResponse):
    """A stream that ends when its reader takes nothing for long; else each such reader would cost memory for ever."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        super().__init__(chunks, media_type="text/event-stream", headers=_HEADERS)
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        async def sending(message: Message) -> None:
            async with asyncio.timeout(TAKEN_WITHIN_S):
                await send(message)

        # Without an end of the answer the server closes the connection.
        async with contextlib.aclosing(self._chunks):
            with contextlib.suppress(TimeoutError):
                await super().stream_response(sending)


def response(chunks: AsyncGenerator[bytes, None]) -> StreamingResponse:
    """Return a stream that no proxy holds back."""
    return _Events(chunks)
