"""A whole call: a real sender over WHIP, real media workers, and what both sides are told of it."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import uvicorn
from clips import video_frame
from interviewing import KEY, Event, wire
from people import talking
from publishers import Camera, Publisher
from test_story import same_shape

from liveness.live.pool import LiveSettings, MediaPool
from liveness.service.app import create_app
from liveness.service.settings import ServiceSettings
from liveness.service.store import Store
from liveness.service.tokens import digest


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[int]:
    """Run the service with one media worker; yields its port."""
    settings = ServiceSettings(data=data)
    store = Store(settings.database)
    app = create_app(settings, lambda on_event: MediaPool(LiveSettings(workers=1), on_event), store)
    interviews = app.state.interviews
    await interviews.start()
    await store.add_key(digest(KEY), interviews.now())
    config = uvicorn.Config(app, port=0, lifespan="off", ws="websockets-sansio", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await interviews.finish()
        server.should_exit = True
        await running
        await interviews.stop()


async def call(port: int, method: str, path: str, token: str, body: str | None = None, kind: str = "") -> Any:
    """Do one request in a thread; returns status, headers and body."""

    def do() -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": kind} if kind else {})
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(do)


async def events(port: int, path: str, token: str) -> AsyncIterator[Event]:
    """Read an event stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    fields: dict[str, str] = {}
    try:
        async with asyncio.timeout(40):
            while line := (await reader.readline()).decode():
                name, _, value = line.rstrip().partition(": ")
                if name in ("id", "event", "data"):
                    fields[name] = value
                elif not name and "data" in fields:
                    yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
                    fields = {}
    finally:
        writer.close()


async def whole_call(data: Path, pictures: list[av.VideoFrame]) -> None:
    async with serving(data) as port:
        _, _, made = await call(port, "POST", "/v1/sessions", KEY)
        session = json.loads(made)
        path, tokens = f"/v1/sessions/{session['id']}", session["tokens"]
        agreed = json.dumps({"version": "2026-11"})
        status, _, _ = await call(port, "POST", f"{path}/consent", tokens["publisher"], agreed, "application/json")
        assert status == 201
        sender = Publisher(Camera(pictures))
        try:
            offer = await sender.offer()
            status, headers, answer = await call(
                port, "POST", f"{path}/whip", tokens["publisher"], offer, "application/sdp"
            )
            assert status == 201, answer
            await sender.accept(answer)
            seen: dict[str, Any] = {}
            async for event in events(port, f"{path}/events", tokens["viewer"]):
                seen[event.name] = event.data
                settled = seen.get("verdict", {}).get("state") not in (None, "warming_up")
                if settled and "link" in seen and seen["session"]["state"] == "checking":
                    break
            same_shape(seen["session"], wire("session_viewer"))
            assert set(seen["verdict"]) == set(wire("verdict"))
            assert set(seen["link"]) >= set(wire("link"))
            assert (seen["link"]["width"], seen["link"]["height"]) == (pictures[0].width, pictures[0].height)
            status, _, _ = await call(port, "POST", f"{path}/whip", tokens["publisher"], offer, "application/sdp")
            assert status == 409
            status, _, ended = await call(port, "POST", f"{path}/end", tokens["viewer"])
            assert json.loads(ended)["state"] == "ended"
        finally:
            await sender.close()
        _, _, report = await call(port, "GET", f"{path}/report", tokens["viewer"])
        assert json.loads(report)["schema"] == "liveness.review/1"
        assert json.loads(report)["duration_s"] > 1
        status, headers, _ = await call(port, "DELETE", headers["Location"], tokens["publisher"])
        assert status == 404


def test_a_real_sender_is_checked_from_offer_to_report(tmp_path: Path) -> None:
    pictures = [video_frame(picture) for picture in talking(4)]
    asyncio.run(whole_call(tmp_path, pictures))


async def first(port: int, path: str, token: str, name: str, **wanted: Any) -> Any:
    """Return the data of the first event of a name that has these values."""
    async for event in events(port, path, token):
        if event.name == name and all(event.data.get(key) == value for key, value in wanted.items()):
            return event.data
    raise AssertionError(f"the stream ended before {name} {wanted}")


async def challenged_call(data: Path, pictures: list[av.VideoFrame]) -> None:
    async with serving(data) as port:
        _, _, made = await call(port, "POST", "/v1/sessions", KEY)
        path, tokens = f"/v1/sessions/{json.loads(made)['id']}", json.loads(made)["tokens"]
        agreed = json.dumps({"version": "2026-11"})
        await call(port, "POST", f"{path}/consent", tokens["publisher"], agreed, "application/json")
        sender = Publisher(Camera(pictures))
        try:
            offer = await sender.offer()
            _, _, answer = await call(port, "POST", f"{path}/whip", tokens["publisher"], offer, "application/sdp")
            await sender.accept(answer)
            await first(port, f"{path}/events", tokens["viewer"], "session", state="checking")
            await first(port, f"{path}/events", tokens["viewer"], "link")

            spoken = json.dumps({"challenge": "turn_to_profile", "mode": "spoken"})
            status, _, body = await call(
                port, "POST", f"{path}/challenges", tokens["viewer"], spoken, "application/json"
            )
            assert status == 201, body
            asked = json.loads(body)
            assert asked["state"] == "running"
            assert asked["aloud"].startswith("Please turn your head")
            done = await first(port, f"{path}/events", tokens["viewer"], "challenge", id=asked["id"], state="done")
            example = wire("challenge")
            same_shape(done, example | {"outcome": example["outcome"] | {"llr": {}}})
            assert done["outcome"]["result"] in ("not_done", "unclear")

            page = json.dumps({"challenge": "turn_to_profile"})
            status, _, body = await call(port, "POST", f"{path}/challenges", tokens["viewer"], page, "application/json")
            assert status == 201, body
            shown = await first(port, f"{path}/events", tokens["publisher"], "challenge")
            assert shown["id"] == json.loads(body)["id"]
            ready = f"{path}/challenges/{shown['id']}/ready"
            status, _, prompt = await call(port, "POST", ready, tokens["publisher"])
            assert status == 200, prompt
            assert "Turn your head to your" in json.loads(prompt)["page"]["text"]
            over = asyncio.create_task(first(port, f"{path}/events", tokens["publisher"], "challenge_over"))
            done = await first(port, f"{path}/events", tokens["viewer"], "challenge", id=shown["id"], state="done")
            assert done["outcome"]["result"] in ("not_done", "unclear")
            assert done["attempt"] == 2
            assert await over == {"schema": "liveness.challenge-over/1", "id": shown["id"], "how": "finished"}
            _, _, report = await call(port, "GET", f"{path}/report", tokens["viewer"])
            assert [one["id"] for one in json.loads(report)["challenges"]] == [asked["id"], shown["id"]]
        finally:
            await sender.close()


def test_who_is_asked_and_does_nothing_is_not_accused(tmp_path: Path) -> None:
    pictures = [video_frame(picture) for picture in talking(4)]
    asyncio.run(challenged_call(tmp_path, pictures))
