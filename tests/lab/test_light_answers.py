"""The simulated room: light falls as light does, and what is counted is what came of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveness.challenges.light_code import LightSettings
from liveness.challenges.light_score import Seen
from liveness.challenges.light_sequence import Code
from liveness.frames import Floats
from liveness.lab.answers import light
from liveness.lab.answers.light_rendering import Answer, jobs
from liveness.lab.answers.light_scene import SIZE, Scene, Shapes, answered
from liveness.lab.dataset import Sample
from liveness.measures.skin_light import PARTS


def scene() -> Scene:
    drawn = Scene.drawn(np.random.default_rng(1))
    return replace(drawn, distance_m=0.5, nits=200, ambient_lux=100, screen_m=(0.4, 0.2), wall_m=1.0, directed=0.0)


def ball() -> Floats:
    """A face as round as a ball, 200 pixels wide, with ears, chin and forehead where the mesh has them."""
    rng = np.random.default_rng(2)
    points = np.zeros((478, 3), dtype=np.float32)
    angle, reach = rng.uniform(0, 2 * np.pi, 478), np.sqrt(rng.uniform(0, 1, 478)) * 0.99
    points[:, 0], points[:, 1] = reach * np.cos(angle), reach * np.sin(angle)
    for index, place in {234: (-1, 0), 454: (1, 0), 10: (0, -1), 152: (0, 1)}.items():
        points[index, :2] = place
    points[:, 2] = -np.sqrt(np.maximum(1 - (points[:, :2] ** 2).sum(axis=1), 0))
    return points * 100 + np.array([SIZE[0] / 2, SIZE[1] / 2, 0], dtype=np.float32)


def test_light_of_the_screen_falls_as_the_solid_angle_says() -> None:
    room = scene()
    flat = Shapes(room, ball()).flat(bounded=None)
    middle = (flat.left + flat.right)[40, 53]
    # Its halves' middles lie 10 cm beside and 10 cm below the axis: cos⁴ of that angle.
    assert middle == pytest.approx(0.4 * 0.2 / 0.5**2 * (0.25 / 0.27) ** 2, rel=0.05)
    assert room.screen_lux == pytest.approx(200 * 0.61 * 0.32, rel=0.02)


def test_each_half_lights_its_own_side_and_the_nose_more_than_the_temples() -> None:
    shape = Shapes(scene(), ball()).of(ball())
    # The candidate's left is the picture's right.
    assert shape.left[40, 66] > 1.1 * shape.right[40, 66]
    assert shape.right[40, 40] > 1.1 * shape.left[40, 40]
    both = shape.left + shape.right
    assert both[40, 53] > 1.15 * max(both[40, 66], both[40, 40])
    assert both[40, 53] > 4 * both[40, 3]  # the wall


def test_the_camera_takes_off_what_changes_slowly() -> None:
    room = replace(scene(), exposure_s=0.2, balance_s=0.7, balance=0.9, noise=0.0, latency_s=0.0)
    code = Code(((True, True),) * 12, (0.5,) * 12)
    shape = Shapes(room, ball()).flat(bounded=None)
    times = np.arange(-0.5, 4, 0.25)
    grey = np.full((SIZE[1], SIZE[0], 3), 120, dtype=np.uint8)
    seen = answered(
        [grey] * len(times), [shape] * len(times), times, code, scene=room, kind="photo", rng=np.random.default_rng(1)
    )
    warmth = np.array([float(p[200:280, 280:360, 0].mean()) - float(p[200:280, 280:360, 2].mean()) for p in seen])
    assert warmth[3] > warmth[0] + 5
    assert abs(warmth[-1] - warmth[0]) < 0.5 * (warmth[3] - warmth[0])


def test_counts_are_written_by_who_answered(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    times = np.arange(-2.5, 8, 1 / 12)
    colours = (np.array([150.0, 110.0, 90.0]) + rng.normal(0, 0.5, (len(times), len(PARTS), 3))).astype(np.float32)
    ones = np.ones(len(times), dtype=np.float32)
    answer = Answer("b", "p", "genuine", bytes(15).hex(), scene(), times, colours, ones * 0, ones * 0.25)
    rows = light.judged([answer], LightSettings())
    assert [row.kind for row in rows] == ["genuine", "other_code"]
    light.write(tmp_path / "counts.json", rows, "as run")
    written = json.loads((tmp_path / "counts.json").read_text(encoding="utf-8"))
    counts = written["counts"]["light_code"]
    assert (written["command"], written["persons"]) == ("as run", 1)
    assert counts["bonafide"] == counts["injection"] == {"passed": 0, "broken": 0, "not_done": 0, "unclear": 1}
    wrong = light.wrong_codes([Seen(times, colours, ones * 0, ones)], 40)
    assert (wrong.tried, wrong.answers) == (40, 1)
    assert wrong.accepted <= wrong.by_rank <= 1
    assert light.interval(0, 100)[1] == pytest.approx(0.036, abs=0.001)


def test_persons_for_figures_are_not_those_for_thresholds() -> None:
    samples = [Sample(f"b{n}", "bonafide", "", f"person {n // 2}", Path("x.mp4"), picture=False) for n in range(20)]
    one, other = ({job[0].group for job in light.wanted(samples, 1, figures=figures)} for figures in (True, False))
    assert one
    assert other
    assert not one & other
    assert len({(job[0].id, *job[1:]) for job in jobs(samples, 3)}) == 20 * 4 * 3
