"""A mouth made to speak what another person says: the lower face is bent and rendered anew, picture by picture.

How far the mouth opens follows the loudness of the sound. Lip synchronisation by networks knows the sounds apart;
what it leaves behind is the same: a lower face of another sharpness, a soft edge, and a mouth that the rest of the face
ignores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from liveness.errors import ConfigError
from liveness.faces.landmarks import MESH_POINTS
from liveness.frames import Floats, Pixels
from liveness.geometry import apply_affine
from liveness.lab.attacks.meshes import Mesh, looked_up, soft
from liveness.lab.attacks.mouths import Mouth, inner_lips
from liveness.lab.attacks.portraits import height_of, most_opened, mouth_opening, tracked
from liveness.lab.attacks.sounds import loudness
from liveness.lab.attacks.source import Source
from liveness.lab.attacks.swapping import ROOM, Patch, processed, upright
from liveness.measures.face_regions import OVAL, fill

_UPPER_SHARE = 0.2
"""Of the opening, what the upper lip does."""
_AJAR, _WIDE_OPEN = 0.02, 0.05
"""Of the face's height: from so much further open than filmed the inside is drawn, and after so much more wholly."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How one mouth is driven."""

    face_px: int
    """Height that the whole face would have at the resolution at which its lower part is rendered."""
    late: int
    """Pictures by which the mouth comes after the sound; negative, before it."""
    widest: float
    """Opening at the loudest, as a share of the face's height."""
    smooth_s: float
    """Over so long a time the loudness is evened out."""
    softness: float
    """Width of the edge as a share of the face's height."""
    shade: tuple[float, float, float]
    """Levels by which the rendered red, green and blue are off."""
    denoise: float
    """Tones, in 8-bit levels, that become one."""
    sharpen: float
    mouth: Mouth

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Self:
        """Draw a mouth between poor and good."""
        red, green, blue = (float(one) for one in rng.normal(0, float(rng.choice([0.0, 0.7, 1.5])), 3))
        return cls(
            face_px=int(rng.choice([96, 128, 192, 256])),
            late=int(rng.integers(-1, 4)),
            widest=rng.uniform(0.06, 0.13),
            smooth_s=rng.uniform(0.02, 0.06),
            softness=rng.uniform(0.05, 0.15),
            shade=(red, green, blue),
            denoise=rng.uniform(4, 18),
            sharpen=rng.uniform(0.0, 0.7),
            mouth=Mouth.drawn(rng),
        )


