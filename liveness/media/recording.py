"""A recording: what it says of itself, and its frames, decoded once from start to end, one at a time."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
import av.stream
from av.codec.context import ThreadType

from liveness.errors import MediaError
from liveness.frames import Box
from liveness.media.demuxing import Awaited, Clock, Damage, Demuxer
from liveness.media.frame import MediaFrame, check_region
from liveness.media.opening import (
    MAX_PIXELS,
    best_video,
    container_name,
    is_decodable,
    sample_aspect,
    stated_end_s,
    stated_fps,
)
from liveness.media.pixels import Turn, turn_of
from liveness.media.sound import AudioReader

_EARLY_END_S = 0.5
_USUAL_STEP_S = 0.04
# Their decoders drop a broken picture without a word, and each of their packets holds one picture.
_SILENT_CODECS = frozenset({"hevc"})


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a recording says of itself, and how large its first frame is."""

    container: str
    """Such as ``mp4``, ``webm``, ``matroska``, ``avi``."""
    codec: str
    """Such as ``h264``, ``hevc``, ``vp8``, ``vp9``, ``av1``."""
    width: int
    """Width in pixels after rotation, with square pixels; the whole picture, whatever the region."""
    height: int
    """Height in pixels, likewise."""
    duration_s: float | None
    """Duration that the file states, in seconds; None where it states none."""
    fps: float | None
    """Mean frames a second that the file states; None where it states none that could be true."""
    has_audio: bool
    rotation_deg: int = 0
    """Counter-clockwise turn that makes the frames upright: 0, 90, 180 or 270."""


