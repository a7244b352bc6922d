"""What the engine is given: frames, probe ticks, faces. Time is always media time in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""8-bit pixels: (height, width) for luma, (height, width, 3) for RGB."""

Floats = npt.NDArray[np.float32]
"""32-bit floats of a shape that the docstring beside it states."""

THUMB_SIZE = 16
"""Edge of the thumbnails in a :class:`ProbeTick`, in cells."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels, never negative."""
        return max(0.0, self.right - self.left)

    @property
    def height(self) -> float:
        """Height in pixels, never negative."""
        return max(0.0, self.bottom - self.top)

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle, in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def scaled(self, factor: float) -> Box:
        """Grow (or shrink) about the centre by ``factor``."""
        x, y = self.center
        half_width, half_height = self.width * factor / 2, self.height * factor / 2
        return Box(x - half_width, y - half_height, x + half_width, y + half_height)

    def clipped(self, width: int, height: int) -> Box:
        """Return the part that lies inside a picture of ``width`` × ``height`` pixels."""
        return Box(
            min(max(self.left, 0.0), width),
            min(max(self.top, 0.0), height),
            min(max(self.right, 0.0), width),
            min(max(self.bottom, 0.0), height),
        )

    def overlap(self, other: Box) -> float:
        """Intersection over union with another box, in [0, 1]."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        if wide <= 0 or high <= 0:
            return 0.0
        shared = wide * high
        return shared / (self.area + other.area - shared)


class Frame(Protocol):
    """One analysed picture with its media time; pixels are computed when first asked for, and kept."""

    @property
    def index(self) -> int:
        """Position among all decoded frames of the stream, from 0."""

    @property
    def time_s(self) -> float:
        """Media time in seconds from the start of the stream."""

    @property
    def width(self) -> int:
        """Width in pixels, after rotation metadata and region are applied."""

    @property
    def height(self) -> int:
        """Height in pixels, after rotation metadata and region are applied."""

    @property
    def dropped(self) -> int:
        """Decoded frames that were not analysed since the last analysed one."""

    @property
    def audio(self) -> Floats | None:
        """Mono sound at 16 kHz since the last analysed frame, in [-1, 1], or None."""

    def luma(self) -> Pixels:
        """Return (height, width) luma as coded (limited-range video keeps its 16–235)."""

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        """Return (h, w, 3) RGB, scaled down to at most ``max_width`` pixels wide."""

    def crop_rgb(self, box: Box) -> Pixels:
        """Return (h, w, 3) RGB of the part of ``box`` inside the picture, at source resolution."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbeTick:
    """What is kept of *every* decoded frame, analysed or not; cheap to make (≤ 0.3 ms)."""

    time_s: float
    """Media time in seconds."""
    luma_hash: int
    """64-bit hash of the (subsampled) luma: equal hashes mean an exact repeat."""
    thumb: Floats
    """(16, 16) cell means of the whole picture's luma, 0–255."""
    face_thumb: Floats | None
    """(16, 16) cell means of the last known face box, or None while no face is known."""
    rest_change: float
    """Mean absolute luma change against the previous tick outside the face box, 0–255; 0 at the first."""
    face_change: float
    """The same inside the face box; 0 while no face is known."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """One face in one frame."""

    track_id: int
    """Stays the same while it is the same face, through short losses."""
    time_s: float
    box_px: Box
    """Tight box around the 468 face landmarks (iris excluded)."""
    points_px: Floats
    """(478, 3) MediaPipe face mesh with iris: x and y in pixels of the frame, z on x's scale."""
    pose_deg: tuple[float, float, float]
    """Yaw (positive: the nose goes to the picture's left), pitch (positive: up), roll (positive: clockwise)."""
    score: float
    """Detector confidence, 0–1; 1 while the mesh tracks."""
    age_s: float
    """Seconds that this track has been followed."""

    @property
    def iod_px(self) -> float:
        """Distance between the outer eye corners in pixels."""
        return math.dist(self.points_px[33, :2].tolist(), self.points_px[263, :2].tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """One hand in one frame."""

    points_px: Floats
    """(21, 3) MediaPipe hand landmarks: x and y in pixels of the frame, z on x's scale."""
    score: float
    """Detector confidence, 0–1."""
    side: Literal["left", "right"]
    """Whose hand it is anatomically, for a picture that is not mirrored."""


Change = Literal["gap", "cut", "resolution", "rate", "track"]


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What a signal sees of one analysed frame."""

    frame: Frame
    face: FaceTrack | None
    """The candidate's face, or None while there is none."""
    others: tuple[Box, ...]
    """Boxes of further faces, as last seen (looked for about once a second)."""
    changes: frozenset[Change]
    """What changed since the last analysed frame: a time gap, a cut to another picture, the resolution,
    the analysis rate, or the track (another face is the candidate now)."""
    hands: tuple[Hand, ...] | None = None
    """Hands in the picture; None while nobody needs them."""

    @property
    def time_s(self) -> float:
        """Media time of the frame in seconds."""
        return self.frame.time_s

    @property
    def broken(self) -> bool:
        """Whether what was gathered before this frame no longer belongs to the same continuous shot."""
        return bool(self.changes & {"gap", "cut", "track", "resolution"})
