"""A recording on a screen, filmed by a camera: stripes, gamma, refresh, bezel, reflections, viewing angle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from liveness.frames import Floats, Pixels
from liveness.lab.attacks.camera import (
    Camera,
    colours_of,
    covered,
    placed,
    plane_coordinates,
    room,
    steps,
    stride,
)
from liveness.lab.attacks.focus import face_on
from liveness.lab.attacks.noise import smooth_field, smooth_walk
from liveness.lab.attacks.source import Maker, Source

Array = npt.NDArray[np.float64]

LONGEST_S = 12.0


@dataclass(frozen=True, slots=True)
class Device:
    """What screens of one kind have in common; pairs are the range that is drawn from."""

    name: str
    pixels: tuple[float, float]
    """Screen pixels to one pixel of the camera."""
    diamond: float
    """Share whose red and blue pixels are half as many and lie on diagonals (OLED)."""
    black: tuple[float, float]
    """Light of black, as a share of white."""
    bezel: tuple[float, float]
    """Width of its rim as a share of the picture's height."""
    held: float
    """Share that a hand holds."""


DEVICES: dict[str, Device] = {
    one.name: one
    for one in (
        Device("laptop", (0.3, 1.15), 0.05, (0.002, 0.03), (0.02, 0.10), 0.1),
        Device("phone", (0.7, 2.2), 0.6, (0.0005, 0.01), (0.01, 0.06), 0.9),
        Device("tablet", (0.5, 1.6), 0.15, (0.001, 0.02), (0.03, 0.12), 0.7),
        Device("dense", (1.6, 4.0), 0.4, (0.0005, 0.01), (0.01, 0.08), 0.5),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """One screen as it is set up."""

    pixels: float
    diamond: bool
    gamma: float
    black: float
    white: tuple[float, float, float]
    gamut: float
    """Saturation that is left: 1 for as wide as the source."""
    fill: float
    """Width of a stripe as a share of what it could be."""
    bezel: float
    bezel_light: float
    flicker_hz: float
    flicker: float
    lag: float
    """Share of the picture before that is still to be seen."""
    glare: Floats
    """(h, w, 3) reflected light, relative to white."""
    falloff: tuple[float, float]
    """How much darker it becomes across and down, from the viewing angle."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, device: Device, camera: tuple[int, int]) -> Screen:
        """Draw one of a device's kind."""
        warm = rng.normal(-0.05, 0.08)
        glare = np.maximum(smooth_field(rng, (camera[1], camera[0]), cells=int(rng.integers(2, 7))) - 0.4, 0)
        tint = np.exp(rng.normal(0, 0.1, 3))
        strength = float(rng.choice([0.0, 0.01, 0.03, 0.08])) * rng.uniform(0.5, 1.5)
        return cls(
            pixels=float(np.exp(rng.uniform(*np.log(device.pixels)))),
            diamond=bool(rng.random() < device.diamond),
            gamma=rng.uniform(1.9, 2.5),
            black=float(np.exp(rng.uniform(*np.log(device.black)))) + rng.uniform(0, 0.03) * (rng.random() < 0.5),
            white=(float(np.exp(warm)), 1.0, float(np.exp(-warm * rng.uniform(0.6, 1.6)))),
            gamut=rng.uniform(0.75, 1.1),
            fill=rng.uniform(0.7, 0.98),
            bezel=rng.uniform(*device.bezel),
            bezel_light=float(np.exp(rng.uniform(np.log(0.003), np.log(0.15)))),
            flicker_hz=float(rng.choice([50, 60, 100, 120, 180, 240, 480])) * rng.uniform(0.97, 1.03),
            flicker=float(rng.choice([0.0, 0.05, 0.3, 0.8])),
            lag=float(rng.choice([0.0, 0.1, 0.3])),
            glare=np.asarray(glare[..., None] * tint * strength, dtype=np.float32),
            falloff=(rng.normal(0, 0.15), rng.normal(0, 0.15)),
        )

    def light(self, picture: Pixels) -> Floats:
        """Return the light (0–1) that the screen gives for (h, w, 3) code values."""
        table = self.black + (1 - self.black) * (np.arange(256) / 255) ** self.gamma
        light = table.astype(np.float32)[picture]
        grey = light @ np.array([0.3, 0.6, 0.1], dtype=np.float32)
        light = grey[..., None] + (light - grey[..., None]) * np.float32(self.gamut)
        return np.asarray(light * np.array(self.white, dtype=np.float32), dtype=np.float32)

    def pattern(self, x: Floats, y: Floats, jacobian: Floats, scale: float, camera: Camera) -> Floats | None:
        """Return (h, w) what the stripes multiply the light with, or None if the camera cannot see them.

        Parameters
        ----------
        x, y
            Place on the shown picture that each pixel looks at.
        jacobian
            2 × 2 how far on the shown picture a pixel of the camera goes.
        scale
            Screen pixels to one pixel of the shown picture.
        camera
            Its lens damps, its mosaic samples.
        """
        colours = colours_of(camera.size)
        result: Floats | None = None
        terms: list[tuple[tuple[float, float], float, Array, Array]]
        if self.diamond:
            terms = [((1.0, 0.0), 0.9, np.array([0.5, 0.0, 0.5]), np.array([0.0, 1.0, 0.0]))]
            shift = np.array([0.0, 0.25, 0.5])
            terms += [((0.5, way), 0.7, shift, np.array([1.0, 0.35, 1.0])) for way in (0.5, -0.5)]
            terms += [((0.0, 1.0), 0.4, np.zeros(3), np.ones(3))]
        else:
            wide = self.fill / 3
            phases = np.array([0.0, 1 / 3, 2 / 3])
            terms = [((k, 0.0), 2 * float(np.sinc(k * wide)), k * phases, np.ones(3)) for k in (1.0, 2.0)]
            high = 0.6 + 0.35 * self.fill
            terms += [((0.0, 1.0), 2 * float(np.sinc(high)), np.zeros(3), np.ones(3))]
        for (across, down), size, phase, share in terms:
            cycles = scale * np.array([across, down]) @ jacobian
            left = size * camera.kept(float(np.hypot(*cycles)))
            if abs(left) < 0.002:
                continue
            turns = scale * (np.float32(across) * x + np.float32(down) * y) - phase.astype(np.float32)[colours]
            wave = np.cos(np.float32(2 * np.pi) * (turns - np.floor(turns)))
            wave *= (share * left).astype(np.float32)[colours]
            result = 1 + wave if result is None else result + wave
        return None if result is None else np.maximum(result, 0)


def filmed(source: Source, rng: np.random.Generator, device: Device, size: tuple[int, int]) -> Iterator[Pixels]:
    """Yield what a camera sees of the source on a screen of some kind."""
    count = min(len(source.pictures), max(1, round(LONGEST_S * source.fps)))
    camera = Camera.drawn(rng, size)
    screen = Screen.drawn(rng, device, size)
    hand = rng.uniform(0.004, 0.018) if rng.random() < device.held else rng.uniform(0, 0.0006)
    sway = smooth_walk(rng, count, source.fps, 8, step_s=0.8) * hand
    tremor = smooth_walk(rng, count, source.fps, 8, step_s=0.12) * hand * 0.06
    first = source.pictures[0]
    shape = (first.shape[1], first.shape[0])
    placing = placed(rng, shape, face_on(first), size, sway + tremor, tilt=0.35)
    behind = room(rng, size)
    gain: float | None = None
    before = first
    phase = rng.uniform(0, 1)
    for index, picture in enumerate(source.pictures[:count]):
        shown = _refreshed(picture, before, screen.lag, (phase + 0.37 * index) % 1)
        before = picture
        to_camera = placing.to_camera(index, shape)
        light, x, y = _scene(shown, screen, to_camera, behind=behind, camera=camera)
        gain = camera.gain(light) if gain is None else gain
        light = _flickering(light, screen, camera, index / source.fps) * np.float32(gain)
        jacobian = steps(to_camera, (size[0] / 2, size[1] / 2))
        # Screen pixels are counted against the camera's, where the face is.
        scale = screen.pixels / stride(placing.to_camera(0, shape), size)
        pattern = screen.pattern(x, y, jacobian, scale, camera)
        if pattern is not None:
            on = (x >= 0) & (y >= 0) & (x < shape[0]) & (y < shape[1])
            pattern = np.where(on, pattern, np.float32(1))
        yield camera.picture(light, pattern, rng)


def _refreshed(picture: Pixels, before: Pixels, lag: float, line: float) -> Pixels:
    """Return what stands on the screen while it goes from one picture to the next: new above a line, old below."""
    shown = picture.copy()
    at = int(line * len(picture))
    shown[at:] = before[at:]
    return np.asarray(cv2.addWeighted(shown, 1 - lag, before, lag, 0), dtype=np.uint8) if lag else shown


def _scene(
    shown: Pixels, screen: Screen, to_camera: Floats, *, behind: Floats, camera: Camera
) -> tuple[Floats, Floats, Floats]:
    """Return the light behind the lens, and where on the screen each pixel looks."""
    shape = (shown.shape[1], shown.shape[0])
    x, y = plane_coordinates(to_camera, camera.size)
    step = stride(to_camera, camera.size)
    rim = covered(x, y, shape, step, rim=screen.bezel * shape[1])
    light = behind * (1 - rim) + np.float32(screen.bezel_light) * rim
    across, down = screen.falloff
    given = screen.light(_small_enough(shown, to_camera))
    zoom = given.shape[1] / shape[0]
    inside = covered(x, y, shape, step)
    seen = cv2.remap(
        given, (x + 0.5) * zoom - 0.5, (y + 0.5) * zoom - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    fall = 1 + np.float32(across) * (x / shape[0] - 0.5) + np.float32(down) * (y / shape[1] - 0.5)
    seen = seen * np.clip(fall, 0.3, 1.7)[..., None] + screen.glare
    light = light * (1 - inside) + seen * inside
    return camera.focused(np.asarray(light, dtype=np.float32)), x, y


def _small_enough(shown: Pixels, to_camera: Floats) -> Pixels:
    """Return the picture scaled down where the camera sees it smaller than it is, so that nothing is left out."""
    width, height = shown.shape[1], shown.shape[0]
    edge = cv2.perspectiveTransform(np.array([[[0, height / 2], [width, height / 2]]], np.float32), to_camera)[0]
    ratio = float(np.hypot(*(edge[1] - edge[0]))) / width
    if ratio > 0.75:
        return shown
    return np.asarray(cv2.resize(shown, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _flickering(light: Floats, screen: Screen, camera: Camera, time_s: float) -> Floats:
    """Return the light with the bands that the backlight's pulses leave in a shutter that rolls."""
    left = screen.flicker * abs(float(np.sinc(screen.flicker_hz * camera.shutter_s)))
    if left < 0.003:
        return light
    rows = time_s + np.linspace(0, camera.readout_s, light.shape[0])
    band = 1 + left * np.cos(2 * np.pi * screen.flicker_hz * rows)
    return np.asarray(light * band.astype(np.float32)[:, None, None], dtype=np.float32)


SIZES = ((640, 480), (640, 360), (960, 540), (1280, 720), (1280, 720))
"""(width, height) of the cameras that film."""


def maker_for(name: str | None) -> Maker:
    """Return the maker for one device, or for any."""

    def screen(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
        device = DEVICES[name if name is not None else str(rng.choice(list(DEVICES)))]
        size = SIZES[int(rng.integers(len(SIZES)))]
        return filmed(source, rng, device, size)

    screen.__doc__ = f"The clip on a screen ({name or 'any device'}), filmed by a camera."
    return screen
