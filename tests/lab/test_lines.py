"""Lines that clips are sent through: how they are asked for, and what arrives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from liveness.errors import ConfigError
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


def test_of_two_layers_the_lower_one_has_every_other_picture(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    pictures = [np.full((96, 128, 3), 4 * at, dtype=np.uint8) for at in range(40)]
    write_clip(source, iter(pictures), 30.0, quality=12)
    whole = _lights(send(source, Line(500, 96, 2, 2), cache=tmp_path))
    lower = _lights(send(source, Line(500, 96, 2, 1), cache=tmp_path))
    assert len(whole) == 40
    assert lower == pytest.approx(whole[::2], abs=2)
    assert whole == pytest.approx([4 * at for at in range(40)], abs=6)


def _lights(clip: Path) -> list[float]:
    with Recording(clip) as recording:
        return [float(frame.rgb().mean()) for frame in recording.frames()]
