"""Event streams: coming back, falling behind, restarts, erasure; what is kept and what is not."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from interviewing import KEY, Service, of_pool, running

from liveness.service.hub import QUEUED, READERS, REMEMBERED, RESTART_GAP, Hub, TooManyReaders
from liveness.service.thinning import Thinner


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with scripted media workers."""
    with running(tmp_path) as service:
        yield service


def test_a_viewer_who_comes_late_is_shown_how_it_stands(service: Service) -> None:
    interview = service.interview()
    interview.start()
    for time_s in (1.0, 2.0, 3.0):
        service.pool.happens(interview.id, "verdict", of_pool("verdict", time_s=time_s))
        service.pool.happens(interview.id, "link", of_pool("link", time_s=time_s))
    with service.events(f"{interview.path}/events", interview.viewer) as events:
        shown = [events.next() for _ in range(3)]
        assert [event.name for event in shown if event] == ["session", "verdict", "link"]
        assert [event.data["time_s"] for event in shown[1:] if event] == [3.0, 3.0]


def test_a_reader_who_comes_back_gets_what_it_missed_and_no_more(service: Service) -> None:
    interview = service.interview()
    interview.start()
    path = f"{interview.path}/events"
    with service.events(path, interview.viewer) as events:
        service.pool.happens(interview.id, "verdict", of_pool("verdict", time_s=1.0))
        seen = events.until("verdict")
    for time_s in (2.0, 3.0):
        service.pool.happens(interview.id, "verdict", of_pool("verdict", time_s=time_s))
    with service.events(path, interview.viewer, last=seen.id) as events:
        assert [events.until("verdict").data["time_s"] for _ in range(2)] == [2.0, 3.0]
        service.pool.happens(interview.id, "verdict", of_pool("verdict", time_s=4.0))
        assert events.next().data["time_s"] == 4.0  # type: ignore[union-attr]
    # What is no number of ours counts as nothing seen.
    for last in ("-1", "x", "9" * 40, "1e3"):
        with service.events(path, interview.viewer, last=last) as events:
            assert events.next().name == "session"  # type: ignore[union-attr]


def test_a_candidates_numbers_do_not_tell_how_often_the_interviewer_is_told(service: Service) -> None:
    interview = service.interview()
    interview.start()
    with service.events(f"{interview.path}/events", interview.publisher) as events:
        before = int(events.until("session").id)
        for _ in range(5):
            service.pool.happens(interview.id, "verdict", of_pool("verdict"))
        service.pool.happens(interview.id, "rate", {"max_fps": None, "reason": "There is room again."})
        assert int(events.until("rate").id) == before + 1


def test_a_reader_that_does_not_read_is_cut_off_and_delays_nobody(service: Service) -> None:
    interview = service.interview()
    interview.start()
    long = of_pool("verdict", summary="x" * 60_000)
    with (
        socket.create_connection(("127.0.0.1", service.port)) as slow,
        service.events(f"{interview.path}/events", interview.viewer) as events,
    ):
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = f"GET {interview.path}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {interview.viewer}\r\n\r\n"
        slow.sendall(head.encode())
        assert slow.recv(1024).startswith(b"HTTP/1.1 200")
        told = 0
        while service.interviews.hub.readers() > 1 or told == 0:
            service.pool.happens(interview.id, "verdict", {**long, "time_s": float(told)})
            assert events.until("verdict").data["time_s"] == told
            told += 1
            assert told < 2000
    # It comes back by the number that it saw last.
    with service.events(f"{interview.path}/events", interview.viewer, last=str(told)) as events:
        assert events.until("verdict").data["time_s"] > 0


def test_a_hub_cuts_off_who_falls_behind_and_forgets_the_oldest() -> None:
    hub = Hub()
    hub.begin("s", "viewer", 0)
    reader = hub.join("s", "viewer", None).reader
    for number in range(QUEUED + 1):
        hub.tell_viewers("s", "verdict", {"time_s": number})
    assert reader.closed
    assert reader.fell_behind
    assert hub.readers() == 0
    missed = hub.join("s", "viewer", 10).missed
    assert missed is not None
    assert [event.number for event in missed] == list(range(11, QUEUED + 2))
    for number in range(REMEMBERED):
        hub.tell_viewers("s", "verdict", {"time_s": number})
    assert hub.join("s", "viewer", 10).missed is None
    assert hub.join("s", "viewer", 10_000).missed is None
    for _ in range(READERS - hub.readers()):
        hub.join("s", "viewer", None)
    with pytest.raises(TooManyReaders):
        hub.join("s", "viewer", None)


def test_a_long_call_keeps_few_verdicts_and_every_change() -> None:
    thinner, kept = Thinner(), set()
    changes = set()
    state = ""
    for number in range(3 * 3600 * 2):
        time_s = number / 2
        now = "suspect" if 6000 < time_s < 6003 else "live" if time_s > 30 else "warming_up"
        if now != state:
            changes.add(number)
        state = now
        if thinner.keeps(number, {"state": now, "time_s": time_s}):
            kept.add(number)
            kept -= set(thinner.surplus())
    assert len(kept) <= 600
    assert changes <= kept
    assert max(b - a for a, b in zip(sorted(kept), sorted(kept)[1:], strict=False)) / 2 <= 60


