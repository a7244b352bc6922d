"""The networks that ship with the package are the ones that were measured, and nothing else is run."""

import hashlib
import json
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import liveness.models
from liveness.errors import ModelError
from liveness.lab import held_out
from liveness.lab.held_out import forgery_head, presentation_network, rendering_heads, surface_head
from liveness.measures.unrolled_contour import PROFILE_SIZE, STRIP_SHAPE
from liveness.models import heads, rendering, runner
from liveness.models.forgery import FORGERY_HEAD, ForgeryModel
from liveness.models.heads import Head
from liveness.models.presentation import AROUND_SIDE, DETAIL_SIDE, FACE_SIDE, Planes, PresentationModel, with_network
from liveness.models.rendering import QUESTIONS, RENDERING_HEADS, VALUES_SIZE, Heads, RenderingModel
from liveness.models.runner import Network, card, loaded_once
from liveness.models.surface import SURFACE_HEAD, SurfaceModel, surface_squares

STRIP = np.random.default_rng(1).normal(0, 1, STRIP_SHAPE).astype(np.float32)
PROFILE = np.zeros(PROFILE_SIZE, np.float32)
PLANES = Planes(
    *(
        np.random.default_rng(side).integers(0, 256, (side, side, 4), dtype=np.uint8)
        for side in (FACE_SIDE, AROUND_SIDE, DETAIL_SIDE)
    )
)


def test_every_network_is_the_one_whose_hash_is_stated() -> None:
    folder = resources.files(liveness.models)
    stated = json.loads(folder.joinpath("models.json").read_text())
    for name, entry in stated.items():
        data = folder.joinpath(f"{name}.onnx").read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert len(data) < 1_000_000
        assert card(name).cost_ms == entry["cost_ms"]


def test_the_same_strip_gives_the_same_answer() -> None:
    one, other = ForgeryModel(), ForgeryModel()
    values = one.look(STRIP, PROFILE)
    assert np.isfinite(values).all()
    assert np.array_equal(values, other.look(STRIP, PROFILE))
    assert one.log_odds(values) == other.log_odds(values)


