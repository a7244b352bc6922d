from dataclasses import replace

import numpy as np
import pytest
from grey import GreyFrame

from liveness.dsp import Series
from liveness.frames import Box, FaceTrack, Floats, Observation
from liveness.measures.face_regions import LIPS, OVAL
from liveness.signals.geometry import Geometry


def head(eye_distance_px: float = 120.0) -> Floats:
    """A made-up head: the contour an ellipse, the lips a smaller one, everything else spread inside."""
    rng = np.random.default_rng(7)
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = rng.uniform(-0.6, 0.6, (478, 2))
    for indices, wide, high, down in ((OVAL, 0.85, 1.1, 0.2), (LIPS, 0.3, 0.12, 0.7)):
        turn = np.linspace(0, 2 * np.pi, len(indices), endpoint=False)
        points[list(indices), :2] = np.stack([wide * np.sin(turn), down - high * np.cos(turn)], axis=1)
    points[[33, 133, 362, 263], 0] = [-0.5, -0.2, 0.2, 0.5]
    points[[33, 133, 362, 263], 1] = 0
    points[[468, 473], :2] = [[-0.35, 0], [0.35, 0]]
    points *= eye_distance_px
    points[:, :2] += [320, 220]
    return points


def seen(time_s: float, points: Floats | None) -> Observation:
    face = None
    if points is not None:
        face = FaceTrack(1, time_s, Box(220, 80, 420, 400), points, (0.0, 0.0, 0.0), 1.0, time_s)
    return Observation(frame=GreyFrame(time_s), face=face, others=(), changes=frozenset())


def watch(lip_px: float, contour_px: float, *, times: Series | None = None) -> Geometry:
    """Let lips and contour tremble by so many pixels while the head sways slowly."""
    rng = np.random.default_rng(3)
    signal = Geometry()
    for time in np.arange(0, 5, 1 / 12) if times is None else times:
        points = head()
        points[:, 0] += 20 * np.sin(time)
        points[list(LIPS), :2] += rng.normal(0, lip_px, (len(LIPS), 2)).astype(np.float32)
        points[list(OVAL), :2] += rng.normal(0, contour_px, (len(OVAL), 2)).astype(np.float32)
        signal.observe(seen(float(time), points))
    return signal


def value(signal: Geometry) -> float:
    evidence = signal.evidence()
    assert evidence is not None
    assert evidence.quality == 1
    assert tuple(evidence.features) == signal.spec.features
    return evidence.value


def test_lips_that_jitter_against_a_still_contour_raise_the_value() -> None:
    still, driven = value(watch(0.5, 0.5)), value(watch(2.0, 0.5))
    assert abs(still) < 0.3
    assert driven == pytest.approx(still + np.log(4), abs=0.4)
    assert value(watch(0.2, 0.5)) < still - 0.5


def test_half_of_the_frames_at_uneven_times_say_the_same() -> None:
    rng = np.random.default_rng(5)
    grid = np.arange(0, 6, 1 / 12)
    uneven = grid[rng.random(len(grid)) < 0.5]
    assert value(watch(1.5, 0.5, times=uneven)) == pytest.approx(value(watch(1.5, 0.5)), abs=0.4)


def test_moving_turning_and_nearing_as_one_is_no_motion_of_the_lips() -> None:
    signal = Geometry()
    for time in np.arange(0, 5, 1 / 12):
        points = head()
        angle, scale = 0.2 * np.sin(time), 1 + 0.1 * np.sin(2 * time)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points[:, :2] = (points[:, :2] - 320) @ turn.T + 320
        signal.observe(seen(float(time), points))
    evidence = signal.evidence()
    assert evidence is not None
    assert abs(evidence.features["lip_range"]) < 0.5


def test_wandering_eyes_widen_the_gaze() -> None:
    ranges = []
    for reach in (0.0, 8.0):
        signal = Geometry()
        for time in np.arange(0, 5, 1 / 12):
            points = head()
            points[468:, 0] += reach * np.sin(2 * time)
            signal.observe(seen(float(time), points))
        evidence = signal.evidence()
        assert evidence is not None
        ranges.append(evidence.features["gaze_range"])
    assert ranges[1] > ranges[0] + 1


def test_nothing_is_said_of_an_empty_stream_a_small_face_or_a_moment() -> None:
    signal = Geometry()
    assert signal.evidence() is None
    assert signal.missing() == "No face has been seen yet."
    for time in np.arange(0, 5, 1 / 12):
        signal.observe(seen(float(time), head(eye_distance_px=30)))
    assert signal.evidence() is None
    assert "fewer than 40 pixels" in (signal.missing() or "")
    signal.observe(seen(5.1, None))
    assert signal.missing() == "No face is seen."


def test_a_cut_starts_the_stretch_anew_and_the_same_stretch_is_told_once() -> None:
    signal = watch(1.0, 1.0)
    value(signal)
    assert signal.evidence() is None
    assert "new" in (signal.missing() or "")
    signal.observe(replace(seen(5.1, head()), changes=frozenset({"cut"})))
    assert "long enough" in (signal.missing() or "")


def test_too_slow_a_stream_is_not_measured() -> None:
    signal = watch(1.0, 1.0, times=np.arange(0, 6, 0.4))
    assert signal.evidence() is None
    assert "Too few pictures" in (signal.missing() or "")


def test_the_state_survives_a_move_to_another_worker() -> None:
    signal, other = watch(1.0, 0.5), Geometry()
    other.restore(signal.snapshot())
    assert other.evidence() == signal.evidence()
