"""Clients that ask for too much, too slowly, or for what is none of their business."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from interviewing import KEY, Interview, Service, of_pool, running

from liveness.service import limits, patience, serving, sse


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with scripted media workers."""
    with running(tmp_path) as service:
        yield service


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def line_to(service: Service, first: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", service.port), timeout=15)
    line.sendall(first.encode())
    return line


def drip(line: socket.socket, drop: bytes) -> None:
    """Send a byte at a time, or nothing, until the other side has had enough."""
    line.settimeout(0.1)
    for _ in range(150):
        line.sendall(drop)
        try:
            if line.recv(1) == b"":
                raise ConnectionResetError
        except TimeoutError:
            continue


def test_whoever_never_finishes_asking_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ASKED_WITHIN_S", 1.0)
    for beginning, drop in (("", b""), ("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"x")):
        with line_to(service, beginning) as line, pytest.raises(ConnectionError):
            drip(line, drop)
    with line_to(service, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /heal") as line:
        assert line.recv(65_536).startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionError):
            drip(line, b"t")


def test_patience_does_not_end_a_stream(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ASKED_WITHIN_S", 0.3)
    interview = service.interview()
    with service.events(f"{interview.path}/events", interview.viewer) as events:
        time.sleep(1)
        interview.agree()
        events.until("session", state="consented")


def test_a_body_that_drips_is_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_WITHIN_S", 0.5)
    interview = service.interview()
    interview.agree()
    request = (
        f"POST {interview.path}/whip HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {interview.publisher}\r\n"
        "Content-Type: application/sdp\r\nContent-Length: 1000\r\n\r\nv="
    )
    with line_to(service, request) as line:
        assert line.recv(65_536).startswith(b"HTTP/1.1 408")


def test_a_reader_that_takes_nothing_is_let_go(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "TAKEN_WITHIN_S", 0.5)
    interview = service.interview()
    interview.start()
    request = (
        f"GET {interview.path}/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {interview.viewer}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    )
    with line_to(service, request):
        eventually(lambda: service.interviews.hub.readers() == 1)
        for _ in range(200):
            service.pool.happens(interview.id, "notice", of_pool("notice", text="x" * 100_000))
        eventually(lambda: service.interviews.slow_readers == 1)
    assert service.call("GET", interview.path, interview.viewer).status == 200


def test_a_stream_bears_so_many_readers(service: Service) -> None:
    interview = service.interview()
    asked = (
        f"GET {interview.path}/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {interview.viewer}\r\n"
        "Connection: close\r\n\r\n"
    )
    lines = [line_to(service, asked) for _ in range(60)]
    try:
        assert all(line.recv(1) for line in lines)
        assert service.interviews.hub.readers() <= 16
        # The candidate's stream is another one: nobody on this side can keep the candidate out.
        with service.events(f"{interview.path}/events", interview.publisher) as events:
            assert events.next() is not None
    finally:
        for line in lines:
            line.close()
    eventually(lambda: service.interviews.hub.readers() == 0)


def test_figures_are_for_the_operator(service: Service) -> None:
    interview = service.interview()
    assert service.call("GET", "/metrics").status == 200  # This machine itself.
    for proxied in ({"X_Forwarded_For": "203.0.113.9"}, {"X_Forwarded_For": "127.0.0.1"}, {"Forwarded": "for=a"}):
        assert service.call("GET", "/metrics", **proxied).status == 401
        assert service.call("GET", "/metrics", interview.viewer, **proxied).status == 403
        assert service.call("GET", "/metrics", KEY, **proxied).status == 200


def test_figures_may_be_opened(tmp_path: Path) -> None:
    with running(tmp_path, metrics_open=True) as service:
        assert service.call("GET", "/metrics", X_Forwarded_For="203.0.113.9").status == 200


HOSTILE = '"><script>alert(1)</script>\r\nSet-Cookie: a=b\r\n\x1b[31m\u202e'


def test_a_hostile_reference_stays_text(service: Service) -> None:
    made = service.call("POST", "/v1/sessions", KEY, {"reference": HOSTILE})
    assert made.json["reference"] == HOSTILE
    assert "Set-Cookie" not in made.headers
    interview = Interview(service, made.json["id"], made.json["tokens"]["publisher"], made.json["tokens"]["viewer"])
    interview.start()
    page = service.call("GET", f"{interview.path}/report", interview.viewer, Accept="text/html")
    assert page.status == 200
    assert b"<script>alert" not in page.body


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/sdk/../package.json",
            "/sdk/%2e%2e/package.json",
            "/sdk/..%2fpackage.json",
            "/pages/%2e%2e%2f%2e%2e%2fREADME.md",
        ),
        *(
            "/elements//etc/passwd",
            "/elements/%2fetc%2fpasswd",
            "/sdk/%00.js",
            "/pages/.%2e/.git/config",
            "/sdk/..\\a.js",
        ),
        *("/sdk/" + "a/" * 5_000 + "b.js", "/sdk/" + "a" * 5_000 + ".js"),
    ],
    ids=lambda path: path[:30],
)
def test_no_file_beside_the_pages_is_served(service: Service, path: str) -> None:
    answer = service.call("GET", path)
    assert answer.status == 404, answer.body[:200]
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_path_is_never_a_line_of_the_log_or_a_header(service: Service) -> None:
    answer = service.call("GET", "/v1/sessions/%0d%0aSet-Cookie:%20a=b/report", KEY)
    assert answer.status == 404
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("people", [True, False])
def test_the_log_holds_no_secrets_and_no_forged_lines(people: bool) -> None:
    written = io.StringIO()
    processors = [structlog.processors.add_log_level, *serving._written_for(people=people)]
    log = structlog.wrap_logger(structlog.PrintLogger(written), processors=processors)

    def fails(token: str) -> None:
        raise ValueError(len(token))

    try:
        fails("SECRET-" * 2)
    except ValueError:
        log.exception("unexpected error", path="/a\nlevel=info forged\x1b[31m")
    told = written.getvalue()
    assert "ValueError" in told
    assert "SECRET-SECRET" not in told
    assert "\nlevel=info" not in told
    assert "\x1b[31mforged" not in told
    assert "forged\x1b" not in told
