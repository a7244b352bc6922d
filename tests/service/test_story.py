"""An interview from its making to its end, as each side lives through it."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from interviewing import KEY, OFFER, Interview, Reply, Service, of_pool, running, wire

from liveness.service.store import StoredEvent, StoredReport


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with scripted media workers."""
    with running(tmp_path) as service:
        yield service


def same_shape(found: Any, example: Any, at: str = "") -> None:
    """Check that a message has the keys and the types of its example; what is null here may be null there."""
    if isinstance(example, dict):
        assert isinstance(found, dict), at
        assert set(found) == set(example), at
        for key, value in example.items():
            if found[key] is not None:
                same_shape(found[key], value, f"{at}.{key}")
    elif isinstance(example, list):
        assert isinstance(found, list), at
        for item in found:
            same_shape(item, example[0], f"{at}[]")
    elif example is not None:
        kinds = (int, float) if isinstance(example, int | float) and not isinstance(example, bool) else type(example)
        assert isinstance(found, kinds), f"{at}: {found!r}"


def test_an_interview_from_making_to_report(tmp_path: Path) -> None:
    ice = [{"urls": ["stun:stun.example:3478"]}]
    with running(tmp_path, ice_servers=ice, base_url="https://interviews.example") as service:
        made = service.call("POST", "/v1/sessions", KEY, {"reference": "Backend engineer", "off": ["pulse"]})
        assert made.status == 201
        same_shape(made.json, wire("session_created"))
        assert made.json["candidate_url"].startswith("https://interviews.example/candidate#s=s_")
        path, tokens = made.headers["Location"], made.json["tokens"]

        candidate = service.call("GET", path, tokens["publisher"]).json
        same_shape(candidate, wire("session_publisher"))
        assert (candidate["state"], candidate["consent"]["given_at"]) == ("waiting", None)
        refused = service.call("POST", f"{path}/whip", tokens["publisher"], OFFER)
        assert (refused.status, refused.json["type"]) == (403, "consent-missing")

        given = service.call(
            "POST", f"{path}/consent", tokens["publisher"], {"version": candidate["consent"]["version"]}
        )
        assert given.status == 201
        assert set(given.json) == {"version", "given_at", "receipt"}

        with (
            service.events(f"{path}/events", tokens["viewer"]) as viewer,
            service.events(f"{path}/events", tokens["publisher"]) as publisher,
        ):
            assert viewer.until("session").data["state"] == "consented"
            answer = service.call("POST", f"{path}/whip", tokens["publisher"], OFFER)
            assert answer.status == 201
            assert answer.headers["Content-Type"].startswith("application/sdp")
            assert answer.headers["Link"] == '<stun:stun.example:3478>; rel="ice-server"'
            assert service.pool.options[made.json["id"]].off == {"pulse"}
            service.pool.media_arrives(made.json["id"])
            same_shape(viewer.until("session", state="checking").data, wire("session_viewer"))
            same_shape(publisher.until("session", state="checking").data, wire("session_publisher"))

            service.pool.happens(made.json["id"], "verdict", of_pool("verdict"))
            service.pool.happens(made.json["id"], "link", of_pool("link", kbit_s=float("nan")))
            service.pool.happens(made.json["id"], "notice", of_pool("notice"))
            service.pool.happens(made.json["id"], "rate", {"max_fps": 15, "reason": "The checking server is busy."})
            assert viewer.until("verdict").data == wire("verdict") | {"session": made.json["id"]}
            link = viewer.until("link", kbit_s=None).data
            assert link == wire("link") | {"session": made.json["id"], "kbit_s": None}
            assert viewer.until("notice").data == wire("notice") | {"session": made.json["id"]}
            assert publisher.until("rate").data == wire("rate")

            so_far = service.call("GET", f"{path}/report", tokens["viewer"])
            assert so_far.json["schema"] == "liveness.review/1"
            ended = service.call("POST", f"{path}/end", tokens["viewer"])
            same_shape(ended.json, wire("session_viewer"))
            assert ended.json["state"] == "ended"
            assert viewer.until("session", state="ended")
            assert publisher.until("session", state="ended")

        page = service.call("GET", f"{path}/report", KEY, Accept="text/html")
        assert page.headers["Content-Type"].startswith("text/html")
        assert b"<html" in page.body
        assert service.call("POST", f"{path}/whip", tokens["publisher"], OFFER).status == 409
        listed = service.call("GET", "/v1/sessions", KEY).json["sessions"]
        assert [session["id"] for session in listed] == [made.json["id"]]


