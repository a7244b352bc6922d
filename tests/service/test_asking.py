"""Challenges, as both sides live through them: asked, shown once, answered, declined, cut off."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from interviewing import KEY, Clock, Events, Interview, Reply, Service, of_pool, running, wire
from starlette.requests import HTTPConnection
from test_story import same_shape

from liveness.challenges.contract import Challenge, ChallengeSpec
from liveness.frames import Observation
from liveness.live.interface import LiveError
from liveness.service.catalogue import catalogue, default_order
from liveness.service.challenges import Timing
from liveness.service.languages import language_of
from liveness.service.store import Store


class Nod(Challenge):
    """Asks at once, so that no test waits for a camera."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="nod",
        title="Nod",
        page_text="In a moment you will be asked to nod.",
        deadline_s=8.0,
        alternative="Ask something else.",
        families=frozenset({"injection"}),
        known_ways_to_beat=(),
        random_bytes=8,
        baseline_s=0.0,
    )

    @classmethod
    def drawn(cls, random: bytes) -> str:
        return random.hex()

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        return {"text": f"Nod {parameters} times.", "picture": "nod"}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        return f"Please nod {parameters} times."

    def observe(self, observation: Observation) -> None:
        raise AssertionError("no engine runs here")

    def _take_parameters(self, parameters: str) -> None:
        bytes.fromhex(parameters)


class Flash(Nod):
    """Needs the page, and a warning."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="flash",
        title="Flash",
        page_text="The page will change its colour.",
        deadline_s=8.0,
        alternative="Ask something else.",
        families=frozenset({"injection", "synthesis", "presentation", "substitution"}),
        known_ways_to_beat=(),
        random_bytes=8,
        baseline_s=0.0,
        spoken=False,
        warning="The light changes.",
    )


@pytest.fixture(autouse=True)
def more_challenges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add two challenges to those of this version."""
    monkeypatch.setitem(catalogue(), "nod", Nod)
    monkeypatch.setitem(catalogue(), "flash", Flash)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with scripted media workers."""
    with running(tmp_path) as service:
        yield service


def begun(service: Service, **body: Any) -> Interview:
    interview = service.interview(**body)
    interview.start()
    return interview


def ask(interview: Interview, challenge: str | None = "nod", mode: str = "page", by: str | None = None) -> Reply:
    body = {"mode": mode} | ({"challenge": challenge} if challenge else {})
    return interview.service.call("POST", f"{interview.path}/challenges", by or interview.viewer, body)


def asked(interview: Interview, challenge: str = "nod", mode: str = "page") -> str:
    made = ask(interview, challenge, mode)
    assert made.status == 201, made.body
    return str(made.json["id"])


def ready(interview: Interview, challenge_id: str, key: str = "") -> Reply:
    path = f"{interview.path}/challenges/{challenge_id}/ready"
    return interview.service.call("POST", path, interview.publisher, **({"Idempotency_Key": key} if key else {}))


def decline(interview: Interview, challenge_id: str, reason: str = "cannot") -> Reply:
    path = f"{interview.path}/challenges/{challenge_id}/decline"
    return interview.service.call("POST", path, interview.publisher, {"reason": reason})


def viewing(interview: Interview) -> Any:
    return interview.service.events(f"{interview.path}/events", interview.viewer)


def listed(interview: Interview) -> Any:
    return interview.service.call("GET", f"{interview.path}/challenges", interview.viewer).json


def lines(service: Service, interview: Interview) -> list[tuple[str, str]]:
    """Return what was written down of a session's challenges: who, and what without ids."""

    async def written() -> list[dict[str, Any]]:
        async def nothing() -> None:
            pass

        await service.interviews.later.run(nothing)
        return await service.interviews.store.audit_lines()

    return [
        (line["actor"], " ".join(word for word in line["action"].split() if not word.startswith("c_")))
        for line in service.in_loop(written())
        if line["session"] == interview.id and line["action"].startswith("challenge")
    ]


