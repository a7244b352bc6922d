"""Hand-made numbers of a face's texture and colour, at one scale for every size of face.

The face is brought to :data:`FACE_HEIGHT` pixels from the top of the forehead to the chin before anything is
measured, so that a large face and a small one are asked the same question. What only shows in the pixels of
the source (the grid of a screen) is folded into that scale where the camera has resolved it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from liveness.frames import Box, Floats, Pixels
from liveness.measures.face_regions import LIPS, OVAL

FACE_HEIGHT = 128
"""Pixels from the mesh's point 10 (hairline) to 152 (chin) after scaling."""

TEXTURE_FEATURES = (
    "detail_entropy",
    "fine_energy",
    "red_detail_slope",
    "saturation_spread",
    "blue_cast",
    "lip_contrast",
    "blown_share",
    "black_share",
    "spectral_peak",
    "row_banding",
    "edge_kurtosis",
)
"""Names of the features in the order in which they are returned.

detail_entropy
    Entropy (nats) of luma's local binary patterns at half scale: how varied the relief of the skin is.
fine_energy
    Log energy of luma's finest band on the skin, relative to its brightness squared. Scaling a large face
    down averages the camera's noise away, so this one is not wholly free of size.
red_detail_slope
    Log ratio of Cr's energy on the skin between blurs of σ = 2.8 and 5.6 to that between 5.6 and 11.2.
saturation_spread
    Standard deviation of saturation over the skin.
blue_cast
    Median Cb of the skin, 0 for grey; larger is bluer.
lip_contrast
    Log blue/green ratio of the lips against that of the skin.
blown_share
    Root of the share of the face that is white (all channels ≥ 235).
black_share
    Root of the share of the face that is black (all channels ≤ 20); lifted blacks make it 0.
spectral_peak
    Largest bins of luma's spectrum over what is usual at their distance from zero frequency, in standard
    deviations. Both axes are left out: the blocks of a codec, and the row and column of a face, lie there.
row_banding
    Log variance of row means over that of column means, without what is coarser than σ = 5.
edge_kurtosis
    Log kurtosis of the gradient: a few hard edges on smooth ground make it large.
"""

