"""The service with media workers that follow a script, and clients that speak real HTTP to it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import queue
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from liveness.live.interface import (
    Answer,
    AtCapacity,
    ChallengeAction,
    ChallengeRefused,
    OfferRefused,
    PoolEvent,
    SessionOptions,
    UnknownResource,
)
from liveness.service import patience
from liveness.service.app import create_app
from liveness.service.interviews import Interviews
from liveness.service.room import LONGEST_MESSAGE
from liveness.service.settings import ServiceSettings
from liveness.service.store import Store
from liveness.service.tokens import digest

WIRE = Path(__file__).parents[1] / "wire"
KEY = "lk_only-for-the-tests-of-this-folder"
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"


def wire(name: str) -> dict[str, Any]:
    """Return a message's example."""
    found: dict[str, Any] = json.loads((WIRE / f"{name}.json").read_text("utf-8"))
    return found


def of_pool(name: str, **changes: Any) -> dict[str, Any]:
    """Return a message's example as the media workers give it."""
    return {key: value for key, value in wire(name).items() if key not in ("schema", "session")} | changes


class ScriptedPool:
    """Media workers without media: what happens is said by the test, all else is as in the real pool."""

    def __init__(self, on_event: Callable[[PoolEvent], None]) -> None:
        self._tell = on_event
        self.loop: asyncio.AbstractEventLoop | None = None
        self.resources: dict[str, str] = {}
        self.receiving: set[str] = set()
        self.options: dict[str, SessionOptions] = {}
        self.full = False
        self.fragments: list[str] = []
        self.erased: list[str] = []
        self.asked: list[tuple[str, str, str]] = []
        """What the engines were told of challenges: action, id, parameters."""
        self.cannot: type[Exception] | None = None
        """What stands in the way of a challenge."""
        self._prepared: dict[str, str] = {}
        self._made = 0

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()

    async def stop(self, grace_s: float) -> None:
        for session_id in list(self.options):
            document = await self.end(session_id, reason="shutdown")
            self._tell(PoolEvent(session_id, "report", document or {}))

    async def open(self, session_id: str, offer_sdp: str, options: SessionOptions) -> Answer:
        if "m=video" not in offer_sdp:
            raise OfferRefused("Expected a video section.", status=422)
        if self.full:
            raise AtCapacity(7.2)
        self._made += 1
        self.options[session_id] = options
        self.resources[session_id] = f"r{self._made}"
        return Answer(f"r{self._made}", "v=0\r\nanswer", f'"e{self._made}"')

    async def trickle(self, resource_id: str, fragment: str) -> None:
        if "a=ice-ufrag:new" in fragment:
            raise OfferRefused("ICE cannot be restarted; make a new connection.", status=422)
        self.fragments.append(fragment)

    async def hang_up(self, resource_id: str) -> None:
        for session_id, known in list(self.resources.items()):
            if known == resource_id:
                self._close(session_id, "bye")
                return
        raise UnknownResource(resource_id)

    async def end(self, session_id: str, *, withdrawn: bool = False, reason: str = "bye") -> dict[str, Any] | None:
        document = None if withdrawn else await self.report(session_id)
        self.options.pop(session_id, None)
        if session_id in self.resources:
            self._close(session_id, "withdrawn" if withdrawn else reason)
        return document

    async def report(self, session_id: str) -> dict[str, Any] | None:
        return review(session_id) if session_id in self.options else None

    async def erase(self, session_id: str) -> None:
        self.erased.append(session_id)
        self.options.pop(session_id, None)
        self.resources.pop(session_id, None)

    async def challenge(
        self,
        session_id: str,
        action: ChallengeAction,
        challenge_id: str,
        *,
        challenge: str,
        parameters: str = "",
        mode: str = "page",
    ) -> None:
        if self.cannot:
            raise self.cannot("as the test wants it")
        if session_id not in self.options:
            raise UnknownResource(session_id)
        self.asked.append((action, challenge_id, parameters))
        if action == "prepare":
            self._prepared[session_id] = challenge_id
        elif action == "begin" and self._prepared.get(session_id) != challenge_id:
            raise ChallengeRefused("not prepared")
        elif action == "stop" and self._prepared.get(session_id) == challenge_id:
            del self._prepared[session_id]

    def resource_of(self, session_id: str) -> str | None:
        return self.resources.get(session_id)

    def is_receiving(self, session_id: str) -> bool:
        return session_id in self.receiving and session_id in self.resources

    async def metrics(self) -> Mapping[int, Mapping[str, float]]:
        return {0: {"calls": float(len(self.resources))}}

    def _close(self, session_id: str, reason: str) -> None:
        resource_id = self.resources.pop(session_id)
        self.receiving.discard(session_id)
        self._tell(PoolEvent(session_id, "closed", {"resource_id": resource_id, "reason": reason}))

    # The script

    def happens(self, session_id: str, kind: Any, data: Mapping[str, Any]) -> None:
        """Let a worker tell something, in the service's event loop; returns when it is told."""
        assert self.loop is not None
        told = threading.Event()

        def tell() -> None:
            if kind == "link" and session_id in self.resources:
                self.receiving.add(session_id)
            if kind == "closed":
                self.resources.pop(session_id, None)
            self._tell(PoolEvent(session_id, kind, data))
            told.set()

        self.loop.call_soon_threadsafe(tell)
        assert told.wait(10)

    def media_arrives(self, session_id: str) -> None:
        """Let the open connection give media."""
        self.happens(session_id, "connected", {"resource_id": self.resources[session_id]})
        self.happens(session_id, "link", of_pool("link", time_s=0.0))

    def guides(self, session_id: str, challenge_id: str, guidance: str) -> None:
        """Let the engine help the candidate."""
        data = {"id": challenge_id, "challenge": "", "time_s": 9.0, "kind": "guidance", "guidance": guidance}
        self.happens(session_id, "challenge", data)

    def judges(self, session_id: str, challenge_id: str, **changes: Any) -> None:
        """Let the engine say what came of a challenge."""
        data = {"id": challenge_id, "time_s": 10.0, "kind": "outcome", "parameters": "left"}
        self.happens(session_id, "challenge", data | wire("challenge")["outcome"] | changes)

    def dies(self, session_id: str) -> None:
        """Let the worker of a session die."""
        self.happens(session_id, "closed", {"resource_id": self.resources[session_id], "reason": "worker_died"})


