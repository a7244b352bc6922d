import cv2
import numpy as np
from pictured import portrait, seen
from test_surroundings import swapped

from liveness.frames import Floats, Pixels
from liveness.measures.unrolled_contour import PROFILE_SIZE, STRIP_SHAPE, strip_profile, unrolled_contour
from liveness.signals.forgery import Forgery


def watch(rgb: Pixels, points: Floats | None, seconds: float = 5.0) -> Forgery:
    signal = Forgery()
    for time in np.arange(0, seconds, 0.75):
        signal.observe(seen(float(time), rgb, points))
    return signal


def blended(rgb: Pixels, points: Floats) -> float:
    evidence = watch(rgb, points).evidence()
    assert evidence is not None
    assert 0 < evidence.quality <= 1
    return evidence.value


def test_a_face_blended_in_with_few_pixels_raises_the_odds() -> None:
    rgb, points = portrait()
    assert blended(swapped(rgb, points), points) > blended(rgb, points)


def test_a_strip_is_luma_and_three_scales_from_inside_to_outside() -> None:
    rgb, points = portrait()
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    strip = unrolled_contour(luma, points)
    assert strip is not None
    assert strip.shape == STRIP_SHAPE
    assert np.abs(np.median(strip, axis=(1, 2))).max() < 1e-5
    assert strip_profile(strip).shape == (PROFILE_SIZE,)


def test_a_small_face_is_not_judged() -> None:
    rgb, points = portrait()
    scale = 30.0 / float(np.hypot(*(points[33, :2] - points[263, :2])))
    small = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    signal = watch(small, points * np.float32(scale))
    assert signal.evidence() is None
    assert "too small" in (signal.missing() or "")


def test_a_blurred_picture_is_not_judged() -> None:
    rgb, points = portrait()
    signal = watch(np.asarray(cv2.GaussianBlur(rgb, (0, 0), 12), dtype=np.uint8), points)
    assert signal.evidence() is None
    assert "blurred" in (signal.missing() or "")


def test_a_face_whose_edge_leaves_the_picture_is_not_judged() -> None:
    rgb, points = portrait()
    middle = int(points[1, 1])
    signal = watch(np.ascontiguousarray(rgb[:middle]), points)
    assert signal.evidence() is None
    assert "outside the picture" in (signal.missing() or "")


def test_without_a_face_nothing_is_said() -> None:
    rgb, _ = portrait()
    signal = watch(rgb, None)
    assert signal.evidence() is None
    assert signal.missing() == "No face is seen."
