import numpy as np
import pytest

from liveness.challenges.light_code import COOL, RANDOM_BYTES, RGB, WARM, LightCode, LightScore, predicted_z, score
from liveness.dsp import Series

SKIN = np.array([0.45, 0.28, 0.2])


def linear(rgb: RGB) -> Series:
    part = np.array(rgb) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def drawn(rng: np.random.Generator) -> LightCode:
    return LightCode.drawn(rng.bytes(RANDOM_BYTES))


def answer(code: LightCode, rng: np.random.Generator, *, share: float = 0.08, late_s: float = 0.25) -> list[Series]:
    """Ambient light, the screen's share of it, drifting white balance, gamma, noise, whole levels; 15 fps."""
    times = np.sort(np.arange(0, 7, 1 / 15) + rng.normal(0, 0.004, 105))
    starts = code.starts_s
    place = np.clip(np.searchsorted(starts, times - late_s, side="right") - 1, 0, 11)
    sides = []
    drift = 1 + 0.03 * np.sin(times / 2.5 + rng.uniform(0, 6))[:, None] * np.array([1.0, 0.0, -1.0])
    hues = np.array([linear(COOL), linear(WARM)])
    bits = np.array(code.bits, dtype=int)
    for side in (0, 1):
        mixed = 0.75 * hues[bits[place, side]] + 0.25 * hues[bits[place, 1 - side]]
        light = SKIN * ((1 - share) * 0.6 + share * mixed) * drift
        # The mean of a patch: levels are whole per pixel, and half levels after the mean over many.
        level = 255 * light ** (1 / 2.2) + rng.normal(0, 0.6, light.shape)
        sides.append(np.round(level * 2) / 2)
    return [times, *sides]


def judged(code: LightCode, seen: list[Series]) -> LightScore:
    return score(code, seen[0], seen[1], seen[2], z=20.0)


def test_flash_limits_at_60_hz() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        code = drawn(rng)
        frames = code.rendered()
        starts = np.array([start for start, _, _ in frames])
        shown = np.searchsorted(starts, np.arange(0, code.starts_s[-1], 1 / 60), side="right") - 1
        for side in (1, 2):
            colours = np.array([linear(frames[k][side]) for k in shown])
            assert (colours[:, 0] / colours.sum(axis=1) < 0.8).all()
            luminance = colours @ np.array([0.2126, 0.7152, 0.0722])
            assert np.ptp(luminance) < 0.1  # no change is large enough to be half a general flash
            changes = np.flatnonzero(np.diff(shown)) / 60
            assert max(((changes >= t) & (changes < t + 1)).sum() for t in changes) / 2 <= 3


def test_genuine_answers_are_recognised() -> None:
    rng = np.random.default_rng(4)
    codes = [drawn(rng) for _ in range(100)]
    scores = [judged(code, answer(code, rng)) for code in codes]
    assert np.mean([one.state == "followed" for one in scores]) >= 0.95
    assert np.median([one.side for one in scores]) > 0


def test_other_codes_pass_at_no_more_than_the_stated_rate() -> None:
    rng = np.random.default_rng(5)
    passed = sum(judged(drawn(rng), answer(drawn(rng), rng)).state == "followed" for _ in range(150))
    assert passed <= 2  # more would come in one of 2,000 runs at 0.1 %


def test_a_late_answer_is_not_followed_and_a_faint_one_is_abstained_from() -> None:
    rng = np.random.default_rng(6)
    code = drawn(rng)
    assert judged(code, answer(code, rng, late_s=2.4)).state == "not_followed"
    seen = answer(code, rng)
    assert score(code, seen[0], seen[1], seen[2], z=3.0).state == "abstained"
    assert predicted_z(amplitude=0.001, noise=0.01, frames=100) == pytest.approx(1.0)
