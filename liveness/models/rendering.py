"""The rendering model: what a general network sees of a face and around it, and what that means.

The network (``general.onnx``) is the beginning of EfficientNet-Lite0 as it was learnt from ImageNet: it has seen no
face that was forged, and nobody of the corpus. The heads (``rendering.json``) are regularised logistic regressions on
what it sees in the regions of a face, one for swapped faces and one for faces that were generated with the whole
head, the latter also by how much it varies from look to look. See docs/models/rendering.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from liveness.frames import Floats, Pixels
from liveness.models.heads import Head, HeadFile, floats, held
from liveness.models.runner import Network

QUESTIONS: Final = ("swapped", "generated")
"""What the heads are asked: of the face alone, and of the head as a whole."""
STAGES: Final = (16, 24, 40)
"""Channels of the stages that are looked at; each halves the side of the one before, the first that of the square."""
REGIONAL_SIZE: Final = 6 * sum(STAGES)
VALUES_SIZE: Final = REGIONAL_SIZE + 3 * sum(STAGES)
LIMIT: Final = 4.0
"""A value further than so many standard deviations from what was learnt from counts as just so far."""
_HARDLY_ANY: Final = 0.02
"""A region of this share of the square is compared with the face by half."""
_MIDDLE: Final = 160 / 224
"""Side of the middle that the second head looks at."""
_LEAST_SPREAD: Final = 0.05
"""Added to a spread before its logarithm is taken, in standard deviations of what was learnt from."""

RENDERING_HEADS: Final = HeadFile("rendering", network="general")


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """The three heads, and the scale by which looks are compared."""

    mean: Floats
    scale: Floats
    swapped: Head
    generated: Head
    varying: Head

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Heads:
        """Read what JSON states; KeyError, TypeError or ValueError where it states no heads."""
        heads = (Head.of(stated[name], limit=LIMIT) for name in ("swapped", "generated", "varying"))
        return cls(floats(stated["mean"]), floats(stated["scale"]), *heads)

    def log_odds(self, looks: npt.NDArray[np.float32]) -> dict[str, float]:
        """Return for each of :data:`QUESTIONS` the log odds after (n, VALUES_SIZE) looks, two or more."""
        seen = summaries(looks, self.mean, self.scale)
        swapped, generated, varying = (
            head.log_odds(seen[name])
            for name, head in (("swapped", self.swapped), ("generated", self.generated), ("varying", self.varying))
        )
        return {"swapped": swapped, "generated": generated + varying}


class RenderingModel:
    """Network and heads; not to be shared by threads."""

    def __init__(self) -> None:
        self._network = Network("general")
        self._heads: Heads | None = None
        self._in_place = RENDERING_HEADS.in_place

    def look(self, rgb: Pixels, regions: Pixels) -> Floats:
        """Return what the network sees, (VALUES_SIZE,).

        Parameters
        ----------
        rgb
            (side, side, 3) face with what surrounds it.
        regions
            (3, side, side) 1 in the inner face, at its edge, around it.

        Raises
        ------
        ModelError
            The network is missing or is not the one whose hash is stated.
        """
        square = (np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], dtype=np.float32) - 127) / 128
        stages = self._network.outputs(square, [f"stage{at + 1}" for at in range(len(STAGES))])
        return seen_by_region([stage[0] for stage in stages], regions)

    def log_odds(self, looks: Sequence[Floats]) -> dict[str, float]:
        """Return for each of :data:`QUESTIONS` the log odds after some looks.

        Raises
        ------
        ModelError
            The heads are missing or damaged.
        """
        if self._heads is None:
            self._heads = RENDERING_HEADS.read(Heads.of, self._in_place)
        return self._heads.log_odds(np.stack(list(looks)))


def summaries(looks: npt.NDArray[np.float32], mean: Floats, scale: Floats) -> dict[str, Floats]:
    """Return what each head is shown of (n, VALUES_SIZE) looks, two or more.

    ``swapped`` is the mean of the regional values and ``generated`` that of the middle's; ``varying`` is the logarithm
    of how much the middle's vary from look to look.
    """
    z = held(looks, mean, scale, LIMIT)
    common, spread = z.mean(axis=0), z[:, REGIONAL_SIZE:].std(axis=0, ddof=1)
    return {
        "swapped": common[:REGIONAL_SIZE],
        "generated": common[REGIONAL_SIZE:],
        "varying": np.log(spread + np.float32(_LEAST_SPREAD)),
    }


def seen_by_region(stages: Sequence[Floats], regions: Pixels) -> Floats:
    """Return mean and spread of each channel by region, then mean, spread and maximum in the middle of the square.

    Of the regions the inner face stands as it is; its edge, and what surrounds it, as differences from it, which count
    the less the smaller those regions are. So each face is measured against the same picture.

    Parameters
    ----------
    stages
        (c, h, w) maps of the network, with :data:`STAGES` channels.
    regions
        (3, side, side) 1 in the inner face, at its edge, around it.
    """
    shares = regions.mean(axis=(1, 2), dtype=np.float32)
    means, spreads, middles = [], [], []
    for stage in stages:
        channels, height, width = stage.shape
        weights = np.stack([_smaller(region, (height, width)) for region in regions])
        weights = weights.reshape(3, -1) / (weights.sum(axis=(1, 2)) + 1e-3)[:, None]
        flat = stage.reshape(channels, -1)
        mean = weights @ flat.T
        means.append(mean)
        spreads.append(np.sqrt(np.maximum(weights @ (flat * flat).T - mean * mean, 0)))
        edge = round(height * (1 - _MIDDLE) / 2)
        middle = stage[:, edge : height - edge, edge : width - edge].reshape(channels, -1)
        middles.append(np.concatenate([middle.mean(axis=1), middle.std(axis=1), middle.max(axis=1)]))
    inner, rim, around = np.concatenate([*means, *spreads], axis=1)
    compared = shares / (shares + _HARDLY_ANY)
    regional = (inner, (inner - rim) * compared[1], (inner - around) * compared[2])
    return np.asarray(np.concatenate([*regional, *middles]), dtype=np.float32)


def _smaller(region: Pixels, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(region.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32)
