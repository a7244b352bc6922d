"""PyAV: a recording or an ``av.VideoFrame`` becomes frames with media time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.container
import av.error
import cv2
import numpy as np

from liveness.errors import MediaError
from liveness.frames import Box, Floats, Pixels


class MediaFrame:
    """A :class:`liveness.frames.Frame` over a decoded ``av.VideoFrame``."""

    def __init__(
        self, source: av.VideoFrame, *, index: int, time_s: float, dropped: int = 0, region: Box | None = None
    ) -> None:
        self._source = source
        self._rgb: dict[int, Pixels] = {}
        self._luma: Pixels | None = None
        self._region = region
        self.index = index
        self.time_s = time_s
        self.dropped = dropped
        self.audio: Floats | None = None
        luma = self.luma()
        self.height, self.width = luma.shape

    def luma(self) -> Pixels:
        """Return (height, width) luma as coded."""
        if self._luma is None:
            self._luma = self._cut(self._source.reformat(format="gray").to_ndarray() if not self._source.format.name.startswith("yuv") else _plane(self._source))
        return self._luma

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        """Return (h, w, 3) RGB, scaled down to at most ``max_width`` pixels wide."""
        width = min(max_width or self.width, self.width)
        if width not in self._rgb:
            if self.width not in self._rgb:
                self._rgb[self.width] = self._cut(self._source.to_ndarray(format="rgb24"))
            if width != self.width:
                size = (width, round(self.height * width / self.width))
                self._rgb[width] = np.asarray(cv2.resize(self._rgb[self.width], size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return self._rgb[width]

    def crop_rgb(self, box: Box) -> Pixels:
        """Return (h, w, 3) RGB of the part of ``box`` inside the picture."""
        inside = box.clipped(self.width, self.height)
        return self.rgb()[int(inside.top) : int(inside.bottom), int(inside.left) : int(inside.right)]

    def _cut(self, pixels: Pixels) -> Pixels:
        if self._region is None:
            return pixels
        box = self._region
        return np.ascontiguousarray(pixels[int(box.top) : int(box.bottom), int(box.left) : int(box.right)])


def _plane(source: av.VideoFrame) -> Pixels:
    plane = source.planes[0]
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: source.height, : source.width]


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a recording says of itself."""

    container: str
    codec: str
    width: int
    height: int
    duration_s: float | None
    fps: float | None
    has_audio: bool


class Recording:
    """A video file, decoded once from start to end."""

    def __init__(self, path: Path, *, region: Box | None = None) -> None:
        try:
            self._container = av.open(str(path))
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path}: cannot be read as video: {error}") from error
        self._region = region
        if not self._container.streams.video:
            self._container.close()
            raise MediaError(f"{path}: expected a video stream, found none")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "SLICE"
        stream = self._stream
        self.info = MediaInfo(
            container=self._container.format.name,
            codec=stream.codec_context.name,
            width=stream.width,
            height=stream.height,
            duration_s=self._container.duration / 1e6 if self._container.duration else None,
            fps=float(stream.average_rate) if stream.average_rate else None,
            has_audio=bool(self._container.streams.audio),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def frames(self) -> Iterator[MediaFrame]:
        """Decode all frames in order."""
        start: float | None = None
        for index, source in enumerate(self._container.decode(self._stream)):
            time = source.time if source.time is not None else index / (self.info.fps or 25.0)
            start = time if start is None else start
            yield MediaFrame(source, index=index, time_s=time - start, region=self._region)
