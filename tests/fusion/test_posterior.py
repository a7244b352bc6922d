"""Fusion: what is known bounds what is said."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness.contract import Group, SignalSpec
from liveness.errors import CalibrationError
from liveness.fusion.answers import Answer
from liveness.fusion.calibration import Calibration, Curve, Thresholds, dump, load
from liveness.fusion.fusion import Fusion
from liveness.fusion.posterior import Belief, Measured, Posterior
from liveness.verdict import FAMILIES, Evidence

SHARES = {"still": 0.5, "recording": 0.5, "face_swap": 1.0, "screen": 1.0}


def spec(name: str, group: Group = "replay") -> SignalSpec:
    return SignalSpec(
        name=name,
        title=name.title(),
        group=group,
        families=frozenset({"injection"}),
        needs=frozenset({"frame"}),
        unit="1",
        features=("value",),
        observe_every_s=0.0,
        period_s=1.0,
        window_s=1.0,
        needed_s=4.0,
        cost_ms=0.1,
        suspicious="It does not move.",
        reassuring="It moves.",
    )


def curve(signal: str, species: str, *, slope: float = 2.0, share: float = 1.0, limit: float = 4.0) -> Curve:
    return Curve(
        signal=signal,
        species=species,
        features=("value",),
        low=(-3.0,),
        high=(3.0,),
        mean=(0.0,),
        scale=(1.0,),
        weights=(slope,),
        bias=0.0,
        covariance=((0.05, 0.0), (0.0, 0.05)),
        limit=limit,
        share=share,
        power=2.0,
    )


def calibration(*curves: Curve) -> Calibration:
    thresholds = Thresholds(0.52, 0.5, dict.fromkeys(FAMILIES, 0.6), dict.fromkeys(FAMILIES, 0.3), 1.0, 2.5)
    return Calibration(curves, SHARES, thresholds, {})


def posterior(*curves: Curve, specs: Mapping[str, Group] | None = None) -> Posterior:
    known = specs or {curve.signal: "replay" for curve in curves}
    return Posterior(calibration(*curves), [spec(name, group) for name, group in known.items()], 0.5)


def seen(value: float, weight: float = 1.0) -> Measured:
    return Measured({"value": value}, weight)


def test_without_evidence_the_confidence_is_the_prior_and_wide() -> None:
    belief = posterior(curve("a", "still")).believe({})
    assert belief.confidence == pytest.approx(0.5)
    assert belief.coverage["injection"] == 0
    assert belief.interval[0] < 0.5 < belief.interval[1]


@given(value=st.floats(-5, 5), weight=st.floats(0, 1))
def test_the_five_hypotheses_sum_to_one(value: float, weight: float) -> None:
    belief = posterior(curve("a", "still"), curve("b", "screen")).believe({"a": seen(value, weight), "b": seen(1.0)})
    assert belief.confidence + sum(belief.families.values()) == pytest.approx(1.0)
    assert belief.interval[0] <= belief.confidence <= belief.interval[1]


def test_a_species_that_nobody_can_see_bounds_how_far_its_family_is_ruled_out() -> None:
    belief = posterior(curve("a", "still")).believe({"a": seen(-3.0)})
    # Stills are out of the question, recordings are as likely as before: half of the family's prior is left.
    assert belief.families["injection"] / belief.confidence == pytest.approx(0.125 / 0.5 / 2, rel=0.06)


def test_what_is_clearer_counts_for_more_up_to_a_limit_that_nothing_reaches() -> None:
    one = curve("a", "still", limit=2.0)
    told = [one.llr({"value": value})[0] for value in (0.1, 1.0, 2.0, 3.0)]
    assert told[0] == pytest.approx(0.2, rel=0.01)
    assert told == sorted(set(told)), "none is cut off to the same"
    assert told[-1] < 2.0


def test_two_signals_of_one_group_count_up_to_one_cap() -> None:
    both = posterior(curve("a", "still"), curve("b", "still")).believe({"a": seen(3.0), "b": seen(3.0)})
    one = posterior(curve("a", "still")).believe({"a": seen(3.0)})
    assert both.families["injection"] == pytest.approx(one.families["injection"])


def test_values_beyond_the_training_data_say_no_more_than_its_edge() -> None:
    assert curve("a", "still").llr({"value": 3.0})[0] == curve("a", "still").llr({"value": 900.0})[0]


def test_coverage_is_the_share_of_power_that_was_had() -> None:
    curves = (curve("a", "still"), curve("b", "still"))
    belief = posterior(*curves).believe({"a": seen(0.0), "b": seen(0.0, 0.5)})
    assert belief.coverage["injection"] == pytest.approx(0.75)


def test_an_unexamined_family_keeps_its_prior_and_has_no_coverage() -> None:
    belief = posterior(curve("a", "still")).believe({"a": seen(-3.0)})
    assert "substitution" not in belief.coverage
    assert belief.families["substitution"] / belief.confidence == pytest.approx(0.25)


def evidence(value: float, end_s: float, quality: float = 1.0) -> Evidence:
    return Evidence("a", end_s - 1, end_s, value, "1", quality, {"value": value})


def run(values: list[float], quality: float = 1.0, suspect_coverage: float = 0.3) -> list[str]:
    learnt = calibration(curve("a", "still"))
    needed = dict.fromkeys(FAMILIES, suspect_coverage)
    learnt = replace(learnt, thresholds=replace(learnt.thresholds, suspect_coverage=needed))
    fusion = Fusion(learnt, {"a": spec("a")}, 0.5)
    states: list[str] = []
    for second, value in enumerate(values, start=1):
        fusion.add(evidence(value, float(second), quality))
        states.append(fusion.judge(float(second)).state)
    return states


def test_a_suspicion_must_last() -> None:
    states = run([3.0] * 8)
    assert "suspect" not in states[:3]
    assert states[-1] == "suspect"


def test_nobody_is_suspected_before_so_much_of_the_family_was_seen() -> None:
    """Poor looks, however often, never add up to more than their quality allows."""
    assert run([3.0] * 12, quality=0.45, suspect_coverage=0.3)[-1] == "suspect"
    assert "suspect" not in run([3.0] * 12, quality=0.45, suspect_coverage=0.95)


def test_what_another_family_asks_for_holds_up_no_suspicion() -> None:
    learnt = calibration(curve("a", "still"))
    needed = {**dict.fromkeys(FAMILIES, 0.95), "injection": 0.3}
    learnt = replace(learnt, thresholds=replace(learnt.thresholds, suspect_coverage=needed))
    fusion = Fusion(learnt, {"a": spec("a")}, 0.5)
    states = []
    for second in range(1, 13):
        fusion.add(evidence(3.0, float(second), 0.45))
        states.append(fusion.judge(float(second)).state)
    assert states[-1] == "suspect"


def test_a_failed_challenge_examines_as_well_as_a_passed_one() -> None:
    """Too little was seen in passing for any suspicion, but who fails the challenge has been looked at."""
    learnt = calibration(curve("a", "still"))
    needed = dict.fromkeys(FAMILIES, 0.95)
    learnt = replace(learnt, thresholds=replace(learnt.thresholds, suspect_coverage=needed))
    fusion = Fusion(learnt, {"a": spec("a")}, 0.5)
    for second in range(1, 9):
        fusion.add(evidence(3.0, float(second), 0.2))
        assert fusion.judge(float(second)).state != "suspect"
    fusion.answer(Answer("light_code", 8.0, {"injection": 3.0}, "The light did not come back."))
    states = []
    for second in range(9, 12):
        fusion.add(evidence(3.0, float(second), 0.2))
        states.append(fusion.judge(float(second)).state)
    assert states[-1] == "suspect"
    assert fusion.conclude(12.0, watched_share=1.0).state == "suspect"


@pytest.mark.parametrize(("nats", "watched"), [(1.0, 1.0), (3.0, 0.0)])
def test_a_weak_failure_or_one_of_whom_nobody_watched_makes_nobody_suspect(nats: float, watched: float) -> None:
    fusion = Fusion(calibration(curve("a", "still")), {"a": spec("a")}, 0.5)
    fusion.answer(Answer("light_code", 2.0, {"injection": nats}, "The light did not come back."))
    for second in range(3, 9):
        assert watched == 0.0 or fusion.judge(float(second)).state == "inconclusive"
    ended = fusion.conclude(9.0, watched_share=watched)
    assert ended.belief.against("injection") > 0.4
    assert ended.state == "inconclusive"


@pytest.mark.parametrize("quality", [0.1, 0.15, 0.2])
def test_a_look_too_poor_to_accuse_by_is_too_poor_to_vouch_by(quality: float) -> None:
    """However a screen is veiled, it is not live because what tells it was told to speak low."""
    shares = {**SHARES, "screen": 0.5, "print": 0.5}
    known = replace(calibration(curve("a", "screen"), curve("b", "still"), curve("c", "print")), shares=shares)
    fusion = Fusion(known, {name: spec(name) for name in ("a", "b", "c")}, 0.5)
    for second in range(1, 41):
        fusion.add(evidence(1.0, float(second), quality))
        for other in ("b", "c"):
            fusion.add(replace(evidence(-3.0, float(second)), signal=other))
        assert fusion.judge(float(second)).state != "live"
    ended = fusion.conclude(40.0, watched_share=1.0)
    assert ended.belief.confidence > known.thresholds.live_confidence
    assert ended.state == "inconclusive"
    assert ended.summary.endswith("too little of it can tell a photo or a screen before the camera.")


def test_what_one_curve_says_of_two_species_it_says_wrongly_of_both() -> None:
    """The interval is as wide as if the family had this one species, not narrower as by two that err apart."""

    def spread(second: Curve) -> float:
        shares = {**SHARES, "screen": 0.5, "print": 0.5}
        known = replace(calibration(curve("a", "screen"), second), shares=shares)
        low, high = Posterior(known, [spec("a")], 0.5).believe({"a": seen(1.5)}).interval
        return math.log(high / (1 - high)) - math.log(low / (1 - low))

    alone = posterior(curve("a", "screen")).believe({"a": seen(1.5)}).interval
    same, apart = spread(curve("a", "print")), spread(replace(curve("a", "print"), bias=1e-6))
    assert same == pytest.approx(math.log(alone[1] / (1 - alone[1])) - math.log(alone[0] / (1 - alone[0])), rel=0.02)
    assert apart == pytest.approx(same / math.sqrt(2), rel=0.02)


def test_a_live_person_becomes_live_and_not_before_enough_was_seen() -> None:
    states = run([-3.0] * 8)
    assert states[0] == "warming_up"
    assert states[-1] == "live"


def test_evidence_without_quality_counts_for_nothing() -> None:
    assert set(run([3.0] * 8, quality=0.0)) == {"warming_up"}


def test_what_was_seen_only_for_a_small_part_of_the_time_is_not_vouched_for() -> None:
    fusion = Fusion(calibration(curve("a", "still")), {"a": spec("a")}, 0.5)
    for second in range(1, 9):
        fusion.add(evidence(-3.0, float(second)))
    assert fusion.conclude(8.0, watched_share=1.0).state == "live"
    assert fusion.conclude(600.0, watched_share=0.01).state == "inconclusive"


def doubting(threshold: float) -> Fusion:
    """Return a fusion after eight seconds that look live to ``a``; ``b`` speaks for an animation, but not surely."""
    known = calibration(curve("a", "still"))
    thresholds = replace(known.thresholds, doubt={"animation": threshold})
    known = replace(known, thresholds=thresholds, doubts=(curve("b", "animation", slope=0.3),))
    fusion = Fusion(known, {"a": spec("a"), "b": spec("b")}, 0.5)
    for second in range(1, 9):
        fusion.add(evidence(-3.0, float(second)))
        fusion.add(replace(evidence(1.0, float(second)), signal="b"))
    return fusion


def test_what_is_not_surely_known_takes_away_live_and_nothing_else() -> None:
    vouched, doubted = doubting(0.5).judge(8.0), doubting(0.1).judge(8.0)

    assert (vouched.state, doubted.state) == ("live", "inconclusive")
    assert (vouched.doubted, doubted.doubted) == (None, "synthesis")
    assert doubted.belief == vouched.belief, "no probability rests on it"
    assert "a faint sign of a face made or changed by a model: it does not move. " in doubted.summary
    assert vouched.doubts == doubted.doubts
    assert vouched.doubts["animation"] > 0.1
    assert doubting(0.1).conclude(8.0, watched_share=1.0).state == "inconclusive"


def test_who_could_not_be_looked_at_for_what_is_doubted_is_not_vouched_for() -> None:
    known = calibration(curve("a", "still"))
    thresholds = replace(known.thresholds, doubt={"animation": 0.5})
    known = replace(known, thresholds=thresholds, doubts=(curve("b", "animation", slope=0.3),))
    fusion = Fusion(known, {"a": spec("a"), "b": spec("b")}, 0.5)
    for second in range(1, 9):
        fusion.add(evidence(-3.0, float(second)))
    silent = fusion.judge(8.0)
    assert (silent.state, silent.doubted) == ("inconclusive", None)
    assert silent.summary.endswith("too little of it can tell a face made or changed by a model.")
    assert fusion.conclude(8.0, watched_share=1.0).state == "inconclusive"
    for second in range(9, 13):
        fusion.add(evidence(-3.0, float(second)))
        fusion.add(replace(evidence(-1.0, float(second)), signal="b"))
    assert fusion.judge(12.0).state == "live"

    answered = Fusion(known, {"a": spec("a"), "b": spec("b")}, 0.5)
    for second in range(1, 9):
        answered.add(evidence(-3.0, float(second)))
    answered.answer(Answer("light_code", 8.0, {"synthesis": -1.5}, "The light came back as it was sent."))
    assert answered.judge(8.0).state == "live"


def test_nobody_is_vouched_for_while_one_kind_of_attack_could_not_be_looked_for() -> None:
    """Who veils the picture until nothing tells a screen is not live because something still tells a print."""
    shares = {**SHARES, "screen": 0.5, "print": 0.5}
    known = replace(
        calibration(curve("a", "print", slope=4.0), curve("b", "screen"), curve("c", "still")), shares=shares
    )

    def watched(*signals: str) -> Fusion:
        fusion = Fusion(known, {name: spec(name) for name in ("a", "b", "c")}, 0.5)
        for second in range(1, 9):
            for name in signals:
                fusion.add(replace(evidence(-3.0, float(second)), signal=name))
        return fusion

    veiled = watched("a", "c").judge(8.0)
    assert veiled.belief.coverage["presentation"] == pytest.approx(0.5)
    assert veiled.belief.confidence > known.thresholds.live_confidence
    assert veiled.state == "inconclusive"
    assert veiled.summary.endswith("too little of it can tell a photo or a screen before the camera.")
    assert watched("a", "b", "c").judge(8.0).state == "live"

    answered = watched("a", "c")
    answered.answer(Answer("hand_over_face", 8.0, {"presentation": -1.5}, "The hand covered the face."))
    assert answered.judge(8.0).state == "live"


def test_a_doubt_without_a_threshold_withholds() -> None:
    known = replace(calibration(curve("a", "still")), doubts=(curve("b", "animation", slope=0.3),))
    fusion = Fusion(known, {"a": spec("a"), "b": spec("b")}, 0.5)
    for second in range(1, 9):
        fusion.add(evidence(-3.0, float(second)))
        fusion.add(replace(evidence(-3.0, float(second)), signal="b"))
    assert fusion.judge(8.0).state == "inconclusive"


def test_what_is_doubted_reaches_into_the_interval_and_not_into_the_confidence() -> None:
    known = calibration(curve("a", "still"))
    specs = [spec("a"), spec("b")]
    unsure = replace(known, doubts=(curve("b", "animation", slope=0.5),))

    def believe(learnt: Calibration, value: float | None) -> Belief:
        measured = {"a": Measured({"value": -3.0}, 1.0)}
        if value is not None:
            measured["b"] = Measured({"value": value}, 1.0)
        return Posterior(learnt, specs, 0.5).believe(measured)

    plain, unseen = believe(known, None), believe(unsure, None)
    raised, allayed = believe(unsure, 3.0), believe(unsure, -3.0)
    assert plain.confidence == unseen.confidence == raised.confidence == allayed.confidence
    assert plain.interval[1] == raised.interval[1]
    assert raised.interval[0] < unseen.interval[0] - 0.02
    assert unseen.interval[0] <= plain.interval[0]
    assert allayed.interval[0] == plain.interval[0], "it can only widen"


def test_an_answer_to_a_challenge_outweighs_what_is_not_surely_known() -> None:
    fusion = doubting(0.1)
    fusion.answer(Answer("turn_to_profile", 8.0, {"synthesis": -1.5}, "The head turned as asked."))
    assert fusion.judge(8.0).state == "live"


def test_a_snapshot_of_the_fusion_goes_on_as_the_original() -> None:
    one = Fusion(calibration(curve("a", "still")), {"a": spec("a")}, 0.5)
    for second in range(1, 5):
        one.add(evidence(2.0, float(second)))
        one.judge(float(second))
    other = Fusion(calibration(curve("a", "still")), {"a": spec("a")}, 0.5)
    other.restore(one.snapshot())
    for fusion in (one, other):
        fusion.add(evidence(2.0, 5.0))
    assert one.judge(5.0) == other.judge(5.0)


def test_infinite_values_are_refused_as_unmeasured() -> None:
    fusion = Fusion(calibration(curve("a", "still")), {"a": spec("a")}, 0.5)
    assert fusion.add(evidence(math.nan, 1.0)).quality == 0


def test_a_calibration_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    original = calibration(curve("a", "still"))
    original = replace(original, doubts=(curve("b", "animation"),))
    original = replace(original, thresholds=replace(original.thresholds, doubt={"animation": 0.2}))
    path.write_text(dump(original))
    again = load(path)
    assert again.curves == original.curves
    assert again.thresholds == original.thresholds
    assert again.doubts == original.doubts
    assert len(again.sha256) == 64


def test_two_curves_of_one_signal_for_one_species_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(dump(calibration(curve("a", "still"), curve("a", "still", slope=1.0))))
    with pytest.raises(CalibrationError, match="two curves of a for still"):
        load(path)


def test_one_coverage_for_all_families_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    data = json.loads(dump(calibration(curve("a", "still"))))
    data["thresholds"]["suspect_coverage"] = 0.2
    path.write_text(json.dumps(data))
    assert load(path).thresholds.suspect_coverage == dict.fromkeys(FAMILIES, 0.2)


def test_a_family_whose_coverage_is_not_stated_is_damage_and_not_silence(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    data = json.loads(dump(calibration(curve("a", "still"))))
    del data["thresholds"]["suspect_coverage"]["synthesis"]
    path.write_text(json.dumps(data))
    with pytest.raises(CalibrationError, match="four families"):
        load(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "liveness.calibration/1"}'])
def test_a_damaged_calibration_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=r"broken\.json.*liveness calibrate|expected schema"):
        load(path)
