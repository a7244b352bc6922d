"""Publishers for tests: real WebRTC senders in the test's own process, over a network as bad as it should be."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from clips import video_frame
from people import FPS

from liveness.frames import Pixels
from liveness.live.pool import Answer, LiveSettings, MediaPool, PoolEvent, SessionOptions

_TICK = Fraction(1, 90_000)


class Camera(MediaStreamTrack):
    """Sends pictures over and over at their rate; may be paused, covered, or given other pictures."""

    kind = "video"

    def __init__(self, pictures: Sequence[av.VideoFrame], fps: float = FPS) -> None:
        super().__init__()
        self.pictures = pictures
        self.fps = fps
        self.paused = False
        self._index = 0
        self._began_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        """Return the next picture when it is due."""
        if self._began_s is None:
            self._began_s = time.monotonic()
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            due_s = self._began_s + self._index / self.fps
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            picture = self.pictures[self._index % len(self.pictures)]
            self._index += 1
            if not self.paused:
                break
        frame = picture.reformat(format="yuv420p")
        frame.pts, frame.time_base = int((self._index - 1) / self.fps * 90_000), _TICK
        return frame


class Network:
    """Loses and delays the packets that go through it."""

    def __init__(self, *, loss: float = 0.0, jitter_s: float = 0.0, seed: int = 1) -> None:
        self.loss = loss
        self.jitter_s = jitter_s
        self.down = False
        self.lost = 0
        self._random = random.Random(seed)
        self._sending: set[asyncio.Task[None]] = set()

    def through(self, send: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        """Return a way to send that goes through this network."""

        async def late(data: bytes, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            try:
                await send(data)
            except ConnectionError:
                return

        async def sent(data: bytes) -> None:
            if self.down or self._random.random() < self.loss:
                self.lost += 1
                return
            if self.jitter_s == 0:
                await send(data)
                return
            task = asyncio.create_task(late(data, self._random.random() * self.jitter_s))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

        return sent


class Publisher:
    """A candidate's side of the connection."""

    def __init__(self, camera: MediaStreamTrack, network: Network | None = None) -> None:
        self.pc = RTCPeerConnection()
        self.camera = camera
        self.network = network
        self.heard: list[str] = []
        self.channel: RTCDataChannel = self.pc.createDataChannel("liveness")
        self.channel.on("message", self.heard.append)
        self.pc.addTrack(camera)

    async def offer(self) -> str:
        """Return an SDP offer with all candidates."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def accept(self, answer_sdp: str) -> None:
        """Take the answer; media flow from here on."""
        await self.pc.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))
        if self.network is not None:
            transport = self.pc.getSenders()[0].transport.transport
            transport._send = self.network.through(transport._send)  # type: ignore[assignment]

    async def publish(self, pool: MediaPool, session_id: str, options: SessionOptions | None = None) -> Answer:
        """Connect to a pool."""
        answer = await pool.open(session_id, await self.offer(), options)
        await self.accept(answer.sdp)
        return answer

    async def close(self) -> None:
        """Leave without a word to the server's HTTP side."""
        await self.pc.close()


class Heard:
    """What a pool tells its host, to be waited for."""

    def __init__(self) -> None:
        self.events: list[PoolEvent] = []
        self._came = asyncio.Event()

    def __call__(self, event: PoolEvent) -> None:
        self.events.append(event)
        self._came.set()

    def of(self, session_id: str, kind: str) -> list[PoolEvent]:
        """Return the events of a kind so far."""
        return [event for event in self.events if event.session_id == session_id and event.kind == kind]

    def states(self, session_id: str) -> list[str]:
        """Return the states of the verdicts so far."""
        return [event.data["state"] for event in self.of(session_id, "verdict")]

    async def until(
        self, session_id: str, kind: str, when: Callable[[PoolEvent], bool] = lambda _: True, *, within_s: float = 20.0
    ) -> PoolEvent:
        """Wait for an event from now on; the test fails if it does not come."""
        seen = len(self.events)
        async with asyncio.timeout(within_s):
            while True:
                for event in self.events[seen:]:
                    if event.session_id == session_id and event.kind == kind and when(event):
                        return event
                seen = len(self.events)
                self._came.clear()
                await self._came.wait()


def sized(frames: Sequence[av.VideoFrame], width: int, height: int) -> list[av.VideoFrame]:
    """Return the pictures in another size."""
    return [frame.reformat(width=width, height=height) for frame in frames]


def dark(count: int = 30) -> list[av.VideoFrame]:
    """Return what a covered camera sends."""

    def black() -> Iterator[Pixels]:
        import numpy as np

        rng = np.random.default_rng(2)
        for _ in range(count):
            yield rng.integers(0, 6, (384, 384, 3), dtype=np.uint8)

    return [video_frame(picture) for picture in black()]


SETTINGS = LiveSettings(workers=1)