def test_the_newest_session_is_listed_first(service: Service) -> None:
    made = [service.interview(reference=str(number)).id for number in range(3)]
    listed = service.call("GET", "/v1/sessions?limit=2", KEY).json["sessions"]
    assert [session["id"] for session in listed] == made[:0:-1]


def test_consent_taken_back_stops_everything_at_once(service: Service) -> None:
    interview = service.interview()
    interview.start()
    service.pool.happens(interview.id, "verdict", of_pool("verdict"))
    with (
        service.events(f"{interview.path}/events", interview.viewer) as viewer,
        service.events(f"{interview.path}/events", interview.publisher) as publisher,
    ):
        assert service.call("DELETE", f"{interview.path}/consent", interview.publisher).status == 204
        assert service.pool.resources == {}
        told = viewer.until("session", state="withdrawn").data
        # First that it is so, and that what was found is erased only once it is.
        assert (told["reason"], told["findings_erased"]) == ("withdrawn", False)
        assert viewer.until("session").data["findings_erased"] is True
        assert publisher.until("session", state="withdrawn")
        service.pool.happens(interview.id, "verdict", of_pool("verdict"))
        assert service.call("POST", f"{interview.path}/end", interview.viewer).status == 200
        assert viewer.next().name == "session"  # type: ignore[union-attr]
    refused = interview.publish()
    assert (refused.status, refused.json["type"]) == (409, "session-over")
    # Nothing that was found is kept: no report, no verdict for one who comes later.
    assert service.call("GET", f"{interview.path}/report", interview.viewer).status == 404
    with service.events(f"{interview.path}/events", interview.viewer) as late:
        assert late.next().name == "session"  # type: ignore[union-attr]
        service.pool.happens(interview.id, "verdict", of_pool("verdict"))
    assert interview.agree().status == 409


class Disk:
    """A database that, while it is broken, refuses one thing: by default to let go of a report."""

    def __init__(self, data: Path) -> None:
        self._database = data / "liveness.db"

    def breaks(self, refused: str = "DELETE ON reports") -> None:
        self._do(f"CREATE TRIGGER broken BEFORE {refused} BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END")

    def is_mended(self) -> None:
        self._do("DROP TRIGGER broken")

    def _do(self, statement: str) -> None:
        with contextlib.closing(sqlite3.connect(self._database, timeout=10)) as connection:
            connection.execute(statement)
            connection.commit()

    def holds(self, word: str) -> bool:
        """Tell whether a word can still be read in the database's files."""
        return any(word.encode() in path.read_bytes() for path in self._database.parent.glob("liveness.db*"))


def seen_and_told(service: Service) -> Interview:
    """Begin an interview of which a verdict, a report and the camera's name are kept."""
    interview = service.interview()
    interview.start()
    service.pool.happens(interview.id, "verdict", of_pool("verdict", summary="Words that must go"))
    service.in_loop(service.interviews.save_report(interview.id))
    told = wire("capture_report")
    told["captured"]["label"] = "Camera of Jane Doe"
    assert service.call("POST", f"{interview.path}/reports", interview.publisher, told).status == 204
    return interview


def withdraw(interview: Interview) -> Reply:
    return interview.service.call("DELETE", f"{interview.path}/consent", interview.publisher)


def erased(service: Service, interview: Interview) -> bool:
    """Return what the interviewer is told of the erasure."""
    shown = service.call("GET", interview.path, interview.viewer).json
    assert shown["reason"] == "withdrawn"
    return bool(shown["findings_erased"])


@pytest.mark.parametrize("again", ["the candidate asks again", "by itself", "the end of the call"])
def test_what_could_not_be_erased_is_not_called_erased_and_tried_again(service: Service, again: str) -> None:
    disk = Disk(service.data)
    interview = seen_and_told(service)
    disk.breaks()
    with service.events(f"{interview.path}/events", interview.viewer) as viewer:
        refused = withdraw(interview)
        assert (refused.status, refused.json["type"]) == (503, "not-erased-yet")
        assert viewer.until("session", state="withdrawn").data["findings_erased"] is False
        # Looking has stopped all the same, and what is still there is shown to nobody.
        assert (service.pool.options, service.pool.resources) == ({}, {})
        assert disk.holds("must go")
        assert not erased(service, interview)
        assert service.call("GET", f"{interview.path}/report", interview.viewer).status == 404
        with service.events(f"{interview.path}/events", interview.viewer, last="1") as late:
            assert late.next().name == "session"  # type: ignore[union-attr]
            service.in_loop(service.interviews.sweep())
            assert not erased(service, interview)
            disk.is_mended()
            if again == "the candidate asks again":
                assert withdraw(interview).status == 204
            elif again == "by itself":
                service.in_loop(service.interviews.sweep())
            else:
                assert service.call("POST", f"{interview.path}/end", interview.viewer).status == 200
            assert late.next().data["findings_erased"] is (again != "the end of the call")  # type: ignore[union-attr]
        viewer.until("session", findings_erased=True)
    assert erased(service, interview)
    assert not disk.holds("must go")
    assert not disk.holds("Jane Doe")
    assert withdraw(interview).status == 204


