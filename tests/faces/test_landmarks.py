"""The face mesh on a photograph: where its numbers come from."""

from __future__ import annotations

import numpy as np
from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList
from people import photograph

from liveness.faces.landmarks import POINTS, LandmarkTracker, _coordinates


def test_landmarks_are_the_same_read_from_the_wire_format_or_one_by_one() -> None:
    with LandmarkTracker() as tracker:
        found = tracker._process(photograph())[0]
        slowly = np.array([(point.x, point.y, point.z) for point in found.landmark], dtype=np.float32)
        assert slowly.shape == (POINTS, 3)
        np.testing.assert_array_equal(_coordinates(found), slowly)


def test_a_landmark_of_another_format_is_read_all_the_same() -> None:
    found = NormalizedLandmarkList()
    found.landmark.add(x=0.25, y=0.5, z=-0.125, visibility=0.75)
    found.landmark.add(x=0.0, y=1.0)
    np.testing.assert_array_equal(_coordinates(found), [(0.25, 0.5, -0.125), (0.0, 1.0, 0.0)])
