"""The figures of the bench: percentiles, what a step and a run come to, and the picture of them."""

from __future__ import annotations

import os
from typing import Any
from xml.etree import ElementTree

import pytest

from liveness.errors import ConfigError
from liveness.lab.bench.figures import CallSeen, Rule, Window, by_stage, by_stage_in_loop, conclusion, summary, told
from liveness.lab.bench.measuring import Usage, machine, memory_mb, percentile, slope, threads_of, usage_of
from liveness.lab.bench.page import picture
from liveness.lab.bench.running import BenchOptions

linux = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="reads Linux's /proc")


def window(calls: int, *, fps: float = 12.0, ages_ms: tuple[float, ...] = (40.0, 60.0), shed: bool = False) -> Window:
    return Window(
        calls=[CallSeen(fps, ages_ms, dropped=3.0) for _ in range(calls)],
        server=Usage(2.0 * calls, 0.5),
        front=Usage(0.1 * calls),
        memory_mb=200.0 + 40 * calls,
        stage_cpu_s={"network": 0.5 * calls, "decode": 0.5 * calls, "faces": calls, "<odd>": 0.1},
        shed=shed,
    )


def step(calls: int, **given: Any) -> dict[str, Any]:
    extra = {"sender_limited": False, "disturbed": False, "others_core_share": 0.0, "tries": 1}
    return summary(window(calls, **given), 10.0, Rule()) | extra


def results(*runs: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": "liveness.bench/1",
        "made_at": "2026-11-24T12:00:00+00:00",
        "machine": {"cpu": "Some <CPU> & more", "cores": 2},
        "clip": {"codec": "vp8", "temporal_layers": 2, "width": 1280, "height": 720, "fps": 30, "kbit_s": 2500.0},
        "rule": {"min_fps": 10.0, "max_age_ms": 150.0},
        "runs": list(runs),
    }


def test_percentiles_lie_between_neighbours_and_nothing_has_none() -> None:
    assert percentile([], 0.5) is None
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([30.0, 10.0, 20.0], 0.5) == 20.0
    assert percentile([0.0, 10.0], 0.95) == pytest.approx(9.5)


def test_the_cost_of_one_more_is_a_slope() -> None:
    assert slope([(1, 230.0), (2, 270.0), (3, 310.0)]) == pytest.approx(40.0)
    assert slope([(1, 230.0), (1, 240.0)]) is None


def test_a_step_holds_when_every_call_is_analysed_often_and_soon_enough() -> None:
    assert step(2)["holds"]
    assert step(2)["cpu"]["seconds_per_call_second"] == pytest.approx(0.21)
    assert step(2)["dropped_per_call_second"] == pytest.approx(0.3)
    assert not step(2, fps=9.9)["holds"]
    assert not step(2, ages_ms=(100.0, 400.0))["holds"]
    assert not step(2, ages_ms=())["holds"], "of a call of which no age is known nothing can be said"
    assert not step(2, shed=True)["holds"]
    assert "load was shed" in told(step(2, shed=True))


def test_a_run_counts_the_calls_up_to_the_first_step_that_does_not_hold() -> None:
    run = conclusion("liveness", [step(1), step(2), step(3, fps=5.0), step(4)], "all calls measured")
    assert run["calls_held"] == 2
    assert run["calls_per_core"] == pytest.approx(1 / 0.21, abs=0.01)
    assert run["memory_mb"] == {"first_call": 240.0, "further_call": 40.0}
    nothing = conclusion("naive", [], "call 1 could not connect")
    assert (nothing["calls_held"], nothing["calls_per_core"]) == (0, None)


def test_cpu_time_is_shared_among_the_stages_and_none_is_lost() -> None:
    used = Usage(10.0, 0.0, {"loop": 2.0, "late": 3.0, "models": 1.0, "early": 4.0})
    shares = by_stage(used, {"faces": 6.0, "signals": 2.0, "fusion": 0.0})
    assert shares == {"network": 2.0, "decode": 3.0, "faces": 3.75, "signals": 1.25}
    assert by_stage(used, {})["analysis"] == 5.0
    naive = by_stage_in_loop(Usage(10.0, 0.0, {"loop": 6.0, "late": 3.0, "models": 1.0}), {"rgb": 1.0, "faces": 4.0})
    assert naive == {"network": 1.0, "decode": 3.0, "rgb": 1.0, "faces": 5.0}


def test_a_thread_that_ended_took_no_negative_time() -> None:
    used = Usage(9.0, 0.0, {"loop": 5.0, "late": 1.0}).since(Usage(4.0, 0.0, {"loop": 2.0, "late": 3.0}))
    assert used.by_thread_s == {"loop": 3.0, "late": 0.0}
    assert used.cpu_s == 5.0


@linux
def test_a_process_can_be_measured() -> None:
    early = threads_of(os.getpid())
    before = usage_of(os.getpid(), early)
    assert sum(range(3_000_000)) > 0
    spent = usage_of(os.getpid(), early).since(before)
    assert spent.cpu_s >= 0
    assert spent.by_thread_s["loop"] > 0
    assert memory_mb(os.getpid()) > 10
    assert machine()["cores"] >= 1


def test_the_picture_is_whole_and_names_may_hold_anything() -> None:
    held = conclusion("liveness", [step(1), step(2), step(3, fps=5.0)], "3 calls did not hold")
    naive = conclusion("naive", [step(1), step(2, ages_ms=(9000.0,)), step(3, ages_ms=())], "all calls measured")
    svg = ElementTree.fromstring(picture(results(held, naive)))
    texts = " ".join("".join(node.itertext()) for node in svg.iter())
    assert "liveness: held 2 calls at once on one core" in texts
    assert "naive server: held 1 call at once" in texts
    assert "Some <CPU> & more" in texts
    assert "<odd>" in texts
    lines = [node.get("points", "").split() for node in svg.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(points) for points in lines] == [3, 2]
    assert ElementTree.fromstring(picture(results(conclusion("naive", [], "call 1 could not connect")))) is not None


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="1–32"):
        BenchOptions(calls=0)
    with pytest.raises(ConfigError, match="steady_s"):
        BenchOptions(steady_s=0)
