"""Loops, stillness and cadence on a person who talks, one in a loop, and a picture of her."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from people import Stream, stream_of
from test_contract import feed

from liveness.signals.cadence import Cadence
from liveness.signals.loops import Loops
from liveness.signals.stillness import Stillness


def test_a_loop_fits_its_past_sharply_and_a_talking_person_does_not(clips: Path, talking_stream: Stream) -> None:
    live = max(evidence.value for evidence in feed(Loops(), talking_stream))
    loop = max(evidence.value for evidence in feed(Loops(), stream_of(clips / "loop.mp4")))
    assert live < 0.5
    assert loop > live + 0.7


def test_a_loop_is_found_though_half_of_the_frames_are_lost(clips: Path) -> None:
    stream = stream_of(clips / "loop.mp4")
    rng = np.random.default_rng(3)
    thinned = [moment for moment in stream if moment[1] is not None or rng.random() < 0.5]
    assert max(evidence.value for evidence in feed(Loops(), thinned)) > 0.7


def test_nothing_is_said_about_loops_while_no_face_is_there(talking_stream: Stream) -> None:
    nobody = [(tick, observation and replace(observation, face=None)) for tick, observation in talking_stream]
    assert list(feed(Loops(), nobody)) == []


def test_a_picture_is_still_and_a_person_is_not(clips: Path, talking_stream: Stream) -> None:
    still = [evidence.value for evidence in feed(Stillness(), stream_of(clips / "frozen.mp4"))]
    alive = [evidence.value for evidence in feed(Stillness(), talking_stream)]
    assert max(still) + 0.7 < min(alive)


def test_a_link_that_freezes_after_movement_is_no_evidence(talking_stream: Stream) -> None:
    last_tick, last_observation = next(moment for moment in reversed(talking_stream) if moment[1] is not None)
    assert last_observation is not None
    assert last_observation.face is not None
    frozen: Stream = []
    for step in range(1, 80):
        time_s = last_tick.time_s + step / 12
        tick = replace(last_tick, time_s=time_s, face_change=0.0, rest_change=0.0)
        frame = last_observation.frame
        face = replace(last_observation.face, time_s=time_s)
        frozen.append((tick, replace(last_observation, face=face, frame=frame, changes=frozenset())))
    signal = Stillness()
    list(feed(signal, talking_stream))
    for tick, observation in frozen:
        signal.probe(tick)
        assert observation is not None
        signal.observe(observation)
    evidence = signal.evidence()
    assert evidence is not None
    assert evidence.quality == 0.0
    assert "connection" in (signal.missing() or "")


def test_a_face_renewed_every_other_frame_stalls(talking_stream: Stream) -> None:
    slow: Stream = [
        (replace(tick, face_change=0.0) if index % 2 else tick, observation)
        for index, (tick, observation) in enumerate(talking_stream)
    ]
    steady = max(evidence.value for evidence in feed(Cadence(), talking_stream))
    stalling = min(evidence.value for evidence in feed(Cadence(), slow))
    assert stalling > steady + 0.2
