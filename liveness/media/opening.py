"""Opening a file: why it cannot be read, which of its streams is the video, and what that states of itself."""

from __future__ import annotations

from pathlib import Path

import av
import av.container
import av.error
import av.logging
import av.stream
from av.stream import Disposition

from liveness.errors import MediaError

MAX_PIXELS = 1 << 27
"""Most pixels that a picture may have; a larger one could fill the memory."""

_MAX_FPS = 480
_HIDDEN = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
_REFERRING = frozenset(
    {
        "concat",
        "dash",
        "hls",
        "image2",
        "imf",
        "lavfi",
        "rtp",
        "rtsp",
        "sap",
        "sdp",
        "tty",
        "webm_dash_manifest",
    }
)
_OPEN_OPTIONS = {
    # A file from a stranger must not make us read other files, reach out to the network, or fill the memory.
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(sorted(av.formats_available - _REFERRING)),
    "max_pixels": str(MAX_PIXELS),
}
_EXPECTED = "expected a video such as mp4, webm, mkv, mov, avi or mpg"


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file, and nothing that it refers to; refuses what cannot be read."""
    head = read_head(path)
    # PyAV is silent by itself; this is for a process in which someone, such as aiortc, restored FFmpeg's log.
    av.logging.set_libav_level(av.logging.PANIC)
    try:
        return av.open(f"file:{path}", mode="r", options=_OPEN_OPTIONS, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: {_why_unreadable(head)}") from error


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file; refuses what is no file with content."""
    if path.is_dir():
        raise MediaError(f"{path}: expected a recording, got a folder; name a file in it")
    if not path.exists():
        raise MediaError(f"{path}: there is no such file; check the name and the folder")
    if not path.is_file():
        raise MediaError(f"{path}: expected a file, got a device or pipe; save the recording to a file first")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise MediaError(f"{path}: the file is there but cannot be read; check its permissions and disk") from error
    if not head:
        raise MediaError(f"{path}: the file is empty; {_EXPECTED}; record or copy it again")
    return head


def _why_unreadable(head: bytes) -> str:
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide"}:
        return (
            "the MP4 or MOV file is incomplete, its index is missing or damaged; "
            "the recording was cut off or not copied whole: copy or export it again"
        )
    text = head.translate(None, bytes(range(32, 127)) + b"\t\r\n")
    held = "got plain text" if len(text) < len(head) / 10 else "its content is not one that can be read"
    return f"{_EXPECTED}, {held}; check that it is the right file, or convert it"


def best_video(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the default, largest stream of moving pictures."""
    shown = [stream for stream in container.streams.video if not stream.disposition & _HIDDEN]
    if not shown:
        held = "sound only" if container.streams.audio else "none"
        raise MediaError(f"{path}: expected a video stream, found {held}; give the recording with its pictures")
    known = [stream for stream in shown if is_decodable(stream)]
    if not known:
        raise MediaError(f"{path}: its video is coded in a way that cannot be decoded here; convert it to H.264")
    best = max(known, key=lambda stream: (bool(stream.disposition & Disposition.default), _pixels(stream)))
    if _pixels(best) > MAX_PIXELS:
        raise MediaError(
            f"{path}: the picture has {best.width} × {best.height} pixels, expected at most "
            f"{MAX_PIXELS:,} in all; scale it down"
        )
    return best


def is_decodable(stream: av.stream.Stream) -> bool:
    """Tell whether a decoder is there; PyAV leaves the context out where there is none."""
    return getattr(stream, "codec_context", None) is not None


def _pixels(stream: av.VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def sample_aspect(stream: av.VideoStream) -> float:
    """Width of a pixel by its height; 1 where it is unknown, absurd, or square but for rounding."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 0.25 <= aspect <= 4 and abs(aspect - 1) > 0.01 else 1.0


def stated_fps(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Mean rate that the stream states; None for a picture, or where it only tells how fine its clock is."""
    if container.format.name.endswith("_pipe"):
        return None
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return rate if 0 < rate <= _MAX_FPS else None


def stated_end_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Timestamp at which the file says that it ends, where it says so apart from the data themselves."""
    names = set(container.format.name.split(","))
    if "avi" in names and stream.average_rate and stream.frames:
        return float(stream.frames / stream.average_rate)
    if "mov" in names and stream.duration is not None and stream.time_base is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if names & {"mov", "matroska", "flv"} and container.duration:
        return ((container.start_time or 0) + container.duration) / av.time_base
    return None


def container_name(container: av.container.InputContainer, path: Path) -> str:
    """One of the names that FFmpeg gives the format: the one that the file bears, else the first."""
    names = container.format.name.split(",")
    suffix = path.suffix.lower().removeprefix(".")
    return suffix if suffix in names else names[0]
