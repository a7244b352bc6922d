"""Loops: a stretch of the past is played again.

What it sees
    The thumbnails of all decoded frames, on a clock of 30 per second, over the last five minutes. The
    newest three seconds are compared with every earlier stretch of the same length, forwards and
    backwards.
Why a fake differs
    Nobody repeats a movement so that three seconds fit to within the noise of a codec. A loop does, and
    the fit is sharp: a quarter of a second earlier or later it is far worse. The features are that
    sharpness and the size of the mismatch against the movement in the window; cells count by how much
    moves in them. A repeat once seen is told for twenty seconds, since a long loop shows it only at times.
Fails when
    The loop is longer than the memory; the replayed picture is shifted, zoomed or turned by some pixels
    (then `expressions` may find it); the person hardly moves (then the quality is 0 and `stillness` may
    speak).
Reference
    Normalised correlation of trajectories, as in frame-duplication forensics (Wang & Farid, "Exposing
    digital forgeries in video by detecting duplication", 2007).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import THUMB_SIZE, Observation, ProbeTick
from liveness.measures.conditions import ramp
from liveness.measures.repeats import Course
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """Times in seconds of media time."""

    clock_hz: float = 30.0
    memory_s: float = 300.0
    window_s: float = 3.0
    sample_s: float = 0.1
    shortest_lag_s: float = 0.8
    aside_s: float = 0.25
    """How far beside the best fit the sharpness is measured."""
    hold_s: float = 20.0
    faint_levels: float = 0.15
    clear_levels: float = 0.6
    """Movement (RMS of cell means over the window, grey levels) of quality 0 and of quality 1."""


class Loops(Signal):
    """Finds stretches that were seen before."""

    settings = LoopSettings()
    spec = SignalSpec(
        name="loops",
        title="Loops",
        group="replay",
        families=frozenset({"injection"}),
        needs=frozenset({"probe", "frame"}),
        unit="log of log ratio",
        features=("sharpness", "mismatch"),
        observe_every_s=0.0,
        period_s=1.0,
        window_s=settings.window_s,
        needed_s=2.5,
        cost_ms=0.1,
        newest=True,
        species=frozenset({"loop"}),
        directions={"sharpness": 1, "mismatch": -1},
        suspicious="The same stretch of video has been shown before, to the last movement: this is a loop.",
        reassuring="No stretch of the video repeats an earlier one.",
    )

    def __init__(self) -> None:
        self._course = Course(THUMB_SIZE**2, int(self.settings.memory_s * self.settings.clock_hz))
        self._start_s = 0.0
        self._last_face_s = -np.inf
        self._faint = False
        self._seen: deque[tuple[float, dict[str, float], float]] = deque()

    def probe(self, tick: ProbeTick) -> None:
        """Put the thumbnail, without its mean brightness, on the clock."""
        course, clock_hz = self._course, self.settings.clock_hz
        cells = (tick.thumb - tick.thumb.mean()).reshape(-1)
        if course.count == 0:
            self._start_s = tick.time_s - course.forgotten / clock_hz
        ahead = round((tick.time_s - self._start_s) * clock_hz) - course.forgotten - course.count + 1
        if ahead > int(2 * clock_hz):
            # A long gap is not remembered as seconds of a frozen picture.
            self._start_s += (ahead - 1) / clock_hz
            ahead = 1
        for _ in range(ahead):
            course.append(cells)
        course.replace_last(cells)

    def observe(self, observation: Observation) -> None:
        """Note that a face is there; without one nothing is said."""
        if observation.face is not None:
            self._last_face_s = observation.time_s
        if "resolution" in observation.changes:
            self._course.clear()

    def evidence(self) -> Evidence | None:
        """Compare the newest window with the past."""
        settings, course = self.settings, self._course
        end_s = self._start_s + (course.forgotten + course.count - 1) / settings.clock_hz
        if end_s - self._last_face_s > 1.0:
            return None
        found = course.repeat(
            window=int(settings.window_s * settings.clock_hz),
            step=max(1, round(settings.sample_s * settings.clock_hz)),
            lag=int(settings.shortest_lag_s * settings.clock_hz),
            aside=int(settings.aside_s * settings.clock_hz),
        )
        if found is None:
            return None
        quality = ramp(found.moved, settings.faint_levels, settings.clear_levels)
        self._faint = quality < 0.1
        noise = 0.02  # grey levels; keeps the logarithms finite on pictures without noise
        features = {
            # The logarithm of a logarithm: fits without a repeat lie close together, and repeats far apart.
            "sharpness": float(np.log(0.1 + max(0.0, np.log((found.beside + noise) / (found.best + noise))))),
            "mismatch": float(np.log((found.best + noise) / (found.moved_there + noise))),
        }
        self._seen.append((end_s, features, quality))
        while end_s - self._seen[0][0] > settings.hold_s:
            self._seen.popleft()
        _, features, quality = max(self._seen, key=lambda seen: (seen[1]["sharpness"] + 2.4) * seen[2])
        return Evidence(
            signal=self.spec.name,
            start_s=end_s - settings.window_s,
            end_s=end_s,
            value=features["sharpness"],
            unit=self.spec.unit,
            quality=quality,
            features=features,
        )

    def missing(self) -> str | None:
        """Say why nothing can be said about loops."""
        if self._course.count < (self.settings.window_s + self.settings.shortest_lag_s) * self.settings.clock_hz + 1:
            return "The video is still too short to tell whether it repeats."
        if self._faint:
            return "There is too little movement to tell whether it repeats."
        return None