def rows(service: Service, interview: Interview) -> Any:
    return service.in_loop(service.interviews.store.challenges(interview.id))


def test_a_challenge_on_the_page_from_offer_to_outcome(service: Service) -> None:
    interview = begun(service)
    with (
        viewing(interview) as viewer,
        service.events(f"{interview.path}/events", interview.publisher) as publisher,
    ):
        made = ask(interview)
        assert made.status == 201
        assert made.headers["Location"] == f"{interview.path}/challenges/{made.json['id']}"
        same_shape(made.json, wire("challenge"))
        cid = made.json["id"]
        assert (made.json["state"], made.json["attempt"], made.json["outcome"]) == ("offered", 1, None)
        assert viewer.until("challenge").data == made.json
        offer = publisher.until("challenge").data
        same_shape(offer, wire("challenge_offer"))
        assert (offer["id"], offer["ready_within_s"]) == (cid, 10.0)
        # Nothing is drawn before the page is ready: nobody can know what will be asked.
        assert [(row.parameters, row.prompt_at) for row in rows(service, interview)] == [(None, None)]
        assert service.pool.asked == [("prepare", cid, "")]

        before = datetime.now(UTC)
        prompt = ready(interview, cid)
        same_shape(prompt.json, wire("challenge_prompt") | {"page": {"text": "", "picture": ""}})
        (row,) = rows(service, interview)
        assert len(bytes.fromhex(row.parameters)) == 8
        assert before <= row.prompt_at <= datetime.now(UTC)
        assert prompt.json["page"]["text"] == f"Nod {row.parameters} times."
        assert service.pool.asked[1:] == [("begin", cid, row.parameters)]
        assert viewer.until("challenge").data["state"] == "running"

        service.pool.guides(interview.id, cid, "further")
        assert viewer.until("challenge").data["guidance"] == "further"
        assert publisher.until("challenge_guidance").data == wire("challenge_guidance") | {"id": cid}
        service.pool.judges(interview.id, cid)
        done = viewer.until("challenge", state="done").data
        assert done["outcome"] == wire("challenge")["outcome"]
        assert done["guidance"] is None
        assert publisher.until("challenge_over").data == wire("challenge_over") | {"id": cid}
    shown = listed(interview)
    assert shown["challenges"] == [done]
    assert [one["attempts_left"] for one in shown["available"] if one["name"] == "nod"] == [2]
    assert lines(service, interview) == [
        ("viewer", "challenge made nod"),
        ("publisher", "challenge ready"),
        ("engine", "challenge outcome"),
    ]
    with viewing(interview) as late:
        assert late.until("challenge").data == done


def test_a_challenge_that_is_read_aloud_is_the_interviewers_alone(service: Service) -> None:
    interview = begun(service)
    with service.events(f"{interview.path}/events", interview.publisher) as publisher:
        made = ask(interview, mode="spoken", by=KEY).json
        (row,) = rows(service, interview)
        assert (made["state"], made["aloud"]) == ("running", f"Please nod {row.parameters} times.")
        assert made["deadline_s"] > Nod.spec.deadline_s
        refused = ready(interview, made["id"])
        assert (refused.status, refused.json["type"]) == (409, "not-offered")
        service.pool.guides(interview.id, made["id"], "further")
        service.pool.judges(interview.id, made["id"])
        assert listed(interview)["challenges"][0]["outcome"]["result"] == "passed"
        service.call("POST", f"{interview.path}/end", interview.viewer)
        while event := publisher.next():
            assert event.name == "session"
            if event.data["state"] == "ended":
                break
    no_page = ask(begun(service), "flash", "spoken")
    assert (no_page.status, no_page.json["type"]) == (409, "no-page")


