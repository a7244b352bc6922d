"""A face in a room before a screen that shows a light code, filmed by a webcam and sent through a call.

The clip's own light is taken as the room's. To it comes what the two halves of the screen throw on the face, by the
normals of its mesh, on neck and shoulders (facing the screen, a little further), and on a wall behind. Linear light;
then automatic exposure and white balance with time constants, sensor noise, gamma, codec. The ranges of :class:`Scene`
are what offices and homes have; none was chosen by what a score made of it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from liveness.challenges.light_sequence import LUMINANCE, NEUTRAL, Code, linear
from liveness.dsp import Series
from liveness.frames import Floats, Pixels

Kind = Literal["genuine", "recording", "late", "global", "photo", "cutout", "screen"]
KINDS: tuple[Kind, ...] = ("genuine", "recording", "late", "global", "photo", "cutout", "screen")
"""``genuine``: a person. ``recording``: injected, no light of ours on it. ``late``: a swap whose face answers 300–600
ms after the neck. ``global``: a swap that takes the colour on as a whole, without sides or curvature. ``photo``:
a print before the camera that fills the picture. ``cutout``: a print of head and shoulders before a real wall.
``screen``: a recording on a screen before the camera, which reflects a little of our light."""

SIZE = (640, 480)
FPS = 15.0
_FACE_M = 0.15
"""Width of a face; the mesh's pixels become metres by it."""
_COARSE = 6
"""Light changes slowly over the picture: it is computed at one pixel in 6 × 6, and scaled up."""
_CODED_GAMMA = 2.2
_ROOM = 96


@dataclass(frozen=True, slots=True)
class Scene:
    """Room, screen and camera, drawn once for an answer."""

    distance_m: float
    """0.4–0.8 from screen to face."""
    nits: float
    """80–400 of the screen's white."""
    ambient_lux: float
    """50–500 on the face."""
    screen_m: tuple[float, float]
    """Width and height: a laptop of 13–16 inches, or (one in three) a monitor of 22–27."""
    wall_m: float
    """0.4–2.5 from face to wall."""
    warmth: float
    """log(R/B) of the room's light against the screen's white: -0.2 (daylight) to 0.8 (lamps)."""
    window: tuple[float, float, float]
    """Direction that the directed share of the room's light comes from, a unit vector towards it."""
    directed: float
    """0–0.6: that share."""
    focal: float
    """Of the picture's width: 0.62–0.87 (a field of view of 60–78°)."""
    exposure_s: float
    """0.2–1.5, time constant of the automatic exposure."""
    balance_s: float
    """0.7–6, time constant of the automatic white balance …"""
    balance: float
    """… and how much of a cast it takes off, 0–0.9."""
    noise: float
    """σ of a pixel at full light."""
    gamma: float
    """1.9–2.4."""
    latency_s: float
    """0.1–0.7 from prompt to picture: network, page, shutter, encoder."""
    extra_s: float
    """0.3–0.6 by which a swap is late."""
    codec: Literal["vp8", "h264"]

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Draw a scene."""
        diagonal = 0.0254 * (rng.uniform(13, 16) if rng.random() < 2 / 3 else rng.uniform(22, 27))
        ambient = float(np.exp(rng.uniform(np.log(50), np.log(500))))
        window = np.array([rng.uniform(-1, 1), rng.uniform(-1, 0.1), -rng.uniform(0, 1)])
        window /= np.linalg.norm(window)
        return cls(
            distance_m=rng.uniform(0.4, 0.8),
            nits=float(np.exp(rng.uniform(np.log(80), np.log(400)))),
            ambient_lux=ambient,
            screen_m=(diagonal * 0.86, diagonal * 0.5),
            wall_m=float(np.exp(rng.uniform(np.log(0.4), np.log(2.5)))),
            warmth=rng.uniform(-0.2, 0.8),
            window=(float(window[0]), float(window[1]), float(window[2])),
            directed=rng.uniform(0, 0.6),
            focal=rng.uniform(0.62, 0.87),
            exposure_s=float(np.exp(rng.uniform(np.log(0.2), np.log(1.5)))),
            balance_s=float(np.exp(rng.uniform(np.log(0.7), np.log(6)))),
            balance=rng.uniform(0, 0.9),
            # Less light, more gain: shot noise grows as its root.
            noise=float(np.exp(rng.uniform(np.log(0.004), np.log(0.02))) * np.sqrt(150 / ambient)),
            gamma=rng.uniform(1.9, 2.4),
            latency_s=rng.uniform(0.1, 0.7),
            extra_s=rng.uniform(0.3, 0.6),
            codec="vp8" if rng.random() < 0.6 else "h264",
        )

    @property
    def screen_lux(self) -> float:
        """What the screen, showing the code, throws on a face straight before its middle, by its solid angle."""
        solid = self.screen_m[0] * self.screen_m[1] / self.distance_m**2
        return self.nits * float(linear(NEUTRAL) @ LUMINANCE) * solid

    @property
    def ratio(self) -> float:
        """Screen lux by ambient lux."""
        return self.screen_lux / self.ambient_lux


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where the light of the two halves falls in one picture, all (height / 6, width / 6)."""

    left: Floats
    """Irradiance by 1 nit of the half that the candidate has on the left, in lux."""
    right: Floats
    ambient: Floats
    """The room's light as a share of its mean on the face."""
    face: Floats
    """1 where there is face."""
    body: Floats
    """1 where there is head or body."""


