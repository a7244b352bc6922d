from __future__ import annotations

import gc
import itertools
import os
import struct
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import (
    QUARTERS,
    Track,
    colour_at,
    corners,
    cut,
    noise,
    overwrite,
    packets_of,
    quarters,
    tone,
    video_frame,
    write_clip,
)

from liveness.errors import ConfigError, LivenessError, MediaError
from liveness.frames import Box, Frame, Pixels
from liveness.media import AUDIO_RATE, MediaFrame, Recording, is_picture, read_picture

UPRIGHT = ["red", "green", "blue", "white"]
PIXEL_FORMATS = (
    "yuv420p yuvj420p yuva420p nv12 nv21 yuv420p10le p010le yuv410p yuv411p",
    "yuv422p yuvj422p yuyv422 yuv422p10le yuv444p yuv444p12le",
    "gray gray10le gray16le ya8 rgb24 bgr24 bgra rgb565le gbrp gbrp10le rgb48le",
)


def times_of(path: Path) -> list[float]:
    with Recording(path) as recording:
        return [frame.time_s for frame in recording.frames()]


def first_of(path: Path, region: Box | None = None) -> MediaFrame:
    with Recording(path, region=region) as recording:
        return next(recording.frames())


def refusal(path: Path) -> str:
    """Return the message with which a file is refused, having checked that it is one plain line."""
    with pytest.raises(MediaError) as caught:
        Recording(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "Errno" not in message
    assert "Invalid data" not in message
    return message.removeprefix(f"{path}: ")


# Formats


@pytest.mark.parametrize(
    ("codec", "file", "name", "pix_fmt"),
    [
        ("libx264", "clip.mp4", "h264", "yuv420p"),
        ("libx264", "clip.mov", "h264", "yuv420p"),
        ("libx264", "clip.ts", "h264", "yuv420p"),
        ("libx265", "clip.mp4", "hevc", "yuv420p"),
        ("libx265", "clip.mkv", "hevc", "yuv420p10le"),
        ("libvpx", "clip.webm", "vp8", "yuv420p"),
        ("libvpx-vp9", "clip.webm", "vp9", "yuv420p"),
        ("libvpx-vp9", "clip.mkv", "vp9", "yuv444p"),
        ("libsvtav1", "clip.mp4", "av1", "yuv420p"),
        ("mpeg1video", "clip.mpg", "mpeg1video", "yuv420p"),
        ("mpeg2video", "clip.mpg", "mpeg2video", "yuv420p"),
        ("mpeg4", "clip.avi", "mpeg4", "yuv420p"),
        ("mjpeg", "clip.avi", "mjpeg", "yuvj420p"),
        ("mjpeg", "clip.avi", "mjpeg", "yuvj422p"),
        ("rawvideo", "clip.avi", "rawvideo", "yuyv422"),
        ("rawvideo", "clip.nut", "rawvideo", "nv12"),
        ("rawvideo", "clip.avi", "rawvideo", "bgr24"),
        ("ffv1", "clip.mkv", "ffv1", "yuv420p10le"),
        ("png", "clip.mov", "png", "rgb24"),
        ("gif", "clip.gif", "gif", "rgb8"),
    ],
)
def test_every_container_and_codec_gives_the_same_pictures_at_the_same_times(
    tmp_path: Path, codec: str, file: str, name: str, pix_fmt: str
) -> None:
    fps = 25 if codec.startswith("mpeg") else 10
    path = write_clip(tmp_path / file, Track(codec=codec, pix_fmt=pix_fmt, fps=fps))
    with Recording(path) as recording:
        assert recording.info.codec == name
        assert (recording.info.width, recording.info.height) == (160, 120)
        assert recording.info.fps == pytest.approx(fps)
        assert not recording.info.has_audio
        frames = list(recording.frames())
        assert recording.damaged is None
        assert 0 < recording.video_bytes <= path.stat().st_size
    assert [frame.index for frame in frames] == list(range(10))
    assert [frame.time_s for frame in frames] == pytest.approx([index / fps for index in range(10)], abs=0.001)
    for index, frame in enumerate(frames):
        assert corners(frame.rgb()) == UPRIGHT
        assert frame.rgb().shape == (120, 160, 3)
        assert frame.luma().shape == (120, 160)
        assert frame.rgb(max_width=80).shape == (60, 80, 3)
        error = np.abs(frame.rgb().astype(int) - quarters(index=index))
        assert np.median(error) <= (40 if codec == "gif" else 5)


@pytest.mark.parametrize(
    "pix_fmt",
    [name for names in PIXEL_FORMATS for name in names.split()],
)
def test_any_pixel_format_gives_the_same_luma_and_colours(pix_fmt: str) -> None:
    picture = quarters()
    frame = MediaFrame(video_frame(picture, pix_fmt), index=0, time_s=0.0)
    flat = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)
    full_range = pix_fmt.startswith(("gray", "ya", "rgb", "bgr", "gbr", "yuvj"))
    expected_luma = flat if full_range else 16 + flat * 219 / 255
    expected_rgb = np.repeat(flat[..., None], 3, axis=2) if pix_fmt.startswith(("gray", "ya")) else picture
    assert np.median(np.abs(frame.luma() - expected_luma)) <= 2
    assert np.median(np.abs(frame.rgb() - expected_rgb.astype(float))) <= (8 if pix_fmt == "rgb565le" else 5)
    assert np.array_equal(frame.crop_rgb(Box(31, 17, 90, 110)), frame.rgb()[17:110, 31:90])


