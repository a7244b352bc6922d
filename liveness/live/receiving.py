"""From packets to decoded pictures: what stands in for aiortc's jitter buffer and its decoder.

aiortc holds a picture back until a packet of the next one has come, which at 30 frames a second is 33 ms, and hands it
over by way of its event loop, which costs time. Here a picture is decoded as soon as the packet marked as its last is
there, and goes on from the decoder's own thread.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import av
import structlog
from aiortc import RTCRtpCodecParameters, RTCRtpReceiver
from aiortc.codecs import get_decoder
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import VIDEO_TIME_BASE
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_add

_LONGEST_HOLD = 45_000
"""Ticks of the sender's clock, half a second: a lost packet that has not come again by then is not waited for."""
_MOST_WAITING = 30
"""Pictures before the decoder, a second of a common call; what is older than that helps nobody."""
_STAMPS = 1 << 32
_BASE_INDICES = 256
_SHORT_HOLD = 5_400
"""The same for a picture of an upper temporal layer, 60 ms: browsers seldom send these again, and nothing of the base
layer needs them."""
_TOP_LAYER = 3
"""RFC 7741 has two bits for the temporal layer."""
_ASK_AFTER, _TAKE_AFTER = 90_000, 270_000
"""Ticks for which upper layers may stay away that nobody leaves out: then a key frame is asked for, and then they are
decoded all the same."""
_BUFFER, _QUEUE, _FAILED, _ESTIMATOR, _CODECS = (
    f"_RTCRtpReceiver__{name}"
    for name in ("jitter_buffer", "decoder_queue", "decoder_error", "remote_bitrate_estimator", "codecs")
)
_log = structlog.get_logger()


class _Decoder(Protocol):
    def decode(self, encoded_frame: JitterFrame, /) -> list[Any]:
        """Return the frames that a packet completes."""


class Layer(NamedTuple):
    """The temporal layer of a VP8 picture, by its payload descriptor (RFC 7741, section 4.2)."""

    number: int = 0
    """TID: 0 is the base layer, which refers to no other."""
    switches_up: bool = False
    """Y: it refers to the base layer alone."""
    base_index: int | None = None
    """TL0PICIDX: the number of the base layer's picture that it is, or depends on; 0–255, then 0 again."""
    begins: bool = True
    """S and PID: the packet is the first one of its picture."""


_BASE = Layer()


def layer_of(payload: bytes) -> Layer:
    """Read the descriptor of a VP8 packet; the base layer if it says nothing, or nothing that makes sense."""
    try:
        descriptor, _ = VpxPayloadDescriptor.parse(payload)
    except ValueError:
        return _BASE
    number, switches_up = descriptor.tid or (0, 0)
    begins = descriptor.partition_start == 1 and descriptor.partition_id == 0
    return Layer(number, bool(switches_up), descriptor.tl0picidx, begins)


class Pictures(JitterFrame):
    """A whole picture, and those behind it that had waited for the same lost packet."""

    def __init__(self, data: bytes, timestamp: int, layer: Layer = _BASE, *, after_gap: bool = False) -> None:
        super().__init__(data, timestamp)
        self.layer = layer
        self.after_gap = after_gap
        """Whether a picture before it was given up."""
        self.sent = timestamp
        """The sender's own stamp; aiortc makes of the other one what counts from 0."""
        self.behind: list[Pictures] = []