class Recording:
    """A video file, decoded once from start to end in constant memory.

    Opening reads up to the first frame, so that a file that gives none is refused at once. Of several video
    streams those marked as default go first, and of these the largest; cover pictures are passed over.

    Parameters
    ----------
    path
        The file, in any format that FFmpeg reads, except playlists and lists that refer to other files.
    region
        The part to look at, in pixels of the upright picture with square pixels; the edges are rounded. Where
        the resolution changes on the way, the region is scaled with the picture.
    threads
        Cores that decoding may use. What is decoded does not depend on it.

    Raises
    ------
    MediaError
        The file is missing, empty, no video, or damaged so that nothing can be read; or the region reaches
        beyond its picture.
    ConfigError
        The region is too small or negative for any picture.

    Examples
    --------
    >>> with Recording(Path("interview.mp4")) as recording:  # doctest: +SKIP
    ...     for frame in recording.frames():
    ...         print(frame.time_s, frame.rgb(max_width=640).shape)
    """

    def __init__(self, path: Path, *, region: Box | None = None, threads: int = 1) -> None:
        self._path = path
        self._region = region
        self._audio: AudioReader | None = None
        self._video_bytes = 0
        self._damage = Damage()
        self._awaited = Awaited()
        self._turns: dict[int, Turn] = {}
        self._data_end_s = 0.0
        self._ended = False
        self._demuxer = Demuxer(path)
        self._decoded = self._decode()
        try:
            self._start(threads)
        except BaseException:
            self.close()
            raise

    def _start(self, threads: int) -> None:
        container = self._demuxer.container
        self._stream = best_video(container, self._path)
        self._unordered = container.format.name == "avi"
        context = self._stream.codec_context
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_count = threads
        # Threads by frame change which decoding time a frame bears.
        context.thread_type = ThreadType.SLICE if threads == 1 or self._unordered else ThreadType.AUTO
        self._time_base = float(self._stream.time_base or 0)
        self._stated_end_s = stated_end_s(container, self._stream)
        self._codec = self._stream.codec_context.codec.canonical_name
        self._aspect = sample_aspect(self._stream)
        duration_s = container.duration / av.time_base if container.duration else None
        self._clock = Clock(end_s=duration_s)
        self._first = next(self._decoded, None)
        if self._first is None:
            raise MediaError(
                f"{self._path}: no picture could be decoded, the data are damaged, cut off or have more "
                f"than {MAX_PIXELS:,} pixels a picture; copy or export the file again"
            )
        self._first_size = self._first.width, self._first.height
        self._zero_s = self._stamp_s(self._first) or 0.0
        whole = MediaFrame(
            self._first, index=0, time_s=0.0, sample_aspect=self._aspect, turn=self._turn_for(self._first)
        )
        if self._region is not None:
            check_region(self._region, (whole.width, whole.height), self._path)
        self._info = MediaInfo(
            container=container_name(container, self._path),
            codec=self._codec,
            width=whole.width,
            height=whole.height,
            duration_s=duration_s,
            fps=stated_fps(container, self._stream),
            has_audio=any(map(is_decodable, container.streams.audio)),
            rotation_deg=whole.rotation_deg,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; frames that were read stay valid."""
        # An open generator would hold this object and the decoder's memory until the next garbage collection.
        self._decoded.close()
        self._demuxer.close()
        if self._audio is not None:
            self._audio.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def info(self) -> MediaInfo:
        """What the recording says of itself."""
        return self._info

    @property
    def video_bytes(self) -> int:
        """Coded bytes of the video read so far."""
        return self._video_bytes

    @property
    def damaged_parts(self) -> int:
        """Coded pieces (mostly a frame each) found damaged so far; what could not be decoded was skipped."""
        return self._damage.packets + self._demuxer.failures

    @property
    def damaged(self) -> str | None:
        """What is damaged or missing, as one line, or None; complete once :meth:`frames` has ended.

        A missing end is found where the file states its duration, as MP4, MOV, MKV, WebM, FLV and AVI do (yet
        hardly ever what a browser recorded). Damage that a decoder does not notice is not found.
        """
        found = []
        if self.damaged_parts:
            pieces = "1 piece" if self.damaged_parts == 1 else f"{self.damaged_parts} pieces"
            first = self._damage.first_s
            where = f", the first at {self._media_s(first):.1f} s" if math.isfinite(first) else ""
            found.append(f"{pieces} of the video damaged{where}; the rest was read")
        if self._ended and self._stated_end_s is not None:
            stated_s, end_s = self._media_s(self._stated_end_s), self._media_s(self._data_end_s)
            if stated_s - end_s > _EARLY_END_S:
                found.append(f"the file states {stated_s:.1f} s, but its data end at {end_s:.1f} s")
        return "; ".join(found) or None

    def frames(self, *, audio: bool = False) -> Iterator[MediaFrame]:
        """Decode all frames in order; nothing of them is converted yet.

        Media time counts from the first frame and always grows. A timestamp that repeats or goes back by less
        than a second becomes 1 ms after the one before; one that goes back further starts a new count, which
        goes on where the old one stopped; a missing one becomes the last and the frame's usual duration.

        Parameters
        ----------
        audio
            Give the frames sound. It is read through a second handle on the file when
            :attr:`MediaFrame.audio` is asked for, up to that frame's time. So it is aligned however the file
            interleaves its streams, costs nothing while nobody asks, and holds ten seconds at most.

        Raises
        ------
        MediaError
            The frames were already read, or the recording is closed: open it again.
        """
        first, self._first = self._first, None
        if first is None or self._demuxer.closed:
            raise MediaError(f"{self._path}: a recording is read once, and before it is closed; open it again")
        if audio and self._info.has_audio:
            self._audio = AudioReader(self._path, self._zero_s)
        sources = chain([first], self._decoded)
        del first
        for index, source in enumerate(sources):
            time_s = self._clock.tick(self._stamp_s(source), self._step_s(source))
            yield MediaFrame(
                source,
                index=index,
                time_s=time_s,
                region=self._region_for(source),
                sample_aspect=self._aspect,
                audio=self._audio,
                turn=self._turn_for(source),
            )
        self._ended = not self._demuxer.closed

    def _decode(self) -> Generator[av.VideoFrame, None, None]:
        """Decode what can be decoded; what cannot is counted and skipped."""
        for packet in self._demuxer.packets(*self._watched()):
            self._measure(packet)
            # An empty packet repeats the frame before, or asks to flush: that is done once, below.
            if packet.stream_index == self._stream.index and packet.size:
                yield from self._frames_in(packet)
        if not self._demuxer.closed:
            yield from self._frames_in(None)

    def _watched(self) -> list[av.stream.Stream]:
        """Return the streams that tell where the data end: those that the stated duration covers."""
        if self._stream.duration is not None and "mov" in self._demuxer.container.format.name:
            return [self._stream]
        streams = self._demuxer.container.streams
        return [self._stream, *streams.audio, *streams.subtitles]

    def _measure(self, packet: av.Packet[av.stream.Stream]) -> None:
        if packet.stream_index == self._stream.index:
            self._video_bytes += packet.size
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and not packet.is_corrupt:
            end_s = float((stamp + (packet.duration or 0)) * packet.time_base)
            self._data_end_s = max(self._data_end_s, end_s)

    def _frames_in(self, packet: av.Packet[av.stream.Stream] | None) -> list[av.VideoFrame]:
        """Decode one packet, or with None what the decoder still holds; note what is damaged."""
        try:
            sources = self._stream.codec_context.decode(packet)
            bad = any(source.is_corrupt for source in sources)
        except av.error.FFmpegError:
            sources, bad = [], True
        bad = bad or (packet is not None and packet.is_corrupt)
        if packet is not None and bad:
            stamp = packet.pts if packet.pts is not None else packet.dts
            self._damage.note(stamp * self._time_base if stamp is not None else self._data_end_s)
        if self._codec in _SILENT_CODECS:
            self._note_missing(None if bad else packet, sources, at_end=packet is None)
        return sources

    def _note_missing(
        self, packet: av.Packet[av.stream.Stream] | None, sources: list[av.VideoFrame], *, at_end: bool
    ) -> None:
        """Note pictures that never came; ``packet`` is one that should give a picture, or None."""
        if packet is not None and packet.pts is not None and not packet.is_discard:
            self._awaited.sent(packet.pts)
        lost = self._awaited.lost([source.pts for source in sources if source.pts is not None])
        for stamp in lost + (self._awaited.rest() if at_end else []):
            self._damage.note(stamp * self._time_base)

    def _stamp_s(self, source: av.VideoFrame) -> float | None:
        """Return when the frame is shown by the file's count; where that is missing, when it is decoded.

        AVI has no count of its own for what is shown. What FFmpeg makes up instead goes wrong with B frames,
        while the count of decoding is even.
        """
        stamp = source.dts if self._unordered or source.pts is None else source.pts
        return stamp * self._time_base if stamp is not None else None

    def _step_s(self, source: av.VideoFrame) -> float:
        """Return how long a frame lasts, for one whose successor has no timestamp."""
        if source.duration > 0:
            return source.duration * self._time_base
        return 1 / self._info.fps if self._info.fps else _USUAL_STEP_S

    def _media_s(self, stamp_s: float) -> float:
        return max(0.0, stamp_s - self._zero_s)

    def _turn_for(self, source: av.VideoFrame) -> Turn:
        rotation = source.rotation
        if rotation not in self._turns:
            self._turns[rotation] = turn_of(source)
        return self._turns[rotation]

    def _region_for(self, source: av.VideoFrame) -> Box | None:
        """Return the region, scaled where the resolution differs from the first frame's."""
        size = source.width, source.height
        if self._region is None or size == self._first_size:
            return self._region
        turned = self._turn_for(source).transpose
        x, y = (size[axis] / self._first_size[axis] for axis in ((1, 0) if turned else (0, 1)))
        box = self._region
        return Box(box.left * x, box.top * y, box.right * x, box.bottom * y)