def test_looking_stops_even_if_the_withdrawal_cannot_be_written_down(service: Service) -> None:
    interview = seen_and_told(service)
    disk = Disk(service.data)
    disk.breaks("UPDATE ON sessions")
    assert withdraw(interview).status == 500
    assert service.pool.erased == [interview.id]
    assert service.pool.resources == {}
    disk.is_mended()
    assert withdraw(interview).status == 204
    assert erased(service, interview)
    assert not disk.holds("must go")


@pytest.mark.parametrize("ended", [False, True], ids=["talking", "ended"])
def test_a_service_that_falls_before_all_is_erased_erases_it_when_it_comes_back(tmp_path: Path, ended: bool) -> None:
    with running(tmp_path) as service:
        interview = seen_and_told(service)
        Disk(tmp_path).breaks()
        assert withdraw(interview).status == 503
        if ended:
            service.call("POST", f"{interview.path}/end", interview.viewer)
        # A process that is killed writes nothing: the database as it stands now is what the next one finds.
        copy = tmp_path / "found"
        copy.mkdir()
        for name in ("liveness.db", "liveness.db-wal", "secret"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
    found = Disk(copy)
    found.is_mended()
    assert found.holds("must go")
    with running(copy) as after:
        assert erased(after, interview)
        assert not found.holds("must go")
        assert not found.holds("Jane Doe")


def test_nothing_is_kept_that_comes_after_consent_was_taken_back(service: Service) -> None:
    interview = seen_and_told(service)
    assert withdraw(interview).status == 204
    store, now = service.interviews.store, service.clock()
    service.in_loop(service.interviews.capture(interview.id, wire("capture_report")))
    service.in_loop(store.save_report(interview.id, StoredReport(2, True, {}), now))
    service.in_loop(store.add_event(interview.id, "viewer", StoredEvent(9, "notice", {})))
    assert service.in_loop(store.captures(interview.id)) == []
    assert service.in_loop(store.reports(interview.id)) == []
    assert service.in_loop(store.last_event(interview.id, "viewer", "notice")) is None


def test_the_log_does_not_repeat_what_a_page_tells_of_its_camera(service: Service) -> None:
    with structlog.testing.capture_logs() as lines:
        interview = seen_and_told(service)
    assert [line["session"] for line in lines if line["event"] == "capture report"] == [interview.id]
    assert "Jane Doe" not in str(lines)


def test_consent_to_another_text_is_no_consent(service: Service) -> None:
    interview = service.interview()
    refused = service.call("POST", f"{interview.path}/consent", interview.publisher, {"version": "2019-01"})
    assert (refused.status, refused.json["type"]) == (409, "consent-version")
    assert interview.state() == "waiting"
    first, again = interview.agree(), interview.agree()
    assert first.json == again.json
    # A receipt says what was agreed to; it opens nothing.
    assert service.call("GET", interview.path, first.json["receipt"]).status == 401


def test_capture_reports_are_kept_one_a_second(service: Service) -> None:
    interview = service.interview()
    path = f"{interview.path}/reports"
    assert service.call("POST", path, interview.publisher, wire("capture_report")).status == 204
    again = service.call("POST", path, interview.publisher, wire("capture_report"))
    assert (again.status, again.headers["Retry-After"]) == (429, "1")
    interview.start()
    service.pool.happens(interview.id, "message", {"data": {"type": "report", **wire("capture_report")}})
    service.pool.happens(interview.id, "message", {"data": {"type": "prompt", "confidence": 1}})
    figures = service.call("GET", "/metrics").body.decode()
    assert 'liveness_service{what="data channel messages ignored"} 1.0' in figures
    assert 'liveness_pool{name="0.calls"} 1.0' in figures


def test_a_candidate_is_never_told_what_was_found(service: Service) -> None:
    interview = service.interview(reference="Do not tell")
    path, token = interview.path, interview.publisher
    interview.start()
    secret = of_pool("verdict", summary="SECRET", state="suspect", confidence=0.123456)
    with service.events(f"{path}/events", token) as events:
        for _ in range(3):
            service.pool.happens(interview.id, "verdict", secret)
            service.pool.happens(interview.id, "link", of_pool("link"))
            service.pool.happens(interview.id, "notice", of_pool("notice", text="SECRET"))
            service.pool.happens(
                interview.id, "rate", {"max_fps": 15, "reason": "busy", "confidence": 0.123456, "state": "suspect"}
            )
        asked = service.call("POST", f"{path}/challenges", interview.viewer, {"challenge": "turn_to_profile"}).json[
            "id"
        ]
        challenge = f"{path}/challenges/{asked}"
        assert events.until("challenge").data["id"] == asked
        with service.events(f"{path}/events", token) as reloaded:
            assert reloaded.until("challenge").data["id"] == asked
        assert service.call("POST", f"{challenge}/ready", token).status == 200
        service.pool.guides(interview.id, asked, "further")
        service.pool.guides(interview.id, asked, "SECRET")
        service.pool.judges(interview.id, asked, result="broken", reason="SECRET", integrity=0.123456)
        same_shape(events.until("challenge_guidance").data, wire("challenge_guidance"))
        assert events.until("challenge_over").data == wire("challenge_over") | {"id": asked}
        service.call("POST", f"{challenge}/ready", token)
        service.call("POST", f"{challenge}/decline", token, {"reason": "cannot"})
        service.call("POST", f"{challenge}/decline", token, {"reason": "SECRET reason"})
        service.call("GET", f"{path}/challenges", token)
        service.call("POST", f"{path}/challenges", token, {})
        service.call("DELETE", challenge, token)
        service.pool.dies(interview.id)
        events.until("reconnect")
        service.call("GET", path, token)
        service.call("GET", f"{path}/report", token)
        service.call("POST", f"{path}/end", token)
        service.call("GET", "/v1/sessions", token)
        service.call("DELETE", path, token)
        service.call("POST", f"{path}/reports", token, wire("capture_report"))
        interview.publish()
        interview.publish("garbage")
        service.call("DELETE", f"{path}/consent", token)
        events.until("session", state="withdrawn")
    with service.events(f"{path}/events", token, last="1") as events:
        events.until("session")
    # Names drawn at random may spell any word.
    heard = re.sub(rb"\b[cs]_[\w-]{12,}|\bey[\w-]+\.[\w-]+\.[\w-]+", b"drawn", bytes(service.heard_by[token])).lower()
    for word in (
        *("confidence", "families", "coverage", "reasons", "notice", "verdict", "suspect", "interval", "llr"),
        *("secret", "0.123456", "presentation", "injection", "synthesis", "substitution", "flatness", "next_step"),
        *("do not tell", "report_url", "quality", "analysed"),
        *("outcome", "result", "broken", "integrity", "compliance", "curve", "attempt", "aloud", "answered"),
    ):
        assert word.encode() not in heard, word
    assert b"liveness.session-candidate/1" in heard
    assert b"liveness.rate/1" in heard
    assert b"liveness.challenge-prompt/1" in heard


def test_what_is_wrong_is_said_as_a_problem(service: Service) -> None:
    for reply in (
        service.call("GET", "/nowhere"),
        service.call("PUT", "/v1/sessions", KEY),
        service.call("GET", "/v1/sessions?limit=none", KEY),
        service.call("POST", "/v1/sessions", KEY, {"reference": 7}),
        service.call("GET", "/v1/sessions/s_unknown", KEY),
    ):
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert set(reply.json) == {"type", "title", "status", "detail"}
        assert reply.json["status"] == reply.status
    assert "POST" in service.call("PUT", "/v1/sessions", KEY).headers["Allow"]


def test_the_interface_describes_itself_offline(service: Service) -> None:
    described = service.call("GET", "/openapi.json").json
    assert described["openapi"].startswith("3.1")
    body = described["paths"]["/v1/sessions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "expires_in_s" in body["properties"]
    docs = service.call("GET", "/docs")
    assert b"/v1/sessions/{session_id}/whip" in docs.body
    assert b"<script" not in docs.body
    assert b"://" not in docs.body
    assert service.call("GET", "/healthz").json == service.call("GET", "/readyz").json == {"status": "ok"}


def test_logs_of_reports_hold_their_schema(service: Service) -> None:
    interview = service.interview()
    service.call("POST", f"{interview.path}/reports", interview.publisher, wire("capture_report"))
    kept = service.in_loop(service.interviews.store.captures(interview.id))
    assert kept == [json.loads(json.dumps(wire("capture_report")))]
