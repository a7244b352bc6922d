"""Attack clips made from a bona fide one: they play, they are the same again, and they are what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from clips import Track, write_clip
from people import photograph

from liveness.errors import ConfigError, MediaError
from liveness.frames import Pixels
from liveness.lab.attacks import (
    LONGEST_SOURCE_S,
    MAKERS,
    Source,
    loop,
    make_attack,
    printed,
    prints,
    read_source,
    screens,
    still,
)
from liveness.lab.attacks.rates import Conversion, converted
from liveness.media import Recording

FPS, COUNT, SIZE = 20, 50, (192, 160)
TO_FILES = ("still", "loop", "recording", "recording_frame_rate", "print", "screen", "call")
"""One of each way to make a clip; all kinds that are filmed are looked at in test_attacks_filmed.py."""


@pytest.fixture(autouse=True)
def small_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (screens, prints):
        monkeypatch.setattr(module, "SIZES", ((192, 144), (256, 144)))


def person(width: int, height: int, index: int) -> Pixels:
    """Return a photograph of a person that drifts and sways; no two of 50 pictures are alike."""
    left, top = 40 + 2 * index, 20 + round(12 * np.sin(index / 6))
    photograph = np.asarray(skimage.data.astronaut(), dtype=np.uint8)  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(photograph[top : top + height, left : left + width])


@pytest.fixture(scope="module")
def bona_fide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bona fide") / "person.mp4"
    return write_clip(path, Track(size=SIZE, fps=FPS, count=COUNT, draw=person))


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(float(FPS), tuple(person(*SIZE, index) for index in range(COUNT)))


def play(path: Path) -> tuple[list[Pixels], list[float]]:
    """Decode a clip as a review does; return its pictures and times."""
    with Recording(path) as recording:
        frames = [(frame.rgb(), frame.time_s) for frame in recording.frames()]
        assert recording.damaged is None
    return [picture for picture, _ in frames], [time_s for _, time_s in frames]


def generators(count: int = 24) -> list[np.random.Generator]:
    """Return enough generators that every variant of an attack is drawn."""
    return [np.random.default_rng([5, seed]) for seed in range(count)]


def period(pictures: list[Pixels]) -> int | None:
    """Return after how many pictures a sequence comes back, bit by bit, to its end."""
    for length in range(2, len(pictures) // 2 + 1):
        if all(np.array_equal(one, other) for one, other in zip(pictures, pictures[length:], strict=False)):
            return length
    return None


@pytest.mark.parametrize("kind", TO_FILES)
def test_every_kind_gives_a_clip_that_plays(kind: str, bona_fide: Path, tmp_path: Path) -> None:
    target = tmp_path / f"{kind}.mp4"
    make_attack(kind, bona_fide, target, seed=3)

    pictures, times_s = play(target)

    expected_s = {"still": (5, 15), "loop": (10, 10.1), "print": (8, 12)}
    shortest, longest = expected_s.get(kind.partition("_")[0], (2.5, 2.5))
    assert shortest - 0.1 <= times_s[-1] + 1 / FPS <= longest + 0.1
    assert np.allclose(np.diff(times_s), 1 / FPS, atol=0.002)
    assert all(picture.shape == pictures[0].shape and picture.std() > 10 for picture in pictures)


@pytest.mark.parametrize("kind", TO_FILES)
def test_one_seed_makes_one_clip_and_another_seed_another(kind: str, bona_fide: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.mp4", "again.mp4", "other.mp4")]
    for path, seed in zip(paths, (7, 7, 8), strict=True):
        make_attack(kind, bona_fide, path, seed=seed)
    one, again, other = (play(path)[0] for path in paths)

    assert len(one) == len(again)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert len(one) != len(other) or any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_loop_comes_back_again_and_again(source: Source) -> None:
    periods = []
    for rng in generators():
        pictures = list(loop(source, rng))
        assert len(pictures) >= 10 * FPS
        periods.append(period(pictures))

    clean = [length for length in periods if length is not None]
    assert 0 < len(clean) < len(periods), "a third of the loops have no noise, and only those come back bit by bit"
    assert all(1.2 * FPS / 2 <= length <= 2 * COUNT for length in clean)


def test_a_loop_also_comes_back_in_the_file(bona_fide: Path, tmp_path: Path) -> None:
    target = tmp_path / "loop.mp4"
    make_attack("loop", bona_fide, target, seed=1)
    small = np.array([picture[::4, ::4].astype(float) for picture in play(target)[0]])

    distances = [float(np.abs(small[lag:] - small[:-lag]).mean()) for lag in range(1, len(small) // 2)]

    assert min(distances[FPS // 2 :]) < 0.2 * max(distances)


def test_a_still_shows_one_picture_that_at_most_drifts(source: Source) -> None:
    spread = []
    for rng in generators(12):
        pictures = list(still(source, rng))
        assert 5 * FPS <= len(pictures) <= 15 * FPS
        spread.append(float(np.abs(pictures[0].astype(int) - pictures[-1].astype(int)).mean()))

    assert min(spread) == 0
    assert max(spread) > 0


def test_a_still_shows_somebody_though_the_clip_mostly_shows_nobody() -> None:
    nobody = np.full((384, 384, 3), 90, dtype=np.uint8)
    mostly_empty = Source(float(FPS), (*[nobody] * 3, photograph()))
    for rng in generators(6):
        shown = next(still(mostly_empty, rng))
        assert shown.std() > 30


def clock(fps: float, seconds: float) -> Source:
    """Return a clip on which every picture is as bright as its number says."""
    return Source(fps, tuple(np.full((32, 32, 3), 4 * at, dtype=np.uint8) for at in range(round(fps * seconds))))


def brightness(pictures: Iterator[Pixels]) -> list[int]:
    return [int(picture[0, 0, 0]) for picture in pictures]


def test_a_recording_of_a_lower_rate_repeats_pictures_in_a_rhythm() -> None:
    seen = brightness(converted(clock(30, 1), Conversion(24.0, blends=False, phase=0.1)))

    repeats = [at for at in range(1, len(seen)) if seen[at] == seen[at - 1]]
    assert len(seen) == 30
    assert np.unique(np.diff(repeats)).tolist() == [5], "24 pictures on 30 places: every fifth comes twice"
    assert np.all(np.diff(seen) >= 0)


def test_a_blended_recording_has_mixtures_and_no_repeats() -> None:
    seen = brightness(converted(clock(30, 1), Conversion(24.0, blends=True, phase=0.1)))

    assert any(level % 4 for level in seen)
    assert all(np.diff(seen[1:-2]) > 0)


@pytest.mark.parametrize("fps", [10.0, 12.0, 15.0, 24.0, 25.0, 30.0])
def test_a_converted_recording_is_never_the_clip_itself(fps: float) -> None:
    levels = np.random.default_rng(8).integers(0, 255, round(2 * fps))
    pictures = Source(fps, tuple(np.full((32, 32, 3), level, dtype=np.uint8) for level in levels))
    for rng in generators():
        drawn = Conversion.drawn(rng, fps)
        assert drawn.rate_hz != fps
        assert brightness(converted(pictures, drawn)) != brightness(iter(pictures.pictures))


def test_a_print_has_fewer_tones_than_its_source(source: Source) -> None:
    pictures = list(printed(source, np.random.default_rng(1)))

    assert np.ptp(np.percentile(pictures[0], (1, 99))) < np.ptp(np.percentile(source.pictures[0], (1, 99)))


def test_a_long_source_is_read_only_as_far_as_it_is_held_in_memory(tmp_path: Path) -> None:
    long = write_clip(tmp_path / "long.mp4", Track(size=(64, 48), fps=5, count=110))

    assert read_source(long).duration_s == pytest.approx(LONGEST_SOURCE_S, abs=0.3)


def test_a_source_of_odd_size_is_trimmed_so_that_it_can_be_encoded(tmp_path: Path) -> None:
    odd = write_clip(tmp_path / "odd.mkv", Track(codec="libvpx", size=(161, 121), fps=10, count=12))
    target = tmp_path / "recording.mp4"

    make_attack("recording", odd, target)

    assert play(target)[0][0].shape == (120, 160, 3)


@pytest.mark.parametrize("content", [b"", b"this is no video at all"])
def test_a_source_that_cannot_be_read_leaves_nothing_behind(content: bytes, tmp_path: Path) -> None:
    broken, target = tmp_path / "broken.mp4", tmp_path / "attack.mp4"
    broken.write_bytes(content)

    with pytest.raises(MediaError):
        make_attack("still", broken, target)

    assert list(tmp_path.iterdir()) == [broken]


def test_an_attack_that_fails_halfway_leaves_nothing_behind(
    bona_fide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(source: Source, rng: np.random.Generator) -> Iterator[Pixels]:
        yield from source.pictures[:10]
        raise MemoryError

    monkeypatch.setitem(MAKERS, "recording", breaking)

    with pytest.raises(MemoryError):
        make_attack("recording", bona_fide, tmp_path / "attack.mp4")

    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_names_those_that_there_are(bona_fide: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hologram") as caught:
        make_attack("hologram", bona_fide, tmp_path / "attack.mp4")

    assert all(kind in str(caught.value) for kind in MAKERS)
    assert not list(tmp_path.iterdir())
