"""Senders of the bench against a real peer: what they replay arrives decoded, in order, and can be told in time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.mediastreams import MediaStreamTrack
from clips import Track, write_clip

from liveness.errors import ConfigError, LivenessError, MediaError
from liveness.lab.bench.clip import FPS, EncodedClip, prepare_clip, read_clip
from liveness.lab.bench.lines import Child, ChildError
from liveness.lab.bench.naive import SenderClock
from liveness.lab.bench.senders import LayeredPacker, ReplayTrack, Sender, fill_service
from liveness.lab.bench.whip import WhipClient

SIZE = (320, 240)
ENOUGH = 40


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of half a second, encoded to four seconds."""
    folder = tmp_path_factory.mktemp("bench")
    source = write_clip(folder / "source.mp4", Track(size=(160, 120), fps=10, count=5))
    return prepare_clip(source, folder=folder, seconds=4, size=SIZE)


@pytest.fixture(scope="module")
def clip(clip_file: Path) -> EncodedClip:
    return read_clip(clip_file)


class Listener:
    """A real peer that keeps what arrives."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames: list[av.VideoFrame] = []
        self.clock: SenderClock | None = None
        self.enough = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self.pc.on("track", self._begin)

    async def answer(self, sdp: str) -> str:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return str(self.pc.localDescription.sdp)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self.pc.close()

    def _begin(self, track: MediaStreamTrack) -> None:
        self.clock = SenderClock(self.pc.getReceivers()[0])
        self._reading = asyncio.get_running_loop().create_task(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            self.frames.append(cast(av.VideoFrame, await track.recv()))
            if len(self.frames) >= ENOUGH:
                self.enough.set()


def times_s(frames: list[av.VideoFrame]) -> list[float]:
    return [float(frame.pts * frame.time_base) for frame in frames if frame.pts is not None and frame.time_base]


def test_a_recording_becomes_a_clip_that_is_encoded_once(clip_file: Path, clip: EncodedClip, tmp_path: Path) -> None:
    assert (clip.width, clip.height) == SIZE
    assert clip.seconds == 4.0
    assert clip.keyframes[:2] == (0, 76)
    assert clip.keyframe_after(1) == 76
    assert clip.keyframe_after(77) == 0
    made = clip_file.stat().st_mtime_ns
    source = clip_file.parent / "source.mp4"
    assert prepare_clip(source, folder=clip_file.parent, seconds=4, size=SIZE) == clip_file
    assert clip_file.stat().st_mtime_ns == made
    assert read_clip(prepare_clip(None, folder=tmp_path, seconds=1, size=(160, 90))).seconds == 1.0


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read"):
        prepare_clip(tmp_path / "nothing.mp4", folder=tmp_path)
    broken = tmp_path / "broken.webm"
    broken.write_bytes(b"no clip")
    with pytest.raises(MediaError, match="delete it"):
        read_clip(broken)
    with pytest.raises(MediaError, match="VP8"):
        read_clip(write_clip(tmp_path / "other.mp4"))


def test_frames_arrive_decoded_in_order_and_their_sending_time_is_known(clip: EncodedClip) -> None:
    async def story() -> None:
        sender, listener = Sender(clip, start=30), Listener()
        try:
            assert await sender.accept(await listener.answer(await sender.offer()))
            async with asyncio.timeout(20):
                await listener.enough.wait()
                clock = listener.clock
                assert clock is not None
                while clock.sent_at(0.0) is None:
                    await asyncio.sleep(0.1)
        finally:
            await sender.close()
            await listener.close()
        assert "VP8" in listener.pc.remoteDescription.sdp
        assert "H264" not in listener.pc.remoteDescription.sdp
        assert {(frame.width, frame.height) for frame in listener.frames} == {SIZE}
        came = times_s(listener.frames)
        steps = [later - earlier for earlier, later in itertools.pairwise(came)]
        assert min(steps) > 0
        assert sorted(steps)[len(steps) // 2] == pytest.approx(1 / FPS, abs=1e-3)
        # The receiver's zero is the sender's first frame; both must tell the same moment.
        began_s, told_s = sender.track.began_unix_s, clock.sent_at(0.0)
        assert began_s is not None
        assert told_s is not None
        assert abs(told_s - began_s) < 1.0
        assert clock.sent_at(2**32 / 90_000) == pytest.approx(told_s, abs=1e-3), (
            "whole rounds of the stamps do not count"
        )

    asyncio.run(story())


def test_a_clip_goes_round_without_a_jump_and_gives_key_frames_when_asked(clip: EncodedClip) -> None:
    async def story() -> None:
        track = ReplayTrack(clip, start=100)
        first = await track.recv()
        assert bytes(first) == clip.packets[0], "the next key frame lies behind the end, so it begins anew"
        track.give_keyframe()
        second = await track.recv()
        assert bytes(second) == clip.packets[76]
        assert second.pts is not None
        assert first.pts is not None
        assert second.pts - first.pts == 90_000 // FPS
        assert track.sent.keyframes_asked == 1
        assert track.sent.frames == 2

    asyncio.run(story())


def test_packets_say_in_which_temporal_layer_their_picture_is(clip: EncodedClip) -> None:
    async def story() -> list[tuple[set[tuple[int, int] | None], bytes]]:
        track = ReplayTrack(clip)
        packer = LayeredPacker(track)
        told = []
        for _ in range(4):
            payloads, _ = packer.pack(await track.recv())
            parsed = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
            told.append(({descriptor.tid for descriptor, _ in parsed}, b"".join(data for _, data in parsed)))
        return told

    told = asyncio.run(story())
    assert [tids for tids, _ in told] == [{(0, 0)}, {(1, 1)}, {(0, 0)}, {(1, 0)}]
    assert [data for _, data in told] == list(clip.packets[:4])


def test_senders_in_a_process_of_their_own_call_the_naive_server(clip_file: Path) -> None:
    async def story() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        senders = await Child.start("liveness.lab.bench.senders", str(clip_file))
        server = await Child.start("liveness.lab.bench.naive")
        try:
            for _ in range(2):
                offer = await senders.ask("offer")
                answer = await server.ask("accept", sdp=offer["sdp"])
                assert await senders.ask("accept", number=offer["number"], sdp=answer)
            seen: list[dict[str, Any]] = []
            async with asyncio.timeout(30):
                while not seen or not all(call["ages_ms"] for call in seen):
                    await asyncio.sleep(0.5)
                    seen = await server.ask("window")
            sent = await senders.ask("report")
            await senders.ask("leave")
            with pytest.raises(ChildError, match="IndexError"):
                await senders.ask("accept", number=7, sdp="")
        finally:
            await senders.stop()
            await server.stop()
        return sent, seen

    sent, seen = asyncio.run(story())
    assert [one["state"] for one in sent["senders"]] == ["connected", "connected"]
    assert all(one["frames"] > 0 for one in sent["senders"])
    assert sent["cpu_seconds"] > 0
    assert all(call["analysed"] >= len(call["ages_ms"]) for call in seen)
    assert all(age > 0 for call in seen for age in call["ages_ms"])


def test_a_child_that_ends_is_told() -> None:
    async def story() -> None:
        child = await Child.start("liveness.lab.bench.senders", "there-is-no-such-clip")
        with pytest.raises(ChildError, match="see what it said"):
            await child.ask("offer")
        await child.stop()

    asyncio.run(story())


def test_a_server_must_be_named_in_full() -> None:
    with pytest.raises(ConfigError, match="base URL"):
        WhipClient("localhost:8443", "lk_x")


@contextmanager
def served(data: Path) -> Iterator[tuple[str, str]]:
    """Run ``liveness serve``; yields its address and its API key."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "liveness", "serve", "--port", str(port), "--data", str(data), "--workers", "1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIVENESS_")}
    with (
        (data.parent / "serve.log").open("w+", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            key = None
            for _ in range(300):
                log.seek(0)
                found = re.search(r"lk_[\w-]+", log.read())
                key = found.group(0) if found else None
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    if key:
                        break
                assert process.poll() is None, (data.parent / "serve.log").read_text("utf-8")
                time.sleep(0.1)
            assert key
            yield f"http://127.0.0.1:{port}", key
        finally:
            process.terminate()


def sessions_of(address: str, key: str) -> Any:
    request = urllib.request.Request(f"{address}/v1/sessions", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [session["id"] for session in json.load(answer)["sessions"]]


def test_senders_fill_a_running_service_and_leave_nothing_behind(clip: EncodedClip, tmp_path: Path) -> None:
    with served(tmp_path / "data") as (address, key):
        before = sessions_of(address, key)
        sent = asyncio.run(fill_service(WhipClient(address, key), clip, calls=2, seconds=1.0))
        assert len(sent) == 2
        assert all(one.frames > 0 for one in sent)
        assert sessions_of(address, key) == before
        with pytest.raises(LivenessError, match="401"):
            WhipClient(address, "lk_of-nobody").create_session()
