"""From packets to decoded pictures: what stands in for aiortc's jitter buffer and its decoder.

aiortc holds a picture back until a packet of the next one has come, which at 30 frames a second is 33 ms, and hands it
over by way of its event loop, which costs time. Here a picture is decoded as soon as the packet marked as its last is
there, and goes on from the decoder's own thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol, cast

import av
import structlog
from aiortc import RTCRtpReceiver
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import VIDEO_TIME_BASE

_BUFFER, _QUEUE, _FAILED = (f"_RTCRtpReceiver__{name}" for name in ("jitter_buffer", "decoder_queue", "decoder_error"))
_log = structlog.get_logger()


class _Decoder(Protocol):
    def decode(self, encoded_frame: JitterFrame, /) -> list[Any]:
        """Return the frames that a packet completes."""


class PictureBuffer(JitterBuffer):
    """Puts packets in order and gives a picture as soon as its last one, which bears the marker, is there.

    A sender that marks parts of pictures, against RFC 7741 and RFC 6184, is found out at the first such picture; from
    then on a picture ends where the next one begins.
    """

    def __init__(self) -> None:
        super().__init__(capacity=512, is_video=True)
        self._marker_ends = True
        self._given: int | None = None
        """Stamp of the picture given last."""
        self._scanned = (-1, 0)
        """The origin at the last look, and how many packets from there on were known to belong to one picture."""

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        self._pass_rest()
        origin, packets = self._origin, self._packets
        first = packets[origin % self._capacity] if origin is not None else None
        if origin is None or first is None:
            return None
        count = self._scanned[1] if self._scanned[0] == origin else 0
        while count < self._capacity and (packet := packets[(origin + count) % self._capacity]) is not None:
            if packet.timestamp != first.timestamp:
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

    def _taken(self, count: int) -> JitterFrame:
        assert self._origin is not None
        packets = [self._packets[(self._origin + at) % self._capacity] for at in range(count)]
        self.remove(count)
        whole = [packet for packet in packets if packet is not None]
        self._given = whole[0].timestamp
        return JitterFrame(b"".join(packet._data for packet in whole), self._given)  # type: ignore[attr-defined]


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

    def put(self, task: Any) -> None:
        """Take (codec, encoded picture), or None for the end."""
        self._ended = self._ended or task is None
        self._waiting.put(task)

    def get(self) -> None:
        """Work until the end, which is all that aiortc's thread hears of it."""
        while (task := self._waiting.get()) is not None:
            if not self._ended:
                self._work(task)

    def _work(self, task: Any) -> None:
        """Drop it."""


class _Decoding(_Inlet):
    def __init__(self, take: Callable[[av.VideoFrame], None], failed: threading.Event) -> None:
        super().__init__()
        self._take = take
        self._failed = failed
        self._decoder: _Decoder | None = None
        self._codec_name = ""

    def _work(self, task: Any) -> None:
        if callable(task):
            task()
            return
        codec, encoded = task
        if not encoded.data:
            return
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


def receive_pictures(
    receiver: RTCRtpReceiver, take: Callable[[av.VideoFrame], None]
) -> Callable[[Callable[[], None]], None]:
    """Let a video receiver hand its decoded pictures to ``take``, in the decoder's thread; its track only ends.

    To be called before the receiver has started. Returns what runs something in that thread, between two pictures.

    Raises
    ------
    RuntimeError
        This is another aiortc than this was written for.
    """
    _check(receiver)
    decoding = _Decoding(take, getattr(receiver, _FAILED))
    setattr(receiver, _BUFFER, PictureBuffer())
    setattr(receiver, _QUEUE, decoding)
    return decoding.put


def leave_undecoded(receiver: RTCRtpReceiver) -> None:
    """Let a receiver drop what it gets before it is decoded; its track only ends."""
    _check(receiver)
    setattr(receiver, _QUEUE, _Inlet())


def _check(receiver: RTCRtpReceiver) -> None:
    missing = [name for name in (_BUFFER, _QUEUE, _FAILED) if not hasattr(receiver, name)]
    if missing:
        raise RuntimeError(f"expected aiortc 1.16, whose RTCRtpReceiver has {', '.join(missing)}")
