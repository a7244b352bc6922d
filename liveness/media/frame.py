"""A frame: its upright pixels, the region of it that is looked at, and the sound before it.

A :class:`MediaFrame` converts nothing until its pixels are asked for. What is asked for twice is computed
once, and what a conversion gives never depends on what was asked for before it.

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

import math
from pathlib import Path

import av
import cv2
import numpy as np

from liveness.errors import ConfigError, MediaError
from liveness.frames import Box, Floats, Pixels
from liveness.media.pixels import (
    Rect,
    Turn,
    assemble,
    frozen,
    layout_of,
    piece_of,
    plane_of,
    reformat,
    rgb_of,
    shrunk,
    square,
    turn_of,
    whole_pixels,
)
from liveness.media.sound import AudioReader

MIN_REGION = 64
"""Least width and height of a region, in pixels."""


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
        audio: Floats | AudioReader | None = None,
        turn: Turn | None = None,
    ) -> None:
        self.index = index
        self.time_s = time_s
        self.dropped = dropped
        self._audio = audio
        self._source = source
        self._layout = layout_of(source.format.name)
        self._size = square(source.width, source.height, sample_aspect)
        self._turn = turn or (turn_of(source) if source.rotation else Turn())
        self._region = _region_in(region, self._turn.size(self._size))
        self.width, self.height = self._region.size
        self._plain: av.VideoFrame | None = None
        self._whole: Pixels | None = None
        self._luma: Pixels | None = None
        self._rgb: dict[int, Pixels] = {}
        self._part: tuple[Rect, Pixels] = Rect(0, 0, 0, 0), np.zeros((0, 0, 3), dtype=np.uint8)
        """The largest part that was converted by itself, since the others mostly lie in it."""

    @property
    def audio(self) -> Floats | None:
        """(n,) mono sound at 16 kHz, in [-1, 1], since the last frame whose sound was asked for, or None.

        At most the last ten seconds are kept. None if the recording has no sound or was read without
        ``audio=True``.
        """
        if isinstance(self._audio, AudioReader):
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
            self._luma = frozen(self._turn.apply(self._coded_luma())[self._region.cut])
        return self._luma

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        """Return (h, w, 3) RGB, scaled down to at most ``max_width`` pixels wide; not writable."""
        width = self.width if max_width is None else min(max_width, self.width)
        if width not in self._rgb:
            pixels = self._converted(self._region) if width == self.width else self._scaled(width)
            self._rgb[width] = frozen(np.ascontiguousarray(pixels))
        return self._rgb[width]

    def crop_rgb(self, box: Box) -> Pixels:
        """Return (h, w, 3) RGB of the part of ``box`` inside the picture; not writable.

        The box is rounded to whole pixels; one that lies outside gives an array with no pixels.
        """
        rect = whole_pixels(box, self.width, self.height)
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
        return frozen(np.ascontiguousarray(pixels))

    def _plain_frame(self) -> av.VideoFrame:
        """Return the frame in an 8-bit format of its kind, with square pixels."""
        if self._plain is None:
            done = self._layout.plain == self._source.format.name and self._size == self._coded_size
            self._plain = self._source if done else reformat(self._source, self._layout.plain, size=self._size)
        return self._plain

    @property
    def _coded_size(self) -> tuple[int, int]:
        return self._source.width, self._source.height

    def _coded_luma(self) -> Pixels:
        if self._layout.kind == "rgb":
            return np.asarray(cv2.cvtColor(self._whole_rgb(), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        if self._layout.has_luma_plane and self._size == self._coded_size:
            return plane_of(self._source, 0)
        return plane_of(self._plain_frame(), 0)

    def _whole_rgb(self) -> Pixels:
        """Return all of a picture that is not 4:2:0, as coded."""
        if self._whole is None:
            self._whole = rgb_of(self._plain_frame(), careful=self._layout.kind != "422")
        return self._whole

    def _converted(self, upright: Rect) -> Pixels:
        """Return the RGB of a part of the whole upright picture."""
        rect = self._turn.back(upright, self._size)
        if self._layout.kind != "420":
            return self._turn.apply(self._whole_rgb()[rect.cut])
        even = Rect(rect.left & ~1, rect.top & ~1, rect.right, rect.bottom)
        width, height = self._size
        even = even._replace(right=min(even.right + even.right % 2, width))
        even = even._replace(bottom=min(even.bottom + even.bottom % 2, height))
        pixels = rgb_of(piece_of(self._plain_frame(), even), careful=False)
        return self._turn.apply(pixels[rect.moved(-even.left, -even.top).cut])

    def _scaled(self, width: int) -> Pixels:
        """Return the region's RGB at ``width``; of 4:2:0 the planes are scaled before they are converted."""
        size = width, max(1, round(self.height * width / self.width))
        rect = self._turn.back(self._region, self._size)
        if self._layout.kind != "420" or rect.left % 2 or rect.top % 2:
            return shrunk(self.rgb(), size)
        plain = self._plain_frame()
        coded = self._turn.size(size)
        half = (coded[0] + 1) // 2, (coded[1] + 1) // 2
        chroma = Rect(rect.left // 2, rect.top // 2, (rect.right + 1) // 2, (rect.bottom + 1) // 2)
        planes = [
            shrunk(plane_of(plain, index)[cut], target)
            for index, (cut, target) in enumerate(((rect.cut, coded), (chroma.cut, half), (chroma.cut, half)))
        ]
        pixels = rgb_of(assemble(plain, coded, planes), careful=False)
        return self._turn.apply(pixels[: coded[1], : coded[0]])


def _region_in(region: Box | None, size: tuple[int, int]) -> Rect:
    rect = Rect(0, 0, *size) if region is None else whole_pixels(region, *size)
    if 0 in rect.size:
        raise MediaError(f"{_said(region)}: nothing of it lies inside the {size[0]} × {size[1]} picture")
    return rect


def _said(region: Box | None) -> str:
    if region is None:
        return "whole picture"
    return f"region from ({region.left:g}, {region.top:g}) to ({region.right:g}, {region.bottom:g})"


def check_region(region: Box, size: tuple[int, int], path: Path) -> None:
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