_NOT_SKIN = (
    LIPS,
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
_MESH_POINTS = 468
_LEAST_SKIN_PX = 1500
_SPECTRUM_PX = 64

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Canonical:
    """A face at the common scale."""

    rgb: Pixels
    """(h, w, 3) the face with a margin."""
    points: Floats
    """(468, 2) its landmarks in pixels of ``rgb``."""
    face: Mask
    """(h, w) inside the face oval."""
    skin: Mask
    """(h, w) inside the oval, without eyes, brows and lips."""
    lips: Mask
    """(h, w) inside the outer line of the lips."""

    def low_and_high(self) -> tuple[Pixels, Pixels]:
        """Return the least and the greatest of red, green and blue, each (h, w)."""
        red, green, blue = cv2.split(self.rgb)
        low, high = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
        return np.asarray(low, dtype=np.uint8), np.asarray(high, dtype=np.uint8)


def texture_box(points_px: Floats) -> Box:
    """Return the part of a frame that :func:`texture_features` wants to see: the face and a margin."""
    low, high = points_px[:_MESH_POINTS, :2].min(axis=0), points_px[:_MESH_POINTS, :2].max(axis=0)
    return Box(*(float(value) for value in (*low, *high))).scaled(1.4)


def texture_features(rgb: Pixels, points_px: Floats) -> dict[str, float] | None:
    """Measure the texture of one face.

    Parameters
    ----------
    rgb
        (h, w, 3) crop around the face at source resolution, see :func:`texture_box`.
    points_px
        (478, 2 or 3) landmarks in pixels of ``rgb``.

    Returns
    -------
    The :data:`TEXTURE_FEATURES` by name, or None if hardly any skin lies inside the picture.

    References
    ----------
    Boulkenafet, Komulainen, Hadid: Face spoofing detection using colour texture analysis, 2016 (patterns of
    luma and chroma). Wen, Han, Jain: Face spoof detection with image distortion analysis, 2015 (highlights,
    chroma moments, blur). Garcia, de Queiroz: Face-spoofing 2D-detection based on Moiré-pattern analysis, 2015.
    """
    canonical = _to_canonical(rgb, points_px)
    if canonical is None:
        return None
    planes = cv2.cvtColor(canonical.rgb, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    luma, cr, cb = (np.ascontiguousarray(planes[:, :, channel]) for channel in range(3))
    values = (
        _pattern_entropy(luma, canonical.skin),
        _fine_energy(luma, canonical.skin),
        _band_slope(cr, canonical.skin),
        *_colour(canonical, cb),
        *_extremes(canonical),
        _spectral_peak(luma, canonical.points),
        _row_banding(luma, canonical.skin),
        _edge_kurtosis(luma, canonical.face),
    )
    return dict(zip(TEXTURE_FEATURES, values, strict=True))


def _to_canonical(rgb: Pixels, points_px: Floats) -> _Canonical | None:
    face_height = float(np.hypot(*(points_px[10, :2] - points_px[152, :2])))
    height, width = rgb.shape[:2]
    if face_height < 1 or min(height, width) < 1:
        return None
    scale = FACE_HEIGHT / face_height
    size = (round(width * scale), round(height * scale))
    # A crop of some other shape than a face and its margin belongs to landmarks that went astray.
    if not _SPECTRUM_PX <= min(size) <= max(size) <= 5 * FACE_HEIGHT:
        return None
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(rgb, size, interpolation=way), dtype=np.uint8)
    factors = np.array([size[0] / width, size[1] / height], dtype=np.float32)
    points = np.asarray(points_px[:_MESH_POINTS, :2] * factors, dtype=np.float32)
    shape = (size[1], size[0])
    face = cv2.erode(_filled(shape, points, OVAL), np.ones((9, 9), dtype=np.uint8))
    inner = np.zeros(shape, dtype=np.uint8)
    for outline in _NOT_SKIN:
        inner |= _filled(shape, points, outline)
    inner = np.asarray(cv2.dilate(inner, np.ones((5, 5), dtype=np.uint8)), dtype=np.uint8)
    skin = (face > 0) & (inner == 0)
    if int(skin.sum()) < _LEAST_SKIN_PX:
        return None
    return _Canonical(scaled, points, face > 0, skin, _filled(shape, points, LIPS) > 0)


def _filled(shape: tuple[int, int], points: Floats, outline: tuple[int, ...]) -> Pixels:
    mask = np.zeros(shape, dtype=np.uint8)
    hull = cv2.convexHull(np.round(points[list(outline)]).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (255,))
    return mask


def _blur(plane: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), dtype=np.float32)


def _energy(plane: Floats, mask: Mask) -> float:
    return float(np.log((plane[mask] ** 2).mean() + 0.02))


def _pattern_entropy(luma: Floats, skin: Mask) -> float:
    half = _blur(luma, 1.5)[::2, ::2]
    centre = half[1:-1, 1:-1]
    rows, columns = centre.shape
    code = np.zeros(centre.shape, dtype=np.uint8)
    for bit, (down, right) in enumerate(((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))):
        neighbour = half[down : down + rows, right : right + columns]
        code |= np.uint8(1 << bit) * (neighbour >= centre).astype(np.uint8)
    counts = np.bincount(code[skin[::2, ::2][1:-1, 1:-1]], minlength=256)
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def _fine_energy(luma: Floats, skin: Mask) -> float:
    fine = luma - _blur(luma, 0.7)
    return _energy(fine, skin) - 2 * float(np.log(np.median(luma[skin]) + 8))


