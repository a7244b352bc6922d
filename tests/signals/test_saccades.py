"""Gaze jumps: living eyes leap; those of an animated photograph tremble with the landmarks or drift with the head."""

import numpy as np
import pytest
from grey import GreyFrame

from liveness.dsp import Series
from liveness.frames import Box, FaceTrack, Floats, Observation
from liveness.signals.saccades import Saccades
from liveness.verdict import Evidence

EYES = {33: (-60.0, 0.0), 133: (-24.0, 0.0), 362: (24.0, 0.0), 263: (60.0, 0.0)}
IRISES = {468: -42.0, 473: 42.0}
LIDS = {159: (-42.0, -6.0), 145: (-42.0, 6.0), 386: (42.0, -6.0), 374: (42.0, 6.0)}
WIDTH_PX = 36.0


def points(gaze: float, opening: float, tremble: Floats) -> Floats:
    """A face of which only the eyes are drawn; ``gaze`` in widths of the eye from its middle."""
    drawn = np.zeros((478, 3), np.float32)
    for index, place in EYES.items():
        drawn[index, :2] = place
    for index, place in LIDS.items():
        drawn[index, :2] = (place[0], place[1] * opening)
    for index, middle in IRISES.items():
        drawn[index, 0] = middle + gaze * WIDTH_PX
    drawn[:, :2] += [320, 240]
    drawn[:, :2] += tremble
    return drawn


def watch(
    gaze: Series,
    *,
    fps: float = 12.5,
    noise_px: float = 0.1,
    closed: Series | None = None,
    yaw_deg: float = 0.0,
    repeat: int = 1,
) -> Saccades:
    """Show eyes that look where ``gaze`` says, one value a frame; the head sways, and pictures may be repeated."""
    rng = np.random.default_rng(5)
    signal = Saccades()
    tremble = np.zeros((478, 2), np.float32)
    for number, place in enumerate(gaze):
        if number % repeat == 0:
            sway = np.array([8 * np.sin(number / fps), 0])
            tremble = (sway + rng.normal(0, noise_px, (478, 2))).astype(np.float32)
        time_s = number / fps
        opening = 0.2 if closed is not None and closed[number] else 1.0
        face = FaceTrack(
            1,
            time_s,
            Box(220, 140, 420, 380),
            points(float(place), opening, tremble),
            (yaw_deg, 0.0, 0.0),
            1.0,
            time_s,
        )
        signal.observe(Observation(frame=GreyFrame(time_s), face=face, others=(), changes=frozenset()))
    return signal


def told(signal: Saccades) -> Evidence:
    evidence = signal.evidence()
    assert evidence is not None, signal.missing()
    return evidence


def leaping(frames: int) -> Series:
    """Fixations of half a second to a second and a half, and a leap between two of them."""
    rng = np.random.default_rng(2)
    gaze: list[float] = []
    while len(gaze) < frames:
        gaze += [float(rng.uniform(-0.1, 0.1))] * int(rng.integers(6, 18))
    return np.array(gaze[:frames])


def test_eyes_that_leap_stand_far_above_noise_and_eyes_that_drift_do_not() -> None:
    drifting = 0.1 * np.sin(np.arange(100) / 12.5)
    assert told(watch(leaping(100))).value > 1.0
    assert told(watch(np.zeros(100))).value == pytest.approx(np.log(1 / 0.6745), abs=0.12)
    assert told(watch(drifting)).value < 0.5


def test_how_much_the_landmarks_tremble_moves_the_value_of_still_eyes_little() -> None:
    values = [told(watch(np.zeros(100), noise_px=noise)).value for noise in (0.05, 0.1, 0.2)]
    assert max(values) - min(values) < 0.1


def test_leaps_that_drown_in_noise_say_nothing() -> None:
    assert told(watch(leaping(100), noise_px=0.1)).quality == 1.0
    assert told(watch(leaping(100), noise_px=1.5)).quality == 0.0


def test_a_blink_is_no_leap() -> None:
    closed = np.zeros(100, bool)
    closed[20:23] = closed[60:63] = True
    # Under a closing lid the iris is guessed somewhere else.
    assert told(watch(np.where(closed, 0.3, 0.0), closed=closed)).value < 0.6


@pytest.mark.parametrize("times", [2, 3])
def test_a_picture_shown_again_is_no_fixation(times: int) -> None:
    rng = np.random.default_rng(4)
    restless = np.cumsum(rng.normal(0, 0.004, 120))
    held = np.repeat(restless[::times], times)[:120]
    assert told(watch(restless)).value < 0.6
    repeated = watch(held, repeat=times)
    evidence = repeated.evidence()
    assert evidence is None or evidence.value < 0.7


def test_a_turned_head_is_measured_less_surely() -> None:
    assert told(watch(leaping(100), yaw_deg=40.0)).quality < 0.6


def test_four_seconds_are_enough_though_a_face_is_not_found_at_once() -> None:
    """Two periods of the signal, less what it takes until a face is first found."""
    assert watch(leaping(49)).evidence() is not None
    assert watch(leaping(47)).evidence() is None


def test_it_says_what_it_lacks() -> None:
    signal = watch(leaping(40))
    assert signal.evidence() is None
    assert signal.missing() == "The eyes have not been watched without a break for long enough yet."
    slow = watch(leaping(60), fps=3.0)
    assert slow.evidence() is None
    assert "Too few pictures a second" in (slow.missing() or "")
    signal.observe(Observation(frame=GreyFrame(4.0), face=None, others=(), changes=frozenset()))
    assert signal.missing() == "No face is seen."


def test_another_shot_begins_anew_and_the_same_seconds_are_not_told_twice() -> None:
    signal = watch(leaping(100))
    told(signal)
    assert signal.evidence() is None
    cut = Observation(
        frame=GreyFrame(8.1),
        face=FaceTrack(
            1, 8.1, Box(220, 140, 420, 380), points(0, 1, np.zeros((478, 2), np.float32)), (0.0,) * 3, 1.0, 0.1
        ),
        others=(),
        changes=frozenset({"cut"}),
    )
    signal.observe(cut)
    assert signal.missing() == "The eyes have not been watched without a break for long enough yet."
