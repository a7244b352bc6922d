"""The probe: what is kept of every decoded frame, since analysis sees only some of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from liveness.frames import THUMB_SIZE, Box, Floats, Pixels, ProbeTick

_PROBE_SIZE = 320


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What the probe needs of a frame: some 60 kB that may be kept when the frame is let go."""

    luma: Pixels
    """(h, w) luma, subsampled without averaging, so that sensor noise, which tells a camera from a repeat, is there."""
    step: int
    """Every so many pixels one was taken."""


def sampled(luma: Pixels) -> Sample:
    """Subsample the (height, width) luma by a whole step to about 320 pixels on the longer side."""
    step = max(1, max(luma.shape) // _PROBE_SIZE)
    return Sample(np.ascontiguousarray(luma[::step, ::step]), step)


class Prober:
    """Makes a :class:`ProbeTick` of every decoded frame; remembers the one before."""

    def __init__(self) -> None:
        self._previous: Pixels | None = None

    def tick(self, luma: Pixels, time_s: float, face: Box | None) -> ProbeTick:
        """Summarise one frame.

        Parameters
        ----------
        luma
            (height, width) luma of the frame.
        time_s
            Media time in seconds.
        face
            Last known face box in pixels of the frame.
        """
        return self.tick_of(sampled(luma), time_s, face)

    def tick_of(self, sample: Sample, time_s: float, face: Box | None) -> ProbeTick:
        """Summarise one frame of which only the sample was kept; the parameters are those of :meth:`tick`."""
        small, step = sample.luma, sample.step
        digest = hashlib.blake2b(small.data, digest_size=8).digest()
        inside = _slices(face, step, small) if face is not None else None
        face_change = rest_change = 0.0
        if self._previous is not None and self._previous.shape == small.shape:
            change = cv2.absdiff(small, self._previous)
            total, count = float(cv2.sumElems(change)[0]), small.size
            if inside is not None:
                part = change[inside]
                part_total = float(cv2.sumElems(np.ascontiguousarray(part))[0])
                face_change = part_total / part.size
                total, count = total - part_total, count - part.size
            rest_change = total / max(count, 1)
        self._previous = small
        return ProbeTick(
            time_s=time_s,
            luma_hash=int.from_bytes(digest, "little"),
            thumb=_thumb(small),
            face_thumb=_thumb(small[inside]) if inside is not None else None,
            rest_change=rest_change,
            face_change=face_change,
        )


def _slices(face: Box, step: int, small: Pixels) -> tuple[slice, slice] | None:
    """Return the face's rows and columns in the subsampled luma, or None if fewer than 4 × 4 are left."""
    box = face.clipped(small.shape[1] * step, small.shape[0] * step)
    rows = slice(int(box.top) // step, int(box.bottom) // step)
    columns = slice(int(box.left) // step, int(box.right) // step)
    if rows.stop - rows.start < 4 or columns.stop - columns.start < 4:
        return None
    return rows, columns


def _thumb(luma: Pixels) -> Floats:
    """Return (16, 16) cell means; float, since the mean of many pixels is finer than one grey level."""
    sized = cv2.resize(luma.astype(np.float32), (THUMB_SIZE, THUMB_SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(sized, dtype=np.float32)
