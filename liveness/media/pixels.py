"""Pixels of a decoded frame: rectangles and turns, layouts of pixel formats, conversions by swscale and OpenCV."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation

from liveness.frames import Box, Pixels

# Geometry: from the picture as coded to the upright region of it.


class Rect(NamedTuple):
    """Whole pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.right - self.left, self.bottom - self.top

    @property
    def cut(self) -> tuple[slice, slice]:
        """Where it lies in an array of (height, width[, 3])."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def inside(self, other: Rect) -> bool:
        """Whether all of it lies in another one."""
        begins = other.left <= self.left and other.top <= self.top
        return begins and self.right <= other.right and self.bottom <= other.bottom

    def moved(self, right: int, down: int) -> Rect:
        """Return it shifted by whole pixels."""
        return Rect(self.left + right, self.top + down, self.right + right, self.bottom + down)


class Turn(NamedTuple):
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

    def back(self, rect: Rect, size: tuple[int, int]) -> Rect:
        """Where a part of the upright picture lies in the coded one, whose ``size`` is given."""
        left, top, right, bottom = rect
        width, height = self.size(size)
        if self.flip_x:
            left, right = width - right, width - left
        if self.flip_y:
            top, bottom = height - bottom, height - top
        return Rect(top, left, bottom, right) if self.transpose else Rect(left, top, right, bottom)

    def apply(self, pixels: Pixels) -> Pixels:
        """Turn an array of (height, width[, 3]); the same array when there is nothing to turn."""
        turned: cv2.typing.MatLike = pixels
        if self.transpose:
            turned = cv2.transpose(turned)
        if self.flip_x or self.flip_y:
            turned = cv2.flip(turned, -1 if self.flip_x and self.flip_y else int(self.flip_x))
        return np.asarray(turned, dtype=np.uint8)


_TURN_OF_DEGREES = {
    0: Turn(),
    90: Turn(transpose=True, flip_y=True),
    180: Turn(flip_x=True, flip_y=True),
    270: Turn(transpose=True, flip_x=True),
}


def turn_of(source: av.VideoFrame) -> Turn:
    """Read the turn from the display matrix, to the nearest quarter.

    Mirroring is not read: that needs PyAV's side data, which keep a frame in memory until the garbage
    collector comes by, and of some files (a PNG with a colour profile) bring the process down then. A
    picture that is only mirrored comes out upside down.
    """
    return _TURN_OF_DEGREES[round(source.rotation / 90) % 4 * 90]


def square(width: int, height: int, sample_aspect: float) -> tuple[int, int]:
    """Size with square pixels; the narrower side grows, so that no detail is lost."""
    if sample_aspect > 1:
        return round(width * sample_aspect), height
    return width, round(height / sample_aspect)


def whole_pixels(box: Box, width: int, height: int) -> Rect:
    """Nearest whole pixels of the part of ``box`` inside a picture."""
    inside = box.clipped(width, height)
    left, top, right, bottom = (
        math.floor(edge + 0.5) for edge in (inside.left, inside.top, inside.right, inside.bottom)
    )
    return Rect(left, top, max(left, right), max(top, bottom))


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
def layout_of(name: str) -> _Layout:
    """Tell how the pixel format that FFmpeg calls ``name`` is dealt with."""
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


def reformat(
    source: av.VideoFrame, name: str, *, size: tuple[int, int] | None = None, careful: bool = True
) -> av.VideoFrame:
    """Convert by swscale on one thread; ``careful`` trades speed for exact rounding and full chroma."""
    if source.colorspace not in _KNOWN_MATRICES and not source.format.is_rgb:
        source.colorspace = _UNSPECIFIED_MATRIX
    width, height = size or (source.width, source.height)
    interpolation = _CAREFUL if careful else Interpolation.BILINEAR
    return source.reformat(width=width, height=height, format=name, interpolation=interpolation, threads=1)


def rgb_of(source: av.VideoFrame, *, careful: bool) -> Pixels:
    """Return (height, width, 3) RGB of a whole frame as coded; ``careful`` is that of :func:`reformat`."""
    return np.asarray(reformat(source, "rgb24", careful=careful).to_ndarray(), dtype=np.uint8)


def plane_of(source: av.VideoFrame, index: int) -> Pixels:
    """View a plane of 8-bit samples as (height, width); it keeps the frame alive."""
    plane = source.planes[index]
    samples: Pixels = np.frombuffer(memoryview(plane), dtype=np.uint8)
    rows = samples.reshape(plane.height, abs(plane.line_size))
    return (rows if plane.line_size > 0 else rows[::-1])[:, : plane.width]


def frozen(pixels: Pixels) -> Pixels:
    """Forbid writing: every signal sees the same array, and a decoder may still refer to it."""
    pixels.flags.writeable = False
    return pixels


def _fill(plane: Pixels, pixels: Pixels) -> None:
    """Copy into a plane; what it has more at the right and the bottom repeats the edge."""
    height, width = pixels.shape
    plane[:height, :width] = pixels
    plane[:height, width:] = plane[:height, width - 1 : width]
    plane[height:] = plane[height - 1]


def assemble(like: av.VideoFrame, size: tuple[int, int], planes: list[Pixels]) -> av.VideoFrame:
    """Make a 4:2:0 frame with even sides of Y, U and V, in the colour space of ``like``."""
    width, height = size
    name = like.format.name if like.format.name in _DIRECT else "yuv420p"
    frame = av.VideoFrame(width + width % 2, height + height % 2, name)
    for index, pixels in enumerate(planes):
        _fill(plane_of(frame, index), pixels)
    frame.colorspace = like.colorspace
    frame.color_range = like.color_range
    return frame


def piece_of(source: av.VideoFrame, rect: Rect) -> av.VideoFrame:
    """Return the part of a 4:2:0 frame under ``rect``, whose left and top are even, with even sides."""
    if rect == (0, 0, source.width, source.height) and not (source.width % 2 or source.height % 2):
        return source
    chroma = Rect(rect.left // 2, rect.top // 2, (rect.right + 1) // 2, (rect.bottom + 1) // 2)
    cuts = (rect.cut, chroma.cut, chroma.cut)
    return assemble(source, rect.size, [plane_of(source, index)[cut] for index, cut in enumerate(cuts)])


def shrunk(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale down: by area for the whole factor (fast in OpenCV only there), bilinear for what remains."""
    height, width = pixels.shape[:2]
    factor = min(width // size[0], height // size[1])
    scaled: cv2.typing.MatLike = pixels
    if factor > 1:
        scaled = cv2.resize(scaled, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    if scaled.shape[1::-1] != size:
        scaled = cv2.resize(scaled, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8)
