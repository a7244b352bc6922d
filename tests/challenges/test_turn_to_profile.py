import numpy as np
import pytest

from liveness.challenges.contract import Outcome
from liveness.challenges.turn_to_profile import Side, TurnToProfile
from liveness.frames import Box, FaceTrack, Floats, Observation, Pixels
from liveness.measures.face_regions import OVAL
from liveness.measures.nose_place import nose_yaw_deg


def head(yaw_deg: float) -> Floats:
    """Return a round face with a nose of 0.7 half widths, turned to the picture's right; x right, y down, z away."""
    points = np.zeros((478, 3))
    around = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL)] = np.stack([np.sin(around), -1.3 * np.cos(around), np.zeros_like(around)], axis=1)
    points[1] = (0, 0.2, -0.8)
    yaw = np.radians(yaw_deg)
    turned = np.stack([np.cos(yaw) * points[:, 0] - np.sin(yaw) * points[:, 2], points[:, 1]], axis=1)
    return np.column_stack([100 + 40 * turned, np.zeros(478)]).astype(np.float32)


class Plain:
    index = dropped = 0
    width = height = 8
    audio = None

    def __init__(self, time_s: float) -> None:
        self.time_s = time_s

    def luma(self) -> Pixels:
        return np.zeros((8, 8), np.uint8)

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        return np.zeros((8, 8, 3), np.uint8)

    def crop_rgb(self, box: Box) -> Pixels:
        return self.rgb()


def answered(
    side: Side,
    turn_deg: float,
    *,
    begins_s: float = 1.0,
    hold_s: float = 2.0,
    lost_deg: float = 90.0,
    slip_s: float = 0.0,
    covered_s: float = np.inf,
) -> Outcome:
    """Turn over half a second, hold, come back; the prompt comes at 3 s, the head rests at 5°.

    From ``covered_s`` after the answer's beginning on, nothing is seen any more.
    Positive turns the nose to the picture's right, which is the candidate's own left.
    """
    challenge = TurnToProfile()
    for t in np.arange(0, 15, 1 / 15):
        if challenge.prompt_s is None and t >= 3.0:
            challenge.begin(3.0, side)
        after = t - 3.0 - begins_s
        share = float(np.clip(min(after / 0.5, (0.5 + hold_s + 0.5 - after) / 0.5), 0, 1))
        yaw = 5.0 + (0.0 if 1.0 <= after < 1.0 + slip_s else turn_deg * share)
        face = FaceTrack(1, float(t), Box(1, 1, 7, 7), head(yaw), (0.0, 0.0, 0.0), 1.0, float(t))
        seen = face if abs(yaw) <= lost_deg and after < covered_s else None
        challenge.observe(Observation(frame=Plain(float(t)), face=seen, others=(), changes=frozenset()))
    return challenge.outcome()


def test_a_turn_as_asked_counts_even_when_the_mesh_loses_the_face() -> None:
    assert answered("left", 60).result == "passed"
    assert answered("right", -60).result == "passed"
    assert answered("left", 80, lost_deg=65).result == "passed"


@pytest.mark.parametrize(
    ("turn_deg", "begins_s", "hold_s"),
    [(-60, 1.0, 2.0), (60, 8.5, 2.0), (60, -1.0, 4.0), (60, -0.45, 4.0), (20, 1.0, 2.0), (60, 1.0, 0.3)],
    ids=["other side", "too late", "before the prompt", "just before it", "too little", "not held"],
)
def test_others_are_refused(turn_deg: float, begins_s: float, hold_s: float) -> None:
    assert answered("left", turn_deg, begins_s=begins_s, hold_s=hold_s).result == "not_done"


def test_a_challenge_is_good_once_and_an_unseen_face_is_no_failure() -> None:
    challenge = TurnToProfile()
    with pytest.raises(ValueError, match="not begun"):
        challenge.outcome()
    with pytest.raises(ValueError, match="left or right"):
        challenge.begin(0.0, "up")
    challenge.begin(0.0, "left")
    assert challenge.outcome().result == "unclear"
    with pytest.raises(ValueError, match="spent"):
        challenge.outcome()
    with pytest.raises(ValueError, match="begun already"):
        challenge.begin(1.0, "left")


def test_the_nose_goes_to_the_picture_s_right_when_the_head_turns_there() -> None:
    assert head(40)[1, 0] > head(0)[1, 0]
    assert nose_yaw_deg(head(40)) > 20
    assert nose_yaw_deg(head(-40)) < -20
    assert abs(nose_yaw_deg(head(0))) < 1e-3


def test_a_glance_before_a_covered_camera_is_no_turn() -> None:
    assert answered("left", 60, covered_s=0.4).result == "unclear"


def test_a_mesh_that_slips_for_a_moment_ends_no_hold() -> None:
    assert answered("left", 60, slip_s=0.3).result == "passed"
    assert answered("left", 60, slip_s=0.9).result == "not_done"
