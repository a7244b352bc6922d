"""A challenge inside the engine: prepared, begun, judged once, and weighed; an error in it accuses nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from people import NO_CURVES

from liveness.challenges.contract import Challenge, ChallengeSpec, Curve, Guidance, Outcome
from liveness.challenges.planner import next_step
from liveness.challenges.running import ChallengeNews, Running
from liveness.challenges.strengths import MOST_NATS, Counts, Strengths, load
from liveness.engine import Engine, Event
from liveness.errors import CalibrationError
from liveness.frames import Box, Change, FaceTrack, Hand, Observation, Pixels
from liveness.fusion.answers import Answer, Answers
from liveness.media import Recording
from liveness.review.reviewing import analyse

COUNTS: dict[str, Counts] = {
    "keep_still": {
        "bonafide": {"passed": 95, "broken": 0, "not_done": 3, "unclear": 2},
        "injection": {"passed": 0, "broken": 0, "not_done": 100, "unclear": 0},
        "synthesis": {"passed": 40, "broken": 50, "not_done": 10, "unclear": 0},
    }
}


class Seen:
    """A picture as a frame."""

    dropped = 0
    audio = None

    def __init__(self, index: int, time_s: float, luma: Pixels) -> None:
        self.index, self.time_s = index, time_s
        self.height, self.width = luma.shape
        self._luma = luma

    def luma(self) -> Pixels:
        return self._luma

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        raise AssertionError("nobody looks at colours")

    def crop_rgb(self, box: Box) -> Pixels:
        raise AssertionError("nobody looks at colours")


class KeepStill(Challenge):
    """Asks for seconds of being seen; the person before a camera does it without knowing."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="keep_still",
        title="Keep still",
        page_text="Keep still.",
        deadline_s=4.0,
        alternative="Ask something.",
        families=frozenset({"injection", "synthesis"}),
        known_ways_to_beat=("A photograph.",),
        random_bytes=1,
    )

    def __init__(self) -> None:
        super().__init__()
        self._seen: list[float] = []
        self._wanted_s = 0.0

    def observe(self, observation: Observation) -> None:
        if observation.face is not None:
            self._seen.append(observation.time_s)

    @property
    def settled(self) -> bool:
        return self.prompt_s is not None and self._after() >= self._wanted_s

    @property
    def guidance(self) -> Guidance | None:
        return "hold" if self._after() < self._wanted_s / 2 else "good"

    def _after(self) -> float:
        return sum(time_s >= (self.prompt_s or 0.0) for time_s in self._seen) / 12

    def _take_parameters(self, parameters: str) -> None:
        self._wanted_s = float(parameters)

    def _judge(self, prompt_s: float) -> Outcome:
        done = self._after() >= self._wanted_s
        curve = Curve(
            "Seen", "s", tuple(t - prompt_s for t in self._seen), tuple(self._seen), (None,) * len(self._seen)
        )
        return Outcome("passed" if done else "not_done", 1.0, "It was done.", done, None, self._after(), curve)

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        return {"text": parameters}


class Turns(KeepStill):
    spec: ClassVar[ChallengeSpec] = replace(KeepStill.spec, moves_camera=True)


class Breaks(KeepStill):
    spec: ClassVar[ChallengeSpec] = KeepStill.spec

    def observe(self, observation: Observation) -> None:
        if self.prompt_s is not None:
            raise ValueError("no such hand")


class TooDark(KeepStill):
    spec: ClassVar[ChallengeSpec] = KeepStill.spec

    @property
    def unsuitable(self) -> str | None:
        return "It is too dark." if len(self._seen) >= 6 else None


def event(time_s: float, action: str, parameters: str = "1.5", name: str = "c1") -> Event:
    data = {"action": action, "id": name, "challenge": "keep_still", "parameters": parameters, "mode": "page"}
    return Event(time_s, "challenge", data)


def engine_with(challenge: type[Challenge] = KeepStill, **more: Any) -> Engine:
    return Engine(NO_CURVES, challenges={"keep_still": challenge}, answers=Strengths(COUNTS), **more)


def heard(path: Path, engine: Engine, *events: Event) -> list[ChallengeNews]:
    with Recording(path) as recording:
        for _ in analyse(recording, engine, events):
            pass
    return engine.take_challenges()