class PictureBuffer(JitterBuffer):
    """Puts packets in order and gives a picture as soon as its last one, which bears the marker, is there.

    aiortc waits for a lost packet until 512 have come behind it, and hands out one picture a packet from then on. Here
    a picture with a hole is given up after half a second, and all that waited behind it goes on at once.

    A hole in which only pictures of an upper temporal layer can have been is given up sooner, and is no loss that a key
    frame is needed for: nothing of the base layer refers to them.

    A sender that marks parts of pictures, against RFC 7741 and RFC 6184, is found out at the first such picture; from
    then on a picture ends where the next one begins.
    """

    def __init__(self, is_vp8: Callable[[int], bool] = lambda _: False) -> None:
        """Begin; ``is_vp8`` tells of a payload type whether it is VP8, whose layers are known."""
        super().__init__(capacity=512, is_video=True)
        self._is_vp8 = is_vp8
        self._base_index: int | None = None
        """That of the picture given last."""
        self._gap = False
        self._marker_ends = True
        self._given: int | None = None
        """Stamp of the picture given last."""
        self._scanned = (-1, 0)
        """The origin at the last look, and how many packets from there on were known to belong to one picture."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; returns whether a key frame is needed, and a picture that is whole now."""
        lost, first = super().add(packet)
        while (passed := self._pass_upper_hole(packet)) or self._is_overdue(packet):
            if not passed:
                lost = True
                self._give_up()
            self._gap = True
            more = self._remove_frame(packet.sequence_number)
            if first is None:
                first = more
            elif isinstance(first, Pictures) and isinstance(more, Pictures):
                first.behind += [more, *more.behind]
        return lost, first

    def _pass_upper_hole(self, packet: RtpPacket) -> bool:
        """Pass over a hole in which nothing of the base layer is missing, if it is old enough; tell whether it was."""
        if self._base_index is None or (found := self._behind_hole(packet)) is None:
            return False
        at, oldest, beginning = found
        layer = layer_of(beginning.payload)
        is_old = _SHORT_HOLD < (packet.timestamp - oldest.timestamp) % _STAMPS < _STAMPS // 2
        if not is_old or layer.base_index != (self._base_index + (layer.number == 0)) % _BASE_INDICES:
            return False
        self.remove(at)
        return True

    def _behind_hole(self, packet: RtpPacket) -> tuple[int, RtpPacket, RtpPacket] | None:
        """Return how far off a picture of VP8 begins behind a hole, the first packet behind that, and the picture's."""
        origin = self._origin
        if origin is None or self._packets[packet.sequence_number % self._capacity] is not packet:
            return None
        oldest: RtpPacket | None = None
        hole = False
        for at in range(self._scanned[1], uint16_add(packet.sequence_number, -origin) + 1):
            behind = self._packets[(origin + at) % self._capacity]
            hole = hole or behind is None
            if not hole or behind is None:
                continue
            oldest = oldest or behind
            if self._is_vp8(behind.payload_type) and layer_of(behind.payload).begins:
                return at, oldest, behind
        return None

    def _is_overdue(self, packet: RtpPacket) -> bool:
        """Whether there is a hole before this packet, and what came right behind that is half a second older."""
        origin, known = self._origin, self._scanned[1]
        if origin is None or self._packets[packet.sequence_number % self._capacity] is not packet:
            return False
        for at in range(known + 1, uint16_add(packet.sequence_number, -origin) + 1):
            behind = self._packets[(origin + at) % self._capacity]
            if behind is not None:
                return _LONGEST_HOLD < (packet.timestamp - behind.timestamp) % _STAMPS < _STAMPS // 2
        return False

    def _give_up(self) -> None:
        """Pass over the picture with the hole and over the one behind it, whose beginning may be lost as well."""
        assert self._origin is not None
        there = [at for at in range(self._capacity) if self._packets[(self._origin + at) % self._capacity] is not None]
        behind_hole, stamp = False, None
        for _ in range(there[-1] + 1):
            packet = self._packets[self._origin % self._capacity]
            if packet is None:
                behind_hole, stamp = True, None
            elif behind_hole and stamp is not None and packet.timestamp != stamp:
                return
            else:
                stamp = packet.timestamp
            self.remove(1)

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        first = picture = self._next_picture()
        while first is not None and (picture := self._next_picture()) is not None:
            first.behind.append(picture)
        return first

    def _next_picture(self) -> Pictures | None:
        self._pass_rest()
        origin, packets = self._origin, self._packets
        if origin is None:
            return None
        if self._scanned[0] != origin:
            self._scanned = origin, 0
        count = self._scanned[1]
        stamp = first.timestamp if (first := packets[origin % self._capacity]) is not None else None
        while count < self._capacity and (packet := packets[(origin + count) % self._capacity]) is not None:
            if packet.timestamp != stamp:
                return self._taken(count)
            count += 1
            if packet.marker and self._marker_ends:
                return self._taken(count)
        self._scanned = origin, count
        return None

    def _pass_rest(self) -> None:
        """Pass over what comes behind the end of a picture: padding, or the proof that it was not the end."""
        while self._origin is not None and (packet := self._packets[self._origin % self._capacity]) is not None:
            if packet.timestamp != self._given:
                return
            if packet.payload:
                self._marker_ends = False
                return
            self.remove(1)

    def _taken(self, count: int) -> Pictures:
        assert self._origin is not None
        packets = [self._packets[(self._origin + at) % self._capacity] for at in range(count)]
        self.remove(count)
        whole = [packet for packet in packets if packet is not None]
        self._given = whole[0].timestamp
        data = b"".join(packet._data for packet in whole)  # type: ignore[attr-defined]
        layer = layer_of(whole[0].payload) if self._is_vp8(whole[0].payload_type) else _BASE
        self._base_index = layer.base_index
        after_gap, self._gap = self._gap, False
        return Pictures(data, self._given, layer, after_gap=after_gap)


