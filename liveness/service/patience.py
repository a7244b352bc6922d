"""How long the service waits for a client that is slow to ask, or slow to take an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

ASKED_WITHIN_S = 15.0
"""From a connection's beginning, or its last answer, to the end of the next request's headers."""


class Http(H11Protocol):
    """uvicorn's HTTP, but a connection that never comes to ask anything is cut off, and costs nothing from then on."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes; what is no whole request yet gains no time."""
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()
        elif self._patience is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _wait(self) -> None:
        self._patience = self.loop.call_later(ASKED_WITHIN_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        # A WebSocket has taken the connection over, or a request came and is being answered: then all is well.
        if self.transport.get_protocol() is self and not self._is_answering():
            self.transport.abort()
