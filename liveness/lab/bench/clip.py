"""What the senders send: a recording, once encoded to VP8 as a browser sends it, and held in memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from liveness.errors import ConfigError, MediaError
from liveness.frames import Pixels
from liveness.lab.attacks.call import two_layers
from liveness.media import Recording

WIDTH, HEIGHT, FPS = 1280, 720, 30
KBIT_S = 2500
LAYERS = 2
"""Temporal layers, as the SDK asks a browser for them: every other picture is one that the others do without."""
_LAYERS_TOLD = "COMMENT"
"""The field of the file that has their number, as WebM spells it."""
_KEYFRAME_EVERY = 76
_SECONDS = 60
_LONGEST_SOURCE_S = 20.0
_GREY = 96
_RECIPE = 2
"""Goes into the name of what is kept; to be raised whenever the encoding changes."""


@dataclass(frozen=True, slots=True)
class EncodedClip:
    """Encoded pictures in their order, :data:`FPS` a second; the first one is a key frame."""

    packets: tuple[bytes, ...]
    keyframes: tuple[int, ...]
    """Indices of the packets that need no other."""
    width: int
    height: int
    layers: int
    """Temporal layers, 1 or 2."""

    @property
    def seconds(self) -> float:
        """Length of one round."""
        return len(self.packets) / FPS

    @property
    def kbit_s(self) -> float:
        """Mean rate of the video alone."""
        return sum(map(len, self.packets)) * 8 / 1000 / self.seconds

    def layer_of(self, index: int) -> int:
        """Return the temporal layer of a packet, 0 being the lowest."""
        return index % self.layers

    def keyframe_after(self, index: int) -> int:
        """Return the index of the first key frame at or after a packet, going round at the end."""
        return next((key for key in self.keyframes if key >= index), self.keyframes[0])


def prepare_clip(
    source: Path | None,
    *,
    folder: Path | None = None,
    seconds: int = _SECONDS,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    layers: int = LAYERS,
) -> Path:
    """Encode a recording, or a drawn scene if there is none, unless that was done before; returns the file.

    A recording that is shorter than ``seconds`` runs to and fro, so that no cut shows. It fills the picture as far as
    its shape allows; the rest is grey.

    Parameters
    ----------
    layers
        Temporal layers, 1 or 2.
    folder
        Where encoded clips are kept; a folder of the user's own among the temporary files if not given. What lies there
        shows the person of the recording: nobody else can read it.

    Raises
    ------
    MediaError
        The recording cannot be read.
    """
    folder = folder or _own_folder()
    name = f"{_name(source)}-{size[0]}x{size[1]}-{seconds}s-{layers}l-{_RECIPE}.webm"
    target = folder / name
    if not target.exists():
        pictures = _drawn(size) if source is None else _recorded(source, size)
        part = target.with_suffix(f".{os.getpid()}.part")
        try:
            _encode(part, pictures, seconds * FPS, size, layers)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target


def read_clip(path: Path) -> EncodedClip:
    """Read an encoded clip into memory, without decoding it.

    Raises
    ------
    MediaError
        It is none that :func:`prepare_clip` makes.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            packets = [packet for packet in container.demux(stream) if packet.size]
            clip = EncodedClip(
                tuple(bytes(packet) for packet in packets),
                tuple(index for index, packet in enumerate(packets) if packet.is_keyframe),
                stream.width,
                stream.height,
                2 if container.metadata.get(_LAYERS_TOLD) == _layers_told(2) else 1,
            )
            codec = stream.codec_context.name
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise MediaError(f"{path}: expected an encoded clip of the bench; delete it, it is made anew") from error
    layered = all(clip.layer_of(key) == 0 for key in clip.keyframes) and len(clip.packets) % clip.layers == 0
    if codec not in ("vp8", "libvpx") or not clip.keyframes or clip.keyframes[0] != 0 or not layered:
        raise MediaError(f"{path}: expected VP8 that begins with a key frame, got {codec}; delete it, it is made anew")
    return clip


def _layers_told(layers: int) -> str:
    return f"VP8 in {layers} temporal layers" if layers > 1 else "VP8 without layers"


