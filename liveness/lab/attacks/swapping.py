"""Another face put onto the person in a clip, picture by picture, with what real live swaps get wrong.

The other face is bent by triangles onto the landmarks of the person, rendered at the limited resolution that a
network has, given the colours of the face that it covers, and blended in with a soft mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import cv2
import numpy as np
import numpy.typing as npt

from liveness.errors import ConfigError
from liveness.faces.landmarks import MESH_POINTS
from liveness.frames import Floats, Pixels
from liveness.geometry import apply_affine, similarity
from liveness.lab.attacks.focus import LEFT_EYE, RIGHT_EYE
from liveness.lab.attacks.meshes import Mesh, looked_up, soft
from liveness.lab.attacks.noise import smooth_walk
from liveness.lab.attacks.portraits import INNER_LIPS, Portrait, height_of, most_opened, mouth_opening, tracked, yaw_deg
from liveness.lab.attacks.source import Source
from liveness.measures.face_regions import OVAL, fill

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

ROOM = 1.5
"""Edge of the square that is rendered, by the height of the face."""
_FADE_DEG = 6.0
"""Over so much further turning a swap that lets go fades."""
_CELLS = 4
"""Across and down a face, parts that tremble by themselves."""
_TREMORS = 1 + _CELLS**2


@dataclass(frozen=True, slots=True)
class Swap:
    """How good one live swap is."""

    face_px: int
    """Height of the face as it is rendered."""
    late: int
    """Pictures by which the face lags behind the rest."""
    rate_hz: float
    """So often a face is rendered; in between, the last one stays where it was."""
    jitter: float
    """Trembling of the landmarks, as a share of the face's height."""
    steadying: float
    """Share of the landmarks before that is kept: the tremor becomes less, and so does fast movement."""
    flicker: float
    """Size of the changes of colour, in 8-bit levels, and of the mask's edge, in percent of the face's height."""
    softness: float
    """Width of the mask's edge as a share of the face's height."""
    inset: float
    """Distance of the mask from the face's contour, as a share of its height."""
    denoise: float
    """Tones, in 8-bit levels, that become one."""
    sharpen: float
    colour: float
    """How far the colours become those of the covered face, 0–1."""
    light: float
    """How far its shading does, 0–1."""
    own_eyes: bool
    """Whether the person's own eyes are left to be seen."""
    turn_deg: float
    """Turned further than that, the swap fails …"""
    fails: Literal["lets go", "slides"]
    """… by showing the person's own face, or by staying behind."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Draw a swap between poor and good."""
        return cls(
            face_px=int(rng.choice([96, 128, 160, 192, 224, 256, 320])),
            late=int(rng.integers(4)),
            rate_hz=rng.uniform(12, 25),
            jitter=float(np.exp(rng.uniform(np.log(0.001), np.log(0.008)))),
            steadying=float(rng.choice([0.0, 0.3, 0.6])),
            flicker=float(rng.choice([0.0, 0.5, 1.5, 3.0])),
            softness=rng.uniform(0.05, 0.16),
            inset=rng.uniform(0.0, 0.05),
            denoise=rng.uniform(4, 18),
            sharpen=rng.uniform(0.0, 0.7),
            colour=rng.uniform(0.75, 1.0),
            light=rng.uniform(0.2, 0.8),
            own_eyes=bool(rng.random() < 0.3),
            turn_deg=rng.uniform(22, 42),
            fails="lets go" if rng.random() < 0.5 else "slides",
        )

    def rendered_at(self, index: int, fps: float) -> int:
        """Return which picture's face is seen on picture ``index``."""
        tick = np.floor(index / fps * self.rate_hz + 1e-6) / self.rate_hz
        return max(0, int(np.ceil(tick * fps - 1e-6)) - self.late)

    def hold(self, yaw: float | None) -> float:
        """Return how much of the swap is left when the head is turned so many degrees, 0–1."""
        if yaw is None or self.fails == "slides":
            return float(yaw is not None)
        return float(np.clip((self.turn_deg - abs(yaw)) / _FADE_DEG + 1, 0, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One rendered face."""

    face: Floats
    """(side, side, 3) RGB, 0–255."""
    mask: Floats
    """(side, side) how much of it is seen, 0–1."""
    to_patch: Floats
    """(2, 3) from the picture's pixels to the patch's."""

    def onto(self, picture: Pixels) -> Pixels:
        """Return the (height, width, 3) picture with the patch blended in; outside the mask it stays bit by bit."""
        size = picture.shape[1], picture.shape[0]
        back = cv2.invertAffineTransform(self.to_patch)
        face = cv2.warpAffine(self.face, back, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(self.mask, back, size, flags=cv2.INTER_LINEAR)[..., None]
        blended = np.round(picture + mask * (face - picture))
        return np.asarray(np.clip(blended, 0, 255), dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class OtherFace:
    """The face that is put onto the person, with its triangles."""

    portrait: Portrait
    mesh: Mesh

    @classmethod
    def of(cls, portrait: Portrait, face_px: float, opened: Floats | None) -> Self:
        """Take a portrait, scaled down so that its face is no taller than ``face_px``: finer would be aliased.

        ``opened`` are (478, 3) landmarks of the person with the mouth open, if it ever is.
        """
        scale = face_px / height_of(portrait.points)
        if scale < 1:
            small = cv2.resize(portrait.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            portrait = Portrait(np.asarray(small, dtype=np.uint8), portrait.points * np.float32(scale))
        if opened is None or mouth_opening(opened) < mouth_opening(portrait.points):
            opened = portrait.points
        return cls(portrait, Mesh.of_face(portrait.points, opened))

    def on(self, picture: Pixels, points: Floats, swap: Swap, shade: Floats, edge: float) -> Patch:
        """Render it onto the face of (478, 3) landmarks in a picture.

        Parameters
        ----------
        shade
            (3,) levels that are added to red, green and blue.
        edge
            What is added to the width of the mask's edge, as a share of the face's height.
        """
        # Nor is it rendered much finer than it will be seen.
        face_px = min(float(swap.face_px), 1.3 * height_of(points))
        side = round(ROOM * face_px)
        to_patch = upright(points, face_px, side)
        places = apply_affine(to_patch, np.asarray(points[:, :2], dtype=np.float32))
        look, covered = self.mesh.lookup(places[:MESH_POINTS], (side, side), points[:MESH_POINTS, 2])
        under = cv2.warpAffine(picture, to_patch, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        bent = np.where(covered[..., None] > 0, looked_up(self.portrait.picture, look), under).astype(np.uint8)
        crisp = processed(bent, denoise=swap.denoise, sharpen=swap.sharpen)
        mask = _mask(places, covered, swap, max(0.02, swap.softness + edge) * face_px, face_px)
        face = coloured(crisp, np.asarray(under, dtype=np.uint8), mask > 0.5, colour=swap.colour, light=swap.light)
        return Patch(np.asarray(face + shade, dtype=np.float32), mask, to_patch)


def face_swap(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """The clip with another face on the person.

    Raises
    ------
    ConfigError
        The source has no other face.
    MediaError
        The clip shows no face.
    """
    if source.face is None:
        raise ConfigError(
            "face_swap: expected another face to put onto the person, got none; "
            "name a picture or clip of it with --face FILE"
        )
    return swapped(source, source.face, Swap.drawn(rng), rng)


def swapped(source: Source, other: Portrait, swap: Swap, rng: np.random.Generator) -> Iterator[Pixels]:
    """Return the pictures of a clip with the other face on the person's, as the swap does it."""
    found = tracked(source.pictures, source.name)
    return _swapped(source, OtherFace.of(other, swap.face_px, most_opened(found, source.pictures[0])), found, swap, rng)


def _swapped(
    source: Source, other: OtherFace, found: Sequence[Floats | None], swap: Swap, rng: np.random.Generator
) -> Iterator[Pixels]:
    yaws = [None if one is None else yaw_deg(one, pic) for one, pic in zip(found, source.pictures, strict=True)]
    followed = _followed(found, yaws, swap, rng)
    shades = smooth_walk(rng, len(found), source.fps, 3, step_s=0.12) * np.float32(swap.flicker)
    edges = smooth_walk(rng, len(found), source.fps, 1, step_s=0.2)[:, 0] * 0.01 * swap.flicker
    patch, rendered = None, -1
    for index, picture in enumerate(source.pictures):
        at = swap.rendered_at(index, source.fps)
        if at != rendered:
            rendered, points, hold = at, followed[at], swap.hold(yaws[at])
            patch = None
            if points is not None and hold > 0:
                patch = other.on(source.pictures[at], points, swap, shades[at], float(edges[at]))
                patch = replace(patch, mask=patch.mask * np.float32(hold))
        yield picture if patch is None else patch.onto(picture)


def _followed(
    found: Sequence[Floats | None], yaws: Sequence[float | None], swap: Swap, rng: np.random.Generator
) -> list[Floats | None]:
    """Return for each picture the (478, 3) landmarks that the swap takes for the person's: late, trembling, sliding."""
    followed: list[Floats | None] = []
    steady: Floats | None = None
    for points, yaw in zip(found, yaws, strict=True):
        tremor = rng.normal(0, swap.jitter, (_TREMORS, 2))
        if points is None or yaw is None:
            steady = None
            followed.append(None)
            continue
        slides = swap.fails == "slides" and abs(yaw) > swap.turn_deg
        if steady is None:
            steady = points
        elif slides:
            # The face stays as it was and goes only half of the way with the head.
            steady = steady + (points[:, :2].mean(axis=0) - steady[:, :2].mean(axis=0)) @ np.eye(2, 3) / 2
        else:
            steady = steady * swap.steadying + points * (1 - swap.steadying)
        steady = np.asarray(steady, dtype=np.float32)
        followed.append(_trembling(steady, tremor))
    return followed


def _trembling(points: Floats, tremor: Array) -> Floats:
    """Return the landmarks shifted, and parts of the face each a little by itself, by shares of its height."""
    moved = points.copy()
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    cells = np.clip((points[:, :2] - low) / np.maximum(high - low, 1e-3), 0, 1).astype(np.float32) * (_CELLS - 1)
    grid = tremor[1:].reshape(_CELLS, _CELLS, 2).astype(np.float32)
    local = cv2.remap(grid, cells[:, None, 0], cells[:, None, 1], cv2.INTER_LINEAR)[:, 0]
    moved[:, :2] += (local + tremor[0]) * height_of(points)
    return moved


def upright(points: Floats, face_px: float, side: int) -> Floats:
    """Return the (2, 3) map that sets the face of (478, 3) landmarks upright in the middle of a square.

    Parameters
    ----------
    face_px
        Height that the face has there.
    side
        Edge of the square, in pixels.
    """
    low, high = points[10, :2], points[152, :2]
    middle = (low + high) / 2
    down = (high - low) / max(float(np.linalg.norm(high - low)), 1e-3)
    # By its depth too, so that a nod does not make the face larger.
    reach = down * np.float32(height_of(points) / 2)
    own = np.array([middle - reach, middle + reach], dtype=np.float32)
    there = np.array([[side / 2, side / 2 - face_px / 2], [side / 2, side / 2 + face_px / 2]], dtype=np.float32)
    return similarity(own, there)


def processed(face: Pixels, *, denoise: float, sharpen: float) -> Pixels:
    """Return a face as networks give it: without its finest grain, and sharpened."""
    smooth = cv2.bilateralFilter(face, 5, denoise, 2.0)
    wide = cv2.GaussianBlur(smooth, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(smooth, 1 + sharpen, wide, -sharpen, 0), dtype=np.uint8)


def coloured(face: Pixels, under: Pixels, within: Mask, *, colour: float, light: float) -> Floats:
    """Return (h, w, 3) the face in the colours of what it covers.

    Parameters
    ----------
    within
        (h, w) where colours are compared.
    colour
        How far mean and spread in CIELAB become those of ``under``, 0–1.
    light
        How far the coarse lightness does, 0–1.
    """
    if within.sum() < 64:
        return face.astype(np.float32)
    own, new = (cv2.cvtColor(one.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for one in (face, under))
    mean, spread = own[within].mean(axis=0), own[within].std(axis=0)
    wanted, wide = new[within].mean(axis=0), new[within].std(axis=0)
    ratio = np.clip(wide / np.maximum(spread, 0.5), 0.6, 1.6)
    given = (own - mean) * ratio + wanted
    lab = own + (given - own) * colour
    weight = within.astype(np.float32)
    sigma = face.shape[0] / 8
    full = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-3
    coarse = cv2.GaussianBlur((new[..., 0] - lab[..., 0]) * weight, (0, 0), sigma) / full
    lab[..., 0] += light * coarse
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255
    return np.asarray(np.clip(rgb, 0, 255), dtype=np.float32)


def _mask(places: Floats, covered: Pixels, swap: Swap, edge_px: float, face_px: float) -> Floats:
    """Return (h, w) how much of the rendered face is seen; the open mouth, and perhaps the eyes, stay the person's."""
    shape = covered.shape[0], covered.shape[1]
    mask = soft(fill(places[list(OVAL)], shape), edge_px, swap.inset * face_px)
    holes = fill(places[list(INNER_LIPS)], shape) | (1 - covered)
    if swap.own_eyes:
        for eye in (LEFT_EYE, RIGHT_EYE):
            holes |= fill(places[list(eye)], shape)
    left = cv2.GaussianBlur(1 - holes.astype(np.float32), (0, 0), max(0.6, face_px / 150))
    return np.asarray(mask * left, dtype=np.float32)
