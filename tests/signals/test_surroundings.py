from dataclasses import replace

import cv2
import numpy as np
from pictured import portrait, seen

from liveness.frames import Floats, Pixels
from liveness.measures.face_regions import OVAL, fill
from liveness.signals.surroundings import Surroundings


def swapped(rgb: Pixels, points: Floats) -> Pixels:
    """The face smoothed and blended back in with a soft edge, as a swap does it."""
    oval = points[list(OVAL), :2]
    middle = oval.mean(axis=0)
    mask = fill(np.asarray(middle + (oval - middle) * 1.05, np.float32), (rgb.shape[0], rgb.shape[1]))
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 4)[..., None]
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.5)
    return np.asarray(alpha * smooth + (1 - alpha) * rgb, dtype=np.uint8)


def watch(rgb: Pixels, points: Floats, seconds: float = 4.0) -> Surroundings:
    signal = Surroundings()
    for time in np.arange(0, seconds, 0.4):
        signal.observe(seen(float(time), rgb, points))
    return signal


def features(rgb: Pixels, points: Floats) -> dict[str, float]:
    signal = watch(rgb, points)
    evidence = signal.evidence()
    assert evidence is not None
    assert 0 < evidence.quality <= 1
    assert tuple(evidence.features) == signal.spec.features
    return dict(evidence.features)


def test_a_smoothed_face_is_softer_at_its_edge_and_inside() -> None:
    rgb, points = portrait()
    real, fake = features(rgb, points), features(swapped(rgb, points), points)
    assert fake["jaw_laplacian"] < real["jaw_laplacian"] - 0.2
    assert fake["inner_fineness"] < real["inner_fineness"] - 0.2


def test_a_poor_line_that_softens_everything_hardly_counts() -> None:
    rgb, points = portrait()
    soft = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.7), dtype=np.uint8)
    real, poor, fake = features(rgb, points), features(soft, points), features(swapped(rgb, points), points)
    moved = abs(poor["jaw_laplacian"] - real["jaw_laplacian"])
    assert moved < 0.5 * abs(fake["jaw_laplacian"] - real["jaw_laplacian"])


def test_it_abstains_without_a_neck_and_for_a_small_face() -> None:
    rgb, points = portrait()
    chin = int(points[152, 1])
    cropped = watch(rgb[: chin + 2], points)
    assert cropped.evidence() is None
    assert cropped.missing() == "The neck below the chin is outside the picture."
    small = cv2.resize(rgb, None, fx=0.2, fy=0.2)
    tiny = watch(np.asarray(small, dtype=np.uint8), points * np.float32(0.2))
    assert tiny.evidence() is None
    assert "fewer than 40 pixels" in (tiny.missing() or "")


def test_a_picture_without_fine_detail_has_no_quality() -> None:
    rgb, points = portrait()
    evidence = watch(np.asarray(cv2.GaussianBlur(rgb, (0, 0), 6), dtype=np.uint8), points).evidence()
    assert evidence is not None
    assert evidence.quality < 0.05


def test_nothing_is_said_of_an_empty_stream_or_a_moment_or_twice() -> None:
    rgb, points = portrait()
    assert Surroundings().evidence() is None
    assert Surroundings().missing() == "No face has been seen yet."
    assert watch(rgb, points, seconds=1.5).evidence() is None
    signal = watch(rgb, points)
    assert signal.evidence() is not None
    assert signal.evidence() is None
    signal.observe(replace(seen(4.1, rgb, None), changes=frozenset({"cut"})))
    assert signal.missing() == "No face is seen."


def test_the_state_survives_a_move_to_another_worker() -> None:
    rgb, points = portrait()
    signal, other = watch(rgb, points), Surroundings()
    other.restore(signal.snapshot())
    assert other.evidence() == signal.evidence()
