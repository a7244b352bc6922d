"""The room: two people find each other, and nobody else gets in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interviewing import KEY, Interview, Service, running
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from liveness.service import room


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with scripted media workers."""
    with running(tmp_path) as service:
        yield service


def enter(interview: Interview) -> connect:
    return connect(f"ws://127.0.0.1:{interview.service.port}{interview.path}/room", max_size=None)


async def hear(line: ClientConnection) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await line.recv())


async def say(line: ClientConnection, **message: Any) -> None:
    await line.send(json.dumps(message))


async def sit(line: ClientConnection, token: str) -> Any:
    await say(line, type="hello", token=token)
    return await hear(line)


async def closed(line: ClientConnection) -> int | None:
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            async for _ in line:
                pass
    return line.close_code


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story()

    asyncio.run(whole())


def test_two_people_find_each_other(service: Service) -> None:
    interview = service.interview()

    async def story() -> None:
        async with enter(interview) as viewer, enter(interview) as publisher:
            assert await sit(viewer, interview.viewer) == {
                "type": "welcome",
                "role": "viewer",
                "peer": False,
                "ice_servers": [],
            }
            await say(viewer, type="offer", data="nobody is there to hear")
            assert (await sit(publisher, interview.publisher))["peer"] is True
            assert await hear(viewer) == {"type": "peer", "present": True}
            for kind in ("offer", "answer", "candidate", "bye"):
                await say(viewer, type=kind, data={"sdp": kind}, confidence=0.1)
                assert await hear(publisher) == {"type": kind, "data": {"sdp": kind}}
            await say(viewer, type="verdict", data={"confidence": 0.1})
            await say(viewer, type="offer", data="next")
            assert await hear(publisher) == {"type": "offer", "data": "next"}
            await publisher.close()
            assert await hear(viewer) == {"type": "peer", "present": False}

    run(story)


def test_a_newer_page_takes_the_seat(service: Service) -> None:
    interview = service.interview()

    async def story() -> None:
        async with enter(interview) as viewer, enter(interview) as old, enter(interview) as new:
            await sit(viewer, interview.viewer)
            await sit(old, interview.publisher)
            assert await hear(viewer) == {"type": "peer", "present": True}
            assert (await sit(new, interview.publisher))["peer"] is True
            assert await closed(old) == 4409
            assert await hear(viewer) == {"type": "peer", "present": False}
            assert await hear(viewer) == {"type": "peer", "present": True}
            await say(new, type="candidate", data=1)
            assert await hear(viewer) == {"type": "candidate", "data": 1}

    run(story)


def test_strangers_do_not_get_in(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    interview, other = service.interview(), service.interview()
    monkeypatch.setattr(room, "HELLO_WITHIN_S", 0.2)

    async def story() -> None:
        for hello in (
            {"type": "hello", "token": "garbage"},
            {"type": "hello", "token": other.viewer},
            {"type": "hello", "token": KEY},
            {"type": "hello", "token": 7},
            {"type": "hello"},
            {"type": "offer", "data": 1},
        ):
            async with enter(interview) as line:
                await say(line, **hello)
                assert await closed(line) == 4401, hello
        async with enter(interview) as silent:
            assert await closed(silent) == 4401

    run(story)


def test_garbage_ends_the_connection_and_nothing_else(service: Service) -> None:
    interview = service.interview()

    async def story() -> None:
        async with enter(interview) as viewer:
            await sit(viewer, interview.viewer)
            for garbage, code in (("{", 4400), ("[]", 4400), ("[" * 50_000, 4400), (b"\x00", 4400)):
                async with enter(interview) as publisher:
                    await sit(publisher, interview.publisher)
                    await publisher.send(garbage)
                    assert await closed(publisher) == code
                assert (await hear(viewer))["present"] is True
                assert (await hear(viewer))["present"] is False
            for length in (65_600, 200_000):
                async with enter(interview) as publisher:
                    await sit(publisher, interview.publisher)
                    await say(publisher, type="offer", data="x" * length)
                    assert await closed(publisher) == 1009
                assert (await hear(viewer))["present"] is True
                assert (await hear(viewer))["present"] is False

    run(story)


def test_the_conversation_goes_on_without_the_check_but_not_after_the_end(service: Service) -> None:
    interview = service.interview()

    async def story() -> None:
        async with enter(interview) as viewer:
            await sit(viewer, interview.viewer)
            await asyncio.to_thread(service.call, "DELETE", f"{interview.path}/consent", interview.publisher)
            async with enter(interview) as publisher:
                await sit(publisher, interview.publisher)
                assert (await hear(viewer))["present"] is True
                await asyncio.to_thread(service.call, "POST", f"{interview.path}/end", interview.viewer)
                assert await closed(publisher) == 4410
            assert await closed(viewer) == 4410
        async with enter(interview) as late:
            await say(late, type="hello", token=interview.viewer)
            assert await closed(late) == 4410

    run(story)


def test_a_flood_is_cut_off_and_a_call_s_beginning_is_not(service: Service) -> None:
    interview = service.interview()

    async def story() -> None:
        async with enter(interview) as viewer, enter(interview) as publisher:
            await sit(viewer, interview.viewer)
            await sit(publisher, interview.publisher)
            await hear(viewer)
            for number in range(room.MESSAGES_AT_ONCE):
                await say(publisher, type="candidate", data=number)
                assert (await hear(viewer))["data"] == number
            with contextlib.suppress(ConnectionClosed):
                for _ in range(1000):
                    await say(publisher, type="candidate", data="too many")
            assert await closed(publisher) == 4429
            while (await hear(viewer))["type"] != "peer":
                pass
            await say(viewer, type="offer", data="still here")

    run(story)
