"""Who is the candidate: one face followed through the picture, the others noted.

The largest steady face is the candidate. It keeps its ``track_id`` while it is the same face without
doubt; after a cut, a long absence or a jump to another place it gets a new one, since without an
embedding nothing says that the same person came back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from liveness.dsp import cell_means
from liveness.faces.landmarks import FaceDetector, LandmarkTracker
from liveness.frames import Box, Change, FaceTrack, Floats, Frame, Observation, Pixels
from liveness.geometry import head_pose_deg

MESH_POINTS = 468
"""Landmarks of the skin; the rest are the irises, which may look outside the face."""

_WORTH_CUTTING = 0.4
"""Converting a larger share of the picture by itself takes longer than converting all of it."""


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """When a face is taken for the same one, and the picture for the same shot."""

    mesh_width_px: int = 1280
    """Pictures wider than this are scaled down before the mesh sees them."""
    detector_width_px: int = 640
    look_around_s: float = 1.0
    """Media time between two looks for further faces."""
    gap_s: float = 0.75
    """A longer step in media time than this breaks what was gathered over time."""
    cut_levels: float = 22.0
    """Mean change of 16 × 16 cell means (mean brightness removed) that only another picture makes, 0–255."""
    return_s: float = 5.0
    """A face that comes back to the same place within this time is the same track."""
    takeover_ratio: float = 1.8
    """Another face takes over as candidate when its area is this many times larger …"""
    takeover_s: float = 2.0
    """… for at least this long."""


class FaceFollower:
    """Turns frames into observations; one per stream, fed in the order of media time."""

    def __init__(self, settings: TrackingSettings | None = None) -> None:
        self._settings = settings or TrackingSettings()
        self._mesh = LandmarkTracker()
        self._detector = FaceDetector()
        self._following = False
        self._last_box: Box | None = None
        self._last_seen_s = 0.0
        self._track_id = 0
        self._track_start_s = 0.0
        self._last_time_s: float | None = None
        self._last_size: tuple[int, int] | None = None
        self._last_thumb: Floats | None = None
        self._others: tuple[Box, ...] = ()
        self._others_before: tuple[Box, ...] = ()
        self._next_look_s = 0.0
        self._larger_since_s: float | None = None
        self._last_points: Floats | None = None
        self._canvas: Pixels | None = None
        """What the mesh is shown while it follows: a whole picture, up to date only where it looks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._mesh.close()
        self._detector.close()

    def snapshot(self) -> Mapping[str, Any]:
        """Return what must outlive this object: the numbering of tracks (models start anew)."""
        return {"track_id": self._track_id}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on numbering tracks where :meth:`snapshot` left off."""
        self._track_id = int(state["track_id"])

    @property
    def face_box(self) -> Box | None:
        """The candidate's box in the last frame, or None while it is not seen."""
        return self._last_box if self._following else None

    def see(self, frame: Frame, *, rate_changed: bool = False) -> Observation:
        """Find the candidate in the next frame.

        Parameters
        ----------
        frame
            The next analysed frame; its time must be later than the one before.
        rate_changed
            Whether the host changed the analysis rate since the last frame.
        """
        changes = self._changes(frame)
        if rate_changed:
            changes.add("rate")
        if changes & {"cut", "resolution"}:
            self._drop_track()
            self._last_box = None
        track_before = self._track_id
        points = self._follow(frame) if self._following else None
        if points is None:
            points = self._acquire(frame)
        face = self._face(frame, points) if points is not None else None
        if face is not None and track_before not in (0, face.track_id):
            changes.add("track")
        if frame.time_s >= self._next_look_s:
            self._look_around(frame)
        return Observation(frame=frame, face=face, others=self._others, changes=frozenset(changes))

    def _changes(self, frame: Frame) -> set[Change]:
        changes: set[Change] = set()
        luma = frame.luma()
        size = (frame.width, frame.height)
        thumb = _coarse(luma)
        if self._last_time_s is not None and frame.time_s - self._last_time_s > self._settings.gap_s:
            changes.add("gap")
        if self._last_size is not None and size != self._last_size:
            changes.add("resolution")
        elif self._last_thumb is not None and _differ(thumb, self._last_thumb) > self._settings.cut_levels:
            changes.add("cut")
        self._last_time_s, self._last_size, self._last_thumb = frame.time_s, size, thumb
        return changes

    def _follow(self, frame: Frame) -> Floats | None:
        """Return the points of the followed face, or None if it is lost or the mesh went to another one."""
        points = self._track(self._where_it_looks(frame), frame)
        if points is None or (self._last_box is not None and not _near(self._last_box, _box_of(points))):
            self._drop_track()
            return None
        return points

    def _where_it_looks(self, frame: Frame) -> Pixels:
        """Return the picture for a mesh that follows a face; the rest of it may be old, since converting costs time."""
        if frame.width > self._settings.mesh_width_px or self._last_points is None:
            return frame.rgb(max_width=self._settings.mesh_width_px)
        window = looked_at(self._last_points).clipped(frame.width, frame.height)
        if window.area > _WORTH_CUTTING * frame.width * frame.height:
            return frame.rgb()
        shape = (frame.height, frame.width, 3)
        if self._canvas is None or self._canvas.shape != shape:
            self._canvas = np.zeros(shape, dtype=np.uint8)
        left, top, right, bottom = (int(edge) for edge in (window.left, window.top, window.right, window.bottom))
        self._canvas[top:bottom, left:right] = frame.crop_rgb(Box(left, top, right, bottom))
        # Of what cannot be written to MediaPipe makes no copy.
        shown = self._canvas.view()
        shown.flags.writeable = False
        return shown

    def _acquire(self, frame: Frame) -> Floats | None:
        """Search the whole picture and return the points of the largest face, or None."""
        faces = self._detect(frame)
        if not faces:
            return None
        rgb = frame.rgb(max_width=self._settings.mesh_width_px)
        if len(faces) > 1:
            rgb = _only(rgb, faces[0], rgb.shape[1] / frame.width)
        self._mesh.reset()
        points = self._track(rgb, frame)
        if points is None:
            return None
        box = _box_of(points)
        away_s = frame.time_s - self._last_seen_s
        same = self._last_box is not None and away_s <= self._settings.return_s and _near(self._last_box, box)
        if not same:
            self._track_id += 1
            self._track_start_s = frame.time_s
        self._following = True
        return points

    def _track(self, rgb: Pixels, frame: Frame) -> Floats | None:
        points = self._mesh.track(rgb)
        return None if points is None else points * np.float32(frame.width / rgb.shape[1])

    def _detect(self, frame: Frame) -> list[Box]:
        rgb = frame.rgb(max_width=self._settings.detector_width_px)
        scale = frame.width / rgb.shape[1]
        return [
            Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale)
            for box, _ in self._detector.detect(rgb)
        ]

    def _face(self, frame: Frame, points: Floats) -> FaceTrack:
        box = _box_of(points)
        self._last_box, self._last_seen_s, self._last_points = box, frame.time_s, points
        return FaceTrack(
            track_id=self._track_id,
            time_s=frame.time_s,
            box_px=box,
            points_px=points,
            pose_deg=head_pose_deg(points, frame.width, frame.height),
            score=1.0,
            age_s=frame.time_s - self._track_start_s,
        )

    def _look_around(self, frame: Frame) -> None:
        """Note the other faces; hand over to one that has been much larger for a while."""
        self._next_look_s = frame.time_s + self._settings.look_around_s
        faces = self._detect(frame)
        own = self._last_box if self._following else None
        seen = tuple(box for box in faces if own is None or not _same_face(own, box))
        # One look may err; what two looks in a row find is there.
        self._others, self._others_before = (seen if self._others_before else ()), seen
        if own is None or not self._others:
            self._larger_since_s = None
            return
        # The detector's boxes are tighter than the mesh's: compare like with like where it saw both.
        mine = next((box for box in faces if _same_face(own, box)), own)
        if self._others[0].area < self._settings.takeover_ratio * mine.area:
            self._larger_since_s = None
        elif self._larger_since_s is None:
            self._larger_since_s = frame.time_s
        elif frame.time_s - self._larger_since_s >= self._settings.takeover_s:
            self._larger_since_s = None
            self._drop_track()
            self._last_box = None

    def _drop_track(self) -> None:
        self._following = False
        self._last_points = None
        self._mesh.reset()


