"""The sound of a recording, decoded beside its pictures as far as it is asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path

import av
import av.error
import numpy as np

from liveness.frames import Floats
from liveness.media.demuxing import Clock, Demuxer
from liveness.media.opening import is_decodable

AUDIO_RATE = 16_000
"""Samples a second of :attr:`MediaFrame.audio`."""

_MAX_AUDIO = 10 * AUDIO_RATE
_AUDIO_SLACK = AUDIO_RATE // 20


class AudioReader:
    """Decodes a recording's sound as far as it is asked for; holds the last ten seconds at most."""

    def __init__(self, path: Path, zero_s: float) -> None:
        self._demuxer = Demuxer(path)
        self._zero_s = zero_s
        self._chunks: deque[Floats] = deque()
        self._held = 0
        self._end = 0
        """Where the sound held ends, in samples since media time 0."""
        self._sound = self._resample()

    def close(self) -> None:
        """Close the file; what is held can still be taken."""
        self._sound.close()
        self._demuxer.close()

    def take(self, until_s: float) -> Floats:
        """Return (n,) samples from the end of the last call to ``until_s``; fewer if the sound ends."""
        until = round(until_s * AUDIO_RATE)
        while self._end < until and (block := next(self._sound, None)) is not None:
            self._put(*block)
        kept = min(self._held, max(0, self._end - until))
        sound: Floats = np.concatenate([np.zeros(0, dtype=np.float32), *self._chunks])
        self._chunks = deque([sound[self._held - kept :]])
        taken, self._held = sound[: self._held - kept], kept
        return taken

    def _put(self, start: int, samples: Floats) -> None:
        """Append samples that belong at ``start``; silence fills what is missing, what overlaps is cut."""
        gap = start - self._end
        if gap > _AUDIO_SLACK:
            self._append(np.zeros(min(gap, _MAX_AUDIO), dtype=np.float32), gap)
        elif gap < -_AUDIO_SLACK:
            samples = samples[-gap:]
        self._append(samples, samples.size)

    def _append(self, samples: Floats, length: int) -> None:
        self._chunks.append(samples)
        self._held += samples.size
        self._end += length
        while self._held - self._chunks[0].size >= _MAX_AUDIO:
            self._held -= self._chunks.popleft().size

    def _resample(self) -> Generator[tuple[int, Floats], None, None]:
        """Yield (position in samples since media time 0, (n,) samples)."""
        clock = Clock(self._zero_s)
        resampler, made_for = None, None
        for source in self._decode():
            form = (source.format.name, source.layout.name, source.sample_rate)
            if resampler is None or form != made_for:
                resampler, made_for = av.AudioResampler("flt", "mono", AUDIO_RATE), form
            try:
                pieces = resampler.resample(source)
            except (av.error.FFmpegError, ValueError):
                resampler = None
                continue
            for piece in pieces:
                stamp_s = piece.pts / AUDIO_RATE if piece.pts is not None else None
                position = round(clock.tick(stamp_s, piece.samples / AUDIO_RATE) * AUDIO_RATE)
                yield position, np.asarray(piece.to_ndarray()[0], dtype=np.float32)

    def _decode(self) -> Iterator[av.AudioFrame]:
        stream = next(filter(is_decodable, self._demuxer.container.streams.audio))
        for packet in self._demuxer.packets(stream):
            try:
                sources = stream.decode(packet)
            except av.error.FFmpegError:
                continue
            yield from sources
