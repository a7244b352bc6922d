"""A person for tests: scikit-image's packaged photograph of an astronaut, moved and warped as faces move."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

import liveness.signals
from liveness.contract import discover
from liveness.engine import Engine
from liveness.faces.tracking import FaceFollower
from liveness.frames import Floats, Observation, Pixels, ProbeTick
from liveness.fusion.calibration import Calibration, Thresholds
from liveness.measures.probe import Prober
from liveness.media import Recording

FPS = 25.0
MOUTH, LEFT_EYE, RIGHT_EYE = (224.0, 157.0), (201.0, 105.0), (247.0, 106.0)
"""Places in the 512 × 512 photograph, (x, y)."""

NO_CURVES = Calibration((), {}, Thresholds(1.0, 1.0, {}, {}, 1.0, 0.0), {})


@functools.cache
def photograph() -> Pixels:
    """Return the 384 × 384 upper middle of the photograph: head and shoulders."""
    return np.ascontiguousarray(skimage.data.astronaut()[:384, 32:416])  # type: ignore[no-untyped-call]


def walk(count: int, *, seed: int, step_s: float = 0.8) -> Floats:
    """Return (count,) a smooth random course of about unit size."""
    rng = np.random.default_rng(seed)
    knots = rng.normal(0, 1, int(count / FPS / step_s) + 4)
    at = np.arange(count) / FPS / step_s
    left = at.astype(int)
    blend = (1 - np.cos((at - left) * np.pi)) / 2
    return np.asarray(knots[left] * (1 - blend) + knots[left + 1] * blend, dtype=np.float32)


def talking(seconds: float, *, seed: int = 1, sigma: float = 2.0) -> Iterator[Pixels]:
    """Yield pictures of the person talking, blinking and moving, with camera noise."""
    count = round(seconds * FPS)
    shift_x, shift_y, turn = (walk(count, seed=seed * 10 + i, step_s=1.0) for i in range(3))
    mouth = np.abs(walk(count, seed=seed * 10 + 5, step_s=0.2)) * 9
    rng = np.random.default_rng(seed)
    for index in range(count):
        lids = 7.0 if index % 70 in (20, 21, 22, 23) else 0.0
        picture = _pulled(photograph(), MOUTH, float(mouth[index]), 26.0)
        for eye in (LEFT_EYE, RIGHT_EYE):
            picture = _pulled(picture, (eye[0], eye[1] - 4), lids, 9.0)
        matrix = np.array(cv2.getRotationMatrix2D((192, 150), float(turn[index]) * 2.5, 1.0), dtype=np.float64)
        matrix[:, 2] += (5 * shift_x[index], 3 * shift_y[index])
        moved = cv2.warpAffine(picture, matrix, (384, 384), borderMode=cv2.BORDER_REFLECT)
        yield np.clip(moved + rng.normal(0, sigma, (384, 384, 1)), 0, 255).astype(np.uint8)


def frozen(seconds: float, *, sigma: float = 1.0) -> Iterator[Pixels]:
    """Yield one picture of the person again and again, with camera noise."""
    rng = np.random.default_rng(5)
    for _ in range(round(seconds * FPS)):
        yield np.clip(photograph() + rng.normal(0, sigma, (384, 384, 1)), 0, 255).astype(np.uint8)


def repeated(pictures: Sequence[Pixels], times: int) -> Iterator[Pixels]:
    """Yield a stretch of video several times over."""
    for _ in range(times):
        yield from pictures


def plain(seconds: float, level: int) -> Iterator[Pixels]:
    """Yield an empty picture of one grey level."""
    for _ in range(round(seconds * FPS)):
        yield np.full((240, 320, 3), level, dtype=np.uint8)


def static(seconds: float) -> Iterator[Pixels]:
    """Yield nothing but noise."""
    rng = np.random.default_rng(8)
    for _ in range(round(seconds * FPS)):
        yield rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)


def save(path: Path, pictures: Iterator[Pixels], *, fps: float = FPS, quality: int = 20) -> Path:
    """Encode pictures with H.264 and return the path."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(fps), options={"crf": str(quality), "preset": "superfast"}
        )
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


Stream = list[tuple[ProbeTick, Observation | None]]
"""Every decoded frame's tick, with the observation where the frame was analysed."""


def stream_of(path: Path, *, analysis_fps: float = 12.0) -> Stream:
    """Return what a signal is given of a clip."""
    found: Stream = []
    with Recording(path) as recording, FaceFollower() as follower:
        prober, slot = Prober(), -1
        for frame in recording.frames():
            tick = prober.tick(frame.luma(), frame.time_s, follower.face_box)
            due = int(frame.time_s * analysis_fps + 1e-6) > slot
            slot = max(slot, int(frame.time_s * analysis_fps + 1e-6))
            found.append((tick, follower.see(frame) if due else None))
    return found


def unjudged() -> Engine:
    """Return an engine that measures and knows nothing of what it means."""
    return Engine(NO_CURVES, signals=discover(liveness.signals))


def _pulled(picture: Pixels, place: tuple[float, float], by_px: float, reach_px: float) -> Pixels:
    """Return the picture with the surroundings of a place pulled down by some pixels."""
    if by_px == 0:
        return picture
    x0, y0 = place[0] - 32, place[1]
    reach = int(3 * reach_px)
    top, left = max(0, int(y0) - reach), max(0, int(x0) - reach)
    part = picture[top : int(y0) + reach, left : int(x0) + reach]
    rows, columns = np.mgrid[0 : part.shape[0], 0 : part.shape[1]].astype(np.float32)
    weight = np.exp(-((rows + top - y0) ** 2 + (columns + left - x0) ** 2) / (2 * reach_px**2))
    moved = cv2.remap(part, columns, rows - by_px * weight, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    result = picture.copy()
    result[top : int(y0) + reach, left : int(x0) + reach] = moved
    return result
