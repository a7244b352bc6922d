"""The story of an interview, in real browsers: a candidate joins, the interviewer is told, and nothing leaks."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from browsing import needs_chromium, until
from holding import Interview, camera_file, interview
from people import talking

pytestmark = [pytest.mark.browser, needs_chromium]

SCORES = re.compile(
    rb"confidence|families|coverage|llr|\"reasons\"|suspect|inconclusive|warming_up|liveness\.(verdict|link|notice)"
)


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camera_file(tmp_path_factory.mktemp("camera") / "person.mjpeg", talking(10))


def arrives(held: Interview, kind: str, condition: str) -> None:
    until(held.interviewer, f"window.heard.{kind}.some((event) => {condition})", condition, seconds=30)


def test_a_candidate_joins_and_the_interviewer_is_told_what_is_seen(camera: Path) -> None:
    with interview(camera) as held:
        held.begin()
        arrives(held, "verdict", "event.state !== 'warming_up'")
        arrives(held, "link", "event.width === 1280 && event.height === 720 && event.fps > 15")
        arrives(held, "verdict", "event.time_s > 6 && event.frame_unix_ms > 0")
        until(held.interviewer, "document.querySelector('#remote').videoWidth > 0", "the people's own call")
        until(held.candidate, "document.querySelector('#own').videoWidth > 0", "the candidate's own picture")
        assert {event["state"] for event in held.heard("verdict")} <= {"warming_up", "inconclusive", "live"}
        held.interviewer.locator("#end").click()
        held.interviewer.get_by_role("dialog").get_by_role("button", name="End the call").click()
        until(held.interviewer, "!document.querySelector('#over').hidden", "the end")
        until(held.candidate, "!document.querySelector('#over').hidden", "the end on the candidate's side")
        with held.interviewer.expect_popup() as popup:
            held.interviewer.locator("#report-open").click()
        popup.value.get_by_role("heading", name="The call, moment by moment").wait_for()


def test_no_score_reaches_the_candidate(camera: Path) -> None:
    with interview(camera) as held:
        held.candidate.add_init_script(
            """window.read = ""; const plain = window.fetch;
            window.fetch = async (...given) => {
              const response = await plain(...given);
              if (response.body && String(given[0]?.url ?? given[0]).endsWith("/events")) {
                const [page, ours] = response.body.tee();
                (async () => {
                  const decoder = new TextDecoder();
                  for await (const chunk of ours) window.read += decoder.decode(chunk, { stream: true });
                })().catch(() => {});
                return new Response(page, response);
              }
              return response;
            };
            const create = RTCPeerConnection.prototype.createDataChannel;
            RTCPeerConnection.prototype.createDataChannel = function (...given) {
              const channel = create.apply(this, given);
              channel.addEventListener("message", (event) => { window.read += event.data; });
              return channel;
            };"""
        )
        held.begin()
        arrives(held, "verdict", "event.state !== 'warming_up' && event.time_s > 5")
        streamed = held.candidate.evaluate("window.read").encode()
        assert b"liveness.session-candidate/1" in streamed
        traffic = b"\n".join([*held.candidate_traffic, streamed])
        assert b"consent" in traffic
        assert not SCORES.findall(traffic)


def test_a_worker_that_dies_in_a_call_is_not_noticed_for_long(camera: Path) -> None:
    with interview(camera, "--workers", "1") as held:
        held.begin()
        arrives(held, "verdict", "event.time_s > 5")
        worker = held.service.workers()[0]
        os.kill(worker, signal.SIGKILL)
        before = held.heard("verdict")[-1]
        condition = f"event.at_unix_ms > {before['at_unix_ms']} + 300 && event.frame_unix_ms > 0 && event.time_s > 5"
        arrives(held, "verdict", condition)
        after = next(
            event
            for event in held.heard("verdict")
            if event["at_unix_ms"] > before["at_unix_ms"] + 300 and event["frame_unix_ms"]
        )
        assert after["state"] != "warming_up"
        assert "suspect" not in {event["state"] for event in held.heard("verdict")}
        assert held.service.workers()[0] != worker


def test_a_candidate_who_stops_the_check_goes_on_talking(camera: Path) -> None:
    with interview(camera) as held:
        held.begin()
        arrives(held, "verdict", "event.time_s > 3")
        held.candidate.get_by_role("button", name="Stop the check").click()
        confirm = held.candidate.get_by_role("button", name=re.compile("stop", re.IGNORECASE)).last
        if confirm.is_visible():
            confirm.click()
        arrives(held, "session", "event.state === 'withdrawn'")
        told = len(held.heard("verdict"))
        held.wait(2)
        assert len(held.heard("verdict")) <= told + 1
        until(held.interviewer, "document.querySelector('#remote').readyState >= 2", "the people's own call goes on")
