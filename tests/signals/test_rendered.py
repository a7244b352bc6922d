from dataclasses import replace

import cv2
import numpy as np
import pytest
from pictured import portrait, seen
from test_surroundings import swapped

from liveness.frames import Floats, Pixels
from liveness.measures.face_square import WIDEST_IOD_PX, face_square
from liveness.models.rendering import QUESTIONS, RenderingModel
from liveness.signals.rendered import Rendered


def watch(rgb: Pixels, points: Floats | None, seconds: float = 5.0) -> Rendered:
    signal = Rendered()
    for time in np.arange(0, seconds, 0.75):
        signal.observe(seen(float(time), rgb, points))
    return signal


def test_it_says_what_the_heads_say_of_the_face() -> None:
    rgb, points = portrait()
    # So small that it is cut out as it is: the part that a signal asks for is else scaled by itself.
    scale = 0.9 * WIDEST_IOD_PX / float(np.hypot(*(points[33, :2] - points[263, :2])))
    rgb = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    points = points * np.float32(scale)
    evidence = watch(rgb, points).evidence()
    assert evidence is not None
    assert 0 < evidence.quality <= 1
    assert tuple(evidence.features) == QUESTIONS
    model, square = RenderingModel(), face_square(rgb, points[:, :2])
    alone = model.log_odds([model.look(square.rgb, square.regions)] * 2)
    for name in QUESTIONS:
        assert evidence.features[name] == pytest.approx(alone[name], abs=1e-4)


def test_a_face_smoothed_and_blended_back_in_looks_more_like_a_swap() -> None:
    rgb, points = portrait()
    one, other = watch(rgb, points).evidence(), watch(swapped(rgb, points), points).evidence()
    assert one is not None
    assert other is not None
    assert other.features["swapped"] > one.features["swapped"]


def test_a_break_in_the_shot_begins_anew() -> None:
    rgb, points = portrait()
    signal = watch(rgb, points)
    signal.observe(replace(seen(5.25, rgb, points), changes=frozenset({"cut"})))
    assert signal.evidence() is None
    assert "long enough" in (signal.missing() or "")


def test_a_small_face_is_not_judged() -> None:
    rgb, points = portrait()
    scale = 30.0 / float(np.hypot(*(points[33, :2] - points[263, :2])))
    small = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    signal = watch(small, points * np.float32(scale))
    assert signal.evidence() is None
    assert "too small" in (signal.missing() or "")


def test_without_a_face_nothing_is_said() -> None:
    rgb, _ = portrait()
    signal = watch(rgb, None)
    assert signal.evidence() is None
    assert signal.missing() == "No face is seen."
