"""The engine: the same in, the same out; a broken signal is told and stops nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from people import FPS, NO_CURVES, frozen, save, stream_of, talking

from liveness.config import EngineSettings
from liveness.contract import Signal, SignalSpec
from liveness.engine import Engine, Event
from liveness.errors import ConfigError
from liveness.frames import Observation
from liveness.fusion.calibration import load
from liveness.media import Recording
from liveness.review.reviewing import analyse
from liveness.signals.stillness import Stillness
from liveness.verdict import FAMILIES, Evidence, Verdict, family_of, species_of


class Broken(Signal):
    spec: ClassVar[SignalSpec] = replace(Stillness.spec, name="broken", title="Broken")

    def observe(self, observation: Observation) -> None:
        if observation.time_s > 1.0:
            raise ValueError("no such landmark")

    def evidence(self) -> Evidence | None:
        return None

    def missing(self) -> str | None:
        return "It is broken."


def verdicts(path: Path, engine: Engine) -> list[Verdict]:
    with Recording(path) as recording:
        return [verdict for _, verdict in analyse(recording, engine) if verdict is not None]


def test_verdicts_come_twice_a_second_and_always_sum_to_one(clips: Path) -> None:
    with Engine(load()) as engine:
        found = verdicts(clips / "talking.mp4", engine)
    assert len(found) == pytest.approx(20, abs=2)
    assert found[0].state == "warming_up"
    for verdict in found:
        assert verdict.confidence + sum(verdict.families.values()) == pytest.approx(1.0)
        assert set(verdict.families) == set(FAMILIES)
        assert verdict.interval[0] <= verdict.confidence <= verdict.interval[1]
    assert found[-1].analysed_fps == pytest.approx(12, abs=1)
    assert found[-1].received.fps == pytest.approx(FPS, abs=1)


def test_the_same_frames_give_the_same_verdicts(clips: Path) -> None:
    with Engine(load()) as one, Engine(load()) as other:
        assert verdicts(clips / "talking.mp4", one) == verdicts(clips / "talking.mp4", other)


def test_a_signal_that_raises_is_told_and_the_others_go_on(clips: Path) -> None:
    with Engine(load(), signals={"broken": Broken, "stillness": Stillness}) as engine:
        found = verdicts(clips / "talking.mp4", engine)
        notices = [notice for notice in engine.take_notices() if notice.kind == "signal_failed"]
        evidence = engine.take_evidence()
    assert notices
    assert "no such landmark" in notices[0].text
    assert {one.signal for one in evidence if one.quality > 0} == {"stillness"}
    assert "broken" in found[-1].missing


class Counting(Signal):
    spec: ClassVar[SignalSpec] = replace(Stillness.spec, name="counting", title="Counting", observe_every_s=0.5)

    def __init__(self) -> None:
        self.seen_s: list[float] = []

    def observe(self, observation: Observation) -> None:
        self.seen_s.append(observation.time_s)

    def evidence(self) -> Evidence | None:
        return None

    def missing(self) -> str | None:
        return "It only counts."


@pytest.mark.parametrize(("fps", "every_s"), [(12.5, 0.5), (8.0, 0.75), (4.0, 0.75)])
def test_at_a_lower_rate_everything_is_looked_at_less_often(clips: Path, fps: float, every_s: float) -> None:
    with Engine(load(), signals={"counting": Counting}) as engine:
        engine.notify(Event(0.0, "rate", {"fps": fps}))
        verdicts(clips / "talking.mp4", engine)
        counting = engine.signals["counting"]
        assert isinstance(counting, Counting)
        assert np.diff(counting.seen_s).mean() == pytest.approx(every_s, abs=0.09)


class Costly(Counting):
    spec: ClassVar[SignalSpec] = replace(Counting.spec, name="costly", title="Costly", cost_ms=6.0)

    def __init__(self) -> None:
        super().__init__()
        self.looked_s: list[float] = []
        self.cuts_s: list[float] = []

    def observe(self, observation: Observation) -> None:
        if observation.face is not None:
            self.looked_s.append(observation.time_s)
        if "cut" in observation.changes:
            self.cuts_s.append(observation.time_s)

    def missing(self) -> str | None:
        return "It only looks."


def test_a_costly_signal_waits_while_a_challenge_runs_and_still_hears_of_a_cut(tmp_path: Path) -> None:
    pictures = list(talking(4.0))
    elsewhere = (np.roll(one, 120, axis=1)[::-1] for one in pictures[50:])
    path = save(tmp_path / "cut.mp4", iter([*pictures[:50], *elsewhere]))
    with Engine(load(), signals={"costly": Costly}) as engine:
        engine.notify(Event(0.0, "challenge", {"action": "prepare", "id": "c", "challenge": "turn_to_profile"}))
        found = verdicts(path, engine)
        costly = engine.signals["costly"]
        assert isinstance(costly, Costly)
        assert found[-1].missing["costly"] == "Waits while a challenge runs."
        assert costly.looked_s == []
        assert costly.cuts_s == pytest.approx([2.0], abs=0.2)
    with Engine(load(), signals={"costly": Costly}) as engine:
        verdicts(path, engine)
        costly = engine.signals["costly"]
        assert isinstance(costly, Costly)
        assert costly.looked_s


def test_what_cannot_change_a_verdict_is_not_measured(clips: Path) -> None:
    calibration = load()
    counting = {curve.signal for curve in (*calibration.curves, *calibration.doubts)}
    without = replace(calibration, curves=tuple(curve for curve in calibration.curves if curve.signal != "refilmed"))
    with Engine(calibration) as engine, Engine(without) as other:
        assert set(engine.signals) == counting
        assert set(other.signals) == counting - {"refilmed"}
        verdicts(clips / "talking.mp4", other)
        assert "refilmed" not in {one.signal for one in other.take_evidence()}


def test_a_signal_can_be_switched_off(clips: Path) -> None:
    with Engine(load(), EngineSettings(off=frozenset({"refilmed"}))) as engine:
        verdicts(clips / "talking.mp4", engine)
        assert "refilmed" not in {one.signal for one in engine.take_evidence()}
    with pytest.raises(ConfigError, match="no such signal: blnk; there are blink"):
        Engine(NO_CURVES, EngineSettings(off=frozenset({"blnk"})))


def test_verdicts_come_on_multiples_of_their_period_and_costly_looks_between_them(clips: Path) -> None:
    with Engine(load(), signals={"costly": Costly}) as engine:
        told_s = [one.time_s for one in verdicts(clips / "talking.mp4", engine)]
        costly = engine.signals["costly"]
        assert isinstance(costly, Costly)
    # The first analysed frame at or after each half second: never later by more than the grid and a frame leave.
    assert told_s[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0], abs=0.08)
    assert len(told_s) == int(told_s[-1] / 0.5 + 0.2)
    assert len(costly.looked_s) >= len(told_s) - 1
    assert not set(told_s) & set(costly.looked_s)


def test_a_costly_look_is_taken_all_the_same_where_every_frame_has_a_verdict(clips: Path) -> None:
    with Engine(load(), EngineSettings(verdict_every_s=0.05), signals={"costly": Costly}) as engine:
        told_s = [one.time_s for one in verdicts(clips / "talking.mp4", engine)]
        costly = engine.signals["costly"]
        assert isinstance(costly, Costly)
    # A look is due every half second, and waits no more than a quarter of one for a frame that never comes.
    assert len(costly.looked_s) > 4
    assert max(np.diff(costly.looked_s)) < 0.5 + 0.25 + 0.1
    assert set(costly.looked_s[1:]) <= set(told_s)


def test_a_session_moves_to_another_engine_with_its_evidence(clips: Path) -> None:
    with Engine(load()) as first, Recording(clips / "talking.mp4") as recording:
        last = next(verdict for _, verdict in analyse(recording, first) if verdict and verdict.time_s > 5.9)
        state = first.snapshot()
    with Engine(load(), restore=state) as second:
        belief = second.fusion.judge(last.time_s).belief
    assert belief.confidence == pytest.approx(last.confidence, abs=0.02)
    assert min(belief.coverage.values()) > 0


def test_a_cut_to_another_person_is_seen_and_begins_a_new_track(tmp_path: Path) -> None:
    first = list(talking(2))
    second = [np.asarray(picture[:, ::-1] // 3 + 120, dtype=np.uint8) for picture in frozen(2)]
    path = save(tmp_path / "cut.mp4", iter([*first, *second]))
    observations = [observation for _, observation in stream_of(path) if observation is not None]
    cuts = [one.time_s for one in observations if "cut" in one.changes]
    assert cuts == [pytest.approx(2.0, abs=0.15)]
    ids = {one.face.track_id for one in observations if one.face}
    assert ids == {1, 2}


def test_settings_out_of_range_name_the_range() -> None:
    with pytest.raises(ConfigError, match="analysis_fps must lie in 2–30, got 90"):
        EngineSettings(analysis_fps=90)
    with pytest.raises(ConfigError, match="prior_bonafide"):
        EngineSettings(prior_bonafide=1.0)


@pytest.mark.parametrize(
    ("attack_type", "family"),
    [
        ("screen_replay", "presentation"),
        ("sim_print_flat", "presentation"),
        ("sim_still", "injection"),
        ("recording_obs", "injection"),
        ("face_swap_realtime", "synthesis"),
        ("lip_sync", "synthesis"),
        ("other_person_mid_call", "substitution"),
    ],
)
def test_attack_types_belong_to_families_by_prefix(attack_type: str, family: str) -> None:
    assert family_of(attack_type) == family


def test_an_unknown_attack_type_belongs_nowhere() -> None:
    assert species_of("hologram") is None
