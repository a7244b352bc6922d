"""Loops, stillness and cadence on a person who talks, one in a loop, and a picture of her."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from people import Stream, photograph, repeated, save, stream_of, talking, walk
from test_contract import feed

from liveness.frames import Pixels, ProbeTick
from liveness.measures.inner_motion import inner_motion
from liveness.measures.repeats import Course
from liveness.signals.cadence import Cadence
from liveness.signals.expressions import Expressions
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


def test_a_loop_that_drifts_by_some_pixels_is_told_by_its_expressions(tmp_path: Path, talking_stream: Stream) -> None:
    drift_x, drift_y = walk(400, seed=77, step_s=2.0) * 3, walk(400, seed=78, step_s=2.0) * 3
    matrices = [np.array([[1, 0, x], [0, 1, y]], dtype=np.float64) for x, y in zip(drift_x, drift_y, strict=True)]
    pictures = repeated(list(talking(3.4, seed=4)), 4)
    moved = (
        np.asarray(cv2.warpAffine(picture, matrix, (384, 384), borderMode=cv2.BORDER_REFLECT), dtype=np.uint8)
        for picture, matrix in zip(pictures, matrices, strict=False)
    )
    drifting = stream_of(save(tmp_path / "drifting.mp4", moved))
    live = max((evidence.value for evidence in feed(Expressions(), talking_stream)), default=-2.3)
    assert max(evidence.value for evidence in feed(Expressions(), drifting)) > live + 0.5
    assert max(evidence.value for evidence in feed(Expressions(), drifting)) > 0.0


def test_the_memory_of_a_course_is_bounded_and_keeps_the_newest() -> None:
    course = Course(width=2, longest=100)
    for value in range(1234):
        course.append(np.full(2, value, dtype=np.float32))
    kept = course.values()[:, 0]
    assert 50 <= len(kept) <= 100
    assert list(kept) == list(range(1234 - len(kept), 1234))
    assert course.forgotten + course.count == 1234


def test_frames_that_come_in_gaps_of_two_slots_do_not_wipe_the_memory() -> None:
    signal = Loops()
    tick = ProbeTick(0.0, 1, np.zeros((16, 16), dtype=np.float32), None, 0.0, 0.0)
    for index in range(20_000):
        signal.probe(replace(tick, time_s=index * 1001 / 24000))
    assert signal._course.count > 4000


def test_nothing_is_said_about_loops_while_no_face_is_there(talking_stream: Stream) -> None:
    nobody = [(tick, observation and replace(observation, face=None)) for tick, observation in talking_stream]
    assert list(feed(Loops(), nobody)) == []


def test_a_picture_is_still_and_a_person_is_not(clips: Path, talking_stream: Stream) -> None:
    still = [evidence.value for evidence in feed(Stillness(), stream_of(clips / "frozen.mp4"))]
    alive = [evidence.value for evidence in feed(Stillness(), talking_stream)]
    assert max(still) + 0.7 < min(alive)


def test_a_picture_that_drifts_under_noise_is_still_to_its_pixels(tmp_path: Path, talking_stream: Stream) -> None:
    drift_x, drift_y, zoom = (walk(150, seed=seed, step_s=2.0) for seed in (31, 32, 33))
    rng = np.random.default_rng(6)
    pictures = []
    for x, y, z in zip(drift_x, drift_y, zoom, strict=True):
        scale = 1.06 + 0.02 * float(z)
        matrix = np.array([[scale, 0, 3 * x - 10], [0, scale, 3 * y - 10]], dtype=np.float64)
        moved = cv2.warpAffine(photograph(), matrix, (384, 384), borderMode=cv2.BORDER_REFLECT)
        pictures.append(np.clip(moved + rng.normal(0, 3, (384, 384, 1)), 0, 255).astype(np.uint8))
    drifting = stream_of(save(tmp_path / "drifting_still.mp4", iter(pictures)))
    still = [evidence.features["inner_motion"] for evidence in feed(Stillness(), drifting)]
    alive = [evidence.features["inner_motion"] for evidence in feed(Stillness(), talking_stream)]
    assert max(still) + 0.7 < min(alive)


def test_a_brighter_moved_and_zoomed_picture_of_a_face_has_no_motion_of_its_own() -> None:
    face = cv2.resize(photograph()[60:210, 110:260, 1], (48, 48), interpolation=cv2.INTER_AREA).astype(np.uint8)
    moved: list[Pixels] = []
    mouth: list[Pixels] = []
    for step in range(12):
        matrix = np.array(cv2.getRotationMatrix2D((24, 24), step - 6.0, 1 + step / 200), dtype=np.float64)
        matrix[:, 2] += (step / 8, -step / 10)
        picture = cv2.warpAffine(face, matrix, (48, 48), borderMode=cv2.BORDER_REPLICATE)
        moved.append(np.clip(picture * (0.8 + step / 60) + step, 0, 255).astype(np.uint8))
        spoken = face.copy()
        spoken[32:38, 18:30] = np.clip(spoken[32:38, 18:30].astype(int) - 60 * (step % 2), 0, 255)
        mouth.append(spoken)
    assert inner_motion(moved) < 0.4 * inner_motion(mouth)


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
