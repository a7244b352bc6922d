"""Screen and print texture: does the face look as if it had been photographed twice?

What it sees
------------
The face in one frame every 0.7 seconds, brought to one size (128 pixels from hairline to chin); the median
of each feature over two seconds. Luma: entropy of local binary patterns, energy of the finest band,
spectral peaks off both axes, banding of rows, hardness of edges. Colour: cast of the skin, spread of
saturation, lips against skin, coarse detail of the red. Extremes: blown-out and black shares.
What each name means stands in :mod:`liveness.measures.texture_features`.

Why a fake differs
------------------
A face on a screen or on paper went through two cameras: detail is lost twice, the gamut is that of the
display or the ink (lips and skin move together, blacks are lifted, a screen is bluer than the room and
blows out the exposure), and two pixel grids can beat against each other (moiré).

Fails when
----------
A large, sharp, well calibrated screen or a good print fills the picture; the person sits before a bluish
monitor in a dark room, or in the beam of a lamp (the cast and the blown share are then the room's); a
beauty filter or a very poor line takes the skin's detail. It is blind to anything injected. It does not
look at what surrounds the face: a bezel or a hand holding a phone is not used, since the pictures to learn
from are crops of the face.

Reference
---------
No. 4 of the list of signals; works cited in :mod:`liveness.measures.texture_features`. Measured on the
corpus's pictures of 12 sources with both classes and one with real ones only (a face was found in all but
57 of 1,487), each as it is and at call quality (at most 170 pixels of face height, x264 at CRF 29), on 350
ordinary face photographs and on 54 real clips: logistic regression, balanced by source, always tested on a
source that was not trained on. AUC within each source, at call quality: 1.00, 1.00, 0.99, 0.99, 0.98, 0.97,
0.96, 0.93, 0.89, 0.89, 0.84, and 0.81 on the one with prints, masks and cut-outs (mean 0.94); of all
pictures pooled under one threshold 0.86 (0.87 among pairs of like face size). The features were chosen on
the same sources, which flatters: with an automatic choice of twelve inside the training sources only, the
pooled AUC (sources weighing alike, clips included) falls from 0.88 to 0.78 and the mean within sources from
0.94 to 0.87. Take those as what a new camera will give.

Real clips, trained on pictures alone: log-odds at 5, 50 and 95 % of -3.9, -1.1 and 1.7; 9 of 54 above even
odds, 5 above 1, 1 above 2. The two re-filmed screens: 2.0, and 2.0 and 5.0 in its two windows. Live face
swaps: -0.8 (blind, as it should be). Two attack pictures of small sources (a tablet, a re-shot portrait)
are missed (-1.4 and -1.1).

False alarms: 19 % of the ordinary photographs lie above even odds at call quality, alike in all quarters of
the face's brightness (18, 20, 16, 20 %; correlation 0.03). But of 40 dim webcam pictures of one
dark-skinned man under bluish light, whose source was not trained on, 88 % lie above even odds and 60 %
above 1, mostly by ``blue_cast``. Without that feature these are 28 and 8 %, but 41 % instead of 21 % of the
windows of real clips are above even odds and the pooled AUC falls from 0.88 to 0.81; colour ratios in its
place do worse than it in both. So this signal alone must never convict.

Tried without gain: blur ratios in source pixels and chroma noise against luma (they tell sources, not
attacks), spectral slope, patterns of Cb and Cr, highlights without colour, colour of highlights and
shadows, darkness and saturation of the eyes, number of colours. A greedy search over 160 features reached
0.90 on the sources it searched and 0.73 on others (0.7 of the pooled AUC plus 0.3 of the one within
sources).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import Observation
from liveness.measures.conditions import SMALL_IOD_PX, light_quality, pose_quality, size_quality
from liveness.measures.texture_features import TEXTURE_FEATURES, texture_box, texture_features
from liveness.verdict import Evidence


@dataclass(frozen=True, slots=True)
class TextureSettings:
    """Over how long the median is taken."""

    window_s: float = 2.1
    """Stretch of media time of one piece of evidence; nothing is used in two of them."""
    least_observations: int = 1
    """Frames that one piece of evidence needs; a picture has but one."""


class _Look(NamedTuple):
    time_s: float
    features: tuple[float, ...]
    quality: float


class Texture(Signal):
    """Measures luma patterns, spectrum, colour and extremes of the face at one common scale."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="texture",
        title="Screen and print texture",
        group="texture",
        families=frozenset({"presentation"}),
        needs=frozenset({"frame"}),
        unit="nats",
        features=TEXTURE_FEATURES,
        observe_every_s=0.7,
        period_s=2.0,
        window_s=2.1,
        needed_s=4.0,
        cost_ms=3.0,
        suspicious=(
            "The face has the texture of a screen or a print held before the camera; ask the person to turn the"
            " head to the side and to pass a hand before the face."
        ),
        reassuring="The face has the texture of skin before a camera, not of a screen or a print.",
        still=True,
    )

    def __init__(self, settings: TextureSettings | None = None) -> None:
        self._settings = settings or TextureSettings()
        self._looks: deque[_Look] = deque()
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Measure one frame; what was gathered is dropped when the shot is broken."""
        if observation.broken:
            self._looks.clear()
        look = self._look(observation)
        if look is not None:
            self._looks.append(look)
        while self._looks and observation.time_s - self._looks[0].time_s > self._settings.window_s:
            self._looks.popleft()

    def evidence(self) -> Evidence | None:
        """Return the medians since the last evidence, or None until there is something new."""
        if self.missing() is not None:
            return None
        middle = np.median([look.features for look in self._looks], axis=0)
        features = {name: float(value) for name, value in zip(self.spec.features, middle, strict=True)}
        evidence = Evidence(
            signal=self.spec.name,
            start_s=self._looks[0].time_s,
            end_s=self._looks[-1].time_s,
            value=features[self.spec.features[0]],
            unit=self.spec.unit,
            quality=float(np.median([look.quality for look in self._looks])),
            features=features,
        )
        self._looks.clear()
        self._missing = "Too little new was seen since the last measurement."
        return evidence

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        return self._missing if len(self._looks) < self._settings.least_observations else None

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
        box = texture_box(face.points_px).clipped(frame.width, frame.height)
        corner = np.array([int(box.left), int(box.top)], dtype=np.float32)
        features = texture_features(frame.crop_rgb(box), face.points_px[:, :2] - corner)
        if features is None:
            self._missing = "Hardly any of the face's skin is inside the picture."
            return None
        quality = size * pose * light_quality(observation)
        return _Look(observation.time_s, tuple(features.values()), quality)
