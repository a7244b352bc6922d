"""A service that does as it is told: it serves ``web/``, plays canned events, and answers WHIP with a real peer.

The pages are tested against it, since their stories need a server that misbehaves on cue; the wire messages come from
``tests/wire``.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import av
import pytest
import uvicorn
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from liveness.live.receiving import receive_pictures

WEB = Path(__file__).parents[2] / "web"
WIRE = Path(__file__).parents[1] / "wire"
PAGES = {"/": "start.html", "/candidate": "candidate.html", "/interviewer": "interviewer.html"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob: mediastream:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
ROLES = {"PUBLISHER": "publisher", "VIEWER": "viewer", "lk_KEY": "key"}

T = TypeVar("T")


def wire(name: str, **changes: Any) -> dict[str, Any]:
    """Return a message of the wire, changed in places."""
    message: dict[str, Any] = json.loads((WIRE / f"{name}.json").read_text())
    return message | changes


@dataclass
class Upload:
    """What came in over one WHIP connection."""

    peer: RTCPeerConnection
    frames: int = 0
    size: tuple[int, int] = (0, 0)
    layers: list[tuple[int, int] | None] = field(default_factory=list)
    """Of each packet of VP8 its temporal layer, and whether a receiver can switch up there."""
    key_frames_asked: int = 0
    decoded: list[av.VideoFrame] = field(default_factory=list)
    """Pictures, where the media workers' own receiving stands in for aiortc's."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    channel: Any = None
    deleted: bool = False


def watch_packets(receiver: RTCRtpReceiver, upload: Upload, upper_loss: float) -> None:
    """Note the temporal layer of each packet that arrives, and lose a share of those of the upper one for good."""
    buffer = getattr(receiver, "_RTCRtpReceiver__jitter_buffer")  # noqa: B009 (mypy knows no private names)
    add, ask, drawn = buffer.add, receiver._send_rtcp_pli, random.Random(1)

    def watched(packet: RtpPacket) -> Any:
        layer = VpxPayloadDescriptor.parse(packet.payload)[0].tid
        upload.layers.append(layer)
        lost = layer is not None and layer[0] > 0 and drawn.random() < upper_loss
        return (False, None) if lost else add(packet)

    async def asked(ssrc: int) -> None:
        upload.key_frames_asked += 1
        await ask(ssrc)

    buffer.add = watched
    receiver._send_rtcp_pli = asked  # type: ignore[method-assign, assignment]