def _own_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"liveness-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink():
        raise ConfigError(
            f"{folder}: expected a folder that only you can read; remove it, or set TMPDIR to another place"
        )
    return folder


def _name(source: Path | None) -> str:
    if source is None:
        return "drawn"
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise MediaError(f"{source}: cannot be read: {error.strerror}; name a recording") from error


def _recorded(source: Path, size: tuple[int, int]) -> Sequence[bytes]:
    """Return the recording's pictures at :data:`FPS`, as JPEG: raw ones would take a megabyte and more each."""
    kept: list[bytes] = []
    with Recording(source) as recording:
        picture: bytes | None = None
        for frame in recording.frames():
            due = min(round(frame.time_s * FPS), round(_LONGEST_SOURCE_S * FPS))
            if picture is not None:
                kept.extend([picture] * (due - len(kept)))
            if len(kept) >= _LONGEST_SOURCE_S * FPS:
                break
            picture = _jpeg(_fitted(frame.rgb(), size))
        else:
            kept.extend([picture] if picture is not None else [])
    if not kept:
        raise MediaError(f"{source}: expected a video, found no picture in it")
    return kept


def _fitted(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale a picture to fit, and lay it in the middle of a grey one."""
    width, height = size
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    inner = (min(round(rgb.shape[1] * scale), width), min(round(rgb.shape[0] * scale), height))
    canvas = np.full((height, width, 3), _GREY, dtype=np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA)
    return canvas


def _drawn(size: tuple[int, int]) -> Sequence[bytes]:
    """Return four seconds of a scene in which something moves before a background with texture; it has no face."""
    width, height = size
    rng = np.random.default_rng(1)
    coarse = rng.integers(60, 180, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    background = cv2.GaussianBlur(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), (0, 0), 3)
    pictures = []
    for index in range(4 * FPS):
        picture = background.copy()
        angle = 2 * np.pi * index / (4 * FPS)
        centre = (round(width * (0.5 + 0.1 * np.sin(angle))), round(height * (0.5 + 0.05 * np.cos(2 * angle))))
        cv2.ellipse(picture, centre, (height // 5, height // 4), 8 * np.sin(angle), 0, 360, (196, 152, 128), -1)
        noise = rng.integers(-6, 7, (height // 2, width // 2, 1), dtype=np.int16).repeat(2, axis=0).repeat(2, axis=1)
        noise = np.pad(noise, ((0, height - noise.shape[0]), (0, width - noise.shape[1]), (0, 0)))
        pictures.append(_jpeg(np.clip(picture + noise, 0, 255).astype(np.uint8)))
    return pictures


def _jpeg(rgb: Pixels) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return data.tobytes()


def _to_and_fro(count: int, length: int) -> Iterator[int]:
    """Yield ``count`` indices that run through ``length`` items to the end, back, and so on."""
    period = max(2 * length - 2, 1)
    for index in range(count):
        at = index % period
        yield at if at < length else period - at


def _encode(target: Path, pictures: Sequence[bytes], count: int, size: tuple[int, int], layers: int) -> None:
    """Encode as a browser does in a call: one pass, at once, at a constant rate."""
    options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "minrate": f"{KBIT_S}k",
        "maxrate": f"{KBIT_S}k",
        "bufsize": f"{KBIT_S}k",
        "qmin": "2",
        "qmax": "56",
        "g": str(_KEYFRAME_EVERY),
    }
    if layers > 1:
        options |= {"error-resilient": "1", "ts-parameters": two_layers(KBIT_S)}
    with av.open(str(target), "w", format="webm") as container:
        container.metadata[_LAYERS_TOLD] = _layers_told(layers)
        stream = container.add_stream("libvpx", rate=FPS, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = KBIT_S * 1000
        stream.codec_context.time_base = Fraction(1, FPS)
        for index, at in enumerate(_to_and_fro(count, len(pictures))):
            bgr = cv2.imdecode(np.frombuffer(pictures[at], dtype=np.uint8), cv2.IMREAD_COLOR)
            frame = av.VideoFrame.from_ndarray(np.asarray(bgr, dtype=np.uint8), format="bgr24").reformat(
                format="yuv420p"
            )
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
