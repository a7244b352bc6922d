"""What the presentation model is shown does not depend on the light of the room, nor on how the picture was cut."""

import numpy as np
import pytest

from liveness.frames import Floats, Pixels
from liveness.models.presentation import (
    AROUND_SIDE,
    DETAIL_SIDE,
    FACE_SIDE,
    PresentationModel,
    network_inputs,
    presentation_planes,
)


@pytest.fixture(scope="module")
def face() -> tuple[Pixels, Floats]:
    """A picture with something to see everywhere, and landmarks in its middle."""
    rng = np.random.default_rng(4)
    rough = rng.uniform(60, 160, (24, 32, 3))
    rgb = np.kron(rough, np.ones((20, 20, 1))).astype(np.uint8)
    points = rng.uniform(-90, 90, (478, 2)) + np.array([320, 240])
    return rgb, points.astype(np.float32)


def test_squares_have_their_sizes(face: tuple[Pixels, Floats]) -> None:
    shown = network_inputs(presentation_planes(*face))
    sides = {name: values.shape for name, values in shown.items()}
    expected = {"face": FACE_SIDE, "around": AROUND_SIDE, "detail": DETAIL_SIDE}
    assert sides == {name: (1, 3, side, side) for name, side in expected.items()}


@pytest.mark.parametrize("light", [(0.6, 0.6, 0.6), (1.3, 1.0, 0.7), (0.5, 0.8, 1.2)])
def test_white_balance_and_brightness_are_taken_out(
    face: tuple[Pixels, Floats], light: tuple[float, float, float]
) -> None:
    rgb, points = face
    lit = np.clip(rgb * np.array(light), 0, 255).astype(np.uint8)
    before, after = (network_inputs(presentation_planes(one, points)) for one in (rgb, lit))
    for name in before:
        # What is left is the rounding to whole grey levels.
        assert np.abs(before[name] - after[name]).max() < 0.15


@pytest.mark.parametrize("light", [0.4, 1.0])
def test_beyond_the_picture_is_the_same_in_any_light(face: tuple[Pixels, Floats], light: float) -> None:
    rgb, points = face
    rgb = (rgb * light).astype(np.uint8)
    cut = rgb[120:360, 200:440]
    planes = presentation_planes(cut, points - np.array([200, 120], np.float32))
    outside = planes.around[..., 3] == 0
    assert outside.mean() > 0.5
    assert (network_inputs(planes)["around"][0][:, outside] == 0).all()


def test_a_face_without_light_gives_numbers(face: tuple[Pixels, Floats]) -> None:
    rgb, points = face
    for values in network_inputs(presentation_planes(np.zeros_like(rgb), points)).values():
        assert np.isfinite(values).all()


def test_the_same_squares_give_the_same_answer(face: tuple[Pixels, Floats]) -> None:
    planes = presentation_planes(*face)
    one, other = PresentationModel(), PresentationModel()
    assert np.isfinite(one.log_odds(planes))
    assert one.log_odds(planes) == one.log_odds(planes) == other.log_odds(planes)
