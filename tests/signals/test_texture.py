from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
import skimage.data

from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Box, FaceTrack, Floats, Observation, Pixels
from liveness.measures.texture_features import TEXTURE_FEATURES
from liveness.signals.texture import Texture
from liveness.verdict import Evidence


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
    """The astronaut with the noise of a camera, twice as large, and her landmarks."""
    picture = np.asarray(skimage.data.astronaut(), dtype=np.uint8)[0:320, 80:400]  # type: ignore[no-untyped-call]
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noisy = large + np.random.default_rng(0).normal(0, 4, large.shape)
    rgb = np.clip(noisy, 0, 255).astype(np.uint8)
    with LandmarkTracker() as tracker:
        points = tracker.track(rgb)
    assert points is not None
    return rgb, points


def on_a_screen(rgb: Pixels) -> Pixels:
    """Filmed off a display: soft, bluish, with lifted blacks, overexposed, its grid beating with the camera's."""
    soft = cv2.GaussianBlur(rgb, (0, 0), 2.5).astype(np.float32) / 255
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    moire = 1 + 0.06 * np.sin(2 * np.pi * (0.11 * columns + 0.07 * rows))
    light = 0.12 + 1.2 * soft**0.9 * moire[..., None] * np.array([0.85, 0.95, 1.15])
    return np.asarray(np.clip(255 * light, 0, 255), dtype=np.uint8)


def seen(time_s: float, rgb: Pixels, points: Floats | None) -> Observation:
    face = None
    if points is not None:
        low, high = points[:468, :2].min(axis=0), points[:468, :2].max(axis=0)
        box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        face = FaceTrack(1, time_s, box, points, (0.0, 0.0, 0.0), 1.0, time_s)
    return Observation(frame=ArrayFrame(time_s, rgb), face=face, others=(), changes=frozenset())


def measure(rgb: Pixels, points: Floats) -> Evidence:
    signal = Texture()
    for time in (0.0, 0.7, 1.4):
        signal.observe(seen(time, rgb, points))
    evidence = signal.evidence()
    assert evidence is not None
    return evidence


def test_a_face_filmed_off_a_screen_shifts_as_screens_do() -> None:
    rgb, points = portrait()
    real, screen = measure(rgb, points).features, measure(on_a_screen(rgb), points).features
    assert screen["fine_energy"] < real["fine_energy"] - 0.3
    assert screen["blue_cast"] > real["blue_cast"] + 5
    assert screen["blown_share"] > real["blown_share"] + 0.05
    assert screen["black_share"] <= real["black_share"]
    assert screen["spectral_peak"] > real["spectral_peak"] + 0.5


def test_a_blurred_face_has_less_varied_relief() -> None:
    rgb, points = portrait()
    soft = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 5), dtype=np.uint8)
    assert measure(soft, points).features["detail_entropy"] < measure(rgb, points).features["detail_entropy"] - 0.1


def test_size_alone_hardly_moves_the_features() -> None:
    rgb, points = portrait()
    small = np.asarray(cv2.resize(rgb, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    large, less = measure(rgb, points).features, measure(small, points * np.float32(0.7)).features
    screen = measure(on_a_screen(rgb), points).features
    for name in ("detail_entropy", "blue_cast", "blown_share"):
        assert abs(less[name] - large[name]) < 0.5 * max(abs(screen[name] - large[name]), 0.3), name


def test_a_single_picture_is_enough_and_is_used_once() -> None:
    rgb, points = portrait()
    signal = Texture()
    signal.observe(seen(0.0, rgb, points))
    assert signal.missing() is None
    evidence = signal.evidence()
    assert evidence is not None
    assert tuple(evidence.features) == signal.spec.features == TEXTURE_FEATURES
    assert evidence.value == evidence.features["detail_entropy"]
    assert 0 < evidence.quality <= 1
    assert evidence.start_s == evidence.end_s == 0.0
    assert signal.evidence() is None
    assert signal.missing() is not None


def test_one_odd_frame_does_not_move_the_median() -> None:
    rgb, points = portrait()
    signal = Texture()
    for time, picture in ((0.0, rgb), (0.7, on_a_screen(rgb)), (1.4, rgb)):
        signal.observe(seen(time, picture, points))
    evidence = signal.evidence()
    assert evidence is not None
    assert evidence.features == pytest.approx(dict(measure(rgb, points).features))


def test_without_a_face_there_is_no_evidence() -> None:
    rgb, _ = portrait()
    signal = Texture()
    assert signal.evidence() is None
    signal.observe(seen(0.0, rgb, None))
    assert signal.evidence() is None
    assert signal.missing() == "No face is seen."


def test_a_small_or_averted_or_cut_face_is_refused() -> None:
    rgb, points = portrait()
    signal = Texture()
    signal.observe(seen(0.0, rgb[::8, ::8], points / np.float32(8)))
    assert signal.evidence() is None
    assert "too small" in str(signal.missing())

    frontal = seen(0.7, rgb, points)
    assert frontal.face is not None
    signal.observe(replace(frontal, face=replace(frontal.face, pose_deg=(70.0, 0.0, 0.0))))
    assert signal.evidence() is None
    assert "turned too far" in str(signal.missing())

    signal.observe(seen(1.4, rgb, points - np.array([400, 0, 0], dtype=np.float32)))
    assert signal.evidence() is None
    assert "outside" in str(signal.missing()) or "inside" in str(signal.missing())


def test_what_was_before_a_cut_is_dropped() -> None:
    rgb, points = portrait()
    signal = Texture()
    signal.observe(seen(0.0, on_a_screen(rgb), points))
    signal.observe(replace(seen(0.7, rgb, points), changes=frozenset({"cut"})))
    evidence = signal.evidence()
    assert evidence is not None
    assert evidence.start_s == 0.7
    assert evidence.features == pytest.approx(dict(measure(rgb, points).features))


def test_state_survives_a_move_to_another_worker() -> None:
    rgb, points = portrait()
    here, there = Texture(), Texture()
    here.observe(seen(0.0, rgb, points))
    there.restore(here.snapshot())
    for signal in (here, there):
        signal.observe(seen(0.7, on_a_screen(rgb), points))
    assert here.evidence() == there.evidence()
