"""The probe: what is kept of every decoded frame, since analysis sees only some of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from liveness.dsp import cell_means
from liveness.frames import THUMB_SIZE, Box, Pixels, ProbeTick

_PROBE_SIZE = 320
_REST = 0x9E3779B97F4A7C15


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
            luma_hash=_hash(small),
            thumb=cell_means(small, THUMB_SIZE),
            face_thumb=cell_means(small[inside], THUMB_SIZE) if inside is not None else None,
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


def _hash(luma: Pixels) -> int:
    """Return a 64-bit hash: equal only for the same samples in the same places, but for a chance in 2**64 or so.

    The sum of all words, each times an odd number of its own (Dietzfelbinger et al., "A reliable randomized algorithm
    for the closest-pair problem", 1997); a tenth of the time of a cryptographic hash, which nobody needs here: who
    wants two pictures to differ changes one of their pixels.
    """
    flat = luma.reshape(-1)
    whole = flat.size // 8 * 8
    words = flat[:whole].view(np.uint64)
    total = int(np.dot(words, _factors(words.size))) + int.from_bytes(flat[whole:].tobytes(), "little") * _REST
    return (total + flat.size * luma.shape[-1]) % (1 << 64)


@functools.lru_cache(maxsize=16)
def _factors(count: int) -> npt.NDArray[np.uint64]:
    """Return that many odd numbers, always the same ones."""
    return np.random.Generator(np.random.PCG64(7)).integers(0, 1 << 64, count, dtype=np.uint64) | np.uint64(1)
