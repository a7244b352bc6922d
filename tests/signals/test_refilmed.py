from dataclasses import replace

import cv2
import numpy as np
import pytest
from pictured import portrait, seen

from liveness.frames import Box, Floats, Pixels
from liveness.models.presentation import PresentationModel, presentation_planes
from liveness.models.surface import SurfaceModel, surface_squares
from liveness.signals.refilmed import Refilmed


def watch(rgb: Pixels, points: Floats | None, seconds: float = 2.0) -> Refilmed:
    signal = Refilmed()
    for time in np.arange(0, seconds + 0.1, 1.0):
        signal.observe(seen(float(time), rgb, points))
    return signal


def test_it_says_what_both_judges_say_of_the_whole_picture() -> None:
    rgb, points = portrait()
    evidence = watch(rgb, points).evidence()
    assert evidence is not None
    assert 0 < evidence.quality <= 1
    surface = SurfaceModel()
    general = surface.log_odds(surface.look(surface_squares(rgb, points[:, :2])))
    alone = PresentationModel().log_odds(presentation_planes(rgb, points[:, :2]))
    assert abs(evidence.value - (alone + general)) < 0.3  # what is cut out is scaled by itself


def test_only_the_face_and_what_surrounds_it_are_asked_for() -> None:
    rgb, points = portrait()
    small = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    wide = np.full((720, 1280, 3), 90, np.uint8)
    wide[300 : 300 + small.shape[0], 900 : 900 + small.shape[1]] = small
    observation = seen(0.0, wide, points * np.float32(0.5) + np.array([900, 300, 0], np.float32)[: points.shape[1]])
    asked: list[Box] = []
    frame = observation.frame
    crop = frame.crop_rgb

    def noted(box: Box) -> Pixels:
        asked.append(box)
        return crop(box)

    frame.crop_rgb = noted  # type: ignore[method-assign]
    Refilmed().observe(observation)
    assert [box.area < 0.5 * wide.shape[0] * wide.shape[1] for box in asked] == [True]


def test_a_single_picture_is_enough_and_is_used_once() -> None:
    rgb, points = portrait()
    signal = watch(rgb, points, seconds=0)
    assert signal.evidence() is not None
    assert signal.evidence() is None
    assert signal.missing() == "Too little new was seen since the last measurement."


def test_a_small_face_is_not_judged() -> None:
    rgb, points = portrait()
    scale = 30.0 / float(np.hypot(*(points[33, :2] - points[263, :2])))
    small = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    signal = watch(small, points * np.float32(scale))
    assert signal.evidence() is None
    assert "too small" in (signal.missing() or "")


@pytest.mark.parametrize(("contrast", "said"), [(1.0, "surely"), (0.3, "less surely"), (0.1, "nothing")])
def test_of_a_veiled_face_less_is_said_and_at_last_nothing(contrast: float, said: str) -> None:
    """Hardly any living face is so flat: what the judges say of one, nobody could measure."""
    rgb, points = portrait()
    signal = watch(np.asarray(150 + contrast * (rgb - 150.0), dtype=np.uint8), points)
    evidence = signal.evidence()
    if said == "nothing":
        assert evidence is None
        assert signal.missing() == "The face is too blurred or veiled: nothing fine is left of it."
    else:
        assert evidence is not None
        assert (evidence.quality == 1.0) is (said == "surely")


def test_a_blurred_face_is_not_judged() -> None:
    rgb, points = portrait()
    assert watch(np.asarray(cv2.GaussianBlur(rgb, (0, 0), 14), dtype=np.uint8), points).evidence() is None


def test_without_a_face_nothing_is_said() -> None:
    rgb, _ = portrait()
    signal = watch(rgb, None)
    assert signal.evidence() is None
    assert signal.missing() == "No face is seen."


def test_what_was_before_a_cut_is_dropped() -> None:
    rgb, points = portrait()
    signal = Refilmed()
    signal.observe(seen(0.0, np.zeros_like(rgb), points))
    signal.observe(replace(seen(0.7, rgb, points), changes=frozenset({"cut"})))
    evidence, alone = signal.evidence(), watch(rgb, points, seconds=0).evidence()
    assert evidence is not None
    assert alone is not None
    assert evidence.start_s == 0.7
    assert evidence.value == pytest.approx(alone.value)


def test_one_odd_frame_does_not_move_the_median() -> None:
    rgb, points = portrait()
    signal = Refilmed()
    for time, picture in ((0.0, rgb), (0.7, np.asarray(255 - rgb, dtype=np.uint8)), (1.4, rgb)):
        signal.observe(seen(time, picture, points))
    evidence, alone = signal.evidence(), watch(rgb, points, seconds=0).evidence()
    assert evidence is not None
    assert alone is not None
    assert evidence.value == pytest.approx(alone.value)


def test_state_survives_a_move_to_another_worker() -> None:
    rgb, points = portrait()
    here, there = Refilmed(), Refilmed()
    here.observe(seen(0.0, rgb, points))
    there.restore(here.snapshot())
    for signal in (here, there):
        signal.observe(seen(0.7, np.asarray(255 - rgb, dtype=np.uint8), points))
    assert here.evidence() == there.evidence()
