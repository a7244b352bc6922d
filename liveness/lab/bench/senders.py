"""Candidates by the dozen: real WebRTC senders that replay one encoded clip, all in one process of their own.

As a child of the bench (``python -m liveness.lab.bench.senders CORES CLIP``) the offers and answers go over
:mod:`liveness.lab.bench.lines`. By itself it fills a running service with calls, over its public API::

    python -m liveness.lab.bench.senders --server https://localhost:8443 --key lk_… --calls 4 --clip me.mp4

Nothing is encoded while they send, so that one more sender costs no more than its packets.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.codecs.vpx import Vp8Encoder, VpxPayloadDescriptor
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from liveness.errors import LivenessError
from liveness.lab.bench.clip import FPS, EncodedClip, prepare_clip, read_clip
from liveness.lab.bench.lines import serve, settle_on
from liveness.lab.bench.whip import Published, Session, WhipClient
from liveness.output import visible

_VIDEO_RATE = 90_000
_TICK = Fraction(1, _VIDEO_RATE)
_LATE_S = 0.05
_GIVEN_UP_S = 0.5
_CONNECT_S = 20.0
_KEY = "LIVENESS_API_KEY"
_ENCODER = "_RTCRtpSender__encoder"


@dataclass(slots=True)
class Sent:
    """What one sender did so far."""

    frames: int = 0
    late: int = 0
    """Frames that left more than 50 ms after they were due: the sender itself was too slow."""
    skipped: int = 0
    """Frames that were left out since they were half a second late."""
    keyframes_asked: int = 0
    rate_asked: int | None = None
    """Frames a second that the server asked for; it is noted, not followed."""


class ReplayTrack(MediaStreamTrack):
    """Gives the packets of a clip over and over, each when it is due; time stamps never jump back."""

    kind = "video"

    def __init__(self, clip: EncodedClip, *, start: int = 0) -> None:
        super().__init__()
        self.sent = Sent()
        self.layer = 0
        """The temporal layer of the packet given last."""
        self.began_unix_s: float | None = None
        """When the frame with time stamp 0 was due, as unix time."""
        self._clip = clip
        self._at = clip.keyframe_after(start % len(clip.packets))
        self._slot = 0
        self._began_s = 0.0

    async def recv(self) -> av.Packet[Any]:
        """Return the next packet when it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        if self.began_unix_s is None:
            self._began_s, self.began_unix_s = time.monotonic(), time.time()
        lag_s = time.monotonic() - self._began_s - self._slot / FPS
        if lag_s > _GIVEN_UP_S:
            left_out = int(lag_s * FPS)
            self._slot += left_out
            self.sent.skipped += left_out
        elif lag_s < 0:
            await asyncio.sleep(-lag_s)
        self.sent.late += lag_s > _LATE_S
        self.sent.frames += 1
        self.layer = self._clip.layer_of(self._at)
        packet: av.Packet[Any] = av.Packet(self._clip.packets[self._at])
        packet.pts, packet.time_base = self._slot * _VIDEO_RATE // FPS, _TICK
        self._at = (self._at + 1) % len(self._clip.packets)
        self._slot += 1
        return packet

    def give_keyframe(self) -> None:
        """Go on at the next key frame, as an encoder that is asked for one would make it."""
        self.sent.keyframes_asked += 1
        self._at = self._clip.keyframe_after(self._at)


class LayeredPacker(Vp8Encoder):
    """Packs what a track replays and says of each picture in which temporal layer it is, as a browser does."""

    def __init__(self, track: ReplayTrack) -> None:
        super().__init__()
        self._track = track
        self._base_pictures = 0

    def pack(self, packet: av.Packet[Any]) -> tuple[list[bytes], int]:
        """Return the payloads of the packets (RFC 7741) and their time stamp."""
        payloads, timestamp = super().pack(packet)
        layer = self._track.layer
        self._base_pictures += layer == 0
        return [self._told(payload, layer) for payload in payloads], timestamp

    def _told(self, payload: bytes, layer: int) -> bytes:
        descriptor, data = VpxPayloadDescriptor.parse(payload)
        # Chromium's upper pictures refer to one another by twos; ours do not, but are as hard to switch up to.
        switches_up = layer > 0 and self._base_pictures % 2 == 1
        descriptor.tid, descriptor.tl0picidx = (layer, int(switches_up)), self._base_pictures % 256
        return bytes(descriptor) + data


def _pack_with(sender: RTCRtpSender, packer: Vp8Encoder) -> None:
    if not hasattr(sender, _ENCODER):
        raise RuntimeError(f"expected aiortc 1.16, whose RTCRtpSender has {_ENCODER}")
    setattr(sender, _ENCODER, packer)


