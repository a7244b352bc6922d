"""Who is the candidate: one face followed through the picture, the others noted.

The largest steady face is the candidate. It keeps its ``track_id`` while it is the same face without
doubt; after a cut, a long absence or a jump to another place it gets a new one, since without an
embedding nothing says that the same person came back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from liveness.dsp import cell_means
from liveness.faces.landmarks import MESH_POINTS, Detection, FaceModels, LandmarkTracker
from liveness.frames import Box, Change, FaceTrack, Floats, Frame, Observation, Pixels
from liveness.geometry import head_pose_deg


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """When a face is taken for the same one, and the picture for the same shot."""

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

    def __init__(self, models: FaceModels | None = None, settings: TrackingSettings | None = None) -> None:
        """Begin without a face; with ``models`` of its own, which it closes, if none are given."""
        self._models, self._owns = (FaceModels(), True) if models is None else (models, False)
        self._settings = settings or TrackingSettings()
        self._mesh = LandmarkTracker(self._models)
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the models if they are its own."""
        if self._owns:
            self._models.close()

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
        points = self._track(frame)
        if points is None or (self._last_box is not None and not _near(self._last_box, _box_of(points))):
            self._drop_track()
            return None
        return points

    def _track(self, frame: Frame) -> Floats | None:
        """Show the mesh the part it looks at: converting the rest of a picture would cost a tenth of all its time."""
        region = self._mesh.region
        if region is None:
            return None
        part = region.bounds.clipped(frame.width, frame.height)
        return self._mesh.track_part(frame.crop_rgb(part), int(part.left), int(part.top))

    def _acquire(self, frame: Frame) -> Floats | None:
        """Search the whole picture and return the points of the largest face, or None."""
        faces = self._detect(frame)
        if not faces:
            return None
        self._mesh.follow(faces[0])
        points = self._track(frame)
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

    def _detect(self, frame: Frame) -> list[Detection]:
        rgb = frame.rgb(max_width=self._settings.detector_width_px)
        scale = frame.width / rgb.shape[1]
        return [found.scaled(scale) for found in self._models.detect(rgb)]

    def _face(self, frame: Frame, points: Floats) -> FaceTrack:
        box = _box_of(points)
        self._last_box, self._last_seen_s = box, frame.time_s
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
        faces = [found.box.clipped(frame.width, frame.height) for found in self._detect(frame)]
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
        self._mesh.reset()


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


def _differ(one: Floats, other: Floats) -> float:
    return float(np.abs(one - other).mean())


def _coarse(luma: Pixels) -> Floats:
    """Return (16, 16) cell means without their mean, for telling cuts.

    A picture of the size of a call's does not fit into the processor's caches: what costs is the rows that are read.
    """
    step = max(1, max(luma.shape) // 320)
    cells = cell_means(luma[:: 3 * step, ::step], 16)
    return np.asarray(cells - cells.mean(), dtype=np.float32)