def test_a_palette_is_resolved() -> None:
    indices = np.zeros((120, 160), dtype=np.uint8)
    indices[:60, 80:], indices[60:, :80], indices[60:, 80:] = 1, 2, 3
    palette = np.zeros((256, 4), dtype=np.uint8)
    palette[:4] = [(255, *colour) for colour in QUARTERS.values()]
    source = av.VideoFrame.from_ndarray((indices, palette), format="pal8")  # type: ignore[arg-type]
    frame = MediaFrame(source, index=0, time_s=0.0)
    assert corners(frame.rgb()) == UPRIGHT
    assert tuple(frame.rgb()[0, 0]) == QUARTERS["red"]


def test_pictures_stored_bottom_up_are_upright(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "picture.bmp"), quarters()[..., ::-1])
    frame = read_picture(tmp_path / "picture.bmp")
    assert np.array_equal(frame.rgb(), quarters())
    flipped = write_clip(tmp_path / "clip.avi", Track(codec="rawvideo", pix_fmt="bgr24"))
    assert corners(first_of(flipped).rgb()) == UPRIGHT


@pytest.mark.parametrize(("codec", "file", "pix_fmt"), [("libvpx", "c.webm", "yuv420p"), ("ffv1", "c.mkv", "yuv420p")])
def test_odd_sizes_keep_every_row_and_column(tmp_path: Path, codec: str, file: str, pix_fmt: str) -> None:
    frame = first_of(write_clip(tmp_path / file, Track(codec=codec, size=(427, 241), pix_fmt=pix_fmt, count=1)))
    assert frame.luma().shape == (241, 427)
    assert frame.rgb().shape == (241, 427, 3)
    assert frame.rgb(max_width=213).shape == (120, 213, 3)
    assert frame.rgb(max_width=1000).shape == (241, 427, 3)
    assert np.array_equal(frame.crop_rgb(Box(301, 133, 427, 241)), frame.rgb()[133:, 301:])
    error = np.abs(frame.rgb().astype(int) - quarters(427, 241))
    assert np.median(error[-1]) <= 5
    assert np.median(error[:, -1]) <= 5


# Colour