def test_a_verdict_that_flickers_for_hours_stays_bounded_too() -> None:
    thinner, kept = Thinner(), set()
    for number in range(20_000):
        if thinner.keeps(number, {"state": ("live", "inconclusive")[number % 2], "time_s": number / 2}):
            kept.add(number)
            kept -= set(thinner.surplus())
    assert len(kept) <= 600


def test_a_dead_worker_is_told_to_both_and_the_page_comes_back(service: Service) -> None:
    interview = service.interview()
    interview.start()
    with (
        service.events(f"{interview.path}/events", interview.viewer) as viewer,
        service.events(f"{interview.path}/events", interview.publisher) as publisher,
    ):
        service.pool.dies(interview.id)
        assert viewer.until("session", state="interrupted").data["reason"] == "worker_died"
        assert publisher.until("reconnect").data == {"schema": "liveness.reconnect/1", "reason": "worker_died"}
        assert interview.publish().status == 201
        service.pool.media_arrives(interview.id)
        assert viewer.until("session", state="checking").data["reason"] is None


def test_a_call_survives_a_restart_of_the_service(tmp_path: Path) -> None:
    with running(tmp_path) as before:
        interview = before.interview()
        interview.start()
        with (
            before.events(f"{interview.path}/events", interview.viewer) as viewer,
            before.events(f"{interview.path}/events", interview.publisher) as publisher,
        ):
            before.pool.happens(interview.id, "verdict", of_pool("verdict", confidence=0.61))
            verdict = viewer.until("verdict")
            seen = publisher.until("session")
    with running(tmp_path) as after:
        interview = type(interview)(after, interview.id, interview.publisher, interview.viewer)
        shown = after.call("GET", interview.path, interview.viewer).json
        assert (shown["state"], shown["reason"]) == ("interrupted", "shutdown")
        with after.events(f"{interview.path}/events", interview.publisher, last=seen.id) as publisher:
            assert publisher.until("reconnect").data["reason"] == "shutdown"
            assert publisher.until("session").data["state"] == "interrupted"
        with after.events(f"{interview.path}/events", interview.viewer) as viewer:
            assert viewer.until("verdict").data["confidence"] == 0.61
        with after.events(f"{interview.path}/events", interview.viewer, last=verdict.id) as viewer:
            assert viewer.until("session").data["state"] == "interrupted"
        # The first part's report was saved; the call goes on in a second part.
        assert after.call("GET", f"{interview.path}/report", interview.viewer).status == 200
        assert interview.publish().status == 201
        with after.events(f"{interview.path}/events", interview.viewer) as viewer:
            after.pool.media_arrives(interview.id)
            assert int(viewer.until("session", state="checking").id) > RESTART_GAP
        second = after.call("GET", f"{interview.path}/report", interview.viewer)
        assert second.headers["Link"] == f'<{interview.path}/report?part=1>; rel="prev"'
        assert after.call("GET", f"{interview.path}/report?part=1", interview.viewer).status == 200
        assert after.call("GET", f"{interview.path}/report?part=3", interview.viewer).status == 404


def test_after_a_crash_checks_are_interrupted(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        interview = service.interview()
        interview.start()
        # A process that is killed writes nothing: the database as it stands now is what the next one finds.
        copy = tmp_path / "found"
        copy.mkdir()
        for name in ("liveness.db", "liveness.db-wal", "secret"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
    with running(copy) as after:
        shown = after.call("GET", interview.path, interview.viewer).json
        assert (shown["state"], shown["reason"]) == ("interrupted", "restart")
        with after.events(f"{interview.path}/events", interview.publisher) as publisher:
            assert publisher.until("reconnect").data["reason"] == "restart"


def test_erasing_leaves_a_line_with_a_hash(service: Service) -> None:
    interview = service.interview(reference="A name that must go")
    interview.start()
    service.pool.happens(interview.id, "verdict", of_pool("verdict", summary="Words that must go"))
    service.pool.happens(interview.id, "notice", of_pool("notice", text="Words that must go"))
    with service.events(f"{interview.path}/events", interview.viewer) as events:
        assert service.call("DELETE", interview.path, KEY).status == 204
        events.rest()
    assert service.pool.erased == [interview.id]
    for reply in (
        service.call("GET", interview.path, interview.viewer),
        service.call("GET", f"{interview.path}/report", KEY),
        service.call("DELETE", interview.path, KEY),
        interview.publish(),
    ):
        assert (reply.status, reply.json["type"]) == (404, "unknown-session")
    service.pool.happens(interview.id, "verdict", of_pool("verdict", summary="Words that must go"))
    lines = service.in_loop(service.interviews.store.audit_lines())
    hashed = hashlib.sha256(interview.id.encode()).hexdigest()
    assert [line["action"] for line in lines if line["session_sha256"] == hashed] == ["session erased"]
    for path in service.data.glob("liveness.db*"):
        kept = path.read_bytes()
        for word in (interview.id, "must go", KEY):
            assert word.encode() not in kept, (path.name, word)
