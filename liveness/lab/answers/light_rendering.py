"""Answers to the light code over real clips, rendered and measured once, and kept: only the judging is repeated."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from liveness.challenges.light_sequence import RANDOM_BYTES, Code
from liveness.dsp import Series
from liveness.faces.landmarks import LandmarkTracker
from liveness.faces.tracking import FaceFollower
from liveness.frames import Floats, Pixels
from liveness.lab.answers.light_scene import FPS, KINDS, Kind, Scene, Shape, Shapes, answered, placed
from liveness.lab.attacks import Call, read_source, through
from liveness.lab.dataset import Sample
from liveness.measures.skin_light import PARTS, lit
from liveness.media import MediaFrame

_ANALYSED_HZ = 12.0
_BEFORE_S, _AFTER_S = 2.5, 1.6
_KBIT_S = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One answer as it was measured."""

    sample: str
    person: str
    kind: Kind
    code: str
    """As :meth:`liveness.challenges.light_code.LightCode.drawn` writes it."""
    scene: Scene
    times_s: Series
    """(n,) after the prompt."""
    colours: Floats
    """(n, 8, 3) of :func:`liveness.measures.skin_light.lit`; NaN where nothing was measured."""
    lost: Floats
    """(n,)"""
    wide: Floats
    """(n,) width of the face as a share of the picture's; 0 where there is none."""