def test_where_calls_share_them_a_network_is_read_once_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Network] = []
    shipped = Network._shipped

    def counted(network: Network) -> bytes:
        read.append(network)
        return shipped(network)

    monkeypatch.setattr(Network, "_shipped", counted)
    alone = ForgeryModel().look(STRIP, PROFILE)
    with loaded_once():
        for model in (ForgeryModel(), ForgeryModel()):
            assert np.array_equal(model.look(STRIP, PROFILE), alone)
    ForgeryModel().look(STRIP, PROFILE)
    assert len(read) == 3


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder of networks, which is read in place of the real one."""
    for file in resources.files(liveness.models).iterdir():
        if file.name.endswith((".onnx", ".json")):
            (tmp_path / file.name).write_bytes(file.read_bytes())

    class Elsewhere:
        @staticmethod
        def files(_: object) -> Path:
            return tmp_path

    monkeypatch.setattr(runner, "resources", Elsewhere)
    monkeypatch.setattr(heads, "resources", Elsewhere)
    return tmp_path


def test_a_damaged_network_is_refused(copied: Path) -> None:
    file = copied / "forgery.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="SHA-256"):
        ForgeryModel().look(STRIP, PROFILE)


def test_another_network_for_screens_is_refused(copied: Path) -> None:
    (copied / "presentation.onnx").write_bytes((copied / "forgery.onnx").read_bytes())
    with pytest.raises(ModelError, match="SHA-256"):
        PresentationModel().log_odds(PLANES)


def test_a_missing_network_says_what_to_do(copied: Path) -> None:
    (copied / "forgery.onnx").unlink()
    with pytest.raises(ModelError, match="install the package again"):
        ForgeryModel().look(STRIP, PROFILE)
    with pytest.raises(ModelError, match="no network 'other'"):
        Network("other")


def test_a_head_of_another_network_is_refused(copied: Path) -> None:
    data = json.loads((copied / "forgery.json").read_text())
    with pytest.raises(ModelError, match="another network"):
        FORGERY_HEAD.read(partial(Head.of, limit=3.0), {**data, "network_sha256": "0"})
    (copied / "forgery.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        ForgeryModel().log_odds(np.zeros(len(data["mean"]), np.float32))


def test_who_was_learnt_from_is_measured_by_a_head_that_has_not_seen_him() -> None:
    assert forgery_head("person nobody") is None
    head = forgery_head("person 62")
    assert head is not None
    model = ForgeryModel()
    values = model.look(STRIP, PROFILE)
    with FORGERY_HEAD.replaced_by(head):
        unseen = ForgeryModel()
    assert unseen.log_odds(values) != model.log_odds(values)


def test_heads_of_another_rendering_network_are_refused(copied: Path) -> None:
    data = json.loads((copied / "rendering.json").read_text())
    with pytest.raises(ModelError, match="another network"):
        RENDERING_HEADS.read(Heads.of, {**data, "network_sha256": "0"})
    with pytest.raises(ModelError, match=r"^what stands in for rendering\.json: damaged.*learn it again"):
        RENDERING_HEADS.read(Heads.of, {**data, "swapped": {}})
    (copied / "rendering.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        RenderingModel().log_odds([np.zeros(VALUES_SIZE, np.float32)] * 2)


def test_what_a_network_sees_by_region_is_compared_with_the_inner_face() -> None:
    regions = np.zeros((3, 224, 224), np.uint8)
    regions[0, :, :80], regions[1, :, 80:120], regions[2, :, 120:] = 1, 1, 1
    stages = [np.zeros((channels, 112 // by, 112 // by), np.float32) for channels, by in ((16, 1), (24, 2), (40, 4))]
    for stage in stages:
        stage[:, :, stage.shape[2] * 120 // 224 :] = 5.0
    values = rendering.seen_by_region(stages, regions)
    assert values.shape == (VALUES_SIZE,)
    inner, edge, around = values[: rendering.REGIONAL_SIZE].reshape(3, -1)[:, :16]
    assert np.allclose(inner, 0, atol=1e-3)
    assert np.allclose(edge, 0, atol=0.2)
    assert np.allclose(around, -5.0 * 104 / (104 + 0.02 * 224), atol=0.1)


def test_a_surface_head_of_another_network_is_refused(copied: Path) -> None:
    model, values = SurfaceModel(), np.zeros(1440, np.float32)
    data = json.loads((copied / "surface.json").read_text())
    (copied / "surface.json").write_text(json.dumps({**data, "network_sha256": "0"}))
    with pytest.raises(ModelError, match="another network"):
        model.log_odds(values)
    (copied / "surface.json").write_text("{}")
    with pytest.raises(ModelError, match=r"^surface\.json: damaged.*install the package again"):
        model.log_odds(values)


def test_a_surface_is_measured_by_a_head_that_has_not_seen_its_source() -> None:
    assert surface_head("person nobody") is None
    head = surface_head("person 2")
    assert head is not None
    rgb = np.random.default_rng(3).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    points = np.random.default_rng(4).uniform(60, 240, (478, 2)).astype(np.float32)
    model = SurfaceModel()
    values = model.look(surface_squares(rgb, points))
    assert np.array_equal(values, model.look(surface_squares(rgb, points)))
    with SURFACE_HEAD.replaced_by(head):
        unseen = SurfaceModel()
    assert unseen.log_odds(values) != model.log_odds(values)


def test_a_face_at_the_very_edge_still_gives_all_three_squares() -> None:
    rgb = np.full((90, 120, 3), 80, np.uint8)
    for middle in ((0, 0), (119, 89), (-30, 40), (200, 300)):
        points = np.random.default_rng(5).normal(middle, 15, (478, 2)).astype(np.float32)
        squares = surface_squares(rgb, points)
        assert [one.shape for one in (squares.face, squares.around, squares.detail)] == [
            (160, 160, 3),
            (160, 160, 3),
            (128, 128, 3),
        ]


def test_rendering_is_measured_by_heads_that_have_not_seen_the_person() -> None:
    assert rendering_heads("person nobody") is None
    unseen_heads = rendering_heads("person 62")
    assert unseen_heads is not None
    looks = list(np.random.default_rng(2).normal(0, 1, (4, VALUES_SIZE)).astype(np.float32))
    with RENDERING_HEADS.replaced_by(unseen_heads):
        unseen = RenderingModel().log_odds(looks)
    shipped = RenderingModel().log_odds(looks)
    assert all(unseen[name] != shipped[name] for name in QUESTIONS)


def test_who_was_learnt_from_is_shown_to_a_network_that_has_not_seen_him() -> None:
    assert presentation_network("person nobody", "x") is None
    network = presentation_network("person 2", "x")
    assert network is not None
    shipped = PresentationModel().log_odds(PLANES)
    with with_network(network):
        unseen = PresentationModel().log_odds(PLANES)
    with with_network(None):
        again = PresentationModel().log_odds(PLANES)
    assert shipped == again != unseen


def test_a_clip_among_pictures_is_measured_as_its_person_was_left_out_not_as_its_source() -> None:
    source = "source nurcanyardimci/LivenessDetection"
    assert presentation_network(source, "pa01261") != presentation_network(source, "one of its pictures")


def test_every_group_has_one_of_the_networks_that_are_there() -> None:
    stated = json.loads(resources.files(held_out).joinpath("presentation.json").read_text())
    assert {str(fold) for fold in stated["folds"].values()} == set(stated["sha256"])
    for number, sha256 in stated["sha256"].items():
        data = resources.files(held_out).joinpath(f"presentation{number}.onnx").read_bytes()
        assert hashlib.sha256(data).hexdigest() == sha256
        assert len(data) < 1_000_000


def test_a_damaged_network_is_not_used_for_measuring_either(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = json.loads(resources.files(held_out).joinpath("presentation.json").read_text())
    monkeypatch.setattr(held_out, "_presentation", lambda: {**stated, "sha256": dict.fromkeys(stated["sha256"], "0")})
    with pytest.raises(ModelError, match="SHA-256"):
        presentation_network("person 2", "x")
