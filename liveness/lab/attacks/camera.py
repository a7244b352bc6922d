"""A camera that films something flat: where it stands, and what its lens, sensor and processing make of light.

All light is linear. A pattern finer than a pixel (the stripes of a screen, the dots of a print) is not drawn and
averaged: its Fourier terms are damped by what lens and pixel do to that frequency, and what is left is sampled where
the sensor's mosaic has a pixel of that colour. Moiré, coloured by the mosaic, comes from that by itself.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.lab.attacks.noise import smooth_field, unit_noise

_LEVELS = 4096
_APERTURE = 0.85
"""Side of a pixel's light-sensitive part, in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """One camera with its settings, which stay as they are through a clip."""

    size: tuple[int, int]
    """(width, height) of its pictures, even."""
    blur_px: float
    """σ of lens, focus and sensor's filter together."""
    exposure: float
    """What the mean of the scene becomes, in linear light."""
    shot_noise: float
    """σ at full light."""
    read_noise: float
    balance: tuple[float, float, float]
    """Error of the white balance, per channel."""
    gamma: float
    contrast: float
    saturation: float
    sharpening: float
    sharpening_px: float
    chroma_blur_px: float
    vignette: float
    readout_s: float
    """From the first row to the last."""
    shutter_s: float
    careful: bool
    """Whether it interpolates along edges."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, size: tuple[int, int]) -> Self:
        """Draw a webcam or a phone's front camera in some light."""
        noise = float(np.exp(rng.uniform(np.log(0.004), np.log(0.035))))
        return cls(
            size=size,
            blur_px=float(np.exp(rng.uniform(np.log(0.45), np.log(1.8)))),
            exposure=rng.uniform(0.13, 0.36),
            shot_noise=noise,
            read_noise=noise * rng.uniform(0.1, 0.4),
            balance=(float(np.exp(rng.normal(0, 0.07))), 1.0, float(np.exp(rng.normal(0, 0.09)))),
            gamma=rng.uniform(1.9, 2.4),
            contrast=rng.uniform(0.0, 0.5),
            saturation=rng.uniform(0.8, 1.35),
            sharpening=rng.uniform(0.0, 1.3),
            sharpening_px=rng.uniform(0.7, 1.6),
            chroma_blur_px=float(rng.choice([0.0, 0.8, 1.6])),
            vignette=rng.uniform(0.0, 0.3),
            readout_s=rng.uniform(0.008, 0.028),
            shutter_s=float(rng.choice([1 / 30, 1 / 50, 1 / 60, 1 / 100, 1 / 200])),
            careful=bool(rng.random() < 0.6),
        )

    def kept(self, cycles: float) -> float:
        """Return how much of a pattern of so many cycles a pixel is left in front of the mosaic."""
        lens = np.exp(-2 * (np.pi * cycles * self.blur_px) ** 2)
        return float(lens * abs(np.sinc(cycles * _APERTURE)))

    def focused(self, light: Floats) -> Floats:
        """Return (h, w, 3) light behind the lens."""
        return np.asarray(cv2.GaussianBlur(light, (0, 0), self.blur_px), dtype=np.float32)

    def gain(self, light: Floats) -> float:
        """Return what the automatic exposure multiplies a scene with; ask it once a clip."""
        middle = light[light.shape[0] // 5 : -light.shape[0] // 5, light.shape[1] // 5 : -light.shape[1] // 5]
        return self.exposure / max(float(middle.mean()), 1e-3)

    def picture(self, light: Floats, pattern: Floats | None, rng: np.random.Generator) -> Pixels:
        """Return the finished picture.

        Parameters
        ----------
        light
            (h, w, 3) light behind the lens, exposed.
        pattern
            (h, w) what a fine pattern multiplies the light with at each pixel, in that pixel's colour.
        rng
            Draws the noise.
        """
        height, width = light.shape[:2]
        colours = colours_of((width, height))
        raw = np.take_along_axis(light, colours[..., None], axis=2)[..., 0]
        if pattern is not None:
            raw = raw * pattern
        raw = raw * _vignette((width, height), self.vignette)
        noise = np.sqrt(np.maximum(raw, 0) * self.shot_noise**2 + self.read_noise**2)
        raw = raw + noise * unit_noise((height, width), rng)
        counted = np.clip(raw * (_LEVELS - 1), 0, _LEVELS - 1).astype(np.uint16)
        way = cv2.COLOR_BayerRGGB2RGB_EA if self.careful else cv2.COLOR_BayerRGGB2RGB
        rgb = np.asarray(cv2.demosaicing(counted, way), dtype=np.float32)
        rgb *= np.array(self.balance, dtype=np.float32)
        grey = rgb @ np.array([0.3, 0.6, 0.1], dtype=np.float32)
        rgb = grey[..., None] + (rgb - grey[..., None]) * np.float32(self.saturation)
        toned = self._curve()[np.clip(rgb, 0, _LEVELS - 1).astype(np.uint16)]
        return self._finished(toned)

    def _curve(self) -> Pixels:
        return _tone_curve(self.gamma, self.contrast)

    def _finished(self, rgb: Pixels) -> Pixels:
        picture: Pixels = rgb
        if self.chroma_blur_px > 0:
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
            planes[:, :, 1:] = cv2.GaussianBlur(planes[:, :, 1:], (0, 0), self.chroma_blur_px)
            picture = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), dtype=np.uint8)
        if self.sharpening > 0.05:
            soft = cv2.GaussianBlur(picture, (0, 0), self.sharpening_px)
            picture = np.asarray(
                cv2.addWeighted(picture, 1 + self.sharpening, soft, -self.sharpening, 0), dtype=np.uint8
            )
        return picture


