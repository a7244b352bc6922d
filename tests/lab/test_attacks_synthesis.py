"""Faces that are swapped, animated and made to speak in the lab: what changes, what stays, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clips import Track, tone, write_clip
from people import FPS, photograph, save, talking
from typer.testing import CliRunner

from liveness.cli import app
from liveness.errors import ConfigError, MediaError
from liveness.faces.landmarks import LandmarkTracker
from liveness.frames import Floats, Pixels
from liveness.lab.attacks import MAKERS, Source, make_attack, portraits
from liveness.lab.attacks.animating import Animation, Puppet, animated
from liveness.lab.attacks.mouths import Mouth
from liveness.lab.attacks.portraits import Portrait, mouth_opening, read_face
from liveness.lab.attacks.sounds import SOUND_RATE, loudness, read_sound
from liveness.lab.attacks.speaking import Speech, opened_by, spoken
from liveness.lab.attacks.swapping import Swap, swapped
from liveness.measures.face_regions import OVAL, fill
from liveness.verdict import family_of

GOOD = Swap(
    face_px=160,
    late=0,
    rate_hz=1000.0,
    jitter=0.0,
    steadying=0.0,
    flicker=0.0,
    softness=0.06,
    inset=0.0,
    denoise=4.0,
    sharpen=0.0,
    colour=1.0,
    light=0.3,
    own_eyes=False,
    turn_deg=60.0,
    fails="lets go",
)
"""A swap without a flaw."""

LIVELY = Animation(
    head=1.0, expression=1.0, steadying=0.0, mouth=Mouth((30.0, 15.0, 15.0), 0.0), denoise=4.0, sharpen=0.0, noise=0.0
)
"""An animation that takes over all that moves."""

CLEAR = Speech(
    face_px=256,
    late=0,
    widest=0.12,
    smooth_s=0.02,
    softness=0.05,
    shade=(0.0, 0.0, 0.0),
    denoise=4.0,
    sharpen=0.0,
    mouth=Mouth((30.0, 15.0, 15.0), 0.0),
)
"""A mouth that follows its sound at once."""


def painted() -> Pixels:
    """Return another person for tests: the same bones, with dark stripes on forehead, cheeks and nose."""
    picture = photograph().copy()
    for (x, y), (wide, high) in {
        (192, 88): (26, 3),
        (164, 138): (9, 4),
        (214, 138): (9, 4),
        (193, 120): (3, 9),
    }.items():
        cv2.ellipse(picture, (x, y), (wide, high), 0, 0, 360, (40, 20, 20), -1, cv2.LINE_AA)
    return np.ascontiguousarray(picture[:, ::-1])


def points_on(picture: Pixels) -> Floats:
    with LandmarkTracker() as tracker:
        points = tracker.track(picture)
    assert points is not None
    return points


def centre_of(picture: Pixels) -> Floats:
    """Return (64, 64) the middle of the face without its mean: what somebody looks like, whatever the light."""
    points = points_on(picture)[:, :2]
    places = np.array([[8, 14], [56, 14], [32, 56]], dtype=np.float32)
    upright = cv2.getAffineTransform(points[[33, 263, 2]].astype(np.float32), places)
    grey = cv2.cvtColor(cv2.warpAffine(picture, upright, (64, 64)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray((grey - grey.mean()) / grey.std(), dtype=np.float32)


def alike(one: Floats, other: Floats) -> float:
    """Return the correlation of two faces' middles, -1 to 1."""
    return float((one * other).mean())


def far_from_face(picture: Pixels, grow_px: int) -> Any:
    """Return (height, width) where a picture is further than so many pixels from the face."""
    face = fill(points_on(picture)[list(OVAL), :2], (picture.shape[0], picture.shape[1]))
    return cv2.dilate(face, np.ones((2 * grow_px + 1, 2 * grow_px + 1), np.uint8)) == 0


def shift_px(one: Pixels, other: Pixels) -> float:
    """Return by how many pixels the nose is further right on the second picture."""
    return float(points_on(other)[4, 0] - points_on(one)[4, 0])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def walking(count: int, step_px: int) -> tuple[Pixels, ...]:
    """Return pictures on which the person goes to the right by so many pixels each."""
    return tuple(np.ascontiguousarray(np.roll(photograph(), step_px * at, axis=1)) for at in range(count))


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(FPS, tuple(talking(0.6)))


