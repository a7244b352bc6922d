"""Lines that clips are sent through: how they are asked for, and what arrives."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from liveness.errors import ConfigError
from liveness.frames import Floats
from liveness.lab.attacks.source import write_clip
from liveness.lab.lines import Line, read_lines, send
from liveness.media import Recording


def test_lines_are_read() -> None:
    assert read_lines("2500x720,300x360/1of2") == [Line(2500, 720), Line(300, 360, 2, 1)]
    assert [str(one) for one in read_lines("500x360,500x360/1of2,500x360/2of2")] == [
        "500 kbit/s, 360 px",
        "500 kbit/s, 360 px, the lower of two layers",
        "500 kbit/s, 360 px, two layers",
    ]
    assert read_lines("") == []
    with pytest.raises(ConfigError, match="expected a line such as 2500x720"):
        read_lines("2500x720/3of2")


def test_of_two_layers_the_lower_one_is_every_other_picture_and_needs_no_other(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    noise = np.random.default_rng(1).integers(0, 256, (24, 100, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(noise, (400, 96), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    write_clip(source, (scene[:, 4 * at : 4 * at + 128] for at in range(40)), 30.0, quality=12)
    whole = _pictures(send(source, Line(500, 96, 2, 2), cache=tmp_path))
    lower = _pictures(send(source, Line(500, 96, 2, 1), cache=tmp_path))
    assert (len(whole), len(lower)) == (40, 20)
    for one, other in zip(lower, whole[::2], strict=True):
        assert float(np.abs(one - other).mean()) < 3


def _pictures(clip: Path) -> list[Floats]:
    with Recording(clip) as recording:
        return [frame.rgb().astype(np.float32) for frame in recording.frames()]
