"""A still picture, told by its name and read as one frame."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from liveness.errors import MediaError
from liveness.frames import Box
from liveness.media.frame import MediaFrame, check_region
from liveness.media.opening import read_head

PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""File name endings, in lower case, that mean a still picture."""


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a still picture, to be read with :func:`read_picture`."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def read_picture(path: Path, *, region: Box | None = None) -> MediaFrame:
    """Read a still picture as one frame at time 0, upright by its EXIF orientation.

    OpenCV reads it: FFmpeg's picture readers follow names to other files, and PyAV's side data of some
    pictures bring the process down.

    Raises
    ------
    MediaError
        The file is missing, or no picture that OpenCV reads, or the region reaches beyond it.
    ConfigError
        The region is too small or negative for any picture.
    """
    read_head(path)
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise MediaError(f"{path}: expected a picture such as jpg, png or webp, its content is not one")
    rgb = np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    if region is not None:
        check_region(region, (rgb.shape[1], rgb.shape[0]), path)
    picture = av.VideoFrame.from_ndarray(np.asarray(rgb, dtype=np.uint8), format="rgb24")
    return MediaFrame(picture, index=0, time_s=0.0, region=region)
