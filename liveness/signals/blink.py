"""Blinking: do the eyes close and open again, as living eyes do?

What it sees
------------
The eye aspect ratio (height over width of the gap between the lids, mean of both eyes) against the
person's own open level over up to 20 seconds. ``closure`` is the deepest closing seen as a share of the
open level; ``blinks_per_s`` counts closings between two open moments, with hysteresis, that last less
than a second.

Why a fake differs
------------------
A photograph before the camera, or a still fed in as one, cannot close its eyes: its ratio only trembles
with the landmarks. A recording blinks like anyone, and so do face swaps and animations: about those this
says nothing.

Fails when
----------
Someone blinks seldom (medicines, Parkinson's disease, contact lenses, concentration), wears dark or
reflecting glasses, looks down for long. So a missing blink weighs at most half and only after 20 seconds,
and never accuses by itself. Printed photographs with eye holes and videos blink.

Reference
---------
No. 12 of the list of signals; Soukupova and Cech, Real-time eye blink detection using facial landmarks,
CVWW 2016. Measured on the project's corpus at 12 analysed frames a second: of 21 real clips of at least 8
seconds, all close their eyes by 44 % or more, while 24 simulated stills of 12 seconds (real frames, still
or hand-held and tilted, with noise and x264 at CRF 28) reach 28 % at most: AUC 1.0, on simulated attacks
only. Against what blinks it is blind, as it must be: live face swaps 0.47, animations 0.58.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.dsp import Series
from liveness.frames import FaceTrack, Observation
from liveness.measures.conditions import SMALL_IOD_PX, pose_quality, ramp, size_quality
from liveness.verdict import Evidence

# Each eye: outer corner, inner corner, then pairs of upper and lower lid.
_EYES: Final = ((33, 133, (160, 144), (159, 145), (158, 153)), (263, 362, (387, 373), (386, 374), (385, 380)))


@dataclass(frozen=True, slots=True)
class BlinkSettings:
    """When an eye counts as closed, and over how long it is watched."""

    window_s: float = 20.0
    least_s: float = 8.0
    """Least stretch watched that says anything."""
    least_observations: int = 30
    full_s: float = 20.0
    """Stretch watched after which the lack of blinks counts fully."""
    fresh_s: float = 2.0
    """Least new stretch since the last evidence."""
    open_quantile: float = 0.85
    """The person's own open level among the openings seen."""
    closed_share: float = 0.62
    """Below this share of the open level the eye is closing …"""
    open_share: float = 0.80
    """… and above this one it is open again."""
    longest_s: float = 0.8
    """Eyes closed for longer are resting or looking down, not blinking."""


class _Look(NamedTuple):
    time_s: float
    opening: float
    quality: float


class Blink(Signal):
    """Measures how far and how often the eyes close against their own open level."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="blink",
        title="Blinking",
        group="physiology",
        families=frozenset({"injection", "presentation"}),
        needs=frozenset({"frame"}),
        unit="1",
        features=("closure", "blinks_per_s"),
        observe_every_s=0.0,
        period_s=4.0,
        window_s=20.0,
        needed_s=8.0,
        cost_ms=0.05,
        species=frozenset({"still", "print"}),
        directions={"closure": -1, "blinks_per_s": -1},
        suspicious=(
            "No blink was seen so far, which has many innocent causes; a challenge that needs movement can settle it."
        ),
        reassuring="The eyes close and open again as living eyes do.",
    )

    def __init__(self, settings: BlinkSettings | None = None) -> None:
        self._settings = settings or BlinkSettings()
        self._looks: deque[_Look] = deque()
        self._told_until_s: float | None = None
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Note how far the eyes are open; a break starts anew, a moment without a face does not."""
        if observation.broken:
            self._looks.clear()
            self._told_until_s = None
        while self._looks and observation.time_s - self._looks[0].time_s > self._settings.window_s:
            self._looks.popleft()
        face = observation.face
        if face is None:
            self._missing = "No face is seen."
            return
        size, pose = size_quality(face), pose_quality(face)
        if size == 0:
            self._missing = (
                f"The face is too small: fewer than {SMALL_IOD_PX:.0f} pixels between the outer eye corners."
            )
        elif pose == 0:
            self._missing = "The face is turned too far away to see both eyes."
        else:
            self._looks.append(_Look(time_s=observation.time_s, opening=_opening(face), quality=size * pose))

    def evidence(self) -> Evidence | None:
        """Return closure and blinks of the stretch watched, or None until it is long enough."""
        if self.missing() is not None:
            return None
        settings = self._settings
        times = np.array([look.time_s for look in self._looks])
        openings = np.array([look.opening for look in self._looks])
        start, end = float(times[0]), float(times[-1])
        self._told_until_s = end
        level = max(float(np.quantile(openings, settings.open_quantile)), 1e-3)
        closure = float(np.clip(1.0 - openings.min() / level, 0.0, 1.0))
        blinks = _count(times, openings / level, settings)
        # Closed eyes say their word at once; that they never closed says something only after a long while.
        patience = (
            1.0
            if closure >= 1.0 - settings.closed_share
            else 0.5 * ramp(end - start, settings.least_s / 2, settings.full_s)
        )
        features = {"closure": closure, "blinks_per_s": blinks / (end - start)}
        return Evidence(
            signal=self.spec.name,
            start_s=start,
            end_s=end,
            value=closure,
            unit=self.spec.unit,
            quality=patience * float(np.mean([look.quality for look in self._looks])),
            features=features,
        )

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        settings = self._settings
        if not self._looks:
            return self._missing
        end = self._looks[-1].time_s
        if end - self._looks[0].time_s < settings.least_s or len(self._looks) < settings.least_observations:
            return "The eyes have not been watched for long enough yet."
        if self._told_until_s is not None and end - self._told_until_s < settings.fresh_s:
            return "Too little new was seen since the last measurement."
        return None


def _opening(face: FaceTrack) -> float:
    """Return the mean eye aspect ratio of both eyes: height over width of the lids' gap."""
    points = face.points_px
    ratios = []
    for outer, inner, *lids in _EYES:
        width = float(np.hypot(*(points[outer, :2] - points[inner, :2])))
        height = sum(float(np.hypot(*(points[up, :2] - points[down, :2]))) for up, down in lids) / len(lids)
        ratios.append(height / max(width, 1e-3))
    return sum(ratios) / len(ratios)


def _count(times: Series, openings: Series, settings: BlinkSettings) -> int:
    """Count short closures between two open moments; ``openings`` are shares of the open level."""
    blinks = 0
    last_open_s: float | None = None
    closed = False
    for time, opening in zip(times.tolist(), openings.tolist(), strict=True):
        if opening >= settings.open_share:
            if closed and last_open_s is not None and time - last_open_s <= settings.longest_s:
                blinks += 1
            last_open_s, closed = time, False
        elif opening < settings.closed_share:
            closed = True
    return blinks
