"""What a connection does at its end."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import av

from liveness.live.call import Call
from liveness.live.peer import Peer


class Heard:
    """In place of a call: notes the pictures that reach it."""

    def __init__(self) -> None:
        self.stamps: list[int | None] = []

    def receive(self, frame: av.VideoFrame, *, usable: bool) -> bool:
        """Note it."""
        assert usable
        self.stamps.append(frame.pts)
        return False


def picture(stamp: int) -> av.VideoFrame:
    frame = av.VideoFrame(64, 64, "yuv420p")
    frame.pts = stamp
    return frame


def test_a_connection_that_is_lost_hands_on_no_more_pictures() -> None:
    """It is closed a moment later, when the next connection may have begun with the same call."""

    async def story() -> None:
        heard, closed = Heard(), list[Any]()
        peer = Peer(
            cast(Call, heard),
            (),
            wake=lambda: None,
            on_message=lambda _: None,
            on_closed=lambda peer, reason: closed.append(reason),
        )
        peer._take_picture(picture(1))
        peer._lost("lost")
        peer._take_picture(picture(2))
        await peer.close()
        peer._take_picture(picture(3))
        assert closed == ["lost"]
        assert heard.stamps == [1]
        assert peer.decoded == 1

    asyncio.run(story())
