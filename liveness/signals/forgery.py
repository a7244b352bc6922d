"""Learnt forgery: does the edge of the face look blended in, to a network that has seen thousands of such edges?

What it sees
------------
The contour of the face, unrolled: a strip from well inside the face to what lies around it, with its fine
detail at three scales (:mod:`liveness.measures.unrolled_contour`), every 0.75 seconds. What a small network sees in
it, and how fineness changes from inside to outside, are averaged over six seconds; ``blended`` is the log odds,
by a logistic regression, that what is inside was not taken by the camera that took what is outside.

Why a fake differs
------------------
A swapped face is rendered with few pixels and without the camera's noise, then scaled, coloured and blended in
along a soft mask. So fineness, noise and contrast change across the contour in ways in which they do not
change at the edge of a real face, and do so all along it.

Fails when
----------
The face is small, turned or dark, or the picture is blurred as a whole, so that nothing fine is left (then it
abstains or its quality falls); beauty filters and background blur change the very same things; the whole head is
generated, so that there is no seam (photo animation, head reenactment); the edge of the face is hidden by hair, a
beard or a headset.

Reference
---------
Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (arXiv 2204.08376); no. 5 of the list of
signals. Data, figures and failures stand in docs/models/forgery.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import Floats, Observation
from liveness.measures.conditions import SMALL_IOD_PX, light_quality, pose_quality, ramp, size_quality
from liveness.measures.unrolled_contour import strip_profile, unrolled_contour
from liveness.models.forgery import ForgeryModel
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class ForgerySettings:
    """Over how long the network's answers are gathered."""

    window_s: float = 6.0
    """Stretch of media time over which looks are averaged."""
    least_s: float = 2.2
    """Least stretch that says anything."""
    least_observations: int = 4
    fresh_s: float = 1.2
    """Least new stretch since the last evidence."""
    no_detail: float = 0.15
    """Mean absolute fine luma of a strip, in sixteenths of a grey level, at which nothing is left to look at …"""
    clear_detail: float = 0.30
    """… and from which on all is well."""


class _Look(NamedTuple):
    time_s: float
    values: Floats
    quality: float


class Forgery(Signal):
    """Asks a small network about the unrolled contour of the face."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="forgery",
        title="Learnt forgery",
        group="surroundings",
        families=frozenset({"synthesis"}),
        needs=frozenset({"frame"}),
        unit="log odds",
        features=("blended",),
        observe_every_s=0.75,
        period_s=3.0,
        window_s=6.0,
        needed_s=6.0,
        cost_ms=8.0,
        suspicious=(
            "The edge of the face looks blended in, as a face swap leaves it; ask the person to pass a hand slowly"
            " across the face."
        ),
        reassuring="The edge of the face looks as a camera sees it, without a seam.",
        species=frozenset({"face_swap"}),
        directions={"blended": 1},
    )

    def __init__(self, settings: ForgerySettings | None = None) -> None:
        self._settings = settings or ForgerySettings()
        self._model = ForgeryModel()
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
        """Return what the network said over the last seconds, or None until there is enough that is new."""
        if self.missing() is not None:
            return None
        start, end = self._looks[0].time_s, self._looks[-1].time_s
        self._told_until_s = end
        blended = self._model.log_odds(np.mean([look.values for look in self._looks], axis=0))
        return Evidence(
            signal=self.spec.name,
            start_s=start,
            end_s=end,
            value=blended,
            unit=self.spec.unit,
            quality=float(np.mean([look.quality for look in self._looks])),
            features={"blended": blended},
        )

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        settings = self._settings
        if not self._looks:
            return self._missing
        end = self._looks[-1].time_s
        if end - self._looks[0].time_s < settings.least_s or len(self._looks) < settings.least_observations:
            return "The edge of the face has not been watched for long enough yet."
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
        strip = unrolled_contour(frame.luma(), face.points_px)
        if strip is None:
            self._missing = "Part of the face's edge is outside the picture."
            return None
        detail = ramp(_detail(strip), self._settings.no_detail, self._settings.clear_detail)
        if detail == 0:
            self._missing = "The picture is too blurred: nothing fine is left at the edge of the face."
            return None
        values = self._model.look(strip, strip_profile(strip))
        return _Look(observation.time_s, values, size * pose * detail * light_quality(observation))


def _detail(strip: Floats) -> float:
    return float(np.abs(strip[0]).mean())
