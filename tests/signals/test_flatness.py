from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import skimage.data

from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Box, FaceTrack, Floats, Observation, Pixels
from liveness.signals.flatness import Flatness
from liveness.verdict import Evidence


class ArrayFrame:
    """A grey picture held as an array."""

    index = dropped = 0
    audio = None

    def __init__(self, time_s: float, luma: Pixels) -> None:
        self.time_s = time_s
        self.height, self.width = luma.shape
        self._luma = luma

    def luma(self) -> Pixels:
        return self._luma

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        return np.repeat(self._luma[:, :, None], 3, axis=2)

    def crop_rgb(self, box: Box) -> Pixels:
        return self.rgb()[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]


@cache
def portrait() -> tuple[Pixels, Floats]:
    """The astronaut before her flag, in grey and twice as large, and her landmarks."""
    picture = np.asarray(skimage.data.astronaut(), dtype=np.uint8)[0:360, 40:440]  # type: ignore[no-untyped-call]
    rgb = np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    with LandmarkTracker() as tracker:
        points = tracker.track(rgb)
    assert points is not None
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8), points


Moment = tuple[float, Pixels, Floats]
TIMES = np.arange(0, 4, 1 / 12)


def jitter(index: int) -> Floats:
    """The quarter pixel by which a mesh is off in every frame."""
    return np.random.default_rng(index).normal(0, 0.25, (478, 3)).astype(np.float32)


def waved_photo(size: float = 1.0) -> Iterator[Moment]:
    """The whole picture on paper, shifted, rolled and foreshortened."""
    luma, points = portrait()
    for index, time in enumerate(TIMES):
        x, y = 40 * size * np.sin(1.7 * time), 20 * size * np.sin(2.3 * time)
        roll, squeeze = 0.08 * size * np.sin(1.1 * time), 1 - 0.06 * size * (1 - np.cos(1.9 * time))
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) @ np.diag([squeeze, 1])
        middle = np.array([400, 300])
        matrix = np.hstack([turn, (middle - turn @ middle + [x, y])[:, None]]).astype(np.float32)
        picture = cv2.warpAffine(luma, matrix, (luma.shape[1], luma.shape[0]), borderMode=cv2.BORDER_REFLECT)
        moved = points.copy()
        moved[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        yield float(time), np.asarray(picture, dtype=np.uint8), moved + jitter(index)


def turning_head() -> Iterator[Moment]:
    """The mesh turned in space by up to 15°, the lips talking, the background at rest."""
    luma, points = portrait()
    middle = points[:468].mean(axis=0)
    for index, time in enumerate(TIMES):
        yaw = np.radians(15) * np.sin(1.7 * time)
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        moved = (points - middle) @ turn.T + middle + [12 * np.sin(1.7 * time), 0, 0]
        moved[14, 1] += 5 * (1 + np.sin(9 * time))
        yield float(time), luma, moved.astype(np.float32) + jitter(index)


def seen(time_s: float, luma: Pixels, points: Floats | None) -> Observation:
    face = None
    if points is not None:
        low, high = points[:468, :2].min(axis=0), points[:468, :2].max(axis=0)
        box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        face = FaceTrack(1, time_s, box, points, (0.0, 0.0, 0.0), 1.0, time_s)
    return Observation(frame=ArrayFrame(time_s, luma), face=face, others=(), changes=frozenset())


def watch(moments: Iterator[Moment]) -> Flatness:
    signal = Flatness()
    for moment in moments:
        signal.observe(seen(*moment))
    return signal


def measure(moments: Iterator[Moment]) -> Evidence:
    evidence = watch(moments).evidence()
    assert evidence is not None
    assert tuple(evidence.features) == Flatness.spec.features
    assert evidence.value == evidence.features["parallax"]
    assert 0 <= evidence.quality <= 1
    return evidence


def test_a_turning_head_has_parallax_and_a_waved_photo_has_none() -> None:
    head, photo = measure(turning_head()), measure(waved_photo())
    assert head.quality > 0.9
    assert photo.quality > 0.9
    assert head.features["parallax"] > photo.features["parallax"] + 1
    assert head.features["turn"] > photo.features["turn"] + 1
    # The turn is recovered in radians: 15° of a sine is 0.185 root mean square.
    assert abs(np.exp(head.features["turn"]) - 0.01 - 0.185) < 0.05


def test_lips_move_in_a_head_and_rest_on_a_photo() -> None:
    assert measure(turning_head()).features["lips"] > measure(waved_photo()).features["lips"] + 1


def test_a_photo_takes_its_background_along_and_a_head_does_not() -> None:
    head, photo = measure(turning_head()).features, measure(waved_photo()).features
    assert head["sheet"] > -0.2
    assert photo["sheet"] < -1
    assert head["background"] < photo["background"] - 0.5


def test_a_face_at_rest_says_nothing() -> None:
    signal = watch(waved_photo(size=0.01))
    assert signal.evidence() is None
    assert "hardly moved" in str(signal.missing())
    _, luma, points = next(waved_photo(size=0.0))
    signal.observe(seen(4.1, luma, points))
    assert "hardly moved" in str(signal.missing())


def test_little_motion_counts_for_less() -> None:
    assert 0 < measure(waved_photo(size=0.15)).quality < measure(waved_photo()).quality


def test_half_the_frames_are_enough() -> None:
    keep = np.random.default_rng(1).random(len(TIMES)) < 0.5
    some = measure(moment for moment, kept in zip(turning_head(), keep, strict=True) if kept)
    every = measure(turning_head())
    assert abs(some.features["parallax"] - every.features["parallax"]) < 0.3


def test_an_empty_stream_gives_no_evidence() -> None:
    signal = Flatness()
    assert signal.evidence() is None
    luma, _ = portrait()
    signal.observe(seen(0.0, luma, None))
    assert signal.evidence() is None
    assert signal.missing() == "No face is seen."


def test_a_small_or_averted_face_is_refused() -> None:
    signal = Flatness()
    for time, luma, points in turning_head():
        signal.observe(seen(time, luma[::8, ::8], points / np.float32(8)))
    assert signal.evidence() is None
    assert "too small" in str(signal.missing())

    for time, luma, points in turning_head():
        frontal = seen(4 + time, luma, points)
        assert frontal.face is not None
        signal.observe(replace(frontal, face=replace(frontal.face, pose_deg=(70.0, 0.0, 0.0))))
    assert signal.evidence() is None
    assert "turned too far" in str(signal.missing())


def test_a_second_piece_of_evidence_needs_something_new() -> None:
    signal = watch(turning_head())
    assert signal.missing() is None
    assert signal.evidence() is not None
    assert signal.evidence() is None
    assert signal.missing() is not None


def test_a_broken_shot_starts_anew_and_memory_is_bounded() -> None:
    signal = watch(turning_head())
    for time, luma, points in turning_head():
        signal.observe(seen(4 + time, luma, points))
    evidence = signal.evidence()
    assert evidence is not None
    assert evidence.end_s - evidence.start_s <= 4.01

    luma, points = portrait()
    signal.observe(replace(seen(8.1, luma, points), changes=frozenset({"cut"})))
    assert signal.evidence() is None
    assert "long enough" in str(signal.missing())


def test_state_survives_a_move_to_another_worker() -> None:
    here, there = Flatness(), Flatness()
    for index, moment in enumerate(waved_photo()):
        if index == 20:
            there.restore(here.snapshot())
        here.observe(seen(*moment))
        if index >= 20:
            there.observe(seen(*moment))
    assert here.evidence() == there.evidence()
