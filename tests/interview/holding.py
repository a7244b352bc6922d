"""Hold an interview for real: `liveness serve` in its own process, two browsers, a clip as the candidate's camera."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from browsing import ARGUMENTS, LAUNCHER

from liveness.frames import Pixels

WIDTH, HEIGHT, FPS = 1280, 720, 30
HEARING = """(() => {
  const dispatch = EventTarget.prototype.dispatchEvent;
  window.heard = { verdict: [], link: [], session: [], challenge: [] };
  EventTarget.prototype.dispatchEvent = function (event) {
    const list = window.heard[event.type];
    if (list && event.detail && event.detail.schema) list.push({ at_unix_ms: Date.now(), ...event.detail });
    return dispatch.call(this, event);
  };
})()"""
"""Keeps what the page's event stream tells it, with the time by the page's clock."""


def camera_file(path: Path, pictures: Iterable[Pixels]) -> Path:
    """Write what a browser plays as its camera: 720p at 30 frames a second, the picture in the middle."""
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=FPS, options={"q": "3"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for index, picture in enumerate(pictures):
            width = min(WIDTH, round(picture.shape[1] * HEIGHT / picture.shape[0]))
            whole = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
            left = (WIDTH - width) // 2
            whole[:, left : left + width] = cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(whole, format="rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class Service:
    """``liveness serve`` as an operator starts it."""

    def __init__(self, *options: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="liveness-interview-")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "liveness", "serve", "--port", "0", "--data", self.folder.name, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        assert self.process.stderr is not None
        self._reading = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reading.start()
        self.links = self._greeting()

    def _read(self, stream: Iterable[str]) -> None:
        self.log.extend(stream)

    def _greeting(self) -> dict[str, str]:
        assert self.process.stdout is not None
        found: dict[str, str] = {}
        for line in self.process.stdout:
            for name in ("interviewer", "candidate"):
                link = re.search(rf"{name}\s+(http\S+)", line)
                if link:
                    found[name] = link[1]
            key = re.search(r"lk_[\w-]+", line)
            if key:
                found["key"] = key[0]
            if len(found) == 3:
                return found
        raise AssertionError("the service did not start:\n" + "".join(self.log))

    def workers(self) -> list[int]:
        """Return the process ids of the media workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"liveness.live.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def stop(self) -> int:
        """Ask it to stop, as a service manager does; return its exit status."""
        self.process.terminate()
        status = self.process.wait(30)
        self._reading.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        if self.process.stderr is not None:
            self.process.stderr.close()
        self.folder.cleanup()
        return status


class Interview:
    """A candidate and an interviewer, each in a browser of their own."""

    def __init__(self, service: Service, candidate: Any, interviewer: Any) -> None:
        self.service = service
        self.candidate = candidate
        self.interviewer = interviewer
        self.candidate_traffic: list[bytes] = []
        self.joined_unix_s = 0.0

    def begin(self) -> None:
        """Open both pages; the candidate agrees to the check and joins."""
        self.candidate.on("response", self._keep_response)
        self.candidate.on("websocket", lambda socket: socket.on("framereceived", self._keep_frame))
        self.interviewer.add_init_script(HEARING)
        self.interviewer.goto(self.service.links["interviewer"])
        self.candidate.goto(self.service.links["candidate"])
        self.candidate.get_by_role("button", name="Agree to the check").click()
        join = self.candidate.locator("#join")
        join.wait_for(state="visible")
        join.click(timeout=15_000)
        self.joined_unix_s = time.time()

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """Return what the interviewer's page was told so far."""
        found: list[dict[str, Any]] = self.interviewer.evaluate(f"window.heard.{kind}")
        return found

    def wait(self, seconds: float) -> None:
        """Let the call go on."""
        self.interviewer.wait_for_timeout(seconds * 1000)

    def _keep_response(self, response: Any) -> None:
        # The body of a stream that goes on cannot be had this way; the streams are read by a client of their own.
        if "/v1/" not in response.url or response.url.endswith("/events"):
            return
        self.candidate_traffic.append(repr(response.headers).encode())
        try:
            self.candidate_traffic.append(response.body())
        except Exception as error:  # a body that is gone with its page
            self.candidate_traffic.append(repr(error).encode())

    def _keep_frame(self, payload: str | bytes) -> None:
        self.candidate_traffic.append(payload.encode() if isinstance(payload, str) else payload)


@contextmanager
def interview(camera: Path, *options: str) -> Iterator[Interview]:
    """Hold an interview; the service must end cleanly."""
    from playwright.sync_api import sync_playwright

    service = Service(*options)
    try:
        with sync_playwright() as playwright:
            launch = playwright.chromium.launch
            own_camera = [*ARGUMENTS, f"--use-file-for-fake-video-capture={camera}"]
            browsers = [
                launch(executable_path=LAUNCHER, args=own_camera),
                launch(executable_path=LAUNCHER, args=ARGUMENTS),
            ]
            pages = [browser.new_context(viewport={"width": 1280, "height": 900}).new_page() for browser in browsers]
            yield Interview(service, pages[0], pages[1])
            for browser in browsers:
                browser.close()
    finally:
        status = service.stop()
    assert status == 0, "".join(service.log)
