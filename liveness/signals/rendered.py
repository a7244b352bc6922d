"""Learnt rendering: does the face look rendered by a model, against the rest of its own picture?

What it sees
------------
The face with what surrounds it, every 0.75 seconds and never larger than calls deliver it
(:mod:`liveness.measures.face_square`), through the first layers of a network that was learnt from ordinary pictures
of all kinds: edges, grain, texture, colour and how they go together. ``swapped`` compares the inner face with its
edge and with hair, neck and room; ``generated`` looks at the middle of the head as a whole. Both are log odds, of
the mean over six seconds.

Why a fake differs
------------------
A model renders skin, lids and teeth from few pixels: smoother, evener in colour and more alike from place to place than
the camera renders the neck and the room in the same frame. A head that is generated as a whole has no such neighbours;
it is compared with live ones only, so that is told much less surely.

Fails when
----------
The face is small, turned or dark. Beauty filters change what is compared; cameras and make-up that were never learnt
from may look generated. All swaps that it learnt from were made by one tool: of another it may see nothing
(docs/models/rendering.md).

Reference
---------
Tan and Le, "EfficientNet" (arXiv 1905.11946), the beginning of its Lite0; nos. 5 and 9 of the list of signals. Data,
figures and failures stand in docs/models/rendering.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import Floats, Observation
from liveness.measures.conditions import SMALL_IOD_PX, light_quality, pose_quality, size_quality
from liveness.measures.face_square import face_square, square_box
from liveness.models.rendering import RenderingModel
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class RenderedSettings:
    """Over how long looks are gathered."""

    window_s: float = 6.0
    """Stretch of media time over which looks are averaged."""
    least_s: float = 2.2
    """Least stretch that says anything."""
    least_observations: int = 4
    fresh_s: float = 1.2
    """Least new stretch since the last evidence."""


class _Look(NamedTuple):
    time_s: float
    values: Floats
    quality: float


class Rendered(Signal):
    """Asks a general network about the inner face, its edge and what surrounds it."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="rendered",
        title="Learnt rendering",
        group="surroundings",
        families=frozenset({"synthesis"}),
        needs=frozenset({"frame"}),
        unit="log odds",
        features=("swapped", "generated"),
        observe_every_s=0.75,
        period_s=3.0,
        window_s=6.0,
        needed_s=6.0,
        cost_ms=7.0,
        suspicious=(
            "The face looks rendered by a model, unlike what surrounds it; ask the person to pass a hand slowly across"
            " the face."
        ),
        reassuring="Skin and features look taken by the same camera as the rest of the picture.",
        species=frozenset({"face_swap", "animation"}),
        directions={"swapped": 1, "generated": 1},
    )

    def __init__(self, settings: RenderedSettings | None = None) -> None:
        self._settings = settings or RenderedSettings()
        self._model = RenderingModel()
        self._looks: deque[_Look] = deque()
        self._told_until_s: float | None = None
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Look at one frame; what was gathered is dropped when the shot is broken."""
        if observation.broken:
            self._looks.clear()
            self._told_until_s = None
        while self._looks and observation.time_s - self._looks[0].time_s > self._settings.window_s:
            self._looks.popleft()
        look = self._look(observation)
        if look is not None:
            self._looks.append(look)

    def evidence(self) -> Evidence | None:
        """Return what the heads say of the last seconds, or None until there is enough that is new."""
        if self.missing() is not None:
            return None
        start, end = self._looks[0].time_s, self._looks[-1].time_s
        self._told_until_s = end
        features = self._model.log_odds([look.values for look in self._looks])
        return Evidence(
            signal=self.spec.name,
            start_s=start,
            end_s=end,
            value=features["swapped"],
            unit=self.spec.unit,
            quality=float(np.mean([look.quality for look in self._looks])),
            features=features,
        )

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        settings = self._settings
        if not self._looks:
            return self._missing
        end = self._looks[-1].time_s
        if end - self._looks[0].time_s < settings.least_s or len(self._looks) < settings.least_observations:
            return "The face has not been watched for long enough yet."
        if self._told_until_s is not None and end - self._told_until_s < settings.fresh_s:
            return "Too little new was seen since the last measurement."
        return None

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state without the model, which every process reads for itself."""
        state = {name: value for name, value in self.__dict__.items() if name != "_model"}
        return {**state, "_looks": deque(self._looks)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state, and keep the model."""
        self.__dict__.update({**state, "_looks": deque(state["_looks"])})

    def _look(self, observation: Observation) -> _Look | None:
        face, frame = observation.face, observation.frame
        if face is None:
            self._missing = "No face is seen."
            return None
        size, pose = size_quality(face), pose_quality(face)
        if size == 0:
            self._missing = (
                f"The face is too small: fewer than {SMALL_IOD_PX:.0f} pixels between the outer eye corners."
            )
            return None
        if pose == 0:
            self._missing = "The face is turned too far away."
            return None
        box = square_box(face.points_px).clipped(frame.width, frame.height)
        pixels = frame.crop_rgb(box)
        if pixels.size == 0:
            self._missing = "Hardly any of the face is inside the picture."
            return None
        corner = np.array([box.left, box.top], dtype=np.float32)
        square = face_square(pixels, face.points_px[:, :2] - corner)
        values = self._model.look(square.rgb, square.regions)
        return _Look(observation.time_s, values, size * pose * light_quality(observation))
