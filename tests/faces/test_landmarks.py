"""The face mesh on a photograph: where its numbers come from, and that it looks where MediaPipe's own graph looks."""

from __future__ import annotations

import itertools

import numpy as np
from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList
from mediapipe.python.solutions.face_mesh import FaceMesh
from people import photograph, talking

from liveness.faces.landmarks import POINTS, FaceModels, LandmarkTracker, Region, _coordinates
from liveness.frames import Floats, Pixels


def _by_mediapipe(mesh: FaceMesh, rgb: Pixels) -> Floats:
    height, width = rgb.shape[:2]
    found = mesh.process(rgb).multi_face_landmarks[0].landmark
    return np.array([(point.x * width, point.y * height, point.z * width) for point in found], dtype=np.float32)


def _seen(tracker: LandmarkTracker, picture: Pixels) -> Floats:
    points = tracker.track(picture)
    assert points is not None
    return points


def test_the_mesh_looks_where_mediapipes_own_graph_looks() -> None:
    """Found by the detector, then followed by its own landmarks: the same points, but for what a float loses."""
    with FaceModels() as models, LandmarkTracker(models) as tracker, FaceMesh(refine_landmarks=True) as mesh:
        before = None
        for picture in itertools.islice(talking(2.0), 0, None, 3):
            expected = _by_mediapipe(mesh, picture)
            if before is not None:
                # From MediaPipe's own last points, so that nothing adds up.
                again = models.landmarks(picture, Region.about(before))
                assert again is not None
                np.testing.assert_allclose(again, expected, atol=0.02)
            seen = tracker.track(picture)
            assert seen is not None
            assert np.abs(seen - expected)[:, :2].max() < 1.0
            before = expected


def test_landmarks_are_the_same_read_from_the_wire_format_or_one_by_one() -> None:
    with FaceMesh(refine_landmarks=True) as mesh:
        found = mesh.process(photograph()).multi_face_landmarks[0]
    slowly = np.array([(point.x, point.y, point.z) for point in found.landmark], dtype=np.float32)
    assert slowly.shape == (POINTS, 3)
    np.testing.assert_array_equal(_coordinates(found), slowly)


def test_a_landmark_of_another_format_is_read_all_the_same() -> None:
    found = NormalizedLandmarkList()
    found.landmark.add(x=0.25, y=0.5, z=-0.125, visibility=0.75)
    found.landmark.add(x=0.0, y=1.0)
    np.testing.assert_array_equal(_coordinates(found), [(0.25, 0.5, -0.125), (0.0, 1.0, 0.0)])


def test_the_mesh_looks_at_nothing_but_the_part_it_is_given() -> None:
    """Whatever lies elsewhere, the landmarks are the same to the last bit; and cut out, they are the same points."""
    noise = np.random.default_rng(4).integers(0, 256, (540, 720, 3), dtype=np.uint8)
    with FaceModels() as models, LandmarkTracker(models) as tracker:
        for index, person in enumerate(talking(1.0)):
            # Found on a plain ground, since the detector looks everywhere.
            picture = noise.copy() if index else np.full_like(noise, 90)
            left, top = 60 + 4 * index, 20 + 2 * index
            picture[top : top + 384, left : left + 384] = person
            if tracker.region is not None:
                box = tracker.region.bounds.clipped(720, 540)
                window = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
                alone = np.zeros_like(picture)
                alone[window] = picture[window]
                assert (alone != picture).mean() > 0.3
                expected = models.landmarks(picture, tracker.region)
                assert expected is not None
                again = models.landmarks(alone, tracker.region)
                assert again is not None
                np.testing.assert_array_equal(again, expected)
                points = tracker.track_part(np.ascontiguousarray(picture[window]), int(box.left), int(box.top))
                assert points is not None
                np.testing.assert_allclose(points, expected, atol=0.5)
            else:
                assert tracker.track(picture) is not None


def test_calls_that_share_the_models_do_not_disturb_each_other() -> None:
    pictures = list(itertools.islice(talking(1.0), 0, None, 3))
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    with LandmarkTracker() as one, LandmarkTracker() as other:
        alone = [(_seen(one, a), _seen(other, b)) for a, b in zip(pictures, mirrored, strict=True)]
    with FaceModels() as models, LandmarkTracker(models) as one, LandmarkTracker(models) as other:
        together = [(_seen(one, a), _seen(other, b)) for a, b in zip(pictures, mirrored, strict=True)]
        assert one.track(np.zeros_like(pictures[0])) is None
        assert other.track(mirrored[-1]) is not None
    np.testing.assert_array_equal(np.array(together), np.array(alone))
