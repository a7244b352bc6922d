"""PyAV: a recording, a picture or a live ``av.VideoFrame`` becomes frames with media time.

A :class:`Recording` decodes a file once, from start to end, one frame at a time. A :class:`MediaFrame`
converts nothing until its pixels are asked for. What is asked for twice is computed once, and what a
conversion gives never depends on what was asked for before it.

Routes to the pixels of a 720p frame in yuv420p, with the median time each takes on one core of a busy cloud
machine with two:

- ``luma()``: a view of the Y plane, 0.005 ms. The probe lives on it.
- ``rgb()``: swscale's unscaled converter, 0.3 ms. OpenCV takes 0.45 ms and knows one colour matrix only,
  where swscale heeds the matrix (BT.601, BT.709, BT.2020) and the range (limited, full) that the stream
  states. It truncates where exact arithmetic would round, so that values lie about one level low.
- ``rgb(max_width=…)``: OpenCV scales each plane, then swscale converts: 0.35 ms for 640, 0.7 ms for 256.
  Scaling by swscale takes 1.0 ms, converting first and scaling afterwards 0.7 ms for 640.
- ``crop_rgb(box)``: converts the planes under the box only, 0.06 ms for 64 × 64 and 0.1 ms for 240 × 240.
  Since the same converter sees the same samples, a crop equals that part of ``rgb()`` to the last bit.

Chroma of other layouts (4:2:2, 4:4:4, RGB, palettes) is kept whole: such a frame is converted once in full
(0.5 ms for 4:2:2, 5 ms for 4:4:4) and cropped and scaled from there. Deeper samples come down to 8 bits,
which takes 0.7 ms for 4:2:0 with 10 bits; HDR is not tone-mapped.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import av
import av.container
import av.error
import av.logging
import av.stream
import cv2
import numpy as np
from av.codec.context import ThreadType
from av.stream import Disposition
from av.video.reformatter import Interpolation

from liveness.errors import ConfigError, MediaError
from liveness.frames import Box, Floats, Pixels

AUDIO_RATE = 16_000
"""Samples a second of :attr:`MediaFrame.audio`."""

MIN_REGION = 64
"""Least width and height of a region, in pixels."""

PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""File name endings, in lower case, that mean a still picture."""

_MAX_AUDIO = 10 * AUDIO_RATE
_MAX_PIXELS = 1 << 27
_MAX_FPS = 480
_MAX_READ_FAILURES = 32
_EARLY_END_S = 0.5
_BACKWARD_JUMP_S = 1.0
_FORWARD_JUMP_S = 10.0
_LEAST_STEP_S = 0.001
_USUAL_STEP_S = 0.04
_AUDIO_SLACK = AUDIO_RATE // 20


# Geometry: from the picture as coded to the upright region of it.


class _Rect(NamedTuple):
    """Whole pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top

    @property
    def cut(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def inside(self, other: _Rect) -> bool:
        """Whether all of it lies in another one."""
        begins = other.left <= self.left and other.top <= self.top
        return begins and self.right <= other.right and self.bottom <= other.bottom

    def moved(self, right: int, down: int) -> _Rect:
        return _Rect(self.left + right, self.top + down, self.right + right, self.bottom + down)


class _Turn(NamedTuple):
    """What makes a coded picture upright: swap rows and columns first, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def degrees(self) -> int:
        """Counter-clockwise turn: 0, 90, 180 or 270; of a mirrored picture, the one beside its mirroring."""
        if self.transpose:
            return 90 if self.flip_y else 270
        return 180 if self.flip_y else 0

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) after the turn."""
        return (size[1], size[0]) if self.transpose else size

    def back(self, rect: _Rect, size: tuple[int, int]) -> _Rect:
        """Where a part of the upright picture lies in the coded one, whose ``size`` is given."""
        left, top, right, bottom = rect
        width, height = self.size(size)
        if self.flip_x:
            left, right = width - right, width - left
        if self.flip_y:
            top, bottom = height - bottom, height - top
        return _Rect(top, left, bottom, right) if self.transpose else _Rect(left, top, right, bottom)

    def apply(self, pixels: Pixels) -> Pixels:
        """Turn an array of (height, width[, 3]); the same array when there is nothing to turn."""
        turned: cv2.typing.MatLike = pixels
        if self.transpose:
            turned = cv2.transpose(turned)
        if self.flip_x or self.flip_y:
            turned = cv2.flip(turned, -1 if self.flip_x and self.flip_y else int(self.flip_x))
        return np.asarray(turned, dtype=np.uint8)


_TURN_OF_DEGREES = {
    0: _Turn(),
    90: _Turn(transpose=True, flip_y=True),
    180: _Turn(flip_x=True, flip_y=True),
    270: _Turn(transpose=True, flip_x=True),
}


def _turn_of(source: av.VideoFrame) -> _Turn:
    """Read the turn from the display matrix, to the nearest quarter.

    Mirroring is not read: that needs PyAV's side data, which keep a frame in memory until the garbage
    collector comes by, and of some files (a PNG with a colour profile) bring the process down then. A
    picture that is only mirrored comes out upside down.
    """
    return _TURN_OF_DEGREES[round(source.rotation / 90) % 4 * 90]


def _square(width: int, height: int, sample_aspect: float) -> tuple[int, int]:
    """Size with square pixels; the narrower side grows, so that no detail is lost."""
    if sample_aspect > 1:
        return round(width * sample_aspect), height
    return width, round(height / sample_aspect)


def _whole(box: Box, width: int, height: int) -> _Rect:
    """Nearest whole pixels of the part of ``box`` inside a picture."""
    inside = box.clipped(width, height)
    left, top, right, bottom = (
        math.floor(edge + 0.5) for edge in (inside.left, inside.top, inside.right, inside.bottom)
    )
    return _Rect(left, top, max(left, right), max(top, bottom))


# Pixel formats.


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a pixel format is dealt with."""

    kind: Literal["420", "422", "gray", "rgb", "yuv"]
    plain: str
    """The 8-bit format that it is brought to where it has to be converted."""
    has_luma_plane: bool
    """Whether plane 0 is 8-bit luma and nothing else."""