def test_without_a_name_the_recommended_one_is_asked(service: Service) -> None:
    interview = begun(service)
    # A proposal that this version does not have: the default order, what is untried and needs no warning first.
    service.pool.happens(interview.id, "verdict", of_pool("verdict"))
    assert [one["name"] for one in listed(interview)["available"]] == default_order(list(catalogue()), [])
    first = ask(interview, None).json
    assert first["challenge"] == default_order(list(catalogue()), [])[0] != "flash"
    service.call("DELETE", f"{interview.path}/challenges/{first['id']}", interview.viewer)
    service.pool.happens(
        interview.id, "verdict", of_pool("verdict", next_step={"challenge": "flash", "why": "It settles it."})
    )
    assert service.call("POST", f"{interview.path}/challenges", interview.viewer).json["challenge"] == "flash"


def test_what_counts_in_the_verdict_comes_before_what_only_helps_to_look() -> None:
    counts = ["turn_to_profile", "read_digits"]
    assert default_order(["cover_eye", "lean_in", *reversed(counts)], []) == [*counts, "lean_in", "cover_eye"]
    assert default_order(["cover_eye", *counts], ["turn_to_profile"])[-1] == "turn_to_profile"


def test_each_side_is_told_in_its_own_language(service: Service) -> None:
    interview = begun(service)
    path = f"{interview.path}/challenges"
    body = {"challenge": "lean_in", "mode": "page"}
    made = service.call("POST", path, interview.viewer, body, Accept_Language="fr, de-AT;q=0.8, en;q=0.5")
    assert (made.json["title"], made.headers["Vary"]) == ("Näher kommen", "Accept-Language")
    prompt = service.call("POST", f"{path}/{made.json['id']}/ready", interview.publisher, Accept_Language="de")
    assert prompt.json["page"]["text"].endswith("sitzen Sie dann wieder wie zuvor.") or "zweimal" in str(prompt.json)
    service.pool.judges(interview.id, made.json["id"], reason="The face was not seen after the prompt.")
    german = service.call("GET", path, interview.viewer, Accept_Language="de").json
    assert german["challenges"][0]["outcome"]["reason"] == "Das Gesicht war nach der Bitte nicht zu sehen."
    assert "Näher kommen" in [one["title"] for one in german["available"]]
    # Nothing is kept in a language: who reads English reads the same answer in English.
    english = listed(interview)
    assert english["challenges"][0]["outcome"]["reason"] == "The face was not seen after the prompt."
    assert english["challenges"][0]["title"] == "Lean in"
    with service.events(f"{interview.path}/events", interview.viewer, Accept_Language="de") as viewer:
        assert viewer.until("challenge").data["title"] == "Näher kommen"
        why = "Lean in: it settles best whether this is a face made or changed by a model."
        step = {"challenge": "lean_in", "why": why}
        service.pool.happens(interview.id, "verdict", of_pool("verdict", next_step=step))
        told = viewer.until("verdict").data["next_step"]["why"]
        assert (
            told == "Näher kommen: klärt am besten, ob das ein Gesicht ist, das ein Modell gemacht oder verändert hat."
        )


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ([], "en"),
        ([""], "en"),
        (["de"], "de"),
        (["fr"], "en"),
        (["en, de"], "en"),
        (["en;q=0.1, de;q=x, de;q=0.2"], "de"),
        (["de;q=0"], "en"),
        (["fr, en;q=0.5", "de"], "de"),
        (["de;q=nan, \xff\xfe;q, *;;=,"], "en"),
        ([f"{',' * 60_000}de"], "en"),
    ],
)
def test_the_language_that_is_preferred_is_found(headers: list[str], language: str) -> None:
    raw = [(b"accept-language", header.encode("latin-1")) for header in headers]
    assert language_of(HTTPConnection({"type": "http", "headers": raw})) == language