@pytest.fixture(scope="module")
def other() -> Portrait:
    return Portrait(painted(), points_on(painted()))


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("person") / "person.mp4", talking(0.6))


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "other.png"
    cv2.imwrite(str(path), cv2.cvtColor(painted(), cv2.COLOR_RGB2BGR))
    return path


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("face_swap", "synthesis"),
        ("photo_animation", "synthesis"),
        ("lip_sync", "synthesis"),
        ("recording_frame_rate", "injection"),
    ],
)
def test_each_kind_belongs_to_the_family_it_is_meant_for(kind: str, family: str) -> None:
    assert kind in MAKERS
    assert family_of(f"sim_{kind}") == family


def test_a_swapped_face_looks_like_the_given_one_and_no_longer_like_the_persons_own(
    source: Source, other: Portrait
) -> None:
    given, own = centre_of(other.picture), centre_of(source.pictures[0])
    assert alike(given, own) < 0.8, "the two are told apart by what is measured here"

    seen = [centre_of(picture) for picture in swapped(source, other, GOOD, rng())]

    assert len(seen) == len(source.pictures)
    for face, picture in zip(seen, source.pictures, strict=True):
        assert alike(face, given) > alike(face, centre_of(picture)) + 0.1


def test_a_swap_takes_on_the_colours_of_the_face_that_it_covers(source: Source, other: Portrait) -> None:
    blue = replace(other, picture=np.ascontiguousarray(other.picture[..., ::-1]))
    mean = {}
    for colour in (0.0, 1.0):
        picture = next(swapped(source, blue, replace(GOOD, colour=colour, light=0.0), rng()))
        mean[colour] = picture[~far_from_face(source.pictures[0], 0)].mean(axis=0)
    own = source.pictures[0][~far_from_face(source.pictures[0], 0)].mean(axis=0)

    assert np.abs(mean[1.0] - own).max() < 8
    assert np.abs(mean[0.0] - own).max() > 20


def test_outside_its_mask_a_swap_leaves_the_clip_as_it_is(source: Source, other: Portrait) -> None:
    for before, after in zip(source.pictures, swapped(source, other, GOOD, rng()), strict=True):
        far = far_from_face(before, 4)
        assert np.array_equal(before[far], after[far])
        assert not np.array_equal(before, after)


def test_a_late_swap_lags_behind_the_head(other: Portrait) -> None:
    walk = Source(FPS, walking(8, 3))
    now, late = (list(swapped(walk, other, replace(GOOD, late=late), rng()))[-1] for late in (0, 3))
    earlier = list(swapped(walk, other, GOOD, rng()))[-4]
    last, before = walk.pictures[-1], walk.pictures[-4]
    put = np.abs(late.astype(int) - last).max(axis=2) > 12
    where = np.nonzero(np.abs(earlier.astype(int) - before).max(axis=2) > 12)[1].mean()

    assert abs(np.nonzero(put)[1].mean() - where) < 4, "the face is where it was three pictures ago"
    assert not np.array_equal(now, late)


def test_a_slow_swap_shows_one_rendered_face_on_several_pictures() -> None:
    slow = replace(GOOD, rate_hz=12.5)

    assert [slow.rendered_at(index, 25.0) for index in range(6)] == [0, 0, 2, 2, 4, 4]
    assert [replace(slow, late=3).rendered_at(index, 25.0) for index in range(6)] == [0, 0, 0, 0, 1, 1]


def test_flicker_and_jitter_make_the_face_restless_where_the_clip_stands_still(other: Portrait) -> None:
    frozen = Source(FPS, (photograph(),) * 6)

    face = ~far_from_face(photograph(), 0)

    def seen(swap: Swap) -> Floats:
        return np.array([one[face] for one in swapped(frozen, other, swap, rng(1))], dtype=np.float32)

    def shades(pictures: Floats) -> float:
        return float(np.ptp(pictures.mean(axis=1), axis=0).max())

    def movement(pictures: Floats) -> float:
        return float(np.abs(np.diff(pictures, axis=0)).mean())

    calm = seen(GOOD)
    assert shades(calm) < 0.5
    assert shades(seen(replace(GOOD, flicker=3.0))) > 1.5
    assert movement(seen(replace(GOOD, jitter=0.008))) > 1.5 * movement(calm)


def test_a_swap_that_fails_on_turned_heads_shows_the_persons_own_face(source: Source, other: Portrait) -> None:
    never = replace(GOOD, turn_deg=-20.0)

    for before, after in zip(source.pictures, swapped(source, other, never, rng()), strict=True):
        assert np.array_equal(before, after)


