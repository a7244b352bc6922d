"""A clip that is judged as the engine does, and as if the call had gone on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from liveness.fusion.calibration import Calibration, load
from liveness.lab.calibrating import signal_specs
from liveness.lab.dataset import Measured, Measurements, Sample
from liveness.lab.replaying import going_on, replay
from liveness.verdict import Evidence

LENGTH_S = 4.0


def clip(refilmed: float) -> Measured:
    """Return four seconds in which every second looks as much as given like a re-filmed screen."""
    moments = [
        (second, (Evidence("refilmed", second - 1, second, refilmed, "log odds", 0.6, {"refilmed": refilmed}),))
        for second in (1.0, 2.0, 3.0, LENGTH_S)
    ]
    sample = Sample("short", "bonafide", "", "person a", Path("clip.mp4"), picture=False)
    return Measured(sample, "0", Measurements(LENGTH_S, 1.0, tuple(moments)))


def unasking(share: float) -> Calibration:
    """Return what ships, but with the coverage that suspicion of a presentation asks for."""
    shipped = load()
    needed = {**shipped.thresholds.suspect_coverage, "presentation": share}
    return replace(shipped, thresholds=replace(shipped.thresholds, suspect_coverage=needed))


def test_a_clip_that_goes_on_is_whole_rounds_of_itself() -> None:
    longer = going_on(clip(1.0), 10.0).measurements
    assert longer.duration_s == 12.0
    assert [time_s for time_s, _ in longer.moments] == [float(second) for second in range(1, 13)]
    last = longer.moments[-1][1][0]
    assert (last.start_s, last.end_s) == (11.0, 12.0)
    assert going_on(clip(1.0), 3.0) == clip(1.0), "no shorter than it is"


def test_what_speaks_against_somebody_grows_as_the_call_goes_on() -> None:
    calibration, specs, short = unasking(0.0), signal_specs(), clip(9.0)
    soon, later = (replay(one, calibration, specs).peaks["presentation"] for one in (short, going_on(short, 40.0)))
    assert 0.2 < soon < later
    assert replay(going_on(clip(-9.0), 40.0), calibration, specs).peaks["presentation"] < 0.2


@pytest.mark.parametrize("seconds", [4.0, 40.0])
def test_no_length_makes_up_for_what_was_never_covered(seconds: float) -> None:
    """One signal of two spoke: it covers a half of what can be had of the family, whatever the length."""
    seen = replay(going_on(clip(9.0), seconds), unasking(0.0), signal_specs())
    assert 0.3 < seen.coverage["presentation"] < 0.52
    assert replay(going_on(clip(9.0), seconds), unasking(0.55), signal_specs()).peaks["presentation"] == 0.0


def test_what_is_too_short_for_any_decision_is_not_made_longer() -> None:
    flash = clip(9.0)
    flash = replace(flash, measurements=replace(flash.measurements, duration_s=0.04))
    assert going_on(flash, 40.0) == flash
