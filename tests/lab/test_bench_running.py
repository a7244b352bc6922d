"""The bench from end to end, as short as it can be: one real call to each server, and all figures are there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from clips import Track, write_clip

from liveness.lab.bench.page import picture
from liveness.lab.bench.running import SCHEMA, BenchOptions, run_bench


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="reads Linux's /proc")
def test_one_call_is_measured_on_both_servers(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "source.mp4", Track(size=(320, 180), fps=10, count=10))
    cores = os.sched_getaffinity(0)
    told: list[str] = []
    options = BenchOptions(
        calls=1, baseline="naive", clip=source, clip_s=3, clip_folder=tmp_path, settle_s=2.0, steady_s=3.0
    )
    results = json.loads(json.dumps(run_bench(options, say=told.append)))
    assert os.sched_getaffinity(0) == cores
    assert results["schema"] == SCHEMA
    assert results["clip"]["source"] == "source.mp4"
    assert (results["clip"]["width"], results["clip"]["height"]) == (1280, 720)
    assert [run["server"] for run in results["runs"]] == ["liveness", "naive"]
    for run in results["runs"]:
        assert run["ended"] == "all calls measured"
        assert len(run["steps"]) == 1
        step = run["steps"][0]
        assert step["calls"] == 1
        assert step["analysed_fps"]["mean"] > 0
        assert step["age_ms"]["samples"] > 0
        assert step["age_ms"]["p50"] > 0
        assert step["cpu"]["seconds_per_call_second"] > 0
        assert {"network", "decode", "faces"} <= step["cpu"]["by_stage"].keys()
        assert step["memory_mb"] > 50
        assert step["sent_fps"] > 0
    assert any(line.startswith("liveness: 1 call: frame age p50 ") for line in told)
    assert ElementTree.fromstring(picture(results)).tag.endswith("svg")