def _band_slope(plane: Floats, skin: Mask) -> float:
    """Measure at a quarter of the scale, where σ of 0.7, 1.4 and 2.8 is 2.8, 5.6 and 11.2."""
    size = (plane.shape[1] // 4, plane.shape[0] // 4)
    small = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    inside = cv2.resize(skin.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    fine, middle, coarse = (_blur(small, sigma) for sigma in (0.7, 1.4, 2.8))
    return _energy(fine - middle, inside) - _energy(middle - coarse, inside)


def _colour(canonical: _Canonical, cb: Floats) -> tuple[float, float, float]:
    """Return saturation_spread, blue_cast and lip_contrast."""
    low, high = (plane[canonical.skin].astype(np.float32) for plane in canonical.low_and_high())
    saturation = (high - low) / (high + 1)
    contrast = 0.0
    if int(canonical.lips.sum()) > 10:
        contrast = _blue_ratio(canonical.rgb[canonical.lips]) - _blue_ratio(canonical.rgb[canonical.skin])
    return float(saturation.std()), float(np.median(cb[canonical.skin])) - 128, contrast


def _blue_ratio(colours: Pixels) -> float:
    green, blue = colours[:, 1].astype(np.float32), colours[:, 2].astype(np.float32)
    return float(np.log(np.median((blue + 8) / (green + 8))))


def _extremes(canonical: _Canonical) -> tuple[float, float]:
    """Return blown_share and black_share."""
    low, high = canonical.low_and_high()
    white = float((low[canonical.face] >= 235).mean())
    black = float((high[canonical.face] <= 20).mean())
    return float(np.sqrt(white)), float(np.sqrt(black))


def _spectral_peak(luma: Floats, points: Floats) -> float:
    size = _SPECTRUM_PX
    height, width = luma.shape
    x, y = (int(value) - size // 2 for value in points.mean(axis=0))
    left, top = min(max(x, 0), width - size), min(max(y, 0), height - size)
    patch = luma[top : top + size, left : left + size]
    power = np.abs(np.fft.rfft2((patch - patch.mean()) * _WINDOW)) ** 2
    log_power = _blur(np.log(power + 0.1).astype(np.float32), 0.7)
    usual = np.bincount(_RING.ravel(), log_power.ravel()) / np.bincount(_RING.ravel())
    excess = (log_power - usual[_RING])[_BAND]
    return float(np.sort(excess)[-3:].mean() / (excess.std() + 1e-6))


def _row_banding(luma: Floats, skin: Mask) -> float:
    detail = (luma - _blur(luma, 5.0)) * skin
    rows = detail.sum(axis=1) / (skin.sum(axis=1) + 8)
    columns = detail.sum(axis=0) / (skin.sum(axis=0) + 8)
    return float(np.log((rows.var() + 0.05) / (columns.var() + 0.05)))


def _edge_kurtosis(luma: Floats, face: Mask) -> float:
    across = cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=3)[face].astype(np.float64)
    down = cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=3)[face].astype(np.float64)
    square = across**2 + down**2
    return float(np.log(((square**2).mean() + 1) / (square.mean() ** 2 + 1)))


def _spectrum_tables() -> tuple[Floats, npt.NDArray[np.int64], Mask]:
    """Return the window, the ring number of each bin, and the bins in which a peak is looked for."""
    size = _SPECTRUM_PX
    down = np.abs(np.fft.fftfreq(size))[:, None] + np.zeros((1, size // 2 + 1))
    across = np.fft.rfftfreq(size)[None, :] + np.zeros((size, 1))
    radius = np.hypot(down, across)
    window = np.outer(np.hanning(size), np.hanning(size)).astype(np.float32)
    off_axes = (down > 1.6 / size) & (across > 1.6 / size)
    ring = np.minimum((radius * size).astype(np.int64), size // 2)
    return window, ring, (radius > 0.08) & (radius < 0.48) & off_axes


_WINDOW, _RING, _BAND = _spectrum_tables()