class BurstEstimator(RemoteBitrateEstimator):
    """aiortc's estimate of what the line bears, told once of all packets that come in one millisecond.

    To the estimate they are one burst either way; a picture's packets come together, and telling of each took a sixth
    of the time of the network side.
    """

    def __init__(self) -> None:
        super().__init__()
        self._burst: tuple[int, int, int, int] | None = None
        """Milliseconds of arrival, stamp of the latest, bytes, and who sent it."""

    def add(
        self, arrival_time_ms: int, abs_send_time: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        """Take in a packet; returns bits a second and the senders that they are for, where it is time to tell them."""
        before = self._burst
        if before is not None and (before[0], before[3]) == (arrival_time_ms, ssrc):
            self._burst = arrival_time_ms, abs_send_time, before[2] + payload_size, ssrc
            return None
        self._burst = arrival_time_ms, abs_send_time, payload_size, ssrc
        return super().add(*before) if before is not None else None


class TemporalLayers:
    """Tells which pictures of a VP8 stream can be left undecoded, or have to be since what they refer to was.

    A picture of the base layer refers to no other layer; one of an upper layer may refer to any before it, unless it is
    marked as a point to switch up at.
    """

    def __init__(self) -> None:
        self.base_only = False
        """Whether upper layers are left out from now on; may be set by any thread."""
        self.left_out = 0
        self._highest = _TOP_LAYER
        """The highest layer of which nothing is missing."""
        self._missing_since: int | None = None
        """Stamp of the first picture that was left out though nobody wants it to be."""
        self._asked = 0

    def takes(self, picture: Pictures) -> bool:
        """Tell whether a picture is to be decoded; to be asked of each one in its order."""
        layer = picture.layer
        is_key = picture.data and not picture.data[0] & 1
        if is_key or self._waited(picture) > _TAKE_AFTER:
            self._highest = _TOP_LAYER
        elif self.base_only or picture.after_gap:
            self._highest = 0
        elif layer.switches_up and layer.number == self._highest + 1:
            self._highest = layer.number
        taken = layer.number <= self._highest
        if self.base_only or is_key or (taken and layer.number):
            self._missing_since, self._asked = None, 0
        elif not taken and self._missing_since is None:
            self._missing_since = picture.sent
        self.left_out += not taken
        return taken

    def wants_key_frame(self, picture: Pictures) -> bool:
        """Tell, once a second, whether upper layers stay away that nobody leaves out, with no point to switch up at."""
        wants = self._waited(picture) > _ASK_AFTER * (self._asked + 1)
        self._asked += wants
        return wants

    def _waited(self, picture: Pictures) -> int:
        """Return for how many ticks upper layers have been missed."""
        return (picture.sent - self._missing_since) % _STAMPS if self._missing_since is not None else 0


class _NativeVp8:
    """FFmpeg's own VP8 decoder: the same pictures as libvpx to the last bit, without a copy of each."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("vp8", "r")
        self._codec.thread_count = 1

    def decode(self, encoded_frame: JitterFrame, /) -> list[Any]:
        packet = av.Packet(encoded_frame.data)
        packet.pts, packet.time_base = encoded_frame.timestamp, VIDEO_TIME_BASE
        return list(self._codec.decode(packet))


class _Inlet:
    """The queue before a decoder, as aiortc knows it, of which the other end is our own loop.

    aiortc's decoder thread asks it for work with :meth:`get`; it is kept there, and works for us until the end.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ended = False

    @property
    def waiting(self) -> int:
        """How much waits for the thread."""
        return self._waiting.qsize()

    def put(self, task: Any) -> None:
        """Take (codec, encoded picture), or None for the end."""
        if self._ended:
            return
        self._ended = task is None
        self._waiting.put(task)

    def get(self) -> None:
        """Work until the end, which is all that aiortc's thread hears of it."""
        while (task := self._waiting.get()) is not None:
            if self._ended:
                continue
            try:
                self._work(task)
            except Exception:
                # The thread is aiortc's: if it died here, all that comes would wait for ever.
                _log.exception("not_decoded")

    def _work(self, task: Any) -> None:
        """Drop it."""


class Decoding(_Inlet):
    """Decodes what comes in, in the thread that calls :meth:`get`, and hands every picture on to ``take``."""

    def __init__(self, take: Callable[[av.VideoFrame], None], failed: threading.Event) -> None:
        super().__init__()
        self._take = take
        self._failed = failed
        self._decoder: _Decoder | None = None
        self._codec_name = ""
        self.layers = TemporalLayers()
        self.base_pictures = 0
        """Pictures of the base layer that have come; all are, in a video without layers."""
        self.dropped = 0
        """Pictures that went undecoded because too many waited before them."""

    def run(self, task: Callable[[], None]) -> None:
        """Run something in the decoder's thread, between two pictures."""
        self.put(task)

    def ask_for_key_frame(self) -> None:
        """Let aiortc ask for one with the next packet; may be called by any thread."""
        self._failed.set()

    def put(self, task: Any) -> None:
        """Take it; with too many before it they all go, and a key frame is asked for: latency never grows instead."""
        if isinstance(task, tuple):
            self.base_pictures += _base_pictures_in(task[1])
        if task is not None and not self._ended and self.waiting >= _MOST_WAITING:
            dropped = 1
            with contextlib.suppress(queue.Empty):
                while True:
                    self._waiting.get_nowait()
                    dropped += 1
            self._failed.set()
            self.dropped += dropped
            _log.warning("decoder_behind", dropped=dropped)
            # This one goes too: before the next, aiortc has asked for the key frame and we have heard of it.
            return
        super().put(task)

    def _work(self, task: Any) -> None:
        if callable(task):
            task()
            return
        codec, encoded = task
        for one in _told_apart(encoded):
            if not one.data or self._ended:
                continue
            if not isinstance(one, Pictures) or self.layers.takes(one):
                self._decode(codec, one)
            elif self.layers.wants_key_frame(one):
                self._failed.set()

    def _decode(self, codec: RTCRtpCodecParameters, encoded: JitterFrame) -> None:
        if self._decoder is None or codec.name != self._codec_name:
            self._decoder = _NativeVp8() if codec.name == "VP8" else get_decoder(codec)
            self._codec_name = codec.name
        try:
            frames = self._decoder.decode(encoded)
        except av.FFmpegError:
            # As aiortc does: its loop asks for a key frame. The decoder stays, to need nothing but that.
            self._failed.set()
            return
        for frame in frames:
            try:
                self._take(cast(av.VideoFrame, frame))
            except Exception:
                _log.exception("frame_not_taken")


def _base_pictures_in(encoded: JitterFrame) -> int:
    if not isinstance(encoded, Pictures):
        return 1
    return sum(one.layer.number == 0 for one in (encoded, *encoded.behind))


def _told_apart(encoded: JitterFrame) -> list[JitterFrame]:
    """Return the pictures that came as one, with stamps that go on from that of the first, which aiortc has mapped."""
    if not isinstance(encoded, Pictures):
        return [encoded]
    for one in encoded.behind:
        ticks = (one.sent - encoded.sent + _STAMPS // 2) % _STAMPS - _STAMPS // 2
        one.timestamp = encoded.timestamp + ticks
    return [encoded, *encoded.behind]


def receive_pictures(receiver: RTCRtpReceiver, take: Callable[[av.VideoFrame], None]) -> Decoding:
    """Let a video receiver hand its decoded pictures to ``take``, in the decoder's thread; its track only ends.

    To be called before the receiver has started. Returns what decodes, which is then aiortc's to start and to end.

    Raises
    ------
    RuntimeError
        This is another aiortc than this was written for.
    """
    _check(receiver)
    decoding = Decoding(take, getattr(receiver, _FAILED))
    codecs: dict[int, RTCRtpCodecParameters] = getattr(receiver, _CODECS)

    def is_vp8(payload_type: int) -> bool:
        codec = codecs.get(payload_type)
        return codec is not None and codec.name == "VP8"

    setattr(receiver, _BUFFER, PictureBuffer(is_vp8))
    setattr(receiver, _QUEUE, decoding)
    setattr(receiver, _ESTIMATOR, BurstEstimator())
    return decoding


def leave_undecoded(receiver: RTCRtpReceiver) -> None:
    """Let a receiver drop what it gets before it is decoded; its track only ends."""
    _check(receiver)
    setattr(receiver, _QUEUE, _Inlet())


def _check(receiver: RTCRtpReceiver) -> None:
    missing = [name for name in (_BUFFER, _QUEUE, _FAILED, _ESTIMATOR, _CODECS) if not hasattr(receiver, name)]
    if missing:
        raise RuntimeError(f"expected aiortc 1.16, whose RTCRtpReceiver has {', '.join(missing)}")
