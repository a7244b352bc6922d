"""Screens and prints filmed in the lab look like what they are; a call takes what a call takes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from liveness.frames import Floats, Pixels
from liveness.lab.attacks import MAKERS, Source
from liveness.lab.attacks.call import Call, through
from liveness.lab.attacks.camera import Camera, steps
from liveness.lab.attacks.prints import Print
from liveness.lab.attacks.screens import DEVICES, Screen
from liveness.verdict import species_of

CAMERA = (320, 240)


@pytest.fixture(scope="module")
def source() -> Source:
    """A person who drifts to the right."""
    photograph = np.asarray(skimage.data.astronaut(), dtype=np.uint8)  # type: ignore[no-untyped-call]
    return Source(25.0, tuple(np.ascontiguousarray(photograph[:320, 60 + at : 380 + at]) for at in range(12)))


def first_of(kind: str, source: Source, seed: int, count: int = 1) -> list[Pixels]:
    return list(itertools.islice(MAKERS[kind](source, np.random.default_rng([seed, *kind.encode()])), count))


def camera(seed: int = 0) -> Camera:
    return Camera.drawn(np.random.default_rng(seed), CAMERA)


def plane() -> tuple[Floats, Floats]:
    """Every pixel of the camera looks at one pixel of what is filmed."""
    rows, columns = np.mgrid[: CAMERA[1], : CAMERA[0]].astype(np.float32)
    return columns, rows


@pytest.mark.parametrize("kind", [name for name in MAKERS if name.startswith(("screen", "print"))])
def test_what_is_filmed_is_labelled_reproducible_and_of_one_size(kind: str, source: Source) -> None:
    one, again, other = (first_of(kind, source, seed, 3) for seed in (1, 1, 2))

    species = species_of(f"sim_{kind}")
    assert species is not None
    assert species.family == "presentation"
    assert species.name == kind.partition("_")[0]
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert len({picture.shape for picture in one}) == 1
    assert all(side % 2 == 0 for side in one[0].shape[:2])


def test_stripes_that_the_lens_resolves_leave_a_peak_off_the_grid_of_codecs() -> None:
    screen = replace(Screen.drawn(np.random.default_rng(3), DEVICES["laptop"], CAMERA), diamond=False)
    sharp = replace(camera(), blur_px=0.45)
    x, y = plane()

    pattern = screen.pattern(x, y, np.eye(2, dtype=np.float32), 0.37, sharp)

    assert pattern is not None
    spectrum = np.abs(np.fft.rfft(pattern.mean(axis=0) - pattern.mean()))
    cycles = np.argmax(spectrum) / CAMERA[0]
    assert min(abs(cycles - alias) for alias in (0.37, 0.13, 0.26)) < 0.01, "the stripes, or their beat with the mosaic"
    assert min(abs(cycles * 8 - whole) for whole in range(5)) > 0.03, "no multiple of 1/8"


def test_a_screen_whose_pixels_are_far_finer_than_the_cameras_shows_no_stripes() -> None:
    screen = replace(Screen.drawn(np.random.default_rng(3), DEVICES["dense"], CAMERA), diamond=False)
    x, y = plane()

    assert screen.pattern(x, y, np.eye(2, dtype=np.float32), 3.7, camera()) is None


def test_a_turned_screen_is_seen_in_perspective() -> None:
    matrix = np.array([[1.0, 0.1, 5.0], [0.0, 0.9, 3.0], [0.001, 0.0, 1.0]])

    near, far = steps(matrix, (20.0, 100.0)), steps(matrix, (250.0, 100.0))

    assert np.linalg.det(far) > 1.1 * np.linalg.det(near), "a pixel far away spans more of the screen"


def test_a_bent_print_keeps_its_middle_and_turns_its_sides_away() -> None:
    drawn = Print.drawn(np.random.default_rng(1), bent=True, eye_holes=False)
    x, y = plane()

    bent_x, _, facing = drawn.bent_coordinates(x, y, CAMERA)

    middle, side = CAMERA[0] // 2, 10
    assert bent_x[100, middle] == pytest.approx(middle, abs=1)
    assert facing[100, middle] > facing[100, side]
    assert bent_x[100, side] < side, "towards its sides more paper lies in a pixel"


def test_live_eyes_are_seen_through_the_holes_of_a_print() -> None:
    photograph = np.asarray(skimage.data.astronaut(), dtype=np.uint8)[:320, 60:380]  # type: ignore[no-untyped-call]
    eyes_shut = photograph.copy()
    eyes_shut[90:120, 115:205] = (200, 150, 130)
    blinking = Source(25.0, tuple(photograph if at % 2 else eyes_shut for at in range(4)))

    # Two pictures of a print without holes differ by hand and noise alone.
    def change(kind: str) -> float:
        found = []
        for seed in range(3):
            pictures = [picture.astype(float) for picture in first_of(kind, blinking, seed, 6)]
            found.append(max(float(np.percentile(np.abs(a - b), 99.9)) for a, b in itertools.pairwise(pictures)))
        return float(np.median(found))

    assert change("print_eyeholes") > change("print_flat")


def test_a_poor_line_leaves_less_detail_and_a_lossy_one_freezes(source: Source) -> None:
    moving = list(source.pictures) * 4

    def arrives(line: Call) -> list[Pixels]:
        return list(through(moving, 25.0, line, np.random.default_rng(2)))

    def detail(pictures: list[Pixels]) -> float:
        return float(np.mean([np.abs(np.diff(picture.astype(float), axis=1)).mean() for picture in pictures[10:]]))

    for codec in ("vp8", "h264"):
        good = arrives(Call(codec, 2500, 720, 0.0, 0.3))
        poor = arrives(Call(codec, 150, 720, 0.0, 0.3))
        lossy = arrives(Call(codec, 600, 180, 0.2, 0.3))

        assert [len(one) for one in (good, poor, lossy)] == [48, 48, 48]
        assert good[0].shape == moving[0].shape
        assert min(lossy[0].shape[:2]) == 180
        assert detail(poor) < detail(good)
        frozen = [np.array_equal(a, b) for a, b in itertools.pairwise(lossy)]
        assert sum(frozen) > 5
        assert not all(frozen)
