"""Calls through real workers: a verdict while it runs, bad networks, dying workers, forged messages."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import av
import pytest
from publishers import SETTINGS, Camera, Heard, Network, Publisher, dark, sized

from liveness.live.pool import AtCapacity, LiveSettings, MediaPool, OfferRefused, SessionOptions, UnknownResource


@asynccontextmanager
async def running(settings: LiveSettings = SETTINGS) -> AsyncIterator[tuple[MediaPool, Heard]]:
    heard = Heard()
    pool = MediaPool(settings, heard)
    await pool.start()
    try:
        yield pool, heard
    finally:
        await pool.stop(grace_s=0)


def test_a_person_talks_and_the_host_hears_what_is_thought_of_it(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            publisher = Publisher(Camera(person))
            answer = await publisher.publish(pool, "s")
            verdict = await heard.until("s", "verdict", lambda event: event.data["state"] != "warming_up")
            assert verdict.data["time_s"] < 6
            assert verdict.data["received"]["width"] == 384
            await heard.until("s", "link", lambda event: event.data["age_clock"] == "sender")
            assert pool.resource_of("s") == answer.resource_id
            assert pool.is_receiving("s")
            so_far = await pool.report("s")
            assert so_far is not None
            assert so_far["media"]["codec"] in ("vp8", "h264")
            document = await pool.end("s")
            assert document is not None
            assert document["schema"] == "liveness.review/1"
            assert document["verdict"]["state"] in ("live", "inconclusive")
            assert document["timeline"]
            assert pool.resource_of("s") is None
            assert await pool.report("s") is None
            await publisher.close()

    asyncio.run(story())


def test_the_age_of_every_analysed_frame_is_told_once(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            publisher = Publisher(Camera(person))
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 2)
            first = await pool.frame_ages(0.0)
            last_s = max(age.done_unix_s for age in first)
            await heard.until("s", "verdict")
            later = await pool.frame_ages(last_s)
            await publisher.close()
        assert {age.session_id for age in first} == {"s"}
        assert len(first) > 2 * len(heard.of("s", "verdict"))  # not only those that gave a verdict
        assert all(age.since_sent_ms > 0 for age in first)
        assert all(age.done_unix_s > last_s for age in later)

    asyncio.run(story())


def test_a_call_that_hangs_up_and_comes_again_goes_on_with_its_evidence(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            first = Publisher(Camera(person))
            answer = await first.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
            await pool.hang_up(answer.resource_id)
            assert heard.of("s", "closed")[0].data["reason"] == "bye"
            with pytest.raises(UnknownResource):
                await pool.hang_up(answer.resource_id)
            second = Publisher(Camera(person))
            await second.publish(pool, "s")
            verdict = await heard.until("s", "verdict", lambda event: event.data["frame_unix_ms"] is not None)
            assert verdict.data["time_s"] > 3
            assert verdict.data["state"] != "warming_up"
            await first.close()
            await second.close()

    asyncio.run(story())


def test_a_killed_worker_gives_its_sessions_back_and_the_others_never_notice(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running(LiveSettings(workers=2)) as (pool, heard):
            publishers = {name: Publisher(Camera(person)) for name in ("doomed", "spared")}
            for name, publisher in publishers.items():
                await publisher.publish(pool, name)
            await heard.until("doomed", "verdict", lambda event: event.data["time_s"] > 4)
            numbers = await pool.metrics()
            pid = next(int(one["pid"]) for number, one in numbers.items() if number == pool._worker_of("doomed").number)  # type: ignore[union-attr]
            os.kill(pid, signal.SIGKILL)
            closed = await heard.until("doomed", "closed", within_s=5)
            assert closed.data["reason"] == "worker_died"
            again = Publisher(Camera(person))
            await again.publish(pool, "doomed")
            verdict = await heard.until("doomed", "verdict", lambda event: event.data["frame_unix_ms"], within_s=5)
            assert verdict.data["time_s"] > 4
            assert verdict.data["state"] != "warming_up"
            assert not heard.of("spared", "closed")
            await heard.until("spared", "verdict")
            document = await pool.end("doomed")
            assert document is not None
            assert document["timeline"][0]["time_s"] < 2
            for publisher in (*publishers.values(), again):
                await publisher.close()

    asyncio.run(story())


def test_a_bad_network_makes_nobody_suspect_and_all_comes_back(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            network = Network()
            camera = Camera(person)
            publisher = Publisher(camera, network)
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
            network.loss, network.jitter_s = 0.1, 0.3
            await asyncio.sleep(6)
            network.loss, network.jitter_s = 0.0, 0.0
            camera.paused = True
            before = await heard.until("s", "verdict", lambda event: event.data["frame_unix_ms"] is None)
            await asyncio.sleep(5)
            after = heard.of("s", "verdict")[-1]
            assert after.data["frame_unix_ms"] is None
            assert after.data["state"] == "inconclusive"
            assert all(after.data["coverage"][family] < share for family, share in before.data["coverage"].items())
            camera.paused = False
            await heard.until("s", "link", lambda event: event.data["fps"] > 15)
            for size in ((640, 480), (320, 240), (1280, 720)):
                camera.pictures = sized(person[:90], *size)
                await heard.until("s", "verdict", lambda event, at=size: event.data["received"]["width"] == at[0])  # type: ignore[misc]
            camera.pictures = dark()
            await asyncio.sleep(2)
            camera.pictures = person
            await heard.until("s", "link", lambda event: event.data["fps"] > 20)
            assert network.lost > 20
            assert "suspect" not in heard.states("s")
            assert not heard.of("s", "rate")
            assert not heard.of("s", "closed")
            await publisher.close()

    asyncio.run(story())


def test_a_network_that_is_gone_for_twenty_seconds_comes_back(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            network = Network()
            publisher = Publisher(Camera(person), network)
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
            network.down = True
            await asyncio.sleep(20)
            assert heard.of("s", "link")[-1].data["quality"] == "none"
            assert heard.of("s", "verdict")[-1].data["state"] == "inconclusive"
            assert not pool.is_receiving("s")
            network.down = False
            verdict = await heard.until("s", "verdict", lambda event: event.data["frame_unix_ms"] is not None)
            assert verdict.data["time_s"] > 20
            assert pool.is_receiving("s")
            assert "suspect" not in heard.states("s")
            await publisher.close()

    asyncio.run(story())


def test_a_camera_that_is_unplugged_accuses_nobody(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            camera = Camera(person)
            publisher = Publisher(camera)
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
            camera.stop()
            await heard.until("s", "link", lambda event: event.data["quality"] == "none")
            await heard.until("s", "verdict", lambda event: event.data["state"] == "inconclusive")
            assert "suspect" not in heard.states("s")
            await publisher.close()

    asyncio.run(story())


def test_forged_messages_are_counted_and_nothing_else(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running() as (pool, heard):
            publisher = Publisher(Camera(person))
            await publisher.publish(pool, "s")
            await heard.until("s", "verdict")
            forged: list[str | bytes] = [
                '{"type": "verdict", "confidence": 1}',
                "not json",
                "[" * 5000,
                b"\x00\xff",
                json.dumps({"type": "report", "x": "y" * 20_000}),
            ]
            for message in forged:
                publisher.channel.send(message)
            publisher.channel.send(json.dumps({"type": "report", "page_visible": True}))
            heard_report = await heard.until("s", "message")
            assert heard_report.data["data"]["page_visible"] is True
            assert (await pool.metrics())[0]["forged_messages_total"] == len(forged)
            assert await pool.tell("s", {"type": "rate", "max_fps": 15})
            await heard.until("s", "verdict")
            assert json.loads(publisher.heard[0]) == {"type": "rate", "max_fps": 15}
            await publisher.close()

    asyncio.run(story())


def test_refusals_leave_nothing_behind(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running(LiveSettings(workers=1, calls_per_worker=1)) as (pool, heard):
            with pytest.raises(OfferRefused):
                await pool.open("garbage", "v=0\r\n", SessionOptions())
            publisher = Publisher(Camera(person))
            answer = await publisher.publish(pool, "s")
            other = Publisher(Camera(person))
            with pytest.raises(AtCapacity):
                await pool.open("too-many", await other.offer())
            with pytest.raises(OfferRefused, match="restart") as refusal:
                await pool.trickle(answer.resource_id, "a=ice-ufrag:other\r\na=ice-pwd:0123456789012345678901\r\n")
            assert refusal.value.status == 422
            with pytest.raises(UnknownResource):
                await pool.trickle("unknown", "a=end-of-candidates\r\n")
            await heard.until("s", "verdict")
            assert (await pool.metrics())[0]["sessions"] == 1
            await pool.end("s", withdrawn=True)
            assert (await pool.metrics())[0]["sessions"] == 0
            await publisher.close()
            await other.close()

    asyncio.run(story())


def test_a_browser_that_hides_its_addresses_is_found_by_its_own_checks(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        async with running(LiveSettings(workers=1)) as (pool, heard):
            publisher = Publisher(Camera(person))
            offer = await publisher.offer()
            assert "a=end-of-candidates" in offer
            hidden = re.sub(r"(?m)^(a=candidate:\S+ \d udp \d+) \S+", r"\1 0c4ea4f0-no-such-host.local", offer)
            assert hidden != offer
            await publisher.accept((await pool.open("s", hidden)).sdp)
            await heard.until("s", "link", lambda event: event.data["fps"] > 0)
            await publisher.close()

    asyncio.run(story())


def test_sessions_come_and_go_and_leave_nothing(person: list[av.VideoFrame]) -> None:
    async def come_and_go(pool: MediaPool, heard: Heard, number: int) -> None:
        publisher = Publisher(Camera(person))
        sdp = await publisher.offer()
        answer = await pool.open(f"s{number}", sdp)
        if number % 3:
            await publisher.accept(answer.sdp)
        if number % 3 == 2:
            await heard.until(f"s{number}", "verdict")
        await publisher.close()
        await pool.end(f"s{number}")

    async def story() -> None:
        async with running() as (pool, heard):
            for number in range(3):
                await come_and_go(pool, heard, number)
            before = (await pool.metrics())[0]
            for number in range(3, 12):
                await come_and_go(pool, heard, number)
            await asyncio.sleep(1.5)
            after = (await pool.metrics())[0]
            assert after["sessions"] == after["connections"] == 0
            assert after["open_files"] <= before["open_files"] + 2
            assert after["tasks"] <= before["tasks"] + 2

    asyncio.run(story())


def test_erasing_removes_what_a_worker_that_died_has_left(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(replace(SETTINGS, workers=1, runtime_dir=tmp_path)) as (pool, _):
            name = hashlib.sha256(b"s1").hexdigest()[:32]
            left = [tmp_path / f"{name}.snapshot", tmp_path / f"{name}.part"]
            other = tmp_path / f"{'0' * 32}.snapshot"
            for path in (*left, other):
                path.write_bytes(b"evidence")
            await pool.end("s1", withdrawn=True)
            assert list(tmp_path.iterdir()) == [other]

    asyncio.run(story())


def test_stopping_ends_every_call_with_its_report(person: list[av.VideoFrame]) -> None:
    async def story() -> None:
        heard = Heard()
        pool = MediaPool(SETTINGS, heard)
        await pool.start()
        publisher = Publisher(Camera(person))
        await publisher.publish(pool, "s")
        await heard.until("s", "verdict", lambda event: event.data["time_s"] > 3)
        await pool.stop(grace_s=5)
        assert heard.of("s", "closed")[-1].data["reason"] == "shutdown"
        assert heard.of("s", "report")[-1].data["schema"] == "liveness.review/1"
        await publisher.close()

    asyncio.run(story())