def review(session_id: str) -> dict[str, Any]:
    """Return a small document of schema liveness.review/1."""
    verdict = of_pool("verdict")
    return {
        "schema": "liveness.review/1",
        "file": f"Live call {session_id}",
        "sha256": None,
        "duration_s": 14.0,
        "media": {
            "container": "webrtc",
            "codec": "vp8",
            "width": 1280,
            "height": 720,
            "fps": 30.0,
            "has_audio": True,
            "region": None,
            "damaged": None,
            "frames": 420,
            "analysed_frames": 168,
        },
        "verdict": verdict,
        "timeline": [
            {"time_s": 14.0, "confidence": 0.69, "interval": [0.66, 0.72], "state": "live"}
            | {key: verdict[key] for key in ("families", "coverage")}
        ],
        "evidence": [],
        "events": [],
        "engine": {
            "version": "0.1.0",
            "calibration": {"sha256": "0" * 64},
            "signals": [],
            "prior": {},
            "thresholds": {},
        },
    }


@dataclass
class Clock:
    """A clock that the test moves."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Reply:
    """An answer of the service."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """A running service, and a client to it."""

    port: int
    pool: ScriptedPool
    interviews: Interviews
    clock: Clock
    data: Path
    heard_by: dict[str, bytearray] = field(default_factory=dict)
    """All bytes of the answers, by the credential they were given to."""

    def call(
        self, method: str, path: str, credential: str | None = None, body: bytes | str | Any = None, **headers: str
    ) -> Reply:
        """Do one request; a dict goes as JSON, text as SDP."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if credential:
            sent["Authorization"] = f"Bearer {credential}"
        if isinstance(body, dict):
            sent.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        elif isinstance(body, str):
            sent.setdefault("Content-Type", "application/sdp")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        self._hears(credential, str(reply.headers).encode() + reply.body)
        return reply

    def in_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the service's event loop."""
        assert self.pool.loop is not None
        return asyncio.run_coroutine_threadsafe(work, self.pool.loop).result(20)

    def _hears(self, credential: str | None, heard: bytes) -> None:
        self.heard_by.setdefault(credential or "", bytearray()).extend(heard)

    def interview(self, **body: Any) -> Interview:
        """Make a session."""
        made = self.call("POST", "/v1/sessions", KEY, body)
        assert made.status == 201, made.body
        return Interview(self, made.json["id"], made.json["tokens"]["publisher"], made.json["tokens"]["viewer"])

    @contextmanager
    def events(self, path: str, token: str, last: str | None = None, **headers: str) -> Iterator[Events]:
        """Read an event stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"Authorization": f"Bearer {token}"}
        sent |= {"Last-Event-ID": last} if last else {}
        connection.request("GET", path, headers=sent)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        try:
            yield Events(answer, lambda heard: self._hears(token, heard))
        finally:
            answer.close()
            connection.close()


@dataclass(frozen=True)
class Event:
    id: str
    name: str
    data: Any


class Events:
    """Reads events off an answer."""

    def __init__(self, answer: http.client.HTTPResponse, hears: Callable[[bytes], None]) -> None:
        self._answer, self._hears = answer, hears

    def next(self) -> Event | None:
        """Return the next event; None at the stream's end."""
        fields: dict[str, str] = {}
        while line := self._answer.readline():
            self._hears(line)
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                fields[name] = value
            elif "data" in fields:
                return Event(fields["id"], fields["event"], json.loads(fields["data"]))
        return None

    def until(self, name: str, **wanted: Any) -> Event:
        """Return the next event of a name whose data has these values."""
        while event := self.next():
            if event.name == name and all(event.data.get(key) == value for key, value in wanted.items()):
                return event
        raise AssertionError(f"the stream ended before {name} {wanted}")

    def until_ended(self) -> list[Event]:
        """Return all that is told of the session until it has ended."""
        told: list[Event] = []
        while not told or told[-1].data["state"] != "ended":
            told.append(self.until("session"))
        return told

    def rest(self) -> list[Event]:
        """Return all events until the stream ends."""
        return list(iter(self.next, None))