class Sender:
    """One candidate's page, as far as a server can tell: a video in VP8 and a data channel."""

    def __init__(self, clip: EncodedClip, *, start: int = 0) -> None:
        # Without a configuration aiortc would ask a public STUN server.
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._over: asyncio.Event = asyncio.Event()
        self._channel: RTCDataChannel = self._pc.createDataChannel("liveness")
        self._channel.on("message", self._hear)
        self.track = ReplayTrack(clip, start=start)
        transceiver = self._pc.addTransceiver(self.track, direction="sendonly")
        capabilities = RTCRtpSender.getCapabilities("video")
        transceiver.setCodecPreferences(
            [one for one in capabilities.codecs if one.mimeType in ("video/VP8", "video/rtx")]
        )
        if clip.layers > 1:
            _pack_with(transceiver.sender, LayeredPacker(self.track))
        transceiver.sender._send_keyframe = self.track.give_keyframe  # type: ignore[method-assign]
        self._pc.on("connectionstatechange", self._state_changed)

    @property
    def state(self) -> str:
        """State of the connection."""
        return str(self._pc.connectionState)

    async def offer(self) -> str:
        """Return an SDP offer with all candidates."""
        await self._pc.setLocalDescription(await self._pc.createOffer())
        return str(self._pc.localDescription.sdp)

    async def accept(self, sdp: str) -> bool:
        """Take the answer; returns whether the connection came up."""
        await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._over.wait()
        except TimeoutError:
            return False
        return self.state == "connected"

    async def close(self) -> None:
        """Leave."""
        self.track.stop()
        await self._pc.close()

    def _state_changed(self) -> None:
        if self.state in ("connected", "failed", "closed"):
            self._over.set()

    def _hear(self, message: str | bytes) -> None:
        if isinstance(message, str) and '"max_fps"' in message:
            digits = "".join(filter(str.isdigit, message.partition('"max_fps"')[2]))
            self.track.sent.rate_asked = int(digits) if digits else None


class Senders:
    """All senders of this process."""

    def __init__(self, clip: EncodedClip, *, seed: int = 1) -> None:
        self._clip = clip
        self._random = random.Random(seed)  # noqa: S311 (where a sender begins is no secret)
        self._senders: list[Sender] = []

    async def offer(self) -> dict[str, Any]:
        """Make one more sender; returns its number and its offer. Each begins elsewhere in the clip."""
        sender = Sender(self._clip, start=self._random.randrange(len(self._clip.packets)))
        self._senders.append(sender)
        return {"number": len(self._senders) - 1, "sdp": await sender.offer()}

    async def accept(self, number: int, sdp: str) -> bool:
        """Give a sender its answer; returns whether it is connected."""
        return await self._senders[number].accept(sdp)

    async def report(self) -> dict[str, Any]:
        """Return what was sent and what it cost."""
        usage = os.times()
        return {
            "at_s": time.monotonic(),
            "cpu_seconds": usage.user + usage.system,
            "senders": [
                {
                    "state": one.state,
                    "frames": one.track.sent.frames,
                    "late": one.track.sent.late,
                    "skipped": one.track.sent.skipped,
                    "keyframes_asked": one.track.sent.keyframes_asked,
                    "rate_asked": one.track.sent.rate_asked,
                    "began_unix_s": one.track.began_unix_s,
                }
                for one in self._senders
            ],
        }

    async def leave(self) -> None:
        """Let all leave, and forget them."""
        await asyncio.gather(*(one.close() for one in self._senders))
        self._senders.clear()


async def serve_bench(clip: EncodedClip) -> None:
    """Send as the bench asks for it, until it is gone."""
    senders = Senders(clip)
    try:
        await serve(
            {"offer": senders.offer, "accept": senders.accept, "report": senders.report, "leave": senders.leave}
        )
    finally:
        await senders.leave()


async def fill_service(client: WhipClient, clip: EncodedClip, calls: int, seconds: float) -> list[Sent]:
    """Hold so many calls with a running service, each begun after the one before; returns what each sent.

    Raises
    ------
    LivenessError
        The service refuses, or a connection does not come up.
    """
    sessions: list[Session] = []
    senders: list[Sender] = []
    open_calls: list[tuple[Session, Published]] = []
    loop = asyncio.get_running_loop()
    try:
        for number in range(calls):
            session = await loop.run_in_executor(None, client.create_session)
            sessions.append(session)
            await loop.run_in_executor(None, client.give_consent, session)
            sender = Sender(clip, start=number * len(clip.packets) // max(calls, 1))
            senders.append(sender)
            made = await loop.run_in_executor(None, client.publish, session, await sender.offer())
            open_calls.append((session, made))
            if not await sender.accept(made.sdp):
                raise LivenessError(f"call {number + 1} did not connect within {_CONNECT_S:g} s; is UDP let through?")
        await asyncio.sleep(seconds)
        return [sender.track.sent for sender in senders]
    finally:
        for session, made in open_calls:
            await loop.run_in_executor(None, client.unpublish, session, made)
        await asyncio.gather(*(sender.close() for sender in senders))
        for session in sessions:
            await loop.run_in_executor(None, client.erase, session.id)


def main(arguments: list[str] | None = None) -> None:
    """Send, as a child of the bench or by itself."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and not given[0].startswith("-"):
        settle_on(given[0])
        asyncio.run(serve_bench(read_clip(Path(given[1]))))
        return
    parser = argparse.ArgumentParser(prog="senders", description="Fill a running service with calls.")
    parser.add_argument("--server", required=True, help="base URL of the service")
    parser.add_argument(
        "--key", default=os.environ.get(_KEY, ""), help=f"API key; {_KEY} in the environment if not given"
    )
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clip", type=Path, help="a recording to replay; a drawn scene if not given")
    parser.add_argument("--insecure", action="store_true", help="do not check the server's certificate")
    chosen = parser.parse_args(given)
    try:
        client = WhipClient(chosen.server, chosen.key, verify=not chosen.insecure)
        clip = read_clip(prepare_clip(chosen.clip))
        sent = asyncio.run(fill_service(client, clip, chosen.calls, chosen.seconds))
    except LivenessError as error:
        sys.exit(f"senders: {visible(str(error))}")
    for number, one in enumerate(sent, start=1):
        sys.stdout.write(f"call {number}: {one.frames} frames sent, {one.late} late\n")


if __name__ == "__main__":
    main()
