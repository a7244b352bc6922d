"""Learnt screens and prints: does the face look filmed off a screen or a print, to a network that has seen many?

What it sees
------------
The face and what surrounds it, and the middle of the face in the pixels of the source, without the light of the room
(:mod:`liveness.models.presentation`), every 1.5 seconds. ``refilmed`` is the median over three seconds of the log odds
of two judges: a small network that learnt from screens and prints alone, and what a general network sees
(:mod:`liveness.models.surface`). They err on different pictures.

Why a fake differs
------------------
A face on a screen or on paper went through two cameras, two pixel grids, the screen's or the ink's colours and a
surface that shines as a whole; where the edge of the screen, the paper or the hand that holds it is in the picture, it
shows as well. Both judges look for all of it at once. Hand-made numbers (local binary patterns, fine energy, blue cast
and eight more) once stood beside them, and were dropped since they added nothing that was established.

Fails when
----------
The face is small, turned away, dark, or so blurred or veiled that nothing fine is left of it (then it
abstains or its quality falls); a large, sharp screen or a good print fills the picture (prints, masks and
cut-outs are known from one source only); a webcam in a dark room sees little and makes up the rest. It is blind to
anything injected.

Reference
---------
No. 4 of the list of signals. Data, figures and failures stand in docs/models/presentation.md.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import Box, Observation
from liveness.measures.conditions import SMALL_IOD_PX, detail_quality, light_quality, pose_quality, size_quality
from liveness.models.presentation import PresentationModel, around_box, presentation_planes
from liveness.models.surface import SurfaceModel, surface_squares
from liveness.verdict import Evidence

_MARGIN_PX = 2.0
"""The part of the frame that is taken reaches so much further than what is looked at, whatever is rounded."""


@dataclass(frozen=True, slots=True)
class RefilmedSettings:
    """Over how long the median is taken."""

    window_s: float = 3.1
    """Stretch of media time of one piece of evidence; nothing is used in two of them."""
    least_observations: int = 1
    """Frames that one piece of evidence needs; a picture has but one."""


class _Look(NamedTuple):
    time_s: float
    log_odds: float
    quality: float


class Refilmed(Signal):
    """Asks two judges about the face, its surroundings and its finest detail."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="refilmed",
        title="Learnt screens and prints",
        group="texture",
        families=frozenset({"presentation"}),
        needs=frozenset({"frame"}),
        unit="log odds",
        features=("refilmed",),
        observe_every_s=1.5,
        period_s=3.0,
        window_s=3.1,
        needed_s=4.5,
        cost_ms=10.0,
        suspicious=(
            "The face looks filmed off a screen or a print; ask the person to turn the head to the side and to pass a"
            " hand before the face."
        ),
        reassuring="The face looks filmed from a person, not off a screen or a print.",
        still=True,
        species=frozenset({"screen", "print"}),
        directions={"refilmed": 1},
    )

    def __init__(self, settings: RefilmedSettings | None = None) -> None:
        self._settings = settings or RefilmedSettings()
        self._model, self._surface = PresentationModel(), SurfaceModel()
        self._looks: deque[_Look] = deque()
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Look at one frame; what was gathered is dropped when the shot is broken."""
        if observation.broken:
            self._looks.clear()
        look = self._look(observation)
        if look is not None:
            self._looks.append(look)
        while self._looks and observation.time_s - self._looks[0].time_s > self._settings.window_s:
            self._looks.popleft()

    def evidence(self) -> Evidence | None:
        """Return the median since the last evidence, or None until there is something new."""
        if self.missing() is not None:
            return None
        refilmed = float(np.median([look.log_odds for look in self._looks]))
        evidence = Evidence(
            signal=self.spec.name,
            start_s=self._looks[0].time_s,
            end_s=self._looks[-1].time_s,
            value=refilmed,
            unit=self.spec.unit,
            quality=float(np.median([look.quality for look in self._looks])),
            features={"refilmed": refilmed},
        )
        self._looks.clear()
        self._missing = "Too little new was seen since the last measurement."
        return evidence

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        return self._missing if len(self._looks) < self._settings.least_observations else None

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state without the models, which every process reads for itself."""
        state = {name: value for name, value in self.__dict__.items() if name not in {"_model", "_surface"}}
        return {**state, "_looks": deque(self._looks)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state, and keep the models."""
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
        detail = detail_quality(observation)
        if detail == 0:
            self._missing = "The face is too blurred or veiled: nothing fine is left of it."
            return None
        around = around_box(face.points_px)
        low = [math.floor(edge) - _MARGIN_PX for edge in (around.left, around.top)]
        high = [math.ceil(edge) + _MARGIN_PX for edge in (around.right, around.bottom)]
        box = Box(*low, *high).clipped(frame.width, frame.height)
        pixels = frame.crop_rgb(box)
        if pixels.size == 0:
            self._missing = "Hardly any of the face is inside the picture."
            return None
        corner = np.array([box.left, box.top], dtype=np.float32)
        points = face.points_px[:, :2] - corner
        general = self._surface.log_odds(self._surface.look(surface_squares(pixels, points)))
        log_odds = self._model.log_odds(presentation_planes(pixels, points)) + general
        return _Look(observation.time_s, log_odds, size * pose * detail * light_quality(observation))
