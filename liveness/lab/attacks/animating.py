"""A still face made to move as the person in a clip does: the picture is bent by triangles, and nothing else moves.

Only what moves on the driving face is taken over, not where its parts are, as motion transfer with relative keypoints
does it (first order motion model, Siarohin et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from liveness.faces.landmarks import MESH_POINTS
from liveness.frames import Floats, Pixels
from liveness.geometry import apply_affine, similarity
from liveness.lab.attacks.meshes import Mesh, looked_up, soft
from liveness.lab.attacks.mouths import Mouth, inner_lips
from liveness.lab.attacks.noise import noisy
from liveness.lab.attacks.portraits import Portrait, first_good, height_of, most_opened, mouth_opening, tracked
from liveness.lab.attacks.source import Source
from liveness.lab.attacks.swapping import processed
from liveness.measures.face_regions import OVAL, STEADY, fill

_RINGS = ((1.2, 1.0), (1.45, 0.85), (1.8, 0.5), (2.2, 0.15), (2.6, 0.0), (3.0, 0.0))
"""Contours around the face, in contours of the face, and the share of the head's movement that each makes."""
_FARTHEST = 0.5
"""No point goes further than that, in heights of the face."""
_AJAR, _WIDE_OPEN = 0.03, 0.1
"""Of the mouth's height by its width: what is seen of its inside from there on, and how much more shows it whole."""


@dataclass(frozen=True, slots=True)
class Animation:
    """How one still is animated."""

    head: float
    """Share of the head's movement that is taken over."""
    expression: float
    """Share of the movement within the face."""
    steadying: float
    """Share of the movement before that is kept."""
    mouth: Mouth
    """What is seen when it opens."""
    denoise: float
    """Tones within the head, in 8-bit levels, that become one."""
    sharpen: float
    noise: float
    """Grey noise over all, in 8-bit levels, as a camera would have."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Draw an animation between stiff and lively."""
        return cls(
            head=rng.uniform(0.5, 1.0),
            expression=rng.uniform(0.7, 1.15),
            steadying=float(rng.choice([0.0, 0.3, 0.6])),
            mouth=Mouth.drawn(rng),
            denoise=rng.uniform(3, 14),
            sharpen=rng.uniform(0.0, 0.5),
            noise=float(rng.choice([0.0, 0.0, 1.0, 2.0])),
        )


def photo_animation(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """A still face, the other one or the clip's own, moved as the person in the clip moves.

    Raises
    ------
    MediaError
        The clip shows no face.
    """
    return animated(source, Animation.drawn(rng), rng)


def animated(source: Source, animation: Animation, rng: np.random.Generator) -> Iterator[Pixels]:
    """Return the pictures of the still as the animation moves it, one for each of the clip."""
    found = tracked(source.pictures, source.name)
    start = first_good(source.pictures, found)
    first = found[start]
    assert first is not None
    still = source.face or Portrait(source.pictures[start], first)
    candidates = [one for one in (most_opened(found, source.pictures[0]), still.points) if one is not None]
    puppet = Puppet.of(still, max(candidates, key=mouth_opening), animation)
    return _animated(puppet, _movements(found, first, still.points, animation), animation, rng)


def _animated(
    puppet: Puppet, movements: Iterable[Floats], animation: Animation, rng: np.random.Generator
) -> Iterator[Pixels]:
    for places in movements:
        yield noisy(puppet.moved(places, animation.mouth), animation.noise, rng)


def _movements(found: Sequence[Floats | None], first: Floats, still: Floats, animation: Animation) -> Iterator[Floats]:
    """Yield for each picture (468, 2) where the still's points go; where no face is seen they stay.

    Parameters
    ----------
    found
        (478, 3) landmarks of the driving face in each picture.
    first
        (478, 3) those that stand for the still.
    still
        (478, 3) those on the still.
    """
    steady = list(STEADY)
    rest, begun = still[:MESH_POINTS, :2], first[:MESH_POINTS, :2]
    to_still = similarity(begun, rest)
    here = rest
    for points in found:
        if points is not None:
            now = points[:MESH_POINTS, :2]
            rigid = similarity(begun[steady], now[steady])
            carried = apply_affine(rigid, begun)
            # Within the face, with the head's own movement taken out.
            within = apply_affine(cv2.invertAffineTransform(rigid).astype(np.float32), now) - begun
            step = (carried - begun) * animation.head + within * animation.expression
            step = step @ to_still[:, :2].T
            wanted = rest + _limited(step, _FARTHEST * height_of(still))
            here = np.asarray(here * animation.steadying + wanted * (1 - animation.steadying), dtype=np.float32)
        yield here


def _limited(step: Floats, farthest: float) -> Floats:
    """Return (n, 2) steps none of which is longer than some pixels."""
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return np.asarray(step * np.minimum(1, farthest / np.maximum(length, 1e-3)), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Puppet:
    """A still whose face can be moved, with rings around it on which the movement fades out."""

    picture: Pixels
    """(height, width, 3) RGB."""
    points: Floats
    """(468, 2) landmarks on it, in pixels."""
    mesh: Mesh
    closed: float
    """How far the mouth is open on the still: height by width."""

    @classmethod
    def of(cls, still: Portrait, opened: Floats, animation: Animation) -> Self:
        """Lay the triangles over face and rings, and give the head the look of a network's.

        ``opened`` are (478, 3) landmarks of any face whose mouth is open, on which the triangles are laid.
        """
        rest = still.points[:MESH_POINTS, :2]
        mesh = Mesh.laid(_ringed(rest, rest), _ringed(opened[:MESH_POINTS, :2], opened[:MESH_POINTS, :2]))
        contour = _ring(rest, rest, 1.3, 0)
        head = soft(fill(contour, (still.picture.shape[0], still.picture.shape[1])), 0.2 * height_of(still.points))
        crisp = processed(still.picture, denoise=animation.denoise, sharpen=animation.sharpen).astype(np.float32)
        look = np.round(still.picture + head[..., None] * (crisp - still.picture)).astype(np.uint8)
        return cls(look, rest, mesh, mouth_opening(still.points))

    def moved(self, places: Floats, mouth: Mouth) -> Pixels:
        """Return the picture with the face's points at (468, 2) other places; far from the head it stays bit by bit."""
        size = self.picture.shape[1], self.picture.shape[0]
        look, covered = self.mesh.lookup(_ringed(self.points, places), size)
        picture = np.where(covered[..., None] > 0, looked_up(self.picture, look), self.picture).astype(np.uint8)
        wider = mouth_opening(places) - self.closed - _AJAR
        return mouth.within(picture, inner_lips(places), wider / _WIDE_OPEN)


def _ringed(rest: Floats, places: Floats) -> Floats:
    """Return (n, 2) the points of a face that has moved, and those of the rings around it."""
    return np.concatenate([places, *(_ring(rest, places, far, share) for far, share in _RINGS)])


def _ring(rest: Floats, places: Floats, far: float, share: float) -> Floats:
    """Return (36, 2) the face's contour at rest, ``far`` times as large, moved by a share of the contour's movement."""
    contour, moved = rest[list(OVAL)], places[list(OVAL)]
    middle = contour.mean(axis=0)
    return np.asarray(middle + (contour - middle) * far + (moved - contour) * share, dtype=np.float32)
