"""Under load a worker gives up rate, then asks senders, then drops signals, then refuses; and takes all back."""

from __future__ import annotations

from liveness.live.shedding import LEVELS, Load, Relief, Shedder

BUSY, CALM = Load(cpu_share=0.99, age_ms=60.0, lost_share=0.2), Load(cpu_share=0.3, age_ms=50.0)


def levels(shedder: Shedder, load: Load, seconds: int) -> list[Relief]:
    return [shedder.relief for _ in range(seconds) if shedder.see(load, 1.0)]


def test_relief_comes_in_the_stated_order() -> None:
    went = levels(Shedder(), BUSY, 60)
    rates = [relief.analysis_fps for relief in went]
    assert rates == sorted(rates, reverse=True)
    first_asked = next(i for i, relief in enumerate(went) if relief.sender_fps)
    first_dropped = next(i for i, relief in enumerate(went) if relief.costliest_off)
    first_refused = next(i for i, relief in enumerate(went) if relief.refuses)
    assert 0 < first_asked < first_dropped < first_refused == len(went) - 1
    assert not any(relief.sender_fps for relief in went[:first_asked])


def test_lateness_counts_as_load_even_if_the_core_is_idle() -> None:
    shedder = Shedder()
    assert levels(shedder, Load(cpu_share=0.2, age_ms=400.0), 4)


def test_pictures_that_wait_before_a_decoder_count_as_load() -> None:
    """Their wait is no part of the age of frames, which begins when they are decoded."""
    shedder = Shedder()
    assert levels(shedder, Load(cpu_share=0.6, age_ms=40.0, waiting=12), 4)
    assert not levels(shedder, Load(cpu_share=0.3, age_ms=40.0, waiting=4), 30)
    assert levels(shedder, Load(cpu_share=0.3, age_ms=40.0, waiting=1), 30)
    assert shedder.level == 0


def test_a_full_core_that_keeps_pace_gives_up_no_analysed_frame() -> None:
    (relief,) = levels(Shedder(), Load(cpu_share=1.0, age_ms=60.0, lost_share=0.03), 60)
    assert relief.analysis_fps == LEVELS[0].analysis_fps


def test_a_warm_core_leaves_undecoded_what_nothing_refers_to_and_does_not_go_to_and_fro() -> None:
    shedder = Shedder()
    assert not LEVELS[0].base_layer_only
    (relief,) = levels(shedder, Load(cpu_share=0.75, age_ms=30.0), 60)
    assert relief.base_layer_only
    # Less to decode: the core is cooler by what was left out, which is no reason to take it up again.
    assert not levels(shedder, Load(cpu_share=0.6, age_ms=30.0), 60)
    assert levels(shedder, Load(cpu_share=0.4, age_ms=30.0), 10) == [LEVELS[0]]


def test_what_was_given_up_has_time_to_show_what_it_is_worth_unless_frames_are_late() -> None:
    full, late = Shedder(), Shedder()
    levels(full, BUSY, 8)
    assert full.relief.analysis_fps == 10.2
    assert not levels(full, BUSY, 7)
    assert levels(full, BUSY, 1)
    levels(late, BUSY, 8)
    assert levels(late, Load(cpu_share=1.0, age_ms=300.0, lost_share=0.2), 4)


def test_what_other_programs_take_is_no_load() -> None:
    assert not levels(Shedder(), Load(cpu_share=0.2, age_ms=60.0, lost_share=0.2), 60)


def test_the_start_of_a_call_changes_nothing() -> None:
    shedder = Shedder()
    for _ in range(20):
        levels(shedder, BUSY, 3)
        shedder.see(CALM, 1.0)
    assert shedder.level == 0


def test_all_is_given_back_slowly() -> None:
    shedder = Shedder()
    levels(shedder, BUSY, 60)
    assert shedder.level == len(LEVELS) - 1
    assert not levels(shedder, CALM, 9)
    levels(shedder, CALM, 120)
    assert shedder.level == 0


def test_a_rate_comes_back_as_soon_as_it_can_be_borne() -> None:
    shedder = Shedder()
    levels(shedder, BUSY, 16)
    assert shedder.relief.analysis_fps == 8.0
    assert levels(shedder, Load(cpu_share=0.82, age_ms=60.0), 10)
    assert not levels(shedder, Load(cpu_share=0.9, age_ms=60.0), 60)
    assert shedder.relief.analysis_fps == 10.2
