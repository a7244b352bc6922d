"""The grid: twelve a second, from even frames one of each period, from uneven ones as many on average."""

from __future__ import annotations

import pytest

from liveness.review.grid import Grid


def taken(times_s: list[float], fps: float = 12.0) -> list[float]:
    grid = Grid(fps)
    return [time_s for time_s in times_s if grid.takes(time_s)]


@pytest.mark.parametrize("rate", [12, 15, 24, 25, 29.97, 30, 50, 60])
def test_even_frames_give_one_of_each_period(rate: float) -> None:
    times = taken([index / rate for index in range(int(20 * rate))])
    slots = [int(time_s * 12 + 1e-6) for time_s in times]
    assert slots == list(range(240))


def test_a_period_without_a_frame_is_made_up_for() -> None:
    even = [index / 30 for index in range(300)]
    uneven = [time_s for index, time_s in enumerate(even) if index % 30 not in (10, 11, 12, 13)]
    assert len(taken(uneven)) == 120


def test_a_long_gap_is_not() -> None:
    times = taken([0.0] + [20 + index / 30 for index in range(60)])
    assert len(times) == 1 + 24 + 3


def test_slow_frames_are_all_taken() -> None:
    assert len(taken([index / 7 for index in range(70)])) == 70


def test_a_changed_rate_holds_from_the_next_frame_on() -> None:
    grid = Grid(12.0)
    first = [index / 30 for index in range(60) if grid.takes(index / 30)]
    grid.set_rate(6.0)
    then = [2 + index / 30 for index in range(60) if grid.takes(2 + index / 30)]
    assert (len(first), len(then)) == (24, 12)


def test_what_goes_on_in_the_middle_has_nothing_to_make_up_for() -> None:
    even = taken([100 + index / 30 for index in range(60)])
    assert len(even) == 24
