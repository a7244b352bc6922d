"""Face against its surroundings: is the face's lower edge as sharp as the neck right beside it?

What it sees
------------
Fine detail of the luma in three places of one frame, as the median over 2.4 to 6 seconds: a strip along
the jaw, half within and half outside the face's contour; the neck below the chin; the inner face.
``jaw_laplacian`` and ``jaw_gradient`` are the log ratios of the strip to the neck of the mean Laplacian
(finest detail) and of the mean gradient after a blur of 0.6 pixels (edges); together they say whether the
edge of the face has the fineness that its strength should have. ``inner_fineness`` is the log ratio of
detail at 0.6 to 1.2 pixels to that at 1.2 to 2.4 inside the face.

Why a fake differs
------------------
A swapped face comes out of a model with few pixels, is scaled up and blended in along its contour with a
soft mask. The neck below is still the camera's. Both went through the same lens, codec and network, so
one is the measure of the other; a poor line softens both.

Fails when
----------
The neck is outside the picture or under a scarf (then it abstains); a beard, a high collar or long hair
lies along the jaw; the background is blurred or replaced along the head, a beauty filter smooths the
face; the codec has left no fine detail at all (quality falls); the whole person is generated, so that
there is no seam.

Reference
---------
Nos. 5 and 9 of the list of signals. Measured on the project's corpus, a look every 0.4 seconds, logistic
regression, cross-validated by person, ten folds, five draws; the features were chosen on the same clips,
so take the figures as slightly hopeful. 26 live face swaps against 54 real clips: AUC 0.73 (0.71 against
the originals from the same cameras; the swap scores above its own original in 82 % of 27 pairs;
``jaw_laplacian`` alone is lower in the swap in 96 %, but separates with only 0.60 to 0.65 across people).
11 animations and reenactments: 0.66; on four tight crops without a neck it abstains. Correlation of the
score with the log of the eye distance over real clips: -0.09; other sources are not taken for swaps more
often than the originals are (0.44, one half is even). Re-encoding 12 real clips of other sources moved
the log-odds by +0.06 (x264 at CRF 28), +0.31 (CRF 38) and -0.29 (half the size). Tried: gradient energy
at two scales on the strongest edges (lower in the swap in 93 % of pairs as a value in the ring, but 0.24
to 0.5 cross-validated, relative or with the inside and outside as context: it is mostly the size of the
face), ring against outside all around, hair, ears and temples, noise in flat places, contrast, and the
change of all these over time and with motion: no gain.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.dsp import log_ratio
from liveness.frames import Floats, Observation, Pixels
from liveness.measures.conditions import SMALL_IOD_PX, light_quality, pose_quality, ramp, size_quality
from liveness.measures.contour_strip import ContourRegions, contour_regions
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class SurroundingsSettings:
    """How the regions are measured and over how long."""

    window_s: float = 6.0
    """Stretch of media time over which the median is taken."""
    least_s: float = 2.4
    """Least stretch that says anything."""
    least_observations: int = 5
    fresh_s: float = 1.2
    """Least new stretch since the last evidence."""
    scales_px: tuple[float, float, float] = (0.6, 1.2, 2.4)
    """Blurs (standard deviation in pixels of the source) between which fine and coarse detail lie."""


class _Look(NamedTuple):
    time_s: float
    features: tuple[float, ...]
    quality: float


class Surroundings(Signal):
    """Compares fine detail on the face's lower contour with that on the neck."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="surroundings",
        title="Face against its surroundings",
        group="surroundings",
        families=frozenset({"synthesis"}),
        species=frozenset({"face_swap"}),
        needs=frozenset({"frame"}),
        unit="log ratio",
        features=("jaw_laplacian", "jaw_gradient", "inner_fineness"),
        observe_every_s=0.4,
        period_s=3.0,
        window_s=6.0,
        needed_s=6.0,
        cost_ms=3.0,
        suspicious=(
            "The edge of the face is softer than the neck right beside it; ask the person to pass a hand"
            " slowly along the jaw."
        ),
        reassuring="The edge of the face is as sharp as the neck beside it.",
    )

    def __init__(self, settings: SurroundingsSettings | None = None) -> None:
        self._settings = settings or SurroundingsSettings()
        self._looks: deque[_Look] = deque()
        self._told_until_s: float | None = None
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Measure one frame; what was gathered is dropped when the shot is broken."""
        if observation.broken:
            self._looks.clear()
            self._told_until_s = None
        while self._looks and observation.time_s - self._looks[0].time_s > self._settings.window_s:
            self._looks.popleft()
        look = self._look(observation)
        if look is not None:
            self._looks.append(look)

    def evidence(self) -> Evidence | None:
        """Return the medians of the last seconds, or None until there are enough new ones."""
        if self.missing() is not None:
            return None
        start, end = self._looks[0].time_s, self._looks[-1].time_s
        self._told_until_s = end
        table = np.array([look.features for look in self._looks])
        middle = np.median(table, axis=0)
        features = {name: float(value) for name, value in zip(self.spec.features, middle, strict=True)}
        return Evidence(
            signal=self.spec.name,
            start_s=start,
            end_s=end,
            value=features[self.spec.features[0]],
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
            return "The face and neck have not been watched for long enough yet."
        if self._told_until_s is not None and end - self._told_until_s < settings.fresh_s:
            return "Too little new was seen since the last measurement."
        return None

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
        regions = contour_regions(face, frame.width, frame.height)
        if regions is None or regions.neck_seen < 0.25:
            self._missing = "The neck below the chin is outside the picture."
            return None
        levels = _levels(frame.luma(), regions, self._settings.scales_px)
        features = (
            log_ratio(levels.jaw_laplacian, levels.neck_laplacian, floor=0.1),
            log_ratio(levels.jaw_gradient, levels.neck_gradient, floor=0.1),
            levels.inner_fineness,
        )
        seen = ramp(regions.neck_seen, 0.25, 0.75)
        # Where the codec left nothing fine anywhere, there is nothing to compare; rounding alone makes 1.2.
        detail = ramp(max(levels.jaw_laplacian, levels.neck_laplacian), 1.25, 2.25)
        quality = size * pose * seen * detail * light_quality(observation)
        return _Look(time_s=observation.time_s, features=features, quality=quality)


class _Levels(NamedTuple):
    """Mean fine detail of regions."""

    jaw_laplacian: float
    """Grey levels."""
    neck_laplacian: float
    jaw_gradient: float
    """Grey levels per pixel."""
    neck_gradient: float
    inner_fineness: float
    """Log ratio of detail between the first two scales to that between the last two."""


def _levels(luma: Pixels, regions: ContourRegions, scales_px: tuple[float, float, float]) -> _Levels:
    box = regions.box
    patch: Floats = luma[int(box.top) : int(box.bottom), int(box.left) : int(box.right)].astype(np.float32)
    fine, middle, coarse = scales_px
    blurred = [_blur(patch, fine)]
    blurred.append(_blur(blurred[0], float(np.sqrt(middle**2 - fine**2))))
    blurred.append(_blur(blurred[1], float(np.sqrt(coarse**2 - middle**2))))
    laplacian = cv2.Laplacian(patch, cv2.CV_32F)
    np.abs(laplacian, out=laplacian)
    gradient = cv2.magnitude(
        cv2.Scharr(blurred[0], cv2.CV_32F, 1, 0, scale=1 / 32),
        cv2.Scharr(blurred[0], cv2.CV_32F, 0, 1, scale=1 / 32),
    )
    upper, lower = cv2.absdiff(blurred[0], blurred[1]), cv2.absdiff(blurred[1], blurred[2])
    return _Levels(
        jaw_laplacian=cv2.mean(laplacian, regions.jaw)[0],
        neck_laplacian=cv2.mean(laplacian, regions.neck)[0],
        jaw_gradient=cv2.mean(gradient, regions.jaw)[0],
        neck_gradient=cv2.mean(gradient, regions.neck)[0],
        inner_fineness=log_ratio(cv2.mean(upper, regions.inner)[0], cv2.mean(lower, regions.inner)[0], floor=0.02),
    )


def _blur(picture: Floats, sigma_px: float) -> Floats:
    size = 2 * round(3 * sigma_px) + 1
    return np.asarray(cv2.GaussianBlur(picture, (size, size), sigma_px), dtype=np.float32)