def placed(
    pictures: Mapping[int, Pixels], points: list[Floats], scene: Scene
) -> tuple[dict[int, Pixels], list[Floats]]:
    """Return pictures of 640 × 480 with a face as large as at this distance, and its landmarks in them."""
    middle = np.median([p[:468, :2].mean(axis=0) for p in points], axis=0)
    wide = float(np.median([np.hypot(*(p[454, :2] - p[234, :2])) for p in points]))
    scale = scene.focal * SIZE[0] * _FACE_M / scene.distance_m / wide
    shift = np.array([SIZE[0] / 2, SIZE[1] * 0.45]) - scale * middle
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    moved = {
        index: np.asarray(
            cv2.warpAffine(_shrunk(p, scale), _after(matrix, scale), SIZE, flags=way, borderMode=cv2.BORDER_REPLICATE),
            dtype=np.uint8,
        )
        for index, p in pictures.items()
    }
    turned = [np.asarray(np.c_[p[:, :2] * scale + shift, p[:, 2:] * scale], dtype=np.float32) for p in points]
    return moved, turned


def _linear(points: Series, values: Series, at: Series) -> Series:
    """Return (…, k) values between scattered points, linear in each triangle, at (…, 2) places; NaN outside their hull.

    What scipy's ``LinearNDInterpolator`` gives, which took a hundred times as long where this was measured.
    """
    mesh = Delaunay(points)
    places = at.reshape(-1, 2)
    triangle = mesh.find_simplex(places)
    inside = triangle >= 0
    frame = mesh.transform[triangle[inside]]
    share = np.einsum("nij,nj->ni", frame[:, :2], places[inside] - frame[:, 2])
    share = np.c_[share, 1 - share.sum(axis=1)]
    found = np.full((len(places), values.shape[1]), np.nan)
    found[inside] = np.einsum("ni,nik->nk", share, values[mesh.simplices[triangle[inside]]])
    return found.reshape(*at.shape[:-1], values.shape[1])


def _shrunk(picture: Pixels, scale: float) -> Pixels:
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _after(matrix: Series, scale: float) -> Series:
    """Return what is left of the matrix for a picture that is shrunk already."""
    if scale >= 1:
        return matrix
    return np.array([[1, 0, matrix[0, 2]], [0, 1, matrix[1, 2]]])


