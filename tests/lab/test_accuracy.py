"""The accuracy page: what is asked for, and what stands on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveness.lab.accuracy import _both_classes, _decided, _looks
from liveness.lab.accuracy_page import _reliability, page
from liveness.lab.dataset import NO_CURVES, Sample
from liveness.lab.evaluation import Judged, figures_of, rate
from liveness.lab.replaying import Outcome
from liveness.verdict import FAMILIES, State, family_of


def judged(
    name: str, state: State, confidence: float, *, attack_type: str = "", person: str = "", decided_s: float = 4.0
) -> Judged:
    """Return a clip that ended somehow; without an attack type it is bona fide."""
    family = family_of(attack_type) or "injection"
    families = {one: (1 - confidence) * (0.7 if one == family else 0.1) for one in FAMILIES}
    sample = Sample(
        name,
        "attack" if attack_type else "bonafide",
        attack_type,
        f"person {person or name}",
        Path("clip.mp4"),
        picture=False,
        simulated=attack_type.startswith("sim_"),
    )
    return Judged(sample, 10.0, Outcome(confidence, state, families, dict.fromkeys(FAMILIES, 0.8), families, decided_s))


def small_corpus() -> list[Judged]:
    """Return ten bona fide clips, three loops, and swaps of five of the ten people."""
    bona_fide = [judged(f"b{i}", "live", 0.85 + i / 100) for i in range(10)]
    loops = [judged(f"l{i}", "suspect", 0.05, attack_type="sim_loop") for i in range(3)]
    swaps = [judged(f"s{i}", "inconclusive", 0.4, attack_type="face_swap_realtime", person=f"b{i}") for i in range(5)]
    return [*bona_fide, *loops, *swaps]


def test_the_page_has_every_part() -> None:
    clips = [replace(one, later=one.outcome.state) for one in small_corpus()]
    figures = figures_of(clips, [], "cross-validated", NO_CURVES, [Path("clips.csv")])
    figures["left_out"] = {"face_swap_realtime": figures["attack_types"]["face_swap_realtime"]}
    figures["doubts"] = {
        "animation": {
            "attacks": 5,
            "spoke_of": 4,
            "bona_fide": 10,
            "spoke_of_bona_fide": 9,
            "auc": {"value": 0.8, "interval": [0.7, 0.9]},
        }
    }
    figures["as_measured"] = [
        {
            "signal": "saccades",
            "feature": "gaze_jumps",
            "species": "animation",
            "bona_fide": 9,
            "attacks": 4,
            "auc": 0.75,
        }
    ]
    figures["looks"] = _looks(clips)
    figures["other_draw"] = {"sim_loop": {"suspect": rate(9, 10), "inconclusive": rate(1, 10), "live": rate(0, 10)}}
    figures["decided"] = {"bona fide that end live": _decided(clips[:10], "live")}
    figures["tones"] = [{"tone": "light", **_both_classes(clips)}]
    line = {
        "line": "300 kbit/s, 360 px",
        "bona_fide": figures["bona_fide"],
        "swaps": figures["attack_types"]["face_swap_realtime"],
        "injected": rate(6, 6),
        "brier": 0.2,
        "newly_suspect": ["b3"],
    }
    text = page({**figures, "calls": [line]})
    for part in (
        "`face_swap_realtime`",
        "| 300 kbit/s, 360 px |",
        "| b3 |",
        "Swap and original",
        "| light | 10 |",
        "of `sim_loop` 9/10",
        "| 5, 4 |",
        "Had the clips gone on",
        "`face_swap_realtime` 0 of 5, `sim_loop` 3 of 3",
    ):
        assert part in text
    assert "By bitrate" not in page({**figures, "calls": []})


def test_a_clip_that_is_accused_at_one_look_only_is_counted() -> None:
    clips = small_corpus()
    states: dict[str, State] = {"b0": "suspect", "b1": "inconclusive"}
    later = [
        replace(
            one,
            sample=replace(one.sample, shift_s=0.027),
            outcome=replace(one.outcome, state=states.get(one.sample.id, one.outcome.state)),
        )
        for one in clips
    ]
    looks = _looks([*clips, *later])
    assert looks["bona_fide"] == {
        "suspect": {"some": 1, "all": 0, "of": 10},
        "live": {"some": 10, "all": 8, "of": 10},
    }
    assert [one["shift_ms"] for one in looks["each"]] == [0, 27]
    assert [one["bona_fide"]["bpcer"]["count"] for one in looks["each"]] == [0, 1]
    assert looks["each"][0]["swaps"]["count"] == 5


def test_decisions_are_counted_by_the_clock() -> None:
    told = _decided([judged("a", "live", 0.9, decided_s=4.0), judged("b", "live", 0.9, decided_s=9.0)], "live")
    assert told == {"count": 2, "median_s": 6.5, "within_s": {"3": 0, "5": 1, "8": 1, "12": 2, "20": 2}}
    assert _decided([], "live")["median_s"] is None


def test_reliability_leaves_simulated_clips_out() -> None:
    figures = figures_of(small_corpus(), [], "cross-validated", NO_CURVES, [])
    _, rows = _reliability(figures["clips"])
    assert sum(int(row[2].split()[0].split("/")[1]) for row in rows) == 15


def test_a_confidence_that_is_right_on_average_has_no_error() -> None:
    sure = [judged(f"b{i}", "live", 0.75) for i in range(3)] + [judged("b3", "inconclusive", 0.75)]
    swaps = [judged(f"s{i}", "inconclusive", 0.75, attack_type="face_swap_realtime") for i in range(2)]
    figures = figures_of([*sure, *swaps], [], "cross-validated", NO_CURVES, [])
    # Both classes weigh the same, so the share of live clips at 0.75 is one half.
    assert figures["confidence"]["ece"] == pytest.approx(0.25)
    assert np.isfinite(figures["confidence"]["brier"])


def test_the_family_alone_is_told_beside_the_confidence() -> None:
    figures = figures_of(small_corpus(), [], "cross-validated", NO_CURVES, [])
    areas = figures["attack_types"]["sim_loop"]["auc_of_family"]
    assert areas["all"] > 0.9
    assert areas["examined"] > 0.9
    assert figures["pairs"]["swap_more_synthesis_than_original"]["of"] == 5


def test_a_doubt_is_told_by_its_own_nats_and_its_silence_counts_as_none() -> None:
    doubted = [
        replace(one, outcome=replace(one.outcome, doubts={"animation": nats}))
        for one, nats in (
            (judged("b0", "live", 0.9), -1.0),
            (judged("b1", "live", 0.9), 0.5),
            (judged("a0", "live", 0.9, attack_type="photo_animation_audio"), 1.0),
        )
    ]
    silent = judged("a1", "live", 0.9, attack_type="photo_animation_audio")
    figures = figures_of([*doubted, silent], [], "cross-validated", NO_CURVES, [])
    told = figures["doubts"]["animation"]
    assert (told["attacks"], told["spoke_of"], told["bona_fide"]) == (2, 1, 2)
    # 1.0 lies above both live persons, silence (0) above one of them.
    assert told["auc"]["value"] == pytest.approx(0.75)