def test_a_passed_challenge_helps_once_and_says_what_was_measured(clips: Path) -> None:
    with engine_with() as engine:
        news = heard(clips / "talking.mp4", engine, event(2.0, "prepare"), event(4.0, "begin"))
        verdict = engine.conclude(10.0)
    assert [one.guidance for one in news if one.guidance] == ["hold", "good"]
    (over,) = [one for one in news if one.outcome]
    assert over.outcome is not None
    assert over.outcome.result == "passed"
    assert 5.3 < over.time_s < 5.8
    assert over.outcome.curve is not None
    assert min(over.outcome.curve.times_s) == pytest.approx(-2.0, abs=0.1)
    assert verdict.confidence > 0.5
    assert verdict.families["injection"] < 0.03 < verdict.families["synthesis"] < verdict.families["substitution"]
    assert [reason.signal for reason in verdict.reasons] == ["keep_still"]


def test_what_nobody_could_judge_is_not_asked_for(clips: Path) -> None:
    with engine_with(TooDark) as engine:
        (over,) = heard(clips / "talking.mp4", engine, event(2.0, "prepare"))
        with pytest.raises(ValueError, match="not prepared"):
            engine.notify(event(4.0, "begin"))
        verdict = engine.conclude(10.0)
    assert over.outcome is not None
    assert (over.outcome.result, over.outcome.reason, over.outcome.asked) == ("unclear", "It is too dark.", False)
    assert 2.3 < over.time_s < 2.7
    assert over.parameters == ""
    assert verdict.confidence == pytest.approx(0.5)


def test_what_was_asked_already_is_judged_as_well_as_can_be(clips: Path) -> None:
    """In a recording the person has done it, whatever could have been known before."""
    prepare = event(2.0, "prepare")
    prepare = Event(prepare.time_s, prepare.kind, {**prepare.data, "asked": "already"})
    with engine_with(TooDark) as engine:
        news = heard(clips / "talking.mp4", engine, prepare, event(4.0, "begin"))
    assert [one.outcome.result for one in news if one.outcome] == ["passed"]


def test_what_is_not_done_in_time_speaks_against_nobody(clips: Path) -> None:
    with engine_with() as engine:
        news = heard(clips / "talking.mp4", engine, event(2.0, "prepare"), event(4.0, "begin", "9.0"))
        verdict = engine.conclude(10.0)
    (over,) = [one for one in news if one.outcome]
    assert over.outcome is not None
    assert over.outcome.result == "not_done"
    assert 8.0 < over.time_s < 8.3
    assert verdict.confidence == pytest.approx(0.5)
    assert verdict.state == "inconclusive"


def test_the_deadline_passes_while_no_frame_comes(clips: Path) -> None:
    with engine_with() as engine:
        heard(clips / "talking.mp4", engine, event(2.0, "prepare"), event(9.0, "begin"))
        engine.idle(12.9)
        assert not engine.take_challenges()
        engine.idle(13.1)
        (over,) = engine.take_challenges()
    assert over.outcome is not None
    assert over.outcome.result == "not_done"


def test_an_error_in_a_challenge_is_told_and_accuses_nobody(clips: Path) -> None:
    with engine_with(Breaks) as engine:
        news = heard(clips / "talking.mp4", engine, event(2.0, "prepare"), event(4.0, "begin"))
        notices = [notice.text for notice in engine.take_notices() if notice.kind == "challenge_failed"]
        verdict = engine.conclude(10.0)
    assert [one.outcome.result for one in news if one.outcome] == ["unclear"]
    assert notices == ["Keep still: ValueError: no such hand"]
    assert verdict.confidence == pytest.approx(0.5)


def test_a_challenge_serves_once_and_only_who_prepared_it(clips: Path) -> None:
    with engine_with() as engine:
        with pytest.raises(ValueError, match="not prepared"):
            engine.notify(event(1.0, "begin"))
        engine.notify(event(1.0, "prepare"))
        with pytest.raises(ValueError, match="not prepared"):
            engine.notify(event(1.0, "begin", name="c2"))
        engine.notify(event(1.0, "begin"))
        with pytest.raises(ValueError, match="has begun already"):
            engine.notify(event(2.0, "begin"))
        engine.notify(event(2.0, "stop"))
        assert not heard(clips / "talking.mp4", engine)
        with pytest.raises(ValueError, match="no such challenge: 'dance'"):
            engine.notify(Event(3.0, "challenge", {"action": "prepare", "id": "c3", "challenge": "dance"}))


