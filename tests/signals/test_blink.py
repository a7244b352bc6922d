from dataclasses import replace

import numpy as np
import pytest
from grey import GreyFrame

from liveness.dsp import Series
from liveness.frames import Box, FaceTrack, Floats, Observation
from liveness.signals.blink import Blink


def eyes(opening: float, *, width_px: float = 40.0, between_px: float = 120.0) -> Floats:
    """Landmarks whose eyes are so far open, height over width."""
    points = np.zeros((478, 3), np.float32)
    half = opening * width_px / 2
    for outer, inner, x, out, lids in (
        (33, 133, 320 - between_px / 2, -1, ((160, 144), (159, 145), (158, 153))),
        (263, 362, 320 + between_px / 2, 1, ((387, 373), (386, 374), (385, 380))),
    ):
        points[outer, :2] = x, 200
        points[inner, :2] = x - out * width_px, 200
        for upper, lower in lids:
            points[upper, :2] = x - out * width_px / 2, 200 - half
            points[lower, :2] = x - out * width_px / 2, 200 + half
    return points


def seen(time_s: float, points: Floats | None) -> Observation:
    face = None
    if points is not None:
        face = FaceTrack(1, time_s, Box(220, 80, 420, 400), points, (0.0, 0.0, 0.0), 1.0, time_s)
    return Observation(frame=GreyFrame(time_s), face=face, others=(), changes=frozenset())


def opening_at(time_s: float, blinks_s: tuple[float, ...], open_level: float) -> float:
    """A lid that needs 0.15 s to fall and 0.2 s to rise again."""
    shut = 0.0
    for start in blinks_s:
        after = time_s - start
        shut = max(shut, min(after / 0.15, (0.45 - after) / 0.2, 1.0))
    return open_level * (1 - 0.85 * max(shut, 0.0))


def watch(blinks_s: tuple[float, ...], times: Series, open_level: float = 0.3) -> Blink:
    rng = np.random.default_rng(1)
    signal = Blink()
    for time in times:
        opening = opening_at(float(time), blinks_s, open_level) * (1 + rng.normal(0, 0.02))
        signal.observe(seen(float(time), eyes(opening)))
    return signal


TWELVE = np.arange(0, 10, 1 / 12)
SIX_UNEVEN = np.cumsum(np.random.default_rng(4).uniform(0.1, 0.23, 60))


@pytest.mark.parametrize("times", [TWELVE, SIX_UNEVEN], ids=["12 fps", "6 uneven fps"])
@pytest.mark.parametrize("open_level", [0.3, 0.18], ids=["wide eyes", "narrow eyes"])
def test_two_blinks_are_two_blinks(times: Series, open_level: float) -> None:
    evidence = watch((3.0, 6.5), times, open_level).evidence()
    assert evidence is not None
    assert evidence.value > 0.6
    assert evidence.quality == 1
    assert round(evidence.features["blinks_per_s"] * (evidence.end_s - evidence.start_s)) == 2


def test_without_a_blink_little_is_said_and_slowly_more() -> None:
    early = watch((), TWELVE).evidence()
    late = watch((), np.arange(0, 20, 1 / 12)).evidence()
    assert early is not None
    assert late is not None
    assert early.value < 0.2
    assert early.features["blinks_per_s"] == 0
    assert early.quality < late.quality <= 0.5


def test_closed_eyes_at_rest_are_no_blink() -> None:
    signal = Blink()
    for time in TWELVE:
        signal.observe(seen(float(time), eyes(0.05 if 4 < time < 7 else 0.3)))
    evidence = signal.evidence()
    assert evidence is not None
    assert evidence.features["blinks_per_s"] == 0


def test_nothing_is_said_of_an_empty_stream_a_small_face_or_a_moment() -> None:
    signal = Blink()
    assert signal.evidence() is None
    assert signal.missing() == "No face has been seen yet."
    signal.observe(seen(0.0, eyes(0.3, width_px=10, between_px=30)))
    assert "fewer than 40 pixels" in (signal.missing() or "")
    assert watch((), np.arange(0, 7, 1 / 12)).evidence() is None


def test_a_cut_starts_anew_a_moment_without_a_face_does_not() -> None:
    signal = watch((3.0,), TWELVE)
    signal.observe(seen(10.0, None))
    assert signal.missing() is None
    signal.observe(replace(seen(10.1, eyes(0.3)), changes=frozenset({"cut"})))
    assert "long enough" in (signal.missing() or "")


def test_the_state_survives_a_move_to_another_worker() -> None:
    signal, other = watch((3.0,), TWELVE), Blink()
    other.restore(signal.snapshot())
    assert other.evidence() == signal.evidence()