_DIRECT = frozenset({"yuv420p", "yuvj420p"})
_CAREFUL = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
_KNOWN_MATRICES = frozenset({1, 2, 4, 5, 6, 7, 9})
_UNSPECIFIED_MATRIX = 2


@functools.cache
def _layout(name: str) -> _Layout:
    pixel_format = av.VideoFormat(name, 16, 16)
    components = pixel_format.components
    if pixel_format.is_rgb or pixel_format.has_palette or pixel_format.is_bayer or name.startswith("xyz"):
        return _Layout("rgb", "rgb24", has_luma_plane=False)
    alone = components[0].bits == 8 and all(part.plane for part in components[1:])
    colours = [part for part in components if not part.is_alpha]
    if len(colours) == 1:
        return _Layout("gray", "gray", has_luma_plane=alone)
    chroma = pixel_format.chroma_width(16), pixel_format.chroma_height(16)
    if chroma == (8, 8):
        return _Layout("420", name if name in _DIRECT else "yuv420p", has_luma_plane=alone)
    if chroma == (8, 16):
        return _Layout("422", name if alone else "yuv422p", has_luma_plane=alone)
    return _Layout("yuv", name if alone else "yuv444p", has_luma_plane=alone)


def _reformat(
    source: av.VideoFrame, name: str, *, size: tuple[int, int] | None = None, careful: bool = True
) -> av.VideoFrame:
    """Convert by swscale on one thread; ``careful`` trades speed for exact rounding and full chroma."""
    if source.colorspace not in _KNOWN_MATRICES and not source.format.is_rgb:
        source.colorspace = _UNSPECIFIED_MATRIX
    width, height = size or (source.width, source.height)
    interpolation = _CAREFUL if careful else Interpolation.BILINEAR
    return source.reformat(width=width, height=height, format=name, interpolation=interpolation, threads=1)


def _rgb_of(source: av.VideoFrame, *, careful: bool) -> Pixels:
    return np.asarray(_reformat(source, "rgb24", careful=careful).to_ndarray(), dtype=np.uint8)


def _plane(source: av.VideoFrame, index: int) -> Pixels:
    """View a plane of 8-bit samples as (height, width); it keeps the frame alive."""
    plane = source.planes[index]
    samples: Pixels = np.frombuffer(memoryview(plane), dtype=np.uint8)
    rows = samples.reshape(plane.height, abs(plane.line_size))
    return (rows if plane.line_size > 0 else rows[::-1])[:, : plane.width]


def _frozen(pixels: Pixels) -> Pixels:
    """Forbid writing: every signal sees the same array, and a decoder may still refer to it."""
    pixels.flags.writeable = False
    return pixels


def _fill(plane: Pixels, pixels: Pixels) -> None:
    """Copy into a plane; what it has more at the right and the bottom repeats the edge."""
    height, width = pixels.shape
    plane[:height, :width] = pixels
    plane[:height, width:] = plane[:height, width - 1 : width]
    plane[height:] = plane[height - 1]


def _assemble(like: av.VideoFrame, size: tuple[int, int], planes: list[Pixels]) -> av.VideoFrame:
    """Make a 4:2:0 frame with even sides of Y, U and V, in the colour space of ``like``."""
    width, height = size
    name = like.format.name if like.format.name in _DIRECT else "yuv420p"
    frame = av.VideoFrame(width + width % 2, height + height % 2, name)
    for index, pixels in enumerate(planes):
        _fill(_plane(frame, index), pixels)
    frame.colorspace = like.colorspace
    frame.color_range = like.color_range
    return frame


