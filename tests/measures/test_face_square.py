"""The square around a face: at most so large, what lies beyond the picture belongs to no region."""

import cv2
import numpy as np
import pytest
from pictured import portrait

from liveness.frames import Floats, Pixels
from liveness.measures.face_square import SIDE, WIDEST_IOD_PX, face_square, square_box


def cut(rgb: Pixels, points: Floats) -> tuple[Pixels, Floats]:
    """What a signal would hand over: the part that is asked for, as far as it is there."""
    box = square_box(points).clipped(rgb.shape[1], rgb.shape[0])
    part = rgb[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
    return part, points[:, :2] - np.array([box.left, box.top], np.float32)


def test_the_three_regions_cover_the_picture_once() -> None:
    square = face_square(*cut(*portrait()))
    assert square.rgb.shape == (SIDE, SIDE, 3)
    assert set(np.unique(square.regions.sum(axis=0))) <= {0, 1}
    inner, edge, around = square.regions.mean(axis=(1, 2))
    assert inner > edge > 0.05
    assert around > 0.1
    assert square.regions[0, SIDE // 2, SIDE // 2] == 1


def test_a_larger_picture_of_the_same_face_shows_the_same() -> None:
    rgb, points = portrait()
    large = np.asarray(cv2.resize(rgb, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    one, other = face_square(*cut(rgb, points)), face_square(*cut(large, points * np.float32(1.5)))
    assert np.abs(one.rgb.astype(int) - other.rgb.astype(int)).mean() < 6
    assert (one.regions != other.regions).mean() < 0.02


def test_a_small_face_is_not_enlarged() -> None:
    rgb, points = portrait()
    eyes = float(np.hypot(*(points[33, :2] - points[263, :2])))
    scale = 0.6 * WIDEST_IOD_PX / eyes
    small = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    part, places = cut(small, points * np.float32(scale))
    x, y = (int(value) for value in np.round(places[4]))
    middle = face_square(part, places).rgb[SIDE // 2 - 10 : SIDE // 2 + 10, SIDE // 2 - 10 : SIDE // 2 + 10]
    assert np.array_equal(middle, part[y - 10 : y + 10, x - 10 : x + 10])


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_what_lies_beyond_the_picture_belongs_to_no_region(side: str) -> None:
    rgb, points = portrait()
    x, y = (int(value) for value in points[4, :2])
    rows = {"top": slice(y - 40, None), "bottom": slice(0, y + 40)}.get(side, slice(None))
    columns = {"left": slice(x - 40, None), "right": slice(0, x + 40)}.get(side, slice(None))
    shift = np.array([columns.start or 0, rows.start or 0], np.float32)
    part, places = cut(np.ascontiguousarray(rgb[rows, columns]), points[:, :2] - shift)
    square = face_square(part, places)
    there = square.regions.sum(axis=0).astype(bool)
    beyond = {"left": there[:, :20], "right": there[:, -20:], "top": there[:20], "bottom": there[-20:]}[side]
    assert not beyond.any()
    assert there[SIDE // 2, SIDE // 2]


@pytest.mark.parametrize("far", [(-900, 0), (900, 0), (0, -900), (0, 900), (-5000, 9000)])
def test_a_nose_far_outside_the_picture_shows_nothing(far: tuple[int, int]) -> None:
    rgb, points = portrait()
    square = face_square(rgb, points[:, :2] + np.array(far, np.float32))
    assert square.rgb.shape == (SIDE, SIDE, 3)
    assert not square.regions.any()


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (2, 600)])
def test_a_sliver_of_a_large_face_is_looked_at_all_the_same(size: tuple[int, int]) -> None:
    _, points = portrait()
    large = points * np.float32(500 / np.hypot(*(points[33, :2] - points[263, :2])))
    square = face_square(np.full((*size, 3), 90, dtype=np.uint8), large[:, :2] - large[4, :2])
    assert square.rgb.shape == (SIDE, SIDE, 3)
    assert square.regions.sum() < SIDE * SIDE / 4