def jobs(samples: Sequence[Sample], rounds: int) -> list[tuple[Sample, Kind, int]]:
    """Return what to render, in rounds of two genuine answers and two forged of each clip, the kinds in turn."""
    forged = KINDS[1:]
    found: list[tuple[Sample, Kind, int]] = []
    for turn in range(rounds):
        for place, sample in enumerate(samples):
            found += [(sample, "genuine", 2 * turn), (sample, "genuine", 2 * turn + 1)]
            found += [(sample, forged[(place + turn + half) % len(forged)], 2 * turn) for half in (0, len(forged) // 2)]
    return found


def rendered(sample: Sample, kind: Kind, number: int, cache: Path) -> Answer | None:
    """Render one answer and measure it, or take it from the cache; None if the clip shows no face throughout."""
    path = cache / f"{sample.id}-{kind}-{number}.npz"
    if not path.exists():
        made = _made(sample, kind, number)
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        if made is None:
            np.savez(part, none=np.ones(1))
        else:
            about = json.dumps({"code": made.code, "scene": asdict(made.scene)})
            np.savez(
                part,
                about=np.array(about),
                times_s=made.times_s,
                colours=made.colours,
                lost=made.lost,
                wide=made.wide,
            )
        part.replace(path)
        return made
    with np.load(path) as kept:
        if "none" in kept:
            return None
        about = json.loads(str(kept["about"]))
        scene = about["scene"]
        scene |= {"screen_m": tuple(scene["screen_m"]), "window": tuple(scene["window"])}
        return Answer(
            sample=sample.id,
            person=sample.group,
            kind=kind,
            code=about["code"],
            scene=Scene(**scene),
            times_s=kept["times_s"],
            colours=kept["colours"],
            lost=kept["lost"],
            wide=kept["wide"],
        )


def render_all(
    wanted: Sequence[tuple[Sample, Kind, int]], cache: Path, progress: Callable[[str], None]
) -> Iterator[Answer]:
    """Yield all answers that can be made."""
    for place, (sample, kind, number) in enumerate(wanted):
        progress(f"{place + 1} of {len(wanted)}: {sample.id} {kind}")
        found = rendered(sample, kind, number, cache)
        if found is not None:
            yield found


def _made(sample: Sample, kind: Kind, number: int) -> Answer | None:
    seed = int.from_bytes(hashlib.sha256(f"{sample.id} {number} {kind}".encode()).digest()[:8], "big")
    rng = np.random.default_rng(seed)
    scene, random = Scene.drawn(rng), rng.bytes(RANDOM_BYTES)
    code = Code.of_bytes(random)
    own, points, fps = _followed(sample.file)
    if points is None:
        return None
    seconds = _BEFORE_S + float(code.starts_s[-1]) + _AFTER_S
    count = int(seconds * FPS)
    times = np.arange(count) / FPS + rng.normal(0, 0.003, count)
    order = _to_and_fro(times, fps, len(own), rng)
    used = sorted({int(i) for i in order})
    pictures, landmarks = placed({i: own[i] for i in used}, points, scene)
    shapes = Shapes(scene, min(points, key=_turned))
    needed: dict[int, Shape] = {}
    flat = shapes.flat(bounded=None)
    if kind == "cutout":
        flat = shapes.flat(bounded=shapes.of(landmarks[int(order[0])]).body)
    for index in used:
        needed[index] = flat if kind in ("photo", "cutout", "screen") else shapes.of(landmarks[index])
    light = answered(
        [pictures[int(i)] for i in order],
        [needed[int(i)] for i in order],
        times - _BEFORE_S,
        code,
        scene=scene,
        kind=kind,
        rng=rng,
    )
    sent = through(light, FPS, Call(scene.codec, _KBIT_S, 480, 0.0, 0.3), rng)
    measured = _measured(sent, times)
    return Answer(sample.id, sample.group, kind, random.hex(), scene, *measured)


@functools.lru_cache(maxsize=1)
def _followed(file: Path) -> tuple[list[Pixels], list[Floats] | None, float]:
    """Return a clip's pictures and their landmarks; None if a face is missing for long, or at all at first."""
    source = read_source(file)
    points: list[Floats] = []
    missing = 0
    with LandmarkTracker() as tracker:
        for picture in source.pictures:
            found = tracker.track(picture)
            missing += found is None
            if found is not None or points:
                points.append(found if found is not None else points[-1])
    if missing > 0.1 * len(source.pictures):
        return [], None, source.fps
    return list(source.pictures[len(source.pictures) - len(points) :]), points, source.fps


def _to_and_fro(times: Series, fps: float, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return which picture is seen when; a clip that is too short runs back and forth, so that nothing jumps."""
    period = max(2 * (count - 1), 1)
    at = (np.floor(times * fps).astype(np.int64) + int(rng.integers(period))) % period
    return np.where(at < count, at, period - at)


def _turned(points: Floats) -> float:
    """Return how far the nose stands off the middle between the sides of the face."""
    middle = (points[234, 0] + points[454, 0]) / 2
    return float(abs(points[1, 0] - middle) / max(abs(points[454, 0] - points[234, 0]), 1e-6))


def as_frames(pictures: Iterable[Pixels], times_s: Iterable[float]) -> Iterator[MediaFrame]:
    """Yield pictures as frames of these media times."""
    for index, (picture, time_s) in enumerate(zip(pictures, times_s, strict=False)):
        yield MediaFrame(av.VideoFrame.from_ndarray(picture, format="rgb24"), index=index, time_s=time_s)


def _measured(pictures: Iterator[Pixels], times: Series) -> tuple[Series, Floats, Floats, Floats]:
    """Measure the pictures as the engine does, about as many a second, the face followed in what arrived."""
    kept: list[float] = []
    colours: list[Floats] = []
    lost: list[float] = []
    wide: list[float] = []
    slot = -1
    with FaceFollower() as follower:
        for frame in as_frames(pictures, times.tolist()):
            time_s = frame.time_s
            if int(time_s * _ANALYSED_HZ) <= slot:
                continue
            slot = int(time_s * _ANALYSED_HZ)
            face = follower.see(frame).face
            found = lit(frame, face) if face is not None else None
            kept.append(time_s - _BEFORE_S)
            colours.append(np.full((len(PARTS), 3), np.nan, dtype=np.float32) if found is None else found.colours)
            lost.append(1.0 if found is None else found.lost)
            wide.append(face.box_px.width / frame.width if found is not None and face is not None else 0.0)
    return (
        np.array(kept),
        np.array(colours, dtype=np.float32),
        np.array(lost, dtype=np.float32),
        np.array(wide, dtype=np.float32),
    )