class Shapes:
    """Computes the light's shape for the pictures of one clip in one scene."""

    def __init__(self, scene: Scene, frontal: Floats) -> None:
        self._scene = scene
        self._triangles = Delaunay(frontal[:468, :2]).simplices
        flat = frontal[self._triangles]
        turn = np.cross(flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0])[:, 2]
        # Counted so that normals look at the camera (z falls towards it).
        self._triangles[turn > 0] = self._triangles[turn > 0][:, ::-1]
        self._px = scene.focal * SIZE[0]
        rows, columns = SIZE[1] // _COARSE, SIZE[0] // _COARSE
        self._grid = np.stack(
            np.meshgrid((np.arange(columns) + 0.5) * _COARSE, (np.arange(rows) + 0.5) * _COARSE), axis=-1
        )
        far = scene.distance_m
        # Neck and shoulders stand a little behind the face.
        self._print, self._torso, self._wall = (self._plane(at) for at in (far, far + 0.07, far + scene.wall_m))

    def of(self, points: Floats) -> Shape:
        """Return the shape of the light on a person with these (478, 3) landmarks."""
        skin = points[:468].astype(np.float64)
        metre = _FACE_M / float(np.hypot(*(skin[454, :2] - skin[234, :2])))
        depth = (skin[:, 2] - skin[:, 2].mean()) * metre + self._scene.distance_m
        vertices = np.c_[(skin[:, :2] - np.array(SIZE) / 2) * depth[:, None] / self._px, depth]
        normals = self._normals(vertices)
        values = np.stack([*self._halves(vertices, normals), self._room(normals)], axis=1)
        on_face = self._spread(skin[:, :2], values)
        face = np.isfinite(on_face[..., 0])
        body = self._body(skin)
        whole = np.where(body[..., None] > 0, self._torso, self._wall)
        whole = np.where(face[..., None], np.nan_to_num(on_face), whole).astype(np.float32)
        soft: Floats = np.asarray(cv2.GaussianBlur(whole, (0, 0), 0.6), dtype=np.float32)
        return Shape(soft[..., 0], soft[..., 1], soft[..., 2], face.astype(np.float32), body)

    def flat(self, *, bounded: Floats | None) -> Shape:
        """Return the shape of the light on a print where the face would be, everywhere or where ``bounded``."""
        where = np.ones(self._grid.shape[:2], dtype=np.float32) if bounded is None else bounded
        whole = np.where(where[..., None] > 0, self._print, self._wall).astype(np.float32)
        return Shape(whole[..., 0], whole[..., 1], whole[..., 2], where, where)

    def _plane(self, depth_m: float) -> Floats:
        """Return (height / 6, width / 6, 3) left, right and room's light on a plane that faces the camera."""
        places = np.concatenate(
            [(self._grid - np.array(SIZE) / 2) * depth_m / self._px, np.full((*self._grid.shape[:2], 1), depth_m)],
            axis=-1,
        )
        facing = np.broadcast_to(np.array([0.0, 0.0, -1.0]), places.shape)
        return np.asarray(np.stack([*self._halves(places, facing), self._room(facing)], axis=-1), dtype=np.float32)

    def _spread(self, points: Series, values: Series) -> Series:
        """Return (height / 6, width / 6, k) values between the points; NaN outside their hull."""
        spread = np.full((*self._grid.shape[:2], values.shape[1]), np.nan)
        low = np.maximum(np.floor(points.min(axis=0) / _COARSE).astype(int), 0)
        high = np.maximum(np.ceil(points.max(axis=0) / _COARSE).astype(int) + 1, 0)
        part = (slice(low[1], high[1]), slice(low[0], high[0]))
        if self._grid[part].size:
            spread[part] = _linear(points, values, self._grid[part])
        return spread

    def _normals(self, vertices: Series) -> Series:
        corners = vertices[self._triangles]
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        summed = np.zeros_like(vertices)
        for corner in range(3):
            np.add.at(summed, self._triangles[:, corner], faces)
        return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12))

    def _halves(self, places: Series, normals: Series) -> list[Series]:
        """Return the irradiance by one nit of the left and of the right half, each as four small lamps.

        The camera stands on the middle of the screen's upper rim; the candidate's left is the picture's right.
        """
        wide, high = self._scene.screen_m
        found = []
        for side in (1.0, -1.0):
            total = np.zeros(places.shape[:-1])
            for across in (0.125, 0.375):
                for down in (0.25, 0.75):
                    ray = np.array([side * across * wide, down * high, 0.0]) - places
                    square = (ray**2).sum(axis=-1)
                    length = np.sqrt(square)
                    falls = np.maximum((ray * normals).sum(axis=-1) / length, 0)
                    leaves = np.maximum(-ray[..., 2] / length, 0)
                    total += wide * high / 8 * falls * leaves / square
            found.append(total)
        return found

    def _room(self, normals: Series) -> Series:
        """Return the room's light: even from all around, and from a window or lamp; 1 on what faces the camera."""
        towards = np.maximum((normals * np.array(self._scene.window)).sum(axis=-1), 0)
        ahead = max(-self._scene.window[2], 0.0)
        share = self._scene.directed
        light = (1 - share) + share * towards
        return np.asarray(light / ((1 - share) + share * ahead) if share * ahead < 1 else light)

    def _body(self, skin: Series) -> Floats:
        chin, top = skin[152, :2], skin[10, :2]
        across, down = skin[454, :2] - skin[234, :2], chin - top
        mask = np.zeros(self._grid.shape[:2], dtype=np.uint8)
        middle = (chin + top) / 2 - 0.12 * down
        ring = np.linspace(0, 2 * np.pi, 40)
        head = middle + 0.66 * np.cos(ring)[:, None] * across + 0.72 * np.sin(ring)[:, None] * down
        torso = np.array(
            [
                *(chin - 0.1 * down + side * 0.36 * across for side in (-1, 1)),
                chin + 0.3 * down + 0.4 * across,
                chin + 0.55 * down + 1.3 * across,
                chin + 4 * down + 1.5 * across,
                chin + 4 * down - 1.5 * across,
                chin + 0.55 * down - 1.3 * across,
                chin + 0.3 * down - 0.4 * across,
            ]
        )
        for polygon in (head, torso):
            cv2.fillPoly(mask, [np.round(polygon / _COARSE * 8).astype(np.int32)], (1,), shift=3)
        return mask.astype(np.float32)