class Scripted:
    """The service and its script. Start it with ``with``."""

    def __init__(self) -> None:
        self.id = str(wire("session_viewer")["id"])
        self.state = "waiting"
        self.consent: str | None = None
        self.findings_erased = False
        self.calls: list[tuple[str, str, str]] = []
        """Every request under /v1: role, method, path below the session."""
        self.whip_answers: list[Response] = []
        """Given instead of a connection, one after the other."""
        self.upper_loss = 0.0
        """Share of the packets of the upper temporal layer that are lost, and not sent again."""
        self.uploads: list[Upload] = []
        self.reports: list[dict[str, Any]] = []
        self.last_event_ids: list[str | None] = []
        self.said: dict[str, list[str]] = {"publisher": [], "viewer": []}
        """All texts that a role was ever sent in answers, events and the room."""
        self.challenge: dict[str, Any] | None = None
        """The one that was asked last, as the viewer sees it."""
        self.pages: dict[str, dict[str, Any]] = {}
        """What a challenge's page shows, by its name."""
        self.declined: list[str] = []
        self.refuse_ready: Response | None = None
        self.languages: set[str] = set()
        """In which answers were asked for."""
        self.ready_keys: list[str] = []
        """What came with each request for a prompt, that tells one sent again from another."""
        self._listeners: dict[str, list[asyncio.Queue[str | None]]] = {"publisher": [], "viewer": []}
        self._hello: dict[str, list[tuple[str, dict[str, Any]]]] = {"publisher": [], "viewer": []}
        self._seats: dict[str, WebSocket] = {}
        self._counter = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- running

    def __enter__(self) -> Scripted:
        routes = [
            Route("/v1/sessions", self._sessions, methods=["GET", "POST"]),
            Route("/v1/sessions/{id}", self._session),
            Route("/v1/sessions/{id}/end", self._end, methods=["POST"]),
            Route("/v1/sessions/{id}/consent", self._consent, methods=["POST", "DELETE"]),
            Route("/v1/sessions/{id}/whip", self._whip, methods=["POST"]),
            Route("/v1/sessions/{id}/whip/{index:int}", self._hang_up, methods=["DELETE"]),
            Route("/v1/sessions/{id}/events", self._events),
            Route("/v1/sessions/{id}/reports", self._report_in, methods=["POST"]),
            Route("/v1/sessions/{id}/report", self._report_out),
            Route("/v1/sessions/{id}/challenges", self._challenges, methods=["GET", "POST"]),
            Route("/v1/sessions/{id}/challenges/{cid}", self._cancel, methods=["DELETE"]),
            Route("/v1/sessions/{id}/challenges/{cid}/ready", self._ready, methods=["POST"]),
            Route("/v1/sessions/{id}/challenges/{cid}/decline", self._decline, methods=["POST"]),
            WebSocketRoute("/v1/sessions/{id}/room", self._room),
            Route("/{path:path}", self._file),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            port=0,
            log_level="error",
            ws="websockets-sansio",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        while not self._server.started:
            threading.Event().wait(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://localhost:{port}"
        return self

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._server.serve())
        self.loop.run_until_complete(asyncio.gather(*(upload.peer.close() for upload in self.uploads)))
        # A track whose connection never came about does not end by being closed.
        waiting = asyncio.all_tasks(self.loop)
        for task in waiting:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        self.loop.close()

    def __exit__(self, *_: object) -> None:
        self.drop_events()
        self._server.should_exit = True
        self._thread.join(timeout=10)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=10)

    def _call(self, action: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(action)

    # --- the script

    @property
    def candidate(self) -> str:
        return f"{self.url}/candidate#s={self.id}&t=PUBLISHER"

    @property
    def interviewer(self) -> str:
        return f"{self.url}/interviewer#s={self.id}&t=VIEWER"

    @property
    def start(self) -> str:
        return f"{self.url}/#k=lk_KEY"

    def emit(self, role: str, event: str, data: dict[str, Any], *, keep: bool = False) -> None:
        """Send an event to who listens; kept ones are sent to who comes later, too."""

        def act() -> None:
            if keep:
                self._hello[role] = [item for item in self._hello[role] if item[0] != event] + [(event, data)]
            for queue in self._listeners[role]:
                queue.put_nowait(self._event(event, data))

        self._call(act)

    def await_listener(self, role: str, seconds: float = 15) -> None:
        """Wait until a page of that role listens: an event that nobody hears is told to nobody."""
        for _ in range(int(seconds * 50)):
            if self._listeners[role]:
                return
            time.sleep(0.02)
        pytest.fail(f"no {role} listened within {seconds} s")

    def drop_events(self) -> None:
        """End all event streams."""

        def act() -> None:
            for queues in self._listeners.values():
                for queue in queues:
                    queue.put_nowait(None)

        self._call(act)

    def kill_upload(self, index: int = -1) -> None:
        """Let a connection die without a word, as when its worker died."""
        self.run(self.uploads[index].peer.close())

    def tell(self, message: dict[str, Any]) -> None:
        """Send over the newest data channel."""
        self._call(lambda: self.uploads[-1].channel.send(json.dumps(message)))

    def _event(self, event: str, data: dict[str, Any]) -> str:
        self._counter += 1
        return f"id: {self._counter}\nevent: {event}\ndata: {json.dumps(data)}\n\n"

    # --- HTTP

    def _role(self, request: Request, below: str) -> str:
        role = ROLES.get(request.headers.get("authorization", "").removeprefix("Bearer "), "nobody")
        self.calls.append((role, request.method, below))
        self.languages.add(request.headers.get("accept-language", ""))
        return role

    def _json(self, role: str, body: dict[str, Any], status: int = 200) -> Response:
        self.said.get(role, []).append(json.dumps(body))
        return JSONResponse(body, status)

    def _refusal(self, status: int, kind: str, detail: str) -> Response:
        body = {"type": f"urn:liveness:{kind}", "title": kind, "status": status, "detail": detail}
        return JSONResponse(body, status, media_type="application/problem+json")

    def view(self, role: str) -> dict[str, Any]:
        """Return the session as a role sees it."""
        consent = {"version": "2026-11", "given_at": self.consent}
        if role == "publisher":
            text = wire("session_publisher")["consent"]["text"]
            return wire("session_publisher", state=self.state, consent=consent | {"text": text}, ice_servers=[])
        given = consent if self.consent else None
        erased = self.findings_erased
        return wire("session_viewer", state=self.state, consent=given, ice_servers=[], findings_erased=erased)

    async def _sessions(self, request: Request) -> Response:
        if self._role(request, "") != "key":
            return self._refusal(401, "key-invalid", "The API key is not valid.")
        if request.method == "POST":
            body = json.loads(await request.body() or b"{}")
            made = wire("session_created", reference=body.get("reference"))
            return JSONResponse(
                made | {"candidate_url": self.candidate, "interviewer_url": self.interviewer}, status_code=201
            )
        others = [wire("session_viewer", state=state, reference=name) for state, name in RECENT]
        return JSONResponse({"sessions": [self.view("key"), *others]})

    async def _session(self, request: Request) -> Response:
        role = self._role(request, "/")
        if role == "nobody":
            return self._refusal(401, "token-invalid", "The token is not valid.")
        return self._json(role, self.view(role))

    async def _end(self, request: Request) -> Response:
        role = self._role(request, "/end")
        self.change("ended")
        return self._json(role, self.view(role))

    def change(self, state: str) -> None:
        """Go to a state and tell everybody."""
        self.state = state
        for role in ("publisher", "viewer"):
            self.emit(role, "session", self.view(role), keep=True)

    def erase(self) -> None:
        """Have erased what was found, and tell the interviewer."""
        self.findings_erased = True
        self.emit("viewer", "session", self.view("viewer"), keep=True)

    async def _consent(self, request: Request) -> Response:
        self._role(request, "/consent")
        if request.method == "DELETE":
            self.change("withdrawn")
            self.erase()
            return Response(status_code=204)
        self.consent = "2026-11-24T10:01:10Z"
        self.change("consented")
        return JSONResponse({"version": "2026-11", "given_at": self.consent, "receipt": "r"}, status_code=201)

    async def _whip(self, request: Request) -> Response:
        self._role(request, "/whip")
        if self.whip_answers:
            return self.whip_answers.pop(0)
        if not self.consent:
            return self._refusal(403, "consent-missing", "There is no consent on record.")
        offer = (await request.body()).decode()
        peer = RTCPeerConnection()
        upload = Upload(peer)

        @peer.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            receiver = next(one for one in peer.getReceivers() if one.track is track)
            if self.upper_loss:
                receive_pictures(receiver, upload.decoded.append)
            watch_packets(receiver, upload, self.upper_loss)
            task = asyncio.ensure_future(self._drain(track, upload))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        @peer.on("datachannel")
        def on_channel(channel: Any) -> None:
            upload.channel = channel
            channel.on("message", lambda text: upload.messages.append(json.loads(text)))

        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        self.uploads.append(upload)
        self.change("checking")
        location = f"{request.url.path}/{len(self.uploads) - 1}"
        headers = {"Location": location, "ETag": '"1"'}
        return Response(peer.localDescription.sdp, 201, headers=headers, media_type="application/sdp")

    async def _drain(self, track: MediaStreamTrack, upload: Upload) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            upload.frames += 1
            upload.size = (frame.width, frame.height)

    async def _hang_up(self, request: Request) -> Response:
        self._role(request, "/whip/*")
        upload = self.uploads[request.path_params["index"]]
        upload.deleted = True
        await upload.peer.close()
        return Response(status_code=200)

    async def _events(self, request: Request) -> Response:
        role = self._role(request, "/events")
        if role not in self._listeners:
            return self._refusal(401, "token-invalid", "The token is not valid.")
        last_id = request.headers.get("last-event-id")
        self.last_event_ids.append(last_id)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners[role].append(queue)

        async def stream() -> AsyncIterator[str]:
            try:
                yield ": hello\n\n"
                told = self._hello[role]
                if all(event != "session" for event, _ in told):
                    told = [("session", self.view(role)), *told]
                for event, data in told:
                    text = self._event(event, data)
                    self.said[role].append(text)
                    yield text
                while (item := await queue.get()) is not None:
                    self.said[role].append(item)
                    yield item
            finally:
                self._listeners[role].remove(queue)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _report_in(self, request: Request) -> Response:
        self._role(request, "/reports")
        self.reports.append(json.loads(await request.body()))
        return Response(status_code=204)

    async def _report_out(self, request: Request) -> Response:
        self._role(request, "/report")
        return HTMLResponse("<!doctype html><html lang=en><title>Report</title><h1>The report</h1>")

    # --- challenges

    def ask(self, name: str, *, mode: str = "page") -> dict[str, Any]:
        """Offer a challenge, as an interviewer's click does."""
        known = next((item for item in AVAILABLE if item["name"] == name), AVAILABLE[0] | {"title": name})
        offer = wire("challenge_offer")
        self._asked = getattr(self, "_asked", 0) + 1
        aloud = "Please turn your head to your left and hold it." if mode == "spoken" else wire("challenge")["aloud"]
        self.challenge = wire(
            "challenge",
            id=f"c_{self._asked}",
            challenge=name,
            title=known["title"],
            mode=mode,
            state="running" if mode == "spoken" else "offered",
            aloud=aloud,
            alternative=known["alternative"],
            outcome=None,
        )
        if mode == "page":
            own = {"id": self.challenge["id"], "challenge": name, "title": known["title"]}
            if name != "light_code":
                own |= {"text": "You will see which side.", "warning": None}
            self.emit("publisher", "challenge", offer | own)
        self.emit("viewer", "challenge", self.challenge)
        return self.challenge

    def go_on(self, state: str, **changes: Any) -> None:
        """Let the challenge go on, and tell both sides what each may know."""
        assert self.challenge is not None
        self.challenge = self.challenge | {"state": state} | changes
        self.emit("viewer", "challenge", self.challenge)
        if state == "running" and "guidance" in changes:
            said = {"id": self.challenge["id"], "guidance": changes["guidance"]}
            self.emit("publisher", "challenge_guidance", wire("challenge_guidance", **said))
        elif state not in {"offered", "running"}:
            how = "finished" if state == "done" else "stopped"
            self.emit("publisher", "challenge_over", wire("challenge_over", id=self.challenge["id"], how=how))

    async def _challenges(self, request: Request) -> Response:
        role = self._role(request, "/challenges")
        if request.method == "POST":
            body = json.loads(await request.body())
            return self._json(role, self.ask(body.get("challenge") or "turn_to_profile", mode=body["mode"]), 201)
        listed = [self.challenge] if self.challenge else []
        return self._json(role, {"challenges": listed, "available": AVAILABLE})

    async def _ready(self, request: Request) -> Response:
        role = self._role(request, "/challenges/*/ready")
        self.ready_keys.append(request.headers.get("Idempotency-Key", ""))
        if self.refuse_ready:
            return self.refuse_ready
        assert self.challenge is not None
        name = self.challenge["challenge"]
        page = self.pages.get(name, wire("challenge_prompt")["page"])
        self.go_on("running")
        own = {"id": self.challenge["id"], "challenge": name, "page": page}
        return self._json(role, wire("challenge_prompt", **own))

    async def _decline(self, request: Request) -> Response:
        self._role(request, "/challenges/*/decline")
        self.declined.append(json.loads(await request.body())["reason"])
        self.go_on("declined", decline_reason=self.declined[-1])
        return Response(status_code=204)

    async def _cancel(self, request: Request) -> Response:
        self._role(request, "/challenges/*")
        self.go_on("cancelled")
        return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        path = request.url.path
        name = f"pages/{PAGES[path]}" if path in PAGES else path.lstrip("/")
        file = (WEB / name).resolve()
        if not file.is_relative_to(WEB) or not file.is_file():
            return Response(status_code=404)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(file.read_bytes(), media_type=kind, headers={"Content-Security-Policy": POLICY})

    # --- the room

    async def _room(self, socket: WebSocket) -> None:
        await socket.accept()
        hello = await socket.receive_json()
        role = ROLES.get(hello["token"])
        if role not in self._listeners:
            await socket.close(4401)
            return
        other = "viewer" if role == "publisher" else "publisher"
        if role in self._seats:
            await self._seats.pop(role).close(4409)
        self._seats[role] = socket
        await socket.send_json({"type": "welcome", "role": role, "peer": other in self._seats, "ice_servers": []})
        await self._pass(other, {"type": "peer", "present": True})
        try:
            while True:
                message = await socket.receive_json()
                if message.get("type") in {"offer", "answer", "candidate", "bye"}:
                    await self._pass(other, message)
        except WebSocketDisconnect:
            pass
        finally:
            if self._seats.get(role) is socket:
                del self._seats[role]
                await self._pass(other, {"type": "peer", "present": False})

    async def _pass(self, role: str, message: dict[str, Any]) -> None:
        if role in self._seats:
            self.said[role].append(json.dumps(message))
            await self._seats[role].send_json(message)


RECENT = [("ended", "Data analyst, first call"), ("withdrawn", None), ("interrupted", "Support engineer, Lisbon")]
AVAILABLE: list[dict[str, Any]] = [
    {
        "name": "turn_to_profile",
        "title": "Turn to profile",
        "spoken": True,
        "families": ["synthesis", "injection"],
        "alternative": "Light code, or a question by the interviewer.",
        "attempts_left": 3,
    },
    {
        "name": "light_code",
        "title": "Light code",
        "spoken": False,
        "families": ["injection", "presentation", "synthesis"],
        "alternative": "Turn to profile.",
        "attempts_left": 2,
    },
    {
        "name": "cover_eye",
        "title": "Cover one eye",
        "spoken": True,
        "families": ["synthesis"],
        "alternative": "Turn to profile.",
        "attempts_left": 0,
    },
]