@functools.lru_cache(maxsize=4)
def colours_of(size: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return (h, w) which of red, green and blue (0, 1, 2) each pixel of the mosaic sees."""
    width, height = size
    colours = np.ones((height, width), dtype=np.int64)
    colours[::2, ::2], colours[1::2, 1::2] = 0, 2
    return colours


@functools.lru_cache(maxsize=4)
def _vignette(size: tuple[int, int], depth: float) -> Floats:
    width, height = size
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    return np.asarray(1 - depth * (down**2 + across**2) / 2, dtype=np.float32)


@functools.lru_cache(maxsize=4)
def _tone_curve(gamma: float, contrast: float) -> Pixels:
    level = np.linspace(0, 1, _LEVELS) ** (1 / gamma)
    bent = level * level * (3 - 2 * level)
    return np.asarray(np.round(255 * (level + contrast * (bent - level))), dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """Where on the camera's picture a flat thing lies, frame by frame."""

    corners: Floats
    """(frames, 4, 2) pixels of its upper left, upper right, lower right and lower left corner."""

    def to_camera(self, index: int, size: tuple[int, int]) -> Floats:
        """Return the 3 × 3 matrix from pixels of the flat thing to pixels of the camera."""
        width, height = size
        flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        return np.asarray(cv2.getPerspectiveTransform(flat, self.corners[index].astype(np.float32)), dtype=np.float64)


def placed(
    rng: np.random.Generator,
    picture: tuple[int, int],
    focus: tuple[float, float, float],
    camera: tuple[int, int],
    sway: Floats,
    *,
    tilt: float,
) -> Placing:
    """Hold a flat picture before the camera so that the face on it is where a face would be.

    Parameters
    ----------
    rng
        Draws distance, place, and angle.
    picture
        (width, height) of what is shown.
    focus
        Middle and height of the face on it, as shares of its width and height.
    camera
        (width, height) of the camera's picture.
    sway
        (frames, 8) unsteady hand, as a share of the camera's height: two for the whole, six for the corners.
    tilt
        Largest turn away from the camera, in radians.
    """
    width, height = picture
    x, y, face = focus
    scale = rng.uniform(0.32, 0.68) * camera[1] / (face * height)
    scale = float(np.clip(scale, 0.45 * min(camera[0] / width, camera[1] / height), 3.5))
    flat = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) - [x, y]
    flat = flat * [width * scale, height * scale]
    roll, yaw, pitch = rng.normal(0, 0.05), rng.uniform(-tilt, tilt), rng.uniform(-tilt, tilt)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    flat = flat @ turn.T
    # The camera stands 1.6 heights of its picture away from it.
    far = 1.6 * camera[1]
    depth = far / (far + flat[:, 0] * np.sin(yaw) + flat[:, 1] * np.sin(pitch))
    seen = flat * [np.cos(yaw), np.cos(pitch)] * depth[:, None]
    middle = np.array(camera) * [0.5 + rng.uniform(-0.1, 0.1), 0.5 + rng.uniform(-0.08, 0.08)]
    wander = sway * camera[1]
    loose = np.concatenate([wander[:, 2:], wander[:, :2] * 0], axis=1).reshape(-1, 4, 2) * 0.25
    corners = seen[None] + middle + wander[:, None, :2] + loose
    return Placing(np.asarray(corners, dtype=np.float32))


