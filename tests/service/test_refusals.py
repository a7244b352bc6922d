"""What the service refuses: strangers, wrong roles, garbage, too much, too late."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from interviewing import KEY, OFFER, Interview, Service, running, wire


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with scripted media workers."""
    with running(tmp_path) as service:
        yield service


def forged(interview: Interview, secret: bytes, **claims: object) -> str:
    until = datetime.now(UTC) + timedelta(hours=1)
    return jwt.encode({"sub": interview.id, "role": "viewer", "exp": until} | claims, secret, algorithm="HS256")


def test_who_has_no_valid_token_is_nobody(service: Service) -> None:
    interview = service.interview()
    secret = (service.data / "secret").read_bytes()
    header, claims, _ = interview.viewer.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (
        *("garbage", "a.b.c", "x" * 10_000, interview.viewer[:-3], f"{unsigned}.{claims}.", f"{header}.{claims}."),
        forged(interview, b"another secret, of another service"),
        forged(interview, secret, exp=datetime.now(UTC) - timedelta(seconds=1)),
        forged(interview, secret, role="admin"),
        forged(interview, secret, exp="tomorrow"),
        jwt.encode({"sub": interview.id, "role": "viewer", "exp": 9e9}, secret * 2, algorithm="HS512"),
        KEY + "x",
        "lk_",
    ):
        refused = service.call("GET", interview.path, token)
        assert refused.status == 401, token[:60]
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    nobody = service.call("GET", interview.path)
    assert (nobody.status, nobody.headers["WWW-Authenticate"]) == (401, 'Bearer realm="liveness"')
    assert service.call("GET", interview.path, Authorization="Basic abc").status == 401
    # A good token by the same secret shows that the forgeries above were refused for what they are.
    assert service.call("GET", interview.path, forged(interview, secret)).status == 200
    assert (service.data / "secret").stat().st_mode & 0o777 == 0o600


def test_each_token_opens_its_own_door_only(service: Service) -> None:
    mine, other = service.interview(), service.interview()
    for method, path, credential, status in (
        ("GET", other.path, mine.viewer, 403),
        ("GET", f"{other.path}/events", mine.viewer, 403),
        ("GET", f"{other.path}/report", mine.viewer, 403),
        ("POST", f"{other.path}/consent", mine.publisher, 403),
        ("POST", f"{mine.path}/consent", mine.viewer, 403),
        ("POST", f"{mine.path}/whip", mine.viewer, 403),
        ("POST", f"{mine.path}/whip", KEY, 403),
        ("POST", f"{mine.path}/end", mine.publisher, 403),
        ("GET", f"{mine.path}/report", mine.publisher, 403),
        ("GET", f"{mine.path}/events", KEY, 403),
        ("DELETE", mine.path, mine.viewer, 403),
        ("POST", "/v1/sessions", mine.viewer, 403),
        ("GET", "/v1/sessions", mine.publisher, 403),
        ("GET", "/v1/sessions/s_none", mine.viewer, 403),
        ("GET", "/v1/sessions/s_none", KEY, 404),
    ):
        assert service.call(method, path, credential).status == status, (method, path)


def test_an_expired_session_refuses_everything(service: Service) -> None:
    interview = service.interview(expires_in_s=60)
    interview.start()
    with service.events(f"{interview.path}/events", interview.viewer) as events:
        service.clock.ahead = timedelta(seconds=61)
        service.in_loop(service.interviews.sweep())
        assert events.until("session", state="ended").data["reason"] == "expired"
    for method, path, token in (
        ("GET", "", interview.viewer),
        ("GET", "", interview.publisher),
        ("GET", "/events", interview.viewer),
        ("GET", "/report", interview.viewer),
        ("POST", "/end", interview.viewer),
        ("POST", "/consent", interview.publisher),
        ("POST", "/whip", interview.publisher),
        ("POST", "/reports", interview.publisher),
    ):
        refused = service.call(method, interview.path + path, token)
        assert (refused.status, refused.json["type"]) == (410, "session-expired"), (method, path)
    assert service.pool.resources == {}
    # The platform may still fetch the report, until it is erased.
    assert service.call("GET", f"{interview.path}/report", KEY).status == 200
    service.clock.ahead = timedelta(days=2)
    assert service.call("GET", interview.path, interview.viewer).status == 401
    service.clock.ahead = timedelta(days=40)
    service.in_loop(service.interviews.sweep())
    assert service.call("GET", interview.path, KEY).status == 404