def looked_at(points: Floats) -> Box:
    """Return the part of the next picture that MediaPipe's mesh looks at, with a margin.

    It is the square of 1.5 times the longer side of the landmarks' box, turned as the eyes are
    (``face_landmark_landmarks_to_roi``).
    """
    box = _box_of(points)
    (x1, y1), (x2, y2) = points[33, :2].tolist(), points[263, :2].tolist()
    angle = math.atan2(y2 - y1, x2 - x1)
    half = 0.75 * max(box.width, box.height) * (abs(math.cos(angle)) + abs(math.sin(angle)))
    reach = half * 1.06 + 4
    x, y = box.center
    return Box(math.floor(x - reach), math.floor(y - reach), math.ceil(x + reach), math.ceil(y + reach))


def _box_of(points: Floats) -> Box:
    low, high = points[:MESH_POINTS, :2].min(axis=0), points[:MESH_POINTS, :2].max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _near(one: Box, other: Box) -> bool:
    """Whether a face can have moved from one box to the other in a moment."""
    (x1, y1), (x2, y2) = one.center, other.center
    ratio = other.width / max(one.width, 1.0)
    return bool(np.hypot(x1 - x2, y1 - y2) < one.width and 0.55 < ratio < 1.8)


def _same_face(mesh: Box, detected: Box) -> bool:
    x, y = detected.center
    inside = mesh.left <= x <= mesh.right and mesh.top <= y <= mesh.bottom
    return inside or mesh.overlap(detected) > 0.2


def _only(rgb: Pixels, face: Box, scale: float) -> Pixels:
    """Return the picture with everything but the surroundings of one face black."""
    wide = face.scaled(1.8)
    box = Box(wide.left * scale, wide.top * scale, wide.right * scale, wide.bottom * scale)
    box = box.clipped(rgb.shape[1], rgb.shape[0])
    rows, columns = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
    masked = np.zeros_like(rgb)
    masked[rows, columns] = rgb[rows, columns]
    return masked


def _differ(one: Floats, other: Floats) -> float:
    return float(np.abs(one - other).mean())


def _coarse(luma: Pixels) -> Floats:
    """Return (16, 16) cell means without their mean, for telling cuts."""
    step = max(1, max(luma.shape) // 320)
    cells = cell_means(luma[::step, ::step], 16)
    return np.asarray(cells - cells.mean(), dtype=np.float32)
