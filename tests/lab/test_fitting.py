"""What is kept of what was learnt: gains that are established, and species mixed by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from liveness.contract import SignalSpec
from liveness.fusion.calibration import load
from liveness.fusion.posterior import Belief
from liveness.lab.fitting import Gain, Row, _directed, _gain, _mixture, learn
from liveness.lab.replaying import _suspicion


def spec(name: str) -> SignalSpec:
    """Return a signal of one feature that speaks about face swaps."""
    return SignalSpec(
        name=name,
        title=name,
        group="surroundings",
        families=frozenset({"synthesis"}),
        needs=frozenset({"frame"}),
        unit="1",
        features=("value",),
        observe_every_s=1.0,
        period_s=1.0,
        window_s=5.0,
        needed_s=5.0,
        cost_ms=1.0,
        suspicious="It is strange.",
        reassuring="It is as usual.",
        species=frozenset({"face_swap"}),
    )


def rows(apart: float, seed: int = 0, people: int = 40) -> list[Row]:
    """Return people with a swap of each; ``telling`` lies apart by so many standard deviations, ``noise`` by none."""
    rng = np.random.default_rng(seed)
    return [
        Row(
            f"person {person}",
            species,
            False,
            False,
            {
                "telling": ({"value": rng.normal() + (apart if species else 0.0)}, 1.0),
                "noise": ({"value": rng.normal()}, 1.0),
            },
        )
        for person in range(people)
        for species in (None, "face_swap")
    ]


def test_what_tells_nothing_new_is_dropped_and_said_so() -> None:
    learnt = learn(rows(2.5), {"telling": spec("telling"), "noise": spec("noise")}, seed=1)
    assert [curve.signal for curve in learnt.curves] == ["telling"]
    assert learnt.gains["face_swap telling"].at_least > 0.1
    assert learnt.gains["face_swap noise"].at_least <= 0


def test_a_signal_that_says_what_another_says_better_is_dropped_and_one_that_says_something_else_is_kept() -> None:
    """Alone, each of the three tells swaps from live people."""
    rng = np.random.default_rng(3)

    def with_two_more(row: Row) -> Row:
        (known, _) = row.signals["telling"]
        echo = {"value": known["value"] + rng.normal()}
        other = {"value": rng.normal() + (1.5 if row.species else 0.0)}
        return replace(row, signals={**row.signals, "echo": (echo, 1.0), "other": (other, 1.0)})

    taught = [with_two_more(row) for row in rows(2.0, people=80)]
    learnt = learn(taught, {name: spec(name) for name in ("telling", "echo", "other")}, seed=1)
    assert learnt.gains["face_swap echo"].at_least > 0
    assert learnt.gains["face_swap echo beside"].at_least <= 0 < learnt.gains["face_swap other beside"].at_least
    assert {curve.signal for curve in learnt.curves} == {"telling", "other"}


def test_a_signal_that_surely_adds_something_but_hardly_anything_is_dropped() -> None:
    rng = np.random.default_rng(4)

    def with_one_more(row: Row) -> Row:
        return replace(row, signals={**row.signals, "slight": ({"value": rng.normal() + 0.7 * bool(row.species)}, 1.0)})

    taught = [with_one_more(row) for row in rows(2.5, people=600)]
    learnt = learn(taught, {name: spec(name) for name in ("telling", "slight")}, seed=1)
    assert learnt.gains["face_swap slight"].at_least > 0
    assert 0 < learnt.gains["face_swap slight beside"].at_least < learnt.gains["face_swap slight beside"].nats < 0.03
    assert [curve.signal for curve in learnt.curves] == ["telling"]


@pytest.mark.parametrize(("coverage", "counts"), [(0.6, True), (0.4, False)])
def test_a_threshold_is_learnt_only_where_enough_was_seen_to_suspect(coverage: float, counts: bool) -> None:
    families = {"presentation": 0.6, "injection": 0.1, "synthesis": 0.05, "substitution": 0.05}
    belief = Belief(0.2, (0.1, 0.3), cast("Any", families), {"presentation": coverage}, {})
    calibration = load()
    assert calibration.thresholds.suspect_coverage["presentation"] == 0.5
    assert (_suspicion(belief, "presentation", calibration) == pytest.approx(0.75)) is counts
    assert (_suspicion(belief, "presentation", calibration) == 0.0) is not counts


@pytest.mark.parametrize("judges_pictures", [False, True])
def test_prints_of_too_few_sources_are_known_by_screens_to_what_judges_pictures(judges_pictures: bool) -> None:
    """Movement on a screen says nothing of movement on paper; that something was filmed off a surface says of both."""
    presented = replace(
        spec("telling"),
        families=frozenset({"presentation"}),
        species=frozenset({"screen", "print"}),
        still=judges_pictures,
    )
    taught = [replace(row, species=row.species and "screen", picture=True) for row in rows(2.5)]
    taught += [replace(row, species="print", picture=True) for row in rows(2.5, seed=1, people=2) if row.species]
    learnt = learn(taught, {"telling": presented}, seed=1)

    known = {curve.species: curve for curve in learnt.curves}
    assert set(known) == ({"screen", "print"} if judges_pictures else {"screen"})
    if judges_pictures:
        assert known["print"].weights == known["screen"].weights


def test_a_weak_sign_of_what_no_other_sees_is_kept_as_a_doubt_only() -> None:
    swaps = rows(2.5)
    animations = [replace(row, species="animation") for row in rows(0.5, seed=1, people=20) if row.species]
    both = replace(spec("telling"), species=frozenset({"face_swap", "animation"}))
    learnt = learn([*swaps, *animations], {"telling": both}, seed=1)

    gain = learnt.gains["animation telling"]
    assert gain.nats > 0 >= gain.at_least
    assert [(curve.signal, curve.species) for curve in learnt.curves] == [("telling", "face_swap")]
    assert [(curve.signal, curve.species) for curve in learnt.doubts] == [("telling", "animation")]


def test_of_two_weak_signs_the_surer_raises_the_doubt() -> None:
    learnt = learn(rows(0.5, people=20), {"noise": spec("noise"), "telling": spec("telling")}, seed=1)
    assert learnt.gains["face_swap telling"].nats > 0
    assert not learnt.curves
    assert [curve.signal for curve in learnt.doubts] == ["telling"]


def test_a_sign_of_which_hardly_anything_is_established_counts_in_no_probability() -> None:
    learnt = learn(rows(1.0, people=40), {"telling": spec("telling")}, seed=1)
    gain = learnt.gains["face_swap telling"]
    assert 0 < gain.at_least < 0.2 * gain.nats
    assert not learnt.curves
    assert [curve.signal for curve in learnt.doubts] == ["telling"]


def test_a_feature_that_speaks_the_wrong_way_alone_gets_no_weight() -> None:
    rng = np.random.default_rng(3)
    attack = np.repeat([False, True], 200)
    shared = rng.normal(size=400)
    telling, other = 2 * attack + shared, shared - 0.3 * attack
    z = np.stack([telling, other], axis=1)
    free, _ = _directed(z, attack, np.ones(400), directions=[1, 0], ridge=0.1)
    held, _ = _directed(z, attack, np.ones(400), directions=[1, 1], ridge=0.1)
    assert free[2] < 0 < free[1]
    assert held[2] == 0 < held[1]


def test_a_gain_that_one_person_makes_is_not_established() -> None:
    some = rows(0.0)
    unseen = np.zeros(len(some))
    unseen[:2] = -3.0, 3.0
    gain = _gain(some, [True] * len(some), unseen, doubt=0.05, seed=1)
    assert gain.nats > 0
    assert gain.at_least == pytest.approx(0.0, abs=1e-9)


def test_nothing_said_gains_nothing() -> None:
    some = rows(0.0)
    gain = _gain(some, [True] * len(some), np.zeros(len(some)), doubt=0.05, seed=1)
    assert gain.nats == pytest.approx(0.0, abs=1e-12)
    assert _gain(some, [False] * len(some), np.zeros(len(some)), doubt=0.05, seed=1) == Gain(0.0, 0.0)


def test_of_signals_that_speak_of_no_species_nothing_is_learnt() -> None:
    assert learn(rows(0.0), {}, seed=1).curves == ()


def test_species_are_mixed_by_what_is_established() -> None:
    shares = _mixture({"face_swap": 0.6, "animation": 0.2, "still": 0.9, "loop": 0.9})
    assert shares["face_swap"] == pytest.approx(0.75)
    assert shares["animation"] == pytest.approx(0.25)
    # Species that no curve is sought for keep what is stated for them.
    assert shares["recording"] == pytest.approx(1 / 3)
    assert shares["still"] == pytest.approx(1 / 3)


def test_where_nothing_is_established_the_stated_shares_stay() -> None:
    shares = _mixture({"face_swap": 0.0, "animation": 0.0})
    assert shares["face_swap"] == shares["animation"] == 0.5
