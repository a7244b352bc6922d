"""The room: relays the signalling of the two people's own call, which goes from one to the other directly.

Nothing of the check passes here; of a message only its type, if it is one of four, and its data are relayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from liveness.service.access import Who, admit, identify, interviews_of
from liveness.service.limits import Allowance
from liveness.service.problems import Problem
from liveness.service.sessions import Session

HELLO_WITHIN_S = 5.0
LONGEST_MESSAGE = 65_536
SENT_WITHIN_S = 10.0
"""A side that takes no message for this long is cut off."""
MESSAGES_AT_ONCE, MESSAGES_A_SECOND = 200, 20.0
"""A call's beginning has some forty, most of them candidates."""
RELAYED = frozenset({"offer", "answer", "candidate", "bye"})

BAD_MESSAGE, BAD_TOKEN, OVER, REPLACED, TOO_MANY, TOO_LONG = 4400, 4401, 4410, 4409, 4429, 1009

router = APIRouter()


class Refused(Exception):  # noqa: N818
    """A connection is to be closed, with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(eq=False, slots=True)
class Seat:
    """One side's connection."""

    socket: WebSocket
    role: Who

    async def send(self, message: dict[str, Any]) -> None:
        """Send, unless the connection has gone or takes nothing."""
        try:
            async with asyncio.timeout(SENT_WITHIN_S):
                await self.socket.send_text(json.dumps(message, ensure_ascii=False))
        except (TimeoutError, RuntimeError, OSError, WebSocketDisconnect):
            await self.close(OVER, "not reading")

    async def close(self, code: int, reason: str) -> None:
        """Close, if it is open."""
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect, TimeoutError):
            if self.socket.application_state is not WebSocketState.DISCONNECTED:
                async with asyncio.timeout(SENT_WITHIN_S):
                    await self.socket.close(code, reason)


class Rooms:
    """Who sits where."""

    def __init__(self) -> None:
        self._seats: dict[str, dict[Who, Seat]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def count(self) -> int:
        """Return how many connections there are."""
        return sum(len(seats) for seats in self._seats.values())

    def other(self, session_id: str, role: Who) -> Seat | None:
        """Return the seat across."""
        return self._seats.get(session_id, {}).get("viewer" if role == "publisher" else "publisher")

    def is_seated(self, session_id: str, seat: Seat) -> bool:
        """Tell whether a connection still has its seat."""
        return self._seats.get(session_id, {}).get(seat.role) is seat

    async def sit(self, session_id: str, seat: Seat) -> None:
        """Give a connection its side's seat; who sat there is sent away, and the other side told."""
        seats = self._seats.setdefault(session_id, {})
        before = seats.get(seat.role)
        seats[seat.role] = seat
        other = self.other(session_id, seat.role)
        if before:
            await before.close(REPLACED, "replaced by a newer connection")
            if other:
                await other.send({"type": "peer", "present": False})
        if other:
            await other.send({"type": "peer", "present": True})

    async def leave(self, session_id: str, seat: Seat) -> None:
        """Free a seat, unless a newer connection has it."""
        if not self.is_seated(session_id, seat):
            return
        seats = self._seats[session_id]
        del seats[seat.role]
        other = self.other(session_id, seat.role)
        if not seats:
            del self._seats[session_id]
        if other:
            await other.send({"type": "peer", "present": False})

    def close(self, session_id: str) -> None:
        """Send both sides away: the session is over."""
        for seat in self._seats.pop(session_id, {}).values():
            task = asyncio.create_task(seat.close(OVER, "the session is over"))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close_all(self) -> None:
        """Send everybody away."""
        for session_id in list(self._seats):
            self.close(session_id)
        await asyncio.gather(*self._closing)


@router.websocket("/v1/sessions/{session_id}/room")
async def room(socket: WebSocket, session_id: str) -> None:
    """Sit down, then relay."""
    rooms: Rooms = socket.app.state.rooms
    interviews = interviews_of(socket)
    await socket.accept()
    try:
        session, role = await _greeted(socket, session_id)
        seat = Seat(socket, role)
        await seat.send(
            {
                "type": "welcome",
                "role": role,
                "peer": rooms.other(session_id, role) is not None,
                "ice_servers": interviews.ice(session),
            }
        )
        await rooms.sit(session_id, seat)
        try:
            await _relay(rooms, session_id, seat)
        finally:
            await rooms.leave(session_id, seat)
    except Refused as refusal:
        await Seat(socket, "viewer").close(refusal.code, refusal.reason)
    except WebSocketDisconnect:
        pass


async def _greeted(socket: WebSocket, session_id: str) -> tuple[Session, Who]:
    interviews = interviews_of(socket)
    try:
        async with asyncio.timeout(HELLO_WITHIN_S):
            hello = await _receive(socket)
    except TimeoutError:
        raise Refused(BAD_TOKEN, "expected hello within 5 s") from None
    token = hello.get("token")
    if hello.get("type") != "hello" or not isinstance(token, str):
        raise Refused(BAD_TOKEN, "expected hello with a token")
    try:
        caller = await identify(interviews, token)
        session = await admit(interviews, caller, session_id, ("publisher", "viewer"))
    except Problem as problem:
        raise Refused(OVER if problem.status_code == 410 else BAD_TOKEN, problem.title) from None
    if session.state == "ended" or interviews.stopping:
        raise Refused(OVER, "the session is over")
    return session, caller.who


async def _relay(rooms: Rooms, session_id: str, seat: Seat) -> None:
    allowance = Allowance(MESSAGES_AT_ONCE, MESSAGES_A_SECOND)
    while True:
        message = await _receive(seat.socket)
        if not allowance.admits():
            raise Refused(TOO_MANY, "too many messages")
        if not rooms.is_seated(session_id, seat):
            return
        other = rooms.other(session_id, seat.role)
        if other and message.get("type") in RELAYED:
            await other.send({"type": message["type"], "data": message.get("data")})


async def _receive(socket: WebSocket) -> dict[str, Any]:
    try:
        text = await socket.receive_text()
    except KeyError:
        raise Refused(BAD_MESSAGE, "expected text") from None
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST_MESSAGE:
        raise Refused(TOO_LONG, "message too long")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(BAD_MESSAGE, "expected JSON") from None
    if not isinstance(message, dict):
        raise Refused(BAD_MESSAGE, "expected a JSON object")
    return message
