"""A candidate who looks at another tab, or puts the window away, is still seen, and is not accused for it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from browsing import ARGUMENTS, LAUNCHER, needs_chromium, until
from holding import Interview, Service, camera_file
from people import talking
from tabs import own_browser

pytestmark = [pytest.mark.browser, needs_chromium]

AWAY_S = 20


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Longer than the call: what begins anew is rightly found to be a recording.
    return camera_file(tmp_path_factory.mktemp("camera") / "person.mjpeg", talking(75))


def seen_by_page(service: Service) -> list[bool]:
    """Return what the candidate's page reported of its visibility so far, as the service has kept it."""
    with contextlib.closing(sqlite3.connect(Path(service.folder.name) / "liveness.db", timeout=10)) as database:
        kept = database.execute("SELECT payload FROM capture_reports ORDER BY id").fetchall()
    return [bool(json.loads(payload)["page_visible"]) for (payload,) in kept]


def go_on_unseen(held: Interview) -> None:
    """Let the call go on while nobody sees the candidate's page; frames must still be sent and judged."""
    before = len(held.heard("verdict"))
    held.wait(AWAY_S)
    assert seen_by_page(held.service)[-1] is False
    told = held.heard("verdict")[before:]
    assert [event for event in told if event["frame_unix_ms"] is not None]
    assert told[-1]["at_unix_ms"] - told[0]["at_unix_ms"] > AWAY_S * 500
    if told[-1]["frame_unix_ms"] is None:
        # A browser that sends nothing then is allowed to; but what is not seen must not count as seen.
        assert min(told[-1]["coverage"].values()) < min(told[0]["coverage"].values())


def come_back(held: Interview) -> None:
    """Wait until the page is seen again, and a frame from then on is judged."""
    now_ms = held.interviewer.evaluate("Date.now()")
    until(held.interviewer, lambda: seen_by_page(held.service)[-1], "the page says that it is seen", seconds=30)
    condition = f"window.heard.verdict.some((event) => event.frame_unix_ms > {now_ms})"
    until(held.interviewer, condition, "a verdict on a frame from after the return", seconds=30)


def test_a_page_that_nobody_sees_goes_on_sending(camera: Path) -> None:
    from playwright.sync_api import sync_playwright

    service = Service()
    try:
        with own_browser(camera) as tabs, sync_playwright() as playwright:
            interviewers = playwright.chromium.launch(executable_path=LAUNCHER, args=ARGUMENTS)
            candidates = playwright.chromium.connect_over_cdp(tabs.address)
            held = Interview(service, candidates.contexts[0].pages[0], interviewers.new_page())
            held.begin()
            condition = "window.heard.verdict.some((event) => event.state !== 'warming_up')"
            until(held.interviewer, condition, "a first answer", seconds=30)
            candidates.close()
            candidate = tabs.find("/candidate")
            tabs.show(tabs.open("data:text/html,<h1>Notes</h1>"))
            go_on_unseen(held)
            tabs.show(candidate)
            come_back(held)
            tabs.minimise(candidate)
            go_on_unseen(held)
            tabs.restore(candidate)
            come_back(held)
            assert {event["state"] for event in held.heard("verdict")} <= {"warming_up", "inconclusive", "live"}
            assert {event["state"] for event in held.heard("session")} <= {"waiting", "consented", "checking"}
            interviewers.close()
    finally:
        status = service.stop()
    assert status == 0, "".join(service.log)
