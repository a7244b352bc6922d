"""Messages between the front and its workers: JSON, each behind its length, over a socket pair."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

_LONGEST = 64 << 20


def pack(message: Mapping[str, Any]) -> bytes:
    """Return a message as it goes over the socket."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """Yield messages until the other side is gone."""
    while True:
        try:
            length = int.from_bytes(await reader.readexactly(4), "big")
            if length > _LONGEST:
                raise ValueError(f"a message of {length} bytes from our own process: something else writes here")
            body = await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        yield json.loads(body)