def _piece(source: av.VideoFrame, rect: _Rect) -> av.VideoFrame:
    """Return the part of a 4:2:0 frame under ``rect``, whose left and top are even, with even sides."""
    if rect == (0, 0, source.width, source.height) and not (source.width % 2 or source.height % 2):
        return source
    chroma = _Rect(rect.left // 2, rect.top // 2, (rect.right + 1) // 2, (rect.bottom + 1) // 2)
    cuts = (rect.cut, chroma.cut, chroma.cut)
    return _assemble(source, rect.size, [_plane(source, index)[cut] for index, cut in enumerate(cuts)])


def _shrunk(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale down: by area for the whole factor (fast in OpenCV only there), bilinear for what remains."""
    height, width = pixels.shape[:2]
    factor = min(width // size[0], height // size[1])
    scaled: cv2.typing.MatLike = pixels
    if factor > 1:
        scaled = cv2.resize(scaled, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    if scaled.shape[1::-1] != size:
        scaled = cv2.resize(scaled, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8)


class MediaFrame:
    """A :class:`liveness.frames.Frame` over a decoded ``av.VideoFrame``; converts nothing until asked.

    Parameters
    ----------
    source
        The decoded frame, from a recording or from a live track. It is referred to, not copied, and must
        not be changed afterwards.
    index
        Position among all decoded frames of the stream, from 0.
    time_s
        Media time in seconds from the start of the stream.
    dropped
        Decoded frames that were not analysed since the last analysed one; may be set later, too.
    region
        The part to look at, in pixels of the upright picture, rounded and clipped to it; None is all of it.
    sample_aspect
        Width of a coded pixel by its height; the picture is widened or heightened to make pixels square.
    audio
        (n,) sound at 16 kHz since the last analysed frame, in [-1, 1].
    turn
        What makes the frame upright, where a recording knows it already; else it is read from the frame.

    Raises
    ------
    MediaError
        Nothing of the region lies inside the picture.
    """

    def __init__(
        self,
        source: av.VideoFrame,
        *,
        index: int,
        time_s: float,
        dropped: int = 0,
        region: Box | None = None,
        sample_aspect: float = 1.0,
        audio: Floats | _AudioReader | None = None,
        turn: _Turn | None = None,
    ) -> None:
        self.index = index
        self.time_s = time_s
        self.dropped = dropped
        self._audio = audio
        self._source = source
        self._layout = _layout(source.format.name)
        self._size = _square(source.width, source.height, sample_aspect)
        self._turn = turn or (_turn_of(source) if source.rotation else _Turn())
        self._region = _region_in(region, self._turn.size(self._size))
        self.width, self.height = self._region.size
        self._plain: av.VideoFrame | None = None
        self._whole: Pixels | None = None
        self._luma: Pixels | None = None
        self._rgb: dict[int, Pixels] = {}
        self._part: tuple[_Rect, Pixels] = _Rect(0, 0, 0, 0), np.zeros((0, 0, 3), dtype=np.uint8)
        """The largest part that was converted by itself, since the others mostly lie in it."""

    @property
    def audio(self) -> Floats | None:
        """(n,) mono sound at 16 kHz, in [-1, 1], since the last frame whose sound was asked for, or None.

        At most the last ten seconds are kept. None if the recording has no sound or was read without
        ``audio=True``.
        """
        if isinstance(self._audio, _AudioReader):
            self._audio = self._audio.take(self.time_s)
        return self._audio

    @property
    def rotation_deg(self) -> int:
        """Counter-clockwise turn that made the frame upright: 0, 90, 180 or 270."""
        return self._turn.degrees

    def luma(self) -> Pixels:
        """Return (height, width) luma as coded (limited-range video keeps its 16–235); not writable.

        For 8-bit planar formats without rotation it is a view of the decoder's plane, valid as long as the
        array or this frame lives.
        """
        if self._luma is None:
            self._luma = _frozen(self._turn.apply(self._coded_luma())[self._region.cut])
        return self._luma

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        """Return (h, w, 3) RGB, scaled down to at most ``max_width`` pixels wide; not writable."""
        width = self.width if max_width is None else min(max_width, self.width)
        if width not in self._rgb:
            pixels = self._converted(self._region) if width == self.width else self._scaled(width)
            self._rgb[width] = _frozen(np.ascontiguousarray(pixels))
        return self._rgb[width]

    def crop_rgb(self, box: Box) -> Pixels:
        """Return (h, w, 3) RGB of the part of ``box`` inside the picture; not writable.

        The box is rounded to whole pixels; one that lies outside gives an array with no pixels.
        """
        rect = _whole(box, self.width, self.height)
        if 0 in rect.size:
            return np.zeros((*rect.size[::-1], 3), dtype=np.uint8)
        if self.width in self._rgb:
            pixels = self._rgb[self.width][rect.cut]
        elif rect.inside(self._part[0]):
            part, whole = self._part
            pixels = whole[rect.moved(-part.left, -part.top).cut]
        else:
            pixels = np.ascontiguousarray(self._converted(rect.moved(self._region.left, self._region.top)))
            if pixels.size > self._part[1].size:
                self._part = rect, pixels
        return _frozen(np.ascontiguousarray(pixels))

    def _plain_frame(self) -> av.VideoFrame:
        """Return the frame in an 8-bit format of its kind, with square pixels."""
        if self._plain is None:
            done = self._layout.plain == self._source.format.name and self._size == self._coded_size
            self._plain = self._source if done else _reformat(self._source, self._layout.plain, size=self._size)
        return self._plain

    @property
    def _coded_size(self) -> tuple[int, int]:
        return self._source.width, self._source.height

    def _coded_luma(self) -> Pixels:
        if self._layout.kind == "rgb":
            return np.asarray(cv2.cvtColor(self._whole_rgb(), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        if self._layout.has_luma_plane and self._size == self._coded_size:
            return _plane(self._source, 0)
        return _plane(self._plain_frame(), 0)

    def _whole_rgb(self) -> Pixels:
        """Return all of a picture that is not 4:2:0, as coded."""
        if self._whole is None:
            self._whole = _rgb_of(self._plain_frame(), careful=self._layout.kind != "422")
        return self._whole

    def _converted(self, upright: _Rect) -> Pixels:
        """Return the RGB of a part of the whole upright picture."""
        rect = self._turn.back(upright, self._size)
        if self._layout.kind != "420":
            return self._turn.apply(self._whole_rgb()[rect.cut])
        even = _Rect(rect.left & ~1, rect.top & ~1, rect.right, rect.bottom)
        width, height = self._size
        even = even._replace(right=min(even.right + even.right % 2, width))
        even = even._replace(bottom=min(even.bottom + even.bottom % 2, height))
        pixels = _rgb_of(_piece(self._plain_frame(), even), careful=False)
        return self._turn.apply(pixels[rect.moved(-even.left, -even.top).cut])

    def _scaled(self, width: int) -> Pixels:
        """Return the region's RGB at ``width``; of 4:2:0 the planes are scaled before they are converted."""
        size = width, max(1, round(self.height * width / self.width))
        rect = self._turn.back(self._region, self._size)
        if self._layout.kind != "420" or rect.left % 2 or rect.top % 2:
            return _shrunk(self.rgb(), size)
        plain = self._plain_frame()
        coded = self._turn.size(size)
        half = (coded[0] + 1) // 2, (coded[1] + 1) // 2
        chroma = _Rect(rect.left // 2, rect.top // 2, (rect.right + 1) // 2, (rect.bottom + 1) // 2)
        planes = [
            _shrunk(_plane(plain, index)[cut], target)
            for index, (cut, target) in enumerate(((rect.cut, coded), (chroma.cut, half), (chroma.cut, half)))
        ]
        pixels = _rgb_of(_assemble(plain, coded, planes), careful=False)
        return self._turn.apply(pixels[: coded[1], : coded[0]])


def _region_in(region: Box | None, size: tuple[int, int]) -> _Rect:
    rect = _Rect(0, 0, *size) if region is None else _whole(region, *size)
    if 0 in rect.size:
        raise MediaError(f"{_said(region)}: nothing of it lies inside the {size[0]} × {size[1]} picture")
    return rect


def _said(region: Box | None) -> str:
    if region is None:
        return "whole picture"
    return f"region from ({region.left:g}, {region.top:g}) to ({region.right:g}, {region.bottom:g})"


def _check_region(region: Box, size: tuple[int, int], path: Path) -> None:
    """Refuse a region that no picture could have, or that this recording's picture of ``size`` has not."""
    edges = (region.left, region.top, region.right, region.bottom)
    if not all(math.isfinite(edge) and edge >= 0 for edge in edges):
        raise ConfigError(f"{_said(region)}: expected edges of 0 or more, in pixels; give a part of the picture")
    if min(region.width, region.height) < MIN_REGION:
        raise ConfigError(
            f"{_said(region)}: expected at least {MIN_REGION} × {MIN_REGION} pixels, got "
            f"{region.width:g} × {region.height:g}; choose a larger part"
        )
    if region.right > size[0] or region.bottom > size[1]:
        raise MediaError(
            f"{path}: the {_said(region)} reaches beyond the picture of {size[0]} × {size[1]} pixels; "
            "choose a part inside it"
        )


# Recordings.


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a recording says of itself, and how large its first frame is."""

    container: str
    """Such as ``mp4``, ``webm``, ``matroska``, ``avi``."""
    codec: str
    """Such as ``h264``, ``hevc``, ``vp8``, ``vp9``, ``av1``."""
    width: int
    """Width in pixels after rotation, with square pixels; the whole picture, whatever the region."""
    height: int
    """Height in pixels, likewise."""
    duration_s: float | None
    """Duration that the file states, in seconds; None where it states none."""
    fps: float | None
    """Mean frames a second that the file states; None where it states none that could be true."""
    has_audio: bool
    rotation_deg: int = 0
    """Counter-clockwise turn that makes the frames upright: 0, 90, 180 or 270."""


class _Clock:
    """Turns timestamps into media time that starts at ``origin_s`` and always grows.

    A time that repeats or goes back by less than a second is set 1 ms after the one before. One that goes
    back further means that the source began a new count, which then goes on where the old one stopped. A
    missing time is the last one and a usual step; one that leaps ten seconds ahead and beyond the stated end
    counts as missing.
    """

    def __init__(self, origin_s: float | None = None, end_s: float | None = None) -> None:
        self._origin_s = origin_s
        self._end_s = end_s
        self._last_s: float | None = None

    def tick(self, stamp_s: float | None, step_s: float) -> float:
        """Return the media time of a frame with this timestamp."""
        expected_s = self._last_s + step_s if self._last_s is not None else 0.0
        if stamp_s is None:
            time_s = expected_s
        elif self._origin_s is None:
            self._origin_s, time_s = stamp_s - expected_s, expected_s
        else:
            time_s = self._steady(stamp_s - self._origin_s, expected_s)
        self._last_s = round(time_s, 6)
        return self._last_s

    def _steady(self, time_s: float, expected_s: float) -> float:
        """Return the time, or what stands for it where it repeats, goes back or leaps."""
        if self._last_s is None:
            return time_s
        if self._end_s is not None and time_s > max(self._end_s, self._last_s) + _FORWARD_JUMP_S:
            return expected_s
        if time_s < self._last_s - _BACKWARD_JUMP_S and self._origin_s is not None:
            self._origin_s += time_s - expected_s
            return expected_s
        return max(time_s, self._last_s + _LEAST_STEP_S)


_HIDDEN = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
_REFERRING = frozenset(
    {
        "concat",
        "dash",
        "hls",
        "image2",
        "imf",
        "lavfi",
        "rtp",
        "rtsp",
        "sap",
        "sdp",
        "tty",
        "webm_dash_manifest",
    }
)
_OPEN_OPTIONS = {
    # A file from a stranger must not make us read other files, reach out to the network, or fill the memory.
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(sorted(av.formats_available - _REFERRING)),
    "max_pixels": str(_MAX_PIXELS),
}
# Their decoders drop a broken picture without a word, and each of their packets holds one picture.
_SILENT_CODECS = frozenset({"hevc"})
_EXPECTED = "expected a video such as mp4, webm, mkv, mov, avi or mpg"


class _Demuxer:
    """An open file that gives its packets past places where reading fails."""

    def __init__(self, path: Path) -> None:
        self.container = _open(path)
        self.failures = 0
        """Places where reading failed."""
        self.closed = False

    def close(self) -> None:
        """Close the file; an iteration under way ends."""
        self.closed = True
        self.container.close()

    def packets(self, *streams: av.stream.Stream) -> Iterator[av.Packet[av.stream.Stream]]:
        """Yield packets in the order of the file; gives up where reading fails many times in a row."""
        packets, in_a_row = self.container.demux(*streams), 0
        while in_a_row < _MAX_READ_FAILURES and not self.closed:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                packets = self.container.demux(*streams)
                self.failures, in_a_row = self.failures + 1, in_a_row + 1
                continue
            if packet is None:
                return
            in_a_row = 0
            yield packet


class _Damage:
    """Counts the damaged packets of a video and keeps the earliest timestamp of one, in seconds."""

    def __init__(self) -> None:
        self.packets = 0
        self.first_s = math.inf

    def note(self, stamp_s: float) -> None:
        self.packets += 1
        self.first_s = min(self.first_s, stamp_s)


class _Awaited:
    """Timestamps of packets whose picture has not come yet; one that a later picture overtakes never will."""

    _MOST = 64

    def __init__(self) -> None:
        self._stamps: set[int] = set()

    def sent(self, stamp: int) -> None:
        self._stamps.add(stamp)

    def lost(self, came: list[int]) -> list[int]:
        """Return what is lost by now, given the timestamps of the pictures that came."""
        self._stamps.difference_update(came)
        latest = max(came, default=-math.inf)
        late = sorted(self._stamps)[: -self._MOST]
        lost = [stamp for stamp in self._stamps if stamp < latest] or late
        self._stamps.difference_update(lost)
        return lost

    def rest(self) -> list[int]:
        """Return what is lost once all pictures have come."""
        lost, self._stamps = sorted(self._stamps), set()
        return lost


class Recording:
    """A video file, decoded once from start to end in constant memory.

    Opening reads up to the first frame, so that a file that gives none is refused at once. Of several video
    streams those marked as default go first, and of these the largest; cover pictures are passed over.

    Parameters
    ----------
    path
        The file, in any format that FFmpeg reads, except playlists and lists that refer to other files.
    region
        The part to look at, in pixels of the upright picture with square pixels; the edges are rounded. Where
        the resolution changes on the way, the region is scaled with the picture.
    threads
        Cores that decoding may use. What is decoded does not depend on it.

    Raises
    ------
    MediaError
        The file is missing, empty, no video, or damaged so that nothing can be read; or the region reaches
        beyond its picture.
    ConfigError
        The region is too small or negative for any picture.

    Examples
    --------
    >>> with Recording(Path("interview.mp4")) as recording:  # doctest: +SKIP
    ...     for frame in recording.frames():
    ...         print(frame.time_s, frame.rgb(max_width=640).shape)
    """

    def __init__(self, path: Path, *, region: Box | None = None, threads: int = 1) -> None:
        self._path = path
        self._region = region
        self._audio: _AudioReader | None = None
        self._video_bytes = 0
        self._damage = _Damage()
        self._awaited = _Awaited()
        self._turns: dict[int, _Turn] = {}
        self._data_end_s = 0.0
        self._ended = False
        self._demuxer = _Demuxer(path)
        self._decoded = self._decode()
        try:
            self._start(threads)
        except BaseException:
            self.close()
            raise

    def _start(self, threads: int) -> None:
        container = self._demuxer.container
        self._stream = _best_video(container, self._path)
        self._unordered = container.format.name == "avi"
        context = self._stream.codec_context
        context.options = {"max_pixels": str(_MAX_PIXELS)}
        context.thread_count = threads
        # Threads by frame change which decoding time a frame bears.
        context.thread_type = ThreadType.SLICE if threads == 1 or self._unordered else ThreadType.AUTO
        self._time_base = float(self._stream.time_base or 0)
        self._stated_end_s = _stated_end_s(container, self._stream)
        self._codec = self._stream.codec_context.codec.canonical_name
        self._aspect = _sample_aspect(self._stream)
        duration_s = container.duration / av.time_base if container.duration else None
        self._clock = _Clock(end_s=duration_s)
        self._first = next(self._decoded, None)
        if self._first is None:
            raise MediaError(
                f"{self._path}: no picture could be decoded, the data are damaged, cut off or have more "
                f"than {_MAX_PIXELS:,} pixels a picture; copy or export the file again"
            )
        self._first_size = self._first.width, self._first.height
        self._zero_s = self._stamp_s(self._first) or 0.0
        whole = MediaFrame(
            self._first, index=0, time_s=0.0, sample_aspect=self._aspect, turn=self._turn_for(self._first)
        )
        if self._region is not None:
            _check_region(self._region, (whole.width, whole.height), self._path)
        self._info = MediaInfo(
            container=_container_name(container, self._path),
            codec=self._codec,
            width=whole.width,
            height=whole.height,
            duration_s=duration_s,
            fps=_fps(container, self._stream),
            has_audio=any(map(_is_decodable, container.streams.audio)),
            rotation_deg=whole.rotation_deg,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; frames that were read stay valid."""
        # An open generator would hold this object and the decoder's memory until the next garbage collection.
        self._decoded.close()
        self._demuxer.close()
        if self._audio is not None:
            self._audio.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def info(self) -> MediaInfo:
        """What the recording says of itself."""
        return self._info

    @property
    def video_bytes(self) -> int:
        """Coded bytes of the video read so far."""
        return self._video_bytes

    @property
    def damaged_parts(self) -> int:
        """Coded pieces (mostly a frame each) found damaged so far; what could not be decoded was skipped."""
        return self._damage.packets + self._demuxer.failures

    @property
    def damaged(self) -> str | None:
        """What is damaged or missing, as one line, or None; complete once :meth:`frames` has ended.

        A missing end is found where the file states its duration, as MP4, MOV, MKV, WebM, FLV and AVI do (yet
        hardly ever what a browser recorded). Damage that a decoder does not notice is not found.
        """
        found = []
        if self.damaged_parts:
            pieces = "1 piece" if self.damaged_parts == 1 else f"{self.damaged_parts} pieces"
            first = self._damage.first_s
            where = f", the first at {self._media_s(first):.1f} s" if math.isfinite(first) else ""
            found.append(f"{pieces} of the video damaged{where}; the rest was read")
        if self._ended and self._stated_end_s is not None:
            stated_s, end_s = self._media_s(self._stated_end_s), self._media_s(self._data_end_s)
            if stated_s - end_s > _EARLY_END_S:
                found.append(f"the file states {stated_s:.1f} s, but its data end at {end_s:.1f} s")
        return "; ".join(found) or None

    def frames(self, *, audio: bool = False) -> Iterator[MediaFrame]:
        """Decode all frames in order; nothing of them is converted yet.

        Media time counts from the first frame and always grows. A timestamp that repeats or goes back by less
        than a second becomes 1 ms after the one before; one that goes back further starts a new count, which
        goes on where the old one stopped; a missing one becomes the last and the frame's usual duration.

        Parameters
        ----------
        audio
            Give the frames sound. It is read through a second handle on the file when
            :attr:`MediaFrame.audio` is asked for, up to that frame's time. So it is aligned however the file
            interleaves its streams, costs nothing while nobody asks, and holds ten seconds at most.

        Raises
        ------
        MediaError
            The frames were already read, or the recording is closed: open it again.
        """
        first, self._first = self._first, None
        if first is None or self._demuxer.closed:
            raise MediaError(f"{self._path}: a recording is read once, and before it is closed; open it again")
        if audio and self._info.has_audio:
            self._audio = _AudioReader(self._path, self._zero_s)
        sources = chain([first], self._decoded)
        del first
        for index, source in enumerate(sources):
            time_s = self._clock.tick(self._stamp_s(source), self._step_s(source))
            yield MediaFrame(
                source,
                index=index,
                time_s=time_s,
                region=self._region_for(source),
                sample_aspect=self._aspect,
                audio=self._audio,
                turn=self._turn_for(source),
            )
        self._ended = not self._demuxer.closed

    def _decode(self) -> Generator[av.VideoFrame, None, None]:
        """Decode what can be decoded; what cannot is counted and skipped."""
        for packet in self._demuxer.packets(*self._watched()):
            self._measure(packet)
            # An empty packet repeats the frame before, or asks to flush: that is done once, below.
            if packet.stream_index == self._stream.index and packet.size:
                yield from self._frames_in(packet)
        if not self._demuxer.closed:
            yield from self._frames_in(None)

    def _watched(self) -> list[av.stream.Stream]:
        """Return the streams that tell where the data end: those that the stated duration covers."""
        if self._stream.duration is not None and "mov" in self._demuxer.container.format.name:
            return [self._stream]
        streams = self._demuxer.container.streams
        return [self._stream, *streams.audio, *streams.subtitles]

    def _measure(self, packet: av.Packet[av.stream.Stream]) -> None:
        if packet.stream_index == self._stream.index:
            self._video_bytes += packet.size
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and not packet.is_corrupt:
            end_s = float((stamp + (packet.duration or 0)) * packet.time_base)
            self._data_end_s = max(self._data_end_s, end_s)

    def _frames_in(self, packet: av.Packet[av.stream.Stream] | None) -> list[av.VideoFrame]:
        """Decode one packet, or with None what the decoder still holds; note what is damaged."""
        try:
            sources = self._stream.codec_context.decode(packet)
            bad = any(source.is_corrupt for source in sources)
        except av.error.FFmpegError:
            sources, bad = [], True
        bad = bad or (packet is not None and packet.is_corrupt)
        if packet is not None and bad:
            stamp = packet.pts if packet.pts is not None else packet.dts
            self._damage.note(stamp * self._time_base if stamp is not None else self._data_end_s)
        if self._codec in _SILENT_CODECS:
            self._note_missing(None if bad else packet, sources, at_end=packet is None)
        return sources

    def _note_missing(
        self, packet: av.Packet[av.stream.Stream] | None, sources: list[av.VideoFrame], *, at_end: bool
    ) -> None:
        """Note pictures that never came; ``packet`` is one that should give a picture, or None."""
        if packet is not None and packet.pts is not None and not packet.is_discard:
            self._awaited.sent(packet.pts)
        lost = self._awaited.lost([source.pts for source in sources if source.pts is not None])
        for stamp in lost + (self._awaited.rest() if at_end else []):
            self._damage.note(stamp * self._time_base)

    def _stamp_s(self, source: av.VideoFrame) -> float | None:
        """Return when the frame is shown by the file's count; where that is missing, when it is decoded.

        AVI has no count of its own for what is shown. What FFmpeg makes up instead goes wrong with B frames,
        while the count of decoding is even.
        """
        stamp = source.dts if self._unordered or source.pts is None else source.pts
        return stamp * self._time_base if stamp is not None else None

    def _step_s(self, source: av.VideoFrame) -> float:
        """Return how long a frame lasts, for one whose successor has no timestamp."""
        if source.duration > 0:
            return source.duration * self._time_base
        return 1 / self._info.fps if self._info.fps else _USUAL_STEP_S

    def _media_s(self, stamp_s: float) -> float:
        return max(0.0, stamp_s - self._zero_s)

    def _turn_for(self, source: av.VideoFrame) -> _Turn:
        rotation = source.rotation
        if rotation not in self._turns:
            self._turns[rotation] = _turn_of(source)
        return self._turns[rotation]

    def _region_for(self, source: av.VideoFrame) -> Box | None:
        """Return the region, scaled where the resolution differs from the first frame's."""
        size = source.width, source.height
        if self._region is None or size == self._first_size:
            return self._region
        turned = self._turn_for(source).transpose
        x, y = (size[axis] / self._first_size[axis] for axis in ((1, 0) if turned else (0, 1)))
        box = self._region
        return Box(box.left * x, box.top * y, box.right * x, box.bottom * y)


class _AudioReader:
    """Decodes a recording's sound as far as it is asked for; holds the last ten seconds at most."""

    def __init__(self, path: Path, zero_s: float) -> None:
        self._demuxer = _Demuxer(path)
        self._zero_s = zero_s
        self._chunks: deque[Floats] = deque()
        self._held = 0
        self._end = 0
        """Where the sound held ends, in samples since media time 0."""
        self._sound = self._resample()

    def close(self) -> None:
        self._sound.close()
        self._demuxer.close()

    def take(self, until_s: float) -> Floats:
        """Return (n,) samples from the end of the last call to ``until_s``; fewer if the sound ends."""
        until = round(until_s * AUDIO_RATE)
        while self._end < until and (block := next(self._sound, None)) is not None:
            self._put(*block)
        kept = min(self._held, max(0, self._end - until))
        sound: Floats = np.concatenate([np.zeros(0, dtype=np.float32), *self._chunks])
        self._chunks = deque([sound[self._held - kept :]])
        taken, self._held = sound[: self._held - kept], kept
        return taken

    def _put(self, start: int, samples: Floats) -> None:
        """Append samples that belong at ``start``; silence fills what is missing, what overlaps is cut."""
        gap = start - self._end
        if gap > _AUDIO_SLACK:
            self._append(np.zeros(min(gap, _MAX_AUDIO), dtype=np.float32), gap)
        elif gap < -_AUDIO_SLACK:
            samples = samples[-gap:]
        self._append(samples, samples.size)

    def _append(self, samples: Floats, length: int) -> None:
        self._chunks.append(samples)
        self._held += samples.size
        self._end += length
        while self._held - self._chunks[0].size >= _MAX_AUDIO:
            self._held -= self._chunks.popleft().size

    def _resample(self) -> Generator[tuple[int, Floats], None, None]:
        """Yield (position in samples since media time 0, (n,) samples)."""
        clock = _Clock(self._zero_s)
        resampler, made_for = None, None
        for source in self._decode():
            form = (source.format.name, source.layout.name, source.sample_rate)
            if resampler is None or form != made_for:
                resampler, made_for = av.AudioResampler("flt", "mono", AUDIO_RATE), form
            try:
                pieces = resampler.resample(source)
            except (av.error.FFmpegError, ValueError):
                resampler = None
                continue
            for piece in pieces:
                stamp_s = piece.pts / AUDIO_RATE if piece.pts is not None else None
                position = round(clock.tick(stamp_s, piece.samples / AUDIO_RATE) * AUDIO_RATE)
                yield position, np.asarray(piece.to_ndarray()[0], dtype=np.float32)

    def _decode(self) -> Iterator[av.AudioFrame]:
        stream = next(filter(_is_decodable, self._demuxer.container.streams.audio))
        for packet in self._demuxer.packets(stream):
            try:
                sources = stream.decode(packet)
            except av.error.FFmpegError:
                continue
            yield from sources


def _best_video(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the default, largest stream of moving pictures."""
    shown = [stream for stream in container.streams.video if not stream.disposition & _HIDDEN]
    if not shown:
        held = "sound only" if container.streams.audio else "none"
        raise MediaError(f"{path}: expected a video stream, found {held}; give the recording with its pictures")
    known = [stream for stream in shown if _is_decodable(stream)]
    if not known:
        raise MediaError(f"{path}: its video is coded in a way that cannot be decoded here; convert it to H.264")
    best = max(known, key=lambda stream: (bool(stream.disposition & Disposition.default), _pixels(stream)))
    if _pixels(best) > _MAX_PIXELS:
        raise MediaError(
            f"{path}: the picture has {best.width} × {best.height} pixels, expected at most "
            f"{_MAX_PIXELS:,} in all; scale it down"
        )
    return best


def _is_decodable(stream: av.stream.Stream) -> bool:
    """Tell whether a decoder is there; PyAV leaves the context out where there is none."""
    return getattr(stream, "codec_context", None) is not None


def _pixels(stream: av.VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def _sample_aspect(stream: av.VideoStream) -> float:
    """Width of a pixel by its height; 1 where it is unknown, absurd, or square but for rounding."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 0.25 <= aspect <= 4 and abs(aspect - 1) > 0.01 else 1.0


def _fps(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Mean rate that the stream states; None for a picture, or where it only tells how fine its clock is."""
    if container.format.name.endswith("_pipe"):
        return None
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return rate if 0 < rate <= _MAX_FPS else None


def _stated_end_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Timestamp at which the file says that it ends, where it says so apart from the data themselves."""
    names = set(container.format.name.split(","))
    if "avi" in names and stream.average_rate and stream.frames:
        return float(stream.frames / stream.average_rate)
    if "mov" in names and stream.duration is not None and stream.time_base is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if names & {"mov", "matroska", "flv"} and container.duration:
        return ((container.start_time or 0) + container.duration) / av.time_base
    return None


def _container_name(container: av.container.InputContainer, path: Path) -> str:
    """One of the names that FFmpeg gives the format: the one that the file bears, else the first."""
    names = container.format.name.split(",")
    suffix = path.suffix.lower().removeprefix(".")
    return suffix if suffix in names else names[0]


def _open(path: Path) -> av.container.InputContainer:
    head = _head(path)
    # PyAV is silent by itself; this is for a process in which someone, such as aiortc, restored FFmpeg's log.
    av.logging.set_libav_level(av.logging.PANIC)
    try:
        return av.open(f"file:{path}", mode="r", options=_OPEN_OPTIONS, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: {_why_unreadable(head)}") from error


def _head(path: Path) -> bytes:
    """Return the first bytes of a file; refuses what is no file with content."""
    if path.is_dir():
        raise MediaError(f"{path}: expected a recording, got a folder; name a file in it")
    if not path.exists():
        raise MediaError(f"{path}: there is no such file; check the name and the folder")
    if not path.is_file():
        raise MediaError(f"{path}: expected a file, got a device or pipe; save the recording to a file first")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise MediaError(f"{path}: the file is there but cannot be read; check its permissions and disk") from error
    if not head:
        raise MediaError(f"{path}: the file is empty; {_EXPECTED}; record or copy it again")
    return head


def _why_unreadable(head: bytes) -> str:
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide"}:
        return (
            "the MP4 or MOV file is incomplete, its index is missing or damaged; "
            "the recording was cut off or not copied whole: copy or export it again"
        )
    text = head.translate(None, bytes(range(32, 127)) + b"\t\r\n")
    held = "got plain text" if len(text) < len(head) / 10 else "its content is not one that can be read"
    return f"{_EXPECTED}, {held}; check that it is the right file, or convert it"


# Pictures.


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a still picture, to be read with :func:`read_picture`."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def read_picture(path: Path, *, region: Box | None = None) -> MediaFrame:
    """Read a still picture as one frame at time 0, upright by its EXIF orientation.

    OpenCV reads it: FFmpeg's picture readers follow names to other files, and PyAV's side data of some
    pictures bring the process down.

    Raises
    ------
    MediaError
        The file is missing, or no picture that OpenCV reads, or the region reaches beyond it.
    ConfigError
        The region is too small or negative for any picture.
    """
    _head(path)
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise MediaError(f"{path}: expected a picture such as jpg, png or webp, its content is not one")
    rgb = np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    if region is not None:
        _check_region(region, (rgb.shape[1], rgb.shape[0]), path)
    picture = av.VideoFrame.from_ndarray(np.asarray(rgb, dtype=np.uint8), format="rgb24")
    return MediaFrame(picture, index=0, time_s=0.0, region=region)
