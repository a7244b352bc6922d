"""MediaPipe's face mesh with iris and its short-range face detector, and what follows one face with them.

Neither model remembers anything: which part of the next picture the mesh looks at is worked out here, as MediaPipe's
own graph does it (``face_landmark_landmarks_to_roi``, ``face_detection_front_detection_to_roi``). So one pair serves
all calls of a worker, and its weights stay in the processor's cache.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from liveness.frames import Box, Floats, Pixels

# Both libraries write banners to standard error at the first inference; ours is for the user.
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from mediapipe.framework import calculator_pb2
from mediapipe.framework.formats import rect_pb2
from mediapipe.python import CalculatorGraph, ImageFormat, packet_creator, packet_getter
from mediapipe.python.solutions.face_detection import FaceDetection

_NOTHING: Pixels = np.zeros((64, 64, 3), dtype=np.uint8)
"""A picture without a face; once a model has seen it, all its threads have started, and greeted."""

POINTS, MESH_POINTS = 478, 468
"""Landmarks of one face, and those of the skin among them; the rest are the irises, which may look outside the face."""

_LEAST_SCORE = 0.6
"""What the detector is less sure of is no face."""


@contextlib.contextmanager
def banners_off() -> Iterator[None]:
    """Silence file descriptor 2 while a model starts: its C++ side greets there, past all logging settings.

    Whatever else this process writes to standard error in these tens of milliseconds is lost too.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _mesh_graph() -> Any:
    """Return MediaPipe's landmark model on a region that it is told.

    It runs in the thread that waits for it. Otherwise each of its dozens of steps would wake a thread of its own: with
    many calls on one core that takes more time than some of the steps.
    """
    config = calculator_pb2.CalculatorGraphConfig(
        input_stream=["image", "region"], input_side_packet=["with_attention"], output_stream=["landmarks"]
    )
    config.executor.add(type="ApplicationThreadExecutor")
    config.node.add(
        calculator="FaceLandmarkCpu",
        input_stream=["IMAGE:image", "ROI:region"],
        input_side_packet=["WITH_ATTENTION:with_attention"],
        output_stream=["LANDMARKS:landmarks"],
    )
    return config


@dataclass(frozen=True, slots=True)
class Region:
    """A square, turned as the eyes are, that the mesh looks at; in pixels of the picture."""

    x: float
    y: float
    side: float
    angle: float
    """Radians, clockwise."""

    @classmethod
    def about(cls, points_px: Floats) -> Region:
        """Return where a face of these (478, 3) landmarks is looked for in the next picture."""
        low, high = points_px[:MESH_POINTS, :2].min(axis=0), points_px[:MESH_POINTS, :2].max(axis=0)
        (left, top), (right, bottom) = low.tolist(), high.tolist()
        return cls._around(Box(left, top, right, bottom), points_px[33, :2].tolist(), points_px[263, :2].tolist())

    @classmethod
    def of_detection(cls, found: Detection) -> Region:
        """Return where the landmarks of a detected face are looked for."""
        return cls._around(found.box, *found.eyes)

    @classmethod
    def _around(cls, box: Box, one_eye: tuple[float, float], other_eye: tuple[float, float]) -> Region:
        x, y = box.center
        angle = math.atan2(other_eye[1] - one_eye[1], other_eye[0] - one_eye[0])
        return cls(x, y, 1.5 * max(box.width, box.height), angle)

    @property
    def bounds(self) -> Box:
        """The upright box of whole pixels around it, with a margin for the mesh's interpolation."""
        reach = self.side / 2 * (abs(math.cos(self.angle)) + abs(math.sin(self.angle))) + 4
        x, y = self.x, self.y
        return Box(math.floor(x - reach), math.floor(y - reach), math.ceil(x + reach), math.ceil(y + reach))


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that the detector found."""

    box: Box
    """In pixels; it may reach beyond the picture."""
    eyes: tuple[tuple[float, float], tuple[float, float]]
    """(x, y) in pixels, the one at the picture's left first."""
    score: float
    """0–1."""

    def scaled(self, factor: float) -> Detection:
        """Return it in a picture that is larger by this factor."""
        (x1, y1), (x2, y2) = self.eyes
        box = Box(*(factor * edge for edge in (self.box.left, self.box.top, self.box.right, self.box.bottom)))
        return Detection(box, ((x1 * factor, y1 * factor), (x2 * factor, y2 * factor)), self.score)


