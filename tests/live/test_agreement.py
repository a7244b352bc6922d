"""A live call and its log: replayed with the same frames, the engine says the same again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from people import save
from publishers import Camera, Network, Publisher

from liveness.engine import Engine
from liveness.frames import Pixels
from liveness.fusion.calibration import load
from liveness.live.analyser import Analyser
from liveness.live.call import Call, CallLog, settings_for
from liveness.live.peer import Peer
from liveness.live.shedding import LEVELS
from liveness.measures.probe import Prober
from liveness.media import MediaFrame
from liveness.review.document import verdict_document
from liveness.review.reviewing import review_recording

Verdicts = list[dict[str, Any]]


class RecordedCall(Call):
    """A call that keeps the frames that it was given."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.frames: list[av.VideoFrame] = []

    def receive(self, source: av.VideoFrame, *, usable: bool = True) -> bool:
        before = self.clock.last_s
        waits = super().receive(source, usable=usable)
        if usable and self.clock.last_s != before:
            self.frames.append(source)
        return waits


async def call_of(
    pictures: list[av.VideoFrame], keep: Path, seconds: float, network: Network | None = None
) -> tuple[Verdicts, RecordedCall, dict[str, Any]]:
    """Hold a call in this process; what the engine said, what it was given, and the review at the end."""
    publisher = Publisher(Camera(pictures), network)
    said: Verdicts = []

    def emit(session_id: str, kind: str, data: Mapping[str, Any]) -> None:
        assert kind != "failed", data
        if kind == "verdict":
            said.append({key: value for key, value in data.items() if not key.endswith("_unix_ms")})

    call = RecordedCall("s", Engine(load(), settings_for(0.5, frozenset())), load(), keep=keep / "s.snapshot", log=True)
    analyser = Analyser(emit)
    analyser.start()
    analyser.add(call)
    peer = Peer(call, (), wake=analyser.wake, on_message=lambda _: None, on_closed=lambda *_: None)
    answer = await peer.accept(await publisher.offer())
    await publisher.accept(answer.sdp)
    await asyncio.sleep(seconds / 2)
    await analyser.run(lambda: call.relieve(LEVELS[2]))
    await asyncio.sleep(seconds / 2)
    await peer.close()
    document = await analyser.run(call.document)
    analyser.stop()
    await publisher.close()
    return said, call, document


def replayed(log: CallLog, frames: list[av.VideoFrame]) -> Verdicts:
    """Give an engine the frames again as the log says."""
    said: Verdicts = []
    prober, waiting = Prober(), iter(zip(log.probed_s, frames, strict=False))
    with Engine(load(), settings_for(0.5, frozenset())) as engine:
        for kind, time_s, more in log.steps:
            verdict = None
            if kind == "event":
                engine.notify(more)
            elif kind == "idle":
                verdict = engine.idle(time_s)
            else:
                index, probed, dropped = more
                for _ in range(probed):
                    at_s, source = next(waiting)
                    luma = MediaFrame(source, index=0, time_s=at_s).luma()
                    engine.probe(prober.tick(luma, at_s, engine.face_box))
                verdict = engine.push(MediaFrame(source, index=index, time_s=time_s, dropped=dropped))
            if verdict is not None:
                said.append({**verdict_document(verdict)})
    return said


def test_a_call_replayed_from_its_log_says_the_same_to_the_last_digit(
    person: list[av.VideoFrame], tmp_path: Path
) -> None:
    said, call, _ = asyncio.run(call_of(person, tmp_path, 8, Network(loss=0.03)))
    assert call.log is not None
    assert len(said) > 10
    assert {kind for kind, *_ in call.log.steps} >= {"frame", "event"}
    assert replayed(call.log, call.frames) == said


def test_a_call_and_a_review_of_its_source_agree(person: list[av.VideoFrame], tmp_path: Path) -> None:
    def rgb() -> list[Pixels]:
        return [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8) for frame in person]

    clip = save(tmp_path / "talking.mp4", iter(rgb()))
    reviewed = review_recording(clip, load()).data["verdict"]
    _, _, document = asyncio.run(call_of(person, tmp_path, 8))
    called = document["verdict"]
    assert {called["state"], reviewed["state"]} != {"live", "suspect"}
    assert abs(called["confidence"] - reviewed["confidence"]) < 0.1
