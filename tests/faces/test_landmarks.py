"""The face mesh on a photograph: where its numbers come from."""

from __future__ import annotations

import numpy as np
from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList
from people import photograph, talking

from liveness.faces.landmarks import POINTS, LandmarkTracker, _coordinates
from liveness.faces.tracking import looked_at


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


def test_a_mesh_that_follows_looks_at_nothing_but_the_part_it_is_given() -> None:
    """Whatever lies elsewhere, the landmarks are the same to the last bit."""
    noise = np.random.default_rng(4).integers(0, 256, (540, 720, 3), dtype=np.uint8)
    with LandmarkTracker() as whole, LandmarkTracker() as part:
        seen = None
        for index, person in enumerate(talking(2.0)):
            # Found on a plain ground, since the mesh looks everywhere until then.
            picture = noise.copy() if index else np.full_like(noise, 90)
            left, top = 60 + 4 * index, 20 + 2 * index
            picture[top : top + 384, left : left + 384] = person
            shown = picture
            if seen is not None:
                box = looked_at(seen).clipped(720, 540)
                window = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
                shown = np.zeros_like(picture)
                shown[window] = picture[window]
                assert (shown != picture).mean() > 0.3
            expected = whole.track(picture)
            seen = part.track(shown)
            assert expected is not None
            assert seen is not None
            np.testing.assert_array_equal(seen, expected)