@dataclass(frozen=True)
class Interview:
    """One session and its tokens."""

    service: Service
    id: str
    publisher: str
    viewer: str

    @property
    def path(self) -> str:
        return f"/v1/sessions/{self.id}"

    def agree(self) -> Reply:
        """Give consent, as the candidate."""
        return self.service.call("POST", f"{self.path}/consent", self.publisher, {"version": "2026-11"})

    def publish(self, offer: str = OFFER) -> Reply:
        """Offer media, as the candidate."""
        return self.service.call("POST", f"{self.path}/whip", self.publisher, offer)

    def start(self) -> Reply:
        """Consent, connect and send; returns the answer to the offer."""
        assert self.agree().status == 201
        answer = self.publish()
        assert answer.status == 201, answer.body
        with self.service.events(f"{self.path}/events", self.viewer) as events:
            self.service.pool.media_arrives(self.id)
            events.until("session", state="checking")
        return answer

    def state(self) -> str:
        """Return the state, as the interviewer sees it."""
        return str(self.service.call("GET", self.path, self.viewer).json["state"])


@contextmanager
def running(
    data: Path, *, clock: Clock | None = None, web_root: Path | None = None, **settings: Any
) -> Iterator[Service]:
    """Run the service on a port of the loopback, in a thread; its calls are ended in order on leaving."""
    clock = clock or Clock()
    # Only what is given: the environment of whoever runs the tests does not count.
    chosen = ServiceSettings(data=data, grace_s=2.0, **settings)
    pools: list[ScriptedPool] = []

    def open_pool(on_event: Callable[[PoolEvent], None]) -> ScriptedPool:
        pools.append(ScriptedPool(on_event))
        return pools[-1]

    ready: queue.Queue[int | BaseException] = queue.Queue()
    finished = threading.Event()
    hold: dict[str, Any] = {}

    async def main() -> None:
        app = create_app(chosen, open_pool, Store(chosen.database), now=clock, web_root=web_root)
        interviews = app.state.interviews
        await interviews.start()
        if not await interviews.store.key_digests():
            await interviews.store.add_key(digest(KEY), clock())
        hold.update(interviews=interviews, stop=asyncio.Event(), loop=asyncio.get_running_loop())
        config = uvicorn.Config(
            app,
            lifespan="off",
            http=patience.Http,
            ws="websockets-sansio",
            ws_max_size=LONGEST_MESSAGE + 1024,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server.serve([listening]))
            ready.put(listening.getsockname()[1])
            await hold["stop"].wait()
            await app.state.rooms.close_all()
            await interviews.finish()
            server.should_exit = True
            await serving
            await interviews.stop()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            ready.put(error)
            raise
        finally:
            finished.set()

    thread = threading.Thread(target=run, name="service")
    thread.start()
    port = ready.get(timeout=30)
    if isinstance(port, BaseException):
        raise port
    try:
        yield Service(port, pools[0], hold["interviews"], clock, data)
    finally:
        with contextlib.suppress(RuntimeError):
            hold["loop"].call_soon_threadsafe(hold["stop"].set)
        thread.join(20)
        assert finished.is_set()
