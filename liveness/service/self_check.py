"""``liveness check``: a short call against the service itself, for an operator who has just installed it.

A service of its own is started on a free loopback port with a folder that is thrown away. A publisher sends a moving
picture over WebRTC, as a candidate's browser would; what an interviewer would be told is waited for.
"""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import uvicorn
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from liveness.errors import LivenessError
from liveness.fusion.calibration import load
from liveness.live.interface import LiveSettings
from liveness.live.pool import MediaPool
from liveness.service.app import create_app
from liveness.service.checks import listen
from liveness.service.consent import CURRENT
from liveness.service.settings import ServiceSettings
from liveness.service.store import Store
from liveness.service.tokens import digest, new_key

_SIZE = (1280, 720)
_FPS = 30
_STEP_S = 20.0


class CheckFailed(LivenessError):  # noqa: N818 (a failed check is its answer)
    """A step did not work; the message says which, and what to look at."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried and works."""

    name: str
    told: str
    seconds: float


async def check_service(settings: ServiceSettings, say: Callable[[Step], None]) -> None:
    """Hold a call against a service of our own, telling every step that works.

    Raises
    ------
    CheckFailed
        A step does not work.
    """
    load(settings.calibration)
    with tempfile.TemporaryDirectory(prefix="liveness-check-") as folder:
        own = settings.model_copy(update={"data": Path(folder), "workers": 1, "base_url": None, "database_url": None})
        check = _Check(say)
        async with check.step("The media worker starts", "models and calibration are there"), check.running(own):
            pass
        try:
            await check.call()
        finally:
            await check.stop()