def lip_sync(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
    """The clip with its mouth driven by another sound.

    Raises
    ------
    ConfigError
        The source has no other sound.
    MediaError
        The clip shows no face.
    """
    if source.sound is None:
        raise ConfigError(
            "lip_sync: expected another sound to drive the mouth with, got none; "
            "name a file with speech with --sound FILE"
        )
    return spoken(source, source.sound, Speech.drawn(rng))


def spoken(source: Source, sound: Floats, speech: Speech) -> Iterator[Pixels]:
    """Return the pictures of a clip on which the mouth speaks the (n,) sound."""
    found = tracked(source.pictures, source.name)
    count = len(source.pictures)
    loud = loudness(sound, count, source.fps, smooth_s=speech.smooth_s)
    wanted = loud[np.clip(np.arange(count) - speech.late, 0, count - 1)] * speech.widest
    opened = most_opened(found, source.pictures[0])
    if opened is None:
        opened = max((one for one in found if one is not None), key=mouth_opening)
    return _spoken(source, found, wanted, opened, speech)


def _spoken(
    source: Source, found: Sequence[Floats | None], wanted: Floats, opened: Floats, speech: Speech
) -> Iterator[Pixels]:
    for picture, points, gap in zip(source.pictures, found, wanted, strict=True):
        yield picture if points is None else _lower_face(picture, points, opened, float(gap), speech).onto(picture)


def _lower_face(picture: Pixels, points: Floats, opened: Floats, gap: float, speech: Speech) -> Patch:
    """Return the rendered lower face whose mouth is open by ``gap``, as a share of the face's height."""
    # No finer than it is filmed: only what is lost shows.
    face_px = min(float(speech.face_px), height_of(points))
    side = round(ROOM * face_px)
    to_patch = upright(points, face_px, side)
    rest = apply_affine(to_patch, np.asarray(points[:MESH_POINTS, :2], dtype=np.float32))
    small = cv2.warpAffine(
        _filtered(picture, face_px / height_of(points)), to_patch, (side, side), flags=cv2.INTER_LINEAR
    )
    places, further = opened_by(rest, gap, face_px)
    mesh = Mesh.laid(rest, opened[:MESH_POINTS, :2])
    look, covered = mesh.lookup(places, (side, side), points[:MESH_POINTS, 2])
    bent = np.where(covered[..., None] > 0, looked_up(np.asarray(small, np.uint8), look), small).astype(np.uint8)
    bent = processed(bent, denoise=speech.denoise, sharpen=speech.sharpen)
    bent = speech.mouth.within(bent, inner_lips(places), (further / face_px - _AJAR) / _WIDE_OPEN)
    face = bent + np.array(speech.shade, dtype=np.float32)
    return Patch(np.asarray(face, dtype=np.float32), _mask(rest, side, speech.softness * face_px), to_patch)


def opened_by(rest: Floats, gap: float, face_px: float) -> tuple[Floats, float]:
    """Return (468, 2) an upright face's points with the mouth open by ``gap``, and by how many pixels it opened.

    Parameters
    ----------
    rest
        (468, 2) the points as filmed.
    gap
        Distance that the lips shall have in the middle, as a share of the face's height; nothing else counts, so
        that a mouth that is filmed open closes.
    face_px
        Height of the face.
    """
    upper, lower, nose, chin = rest[13], rest[14], rest[2], rest[152]
    further = gap * face_px - float(lower[1] - upper[1])
    half = max(float(rest[308, 0] - rest[78, 0]) / 2, 1.0)
    across = (rest[:, 0] - (rest[78, 0] + rest[308, 0]) / 2) / half
    bell = np.clip(1 - across**2 / 1.7, 0, 1)
    line = (upper[1] + lower[1]) / 2
    # Both fade out: upwards to the nose, downwards to the chin, which stays where it is.
    below = np.clip((chin[1] - rest[:, 1]) / max(float(chin[1] - lower[1]), 1.0), 0, 1)
    above = np.clip((rest[:, 1] - nose[1]) / max(float(upper[1] - nose[1]), 1.0), 0, 1)
    is_lower = _below_the_lips(rest, line)
    step = np.where(is_lower, (1 - _UPPER_SHARE) * below, -_UPPER_SHARE * above) * bell * further
    places = rest.copy()
    places[:, 1] += step
    return places, further


_UPPER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
_LOWER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)


def _below_the_lips(rest: Floats, line: float) -> Floats:
    """Return (468,) whether each point belongs to the lower lip or what is below it."""
    lower = rest[:, 1] > line
    # On a mouth that is closed they lie on one another, and only their names tell them apart.
    lower[list(_UPPER_LIP)], lower[list(_LOWER_LIP)] = False, True
    return np.asarray(lower)


def _filtered(picture: Pixels, scale: float) -> Pixels:
    """Return the picture blurred as far as scaling it down asks for."""
    if scale > 0.8:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), dtype=np.uint8)


def _mask(rest: Floats, side: int, edge_px: float) -> Floats:
    """Return (side, side) how much of the rendered face is seen: its part below the nose."""
    oval = soft(fill(rest[list(OVAL)], (side, side)), edge_px)
    rows = np.arange(side, dtype=np.float32)[:, None]
    below = np.clip((rows - rest[2, 1]) / max(edge_px, 1.0) + 0.5, 0, 1)
    return np.asarray(oval * below, dtype=np.float32)