def test_a_swap_that_slides_goes_only_half_of_the_way_with_a_turned_head(other: Portrait) -> None:
    walk = Source(FPS, walking(8, 3))
    slides = replace(GOOD, turn_deg=-1.0, fails="slides")

    def place(pictures: Sequence[Pixels]) -> float:
        changed = np.abs(pictures[-1].astype(int) - walk.pictures[-1]).max(axis=2) > 12
        return float(np.nonzero(changed)[1].mean())

    assert place(list(swapped(walk, other, slides, rng()))) < place(list(swapped(walk, other, GOOD, rng()))) - 1


def test_where_nobody_is_seen_the_clip_goes_on_unchanged(other: Portrait) -> None:
    wall = np.full_like(photograph(), 90)
    pictures = list(swapped(Source(FPS, (photograph(), wall, photograph())), other, GOOD, rng()))

    assert np.array_equal(pictures[1], wall)
    assert not np.array_equal(pictures[2], photograph())


def test_swaps_are_drawn_within_what_real_ones_do() -> None:
    drawn = [Swap.drawn(rng(seed)) for seed in range(60)]

    assert {one.late for one in drawn} == {0, 1, 2, 3}
    assert {one.fails for one in drawn} == {"lets go", "slides"}
    assert all(96 <= one.face_px <= 320 and 12 <= one.rate_hz <= 25 for one in drawn)


@pytest.fixture(scope="module")
def still() -> Portrait:
    """A picture of somebody with a mouth that is closed."""
    return Portrait(photograph(), points_on(photograph()))


def test_an_animated_photo_moves_its_face_and_not_its_background(still: Portrait) -> None:
    walk = Source(FPS, walking(6, 3), face=still)

    pictures = list(animated(walk, LIVELY, rng()))

    far = far_from_face(still.picture, 130)
    assert far.sum() > 10_000
    assert all(np.array_equal(picture[far], still.picture[far]) for picture in pictures)
    assert shift_px(pictures[0], pictures[-1]) == pytest.approx(shift_px(walk.pictures[0], walk.pictures[-1]), abs=4)


def test_the_movement_fades_out_smoothly_between_head_and_background(still: Portrait) -> None:
    moved = list(animated(Source(FPS, walking(6, 3), face=still), LIVELY, rng()))[-1]
    rows = still.points[:, 1]
    flow = cv2.calcOpticalFlowFarneback(
        cv2.cvtColor(still.picture, cv2.COLOR_RGB2GRAY),
        cv2.cvtColor(moved, cv2.COLOR_RGB2GRAY),
        np.zeros((384, 384, 2), np.float32),
        0.5, 3, 25, 3, 7, 1.5, 0,
    )[..., 0]  # fmt: skip
    face, beside = flow[int(rows.min()) : int(rows.max()), 150:230], flow[250:330, 20:40]

    assert np.median(face) > 8
    assert abs(np.median(beside)) < 3


def test_an_animated_photo_shows_the_person_of_the_photo(source: Source, other: Portrait) -> None:
    given = centre_of(other.picture)

    for picture in animated(replace(source, face=other), LIVELY, rng()):
        assert alike(centre_of(picture), given) > alike(centre_of(picture), centre_of(source.pictures[0])) + 0.1


def test_without_another_face_the_clips_own_is_animated(source: Source) -> None:
    pictures = list(animated(source, LIVELY, rng()))

    assert len(pictures) == len(source.pictures)
    assert alike(centre_of(pictures[0]), centre_of(source.pictures[0])) > 0.9


def test_when_a_photos_mouth_opens_further_its_inside_is_dark(still: Portrait) -> None:
    places = still.points[:468, :2].copy()
    middle = (places[13] + places[14]) / 2
    places[places[:, 1] > middle[1], 1] += 12

    shut = Puppet.of(still, still.points, LIVELY)
    wide = shut.moved(places, LIVELY.mouth)

    assert mouth_opening(points_on(wide)) > mouth_opening(still.points) + 0.1
    x, y = np.round((places[13] + places[14]) / 2).astype(int)
    assert wide[y, x].max() < 60
    assert still.picture[round(float(middle[1])), round(float(middle[0]))].max() > 120, "there were teeth"


def test_a_stiff_animation_moves_less_than_a_lively_one(still: Portrait) -> None:
    walk = Source(FPS, walking(6, 3), face=still)
    stiff, lively = (list(animated(walk, replace(LIVELY, head=head), rng()))[-1] for head in (0.3, 1.0))

    assert shift_px(still.picture, stiff) < 0.6 * shift_px(still.picture, lively)


