"""A challenge in a call through a real worker: it runs on the server's clock, and outlives the worker."""

from __future__ import annotations

import asyncio
import os
import signal

import av
import pytest
from publishers import Camera, Heard, Publisher
from test_calls import running

from liveness.live.interface import ChallengeRefused, LiveSettings, UnknownResource
from liveness.live.pool import MediaPool


async def ask(pool: MediaPool, challenge_id: str = "c1") -> None:
    await pool.challenge("s", "prepare", challenge_id, challenge="turn_to_profile")
    await asyncio.sleep(2.5)
    await pool.challenge("s", "begin", challenge_id, challenge="turn_to_profile", parameters="left")


async def outcome(heard: Heard, challenge_id: str = "c1") -> dict[str, object]:
    event = await heard.until(
        "s",
        "challenge",
        lambda event: event.data["kind"] == "outcome" and event.data["id"] == challenge_id,
        within_s=20,
    )
    return dict(event.data)


def test_who_does_not_turn_is_not_accused(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            with pytest.raises(UnknownResource):
                await pool.challenge("s", "prepare", "c1", challenge="turn_to_profile")
            publisher = Publisher(Camera(person))
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
            with pytest.raises(ChallengeRefused, match="no such challenge"):
                await pool.challenge("s", "prepare", "c1", challenge="dance")
            await ask(pool)
            with pytest.raises(ChallengeRefused, match="has begun already"):
                await pool.challenge("s", "begin", "c1", challenge="turn_to_profile", parameters="left")
            over = await outcome(heard)
            assert over["result"] == "not_done"
            assert over["llr"] == {}
            guidance = [event.data["guidance"] for event in heard.of("s", "challenge") if "guidance" in event.data]
            assert guidance
            document = await pool.end("s")
            assert document is not None
            assert [one["result"] for one in document["challenges"]] == ["not_done"]
            said = {reason["signal"] for verdict in heard.of("s", "verdict") for reason in verdict.data["reasons"]}
            assert said
            assert "turn_to_profile" not in said
            await publisher.close()

    asyncio.run(story())


def test_a_challenge_outlives_the_death_of_its_worker(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running(LiveSettings(workers=1)) as (pool, heard):
            publisher = Publisher(Camera(person))
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
            await ask(pool)
            await asyncio.sleep(2.5)
            (numbers,) = (await pool.metrics()).values()
            os.kill(int(numbers["pid"]), signal.SIGKILL)
            await heard.until("s", "closed", within_s=5)
            again = Publisher(Camera(person))
            for _ in range(40):
                if pool.workers_ready:
                    break
                await asyncio.sleep(0.25)
            await again.publish(pool, "s")
            assert (await outcome(heard))["result"] in ("not_done", "unclear")
            await publisher.close()
            await again.close()

    asyncio.run(story())


def test_a_challenge_that_is_stopped_has_no_outcome(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            publisher = Publisher(Camera(person))
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
            await ask(pool)
            await pool.challenge("s", "stop", "c1", challenge="turn_to_profile")
            await ask(pool, "c2")
            await outcome(heard, "c2")
            assert {event.data["id"] for event in heard.of("s", "challenge") if "result" in event.data} == {"c2"}
            await publisher.close()

    asyncio.run(story())
