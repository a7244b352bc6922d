"""What challenges say is there in every language that the pages speak."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import liveness.challenges
from liveness.challenges.contract import Challenge, discover, german
from liveness.challenges.planner import DOCUMENT
from liveness.verdict import FAMILY_WORDS

CHALLENGES = discover(liveness.challenges)
ENDS = re.compile(r"[A-Z].* .*[.:]")
NOT_SAID = {"planner", "strengths", "contract", "light_sequence", "light_score"}
"""Modules whose sentences are for programmers, or for the verdict."""


def sentences(path: Path) -> set[str]:
    """Return the whole sentences in a module that are neither documentation nor for programmers."""
    found: set[str] = set()
    passed_over: set[ast.AST] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "known_ways_to_beat":
            passed_over |= set(ast.walk(node))
        if isinstance(node, ast.Expr | ast.JoinedStr | ast.Raise):
            passed_over |= set(ast.walk(node))
        if isinstance(node, ast.Constant) and node not in passed_over and isinstance(node.value, str):
            found |= {node.value} if ENDS.fullmatch(node.value) else set()
    return found


@pytest.mark.parametrize("name", CHALLENGES)
def test_everything_that_a_challenge_asks_is_there_in_german(name: str) -> None:
    cls = CHALLENGES[name]
    said = {cls.spec.title, cls.spec.page_text, cls.spec.alternative, cls.spec.warning or cls.spec.title}
    for byte in range(16):
        parameters = cls.drawn(bytes([byte]) * cls.spec.random_bytes)
        said.add(cls.page(parameters)["text"])
        if cls.spec.spoken:
            said.add(cls.aloud(parameters))
    for sentence in said:
        assert cls.told(sentence, "en") == sentence
        assert cls.told(sentence, "de") != sentence
    # The digits are the same in every language.
    for sentence in said:
        assert re.findall(r"\d+", cls.told(sentence, "de")) == re.findall(r"\d+", sentence)


def test_every_reason_is_there_in_german() -> None:
    known = {sentence for part in german().values() for sentence in part}
    for info in pkgutil.iter_modules(liveness.challenges.__path__):
        if info.name not in NOT_SAID:
            path = Path(inspect.getfile(liveness.challenges)).with_name(f"{info.name}.py")
            assert sentences(path) - known - {"Listen whether the digits were right."} == set(), info.name


def test_what_a_call_and_the_service_say_of_a_challenge_is_there_in_german() -> None:
    known, package = set(german()["shared"]), Path(inspect.getfile(liveness.challenges)).parents[1]
    assert sentences(package / "live" / "call.py") - known == set()
    # That one is the detail of a problem, which stands in English as all of them do.
    problem = {"There is no such challenge in this session."}
    assert sentences(package / "service" / "challenges.py") - known == problem


def test_every_translation_has_the_numbers_of_its_sentence() -> None:
    for part in german().values():
        for english, translated in part.items():
            assert translated.count("{}") == english.count("{}"), english
            assert set(re.findall(r"{.?", translated)) <= {"{}"}, english


def test_why_a_challenge_is_proposed_is_there_in_german() -> None:
    for words in FAMILY_WORDS.values():
        why = f"it settles best whether this is {words}."
        assert CHALLENGES["lean_in"].told(why, "de") != why
    assert Challenge.told(DOCUMENT.why, "de") != DOCUMENT.why


def test_what_nobody_translated_stands_as_it_is() -> None:
    assert CHALLENGES["lean_in"].told("Something new.", "de") == "Something new."
    late = CHALLENGES["light_code"].told("The screen's light came 0.4 s later on the face than on the neck.", "de")
    assert late == "Das Licht des Bildschirms kam auf dem Gesicht 0.4 s später als auf dem Hals."
