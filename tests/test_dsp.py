import numpy as np
import pytest

from liveness import dsp


def test_uneven_samples_of_a_tone_come_out_even() -> None:
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0, 10, 400))
    grid, values = dsp.resample(times, np.sin(2 * np.pi * 0.5 * times), rate_hz=12.0)
    assert np.allclose(np.diff(grid), 1 / 12)
    assert np.abs(values - np.sin(2 * np.pi * 0.5 * grid)).max() < 0.05


def test_columns_are_resampled_each_for_itself() -> None:
    times = np.array([0.0, 0.5, 1.5, 2.0])
    _, values = dsp.resample(times, np.stack([times, -times], axis=1), rate_hz=4.0)
    assert values.shape == (9, 2)
    assert np.allclose(values[:, 0], -values[:, 1])


def test_a_band_lets_its_tone_through_and_nothing_of_the_trend() -> None:
    times = np.arange(240) / 12
    tone = np.sin(2 * np.pi * 1.2 * times)
    kept = dsp.band_pass(tone + 5 * times, rate_hz=12.0, low_hz=0.7, high_hz=3.0)
    assert np.corrcoef(kept, tone)[0, 1] > 0.99
    slow = dsp.band_pass(np.sin(2 * np.pi * 0.2 * times), rate_hz=12.0, low_hz=0.7, high_hz=3.0)
    assert np.abs(slow[24:-24]).max() < 0.1


def test_pos_finds_a_pulse_and_ignores_brightness() -> None:
    times = np.arange(144) / 12
    beat = np.sin(2 * np.pi * 1.1 * times)
    light = 1 + 0.05 * np.sin(2 * np.pi * 0.9 * times)
    skin = np.array([170.0, 120.0, 95.0])
    rgb = skin * light[:, None] * (1 + 0.002 * np.outer(beat, [0.33, 0.77, 0.53]))
    pulse = dsp.plane_orthogonal_to_skin(rgb, rate_hz=12.0)
    kept = dsp.band_pass(pulse, rate_hz=12.0, low_hz=0.7, high_hz=3.0)
    assert abs(np.corrcoef(kept[20:-20], beat[20:-20])[0, 1]) > 0.9
    assert not dsp.plane_orthogonal_to_skin(rgb[:5], rate_hz=12.0).any()


def test_correlation_of_rows() -> None:
    rng = np.random.default_rng(2)
    common = rng.normal(size=2000)
    assert dsp.mean_correlation(np.stack([common, 2 * common, common + 1])) == pytest.approx(1)
    assert abs(dsp.mean_correlation(rng.normal(size=(3, 2000)))) < 0.1
    assert dsp.mean_correlation(np.stack([common, np.zeros(2000)])) == 0


def test_a_steady_drift_lies_on_its_line_at_any_rate() -> None:
    times = np.array([0.0, 0.08, 0.25, 0.33, 0.5, 1.9, 2.0])
    drift = np.stack([3 * times, -times], axis=1)
    distance = dsp.off_line(times, drift, max_span_s=0.5)
    assert distance.shape == (3, 2)
    assert np.allclose(distance, 0)


def test_spread_and_ratio_bear_the_extreme() -> None:
    assert dsp.spread(np.array([])) == 0
    assert dsp.spread(np.array([1.0, 2.0, 3.0, 4.0, 1e9])) < 2
    assert dsp.log_ratio(0.0, 0.0, floor=0.1) == 0
    assert dsp.log_ratio(2.0, 1.0, floor=0.0) == pytest.approx(np.log(2))