class FaceModels:
    """The mesh and the detector, for all streams of one thread: what they find depends on nothing but the picture."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._stamp = 0
        with banners_off():
            # First, since it tells MediaPipe where its models are.
            self._detector = _Detection(model_selection=0, min_detection_confidence=_LEAST_SCORE)
            self._detector.process(_NOTHING)
            self._mesh = CalculatorGraph(graph_config=_mesh_graph())
            # A function of our own would be where an interrupt is raised, in the midst of MediaPipe.
            self._mesh.observe_output_stream("landmarks", self._found.__setitem__, True)
            self._mesh.start_run({"with_attention": packet_creator.create_bool(True)})
            self.landmarks(_NOTHING, Region(32, 32, 64, 0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def landmarks(self, rgb: Pixels, region: Region) -> Floats | None:
        """Return the landmarks of the face in a region of the picture, or None if there is none; 2 ms on one core.

        Parameters
        ----------
        rgb
            (height, width, 3) picture. Of one that cannot be written to MediaPipe makes no copy.

        Returns
        -------
        (478, 3) float32: x and y in pixels of ``rgb``, z in the same unit (smaller is nearer).
        """
        height, width = rgb.shape[:2]
        place = rect_pb2.NormalizedRect(
            x_center=region.x / width,
            y_center=region.y / height,
            width=region.side / width,
            height=region.side / height,
            rotation=region.angle,
        )
        self._found.clear()
        self._stamp += 1
        picture = packet_creator.create_image_frame(rgb, image_format=ImageFormat.SRGB)
        self._mesh.add_packet_to_input_stream("image", picture.at(self._stamp))
        self._mesh.add_packet_to_input_stream("region", packet_creator.create_proto(place).at(self._stamp))
        self._mesh.wait_until_idle()
        found = self._found.get("landmarks")
        if found is None or found.is_empty():
            return None
        return _coordinates(packet_getter.get_proto(found)) * np.array([width, height, width], dtype=np.float32)

    def detect(self, rgb: Pixels) -> list[Detection]:
        """Return all faces in the (height, width, 3) picture (up to about two metres away), largest first."""
        height, width = rgb.shape[:2]
        faces = []
        for detection in self._detector.process(rgb).detections or []:
            at = detection.location_data.relative_bounding_box
            left, top = at.xmin * width, at.ymin * height
            one, other = ((eye.x * width, eye.y * height) for eye in detection.location_data.relative_keypoints[:2])
            box = Box(left, top, left + at.width * width, top + at.height * height)
            faces.append(Detection(box, (one, other), float(detection.score[0])))
        return sorted(faces, key=lambda face: -face.box.clipped(width, height).area)

    def close(self) -> None:
        """Free both."""
        self._mesh.close()
        self._detector.close()


class LandmarkTracker:
    """Follows one face from picture to picture; a few milliseconds each on one core.

    It searches for a face only while it has none; then it follows it by its own landmarks.
    """

    def __init__(self, models: FaceModels | None = None) -> None:
        """Begin without a face; with ``models`` of its own, which it closes, if none are given."""
        self._models, self._owns = (FaceModels(), True) if models is None else (models, False)
        self.region: Region | None = None
        """Where in the next picture the followed face is looked for; None while there is none."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def track(self, rgb: Pixels) -> Floats | None:
        """Return the landmarks of the face in the whole (height, width, 3) picture, or None.

        Returns
        -------
        (478, 3) float32: x and y in pixels of ``rgb``, z in the same unit (smaller is nearer).
        """
        if self.region is None:
            found = self._models.detect(rgb)
            if not found:
                return None
            self.follow(found[0])
        return self.track_part(rgb, 0, 0)

    def track_part(self, rgb: Pixels, left: int, top: int) -> Floats | None:
        """Return the landmarks of the followed face, given a part of the picture that holds :attr:`region`.

        Parameters
        ----------
        rgb
            (height, width, 3) the part, whose upper left corner is at (left, top).

        Returns
        -------
        As of :meth:`track`, in pixels of the whole picture.
        """
        at = self.region
        points = None
        if at is not None and rgb.size:
            points = self._models.landmarks(rgb, Region(at.x - left, at.y - top, at.side, at.angle))
        if points is None:
            self.region = None
            return None
        points += np.array([left, top, 0], dtype=np.float32)
        self.region = Region.about(points)
        return points

    def follow(self, found: Detection) -> None:
        """Follow this face from the next picture on."""
        self.region = Region.of_detection(found)

    def reset(self) -> None:
        """Forget the face, so that the next picture is searched."""
        self.region = None

    def close(self) -> None:
        """Free the models if they are its own."""
        if self._owns:
            self._models.close()


class _Detection(FaceDetection):  # type: ignore[misc]  # mediapipe has no types
    """The short-range face detector, run in the thread that waits for it, as the mesh is."""

    def _initialize_graph_interface(self, *args: Any, **options: Any) -> Any:
        config = super()._initialize_graph_interface(*args, **options)
        del config.executor[:]
        config.executor.add(type="ApplicationThreadExecutor")
        return config


_RECORD: Final = np.array([0x0A, 0x0F, 0x0D, 0x15, 0x1D], dtype=np.uint8)
_TAGS_AT: Final = (0, 1, 2, 7, 12)
"""Where a serialised landmark of 17 bytes has its tags: a message of 15 bytes, then x, y and z as 32-bit floats."""


def _coordinates(found: Any) -> Floats:
    """Return (n, 3) of a list of landmarks, in shares of the picture.

    Reading them one by one through protobuf takes 0.4 ms a face; read from its wire format they are the same numbers.
    """
    raw = np.frombuffer(found.SerializeToString(), dtype=np.uint8)
    records = raw.reshape(-1, 17) if raw.size % 17 == 0 else None
    if records is None or not np.array_equal(records[:, _TAGS_AT], np.broadcast_to(_RECORD, (len(records), 5))):
        return np.array([(point.x, point.y, point.z) for point in found.landmark], dtype=np.float32)
    columns = [records[:, at : at + 4].copy().view("<f4")[:, 0] for at in (3, 8, 13)]
    return np.asarray(np.stack(columns, axis=1), dtype=np.float32)
