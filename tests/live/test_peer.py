"""What a connection does at its end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import av
import pytest
from aiortc.jitterbuffer import JitterFrame
from test_receiving import VP8, encoded, end_soon

from liveness.live import peer as peers
from liveness.live.call import Call
from liveness.live.peer import Peer
from liveness.live.receiving import Decoding
from liveness.live.shedding import LEVELS


class Heard:
    """In place of a call: notes the pictures that reach it."""

    def __init__(self) -> None:
        self.stamps: list[int | None] = []

    def receive(self, frame: av.VideoFrame, *, usable: bool) -> bool:
        """Note it."""
        if usable:
            self.stamps.append(frame.pts)
        return False


def listened(heard: Heard, closed: list[Any]) -> Peer:
    return Peer(
        cast(Call, heard),
        (),
        wake=lambda: None,
        on_message=lambda _: None,
        on_closed=lambda peer, reason: closed.append(reason),
    )


def picture(stamp: int) -> av.VideoFrame:
    frame = av.VideoFrame(64, 64, "yuv420p")
    frame.pts = stamp
    return frame


def test_a_connection_that_is_lost_hands_on_no_more_pictures() -> None:
    """It is closed a moment later, when the next connection may have begun with the same call."""

    async def story() -> None:
        heard, closed = Heard(), list[Any]()
        peer = listened(heard, closed)
        peer._take_picture(picture(1))
        peer._lost("lost")
        peer._take_picture(picture(2))
        await peer.close()
        peer._take_picture(picture(3))
        assert closed == ["lost"]
        assert heard.stamps == [1]
        assert peer.decoded == 1

    asyncio.run(story())


def test_a_key_frame_that_does_not_come_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What refers to a lost picture is not looked at, however long nothing better comes."""
    monkeypatch.setattr(peers, "_DAMAGED_S", 0.0)

    async def story() -> None:
        heard, asked = Heard(), threading.Event()
        peer = listened(heard, [])
        decoding = peer._decoding = Decoding(peer._take_picture, asked)
        before, after = encoded(4), encoded(2)

        def lose() -> None:
            peer._expect_key_frame()
            assert not asked.is_set()

        decoding.put((VP8, JitterFrame(before[0], 0)))
        decoding.run(lose)
        for at in (2, 3):
            decoding.put((VP8, JitterFrame(before[at], at)))
        for at, data in enumerate(after):
            decoding.put((VP8, JitterFrame(data, 10 + at)))
        end_soon(decoding)
        await asyncio.to_thread(decoding.get)
        assert asked.is_set()
        assert heard.stamps == [0, 10, 11]
        assert peer.damaged == 2
        await peer.close()

    asyncio.run(story())


def test_upper_layers_are_left_out_only_where_the_base_has_all_frames_that_are_analysed() -> None:
    async def story() -> None:
        peer = listened(Heard(), [])
        decoding = peer._decoding = Decoding(peer._take_picture, threading.Event())
        chosen = []
        for relief, base_fps in ((LEVELS[0], 15.0), (LEVELS[1], 15.0), (LEVELS[1], 7.5), (LEVELS[-1], 7.5)):
            peer.relieve(relief)
            peer._choose_layers(base_fps)
            chosen.append(decoding.layers.base_only)
        # The third is a camera of 15 frames a second, as in a dark room.
        assert chosen == [False, True, False, True]
        await peer.close()

    asyncio.run(story())


def test_a_sender_that_sends_no_key_frames_when_asked_is_looked_at_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_DAMAGED_S", 0.0)

    async def story() -> None:
        heard, asked = Heard(), threading.Event()
        peer = listened(heard, [])
        peer._decoding = Decoding(peer._take_picture, asked)
        for at in range(20):
            # Each loss asks, several times a second.
            peer._expect_key_frame()
            peer._take_picture(picture(at))
        assert asked.is_set()
        assert heard.stamps == []
        monkeypatch.setattr(peers, "_LONGEST_BLIND_S", 0.0)
        peer._take_picture(picture(20))
        assert heard.stamps == [20]
        await peer.close()

    asyncio.run(story())