def test_garbage_is_told_what_was_expected(service: Service) -> None:
    interview = service.interview()
    interview.agree()
    for body, status in (
        (b"{", 422),
        (b"[]", 422),
        (b"\xff\xfe", 422),
        (b'{"reference": 7}', 422),
        (json.dumps({"reference": "x" * 201}).encode(), 422),
        (b'{"expires_in_s": 1}', 422),
        (b'{"expires_in_s": "600"}', 422),
        (b'{"off": ["no_such_signal"]}', 422),
        (b'{"surprise": 1}', 422),
        (b"[" * 16_000, 422),
        (b" " * 17_000, 413),
    ):
        refused = service.call("POST", "/v1/sessions", KEY, body, Content_Type="application/json")
        assert (refused.status, refused.headers["Content-Type"]) == (status, "application/problem+json"), body[:40]
    assert service.call("POST", "/v1/sessions", KEY).status == 201
    assert service.call("POST", "/v1/sessions", KEY, b"a=b", Content_Type="text/plain").status == 415

    whip = f"{interview.path}/whip"
    assert interview.publish("").status == 400
    assert interview.publish("no SDP at all").status == 400
    assert interview.publish("v=0\r\nno media").status == 422
    assert interview.publish("v=0\r\n" + "a=x\r\n" * 20_000).status == 413
    assert service.call("POST", whip, interview.publisher, b"\xff\xfe", Content_Type="application/sdp").status == 400
    assert service.call("POST", whip, interview.publisher, {"sdp": OFFER}).status == 415
    service.pool.full = True
    busy = interview.publish()
    assert (busy.status, busy.headers["Retry-After"], busy.json["type"]) == (503, "8", "at-capacity")

    report = wire("capture_report")
    for wrong in (
        {},
        report | {"schema": "liveness.capture-report/2"},
        report | {"captured": {"width": -1}},
        report | {"round_trip_ms": "fast"},
        report | {"captured": report["captured"] | {"label": "x" * 301}},
    ):
        assert service.call("POST", f"{interview.path}/reports", interview.publisher, wrong).status == 422
    too_much = report | {"more": "x" * 16_384}
    assert service.call("POST", f"{interview.path}/reports", interview.publisher, too_much).status == 413


def test_a_body_is_refused_before_it_is_sent(service: Service) -> None:
    interview = service.interview()
    interview.agree()
    head = (
        f"POST {interview.path}/whip HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {interview.publisher}\r\n"
        "Content-Type: application/sdp\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        line.sendall(f"{head}Content-Length: 100000000\r\n\r\n".encode())
        assert b" 413 " in line.recv(4096)
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(9):
            line.sendall(b"2000\r\n" + b"v" * 0x2000 + b"\r\n")
        assert b" 413 " in line.recv(4096)


def test_one_page_sends_at_a_time(service: Service) -> None:
    interview = service.interview()
    first = interview.start()
    second = interview.publish()
    assert (second.status, second.json["type"]) == (409, "publisher-connected")
    # A page that was reloaded: its former connection gives nothing any more, and makes way.
    service.pool.receiving.clear()
    with service.events(f"{interview.path}/events", interview.viewer) as events:
        third = interview.publish()
        assert third.status == 201
        assert third.headers["Location"] != first.headers["Location"]
        service.pool.media_arrives(interview.id)
        service.call("POST", f"{interview.path}/end", interview.viewer)
        told = [event.data["state"] for event in events.until_ended()]
    # The interviewer's page never showed a lost link: one connection took the place of the other.
    assert "interrupted" not in told
    assert told[-1] == "ended"


def test_candidates_are_trickled_to_the_open_connection_only(service: Service) -> None:
    interview = service.interview()
    answer = interview.start()
    place, etag = answer.headers["Location"], answer.headers["ETag"]

    def trickle(fragment: str, **headers: str) -> int:
        kind = {"Content_Type": "application/trickle-ice-sdpfrag"}
        return service.call("PATCH", place, interview.publisher, fragment, **(kind | headers)).status

    assert trickle("a=candidate:1", If_Match=etag) == 204
    assert service.pool.fragments == ["a=candidate:1"]
    assert trickle("a=candidate:1") == 428
    assert trickle("a=candidate:1", If_Match='"another"') == 412
    assert [trickle("a=ice-ufrag:new", If_Match=given) for given in (etag, "*", '"*"')] == [422, 422, 422]
    assert trickle("a=candidate:1", If_Match=etag, Content_Type="text/plain") == 415
    assert trickle("a=" + "x" * 17_000, If_Match=etag) == 413
    assert service.call("DELETE", place + "x", interview.publisher).status == 404
    assert service.call("GET", place, interview.publisher).status == 405
    assert service.call("DELETE", place, interview.publisher).status == 200
    # Some clients close their media before they say so; the end is what they wanted.
    assert service.call("DELETE", place, interview.publisher).status == 200
    assert trickle("a=candidate:1", If_Match=etag) == 404
    with service.events(f"{interview.path}/events", interview.viewer) as events:
        assert interview.publish().status == 201
        service.pool.media_arrives(interview.id)
        events.until("session", state="checking")


def test_pages_of_other_origins_may_call_with_a_token(service: Service) -> None:
    interview = service.interview()
    asked = service.call(
        "OPTIONS", f"{interview.path}/whip", Origin="https://other.example", Access_Control_Request_Method="POST"
    )
    assert asked.status == 204
    # All that the pages' calls carry; the language since browsers let only some values of it through unasked.
    allowed = set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"Authorization", "Accept-Language", "Idempotency-Key", "Last-Event-ID"} <= allowed
    plain = service.call("OPTIONS", f"{interview.path}/whip")
    assert (plain.status, plain.headers["Accept-Post"]) == (204, "application/sdp")
    for reply in (asked, plain, service.call("GET", interview.path), service.call("GET", interview.path, KEY)):
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Access-Control-Allow-Credentials"] is None
        assert {"Location", "ETag", "Link", "Retry-After"} <= set(
            reply.headers["Access-Control-Expose-Headers"].split(", ")
        )
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_an_unexpected_error_tells_nothing_of_the_inside(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(session: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(service.interviews, "ice", fails)
    broken = service.call("GET", "/v1/sessions/" + service.interview().id, KEY)
    assert (broken.status, broken.json["type"]) == (500, "internal")
    assert broken.headers["Access-Control-Allow-Origin"] == "*"
    assert b"secret detail" not in broken.body
    assert "secret detail" in capsys.readouterr().out
