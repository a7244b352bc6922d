"""The newest-frame mailbox between a reader that must never wait and an analysis that takes its time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import av
import numpy as np

from liveness.frames import Floats
from liveness.measures.probe import Sample
from liveness.media import AUDIO_RATE
from liveness.review.grid import Grid

_MOST_SAMPLES = 300
"""Ten seconds at 30 frames a second; if analysis stalls for longer, the oldest are lost and counted."""
AUDIO_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """What is kept of every decoded frame."""

    time_s: float
    sample: Sample


@dataclass(frozen=True, slots=True, eq=False)
class Mail:
    """The newest frame on the grid, with the samples of all frames up to it since the last mail."""

    frame: av.VideoFrame
    index: int
    time_s: float
    arrived_s: float
    """Unix time at which it was decoded."""
    sent_s: float
    """Unix time at which it was sent, as far as that can be told."""
    probed: tuple[Probed, ...]
    dropped: int
    """Decoded frames that were not analysed since the last mail was taken."""


class Mailbox:
    """Holds one frame; a newer one takes its place, and the loss is counted. Every method may be called by any thread.

    Frames are chosen by the same :class:`~liveness.review.grid.Grid` as a recording's are.
    """

    def __init__(self, fps: float) -> None:
        self._lock = threading.Lock()
        self._grid = Grid(fps)
        self._frame: tuple[av.VideoFrame, int, float, float, float] | None = None
        self._waiting_since: float | None = None
        self._probed: deque[Probed] = deque()
        self._index = -1
        self._taken_index = -1
        self.lost_samples = 0
        self.overwritten = 0

    @property
    def waiting_since(self) -> float | None:
        """Unix time since when something waits here, or None."""
        return self._waiting_since

    def set_rate(self, fps: float) -> None:
        """Change the grid, from the next frame on."""
        with self._lock:
            self._grid.set_rate(fps)

    def put(
        self, frame: av.VideoFrame, sample: Sample, *, time_s: float, arrived_s: float, sent_s: float, usable: bool
    ) -> bool:
        """Take in a decoded frame; returns whether it is waiting to be analysed now.

        One that is not ``usable`` (its picture may be damaged) is neither analysed nor probed.
        """
        with self._lock:
            self._index += 1
            if not usable:
                return False
            self._probed.append(Probed(time_s, sample))
            if len(self._probed) > _MOST_SAMPLES:
                self._probed.popleft()
                self.lost_samples += 1
            waits = self._frame is not None
            if not self._grid.takes(time_s, busy=waits):
                return False
            if waits:
                self.overwritten += 1
                self._grid.owe()
            self._frame = (frame, self._index, time_s, arrived_s, sent_s)
            if self._waiting_since is None:
                self._waiting_since = arrived_s
            return True

    def take(self) -> Mail | None:
        """Return what waits, and leave the box empty."""
        with self._lock:
            if self._frame is None:
                return None
            frame, index, time_s, arrived_s, sent_s = self._frame
            probed = []
            while self._probed and self._probed[0].time_s <= time_s:
                probed.append(self._probed.popleft())
            dropped = index - self._taken_index - 1
            self._taken_index = index
            self._frame, self._waiting_since = None, None
            return Mail(frame, index, time_s, arrived_s, sent_s, tuple(probed), dropped)


class AudioRing:
    """The last ten seconds of sound, mono at 16 kHz; never newest-wins within them. For one thread at a time."""

    def __init__(self) -> None:
        self._chunks: deque[Floats] = deque()
        self._samples = 0
        self.lost_samples = 0
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=AUDIO_RATE)

    def put(self, frame: av.AudioFrame) -> None:
        """Append sound; the oldest goes when the ring is full."""
        for part in self._resampler.resample(frame):
            samples = np.ascontiguousarray(part.to_ndarray().reshape(-1), dtype=np.float32)
            self._chunks.append(samples)
            self._samples += samples.size
        while self._samples > AUDIO_S * AUDIO_RATE:
            gone = self._chunks.popleft()
            self._samples -= gone.size
            self.lost_samples += gone.size

    def take(self) -> Floats:
        """Return (n,) all that has come since the last call, in [-1, 1]."""
        chunks, self._chunks, self._samples = self._chunks, deque(), 0
        return np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.float32)
