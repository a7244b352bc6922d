from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import skimage.data

from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Box, FaceTrack, Floats, Observation, Pixels
from liveness.measures.face_regions import OVAL, fill
from liveness.signals.surroundings import Surroundings


class ArrayFrame:
    """A picture held as an array."""

    index = dropped = 0
    audio = None

    def __init__(self, time_s: float, rgb: Pixels) -> None:
        self.time_s = time_s
        self.height, self.width = rgb.shape[:2]
        self._rgb = rgb

    def luma(self) -> Pixels:
        return np.asarray(cv2.cvtColor(self._rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        return self._rgb

    def crop_rgb(self, box: Box) -> Pixels:
        return self._rgb[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]


@cache
def portrait() -> tuple[Pixels, Floats]:
    """The astronaut, twice as large, with the fine noise of a camera, and her landmarks."""
    picture = np.asarray(skimage.data.astronaut(), dtype=np.uint8)[0:320, 80:400]  # type: ignore[no-untyped-call]
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noisy = large + np.random.default_rng(0).normal(0, 4, large.shape)
    rgb = np.clip(noisy, 0, 255).astype(np.uint8)
    with LandmarkTracker() as tracker:
        points = tracker.track(rgb)
    assert points is not None
    return rgb, points


def swapped(rgb: Pixels, points: Floats) -> Pixels:
    """The face smoothed and blended back in with a soft edge, as a swap does it."""
    oval = points[list(OVAL), :2]
    middle = oval.mean(axis=0)
    mask = fill(np.asarray(middle + (oval - middle) * 1.05, np.float32), (rgb.shape[0], rgb.shape[1]))
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 4)[..., None]
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.5)
    return np.asarray(alpha * smooth + (1 - alpha) * rgb, dtype=np.uint8)


def seen(time_s: float, rgb: Pixels, points: Floats | None) -> Observation:
    face = None
    if points is not None:
        low, high = points[:468, :2].min(axis=0), points[:468, :2].max(axis=0)
        box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        face = FaceTrack(1, time_s, box, points, (0.0, 0.0, 0.0), 1.0, time_s)
    return Observation(frame=ArrayFrame(time_s, rgb), face=face, others=(), changes=frozenset())


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