def test_what_nobody_could_judge_ends_before_it_is_asked(service: Service) -> None:
    interview = begun(service)
    made = ask(interview, "lean_in").json
    why = "The face fills the picture, so that too little of the room is seen to judge this."
    with service.events(f"{interview.path}/events", interview.publisher) as candidate:
        service.pool.judges(interview.id, made["id"], result="unclear", reason=why)
        assert candidate.until("challenge_over").data["id"] == made["id"]
    assert ready(interview, made["id"]).status == 409
    (found,) = listed(interview)["challenges"]
    assert (found["state"], found["outcome"]["result"], found["outcome"]["reason"]) == ("done", "unclear", why)
    # Nobody was asked, so that it was no attempt.
    assert {one["name"]: one["attempts_left"] for one in listed(interview)["available"]}["lean_in"] == 3


def test_what_cannot_be_asked(service: Service) -> None:
    interview = service.interview()
    interview.agree()
    for reply, status, kind in (
        (ask(interview), 409, "not-checking"),
        (ask(interview, "dance"), 422, "unknown-challenge"),
        (ask(interview, mode="sung"), 422, "invalid-request"),
        (service.call("POST", "/v1/sessions/s_none/challenges", KEY, {}), 404, "unknown-session"),
        (ask(interview, by=interview.publisher), 403, "wrong-role"),
        (ask(interview, by=service.interview().viewer), 403, "other-session"),
        (service.call("GET", f"{interview.path}/challenges", interview.publisher), 403, "wrong-role"),
    ):
        assert (reply.status, reply.json["type"]) == (status, kind)
    interview.start()
    cid = asked(interview)
    assert (ask(interview).status, ask(interview).json["type"]) == (409, "challenge-running")
    service.call("DELETE", f"{interview.path}/challenges/{cid}", interview.viewer)
    service.pool.receiving.clear()
    assert ask(interview).json["type"] == "not-checking"
    service.pool.media_arrives(interview.id)
    service.pool.cannot = LiveError
    broken = ask(interview)
    assert (broken.status, broken.json["type"]) == (503, "worker-gone")
    service.pool.cannot = None
    # What failed was no attempt, and holds no place.
    assert len(listed(interview)["challenges"]) == 1
    assert ask(interview).status == 201


def test_attempts_are_counted(service: Service) -> None:
    interview = begun(service)
    for number in range(3):
        made = ask(interview).json
        assert made["attempt"] == number + 1
        assert ready(interview, made["id"]).status == 200
        assert service.call("DELETE", f"{interview.path}/challenges/{made['id']}", interview.viewer).status == 204
    refused = ask(interview)
    assert (refused.status, refused.json["type"]) == (429, "too-many-attempts")
    # The recommended one is then another.
    other = ask(interview, None).json
    assert other["challenge"] != "nod"
    kept = {one["name"]: one["attempts_left"] for one in listed(interview)["available"]}
    assert (kept["nod"], kept[other["challenge"]]) == (0, 3)


def test_an_offer_that_nobody_took_up_is_no_attempt(service: Service) -> None:
    interview = begun(service)
    for _ in range(4):
        made = ask(interview)
        assert made.status == 201, made.body
        assert made.json["shown"] is False
        service.call("DELETE", f"{interview.path}/challenges/{made.json['id']}", interview.viewer)


