"""Real clips and pictures for tests, written by PyAV: four coloured quarters with a bar that moves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.container
import numpy as np
from av.stream import Disposition

from liveness.frames import Floats, Pixels

QUARTERS = {"red": (200, 40, 40), "green": (40, 180, 40), "blue": (40, 40, 200), "white": (220, 220, 220)}
"""Colours of the upper left, upper right, lower left and lower right quarter."""

SOUND_RATE = 48_000


def quarters(width: int = 160, height: int = 120, index: int = 0) -> Pixels:
    """Return an RGB picture whose orientation and time can be told from any copy of it."""
    picture = np.empty((height, width, 3), dtype=np.uint8)
    middle_y, middle_x = height // 2, width // 2
    red, green, blue, white = QUARTERS.values()
    picture[:middle_y, :middle_x], picture[:middle_y, middle_x:] = red, green
    picture[middle_y:, :middle_x], picture[middle_y:, middle_x:] = blue, white
    left = 4 * index % max(1, width - 8)
    picture[middle_y - 4 : middle_y + 4, left : left + 8] = 0
    return picture


def noise(width: int = 160, height: int = 120, seed: int = 0) -> Pixels:
    """Return an RGB picture of soft noise, on which every pixel and row differs."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    picture = coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width].astype(np.int16)
    fine = rng.integers(-20, 21, picture.shape, dtype=np.int16)
    return np.asarray(np.clip(picture + fine, 0, 255), dtype=np.uint8)


def colour_at(rgb: Pixels, x: float, y: float) -> str:
    """Name the quarter colour nearest to the pixel at a relative place, each 0–1."""
    height, width = rgb.shape[:2]
    pixel = rgb[int(y * (height - 1)), int(x * (width - 1))].astype(int)
    return min(QUARTERS, key=lambda name: int(np.abs(pixel - QUARTERS[name]).sum()))


def corners(rgb: Pixels) -> list[str]:
    """Name the colours in the upper left, upper right, lower left and lower right."""
    return [colour_at(rgb, x, y) for y in (0.15, 0.85) for x in (0.15, 0.85)]


def video_frame(picture: Pixels, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """Return an RGB picture as a frame of another format."""
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)


@dataclass(frozen=True)
class Track:
    """One video stream to be written: ``count`` pictures at ``fps``, or at the given ``times_s``."""

    codec: str = "libx264"
    size: tuple[int, int] = (160, 120)
    pix_fmt: str = "yuv420p"
    fps: int = 10
    count: int = 10
    times_s: Sequence[float] | None = None
    draw: Callable[[int, int, int], Pixels] = quarters
    options: Mapping[str, str] = field(default_factory=dict)
    rotation: float = 0.0
    sample_aspect: Fraction | None = None
    default: bool = True
    cover: bool = False

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield the frames with their timestamps in milliseconds."""
        times_s = self.times_s or [index / self.fps for index in range(self.count)]
        for index, time_s in enumerate(times_s):
            frame = video_frame(self.draw(*self.size, index), self.pix_fmt)
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            yield frame


_QUIET_FAST: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "ultrafast", "threads": "1"},
    "libx265": {
        "preset": "ultrafast",
        "x265-params": "log-level=none:pools=none:frame-threads=1:keyint=5:scenecut=0",
    },
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "13", "svtav1-params": "lp=1"},
}


def write_clip(
    path: Path,
    *tracks: Track,
    sound: Floats | None = None,
    sound_codec: str = "aac",
    sound_start_s: float = 0.0,
    muxing: Mapping[str, str] | None = None,
) -> Path:
    """Write a clip of the tracks and of (n,) mono sound at 48 kHz; with neither, of one usual track."""
    chosen = tracks or ((Track(),) if sound is None else ())
    with av.open(str(path), "w", options=dict(muxing or {})) as container:
        streams = [_add_video(container, track) for track in chosen]
        sounding = _add_sound(container, sound_codec) if sound is not None else None
        for track, stream in zip(chosen, streams, strict=True):
            for frame in track.frames():
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if sounding is not None and sound is not None:
            _encode_sound(container, sounding, sound, sound_start_s)
    if any(track.codec == "libsvtav1" for track in chosen):
        # As root, SVT-AV1 gives the calling thread the highest real-time priority and leaves it so. All that this
        # process starts would inherit it, browsers included, and starve the rest of a small machine.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def _add_video(container: av.container.OutputContainer, track: Track) -> av.VideoStream:
    options = {**_QUIET_FAST.get(track.codec, {}), **track.options}
    stream = cast(av.VideoStream, container.add_stream(track.codec, rate=track.fps, options=options))
    stream.width, stream.height = track.size
    stream.pix_fmt = track.pix_fmt
    stream.codec_context.time_base = Fraction(1, 1000 if track.times_s else track.fps)
    if track.rotation:
        stream.set_display_rotation(track.rotation)
    if track.sample_aspect is not None:
        stream.codec_context.sample_aspect_ratio = track.sample_aspect
    if track.cover:
        stream.disposition = Disposition.attached_pic
    else:
        stream.disposition = Disposition.default if track.default else Disposition(0)
    return stream


def _add_sound(container: av.container.OutputContainer, codec: str) -> av.AudioStream:
    stream = cast(av.AudioStream, container.add_stream(codec, rate=SOUND_RATE))
    stream.layout = "mono"
    return stream


def _encode_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, sound: Floats, start_s: float
) -> None:
    for at in range(0, sound.size, 960):
        part = sound[None, at : at + 960]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        frame.pts = at + round(start_s * SOUND_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def tone(duration_s: float, *, from_s: float = 0.0, hertz: float = 440.0) -> Floats:
    """Return (n,) samples at 48 kHz: silence until ``from_s``, then a tone of amplitude one half."""
    time_s = np.arange(round(duration_s * SOUND_RATE)) / SOUND_RATE
    wave = 0.5 * np.sin(2 * np.pi * hertz * time_s) * (time_s >= from_s)
    return np.asarray(wave, dtype=np.float32)


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Return (position, size) in bytes of the video packets of a file, in its order."""
    with av.open(str(path)) as container:
        return [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]


def overwrite(path: Path, spans: Sequence[tuple[int, int]], seed: int = 1) -> None:
    """Put noise over (position, size) spans of a file."""
    data, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for at, size in spans:
        data[at : at + size] = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
    path.write_bytes(data)


def cut(path: Path, share: float) -> None:
    """Keep the first ``share`` of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
