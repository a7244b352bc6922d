"""Self-blended faces, and the call around them.

A face is blended into its own picture after its double was changed a little, as in Shiohara and Yamasaki, "Detecting
Deepfakes with Self-Blended Images" (arXiv 2204.08376), here with what a live swap does to it: rendered with few pixels,
without the camera's noise, sharpened again, blended in along a soft mask. Camera and call are drawn alike for both
classes, so that neither tells them apart.
"""

from __future__ import annotations

import io

import av
import cv2
import numpy as np

from liveness.frames import Floats, Pixels
from liveness.measures.face_regions import OVAL

Random = np.random.Generator


def blended_with_itself(luma: Floats, points: Floats, rng: Random) -> Floats:
    """Return the picture with its face replaced by a changed double."""
    width = float(np.ptp(points[list(OVAL), 0]))
    double = _moved(_rendered(luma, width, rng), points, rng)
    contrast, light = np.exp(rng.normal(0, 0.07)), rng.normal(0, 5.0)
    mean = float(luma.mean())
    double = (double - mean) * contrast + mean + light
    alpha = _mask(luma.shape, points, width, rng)
    mixed = luma + alpha * (double - luma)
    return np.asarray(np.clip(mixed, 0, 255), np.float32)


def _rendered(luma: Floats, width: float, rng: Random) -> Floats:
    """Return the picture as a generator of limited resolution would give it."""
    double = luma
    kind = rng.random()
    if kind < 0.75:
        scale = rng.uniform(0.35, 0.95)
        small = cv2.resize(double, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        how = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_LINEAR
        double = np.asarray(cv2.resize(small, (luma.shape[1], luma.shape[0]), interpolation=how), np.float32)
    elif kind < 0.9:
        double = _blur(double, rng.uniform(0.4, 1.4))
    if rng.random() < 0.3:
        noise = rng.uniform(4, 14)
        double = np.asarray(cv2.bilateralFilter(double, 5, noise * 2, 2.0), np.float32)
    if rng.random() < 0.5:
        sigma = rng.uniform(0.7, 1.8)
        double = double + np.float32(rng.uniform(0.2, 1.2)) * (double - _blur(double, sigma))
    return np.asarray(double, np.float32)


def _moved(double: Floats, points: Floats, rng: Random) -> Floats:
    """Move, turn, scale and bend the picture by what landmarks err by."""
    middle = points[list(OVAL)].mean(axis=0)
    width = float(np.ptp(points[list(OVAL), 0]))
    turn = cv2.getRotationMatrix2D(
        (float(middle[0]), float(middle[1])), rng.normal(0, 1.0), np.exp(rng.normal(0, 0.02))
    )
    turn[:, 2] = turn[:, 2] + rng.normal(0, 0.012 * width, 2)
    size = (double.shape[1], double.shape[0])
    moved = cv2.warpAffine(double, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _mask(shape: tuple[int, ...], points: Floats, width: float, rng: Random) -> Floats:
    oval = points[list(OVAL)]
    middle = oval.mean(axis=0)
    reach = rng.uniform(0.82, 1.10, 2) if rng.random() < 0.7 else np.full(2, rng.uniform(0.88, 1.06))
    polygon = middle + (oval - middle) * reach + rng.normal(0, 0.012 * width, oval.shape)
    if rng.random() < 0.35:
        # Some swap the lower face with the brows only, and leave the forehead.
        brow = np.min(points[[70, 300, 105, 334], 1]) - rng.uniform(0.02, 0.2) * width
        polygon[:, 1] = np.maximum(polygon[:, 1], brow)
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(polygon * 8).astype(np.int32)], (1.0,), shift=3)
    return np.asarray(_blur(mask, width * rng.uniform(0.008, 0.07)) * rng.choice([1.0, 1.0, 1.0, 0.8, 0.6]), np.float32)


def _blur(picture: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def filmed(luma: Pixels, points: Floats, rng: Random) -> tuple[Floats, Floats]:
    """Return the picture with its landmarks as a camera in a call would take it: smaller, with noise."""
    width = float(np.ptp(points[list(OVAL), 0]))
    wanted = float(np.exp(rng.uniform(np.log(85), np.log(230))))
    scale = min(1.0, wanted / width)
    small = np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    if rng.random() < 0.5:
        small = _blur(small, rng.uniform(0.3, 1.1))
    if rng.random() < 0.6:
        grain = _blur(rng.normal(0, 1, small.shape).astype(np.float32), rng.uniform(0.3, 0.9))
        small = small + grain * np.float32(rng.uniform(0.5, 6.0) / max(float(grain.std()), 1e-3))
    if rng.random() < 0.4:
        small = small + np.float32(rng.uniform(0.2, 1.0)) * (small - _blur(small, rng.uniform(0.7, 1.5)))
    return np.asarray(np.clip(small, 0, 255), np.float32), points * scale


def called(luma: Floats, points: Floats, rng: Random) -> tuple[Pixels, Floats]:
    """Return the picture as the call delivers it: scaled, encoded, decoded."""
    if rng.random() < 0.4:
        scale = float(rng.uniform(0.6, 1.3))
        luma = np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
        points = points * scale
    pixels = np.asarray(np.clip(np.round(luma), 0, 255), np.uint8)
    kind = rng.random()
    if kind < 0.45:
        pixels = _encoded(pixels, int(rng.integers(18, 36)))
    elif kind < 0.85:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))])
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    shifted = points + rng.normal(0, 0.004, (1, 2)) * np.ptp(points[:, 0])
    return pixels, np.asarray(shifted, np.float32)


def _encoded(pixels: Pixels, crf: int) -> Pixels:
    """Encode and decode one picture as H.264."""
    height, width = pixels.shape
    even = np.pad(pixels, ((0, height % 2), (0, width % 2)), mode="edge")
    out = io.BytesIO()
    with av.open(out, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = even.shape[1], even.shape[0], "gray", 1
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(even, "gray")), *stream.encode(None)]:
            container.mux(packet)
    out.seek(0)
    with av.open(out, "r", format="h264") as source:
        decoded = next(source.decode(video=0)).to_ndarray(format="gray")
    return np.asarray(decoded[:height, :width], np.uint8)