class _Check:
    def __init__(self, say: Callable[[Step], None]) -> None:
        self._say = say
        self._base = ""
        self._key = new_key()
        self._ending: list[Callable[[], Awaitable[Any]]] = []
        self._peer: RTCPeerConnection | None = None

    @asynccontextmanager
    async def step(self, name: str, told: str) -> AsyncIterator[dict[str, str]]:
        """Time a step; what it finds may be put into what is told."""
        started, words = time.monotonic(), {"told": told}
        try:
            async with asyncio.timeout(_STEP_S + 40):
                yield words
        except CheckFailed:
            raise
        except TimeoutError as error:
            raise CheckFailed(f"{name}: nothing happened in time") from error
        except (OSError, LivenessError, RuntimeError, KeyError, ValueError) as error:
            raise CheckFailed(f"{name}: {error}") from error
        self._say(Step(name, words["told"], time.monotonic() - started))

    @asynccontextmanager
    async def running(self, settings: ServiceSettings) -> AsyncIterator[None]:
        """Start the service; it runs until :meth:`stop`."""
        listening = listen("127.0.0.1", 0)
        self._base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        live = LiveSettings(workers=1, calibration=settings.calibration)
        app = create_app(settings, lambda on_event: MediaPool(live, on_event), Store(settings.database), secure=False)
        interviews = app.state.interviews
        await interviews.start()
        await interviews.store.add_key(digest(self._key), interviews.now())
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
        # Signals are the command line's to handle.
        serving = asyncio.create_task(server._serve([listening]))

        async def stop() -> None:
            server.should_exit = True
            await serving
            await interviews.stop()
            listening.close()

        self._ending.append(stop)
        yield

    async def stop(self) -> None:
        """End all that was begun."""
        if self._peer is not None:
            await self._peer.close()
        for end in reversed(self._ending):
            await end()

    async def call(self) -> None:
        """Hold the call."""
        async with self.step("A session is made", "database, tokens and links"):
            session = await self._ask("POST", "/v1/sessions", self._key, {"reference": "self-check"})
        root = f"/v1/sessions/{session['id']}"
        publisher, viewer = session["tokens"]["publisher"], session["tokens"]["viewer"]
        async with self.step("Consent is asked for", "without it no media is taken"):
            await self._refused(f"{root}/whip", publisher)
            await self._ask("POST", f"{root}/consent", publisher, {"version": CURRENT})
        async with self.step("A publisher connects", "WHIP, ICE and DTLS") as words:
            words["told"] += f", over {await self._publish(root, publisher)}"
        async with self.step("The interviewer hears of it", "") as words:
            found = await asyncio.to_thread(self._listen, f"{root}/events", viewer)
            link, verdict = found["link"], found["verdict"]
            words["told"] = (
                f"{link['width']} × {link['height']} at {link['fps']:.0f} frames a second, {link['analysed_fps']:.0f} "
                f"analysed, {link['frame_age_ms']['p95']:.0f} ms old; {verdict['state']}, as nobody is in the picture"
            )
        async with self.step("The call ends with its report", "") as words:
            await self._ask("POST", f"{root}/end", viewer, {})
            report = await self._ask("GET", f"{root}/report", viewer)
            words["told"] = f"{report['verdict']['state']}, {report['media']['analysed_frames']} frames analysed"
            if report["verdict"]["state"] != "inconclusive":
                raise CheckFailed(f"a picture without a face was called {report['verdict']['state']}")

    async def _publish(self, root: str, token: str) -> str:
        self._peer = RTCPeerConnection()
        self._peer.addTrack(_Moving())
        await self._peer.setLocalDescription(await self._peer.createOffer())
        answer = await asyncio.to_thread(
            self._request, "POST", f"{root}/whip", token, self._peer.localDescription.sdp.encode(), "application/sdp"
        )
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))
        async with asyncio.timeout(_STEP_S):
            while self._peer.connectionState != "connected":
                if self._peer.connectionState == "failed":
                    raise CheckFailed("A publisher connects: no way for UDP packets was found; look at the firewall")
                await asyncio.sleep(0.05)
        return "UDP on loopback"

    async def _refused(self, path: str, token: str) -> None:
        try:
            await asyncio.to_thread(self._request, "POST", path, token, b"v=0", "application/sdp")
        except CheckFailed:
            return
        raise CheckFailed("Consent is asked for: media was taken without it")

    async def _ask(self, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return json.loads(
            await asyncio.to_thread(self._request, method, path, token, data, "application/json") or b"null"
        )

    def _request(self, method: str, path: str, token: str, data: bytes | None, content_type: str) -> bytes:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        request = urllib.request.Request(self._base + path, data, headers, method=method)  # noqa: S310 (ours, http)
        try:
            with urllib.request.urlopen(request, timeout=_STEP_S) as response:  # noqa: S310
                body: bytes = response.read()
                return body
        except urllib.error.HTTPError as error:
            with error:
                raise CheckFailed(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error

    def _listen(self, path: str, token: str) -> dict[str, dict[str, Any]]:
        """Return the first link report with frames, and the first verdict that is more than warming up."""
        request = urllib.request.Request(self._base + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        found: dict[str, dict[str, Any]] = {}
        until_s = time.monotonic() + _STEP_S
        with urllib.request.urlopen(request, timeout=_STEP_S) as stream:  # noqa: S310
            kind = ""
            while time.monotonic() < until_s:
                line = stream.readline().decode().strip()
                if line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("data:"):
                    data = json.loads(line[5:])
                    if _useful(kind, data):
                        found[kind] = data
                if {"link", "verdict"} <= found.keys():
                    return found
        raise CheckFailed("The interviewer hears of it: media was sent, and no verdict came")


def _useful(kind: str, data: dict[str, Any]) -> bool:
    if kind == "link":
        return bool(data["fps"] > _FPS / 2 and data["frame_age_ms"]["p95"] > 0)
    return bool(kind == "verdict" and data["time_s"] > 2)


class _Moving(MediaStreamTrack):
    """A grey picture with a bright spot going round in it."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._began_s: float | None = None
        self._index = 0

    async def recv(self) -> av.VideoFrame:
        """Return the next picture when it is due."""
        if self._began_s is None:
            self._began_s = time.monotonic()
        await asyncio.sleep(max(0.0, self._began_s + self._index / _FPS - time.monotonic()))
        width, height = _SIZE
        luma = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
        x = int(width / 2 + width / 3 * math.cos(self._index / 20))
        y = int(height / 2 + height / 3 * math.sin(self._index / 20))
        luma[y - 40 : y + 40, x - 40 : x + 40] = 220
        frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
        frame.pts, frame.time_base = self._index * 90_000 // _FPS, Fraction(1, 90_000)
        self._index += 1
        return frame
