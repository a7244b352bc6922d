"""Stories of answers to the challenges of movement: a photographed person, moved, seen through the real models."""

from __future__ import annotations

import functools
import itertools
import zlib

import numpy as np
import pytest
from people import talking

from liveness import challenges
from liveness.challenges.contract import Challenge, Outcome, discover
from liveness.challenges.cover_eye import CoverEye
from liveness.challenges.hand_over_face import HandOverFace
from liveness.challenges.lean_in import LeanIn
from liveness.challenges.point_camera import PointCamera
from liveness.challenges.read_digits import ReadDigits
from liveness.challenges.turn_to_profile import TurnToProfile
from liveness.faces.landmarks import LandmarkTracker
from liveness.lab.answers.film import play
from liveness.lab.answers.material import Person, person_of
from liveness.lab.answers.movement import ANSWERS

OF = {answers.challenge: answers.kinds for answers in ANSWERS}


@functools.cache
def person() -> Person:
    found = person_of("astronaut", itertools.islice(talking(4), 0, None, 2))
    assert found is not None
    return found


def answered(challenge: type[Challenge], kind: str, parameters: str) -> Outcome:
    rng = np.random.default_rng(zlib.crc32(f"{kind} {parameters}".encode()))
    return play(challenge, parameters, OF[challenge][kind](person(), parameters, rng))


@pytest.mark.parametrize(
    ("challenge", "parameters"),
    [
        (TurnToProfile, "left"),
        (LeanIn, "in-1"),
        (LeanIn, "back-1"),
        (PointCamera, "up"),
        (PointCamera, "left"),
        (HandOverFace, "right"),
        (HandOverFace, "lower"),
        (CoverEye, "left"),
        (CoverEye, "right"),
        (ReadDigits, "407"),
    ],
)
def test_who_does_as_asked_passes(challenge: type[Challenge], parameters: str) -> None:
    outcome = answered(challenge, "done", parameters)
    assert outcome.result == "passed", outcome.reason
    assert outcome.answered_s is not None
    assert 0.3 < outcome.answered_s < challenge.spec.deadline_s
    assert outcome.curve is not None
    assert len(outcome.curve.times_s) == len(outcome.curve.values) == len(outcome.curve.asked)


@pytest.mark.parametrize(
    ("challenge", "kind", "parameters"),
    [
        (TurnToProfile, "other_side", "right"),
        (TurnToProfile, "before_prompt", "left"),
        (LeanIn, "other_first", "back-1"),
        (LeanIn, "other_count", "in-1"),
        (LeanIn, "before_prompt", "in-1"),
        (PointCamera, "opposite", "down"),
        (PointCamera, "across", "right"),
        (PointCamera, "before_prompt", "left"),
        (HandOverFace, "other_side", "left"),
        (HandOverFace, "before_prompt", "upper"),
        (CoverEye, "other_side", "right"),
        (CoverEye, "nothing", "left"),
        (ReadDigits, "one_syllable", "123"),
    ],
)
def test_what_was_not_asked_is_no_answer(challenge: type[Challenge], kind: str, parameters: str) -> None:
    assert answered(challenge, kind, parameters).result == "not_done"


@functools.cache
def large() -> Person:
    found = person_of("astronaut", (picture[30:230, 100:300] for picture in itertools.islice(talking(4), 0, None, 2)))
    assert found is not None
    return found


@pytest.mark.parametrize("challenge", [LeanIn, PointCamera])
def test_who_fills_the_picture_is_asked_to_sit_back_instead(challenge: type[Challenge]) -> None:
    film = OF[challenge]["nothing"](large(), challenge.drawn(b"\0"), np.random.default_rng(1))
    outcome = play(challenge, challenge.drawn(b"\0"), film)
    assert (outcome.result, outcome.asked) == ("unclear", False)
    assert "sit back" in outcome.reason


@pytest.mark.parametrize("challenge", [HandOverFace, CoverEye])
def test_who_sits_in_the_dark_is_not_asked_for_a_hand(challenge: type[Challenge]) -> None:
    bright = OF[challenge]["done"](person(), challenge.drawn(b"\0"), np.random.default_rng(1))
    outcome = play(challenge, challenge.drawn(b"\0"), lambda after_s: (bright(after_s) // 5).astype(np.uint8))
    assert (outcome.result, outcome.asked) == ("unclear", False)
    assert "lamp" in outcome.reason


def test_a_face_that_stays_while_the_room_moves_is_pasted() -> None:
    outcome = answered(PointCamera, "pasted_face", "right")
    assert outcome.result == "unclear"
    assert outcome.compliance is True


def test_a_zoomed_recording_does_not_pass_as_leaning_in() -> None:
    outcome = answered(LeanIn, "zoomed_recording", "in-1")
    assert outcome.result in ("broken", "unclear")
    assert outcome.compliance is True


def test_a_recording_of_a_talker_reads_no_digits() -> None:
    assert answered(ReadDigits, "recording", "407").result in ("unclear", "not_done")


def test_a_turn_to_the_own_left_takes_the_nose_to_the_picture_s_right() -> None:
    film = OF[TurnToProfile]["done"](person(), "left", np.random.default_rng(1))
    with LandmarkTracker() as tracker:
        noses = [tracker.track(film(after_s)) for after_s in np.arange(0, 2.4, 0.1)]
    seen = [points[1, 0] for points in noses if points is not None]
    assert max(seen) - seen[0] > 2 * (seen[0] - min(seen))


def test_a_face_that_shows_through_the_hand_does_not_pass() -> None:
    assert answered(HandOverFace, "swap_mask_fails", "left").result != "passed"


@pytest.mark.parametrize("challenge", list(OF), ids=lambda cls: cls.spec.name)
def test_all_parameters_are_drawn_and_told_to_page_and_interviewer(challenge: type[Challenge]) -> None:
    rng = np.random.default_rng(3)
    drawn = {challenge.drawn(rng.bytes(challenge.spec.random_bytes)) for _ in range(200)}
    assert len(drawn) > 1
    for parameters in drawn:
        assert challenge.page(parameters)["text"]
        assert challenge.aloud(parameters).startswith("Please")
    assert len({challenge.aloud(parameters) for parameters in drawn}) == len(drawn)
    with pytest.raises(ValueError, match="expected"):
        challenge().begin(0.0, "sideways")


@pytest.mark.parametrize("challenge", list(OF), ids=lambda cls: cls.spec.name)
def test_nobody_seen_is_no_failure(challenge: type[Challenge]) -> None:
    empty = np.full((240, 320, 3), 90, np.uint8)
    parameters = challenge.drawn(bytes(challenge.spec.random_bytes))
    outcome = play(challenge, parameters, lambda _: empty, until_s=2.0)
    assert outcome.result == "unclear"
    assert outcome.quality == 0


def test_the_challenges_are_found_by_name() -> None:
    assert {cls.spec.name for cls in OF} <= set(discover(challenges))
