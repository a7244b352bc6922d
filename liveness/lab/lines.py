"""Lines that whole clips are sent through to be judged at the other end: so many kbit/s, so many pixels."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveness.errors import ConfigError
from liveness.frames import Pixels
from liveness.lab.attacks.call import Call, through
from liveness.lab.attacks.source import write_clip
from liveness.media import Recording

_LONGEST_S = 20.0
_USUAL_FPS = 25.0
_RECIPE = 1
_LINE = re.compile(r"(?P<kbit_s>\d+)x(?P<height>\d+)(?:/(?P<decoded>[12])of2)?")


@dataclass(frozen=True, slots=True)
class Line:
    """VP8 without loss."""

    kbit_s: int
    height: int
    """Of the shorter side in pixels; nothing is ever scaled up."""
    layers: int = 1
    """Temporal layers that are sent, 1 or 2."""
    decoded: int = 1
    """Layers of these that the receiver decodes."""

    def __str__(self) -> str:
        """Return how a table calls it."""
        layers = {(1, 1): "", (2, 2): ", two layers", (2, 1): ", the lower of two layers"}
        return f"{self.kbit_s} kbit/s, {self.height} px{layers[self.layers, self.decoded]}"


def read_lines(text: str) -> list[Line]:
    """Read ``2500x720,300x360/1of2``: kbit/s, height in pixels, and of two temporal layers how many are decoded.

    Raises
    ------
    ConfigError
        It says something else.
    """
    found = []
    for part in filter(None, text.split(",")):
        match = _LINE.fullmatch(part)
        if match is None:
            raise ConfigError(f"{part[:60]!r}: expected a line such as 2500x720 or 2500x720/1of2 (of two layers one)")
        decoded = match["decoded"]
        layers = (2, int(decoded)) if decoded else (1, 1)
        found.append(Line(int(match["kbit_s"]), int(match["height"]), *layers))
    return found


def send(source: Path, line: Line, *, cache: Path) -> Path:
    """Return the clip as it arrives at the other end of a line, at most 20 s; made once."""
    layers = f" {line.decoded} of {line.layers}" if line.layers > 1 else ""
    recipe = f"{source.stem} {source.stat().st_size} {line.kbit_s} {line.height} {_RECIPE}{layers}"
    target = cache / "calls" / f"{hashlib.sha256(recipe.encode()).hexdigest()[:24]}.mp4"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.mp4")
    with Recording(source) as recording:
        fps = recording.info.fps or _USUAL_FPS
        call = Call(
            "vp8", float(line.kbit_s), line.height, loss=0.0, recovery_s=0.0, layers=line.layers, decoded=line.decoded
        )
        arrived = through(_pictures(recording), fps, call, np.random.default_rng(0))
        step = line.layers // line.decoded
        write_clip(part, itertools.islice(arrived, 0, None, step), fps / step, quality=12)
    part.replace(target)
    return target


def _pictures(recording: Recording) -> Iterator[Pixels]:
    for frame in recording.frames():
        if frame.time_s >= _LONGEST_S:
            return
        rgb = frame.rgb()
        yield np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
