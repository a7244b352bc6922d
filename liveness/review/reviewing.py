"""One recording from end to end: decode, probe, analyse on the grid, conclude."""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from liveness.config import EngineSettings
from liveness.engine import Engine, Event
from liveness.errors import ConfigError, MediaError
from liveness.frames import Box
from liveness.fusion.calibration import Calibration
from liveness.measures.probe import Prober
from liveness.media import MediaFrame, Recording, is_picture
from liveness.review.document import review_document, rounded
from liveness.review.grid import Grid
from liveness.review.notes import Notes
from liveness.verdict import Verdict

_BASELINE_S = 3.0
"""A challenge sees the person for this long before it is asked for."""

Progress = Callable[[float, float | None, Verdict | None], None]
"""Called with the media time reached, the whole duration if known, and the last verdict."""


@dataclass(frozen=True, slots=True)
class AskedChallenge:
    """A challenge that a recording shows being asked for."""

    time_s: float
    """Media time at which it was asked for."""
    challenge: str
    parameters: str


@dataclass(frozen=True, slots=True)
class Review:
    """The outcome for one recording."""

    data: dict[str, Any]
    """The JSON object of schema ``liveness.review/1``, without ``processing``."""
    thumbnails: dict[str, bytes]
    """JPEG pictures by evidence id, if asked for."""

    @property
    def state(self) -> str:
        """The verdict's state."""
        return str(self.data["verdict"]["state"])


def analyse(
    recording: Recording, engine: Engine, events: Sequence[Event] = ()
) -> Iterator[tuple[MediaFrame, Verdict | None]]:
    """Feed a recording to an engine; yields every analysed frame with the verdict if one was due.

    Which frames are analysed is for :class:`~liveness.review.grid.Grid` to say.

    Parameters
    ----------
    events
        What the engine is told on the way, in order of time.
    """
    waiting = deque(events)
    grid = Grid(engine.settings.analysis_fps)
    prober = Prober()
    skipped = 0
    for frame in recording.frames():
        engine.probe(prober.tick(frame.luma(), frame.time_s, engine.face_box))
        if not grid.takes(frame.time_s):
            skipped += 1
            continue
        frame.dropped, skipped = skipped, 0
        while waiting and waiting[0].time_s <= frame.time_s:
            engine.notify(waiting.popleft())
        yield frame, engine.push(frame)


def review_recording(
    path: Path,
    calibration: Calibration,
    *,
    settings: EngineSettings | None = None,
    region: Box | None = None,
    thumbnails: bool = False,
    progress: Progress | None = None,
    challenges: Sequence[AskedChallenge] = (),
) -> Review:
    """Review one recording.

    Raises
    ------
    MediaError
        The file cannot be read as a video.
    ConfigError
        There is no such challenge, or not with these parameters, or two are asked for at once.
    """
    if path.exists() and is_picture(path):
        raise MediaError(f"{path}: is a still picture; nobody can be seen to be live in one: give a recording")
    with Recording(path, region=region) as recording, Engine(calibration, settings) as engine:
        events = _events_of(challenges, engine)
        notes = Notes(thumbnails=thumbnails)
        last: MediaFrame | None = None
        verdict: Verdict | None = None
        analysed = 0
        for frame, new in analyse(recording, engine, events):
            last, verdict, analysed = frame, new or verdict, analysed + 1
            notes.take(engine, frame, new)
            notes.take_challenges(engine)
            if progress:
                progress(frame.time_s, recording.info.duration_s, verdict)
        if last is None:
            raise MediaError(f"{path}: expected a video, found no picture in it")
        duration_s = max(last.time_s, 0.0) + (1.0 / recording.info.fps if recording.info.fps else 0.0)
        engine.end_challenge(duration_s)
        notes.take_challenges(engine)
        final = notes.worst or notes.tempered(engine.conclude(duration_s))
        kbit_s = round(recording.video_bytes * 8 / 1000 / duration_s, 1) if duration_s > 0 else None
        final = replace(final, received=replace(final.received, kbit_s=kbit_s))
        source = {
            # A name that is no UTF-8 must not make the JSON unreadable.
            "file": os.fsencode(path.name).decode("utf-8", "replace"),
            "sha256": sha256_of(path),
            "duration_s": rounded(duration_s),
            "media": {**_media(recording, region), "frames": last.index + 1, "analysed_frames": analysed},
        }
        data = review_document(source, engine, calibration, notes, final)
    return Review(data, notes.pictures(data["evidence"]) if thumbnails else {})


def _events_of(asked: Sequence[AskedChallenge], engine: Engine) -> list[Event]:
    """Return what tells the engine of the challenges, after trying whether it can take them."""
    events: list[Event] = []
    free_s = -math.inf
    for number, one in enumerate(sorted(asked, key=lambda one: one.time_s), start=1):
        if one.challenge not in engine.challenges:
            raise ConfigError(f"no such challenge: {one.challenge}; there are {', '.join(engine.challenges)}")
        trial = engine.challenges[one.challenge]()
        try:
            trial.begin(one.time_s, one.parameters)
        except ValueError as error:
            raise ConfigError(f"{one.challenge}: {error}") from None
        begin_s = max(one.time_s - _BASELINE_S, free_s)
        if one.time_s < free_s + trial.spec.baseline_s:
            raise ConfigError(
                f"{one.challenge} at {one.time_s:g} s comes while the one before may still be answered (until "
                f"{free_s:g} s): ask for one at a time"
            )
        name = f"c{number}"
        data = {"id": name, "challenge": one.challenge, "parameters": one.parameters, "mode": "page"}
        events.append(Event(begin_s, "challenge", {**data, "action": "prepare", "asked": "already"}))
        events.append(Event(one.time_s, "challenge", {**data, "action": "begin"}))
        free_s = trial.deadline_s
    return events


def _media(recording: Recording, region: Box | None) -> dict[str, Any]:
    info = recording.info
    return {
        "container": info.container,
        "codec": info.codec,
        "width": info.width,
        "height": info.height,
        "fps": rounded(info.fps) if info.fps else None,
        "has_audio": info.has_audio,
        "region": [region.left, region.top, region.width, region.height] if region else None,
        "damaged": recording.damaged,
    }


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