@pytest.mark.parametrize("matrix", ["ITU601", "ITU709"])
@pytest.mark.parametrize("value_range", ["MPEG", "JPEG"])
def test_colours_follow_the_matrix_and_range_that_the_stream_states(matrix: str, value_range: str) -> None:
    source = av.VideoFrame.from_ndarray(quarters(), format="rgb24").reformat(
        format="yuv420p", dst_colorspace=matrix, dst_color_range=value_range
    )
    frame = MediaFrame(source, index=0, time_s=0.0)
    for pixels in (frame.rgb(), frame.rgb(max_width=80), frame.crop_rgb(Box(0, 0, 160, 120))):
        step = pixels.shape[0]
        error = np.abs(pixels[:: step // 4].astype(int) - cv2.resize(quarters(), pixels.shape[1::-1])[:: step // 4])
        assert np.median(error) <= 3


def test_a_matrix_that_nobody_knows_is_read_as_unspecified() -> None:
    source = video_frame(quarters())
    source.colorspace = 3
    assert corners(MediaFrame(source, index=0, time_s=0.0).rgb()) == UPRIGHT


# Geometry


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_frames_come_out_upright_as_the_display_matrix_says(tmp_path: Path, degrees: int) -> None:
    path = write_clip(
        tmp_path / "phone.mp4",
        Track(codec="libx264", rotation=degrees, count=2, options={"qp": "1"}, draw=noise),
    )
    expected = np.rot90(noise(seed=0), degrees // 90)
    with Recording(path) as recording:
        assert (recording.info.height, recording.info.width) == expected.shape[:2]
        assert recording.info.rotation_deg == degrees
        frame = next(recording.frames())
    assert (frame.height, frame.width) == expected.shape[:2]
    gray = cv2.cvtColor(np.ascontiguousarray(expected), cv2.COLOR_RGB2GRAY)
    assert np.abs(frame.luma() - (16 + gray * (219 / 255))).mean() < 3
    soft = cv2.blur(frame.rgb().astype(np.float32), (8, 8)) - cv2.blur(expected.astype(np.float32), (8, 8))
    assert np.abs(soft).mean() < 6
    crop = frame.crop_rgb(Box(11, 21, 90, 100))
    assert np.array_equal(crop, frame.rgb()[21:100, 11:90])
    small = frame.rgb(max_width=frame.width // 2).astype(int)
    halved = cv2.resize(frame.rgb(), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small - halved).mean() < 6


def test_a_region_is_counted_in_the_upright_picture(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "phone.mp4", Track(rotation=90, size=(320, 240), count=1))
    whole, part = first_of(path), first_of(path, region=Box(101, 33, 201, 240))
    assert (part.width, part.height) == (100, 207)
    assert np.array_equal(part.luma(), whole.luma()[33:240, 101:201])
    assert np.array_equal(part.rgb(), whole.rgb()[33:240, 101:201])
    assert np.array_equal(part.crop_rgb(Box(5, 6, 50, 70)), whole.rgb()[39:103, 106:151])


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(4, 3), (213, 120)), (Fraction(1, 2), (160, 240))])
def test_pixels_that_are_not_square_are_made_square(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    path = write_clip(tmp_path / "tv.mp4", Track(sample_aspect=aspect, count=2))
    with Recording(path) as recording:
        assert (recording.info.width, recording.info.height) == size
        frame = next(recording.frames())
    assert frame.luma().shape == size[::-1]
    assert frame.rgb().shape == (*size[::-1], 3)
    assert corners(frame.rgb()) == UPRIGHT
    assert np.array_equal(frame.crop_rgb(Box(13, 7, 99, 97)), frame.rgb()[7:97, 13:99])


def test_an_absurd_pixel_aspect_is_ignored(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "odd.mp4", Track(sample_aspect=Fraction(100, 1), count=1))
    assert first_of(path).width == 160


@pytest.mark.parametrize(
    ("region", "kind", "said"),
    [
        (Box(0, 0, 63, 120), ConfigError, "at least 64 × 64"),
        (Box(50, 50, 40, 40), ConfigError, "at least 64 × 64"),
        (Box(-1, 0, 100, 100), ConfigError, "0 or more"),
        (Box(0, 0, float("nan"), 100), ConfigError, "0 or more"),
        (Box(100, 0, 200, 100), MediaError, "beyond the picture of 160 × 120"),
    ],
)
def test_a_region_that_no_frame_could_fill_is_refused(
    tmp_path: Path, region: Box, kind: type[LivenessError], said: str
) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    with pytest.raises(kind, match=said):
        Recording(path, region=region)


def test_a_region_may_lie_at_odd_places(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Track(draw=noise, count=1))
    whole = first_of(path)
    for left, top, width, height in ((1, 1, 65, 65), (2, 3, 101, 80), (95, 56, 65, 64), (0, 0, 160, 120)):
        part = first_of(path, region=Box(left, top, left + width, top + height))
        assert (part.width, part.height) == (width, height)
        assert np.array_equal(part.rgb(), whole.rgb()[top : top + height, left : left + width])
        assert np.array_equal(part.luma(), whole.luma()[top : top + height, left : left + width])
        assert part.rgb(max_width=32).shape == (round(height * 32 / width), 32, 3)


# Pixels by demand


def test_luma_is_a_view_that_outlives_frame_and_recording(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Track(draw=noise, count=20))
    with Recording(path) as recording:
        frames = recording.frames()
        luma = next(frames).luma()
        assert not luma.flags.owndata
        before = luma.copy()
        for frame in frames:
            frame.rgb()
    gc.collect()
    assert np.array_equal(luma, before)


def test_pixels_cannot_be_written() -> None:
    frame = MediaFrame(video_frame(noise()), index=0, time_s=0.0)
    for pixels in (frame.luma(), frame.rgb(), frame.rgb(max_width=50), frame.crop_rgb(Box(0, 0, 9, 9))):
        with pytest.raises(ValueError, match="read-only"):
            pixels[0, 0] = 0


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv444p", "rgb24"])
def test_what_is_asked_first_changes_nothing(pix_fmt: str) -> None:
    source = video_frame(noise(322, 242), pix_fmt)
    box = Box(33, 21, 138, 127)

    def ask(order: Sequence[str]) -> dict[str, bytes]:
        frame = MediaFrame(source, index=0, time_s=0.0)
        ways: dict[str, Callable[[], Pixels]] = {
            "luma": frame.luma,
            "rgb": frame.rgb,
            "small": lambda: frame.rgb(max_width=150),
            "crop": lambda: frame.crop_rgb(box),
        }
        return {name: ways[name]().tobytes() for name in order}

    answers = [ask(order) for order in itertools.permutations(("luma", "rgb", "small", "crop"))]
    assert all(answer == answers[0] for answer in answers)


def test_crops_equal_the_whole_to_the_last_bit() -> None:
    source, rng = video_frame(noise(426, 241)), np.random.default_rng(3)
    whole = MediaFrame(source, index=0, time_s=0.0).rgb()
    for _ in range(40):
        left, top = (int(value) for value in rng.integers(0, 200, 2))
        right, bottom = left + int(rng.integers(1, 220)), top + int(rng.integers(1, 41))
        crop = MediaFrame(source, index=0, time_s=0.0).crop_rgb(Box(left, top, right, bottom))
        assert np.array_equal(crop, whole[top:bottom, left:right])


def test_a_crop_is_rounded_clipped_and_may_be_empty() -> None:
    frame = MediaFrame(video_frame(noise()), index=0, time_s=0.0)
    assert frame.crop_rgb(Box(9.6, 9.4, 73.6, 73.4)).shape == (64, 64, 3)
    assert np.array_equal(frame.crop_rgb(Box(-50, -50, 20, 30)), frame.rgb()[:30, :20])
    assert frame.crop_rgb(Box(500, 500, 600, 600)).size == 0


def test_scaling_the_planes_gives_what_scaling_the_colours_gives() -> None:
    soft = np.asarray(cv2.GaussianBlur(noise(640, 360), (0, 0), 8), dtype=np.uint8)
    frame = MediaFrame(video_frame(soft), index=0, time_s=0.0)
    for width in (320, 213, 160, 500):
        small = frame.rgb(max_width=width)
        other = cv2.resize(frame.rgb(), (width, round(360 * width / 640)), interpolation=cv2.INTER_AREA)
        assert small.shape == other.shape
        assert np.abs(small.astype(int) - other).mean() < 4
        gray, other_gray = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(int) for pixels in (small, other))
        assert np.abs(gray - other_gray).mean() < 1


def test_a_live_frame_needs_no_recording() -> None:
    frame: Frame = MediaFrame(video_frame(quarters()), index=7, time_s=1.25, dropped=3)
    assert (frame.index, frame.time_s, frame.dropped, frame.audio) == (7, 1.25, 3, None)
    assert (frame.width, frame.height) == (160, 120)
    sound = np.zeros(160, dtype=np.float32)
    heard = MediaFrame(video_frame(quarters()), index=8, time_s=1.3, audio=sound)
    assert heard.audio is sound
    heard.dropped = 2
    assert heard.dropped == 2


# Time


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times_s = [0.0, 0.033, 0.4, 0.41, 1.5, 1.7]
    path = write_clip(tmp_path / "vfr.mkv", Track(codec="libvpx", fps=30, times_s=times_s))
    assert times_of(path) == pytest.approx(times_s, abs=0.001)


def test_media_time_counts_from_the_first_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.mkv", Track(codec="libvpx", times_s=[5.0, 5.1, 5.2]))
    assert times_of(path) == pytest.approx([0.0, 0.1, 0.2], abs=0.001)


def test_times_that_repeat_or_step_back_still_grow(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", Track(codec="libvpx", count=6))
    set_matroska_times(path, [0, 100, 100, 60, 400, 500])
    times_s = times_of(path)
    assert times_s == pytest.approx([0.0, 0.1, 0.101, 0.102, 0.4, 0.5], abs=1e-6)


def test_a_count_that_starts_anew_goes_on_where_the_old_one_stopped(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.ts", Track(count=20, options={"g": "5"}))
    path.write_bytes(path.read_bytes() * 2)
    assert times_of(path) == pytest.approx([index / 10 for index in range(40)], abs=0.001)


def test_a_wild_timestamp_far_beyond_the_end_is_not_believed(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", Track(codec="libvpx", count=6))
    set_matroska_times(path, [0, 100, 30_000, 300, 400, 500])
    assert times_of(path) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=0.001)


def test_a_stream_without_timestamps_runs_at_its_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.h264", Track(options={"bf": "2"}))
    assert times_of(path) == pytest.approx([index / 10 for index in range(10)], abs=0.001)


def test_avi_with_b_frames_runs_evenly_though_it_states_no_order(tmp_path: Path) -> None:
    track = Track(count=20, options={"preset": "fast", "bf": "2", "b_strategy": "0"})
    path = write_clip(tmp_path / "clip.avi", track)
    assert times_of(path) == pytest.approx([index / 10 for index in range(20)], abs=0.001)


def set_matroska_times(path: Path, times_ms: Sequence[int]) -> None:
    """Write other times (within one cluster) into the blocks of a Matroska file."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for content, time_ms in zip(packets, times_ms, strict=True):
        at = data.index(content)
        data[at - 3 : at - 1] = struct.pack(">h", time_ms)
    path.write_bytes(data)


# Streams


def test_the_default_then_the_largest_stream_is_read(tmp_path: Path) -> None:
    small, large = Track(size=(96, 64)), Track(size=(320, 240))
    assert first_of(write_clip(tmp_path / "size.mkv", small, large)).width == 320
    other = Track(size=(320, 240), default=False)
    assert (
        first_of(write_clip(tmp_path / "default.mkv", small, other, muxing={"default_mode": "passthrough"})).width == 96
    )


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    cover = Track(codec="mjpeg", pix_fmt="yuvj420p", size=(640, 480), count=1, cover=True)
    assert first_of(write_clip(tmp_path / "clip.mp4", Track(), cover)).width == 160
    song = write_clip(tmp_path / "song.mp4", cover, sound=tone(0.2))
    assert "found sound only" in refusal(song)


def test_a_change_of_resolution_shows_in_the_frames_and_scales_the_region(tmp_path: Path) -> None:
    path = tmp_path / "call.ts"
    write_clip(path, Track(size=(320, 240), count=5))
    write_clip(tmp_path / "more.ts", Track(size=(160, 120), count=5))
    path.write_bytes(path.read_bytes() + (tmp_path / "more.ts").read_bytes())
    with Recording(path) as recording:
        widths = [(frame.width, frame.rgb().shape[1]) for frame in recording.frames()]
    assert widths == [(320, 320)] * 5 + [(160, 160)] * 5
    with Recording(path, region=Box(160, 0, 320, 100)) as recording:
        parts = [(frame.width, frame.height, colour_at(frame.rgb(), 0.5, 0.5)) for frame in recording.frames()]
    assert parts == [(160, 100, "green")] * 5 + [(80, 50, "green")] * 5


def test_decoding_on_two_threads_gives_the_same(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Track(draw=noise, count=15, options={"preset": "fast", "bf": "2"}))

    def everything(threads: int) -> list[tuple[float, bytes]]:
        with Recording(path, threads=threads) as recording:
            return [(frame.time_s, frame.rgb().tobytes()) for frame in recording.frames()]

    assert everything(1) == everything(2)


@pytest.mark.parametrize("rotation", [0, 90])
def test_frames_are_decoded_one_by_one_and_not_kept(tmp_path: Path, rotation: int) -> None:
    path = write_clip(tmp_path / "clip.mp4", Track(draw=noise, count=40, rotation=rotation))
    alive: weakref.WeakSet[MediaFrame] = weakref.WeakSet()
    gc.collect()
    gc.disable()
    before = sum(isinstance(kept, av.VideoFrame) for kept in gc.get_objects())
    try:
        with Recording(path) as recording:
            frames = recording.frames()
            alive.add(next(frames))
            assert recording.video_bytes < path.stat().st_size / 4
            most = 0
            for frame in frames:
                frame.rgb(max_width=80)
                alive.add(frame)
                most = max(most, len(alive))
            assert recording.video_bytes > path.stat().st_size / 2
        decoded = sum(isinstance(kept, av.VideoFrame) for kept in gc.get_objects())
    finally:
        gc.enable()
    assert most <= 2
    assert decoded - before <= 5


def test_a_recording_gives_its_memory_back_without_the_garbage_collector(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "talk.mp4", Track(count=20), sound=tone(2.0))

    def read_some(count: int) -> weakref.ref[Recording]:
        with Recording(path) as recording:
            for frame in recording.frames(audio=True):
                assert frame.audio is not None
                if frame.index == count:
                    break
        return weakref.ref(recording)

    gc.disable()
    try:
        assert read_some(3)() is None
        assert read_some(100)() is None
    finally:
        gc.enable()


def test_a_recording_is_read_once(tmp_path: Path) -> None:
    with Recording(write_clip(tmp_path / "clip.mp4")) as recording:
        assert len(list(recording.frames())) == 10
        with pytest.raises(MediaError, match="read once"):
            next(recording.frames())


def test_closing_on_the_way_ends_the_frames_quietly(tmp_path: Path) -> None:
    recording = Recording(write_clip(tmp_path / "clip.mp4", Track(count=30)))
    frames = recording.frames()
    first = next(frames)
    recording.close()
    assert len(list(frames)) <= 1
    assert recording.damaged is None
    assert corners(first.rgb()) == UPRIGHT


# Sound


def test_sound_comes_with_the_frame_it_was_heard_at(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "talk.mp4", Track(count=20), sound=tone(2.0, from_s=1.0))
    with Recording(path) as recording:
        assert recording.info.has_audio
        heard = [(frame.time_s, frame.audio) for frame in recording.frames(audio=True)]
    for time_s, sound in heard:
        assert sound is not None
        assert sound.dtype == np.float32
        assert sound.size == (0 if time_s == 0 else AUDIO_RATE // 10)
        if sound.size:
            assert float(np.abs(sound).max()) == pytest.approx(0.5 if time_s > 1.01 else 0.0, abs=0.1)


def test_sound_covers_all_since_the_last_frame_that_was_asked(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "talk.webm", Track(codec="libvpx", count=20), sound=tone(2.0), sound_codec="libopus")
    with Recording(path) as recording:
        sizes = []
        for frame in recording.frames(audio=True):
            if frame.index % 5 == 0:
                sound = frame.audio
                assert sound is frame.audio
                sizes.append(sound.size if sound is not None else -1)
    assert sizes == [0, 8000, 8000, 8000]


def test_sound_that_starts_late_follows_silence(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.mkv", Track(count=20), sound=tone(1.0), sound_start_s=0.5)
    with Recording(path) as recording:
        parts = [frame.audio for frame in recording.frames(audio=True)]
    sound = np.concatenate([part for part in parts if part is not None])
    loud = np.flatnonzero(np.abs(sound) > 0.1) / AUDIO_RATE
    assert loud[0] == pytest.approx(0.5, abs=0.05)
    assert loud[-1] == pytest.approx(1.5, abs=0.05)


def test_no_more_than_ten_seconds_of_sound_are_held(tmp_path: Path) -> None:
    track = Track(codec="libvpx", times_s=[0.0, 0.1, 15.0])
    path = write_clip(tmp_path / "long.mkv", track, sound=tone(16.0))
    with Recording(path) as recording:
        *_, last = recording.frames(audio=True)
        sound = last.audio
    assert sound is not None
    assert sound.size / AUDIO_RATE == pytest.approx(10.0, abs=0.1)


def test_without_sound_or_unless_wished_there_is_none(tmp_path: Path) -> None:
    with Recording(write_clip(tmp_path / "mute.mp4")) as recording:
        assert all(frame.audio is None for frame in recording.frames(audio=True))
    with Recording(write_clip(tmp_path / "talk.mp4", Track(), sound=tone(1.0))) as recording:
        assert all(frame.audio is None for frame in recording.frames())


# What cannot be read, and what can in part


def test_what_is_no_file_is_refused_in_plain_words(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.mp4").startswith("there is no such file")
    assert "got a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "got a device or pipe" in refusal(tmp_path / "pipe.mp4")


def test_files_without_video_are_refused_in_plain_words(tmp_path: Path) -> None:
    for name, content, said in (
        ("empty.mp4", b"", "the file is empty"),
        ("text.mp4", b"Dear interviewer,\nplease see the attachment.\n" * 20, "got plain text"),
        ("noise.webm", np.random.default_rng(0).bytes(5000), "its content is not one that can be read"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert said in refusal(path)
    assert "found sound only" in refusal(write_clip(tmp_path / "voice.m4a", sound=tone(0.3)))


def test_a_list_that_refers_to_other_files_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "secret.ts", Track())
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile secret.ts\n")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nsecret.ts\n#EXT-X-ENDLIST\n")
    assert "got plain text" in refusal(tmp_path / "list.mp4")
    assert "got plain text" in refusal(tmp_path / "list.m3u8")


def test_an_mp4_without_its_index_is_called_incomplete(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "crash.mp4", Track(draw=noise))
    cut(path, 0.6)
    assert refusal(path).startswith("the MP4 or MOV file is incomplete")


def test_video_of_which_nothing_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Track(codec="libvpx-vp9", draw=noise))
    overwrite(path, packets_of(path))
    assert refusal(path).startswith("no picture could be decoded")


def test_video_that_no_decoder_knows_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "exotic.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    assert refusal(path).startswith("its video is coded in a way that cannot be decoded here")


def test_a_picture_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.bmp"
    cv2.imwrite(str(path), quarters())
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    path.write_bytes(data)
    assert refusal(path).startswith("no picture could be decoded")


def test_a_name_that_looks_like_an_address_or_a_pattern_is_still_a_name(tmp_path: Path) -> None:
    for name in ("http:talk.mp4", "clip%03d.mp4", "weiß – ü.mp4", "-i.mp4"):
        write_clip(tmp_path / "clip.mp4", Track(count=2)).rename(tmp_path / name)
        assert len(times_of(tmp_path / name)) == 2


@pytest.mark.parametrize(
    ("codec", "file"),
    [
        ("libx264", "c.mp4"),
        ("libx265", "c.mp4"),
        ("libvpx", "c.mp4"),
        ("libsvtav1", "c.mp4"),
        ("mpeg1video", "c.mpg"),
    ],
)
def test_damage_in_the_middle_is_passed_over_and_told(tmp_path: Path, codec: str, file: str) -> None:
    codec = "libvpx-vp9" if codec == "libvpx" else codec
    track = Track(codec=codec, fps=25, count=50, draw=noise, options={"g": "10"})
    path = write_clip(tmp_path / file, track)
    packets = packets_of(path)
    overwrite(path, packets[24:27])
    with Recording(path) as recording:
        times_s = [frame.time_s for frame in recording.frames()]
        assert 25 <= len(times_s) <= 50
        assert times_s[-1] > 1.8
        assert recording.damaged_parts > 0
        assert recording.damaged is not None
        assert "the video damaged, the first at " in recording.damaged
        assert 0.7 <= float(recording.damaged.split("first at ")[1].split(" s")[0]) <= 1.2


@pytest.mark.parametrize(
    ("codec", "file", "muxing"),
    [
        ("libx264", "c.mp4", {"movflags": "faststart"}),
        ("libx265", "c.mov", {"movflags": "faststart"}),
        ("libvpx", "c.webm", {}),
        ("libx264", "c.mkv", {}),
        ("mjpeg", "c.avi", {}),
    ],
)
def test_a_recording_cut_short_is_read_to_its_end_and_told(
    tmp_path: Path, codec: str, file: str, muxing: dict[str, str]
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    track = Track(codec=codec, pix_fmt=pix_fmt, count=40, draw=noise, options={"g": "5"})
    path = write_clip(tmp_path / file, track, muxing=muxing)
    cut(path, 0.5)
    with Recording(path) as recording:
        assert recording.damaged is None or "ends" not in recording.damaged
        times_s = [frame.time_s for frame in recording.frames()]
        damaged = recording.damaged
    assert 10 <= len(times_s) <= 30
    assert damaged is not None
    assert "the file states 4.0 s, but its data end at " in damaged
    assert float(damaged.split("end at ")[1].split(" s")[0]) == pytest.approx(times_s[-1], abs=0.4)


def test_whole_recordings_are_not_called_damaged(tmp_path: Path) -> None:
    for name, muxing in (
        ("a.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("b.mkv", {"live": "1"}),
        ("c.flv", {}),
        ("d.ts", {}),
    ):
        path = write_clip(tmp_path / name, Track(count=20), sound=tone(3.0), muxing=muxing)
        with Recording(path) as recording:
            assert len(list(recording.frames())) == 20
            assert recording.damaged is None


def test_nothing_is_printed_even_where_ffmpeg_has_its_own_log_back(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Track(draw=noise, count=20))
    overwrite(path, packets_of(path)[5:9])
    program = f"""
        import av.logging
        from pathlib import Path
        from liveness.media import Recording
        av.logging.restore_default_callback()
        with Recording(Path({str(path)!r})) as recording:
            print(len(list(recording.frames())), recording.damaged is not None)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.endswith("True\n")


# Pictures


@pytest.mark.parametrize("name", ["a.jpg", "b.JPEG", "c.png", "d.bmp", "e.webp", "f.tiff"])
def test_a_picture_is_one_frame(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    cv2.imwrite(str(path), quarters()[..., ::-1])
    assert is_picture(path)
    frame = read_picture(path)
    assert (frame.index, frame.time_s, frame.width, frame.height) == (0, 0.0, 160, 120)
    assert corners(frame.rgb()) == UPRIGHT
    assert np.median(np.abs(frame.rgb().astype(int) - quarters())) <= 5
    with Recording(path) as recording:
        assert recording.info.duration_s is None
        assert recording.info.fps is None
        assert len(list(recording.frames())) == 1


def test_recordings_are_no_pictures() -> None:
    assert not any(is_picture(Path(name)) for name in ("a.mp4", "b.gif", "c", "d.mjpeg", "jpg"))


@pytest.mark.parametrize(("orientation", "degrees"), [(1, 0), (3, 180), (6, 270), (8, 90)])
def test_a_picture_is_turned_as_exif_says(tmp_path: Path, orientation: int, degrees: int) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(with_exif_orientation(cv2.imencode(".jpg", quarters()[..., ::-1])[1].tobytes(), orientation))
    frame = read_picture(path)
    assert corners(frame.rgb()) == corners(np.rot90(quarters(), degrees // 90))


def with_exif_orientation(jpeg: bytes, orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_a_picture_may_be_cropped_and_broken(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), quarters()[..., ::-1])
    assert read_picture(path, region=Box(80, 0, 160, 64)).rgb().shape == (64, 80, 3)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(MediaError):
        read_picture(path)
