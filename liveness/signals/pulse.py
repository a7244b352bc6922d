"""Pulse coherence: does the skin's colour change alike on forehead and cheeks?

What it sees
------------
The mean colours of forehead and both cheeks over 8 to 12 seconds, put on an even grid in time; from each
the pulse by the POS method; of the three the mean correlation within the band of hearts: 0 for no
agreement, 1 for the same signal. Neither a rate nor a frequency is kept or given out: that would be
health data.

Why a fake differs
------------------
Blood reaches forehead and cheeks with one beat; a still picture has none, and what is left there is noise
that agrees with nothing. A recording, and most good face swaps, carry the pulse of whoever was filmed.

Fails when
----------
Nearly always in a compressed call: the codec takes the pulse (a thousandth of the brightness) away, and
motion or flickering light changes all three patches alike. Coherence is therefore weak support, and its
lack means nothing. Darker skin reflects less of it, make-up hides it: it must never decide.

Reference
---------
No. 13 of the list of signals; Wang, den Brinker, Stuijk, de Haan, IEEE TBME 64 (2017). Measured on the
project's corpus at 12 analysed frames a second: median coherence 0.13 over real clips, 0.00 over 8
simulated stills on a tripod (AUC of real above still 0.78), but 0.19 to 0.28 over 16 simulated
photographs held by hand (0.22: motion agrees better than hearts do), 0.19 over live face swaps and 0.37
over animations. Taking out what goes with position, pose and brightness brought the hand-held ones to no
more than 0.31. Correlation with the log of the eye distance 0.53. Expect a weight near zero.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.dsp import Series, band_pass, mean_correlation, plane_orthogonal_to_skin, resample
from liveness.frames import Floats, Observation
from liveness.measures.conditions import SMALL_IOD_PX, light_quality, pose_quality, size_quality
from liveness.measures.face_regions import skin_colours
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class PulseSettings:
    """How the colours are gathered and compared."""

    window_s: float = 12.0
    least_s: float = 8.0
    """Least stretch that says anything."""
    least_rate_hz: float = 6.5
    """Fewer colours a second than this cannot show the band below."""
    fresh_s: float = 3.0
    """Least new stretch since the last evidence."""
    grid_hz: float = 12.0
    """Rate of the even grid that the colours are put on."""
    low_hz: float = 0.7
    high_hz: float = 3.0
    """The band in which hearts beat."""


class _Look(NamedTuple):
    time_s: float
    colours: Floats
    quality: float


class Pulse(Signal):
    """Measures the agreement of three patches of skin; nothing about the heart leaves it."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="pulse",
        title="Pulse coherence",
        group="physiology",
        families=frozenset({"presentation", "injection"}),
        needs=frozenset({"frame"}),
        unit="1",
        features=("coherence",),
        observe_every_s=0.0,
        period_s=4.0,
        window_s=12.0,
        needed_s=8.0,
        cost_ms=0.3,
        species=frozenset({"still", "print", "screen"}),
        directions={"coherence": -1},
        suspicious=(
            "No common colour change of living skin could be seen, which poor light or video alone can cause;"
            " it counts for little by itself."
        ),
        reassuring="Forehead and cheeks change colour together, as living skin does.",
    )

    def __init__(self, settings: PulseSettings | None = None) -> None:
        self._settings = settings or PulseSettings()
        self._looks: deque[_Look] = deque()
        self._told_until_s: float | None = None
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Keep the skin's mean colours of one frame; a break or lost skin starts the stretch anew."""
        look = self._look(observation)
        if observation.broken or look is None:
            self._looks.clear()
            self._told_until_s = None
        while self._looks and observation.time_s - self._looks[0].time_s > self._settings.window_s:
            self._looks.popleft()
        if look is not None:
            self._looks.append(look)

    def evidence(self) -> Evidence | None:
        """Return the coherence of the last seconds, or None until there are enough new ones."""
        if self.missing() is not None:
            return None
        times = np.array([look.time_s for look in self._looks])
        colours = np.stack([look.colours for look in self._looks]).astype(np.float64)
        self._told_until_s = float(times[-1])
        coherence = _coherence(times, colours, self._settings)
        return Evidence(
            signal=self.spec.name,
            start_s=float(times[0]),
            end_s=float(times[-1]),
            value=coherence,
            unit=self.spec.unit,
            quality=float(np.mean([look.quality for look in self._looks])),
            features={"coherence": coherence},
        )

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        settings = self._settings
        if not self._looks:
            return self._missing
        end = self._looks[-1].time_s
        watched = end - self._looks[0].time_s
        if watched < settings.least_s:
            return "The skin has not been watched without a break for long enough yet."
        if (len(self._looks) - 1) / watched < settings.least_rate_hz:
            return "Too few pictures a second were analysed to see the skin's colour change."
        if self._told_until_s is not None and end - self._told_until_s < settings.fresh_s:
            return "Too little new was seen since the last measurement."
        return None

    def _look(self, observation: Observation) -> _Look | None:
        face = observation.face
        if face is None:
            self._missing = "No face is seen."
            return None
        size, pose = size_quality(face), pose_quality(face)
        if size == 0:
            self._missing = (
                f"The face is too small: fewer than {SMALL_IOD_PX:.0f} pixels between the outer eye corners."
            )
            return None
        colours = skin_colours(observation.frame, face) if pose > 0 else None
        if colours is None:
            self._missing = "Forehead and both cheeks are not all in sight."
            return None
        quality = size * pose * light_quality(observation)
        return _Look(time_s=observation.time_s, colours=colours, quality=quality)


def _coherence(times: Series, colours: Series, settings: PulseSettings) -> float:
    """Return the mean correlation of the pulses of (n, 3, 3) region colours, 0–1."""
    rate = settings.grid_hz
    _, even = resample(times, colours.reshape(len(times), -1), rate_hz=rate)
    regions = even.reshape(len(even), *colours.shape[1:])
    pulses = [plane_orthogonal_to_skin(regions[:, region], rate_hz=rate) for region in range(regions.shape[1])]
    band = band_pass(np.stack(pulses), rate_hz=rate, low_hz=settings.low_hz, high_hz=settings.high_hz)
    return max(0.0, mean_correlation(band))