def test_ten_attempts_are_all(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        monkeypatch.setitem(catalogue(), f"nod{number}", Nod)
    interview = begun(service)
    for number in range(10):
        made = ask(interview, f"nod{number % 4}")
        assert made.status == 201, made.body
        assert ready(interview, made.json["id"]).status == 200
        service.call("DELETE", f"{interview.path}/challenges/{made.json['id']}", interview.viewer)
    assert ask(interview, "nod3").status == ask(interview, None).status == 429


def test_the_prompt_is_released_once(service: Service) -> None:
    interview = begun(service)
    cid = asked(interview)
    answers: list[Reply] = []
    pages = [threading.Thread(target=lambda: answers.append(ready(interview, cid))) for _ in range(4)]
    for page in pages:
        page.start()
    for page in pages:
        page.join()
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert [action for action, _, _ in service.pool.asked] == ["prepare", "begin"]
    assert lines(service, interview).count(("publisher", "challenge answer refused: second")) == 3


def test_a_prompt_that_was_lost_on_the_way_is_given_again(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as service:
        interview = begun(service)
        cid = asked(interview)
        first = ready(interview, cid, "a-page").json
        (row,) = rows(service, interview)
        clock.ahead += timedelta(seconds=3)
        again = ready(interview, cid, "a-page")
        # Nothing is drawn anew, nobody is asked to begin anew, and the time runs on.
        assert again.json == first | {"elapsed_s": again.json["elapsed_s"]}
        assert again.json["elapsed_s"] - first["elapsed_s"] == pytest.approx(3, abs=0.9)
        assert rows(service, interview) == [row]
        assert [action for action, _, _ in service.pool.asked] == ["prepare", "begin"]
        # Another page is not the one that lost it; nor is one that names none.
        assert ready(interview, cid, "another").status == ready(interview, cid).status == 409
        assert ready(interview, cid, "x" * 65).status == 422
        clock.ahead += timedelta(seconds=Nod.spec.deadline_s)
        assert ready(interview, cid, "a-page").status == 409
        service.pool.judges(interview.id, cid)
        assert ready(interview, cid, "a-page").status == 409
        assert lines(service, interview) == [
            ("viewer", "challenge made nod"),
            ("publisher", "challenge ready"),
            ("publisher", "challenge prompt repeated"),
            *[("publisher", "challenge answer refused: second")] * 3,
            ("engine", "challenge outcome"),
            ("publisher", "challenge answer refused: done"),
        ]


def test_one_page_that_asks_many_times_at_once_gets_one_prompt(service: Service) -> None:
    interview = begun(service)
    cid = asked(interview)
    answers: list[Reply] = []
    asking = [threading.Thread(target=lambda: answers.append(ready(interview, cid, "a-page"))) for _ in range(4)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert [answer.status for answer in answers] == [200] * 4
    assert len({answer.json["page"]["text"] for answer in answers}) == 1
    assert [action for action, _, _ in service.pool.asked] == ["prepare", "begin"]


def test_every_refused_answer_is_written_down(service: Service) -> None:
    mine, other = begun(service), begun(service)
    theirs = asked(other)
    # One of another session: by its id, or by its address.
    assert (ready(mine, theirs).status, ready(mine, theirs).json["type"]) == (404, "unknown-challenge")
    foreign = service.call("POST", f"{other.path}/challenges/{theirs}/ready", mine.publisher)
    assert (foreign.status, foreign.json["type"]) == (403, "other-session")
    # Too late: the offer's time is over.
    service.interviews.challenges.timing = Timing(ready_s=0.01)
    with viewing(mine) as viewer:
        late = asked(mine)
        expired = viewer.until("challenge", state="expired").data
    assert "did not take it up" in expired["reason"]
    assert ready(mine, late).status == decline(mine, late).status == 409
    # Out of order: it is over.
    service.interviews.challenges.timing = Timing()
    done = asked(mine)
    assert ready(mine, done).status == 200
    service.pool.judges(mine.id, done)
    assert ready(mine, done).status == decline(mine, done).status == 409
    said = [action for _, action in lines(service, mine) if "refused" in action]
    assert said == [
        *["challenge answer refused: unknown challenge"] * 2,
        "challenge answer refused: another session",
        *["challenge answer refused: late"] * 2,
        *["challenge answer refused: done"] * 2,
    ]
    # The other session's challenge never noticed.
    assert ready(other, theirs).status == 200


def test_a_flood_of_answers_is_refused_and_fills_no_log(service: Service) -> None:
    interview = begun(service)
    statuses = [ready(interview, "c_none").status for _ in range(60)]
    assert set(statuses) == {404, 429}
    written = lines(service, interview)
    assert len(written) < 120
    other = service.data / "other"
    other.mkdir()
    with running(other) as calm:
        one = begun(calm)
        challenges = calm.interviews.challenges

        async def many() -> None:
            for _ in range(1_000):
                challenges.refused(one.id, "unknown challenge")

        calm.in_loop(many())
        assert len(lines(calm, one)) == 201
        # Nor does a prompt that is asked for over and over by who has its key.
        cid = asked(one)
        for _ in range(10):
            assert ready(one, cid, "a-page").status == 200
        assert [action for _, action in lines(calm, one)[201:]] == ["challenge made nod", "challenge ready"]


def test_an_answer_that_never_comes_is_waited_for_no_longer(service: Service) -> None:
    interview = begun(service)
    service.interviews.challenges.timing = Timing(late_s=-7.9)
    with (
        viewing(interview) as viewer,
        service.events(f"{interview.path}/events", interview.publisher) as publisher,
    ):
        cid = asked(interview)
        assert ready(interview, cid).status == 200
        assert "said nothing in time" in viewer.until("challenge", state="expired").data["reason"]
        assert publisher.until("challenge_over").data["how"] == "stopped"
        # What comes after that changes nothing.
        service.pool.judges(interview.id, cid)
        assert listed(interview)["challenges"][0]["outcome"] is None
    assert ("service", "challenge expired") in lines(service, interview)
    assert ("stop", cid) in [told[:2] for told in service.pool.asked]


def test_a_candidate_may_say_no_also_in_the_middle(service: Service) -> None:
    interview = begun(service)
    with (
        viewing(interview) as viewer,
        service.events(f"{interview.path}/events", interview.publisher) as publisher,
    ):
        first = asked(interview, "flash")
        offer = publisher.until("challenge").data
        assert (offer["warning"], offer["ready_within_s"]) == ("The light changes.", 20.0)
        assert decline(interview, first, "because").status == 422
        assert decline(interview, first, "photosensitive").status == 204
        assert viewer.until("challenge", state="declined").data["decline_reason"] == "photosensitive"
        assert publisher.until("challenge_over").data["how"] == "stopped"
        second = asked(interview, "flash")
        ready(interview, second)
        assert decline(interview, second, "other").status == 204
        assert viewer.until("challenge", state="declined", id=second)
    # Why is the interviewer's to know, and not for the log.
    assert ("publisher", "challenge declined") in lines(service, interview)
    assert "photosensitive" not in str(lines(service, interview))


def test_an_interviewer_calls_it_off(service: Service) -> None:
    interview = begun(service)
    cid = asked(interview)
    path = f"{interview.path}/challenges/{cid}"
    assert service.call("DELETE", path, interview.publisher).status == 403
    assert [service.call("DELETE", path, interview.viewer).status for _ in range(2)] == [204, 204]
    assert service.call("DELETE", path + "x", interview.viewer).status == 404
    assert ready(interview, cid).status == 409
    done = asked(interview)
    ready(interview, done)
    service.pool.judges(interview.id, done)
    over = service.call("DELETE", f"{interview.path}/challenges/{done}", interview.viewer)
    assert (over.status, over.json["type"]) == (409, "challenge-over")


def test_a_worker_that_dies_in_the_middle_is_told(service: Service) -> None:
    interview = begun(service)
    with (
        viewing(interview) as viewer,
        service.events(f"{interview.path}/events", interview.publisher) as publisher,
    ):
        cid = asked(interview)
        ready(interview, cid)
        service.pool.dies(interview.id)
        expired = viewer.until("challenge", state="expired").data
        assert expired["reason"].startswith("The checking process ended in the middle")
        assert publisher.until("challenge_over").data["how"] == "stopped"
        assert viewer.until("session", state="interrupted").data["reason"] == "worker_died"
        assert ask(interview).json["type"] == "not-checking"
        # Evidence outlives a worker, and a challenge in it would: it is stopped as soon as the video is back.
        interview.publish()
        service.pool.media_arrives(interview.id)
        viewer.until("session", state="checking")
        service.pool.judges(interview.id, cid)
        assert asked(interview) != cid
    assert ("stop", cid) in [told[:2] for told in service.pool.asked]
    assert [one["state"] for one in listed(interview)["challenges"]] == ["expired", "offered"]


def test_a_worker_that_cannot_begin_it_shows_no_prompt(service: Service) -> None:
    interview = begun(service)
    cid = asked(interview)
    service.pool.cannot = LiveError
    refused = ready(interview, cid)
    assert (refused.status, refused.json["type"]) == (503, "worker-gone")
    service.pool.cannot = None
    assert listed(interview)["challenges"][0]["state"] == "expired"
    assert ready(interview, cid).status == 409


def test_consent_taken_back_in_the_middle_leaves_no_outcome(service: Service) -> None:
    interview = begun(service)
    first = asked(interview)
    ready(interview, first)
    service.pool.judges(interview.id, first, reason="Words that must go")
    second = asked(interview)
    assert decline(interview, second, "photosensitive").status == 204
    third = asked(interview)
    parameters = ready(interview, third).json["page"]["text"].split()[1]
    with service.events(f"{interview.path}/events", interview.publisher) as publisher:
        assert service.call("DELETE", f"{interview.path}/consent", interview.publisher).status == 204
        assert publisher.until("challenge_over").data == wire("challenge_over") | {"id": third, "how": "stopped"}
    service.pool.judges(interview.id, third, reason="Words that must go")
    shown = listed(interview)["challenges"]
    assert [(one["state"], one["outcome"], one["decline_reason"], one["reason"]) for one in shown] == [
        ("done", None, None, None),
        ("declined", None, None, None),
        ("cancelled", None, None, None),
    ]
    assert [(row.outcome, row.parameters, row.decline_reason, row.reason) for row in rows(service, interview)] == [
        (None, None, None, None)
    ] * 3
    assert ask(interview).json["type"] == "session-over"
    for path in service.data.glob("liveness.db*"):
        kept = path.read_bytes()
        for word in (b"must go", b"photosensitive", parameters.encode()):
            assert word not in kept, (path.name, word)


def test_the_sessions_end_ends_its_challenge(service: Service) -> None:
    interview = begun(service)
    cid = asked(interview)
    with viewing(interview) as viewer:
        assert service.call("POST", f"{interview.path}/end", interview.viewer).status == 200
        assert viewer.until("challenge", state="cancelled").data["reason"] == "The session ended."
    assert ready(interview, cid).status == 409
    assert ask(interview).json["type"] == "session-over"
    assert service.call("DELETE", interview.path, KEY).status == 204
    for path in service.data.glob("liveness.db*"):
        assert cid.encode() not in path.read_bytes()


def test_a_service_that_stops_or_falls_in_the_middle(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        interview = begun(service)
        cid = asked(interview)
        ready(interview, cid)
        # A process that is killed writes nothing: the database as it stands now is what the next one finds.
        copy = tmp_path / "found"
        copy.mkdir()
        for name in ("liveness.db", "liveness.db-wal", "secret"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
    for data, words in ((copy, "started anew"), (tmp_path, "was stopped")):
        with running(data) as after:
            again = Interview(after, interview.id, interview.publisher, interview.viewer)
            (one,) = listed(again)["challenges"]
            assert (one["state"], one["id"]) == ("expired", cid)
            assert words in one["reason"]
            with viewing(again) as viewer:
                assert viewer.until("challenge").data == one
            assert ready(again, cid).status == 409
            # The attempt counts on.
            assert [a["attempts_left"] for a in listed(again)["available"] if a["name"] == "nod"] == [2]


def test_check_in_is_offered_one_after_another(service: Service) -> None:
    service.interviews.challenges.timing = Timing(between_s=0.0)
    wrong = service.call("POST", "/v1/sessions", KEY, {"check_in": ["dance"]})
    assert (wrong.status, wrong.json["type"]) == (422, "invalid-request")
    interview = service.interview(check_in=["nod", "flash"])
    with service.events(f"{interview.path}/events", interview.publisher) as publisher:
        interview.start()
        first = publisher.until("challenge").data
        assert first["challenge"] == "nod"
        ready(interview, first["id"])
        service.pool.judges(interview.id, first["id"])
        second = publisher.until("challenge").data
        assert second["challenge"] == "flash"
        assert decline(interview, second["id"], "photosensitive").status == 204
        publisher.until("challenge_over", id=second["id"])
    assert len(listed(interview)["challenges"]) == 2
    assert [line for line in lines(service, interview) if "made" in line[1]] == [
        ("check-in", "challenge made nod"),
        ("check-in", "challenge made flash"),
    ]


def test_check_in_that_nobody_took_up_is_offered_once_more(service: Service) -> None:
    service.interviews.challenges.timing = Timing(ready_s=0.05, between_s=0.0)
    interview = service.interview(check_in=["nod"])
    with service.events(f"{interview.path}/events", interview.publisher) as publisher:
        interview.start()
        assert publisher.until("challenge_over")
        assert publisher.until("challenge_over")
    assert [one["state"] for one in listed(interview)["challenges"]] == ["expired", "expired"]


def test_a_database_of_version_1_is_brought_up(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "liveness.db")
    connection.executescript((Path(__file__).parent / "version_1.sql").read_text("utf-8"))
    connection.close()

    async def opened() -> None:
        for _ in range(2):
            store = Store(f"sqlite+aiosqlite:///{tmp_path / 'liveness.db'}")
            await store.open()
            session = await store.get("s_ofVersionOne")
            assert session is not None
            assert (session.reference, sorted(session.off), list(session.check_in)) == ("Kept", ["pulse"], [])
            assert [event.payload for event in await store.events_after(session.id, "viewer", 0, limit=9)] == [
                {"text": "Kept"}
            ]
            assert await store.challenges(session.id) == []
            await store.close()

    asyncio.run(opened())
    with running(tmp_path) as service:
        # The keys were kept, too: that of the tests is not among them.
        assert service.call("GET", "/v1/sessions", KEY).status == 401
        session = service.in_loop(service.interviews.create("command line", check_in=("nod",)))
        assert service.in_loop(service.interviews.store.get(session.id)).check_in == ("nod",)


def test_the_interface_describes_challenges(service: Service) -> None:
    paths = service.call("GET", "/openapi.json").json["paths"]
    root = "/v1/sessions/{session_id}/challenges"
    assert set(paths[root]) == {"get", "post"}
    body = paths[root]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["mode"]["enum"] == ["page", "spoken"]
    assert "photosensitive" in json.dumps(paths[root + "/{challenge_id}/decline"])
    assert {root + "/{challenge_id}", root + "/{challenge_id}/ready"} <= set(paths)


def test_offers_and_fetches_of_one_session_have_a_pace(service: Service) -> None:
    interview, other = begun(service), service.interview()
    assert {interview.publish("v=0\r\nno media").status for _ in range(60)} == {409, 429}
    limited = interview.publish()
    assert (limited.status, limited.json["type"], limited.headers["Retry-After"]) == (429, "too-often", "2")
    other.agree()
    assert other.publish().status == 201
    fetched = [service.call("GET", f"{interview.path}/report", interview.viewer).status for _ in range(60)]
    assert set(fetched) == {200, 429}


def test_a_stream_ends_with_its_token(service: Service) -> None:
    interview = begun(service)
    with viewing(interview) as viewer:
        viewer.until("session")
        service.clock.ahead = timedelta(days=3)
        service.pool.happens(interview.id, "link", of_pool("link", time_s=99.0))
        told: list[Any] = Events.rest(viewer)
    assert "link" not in [event.name for event in told if event.data.get("time_s") == 99.0]