def answered(
    pictures: list[Pixels],
    shapes: list[Shape],
    times_s: Series,
    code: Code,
    *,
    scene: Scene,
    kind: Kind,
    rng: np.random.Generator,
) -> Iterator[Pixels]:
    """Yield what the camera makes of it.

    Parameters
    ----------
    pictures, shapes
        One each for every time.
    times_s
        (n,) seconds after the prompt.
    """
    camera = _Camera(scene, rng)
    white = np.exp(np.array([-0.5, 0.0, 0.5]) * scene.warmth)
    white = white / float(white @ LUMINANCE)
    for index, (picture, shape) in enumerate(zip(pictures, shapes, strict=True)):
        now = times_s[index] - scene.latency_s
        factor = _factor(shape, code, scene, kind, now=float(now), white=white)
        step = times_s[index] - times_s[index - 1] if index else 0.0
        yield camera.picture(picture, factor, float(step))


def _factor(shape: Shape, code: Code, scene: Scene, kind: Kind, *, now: float, white: Series) -> Floats:
    """Return (height / 6, width / 6, 3) what the light of the room alone is to be multiplied with."""
    if kind == "recording":
        return np.ones((*shape.left.shape, 3), dtype=np.float32)
    left, right = _shown(code, now)
    scale = scene.nits * white
    ambient = np.maximum(shape.ambient * scene.ambient_lux, 1.0)[..., None]
    share = (shape.left[..., None] * (left * scale) + shape.right[..., None] * (right * scale)) / ambient
    if kind == "screen":
        # Diffuse reflection of a few in a hundred beside what a screen of 200 nits sends out itself.
        reflected = 0.04 / np.pi / 200 * ambient
        return np.asarray(1 + share * reflected, dtype=np.float32)
    factor = 1 + share
    inside = shape.face[..., None] > 0
    if kind == "late":
        left, right = _shown(code, now - scene.extra_s)
        late = (shape.left[..., None] * (left * scale) + shape.right[..., None] * (right * scale)) / ambient
        factor = np.where(inside, 1 + late, factor)
    if kind == "global":
        mean = factor[shape.face > 0].mean(axis=0) if inside.any() else np.ones(3)
        factor = np.where(inside, mean, factor)
    return np.asarray(factor, dtype=np.float32)


