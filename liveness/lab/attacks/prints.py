"""A print held before a camera: ink and paper, halftone, bending, holes for the eyes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.lab.attacks.camera import Camera, colours_of, covered, placed, plane_coordinates, room, stride
from liveness.lab.attacks.focus import eyes_on, face_on
from liveness.lab.attacks.noise import smooth_field, smooth_walk, unit_noise
from liveness.lab.attacks.screens import SIZES
from liveness.lab.attacks.source import Maker, Source

_ANGLES_DEG = np.array([15.0, 75.0, 0.0])
"""Of the cyan, magenta and yellow screens, which take away red, green and blue."""


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """One print as it was made and as it is held."""

    way: str
    """``halftone``, ``inkjet`` or ``photo``."""
    dots: float
    """Halftone dots, or inkjet grains, to one pixel of the camera."""
    depth: float
    gamma: float
    ink: float
    """Light that the darkest ink gives back."""
    paper: tuple[float, float, float]
    gamut: float
    bend: float
    """Curvature across; 0 for flat, 1 for a quarter of a cylinder over the picture's width."""
    sag: float
    border: float
    """White rim as a share of the width."""
    grain: float
    gloss: float
    light: tuple[float, float]
    """How the room's light falls off across and down."""
    eye_holes: bool

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, bent: bool | None, eye_holes: bool | None) -> Self:
        """Draw one; None leaves it to chance."""
        bending = rng.random() < 0.6 if bent is None else bent
        return cls(
            way=str(rng.choice(["halftone", "inkjet", "photo"])),
            dots=float(np.exp(rng.uniform(np.log(0.25), np.log(1.4)))),
            depth=rng.uniform(0.2, 0.9),
            gamma=rng.uniform(1.9, 2.6),
            ink=rng.uniform(0.015, 0.09),
            paper=(rng.uniform(0.86, 1.0), rng.uniform(0.88, 0.97), rng.uniform(0.82, 1.0)),
            gamut=rng.uniform(0.55, 0.95),
            bend=float(rng.choice([-1, 1])) * rng.uniform(0.15, 0.9) if bending else 0.0,
            sag=rng.normal(0, 0.04) if bending else 0.0,
            border=float(rng.choice([0.0, 0.02, 0.06])),
            grain=rng.uniform(0.0, 0.03),
            gloss=float(rng.choice([0.0, 0.0, 0.1, 0.4])) * rng.uniform(0.5, 1.5),
            light=(rng.normal(0, 0.3), rng.normal(0, 0.25)),
            eye_holes=bool(rng.random() < 0.2) if eye_holes is None else eye_holes,
        )

    def reflectance(self, picture: Pixels) -> Floats:
        """Return (h, w, 3) the share of light that ink on paper gives back."""
        table = self.ink + (1 - self.ink) * (np.arange(256) / 255) ** self.gamma
        light = table.astype(np.float32)[picture]
        grey = light @ np.array([0.3, 0.6, 0.1], dtype=np.float32)
        light = grey[..., None] + (light - grey[..., None]) * np.float32(self.gamut)
        return np.asarray(light * np.array(self.paper, dtype=np.float32), dtype=np.float32)

    def bent_coordinates(self, x: Floats, y: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
        """Return where on the bent paper each pixel looks, and the cosine of the paper's slope there."""
        if self.bend == 0:
            return x, y, np.ones_like(x)
        across = np.clip(x / shape[0] - 0.5, -0.75, 0.75) * np.float32(abs(self.bend))
        slope = np.clip(across * np.float32(1.2), -0.95, 0.95)
        way = np.arcsin(slope) / np.float32(1.2 * abs(self.bend)) + np.float32(0.5)
        on_x = np.where(np.abs(x / shape[0] - 0.5) < 0.75, way * shape[0], x)
        bow = np.float32(np.sign(self.bend) * 0.12 * abs(self.bend) + self.sag)
        on_y = y + bow * np.float32(shape[1]) * (4 * (x / shape[0] - 0.5) ** 2 - np.float32(0.5))
        return np.asarray(on_x, np.float32), np.asarray(on_y, np.float32), np.sqrt(1 - slope**2)

    def pattern(
        self, x: Floats, y: Floats, tone: Floats, *, cycles: float, scale: float, camera: Camera
    ) -> Floats | None:
        """Return (h, w) what the dots multiply the light with; ``tone`` is the light at each pixel's own colour."""
        if self.way == "photo":
            return None
        left = self.depth * camera.kept(cycles)
        if left < 0.002:
            return None
        middle = 4 * np.clip(tone, 0, 1) * (1 - np.clip(tone, 0, 1))
        if self.way == "inkjet":
            grains = cv2.remap(
                _grains(), x * np.float32(scale), y * np.float32(scale), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
            )
            return np.asarray(np.maximum(1 + np.float32(0.5 * left) * middle * grains, 0), dtype=np.float32)
        angle = np.radians(_ANGLES_DEG).astype(np.float32)[colours_of(camera.size)]
        cosine, sine = np.cos(angle), np.sin(angle)
        turns = np.float32(2 * np.pi * scale)
        waves = np.cos(turns * (cosine * x + sine * y)) + np.cos(turns * (cosine * y - sine * x))
        return np.asarray(np.maximum(1 + np.float32(0.5 * left) * middle * waves, 0), dtype=np.float32)


_GRAINS: list[Floats] = []


def _grains() -> Floats:
    """Return (512, 512) the grain of an inkjet's dither: more of the fine than of the coarse."""
    if not _GRAINS:
        white = np.random.default_rng(3).standard_normal((512, 512)).astype(np.float32)
        _GRAINS.append(np.asarray(white - cv2.GaussianBlur(white, (0, 0), 1.5), dtype=np.float32))
    return _GRAINS[0]


def filmed(source: Source, rng: np.random.Generator, printed: Print, size: tuple[int, int]) -> Iterator[Pixels]:
    """Yield what a camera sees of one picture of the source, printed and held."""
    picture = source.pictures[int(rng.integers(len(source.pictures)))]
    count = max(1, round(rng.uniform(8, 12) * source.fps)) if len(source.pictures) > 1 else 1
    camera = Camera.drawn(rng, size)
    hand = rng.uniform(0.003, 0.02) if rng.random() < 0.85 else 0.0
    sway = smooth_walk(rng, count, source.fps, 8, step_s=0.8) * hand
    focus = face_on(picture)
    rim = round(printed.border * picture.shape[1])
    holes = _holes(picture, rim) if printed.eye_holes else None
    paper: Pixels = np.pad(picture, ((rim, rim), (rim, rim), (0, 0)), constant_values=255)
    shape = (paper.shape[1], paper.shape[0])
    focus = (
        (focus[0] * picture.shape[1] + rim) / shape[0],
        (focus[1] * picture.shape[0] + rim) / shape[1],
        focus[2] * picture.shape[0] / shape[1],
    )
    placing = placed(rng, shape, focus, size, sway, tilt=0.4)
    behind = room(rng, size)
    ink = printed.reflectance(paper)
    ink *= 1 + np.float32(printed.grain) * unit_noise((shape[1], shape[0]), rng)[..., None]
    sheen = np.maximum(smooth_field(rng, (size[1], size[0]), cells=4) - 0.3, 0)[..., None]
    lamp = rng.uniform(0.5, 1.2) * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
    first = stride(placing.to_camera(0, shape), size)
    scale = printed.dots / first
    gain: float | None = None
    small = min(1.0, 1.3 / first)
    if small < 0.75:
        ink = np.asarray(cv2.resize(ink, None, fx=small, fy=small, interpolation=cv2.INTER_AREA), dtype=np.float32)
    zoom = np.float32(ink.shape[1] / shape[0])
    for index in range(count):
        to_camera = placing.to_camera(index, shape)
        flat_x, flat_y = plane_coordinates(to_camera, size)
        x, y, facing = printed.bent_coordinates(flat_x, flat_y, shape)
        seen = cv2.remap(
            ink, (x + 0.5) * zoom - 0.5, (y + 0.5) * zoom - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        across, down = printed.light
        fall = 1 + np.float32(across) * (flat_x / shape[0] - 0.5) + np.float32(down) * (flat_y / shape[1] - 0.5)
        lit = (np.clip(fall, 0.3, 1.8) * (0.55 + 0.45 * facing))[..., None] * lamp
        light = seen * lit + np.float32(printed.gloss) * sheen * (1 - facing[..., None] * 0.5)
        step = stride(to_camera, size)
        on = covered(x, y, shape, step)
        light = light * on + behind * (1 - on)
        if holes is not None:
            # Behind the holes are the eyes of whoever holds the paper: those of the source, a little further away.
            live = source.pictures[index % len(source.pictures)]
            alive = (live.astype(np.float32) / 255) ** np.float32(2.2) * lamp * np.float32(0.75)
            eyes = cv2.remap(
                alive, (x - rim) * np.float32(0.98) + 2, (y - rim) * np.float32(0.98) + 2, cv2.INTER_LINEAR
            )
            open_ = cv2.remap(holes, x, y, cv2.INTER_LINEAR)[..., None]
            light = light * (1 - open_) + eyes * open_
        light = camera.focused(np.asarray(light, dtype=np.float32))
        gain = camera.gain(light) if gain is None else gain
        tone = np.take_along_axis(seen, colours_of(size)[..., None], axis=2)[..., 0]
        pattern = printed.pattern(x, y, np.asarray(tone, np.float32), cycles=scale * step, scale=scale, camera=camera)
        if pattern is not None:
            pattern = np.where(on[..., 0] > 0.5, pattern, np.float32(1))
        yield camera.picture(light * np.float32(gain), pattern, rng)


def _holes(picture: Pixels, rim: int) -> Floats | None:
    """Return (h, w) 1 where the paper is cut away before the eyes, or None where no eyes are found."""
    eyes = eyes_on(picture)
    if not eyes:
        return None
    mask = np.zeros((picture.shape[0] + 2 * rim, picture.shape[1] + 2 * rim), dtype=np.float32)
    for eye in eyes:
        middle, half = (eye.min(axis=0) + eye.max(axis=0)) / 2 + rim, np.ptp(eye, axis=0) / 2
        axes = (max(2, round(float(half[0]) * 1.25)), max(2, round(float(max(half[1], half[0] * 0.35)) * 1.5)))
        cv2.ellipse(mask, tuple(np.round(middle).astype(int).tolist()), axes, 0, 0, 360, (1.0,), -1)
    return mask


def maker_for(*, bent: bool | None = None, eye_holes: bool | None = None) -> Maker:
    """Return the maker for prints of some kind; what is None is drawn."""

    def printed(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
        drawn = Print.drawn(rng, bent=bent, eye_holes=eye_holes)
        return filmed(source, rng, drawn, SIZES[int(rng.integers(len(SIZES)))])

    printed.__doc__ = "A print of one picture, held before a camera."
    return printed
