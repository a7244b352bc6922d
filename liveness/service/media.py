"""What the service needs of the media workers: the seam to ``liveness.live``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from liveness.live.interface import Answer, ChallengeAction, PoolEvent, SessionOptions


class Pool(Protocol):
    """The media workers of this node, see ``liveness.live.pool.MediaPool``."""

    async def start(self) -> None:
        """Return when calls can be taken."""

    async def stop(self, grace_s: float) -> None:
        """End all calls and the workers."""

    async def open(self, session_id: str, offer_sdp: str, options: SessionOptions) -> Answer:
        """Answer an offer."""

    async def trickle(self, resource_id: str, fragment: str) -> None:
        """Add candidates to a connection."""

    async def hang_up(self, resource_id: str) -> None:
        """End a connection; the session's evidence stays."""

    async def end(self, session_id: str, *, withdrawn: bool = False) -> dict[str, Any] | None:
        """End a session; returns its final document."""

    async def report(self, session_id: str) -> dict[str, Any] | None:
        """Return the document so far."""

    async def erase(self, session_id: str) -> None:
        """Drop all that is known of a session."""

    async def challenge(
        self,
        session_id: str,
        action: ChallengeAction,
        challenge_id: str,
        *,
        challenge: str,
        parameters: str = "",
        mode: str = "page",
    ) -> None:
        """Prepare, begin or stop a challenge."""

    def resource_of(self, session_id: str) -> str | None:
        """Return the open connection."""

    def is_receiving(self, session_id: str) -> bool:
        """Tell whether media arrived a moment ago."""

    async def metrics(self) -> Mapping[int, Mapping[str, float]]:
        """Return figures by name, for each worker."""


OpenPool = Callable[[Callable[[PoolEvent], None]], Pool]
"""Makes the pool, given who is to be told of its events."""