def plane_coordinates(to_camera: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return (h, w) the x and the y on the flat thing that each pixel of the camera looks at."""
    back = np.linalg.inv(to_camera)
    width, height = size
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    rows = [(np.float32(a) * x + np.float32(b) * y + np.float32(c)) for a, b, c in back]
    return np.asarray(rows[0] / rows[2], dtype=np.float32), np.asarray(rows[1] / rows[2], dtype=np.float32)


def steps(to_camera: Floats, at: tuple[float, float]) -> Floats:
    """Return 2 × 2 how far on the flat thing one pixel of the camera goes, around a place of the camera's picture."""
    back = np.linalg.inv(to_camera)
    point = np.array([at, (at[0] + 1, at[1]), (at[0], at[1] + 1)])
    seen = np.c_[point, np.ones(3)] @ back.T
    seen = seen[:, :2] / seen[:, 2:]
    return np.asarray(np.stack([seen[1] - seen[0], seen[2] - seen[0]], axis=1), dtype=np.float64)


def room(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Return (h, w, 3) light of a blurred room behind what is filmed."""
    width, height = size
    colour = rng.uniform(0.03, 0.5) * np.exp(rng.normal(0, 0.15, 3))
    field = sum(smooth_field(rng, (height, width), cells=cells) * 0.5 / level for level, cells in ((1, 3), (2, 9)))
    light = np.asarray(colour[None, None] * np.exp(0.6 * np.asarray(field))[..., None], dtype=np.float32)
    for _ in range(int(rng.integers(0, 14))):
        # Shelves, frames, windows: upright things with edges.
        left, top = rng.uniform(-0.1, 1.0, 2) * size
        right, bottom = (left, top) + np.exp(rng.uniform(np.log(0.02), np.log(0.4), 2)) * size
        thing = colour * np.exp(rng.normal(0, 0.7)) * np.exp(rng.normal(0, 0.25, 3))
        cv2.rectangle(
            light, (round(left), round(top)), (round(right), round(bottom)), tuple(np.minimum(thing, 1.5).tolist()), -1
        )
    return np.asarray(cv2.GaussianBlur(light, (0, 0), float(rng.uniform(0.5, 4.0))), dtype=np.float32)


def covered(x: Floats, y: Floats, shape: tuple[int, int], step: float, *, rim: float = 0.0) -> Floats:
    """Return (h, w, 1) how much of each pixel lies on the flat thing, or on its rim.

    Parameters
    ----------
    x, y
        What :func:`plane_coordinates` returned.
    shape
        (width, height) of the flat thing.
    step
        How far on it one pixel of the camera goes.
    rim
        Width of a rim around it.
    """
    inside = np.minimum(np.minimum(x, shape[0] - x), np.minimum(y, shape[1] - y)) + np.float32(rim)
    return np.asarray(np.clip(inside / np.float32(step) + np.float32(0.5), 0, 1), dtype=np.float32)[..., None]


def stride(to_camera: Floats, size: tuple[int, int]) -> float:
    """Return how far on the flat thing one pixel of the camera goes, in the middle of its picture."""
    return max(float(np.sqrt(abs(np.linalg.det(steps(to_camera, (size[0] / 2, size[1] / 2)))))), 1e-6)
