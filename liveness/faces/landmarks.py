"""MediaPipe's face mesh with iris, in tracking mode, and its short-range face detector."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from liveness.frames import Box, Floats, Pixels

# Both libraries write banners to standard error at the first inference; ours is for the user.
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from mediapipe.python import ImageFormat, packet_creator, packet_getter
from mediapipe.python.solutions.face_detection import FaceDetection
from mediapipe.python.solutions.face_mesh import FaceMesh

_NOTHING: Pixels = np.zeros((64, 64, 3), dtype=np.uint8)
"""A picture without a face; once a model has seen it, all its threads have started, and greeted."""

_STEP_US = 33_333
"""What the mesh is told of the time between two pictures; it does not matter to it."""

POINTS = 478
"""Landmarks of one face: 468 of the mesh, then five for each iris."""


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


class _OnCallingThread:
    """Lets a graph of mediapipe run in the thread that waits for it, instead of being handed about between two others.

    Each of a graph's dozens of steps would wake a thread: with many graphs on one core that takes more time than some
    of the steps.
    """

    def _initialize_graph_interface(self, *args: Any, **options: Any) -> Any:
        config = super()._initialize_graph_interface(*args, **options)  # type: ignore[misc]
        del config.executor[:]
        config.executor.add(type="ApplicationThreadExecutor")
        return config


class _Mesh(_OnCallingThread, FaceMesh):  # type: ignore[misc]  # mediapipe has no types
    """The face mesh, run without what ``process`` adds: it makes a class for every result, a quarter of a millisecond.

    What it stands on is not promised by mediapipe, whose version is exact.
    """

    def faces(self, rgb: Pixels) -> list[Any]:
        """Return the lists of landmarks of all faces in the next picture."""
        self._graph_outputs.clear()
        self._simulated_timestamp += _STEP_US
        packet = packet_creator.create_image_frame(rgb, image_format=ImageFormat.SRGB)
        self._graph.add_packet_to_input_stream(stream="image", packet=packet.at(self._simulated_timestamp))
        self._graph.wait_until_idle()
        found = self._graph_outputs.get("multi_face_landmarks")
        return [] if found is None or found.is_empty() else packet_getter.get_proto_list(found)


class LandmarkTracker:
    """Follows one face from frame to frame; a few milliseconds a frame on one core.

    The mesh looks for a face only while it has none; then it follows it by its own landmarks. The result
    depends on nothing but the pictures given since :meth:`reset`.
    """

    def __init__(self) -> None:
        with banners_off():
            self._mesh = _Mesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True)
            self._mesh.faces(_NOTHING)
        self._greeted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def track(self, rgb: Pixels) -> Floats | None:
        """Return the landmarks of the face, or None.

        Parameters
        ----------
        rgb
            (height, width, 3) picture.

        Returns
        -------
        (478, 3) float32: x and y in pixels of ``rgb``, z in the same unit (smaller is nearer).
        """
        found = self._process(rgb)
        if not found:
            return None
        height, width = rgb.shape[:2]
        return _coordinates(found[0]) * np.array([width, height, width], dtype=np.float32)

    def _process(self, rgb: Pixels) -> list[Any]:
        if self._greeted:
            return self._mesh.faces(rgb)
        # The landmark models start, and greet, when the first face comes.
        with banners_off():
            found = self._mesh.faces(rgb)
        self._greeted = bool(found)
        return found

    def reset(self) -> None:
        """Forget the face, so that the next picture is searched."""
        with banners_off():
            self._mesh.reset()
            self._mesh.faces(_NOTHING)
        self._greeted = False

    def close(self) -> None:
        """Free the model."""
        self._mesh.close()


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


class _Detection(_OnCallingThread, FaceDetection):  # type: ignore[misc]
    """The short-range face detector."""


class FaceDetector:
    """Finds all faces in a picture (up to about two metres away), without following them."""

    def __init__(self, *, min_score: float = 0.6) -> None:
        with banners_off():
            self._detector = _Detection(model_selection=0, min_detection_confidence=min_score)
            self._detector.process(_NOTHING)

    def detect(self, rgb: Pixels) -> list[tuple[Box, float]]:
        """Return (box, score) of every face in the (height, width, 3) picture, largest first."""
        height, width = rgb.shape[:2]
        faces = []
        for detection in self._detector.process(rgb).detections or []:
            box = detection.location_data.relative_bounding_box
            left, top = box.xmin * width, box.ymin * height
            whole = Box(left, top, left + box.width * width, top + box.height * height)
            faces.append((whole.clipped(width, height), float(detection.score[0])))
        return sorted(faces, key=lambda face: -face[0].area)

    def close(self) -> None:
        """Free the model."""
        self._detector.close()