def room(seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    return np.asarray(cv2.resize(rng.integers(0, 256, (12, 20), dtype=np.uint8), (640, 360)), dtype=np.uint8)


@pytest.mark.parametrize(("moves", "torn"), [(True, False), (False, True)])
def test_a_camera_that_turns_fast_is_no_cut_where_it_is_to_turn(moves: bool, torn: bool) -> None:
    running = Running({"keep_still": Turns if moves else KeepStill})
    running.prepare("c1", "keep_still")
    whole = room(1)
    for index, aside in enumerate((0, 0, 40, 80)):
        frame = Seen(index, index / 12, np.ascontiguousarray(np.roll(whole, aside, axis=1)[:, 100:]))
        changes: frozenset[Change] = frozenset({"cut"}) if aside else frozenset()
        running.observe(Observation(frame, None, (), changes))
    assert np.isfinite(running.snapshot()["torn_s"]) == torn


def test_another_room_is_a_cut_even_where_the_camera_is_to_turn() -> None:
    running = Running({"keep_still": Turns})
    running.prepare("c1", "keep_still")
    for index in range(4):
        changes: frozenset[Change] = frozenset({"cut"}) if index else frozenset()
        running.observe(Observation(Seen(index, index / 12, room(index)), None, (), changes))
    assert np.isfinite(running.snapshot()["torn_s"])


def test_a_challenge_goes_on_in_another_worker(clips: Path) -> None:
    with engine_with() as one:
        heard(clips / "talking.mp4", one, event(2.0, "prepare"), event(9.4, "begin"))
        state = one.snapshot()
    with engine_with(restore=state) as other:
        other.idle(13.0)
        assert not other.take_challenges()
        other.idle(13.5)
        (over,) = other.take_challenges()
    assert over.id == "c1"
    assert over.outcome is not None
    assert over.outcome.answered_s == pytest.approx(0.5, abs=0.15)


def outcome(result: Any, quality: float = 1.0) -> Outcome:
    return Outcome(result, quality, "", None, None)


def test_counts_become_odds_that_know_their_limits() -> None:
    strengths = Strengths(COUNTS)
    passed = strengths.llr("keep_still", outcome("passed"))
    assert passed["injection"] == -MOST_NATS
    assert -1.2 < passed["synthesis"] < -0.7
    assert "presentation" not in passed
    assert strengths.llr("keep_still", outcome("passed", 0.5))["injection"] == -MOST_NATS / 2
    broken = strengths.llr("keep_still", outcome("broken"))
    assert broken["synthesis"] == MOST_NATS
    assert broken["injection"] == 0
    for result in ("not_done", "unclear"):
        assert strengths.llr("keep_still", outcome(result)) == {}
    assert strengths.llr("dance", outcome("passed")) == {}


def test_a_broken_answer_accuses_of_nothing_that_never_gave_one() -> None:
    """Of the few answers of one family and the many of live people none was broken: that tells the two not apart."""
    known: dict[str, Counts] = {"keep_still": {"bonafide": {"passed": 300}, "presentation": {"not_done": 10}}}
    assert Strengths(known).llr("keep_still", outcome("broken")) == {"presentation": 0.0}


def test_the_packaged_counts_are_read_and_others_refused(tmp_path: Path) -> None:
    assert load().sha256
    wrong = tmp_path / "counts.json"
    wrong.write_text('{"schema": "liveness.answers/1", "counts": {"dance": {"martian": {"passed": 1}}}}')
    with pytest.raises(CalibrationError, match="unknown martian"):
        load(wrong)
    wrong.write_text('{"schema": "other"}')
    with pytest.raises(CalibrationError, match=r"expected schema liveness\.answers/1"):
        load(wrong)


def test_answers_fade_repeat_as_their_mean_and_do_not_vouch_for_another_face() -> None:
    answers = Answers()
    answers.add(Answer("turn", 10.0, {"injection": -3.0}, ""))
    assert answers.llr(10.0) == {"injection": -3.0}
    assert -1.2 < answers.llr(310.0)["injection"] < -1.0
    answers.add(Answer("turn", 10.0, {}, ""))
    assert answers.llr(10.0)["injection"] == -1.5
    answers.add(Answer("light", 10.0, {"injection": -3.0, "synthesis": -1.0}, ""))
    answers.add(Answer("lean", 10.0, {"injection": -3.0}, ""))
    assert answers.llr(10.0) == {"injection": -5.0, "synthesis": -1.0}
    answers.new_shot(12.0, cut=False)
    assert answers.llr(12.0)["injection"] < -4
    answers.new_shot(20.0, cut=False)
    assert answers.llr(20.0) == {}
    answers.add(Answer("light", 20.0, {"injection": -3.0}, ""))
    answers.new_shot(20.5, cut=True)
    assert answers.llr(20.5) == {}


@pytest.mark.parametrize(
    ("room", "hand", "result"),
    [
        ("stays", False, "passed"),
        ("changes", False, "unclear"),
        ("is half covered", True, "passed"),
        ("changes", True, "unclear"),
        ("is hidden", True, "passed"),
        ("is hidden", False, "unclear"),
    ],
    ids=[
        "a face came near",
        "another picture",
        "a hand came near",
        "another picture with a hand in it",
        "a hand hid the room",
        "nothing but a face in both pictures",
    ],
)
def test_what_comes_near_fast_is_no_cut_but_another_picture_is(room: str, hand: bool, result: str) -> None:
    first, other = (np.random.default_rng(seed).integers(0, 256, (120, 160), np.uint8) for seed in (1, 2))
    half = first.copy()
    half[:, :80] = 200
    later = {"stays": first, "changes": other, "is half covered": half, "is hidden": other}[room]
    running = Running({"keep_still": KeepStill})
    running.prepare("c", "keep_still")
    outcomes: list[Outcome | None] = []
    for index in range(40):
        t = index / 10
        if index == 15:
            running.begin("c", 1.5, "1.0", "page")
        box = Box(60, 30, 100, 80) if index < 20 else Box(50, 20, 110, 90)
        if room == "is hidden":
            box = Box(0, 0, 160, 120)
        face = FaceTrack(1, t, box, np.zeros((478, 3), np.float32), (0.0, 0.0, 0.0), 1.0, t)
        hands = (Hand(np.zeros((21, 3), np.float32), 1.0, "left"),) if hand else ()
        picture = later if index >= 20 else first
        changes: frozenset[Change] = frozenset({"cut"}) if index == 20 else frozenset()
        seen = Observation(frame=Seen(index, t, picture), face=face, others=(), changes=changes, hands=hands)
        outcomes += [news.outcome for news in running.observe(seen) if news.outcome]
    assert [outcome.result for outcome in outcomes if outcome] == [result]


def test_the_next_step_is_what_settles_most_of_the_open_doubt() -> None:
    class Light(KeepStill):
        spec = ChallengeSpec(
            **{
                **{name: getattr(KeepStill.spec, name) for name in ChallengeSpec.__dataclass_fields__},
                "name": "light",
                "title": "Light",
                "families": frozenset({"synthesis"}),
            }
        )

    light: Counts = {
        "bonafide": {"passed": 99, "broken": 1, "not_done": 0, "unclear": 0},
        "synthesis": {"passed": 1, "broken": 99, "not_done": 0, "unclear": 0},
    }
    strengths = Strengths({**COUNTS, "light": light})
    classes = {"keep_still": KeepStill, "light": Light}
    doubt = {"presentation": 0.05, "injection": 0.6, "synthesis": 0.1, "substitution": 0.05}
    assert next_step(doubt, classes, strengths).challenge == "keep_still"  # type: ignore[arg-type]
    doubt |= {"injection": 0.05, "synthesis": 0.6}
    assert next_step(doubt, classes, strengths).challenge == "light"  # type: ignore[arg-type]
    assert next_step(doubt, classes, strengths, tried=["light"]).challenge == "keep_still"  # type: ignore[arg-type]
    doubt |= {"injection": 0.05, "synthesis": 0.05, "substitution": 0.6}
    assert next_step(doubt, classes, strengths).challenge == "ask_document"  # type: ignore[arg-type]
