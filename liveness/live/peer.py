"""One WebRTC connection of a publisher: receives, drains, measures, and hands decoded frames on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import av
import structlog
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.clock import datetime_from_ntp
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtcpSrPacket

from liveness.live.call import Call
from liveness.live.interface import LONGEST_MESSAGE, Answer, CloseReason, IceServer, OfferRefused
from liveness.live.offer import MOST_CANDIDATES, check_offer, is_reachable, preferred_codec, read_fragment
from liveness.live.receiving import Decoding, leave_undecoded, receive_pictures
from liveness.live.shedding import LEVELS, Relief

_CHANNEL = "liveness"
_ANSWER_S = 10.0
_CONNECT_S = 20.0
_DAMAGED_S = 1.0
"""After a picture was lost, frames refer to what never came, until the key frame that is asked for at once is there."""
_LONGEST_BLIND_S = 5.0
"""For so long a key frame is asked for again and again; a sender that then has sent none cannot do so when asked."""
_ESTIMATE_EVERY_S = 0.2
"""aiortc tells its estimate of the bandwidth with every packet while it holds the path for overused."""
_MESSAGES_EVERY_S, _MOST_MESSAGES = 10.0, 50
_VIDEO_RATE = 90_000
_ENOUGH, _STILL_ENOUGH, _SMOOTHED = 1.05, 0.95, 0.4
"""How many of the frames analysed a second the base layer has to have; what is counted in a second goes up and down."""
_log = structlog.get_logger()


@dataclass(slots=True)
class _Counted:
    """Totals at the last look, for rates."""

    at_s: float
    bytes: int = 0
    received: int = 0
    lost: int = 0
    frames: int = 0
    base_pictures: int = 0


class Peer:
    """Terminates the connection of one publisher. Belongs to the event loop of its worker."""

    def __init__(
        self,
        call: Call,
        ice_servers: tuple[IceServer, ...],
        *,
        relief: Relief = LEVELS[0],
        wake: Callable[[], None],
        on_message: Callable[[dict[str, Any]], None],
        on_closed: Callable[[Peer, CloseReason], None],
    ) -> None:
        self.resource_id = secrets.token_urlsafe(12)
        self.call = call
        self.connected = False
        self.forged_messages = 0
        """Data-channel messages that were none of those a page sends."""
        self.decoded = 0
        self.damaged = 0
        """Frames that were not looked at, since a picture that they refer to was lost."""
        self._wake = wake
        self._on_message = on_message
        self._on_closed = on_closed
        self._etag = f'"{secrets.token_hex(8)}"'
        servers = [RTCIceServer(list(one.urls), one.username, one.credential) for one in ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._tasks: set[asyncio.Task[None]] = set()
        self._channel: RTCDataChannel | None = None
        self._video: RTCRtpReceiver | None = None
        self._decoding: Decoding | None = None
        self._relief = relief
        self._base_fps = 0.0
        self._ufrag = ""
        self._candidates = 0
        self._damaged_until_s = 0.0
        self._blind_since_s: float | None = None
        """When the key frame was first asked for that has not come yet."""
        self._messages: list[float] = []
        self._counted = _Counted(time.monotonic())
        self._closing = False
        self._pc.on("track", self._begin_track)
        self._pc.on("datachannel", self._begin_channel)
        self._pc.on("connectionstatechange", self._state_changed)

    async def accept(self, sdp: str) -> Answer:
        """Answer an offer.

        Raises
        ------
        OfferRefused
            It cannot be answered.
        """
        offer = check_offer(sdp)
        self._ufrag, self._candidates = offer.ufrag, offer.candidates
        self.call.begin_connection()
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
                answer = await self._pc.createAnswer()
                await self._pc.setLocalDescription(answer)
        except TimeoutError as error:
            raise OfferRefused(
                "the offer could not be answered in time; are the STUN servers there?", status=503
            ) from error
        except Exception as error:  # aiortc raises whatever an odd SDP makes it stumble over
            _log.info("offer_refused", error=repr(error))
            raise OfferRefused(f"the SDP offer cannot be answered: {type(error).__name__}", status=422) from error
        self.call.picture.has_audio = offer.has_audio
        self.call.picture.codec = preferred_codec(self._pc.localDescription.sdp)
        self._spawn(self._expect_connection())
        return Answer(self.resource_id, self._pc.localDescription.sdp, self._etag)

    async def trickle(self, text: str) -> None:
        """Add candidates.

        Raises
        ------
        OfferRefused
            422 for an ICE restart, which is not supported: begin anew instead.
        """
        fragment = read_fragment(text)
        if fragment.ufrag is not None and fragment.ufrag != self._ufrag:
            raise OfferRefused("ICE restart is not supported; make a new connection instead", status=422)
        self._candidates += len(fragment.candidates)
        if self._candidates > MOST_CANDIDATES:
            raise OfferRefused(f"more than {MOST_CANDIDATES} ICE candidates for one connection", status=422)
        for candidate in fragment.candidates:
            if not is_reachable(candidate):
                continue
            try:
                await self._pc.addIceCandidate(candidate)
            except Exception as error:
                raise OfferRefused(f"the ICE candidate cannot be used: {type(error).__name__}", status=422) from error
        # That it was the last one is not passed on: the browser's own checks may come from where no candidate was.

    @property
    def waiting(self) -> int:
        """Pictures that wait to be decoded."""
        return self._decoding.waiting if self._decoding else 0

    @property
    def undecoded(self) -> int:
        """Pictures that were dropped because too many waited."""
        return self._decoding.dropped if self._decoding else 0

    @property
    def left_out(self) -> int:
        """Pictures of upper temporal layers that were left undecoded."""
        return self._decoding.layers.left_out if self._decoding else 0

    @property
    def leaves_out(self) -> bool:
        """Whether upper temporal layers are left undecoded now."""
        return self._decoding is not None and self._decoding.layers.base_only

    def relieve(self, relief: Relief) -> None:
        """Leave undecoded what is to be, from the next :meth:`measure` on."""
        self._relief = relief

    def tell(self, message: dict[str, Any]) -> bool:
        """Send over the data channel; returns whether it was open."""
        if self._channel is None or self._channel.readyState != "open":
            return False
        self._channel.send(json.dumps(message))
        return True

    async def measure(self) -> dict[str, Any]:
        """Return what arrived since the last call: fps, kbit/s, lost share, jitter."""
        now = _Counted(time.monotonic(), frames=self.decoded + self.left_out)
        if self._decoding is not None:
            now.base_pictures = self._decoding.base_pictures
        jitter_ms = 0.0
        if self._video is not None and self._pc.connectionState == "connected":
            for one in (await self._video.getStats()).values():
                if one.type == "inbound-rtp":
                    now.received += one.packetsReceived
                    now.lost += one.packetsLost
                    jitter_ms = max(jitter_ms, one.jitter * 1000 / _VIDEO_RATE)
                elif one.type == "transport":
                    now.bytes = one.bytesReceived
        before, self._counted = self._counted, now
        seconds = max(now.at_s - before.at_s, 1e-3)
        self._choose_layers((now.base_pictures - before.base_pictures) / seconds)
        lost, received = max(now.lost - before.lost, 0), max(now.received - before.received, 0)
        return {
            "fps": round((now.frames - before.frames) / seconds, 1),
            "kbit_s": round(max(now.bytes - before.bytes, 0) * 8 / 1000 / seconds, 1),
            "lost_share": round(lost / (lost + received), 4) if lost + received else 0.0,
            "jitter_ms": round(jitter_ms, 1),
        }

    def _choose_layers(self, base_fps: float) -> None:
        """Leave upper temporal layers undecoded where that is asked for and the base alone has the frames analysed."""
        self._base_fps += _SMOOTHED * (base_fps - self._base_fps)
        if self._decoding is not None:
            layers, wanted_fps = self._decoding.layers, self._relief.analysis_fps
            least_fps = (_STILL_ENOUGH if layers.base_only else _ENOUGH) * wanted_fps
            layers.base_only = self._relief.base_layer_only and self._base_fps >= least_fps

    async def close(self) -> None:
        """End the connection and all that belongs to it; may be called again."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await self._pc.close()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _expect_connection(self) -> None:
        await asyncio.sleep(_CONNECT_S)
        if not self.connected:
            self._lost("failed")

    def _state_changed(self) -> None:
        state = self._pc.connectionState
        if state == "connected":
            self.connected = True
        elif state in ("failed", "closed"):
            self._lost("lost" if self.connected else "failed")

    def _lost(self, reason: CloseReason) -> None:
        if not self._closing:
            self._closing = True
            self._on_closed(self, reason)

    def _begin_track(self, track: MediaStreamTrack) -> None:
        receiver = next(one for one in self._pc.getReceivers() if one.track is track)
        if track.kind == "audio":
            # No signal listens yet.
            leave_undecoded(receiver)
            return
        self._video = receiver
        self._decoding = receive_pictures(receiver, self._take_picture)
        self._listen(receiver)
        self._spawn(self._await_end(track))

    def _listen(self, receiver: RTCRtpReceiver) -> None:
        """Hear of sender reports and of lost pictures, which aiortc tells nobody, and let it send less."""
        hear: Callable[[Any], Awaitable[None]] = receiver._handle_rtcp_packet
        ask: Callable[[int], Awaitable[None]] = receiver._send_rtcp_pli
        send: Callable[[Any], Awaitable[None]] = receiver._send_rtcp
        next_estimate_s = 0.0

        async def heard(packet: Any) -> None:
            await hear(packet)
            if isinstance(packet, RtcpSrPacket):
                self._take_report(receiver, packet)

        async def asked(ssrc: int) -> None:
            self._expect_key_frame()
            await ask(ssrc)

        async def sent(packet: Any) -> None:
            nonlocal next_estimate_s
            if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
                now_s = time.monotonic()
                if now_s < next_estimate_s:
                    return
                next_estimate_s = now_s + _ESTIMATE_EVERY_S
            await send(packet)

        receiver._send_rtcp = sent  # type: ignore[method-assign]
        receiver._handle_rtcp_packet = heard  # type: ignore[method-assign]
        receiver._send_rtcp_pli = asked  # type: ignore[method-assign, assignment]

    def _take_report(self, receiver: RTCRtpReceiver, packet: RtcpSrPacket) -> None:
        mapper = getattr(receiver, "_RTCRtpReceiver__timestamp_mapper", None)
        origin = getattr(mapper, "_origin", None)
        if origin is None:
            return
        ticks = (packet.sender_info.rtp_timestamp - origin + (1 << 31)) % (1 << 32) - (1 << 31)
        sent_s = datetime_from_ntp(packet.sender_info.ntp_timestamp).timestamp()
        # The clock belongs to the thread in which pictures come.
        clock = self.call.age_clock
        if self._decoding is not None:
            self._decoding.run(lambda: clock.report(ticks / _VIDEO_RATE, sent_s))

    def _expect_key_frame(self) -> None:
        now_s = time.monotonic()
        self._damaged_until_s = now_s + _DAMAGED_S
        if self._blind_since_s is None:
            self._blind_since_s = now_s

    def _take_picture(self, frame: av.VideoFrame) -> None:
        """Hand on a decoded picture, in its decoder's thread; the newest one on the grid waits, no other is kept."""
        if self._closing:
            # The call may belong to the next connection already, whose own thread is the only one to touch its clocks.
            return
        self.decoded += 1
        now_s, blind_since_s = time.monotonic(), self._blind_since_s
        usable = now_s >= self._damaged_until_s
        if frame.key_frame:
            self._blind_since_s = None
        elif usable and blind_since_s is not None and now_s < blind_since_s + _LONGEST_BLIND_S and self._decoding:
            # The request was lost, or what answered it.
            usable = False
            self._decoding.ask_for_key_frame()
        self.damaged += not usable
        if self.call.receive(frame, usable=usable):
            self._wake()

    async def _await_end(self, track: MediaStreamTrack) -> None:
        """Hear that no more video comes."""
        with contextlib.suppress(MediaStreamError):
            await track.recv()
        if self._pc.connectionState == "connected":
            self._lost("bye")

    def _begin_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != _CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._read_message)

    def _read_message(self, message: str | bytes) -> None:
        now_s = time.monotonic()
        self._messages = [at_s for at_s in self._messages if at_s > now_s - _MESSAGES_EVERY_S]
        parsed: Any = None
        if len(self._messages) < _MOST_MESSAGES and isinstance(message, str) and len(message) <= LONGEST_MESSAGE:
            with contextlib.suppress(ValueError, RecursionError):
                parsed = json.loads(message)
        if len(self._messages) <= _MOST_MESSAGES:
            self._messages.append(now_s)
        if isinstance(parsed, dict) and parsed.get("type") == "report":
            self._on_message(parsed)
        else:
            self.forged_messages += 1
