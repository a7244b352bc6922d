"""The call around a clip: a codec at some bitrate, a smaller picture, losses and the freezes after them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self

import av
import av.video.codeccontext
import av.video.frame
import cv2
import numpy as np

from liveness.frames import Pixels
from liveness.lab.attacks.source import Source

Codec = Literal["vp8", "h264"]
HEIGHTS = (180, 240, 360, 480, 720)


@dataclass(frozen=True, slots=True)
class Call:
    """How good a line is."""

    codec: Codec
    kbit_s: float
    """150–2,500."""
    height: int
    """Of the picture's shorter side as it is sent; it is never scaled up."""
    loss: float
    """Share of pictures of which a part is lost on the way."""
    recovery_s: float
    """How long the picture stands still after a loss, until a key frame has come."""
    layers: int = 1
    """Temporal layers of VP8, one or two: of two, every other picture is one that the others do not need."""
    decoded: int = 1
    """Of these how many are decoded; where a picture is not, the one before stays."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Draw a line between poor and good."""
        return cls(
            codec="vp8" if rng.random() < 0.6 else "h264",
            kbit_s=float(np.exp(rng.uniform(np.log(150), np.log(2500)))),
            height=int(rng.choice(HEIGHTS)),
            loss=float(rng.choice([0.0, 0.0, 0.003, 0.01, 0.03])),
            recovery_s=rng.uniform(0.1, 0.8),
        )


def through(pictures: Iterable[Pixels], fps: float, call: Call, rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield what arrives of the pictures, one for each, all of one size; a lost one is the one before again."""
    wanted = iter(pictures)
    first = next(wanted, None)
    if first is None:
        return
    size = _sent_size(first, call.height)
    encoder, decoder = _encoder(call, size, fps), _decoder(call.codec)
    last: Pixels | None = None
    frozen_until = -1
    ask = True
    for index, picture in enumerate(itertools.chain([first], wanted)):
        small = np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(small, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, 1 / Fraction(fps).limit_denominator(1001)
        if ask:
            frame.pict_type = av.video.frame.PictureType.I
        packets = encoder.encode(frame)
        if index and index > frozen_until and rng.random() < call.loss:
            frozen_until = index + max(1, round(call.recovery_s * fps))
        ask = index + 1 == frozen_until
        if index < frozen_until and last is not None:
            yield last
            continue
        if index % call.layers >= call.decoded and last is not None:
            yield last
            continue
        for packet in packets:
            for decoded in decoder.decode(packet):
                last = np.asarray(decoded.to_ndarray(format="rgb24"), dtype=np.uint8)
        yield last if last is not None else small


def call(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """The clip itself as it comes out of a call: no attack, a line."""
    return through(source.pictures, source.fps, Call.drawn(rng), rng)


def _size(picture: Pixels) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]


def _sent_size(picture: Pixels, height: int) -> tuple[int, int]:
    width, tall = _size(picture)
    scale = min(1.0, height / min(width, tall))
    return max(2, round(width * scale / 2) * 2), max(2, round(tall * scale / 2) * 2)


def _encoder(call: Call, size: tuple[int, int], fps: float) -> av.VideoCodecContext:
    name = "libvpx" if call.codec == "vp8" else "libx264"
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    rate = Fraction(fps).limit_denominator(1001)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate, encoder.time_base = rate, 1 / rate
    encoder.bit_rate = int(call.kbit_s * 1000)
    encoder.gop_size = 3000
    encoder.thread_count = 1
    bits = str(int(call.kbit_s * 1000))
    if call.codec == "vp8":
        encoder.options = {
            "deadline": "realtime",
            "cpu-used": "6",
            "lag-in-frames": "0",
            "error-resilient": "1",
            "maxrate": bits,
            "minrate": bits,
            "bufsize": bits,
            "undershoot-pct": "95",
            "qmin": "2",
            "qmax": "56",
        }
        if call.layers == 2:
            encoder.options |= {"ts-parameters": two_layers(call.kbit_s)}
    else:
        encoder.options = {"preset": "superfast", "tune": "zerolatency", "maxrate": bits, "bufsize": bits}
    return encoder


def two_layers(kbit_s: float) -> str:
    """Return libvpx's parameters of two temporal layers, as a browser sends VP8 in the mode ``L1T2``."""
    told = {
        "ts_number_layers": "2",
        "ts_target_bitrate": f"{round(kbit_s * 0.6)},{round(kbit_s)}",
        "ts_rate_decimator": "2,1",
        "ts_periodicity": "2",
        "ts_layer_id": "0,1",
        "ts_layering_mode": "2",
    }
    return ":".join(f"{name}={value}" for name, value in told.items())


def _decoder(codec: Codec) -> av.VideoCodecContext:
    decoder = av.CodecContext.create("vp8" if codec == "vp8" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    return decoder
