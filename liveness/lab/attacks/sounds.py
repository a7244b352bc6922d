"""The sound of a second file: read, written beside pictures, and how loud it is."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from scipy.ndimage import gaussian_filter1d

from liveness.errors import MediaError
from liveness.frames import Floats

SOUND_RATE = 16_000
"""Samples a second of all sound here."""
_STEP = SOUND_RATE // 100
_RANGE_DB = 30.0
"""So far below the loudest parts, speech counts as silence."""
_SILENCE = 1e-3


def read_sound(path: Path, longest_s: float) -> Floats:
    """Return (n,) mono samples at :data:`SOUND_RATE` of a file's first seconds, in [-1, 1].

    Raises
    ------
    MediaError
        The file cannot be read, has no sound, or only silence.
    """
    if not path.is_file():
        raise MediaError(f"{path}: expected a file with sound, there is no such file; check the name and the folder")
    pieces: list[Floats] = []
    try:
        # With its protocol, so that no name is taken for an address.
        with av.open(f"file:{path}") as container:
            if not container.streams.audio:
                raise MediaError(f"{path}: expected a file with sound, found none in it; give a recording of speech")
            for piece in _resampled(container):
                pieces.append(piece)
                if sum(one.size for one in pieces) >= longest_s * SOUND_RATE:
                    break
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path}: expected a file with sound such as wav, m4a or mp4, its content cannot be read; convert it"
        ) from error
    sound = np.concatenate([np.zeros(0, dtype=np.float32), *pieces])[: round(longest_s * SOUND_RATE)]
    if sound.size == 0 or np.abs(sound).max() < _SILENCE:
        raise MediaError(f"{path}: expected speech, its first {longest_s:g} s are silent; give a recording of speech")
    return np.asarray(np.clip(sound, -1, 1), dtype=np.float32)


def loudness(sound: Floats, count: int, fps: float, *, smooth_s: float) -> Floats:
    """Return (count,) how loud a sound is at each picture: 0 for silence, 1 for its loud parts."""
    steps = int(np.ceil(count / fps * 100)) + 1
    padded = np.zeros(steps * _STEP, dtype=np.float32)
    padded[: min(sound.size, padded.size)] = sound[: padded.size]
    power = (padded.reshape(steps, _STEP) ** 2).mean(axis=1)
    level = 10 * np.log10(gaussian_filter1d(power, 2.0) + 1e-9)
    heard = level > 20 * np.log10(_SILENCE)
    if not heard.any():
        return np.zeros(count, dtype=np.float32)
    share = np.clip((level - np.percentile(level[heard], 95) + _RANGE_DB) / _RANGE_DB, 0, 1) ** 1.5 * heard
    even = gaussian_filter1d(share, max(0.1, smooth_s * 100))
    return np.interp(np.arange(count) / fps, np.arange(steps) / 100, even).astype(np.float32)


class SoundTrack:
    """Sound that is encoded into a container, as far as the pictures have come."""

    def __init__(self, container: av.container.OutputContainer, sound: Floats) -> None:
        self._container, self._sound, self._at = container, sound, 0
        stream = container.add_stream("aac", rate=SOUND_RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        self._stream = stream

    def write(self, until_s: float) -> None:
        """Encode what comes before a time; what the sound lacks is silence."""
        until = round(until_s * SOUND_RATE)
        part = np.zeros(max(0, until - self._at), dtype=np.float32)
        given = self._sound[self._at : until]
        part[: given.size] = given
        if part.size:
            frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = SOUND_RATE, Fraction(1, SOUND_RATE), self._at
            self._container.mux(self._stream.encode(frame))
        self._at = max(self._at, until)

    def close(self) -> None:
        """Encode what the encoder still holds."""
        self._container.mux(self._stream.encode(None))


def _resampled(container: av.container.InputContainer) -> Iterator[Floats]:
    resampler = av.AudioResampler("flt", "mono", SOUND_RATE)
    for frame in container.decode(audio=0):
        for piece in resampler.resample(frame):
            yield np.asarray(piece.to_ndarray()[0], dtype=np.float32)
