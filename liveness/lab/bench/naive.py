"""The server to compare with: what one writes first, with MediaPipe's own face mesh and none of the care.

For each call a loop takes every frame in its order (``track.recv()``), converts it whole to RGB and runs the face mesh
on it, inside the event loop in which the network is, too. No signal looks at the result, so that it does less than the
real workers do. The age of a frame is measured as there: from the sender's RTCP reports, when its analysis is done.

Run by the bench as ``python -m liveness.lab.bench.naive CORES``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import av
import cv2
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.clock import datetime_from_ntp
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtcpSrPacket
from mediapipe.python.solutions.face_mesh import FaceMesh

from liveness.faces.landmarks import banners_off
from liveness.lab.bench.lines import serve, settle_on

_VIDEO_RATE = 90_000
_ROUND_S = (1 << 32) / _VIDEO_RATE


class SenderClock:
    """Tells when a frame was sent, from the sender reports of its stream (RFC 3550, 6.4.1).

    Sender and server run on one machine here, so both clocks are one.
    """

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self._receiver = receiver
        self._unix_minus_stamp_s: float | None = None
        hear: Callable[[Any], Awaitable[None]] = receiver._handle_rtcp_packet

        async def heard(packet: Any) -> None:
            await hear(packet)
            if isinstance(packet, RtcpSrPacket) and packet.sender_info.packet_count:
                self._take(packet)

        receiver._handle_rtcp_packet = heard  # type: ignore[method-assign]

    def sent_at(self, stamp_s: float) -> float | None:
        """Return the unix time at which a frame was sent; None before the first report."""
        if self._unix_minus_stamp_s is None:
            return None
        # aiortc takes a frame that comes late for a wrap of the stamps, and from then on is a whole round ahead.
        return (stamp_s + _ROUND_S / 2) % _ROUND_S - _ROUND_S / 2 + self._unix_minus_stamp_s

    def _take(self, packet: RtcpSrPacket) -> None:
        # aiortc gives frames the stamps of their stream less that of its first packet, which it keeps here.
        mapper = getattr(self._receiver, "_RTCRtpReceiver__timestamp_mapper", None)
        origin = getattr(mapper, "_origin", None)
        if origin is not None:
            ticks = (packet.sender_info.rtp_timestamp - origin + (1 << 31)) % (1 << 32) - (1 << 31)
            sent_s = datetime_from_ntp(packet.sender_info.ntp_timestamp).timestamp()
            self._unix_minus_stamp_s = sent_s - ticks / _VIDEO_RATE


class NaiveCall:
    """One connection and the loop that looks at all of its frames."""

    def __init__(self) -> None:
        self.ages_ms: list[float] = []
        self.analysed = 0
        self.faces = 0
        self.seconds = {"rgb": 0.0, "faces": 0.0}
        """CPU time of the loop's thread by what it did; that of MediaPipe's own threads comes on top."""
        self.track: MediaStreamTrack | None = None
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        with banners_off():
            self._mesh = FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True)
            self._mesh.process(np.zeros((64, 64, 3), dtype=np.uint8))
        self._task: asyncio.Task[None] | None = None
        self._pc.on("track", self._begin)

    async def accept(self, sdp: str) -> str:
        """Answer an offer."""
        await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        return str(self._pc.localDescription.sdp)

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
        await self._pc.close()
        self._mesh.close()

    @property
    def waiting(self) -> int:
        """Decoded frames that wait in aiortc's queue."""
        queue: asyncio.Queue[Any] | None = getattr(self.track, "_queue", None)
        return queue.qsize() if queue is not None else 0

    def _begin(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self.track = track
            receiver = next(one for one in self._pc.getReceivers() if one.track is track)
            self._task = asyncio.get_running_loop().create_task(self._look(track, SenderClock(receiver)))

    async def _look(self, track: MediaStreamTrack, clock: SenderClock) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = cast(av.VideoFrame, await track.recv())
                started = time.thread_time()
                rgb = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
                converted = time.thread_time()
                # MediaPipe greets once more at the first face.
                with contextlib.nullcontext() if self.faces else banners_off():
                    found = self._mesh.process(rgb).multi_face_landmarks
                points = [(point.x, point.y, point.z) for point in found[0].landmark] if found else []
                self.faces += bool(points)
                done = time.thread_time()
                self.seconds["rgb"] += converted - started
                self.seconds["faces"] += done - converted
                self.analysed += 1
                if frame.pts is not None and frame.time_base is not None:
                    sent_s = clock.sent_at(float(frame.pts * frame.time_base))
                    if sent_s is not None:
                        self.ages_ms.append((time.time() - sent_s) * 1000)


class NaiveServer:
    """All calls of the process."""

    def __init__(self) -> None:
        self._calls: list[NaiveCall] = []

    async def accept(self, sdp: str) -> str:
        """Take one more call."""
        call = NaiveCall()
        self._calls.append(call)
        return await call.accept(sdp)

    async def window(self) -> list[dict[str, Any]]:
        """Return what was seen of each call since the last look, and begin anew."""
        seen = []
        for call in self._calls:
            seen.append(
                {
                    "ages_ms": [round(age, 2) for age in call.ages_ms],
                    "analysed": call.analysed,
                    "faces": call.faces,
                    "waiting": call.waiting,
                    "seconds": dict(call.seconds),
                }
            )
            call.ages_ms.clear()
            call.analysed = call.faces = 0
            call.seconds = dict.fromkeys(call.seconds, 0.0)
        return seen

    async def close(self) -> None:
        """End all calls."""
        await asyncio.gather(*(call.close() for call in self._calls))


async def _main() -> None:
    server = NaiveServer()
    try:
        await serve({"accept": server.accept, "window": server.window})
    finally:
        await server.close()


def main() -> None:
    """Serve until the bench is gone."""
    settle_on(sys.argv[1])
    cv2.setNumThreads(1)
    logging.getLogger("aiortc").setLevel(logging.ERROR)
    asyncio.run(_main())


if __name__ == "__main__":
    main()
