"""Counts of simulated answers become what outcomes are worth."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from liveness.challenges.contract import Outcome
from liveness.challenges.strengths import load
from liveness.errors import CalibrationError
from liveness.lab.answers.movement import ANSWERS
from liveness.lab.answers.strengths_file import by_giver, make

LIGHT = {"counts": {"light_code": {"bonafide": {"passed": 9}, "injection": {"unclear": 9}}}}


def movement(kinds: dict[str, dict[str, int]], challenge: str = "lean_in") -> dict[str, object]:
    return {"people": "test", "names": ["b1", "b2"], "command": "as run", "counts": {challenge: kinds}}


def written(folder: Path, **documents: object) -> list[Path]:
    paths = [folder / f"{name}.json" for name in documents]
    for path, document in zip(paths, documents.values(), strict=True):
        path.write_text(json.dumps(document))
    return paths


def test_a_forgery_that_never_passed_makes_a_pass_speak_against_its_family_alone(tmp_path: Path) -> None:
    kinds = {"done": {"passed": 20}, "nothing": {"not_done": 20}, "zoomed_recording": {"broken": 20}}
    light, moves = written(tmp_path, light=LIGHT, movement=movement(kinds))
    out = tmp_path / "strengths.json"
    make(light, [moves], out, date="2026-01-02", command="this")
    nats = load(out).llr("lean_in", Outcome("passed", 1.0, "", True, 1.0))
    assert set(nats) == {"injection"}
    assert nats["injection"] < -2
    provenance = json.loads(out.read_text())["provenance"]["lean_in"]
    assert provenance["people"] == ["b1", "b2"]
    assert provenance["kinds"] == kinds


def test_a_forgery_that_passes_leaves_a_pass_worth_little(tmp_path: Path) -> None:
    kinds = {"done": {"passed": 20}, "swap_mask_good": {"passed": 20}}
    light, moves = written(tmp_path, light=LIGHT, movement=movement(kinds))
    make(light, [moves], tmp_path / "out.json", date="2026-01-02", command="this")
    assert load(tmp_path / "out.json").llr("lean_in", Outcome("passed", 1.0, "", True, 1.0)) == {"synthesis": 0.0}


def test_who_does_it_wrong_is_no_forger_and_an_unknown_kind_is_refused() -> None:
    assert set(by_giver({"done": {"passed": 1}, "too_late": {"not_done": 4}})) == {"bonafide"}
    with pytest.raises(CalibrationError, match="no family"):
        by_giver({"puppet": {"passed": 1}})


def test_one_challenge_counted_twice_is_refused(tmp_path: Path) -> None:
    one = movement({"done": {"passed": 1}})
    light, first, second = written(tmp_path, light=LIGHT, first=one, second=one)
    with pytest.raises(CalibrationError, match="two files"):
        make(light, [first, second], tmp_path / "out.json", date="2026-01-02", command="this")


def test_every_kind_of_answer_that_is_played_belongs_to_somebody() -> None:
    for answers in ANSWERS:
        assert by_giver({kind: {"unclear": 1} for kind in answers.kinds})


def test_the_packaged_file_names_no_folder_of_a_machine() -> None:
    text = resources.files("liveness.challenges").joinpath("strengths.json").read_text(encoding="utf-8")
    commands = [one["command"] for one in json.loads(text)["provenance"].values()]
    assert commands
    assert [word for command in commands for word in command.split() if Path(word).is_absolute()] == []