def test_where_the_driving_face_is_lost_the_photo_stays_as_it_was(still: Portrait) -> None:
    wall = np.full_like(photograph(), 90)
    last = walking(4, 3)[-1]
    pictures = list(animated(Source(FPS, (photograph(), last, wall, wall), face=still), LIVELY, rng()))

    assert np.array_equal(pictures[1], pictures[2])
    assert np.array_equal(pictures[2], pictures[3])


def test_the_inside_of_a_mouth_is_dark_with_teeth_above() -> None:
    skin = np.full((60, 60, 3), 180, dtype=np.uint8)
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    lips = np.stack([30 + 18 * np.cos(turn), 30 + 12 * np.sin(turn)], axis=1).astype(np.float32)

    drawn = Mouth((30.0, 15.0, 15.0), teeth=1.0).within(skin, lips, 1.0)

    assert drawn[37, 30].max() < 40
    assert drawn[22, 30].min() > 120
    assert np.array_equal(drawn[:5], skin[:5])
    assert np.array_equal(Mouth((30.0, 15.0, 15.0), teeth=1.0).within(skin, lips, 0.0), skin)


LOUD_THEN_QUIET = np.concatenate([tone(0.4)[::3], np.zeros(SOUND_RATE // 10, dtype=np.float32)])
"""Sound of 0.4 s at 16 kHz, and silence after it."""


def gap_of(picture: Pixels) -> float:
    """Return how far the lips are apart, as a share of the face's height."""
    points = points_on(picture)
    return float(np.linalg.norm(points[13, :2] - points[14, :2])) / portraits.height_of(points)


def test_the_mouth_opens_when_the_sound_is_loud_and_closes_when_it_is_not() -> None:
    talk = Source(FPS, (photograph(),) * 20)

    pictures = list(spoken(talk, LOUD_THEN_QUIET, CLEAR))

    loud, quiet = gap_of(pictures[5]), gap_of(pictures[-1])
    assert quiet + 0.04 < loud
    assert quiet < gap_of(photograph()) < loud, "whatever the mouth did on the clip"


def test_a_late_mouth_comes_after_the_sound() -> None:
    talk = Source(FPS, (photograph(),) * 14)
    loud = np.concatenate([np.zeros(SOUND_RATE // 5, dtype=np.float32), tone(0.4)[::3]])

    def opens_at(speech: Speech) -> int:
        gaps = [gap_of(picture) for picture in spoken(talk, loud, speech)]
        return int(np.argmax(np.array(gaps) > (min(gaps) + max(gaps)) / 2))

    assert opens_at(CLEAR) == pytest.approx(5, abs=1), "the sound begins after 0.2 s"
    assert opens_at(replace(CLEAR, late=3)) == opens_at(CLEAR) + 3


def test_above_the_nose_and_beside_the_face_a_spoken_clip_is_as_it_was(source: Source) -> None:
    for before, after in zip(source.pictures, spoken(source, LOUD_THEN_QUIET, CLEAR), strict=True):
        far = far_from_face(before, 4)
        assert np.array_equal(before[far], after[far])
        above = int(points_on(before)[6, 1])
        assert np.array_equal(before[:above], after[:above])
        assert not np.array_equal(before, after)


def test_points_of_an_opening_mouth_leave_nose_and_chin_where_they_are(still: Portrait) -> None:
    rest = still.points[:468, :2]
    places, _ = opened_by(rest, 0.15, portraits.height_of(still.points))

    assert places[14, 1] - places[13, 1] == pytest.approx(0.15 * portraits.height_of(still.points), abs=1.5)
    assert np.allclose(places[[2, 152, 33, 263, 10]], rest[[2, 152, 33, 263, 10]])


def test_loudness_goes_with_the_sound() -> None:
    loud = loudness(LOUD_THEN_QUIET, 25, FPS, smooth_s=0.02)

    assert loud[2:9].min() > 0.9
    assert loud[14:].max() < 0.05


def test_silence_is_never_loud_however_short_the_speech() -> None:
    shorter = loudness(LOUD_THEN_QUIET[: SOUND_RATE // 4], 250, FPS, smooth_s=0.02)

    assert shorter[2:5].min() > 0.9
    assert shorter[14:].max() < 0.05


def test_a_spoken_clip_carries_the_sound_it_was_made_to_speak(person: Path, speech: Path, tmp_path: Path) -> None:
    target = tmp_path / "spoken.mp4"
    make_attack("lip_sync", person, target, sound=speech)

    heard = read_sound(target, 12.0)

    assert heard.size / SOUND_RATE == pytest.approx(0.6, abs=0.15)
    spectrum = np.abs(np.fft.rfft(heard[2000:6000]))
    assert np.argmax(spectrum) * 4 == pytest.approx(440, abs=12)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("speech") / "speech.m4a", sound=tone(1.0))


def test_lip_sync_without_a_sound_says_what_it_needs(person: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lip_sync: expected another sound.*--sound FILE"):
        make_attack("lip_sync", person, tmp_path / "attack.mp4")

    assert not list(tmp_path.iterdir())


def test_sounds_that_cannot_be_used_are_refused_in_one_sentence(person: Path, speech: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    cases = {
        tmp_path / "text.wav": "its content cannot be read",
        tmp_path / "missing.wav": "there is no such file",
        person: "expected a file with sound, found none",
        write_clip(tmp_path / "silent.m4a", sound=np.zeros(48_000, dtype=np.float32)): "are silent",
    }
    for path, words in cases.items():
        with pytest.raises(MediaError, match=words) as caught:
            make_attack("lip_sync", person, tmp_path / "attack.mp4", sound=path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="--sound: face_swap takes no other sound"):
        make_attack("face_swap", person, tmp_path / "attack.mp4", sound=speech)
    assert not (tmp_path / "attack.mp4").exists()


@pytest.mark.parametrize("kind", ["face_swap", "photo_animation", "lip_sync"])
def test_the_same_seed_makes_the_same_fake_and_another_seed_another(
    kind: str, person: Path, photo: Path, speech: Path, tmp_path: Path
) -> None:
    face, sound = (None, speech) if kind == "lip_sync" else (photo, None)
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        make_attack(kind, person, tmp_path / f"{name}.mp4", seed=seed, face=face, sound=sound)
    one, again, another = ((tmp_path / f"{name}.mp4").read_bytes() for name in ("one", "again", "other"))

    assert one == again
    assert one != another


def test_a_clip_serves_as_the_other_face_as_well_as_a_picture(photo: Path, tmp_path: Path) -> None:
    clip = save(tmp_path / "clip.mp4", iter([painted()] * 6))

    assert alike(centre_of(read_face(clip).picture), centre_of(read_face(photo).picture)) > 0.9


def test_a_swap_without_another_face_says_what_it_needs(person: Path, tmp_path: Path) -> None:
    target = tmp_path / "attack.mp4"

    with pytest.raises(ConfigError, match=r"face_swap: expected another face.*--face FILE"):
        make_attack("face_swap", person, target)

    assert not list(tmp_path.iterdir())


def test_another_face_is_refused_where_it_has_no_use(person: Path, photo: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--face: loop takes no other face.*face_swap"):
        make_attack("loop", person, tmp_path / "attack.mp4", face=photo)


def _written(path: Path, picture: Pixels) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return path


def test_other_faces_that_cannot_be_used_are_refused_in_one_sentence(person: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    cases = {
        "text.png": (tmp_path / "text.png", "expected a picture such as jpg"),
        "missing.jpg": (tmp_path / "missing.jpg", "there is no such file"),
        "wall.png": (_written(tmp_path / "wall.png", np.full((120, 160, 3), 90, np.uint8)), "found no face in it"),
    }
    for name, (path, words) in cases.items():
        with pytest.raises(MediaError, match=words) as caught:
            make_attack("face_swap", person, tmp_path / "attack.mp4", face=path)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "attack.mp4").exists()


def test_another_face_that_is_too_small_is_refused(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portraits, "LEAST_FACE_PX", 150)

    with pytest.raises(MediaError, match=r"at least 150 pixels tall.*got 1\d\d; cut the picture to the head"):
        read_face(photo)


def test_a_clip_without_a_person_is_refused(photo: Path, tmp_path: Path) -> None:
    bars = write_clip(tmp_path / "bars.mp4", Track(count=6))

    with pytest.raises(MediaError, match=r"bars\.mp4: expected a clip of a person, found no face"):
        make_attack("face_swap", bars, tmp_path / "attack.mp4", face=photo)

    assert [one.name for one in tmp_path.iterdir()] == ["bars.mp4"]


def test_the_command_line_says_what_has_been_made(person: Path, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "swap.mp4"

    done = CliRunner().invoke(app, ["attack", "face_swap", str(person), str(target), "--face", str(photo)])

    assert done.exit_code == 0, done.output
    assert "attack type sim_face_swap" in done.output
    assert target.stat().st_size > 1000
