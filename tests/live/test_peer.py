"""What a connection does at its end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, cast

import av
import pytest
from aiortc.jitterbuffer import JitterFrame
from test_receiving import VP8, encoded, end_soon

from liveness.lab.bench.clip import prepare_clip, read_clip
from liveness.lab.bench.senders import Sender
from liveness.live import peer as peers
from liveness.live.call import Call, Picture
from liveness.live.clock import AgeClock
from liveness.live.peer import Peer
from liveness.live.receiving import Decoding
from liveness.live.shedding import LEVELS


class Heard:
    """In place of a call: notes the pictures that reach it."""

    def __init__(self) -> None:
        self.stamps: list[int | None] = []
        self.picture = Picture()
        self.age_clock = AgeClock()

    def begin_connection(self) -> None:
        """Begin nothing."""

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
            for _ in range(10):
                peer._choose_layers(base_fps)
            chosen.append(decoding.layers.base_only)
        # The third is a camera of 15 frames a second, as in a dark room.
        assert chosen == [False, True, False, True]
        peer.relieve(LEVELS[1])
        for _ in range(10):
            peer._choose_layers(15.0)
        peer._choose_layers(11.0)
        assert decoding.layers.base_only, "one second that counts less is none"
        await peer.close()

    asyncio.run(story())


def test_a_worker_that_is_warm_decodes_the_base_layer_of_what_a_sender_sends(tmp_path: Path) -> None:
    clip = read_clip(prepare_clip(None, folder=tmp_path, seconds=2, size=(320, 180)))

    async def story() -> None:
        heard = Heard()
        peer, sender = listened(heard, []), Sender(clip)
        peer.relieve(LEVELS[1])
        try:
            assert await sender.accept((await peer.accept(await sender.offer())).sdp)
            async with asyncio.timeout(30):
                while peer.left_out < 20:
                    await asyncio.sleep(0.5)
                    link = await peer.measure()
                decoded, left_out = peer.decoded, peer.left_out
                await asyncio.sleep(1.0)
                link = await peer.measure()
            # What is received is told, decoded or not.
            assert link["fps"] == pytest.approx(30, abs=8)
            assert peer.decoded - decoded == pytest.approx(peer.left_out - left_out, abs=3)
            peer.relieve(LEVELS[0])
            await peer.measure()
            left_out, decoded = peer.left_out, peer.decoded
            await asyncio.sleep(1.0)
            assert peer.left_out - left_out <= 4, "until a point to switch up at"
            assert peer.decoded - decoded > 20
            assert peer.damaged == 0
        finally:
            await sender.close()
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
