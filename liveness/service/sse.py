"""Server-sent events: how an event is written, and a response that sends a stream of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from liveness.service.store import StoredEvent

KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_S = 15.0

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


def response(chunks: AsyncIterator[bytes]) -> StreamingResponse:
    """Return a stream that no proxy holds back."""
    return StreamingResponse(chunks, media_type="text/event-stream", headers=_HEADERS)
