"""What attacks are made of, and how clips are read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from liveness.errors import MediaError
from liveness.frames import Floats, Pixels
from liveness.lab.attacks.portraits import LARGEST_PX, Portrait
from liveness.lab.attacks.sounds import SoundTrack
from liveness.media import Recording

LONGEST_SOURCE_S = 12.0
"""No more of a source than this is held in memory."""
_SMALLEST_PX = 32


@dataclass(frozen=True, slots=True)
class Source:
    """The pictures an attack is made of, on an even clock."""

    fps: float
    pictures: tuple[Pixels, ...]
    """(height, width, 3) RGB each, all of one even size."""
    name: str = "the clip"
    """What it is called in an error."""
    face: Portrait | None = None
    """Another face, for attacks that put one into the clip."""
    sound: Floats | None = None
    """(n,) another sound at 16 kHz, for attacks that make the person speak it."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.pictures) / self.fps


Maker = Callable[[Source, np.random.Generator], Iterator[Pixels]]


def read_source(path: Path) -> Source:
    """Read up to :data:`LONGEST_SOURCE_S` seconds of a recording."""
    pictures: list[Pixels] = []
    size: tuple[int, int] | None = None
    with Recording(path) as recording:
        fps = recording.info.fps or 25.0
        fps = fps if 5 <= fps <= 60 else 25.0
        for frame in recording.frames():
            if frame.time_s >= LONGEST_SOURCE_S:
                break
            rgb = frame.rgb(max_width=LARGEST_PX)
            size = size or (rgb.shape[1] // 2 * 2, rgb.shape[0] // 2 * 2)
            pictures.append(np.ascontiguousarray(rgb[: size[1], : size[0]]))
    if not pictures or size is None:
        raise MediaError(f"{path}: expected at least one picture, found none")
    if min(size) < _SMALLEST_PX:
        raise MediaError(
            f"{path}: expected pictures of at least {_SMALLEST_PX} × {_SMALLEST_PX}, got {size[0]} × {size[1]}"
        )
    return Source(fps, tuple(pictures), str(path))


def write_clip(
    path: Path, pictures: Iterator[Pixels], fps: float, *, quality: int, sound: Floats | None = None
) -> None:
    """Encode RGB pictures with H.264 at constant rate factor ``quality``, and (n,) sound at 16 kHz with AAC."""
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(quality), "preset": "superfast"})
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        track = SoundTrack(container, sound) if sound is not None else None
        for index, picture in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if track is not None:
                track.write((index + 1) / fps)
        container.mux(stream.encode(None))
        if track is not None:
            track.close()