def _shown(code: Code, now: float) -> tuple[Series, Series]:
    place = int(np.searchsorted(code.starts_s, now, side="right")) - 1
    if not 0 <= place < len(code.bits):
        return linear(NEUTRAL), linear(NEUTRAL)
    _, left, right = code.rendered()[place]
    return linear(left), linear(right)


def _noise(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a random cut of one large field of unit noise, half of it common to the channels."""
    top, left = (int(start) for start in rng.integers(0, _ROOM, 2))
    return _noise_field()[top : top + SIZE[1], left : left + SIZE[0]]


@functools.cache
def _noise_field() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(13)
    shape = (SIZE[1] + _ROOM, SIZE[0] + _ROOM)
    field = rng.standard_normal((*shape, 3), dtype=np.float32) + rng.standard_normal((*shape, 1), dtype=np.float32)
    return np.asarray(field / np.sqrt(2), dtype=np.float32)


class _Camera:
    """Automatic exposure and white balance over the whole picture, noise, gamma."""

    _LEVELS = 2048

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self._scene, self._rng = scene, rng
        self._decode = ((np.arange(256) / 255) ** _CODED_GAMMA).astype(np.float32)
        level = np.linspace(0, 1.2, self._LEVELS).clip(0, 1) ** (1 / scene.gamma)
        self._encode: Pixels = np.round(255 * level).astype(np.uint8)
        self._aim: float | None = None
        self._exposure = 1.0
        self._gains = np.ones(3)

    def picture(self, picture: Pixels, factor: Floats, step_s: float) -> Pixels:
        own: Floats = self._decode[picture]
        light = cv2.multiply(own, cv2.resize(factor, SIZE, interpolation=cv2.INTER_LINEAR))
        small = cv2.resize(light, (40, 30), interpolation=cv2.INTER_AREA).reshape(-1, 3)
        self._settle(small.mean(axis=0).astype(np.float64), picture, step_s)
        exposed = np.asarray(light, dtype=np.float32) * np.asarray(self._exposure * self._gains, dtype=np.float32)
        shot, read = np.float32(self._scene.noise**2), np.float32((self._scene.noise / 4) ** 2)
        noisy = exposed + _noise(self._rng) * np.sqrt(exposed * shot + read)
        levels = np.clip(noisy * np.float32(self._LEVELS / 1.2), 0, self._LEVELS - 1).astype(np.uint16)
        return np.asarray(self._encode[levels], dtype=np.uint8)

    def _settle(self, mean: Series, picture: Pixels, step_s: float) -> None:
        cast = np.log(np.maximum(mean, 1e-4))
        wanted = self._scene.balance * (cast[1] - cast)
        if self._aim is None:
            # Everything has settled before the first picture; the clip's own exposure is what is aimed at.
            coarse = cv2.resize(picture, (40, 30), interpolation=cv2.INTER_AREA)
            own = self._decode[coarse].reshape(-1, 3).mean(axis=0)
            self._aim = float(own @ LUMINANCE)
            self._first = wanted
            self._log_gains = np.zeros(3)
            self._exposure = self._aim / max(float(mean @ LUMINANCE), 1e-4)
        # The clip was balanced when it was made: only what changes since the first picture is taken off.
        self._log_gains += (wanted - self._first - self._log_gains) * (1 - np.exp(-step_s / self._scene.balance_s))
        self._gains = np.exp(self._log_gains)
        aim = self._aim / max(float((mean * self._gains) @ LUMINANCE), 1e-4)
        self._exposure *= (aim / self._exposure) ** (1 - np.exp(-step_s / self._scene.exposure_s))
