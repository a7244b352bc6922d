"""What the forgery model learns from: drawn faces, blended into themselves, seen through a drawn call."""

from pathlib import Path

import numpy as np
import pytest
from people import photograph

from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Floats, Pixels
from liveness.lab.training.blending import blended_with_itself, called, filmed
from liveness.lab.training.strips import clip_strips, picture_strips
from liveness.measures.face_regions import OVAL, fill
from liveness.measures.unrolled_contour import STRIP_SHAPE


@pytest.fixture(scope="module")
def face() -> tuple[Pixels, Floats]:
    """Luma of a person, and her landmarks."""
    rgb = photograph()
    with LandmarkTracker() as tracker:
        points = tracker.track(rgb)
    assert points is not None
    return np.ascontiguousarray(rgb[..., 1]), points[:, :2]


def test_a_self_blended_face_changes_inside_its_contour_only(face: tuple[Pixels, Floats]) -> None:
    luma, points = face[0].astype(np.float32), face[1]
    mixed = blended_with_itself(luma, points, np.random.default_rng(2))
    change = np.abs(mixed - luma)
    oval = points[list(OVAL)]
    middle = oval.mean(axis=0)
    shape = (luma.shape[0], luma.shape[1])
    inside = fill(np.asarray(middle + 0.7 * (oval - middle), np.float32), shape) > 0
    around = fill(np.asarray(middle + 1.5 * (oval - middle), np.float32), shape) == 0
    assert change[inside].mean() > 20 * max(float(change[around].mean()), 1e-6)


def test_the_same_draw_gives_the_same_call(face: tuple[Pixels, Floats]) -> None:
    def once(seed: int) -> tuple[Pixels, Floats]:
        rng = np.random.default_rng(seed)
        return called(*filmed(face[0], face[1], rng), rng)

    for seed in range(6):
        (one, points), (other, again) = once(seed), once(seed)
        assert np.array_equal(one, other)
        assert np.array_equal(points, again)
        assert one.dtype == np.uint8


def test_both_classes_come_from_every_picture(face: tuple[Pixels, Floats], tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", luma0=face[0], points0=face[1])
    picture_strips(tmp_path / "p.npz", tmp_path / "out.npz", seed=1)
    with np.load(tmp_path / "out.npz") as data:
        assert data["strips"].shape[1:] == STRIP_SHAPE
        assert len(data["strips"]) % 2 == 0
        assert len(data["strips"]) > 0


def test_a_clip_gives_its_looks_poorer_looks_and_doubles(face: tuple[Pixels, Floats], tmp_path: Path) -> None:
    looks = {f"luma{at}": face[0] for at in range(6)} | {f"points{at}": face[1] for at in range(6)}
    np.savez(tmp_path / "c.npz", poses=np.zeros((6, 3)), **looks)
    clip_strips(tmp_path / "c.npz", tmp_path / "out.npz", bona_fide=True, seed=1)
    with np.load(tmp_path / "out.npz") as data:
        assert (len(data["strips"]), len(data["poorer"]), len(data["blended"])) == (6, 3, 2)
