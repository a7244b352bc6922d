"""Media time and frame ages: a sender's stamps are followed, but cannot steer them."""

from __future__ import annotations

import pytest

from liveness.live.clock import AgeClock, MediaClock


def test_media_time_starts_at_zero_and_follows_the_stamps_not_the_arrival() -> None:
    clock = MediaClock()
    assert clock.at(5.0, 1000.0) == 0.0
    assert clock.at(5.033, 1000.09) == pytest.approx(0.033)
    assert clock.at(5.066, 1000.095) == pytest.approx(0.066)


def test_a_frame_out_of_order_is_not_used() -> None:
    clock = MediaClock()
    clock.at(0.0, 1000.0)
    clock.at(0.1, 1000.1)
    assert clock.at(0.05, 1000.2) is None


def test_a_sender_cannot_claim_an_hour_in_a_minute() -> None:
    clock = MediaClock()
    clock.at(0.0, 1000.0)
    for step in range(1, 60):
        time_s = clock.at(60.0 * step, 1000.0 + step)
    assert time_s is not None
    assert time_s < 60 + 3


def test_nor_stop_time_by_repeating_itself() -> None:
    clock = MediaClock()
    clock.at(0.0, 1000.0)
    times = [clock.at(0.001 * step, 1000.0 + step) for step in range(1, 60)]
    assert times[-1] is not None
    assert times[-1] == pytest.approx(59, abs=3)


def test_a_new_connection_goes_on_where_our_own_clock_says() -> None:
    clock = MediaClock()
    clock.at(100.0, 1000.0)
    clock.at(101.0, 1001.0)
    clock.begin_connection()
    assert clock.at(7.0, 1021.0) == pytest.approx(21.0)
    resumed = MediaClock(last_s=21.0, last_unix_s=1021.0)
    assert resumed.at(0.0, 1024.0) == pytest.approx(24.0)


def test_on_one_machine_a_frame_is_as_old_as_its_sender_says() -> None:
    clock = AgeClock()
    clock.report(10.0, 1000.0)
    assert clock.sent_at(10.5, 1000.54) == pytest.approx(1000.5)
    assert clock.on_sender_clock


def test_where_clocks_differ_a_frame_is_as_old_as_it_is_later_than_the_fastest() -> None:
    clock = AgeClock()
    clock.report(10.0, 5000.0)
    assert clock.sent_at(10.5, 1000.5) == pytest.approx(1000.5)
    assert not clock.on_sender_clock
    assert clock.sent_at(11.0, 1001.2) == pytest.approx(1001.0)
    assert clock.sent_at(11.5, 1001.5) == pytest.approx(1001.5)


def test_stamps_that_seem_to_begin_anew_confuse_neither_clock() -> None:
    wrap_s = (1 << 32) / 90_000
    age, media = AgeClock(), MediaClock()
    age.report(10.0, 1000.0)
    assert media.at(10.0, 1000.04) == 0.0
    assert age.sent_at(10.5, 1000.54) == pytest.approx(1000.5)
    assert age.sent_at(10.6 + wrap_s, 1000.64) == pytest.approx(1000.6, abs=1e-3)
    assert media.at(10.6 + wrap_s, 1000.64) == pytest.approx(0.6)


def test_a_sender_whose_stamps_are_a_little_late_still_tells_the_age() -> None:
    clock = AgeClock()
    clock.report(10.0, 1000.01)
    assert clock.sent_at(10.5, 1000.505) == pytest.approx(1000.505)
    assert clock.on_sender_clock
    assert clock.sent_at(10.6, 1000.64) == pytest.approx(1000.61)
