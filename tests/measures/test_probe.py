"""What is kept of every decoded frame: means of cells, and a hash that tells pictures apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from liveness.dsp import cell_means
from liveness.frames import Box, Pixels
from liveness.measures.probe import Prober


def noise(height: int, width: int, *, seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(180, 320), (240, 320), (90, 113), (17, 9), (4, 5), (16, 16)])
def test_cell_means_are_those_of_opencv(shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    sized = cv2.resize(picture.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(cell_means(picture, 16), sized, atol=1e-3)


def test_equal_pictures_have_one_hash_and_every_other_one_has_its_own() -> None:
    picture = noise(720, 1280)
    first = Prober().tick(picture, 0.0, None).luma_hash
    assert Prober().tick(picture.copy(), 5.0, Box(400, 200, 700, 600)).luma_hash == first
    others = {first}
    rng = np.random.default_rng(3)
    for _ in range(200):
        other = picture.copy()
        y, x = rng.integers(180) * 4, rng.integers(320) * 4
        other[y, x] ^= np.uint8(1 << rng.integers(8))
        others.add(Prober().tick(other, 0.0, None).luma_hash)
    for moved in (picture[::-1], picture[:, ::-1], np.roll(picture, 4, axis=1), np.zeros_like(picture)):
        others.add(Prober().tick(np.ascontiguousarray(moved), 0.0, None).luma_hash)
    assert len(others) > 190
    assert all(0 <= value < 1 << 64 for value in others)


def test_pictures_of_odd_sizes_are_told_apart_by_their_last_pixels() -> None:
    picture = noise(7, 13)
    other = picture.copy()
    other[-1, -1] ^= 1
    black, larger = np.zeros((8, 16), dtype=np.uint8), np.zeros((8, 24), dtype=np.uint8)
    found = [Prober().tick(one, 0.0, None).luma_hash for one in (picture, other, black, larger)]
    assert len(set(found)) == 4
