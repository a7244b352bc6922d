from dataclasses import replace

import numpy as np
import pytest

from liveness.frames import Box, FaceTrack, Floats, Observation, Pixels
from liveness.measures.face_regions import SKIN_REGIONS
from liveness.signals.pulse import Pulse

WIDTH, HEIGHT = 320, 240
PLACES = {"forehead": (160, 50), "left_cheek": (110, 150), "right_cheek": (210, 150)}
SKIN = np.array([170.0, 120.0, 95.0])
BEAT = np.array([0.33, 0.77, 0.53])


class ColourFrame:
    """A picture of three patches of skin, each of its own colour."""

    index = dropped = 0
    width, height = WIDTH, HEIGHT
    audio = None

    def __init__(self, time_s: float, patches: Floats, rng: np.random.Generator) -> None:
        self.time_s = time_s
        picture = np.tile(SKIN, (HEIGHT, WIDTH, 1))
        for colour, (x, y) in zip(patches, PLACES.values(), strict=True):
            picture[y - 40 : y + 40, x - 40 : x + 40] = colour
        self._rgb: Pixels = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)

    def luma(self) -> Pixels:
        return np.asarray(self._rgb[..., 1], dtype=np.uint8)

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        return self._rgb

    def crop_rgb(self, box: Box) -> Pixels:
        return self._rgb[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]


def landmarks(eye_distance_px: float = 100.0) -> Floats:
    points = np.zeros((478, 3), np.float32)
    for name, indices in SKIN_REGIONS.items():
        turn = np.linspace(0, 2 * np.pi, len(indices), endpoint=False)
        points[list(indices), :2] = np.stack([25 * np.cos(turn), 25 * np.sin(turn)], axis=1) + PLACES[name]
    points[33, :2], points[263, :2] = (160 - eye_distance_px / 2, 100), (160 + eye_distance_px / 2, 100)
    return points


def seen(frame: ColourFrame, points: Floats | None) -> Observation:
    face = None
    if points is not None:
        face = FaceTrack(1, frame.time_s, Box(60, 10, 260, 230), points, (0.0, 0.0, 0.0), 1.0, frame.time_s)
    return Observation(frame=frame, face=face, others=(), changes=frozenset())


def watch(pulse: float, *, seconds: float = 12.0, uneven: bool = False, together: bool = True) -> Pulse:
    """Let three patches of skin pulse by this share of their brightness, all alike or each by itself."""
    rng = np.random.default_rng(8)
    signal = Pulse()
    times = np.arange(0, seconds, 1 / 12)
    if uneven:
        times = np.sort(times + rng.uniform(-0.03, 0.03, len(times)))[rng.random(len(times)) < 0.8]
    rates = (1.15, 1.15, 1.15) if together else (0.9, 1.5, 2.3)
    for time in times:
        beats = [pulse * np.sin(2 * np.pi * rate * time) for rate in rates]
        patches = np.stack([SKIN * (1 + beat * BEAT) for beat in beats])
        signal.observe(seen(ColourFrame(float(time), patches.astype(np.float32), rng), landmarks()))
    return signal


def coherence(signal: Pulse) -> float:
    evidence = signal.evidence()
    assert evidence is not None
    assert 0 <= evidence.value <= 1
    assert evidence.quality == 1
    return evidence.value


@pytest.mark.parametrize("uneven", [False, True])
def test_one_pulse_in_three_patches_is_coherent(uneven: bool) -> None:
    assert coherence(watch(0.01, uneven=uneven)) > 0.7


def test_noise_and_three_different_tones_are_not() -> None:
    assert coherence(watch(0.0)) < 0.25
    assert coherence(watch(0.01, together=False)) < 0.25


def test_neither_a_rate_nor_a_frequency_leaves_the_signal() -> None:
    evidence = watch(0.01).evidence()
    assert evidence is not None
    assert dict(evidence.features) == {"coherence": evidence.value}


def test_nothing_is_said_of_an_empty_stream_a_small_face_or_a_moment() -> None:
    signal = Pulse()
    assert signal.evidence() is None
    assert signal.missing() == "No face has been seen yet."
    frame = ColourFrame(0.0, np.stack([SKIN] * 3).astype(np.float32), np.random.default_rng(0))
    signal.observe(seen(frame, landmarks(eye_distance_px=30)))
    assert "fewer than 40 pixels" in (signal.missing() or "")
    signal.observe(seen(frame, landmarks() + np.float32(200)))
    assert signal.missing() == "Forehead and both cheeks are not all in sight."
    assert watch(0.01, seconds=7).evidence() is None


def test_a_cut_or_a_lost_face_starts_anew() -> None:
    frame = ColourFrame(12.0, np.stack([SKIN] * 3).astype(np.float32), np.random.default_rng(0))
    signal = watch(0.01)
    signal.observe(replace(seen(frame, landmarks()), changes=frozenset({"cut"})))
    assert "long enough" in (signal.missing() or "")
    signal.observe(seen(frame, None))
    assert signal.missing() == "No face is seen."


def test_the_state_survives_a_move_to_another_worker() -> None:
    signal, other = watch(0.01), Pulse()
    other.restore(signal.snapshot())
    assert other.evidence() == signal.evidence()
