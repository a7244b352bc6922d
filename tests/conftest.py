"""Clips that several tests look at, made once a run."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import av
import pytest
from clips import video_frame
from people import Stream, frozen, repeated, save, stream_of, talking


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips: a talking person, a loop of her, a frozen picture of her."""
    folder = tmp_path_factory.mktemp("clips")
    save(folder / "talking.mp4", talking(10))
    save(folder / "loop.mp4", itertools.chain(repeated(list(talking(3.4, seed=4)), 4)))
    save(folder / "frozen.mp4", frozen(8))
    return folder


@pytest.fixture(scope="session")
def person() -> list[av.VideoFrame]:
    """Eight seconds of a talking person, as frames that a camera would give."""
    return [video_frame(picture) for picture in talking(8)]


@pytest.fixture(scope="session")
def talking_stream(clips: Path) -> Stream:
    """What a signal is given of the talking person."""
    return stream_of(clips / "talking.mp4")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real clips, if this machine has one."""
    folder = os.environ.get("LIVENESS_CORPUS")
    if not folder or not (Path(folder) / "manifest.csv").is_file():
        pytest.skip("set LIVENESS_CORPUS to a folder with labelled clips and a manifest.csv")
    return Path(folder)
