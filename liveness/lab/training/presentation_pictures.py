"""Pictures to train the presentation model on: real ones, and ones filmed in the attack lab.

``python -m liveness.lab.training.presentation_pictures CORPUS --cache DIR`` reads CORPUS/manifest.csv and
CORPUS/stills.csv and writes DIR/faces.npz (where the faces are) and DIR/planes.npz (what the network sees). Every real
picture is seen as it is and as a call would bring it. Sizes are balanced: a face of either class is brought to the
size of some attack's face where it is larger. What the lab makes a screen or a print of is also kept as a live
picture, treated by the same draws; and a live person filmed by the lab's camera, without a screen, is there so that
what the lab's camera leaves does not give an attack away.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from liveness.faces.landmarks import LandmarkTracker
from liveness.faces.tracking import FaceFollower
from liveness.frames import Floats, Pixels
from liveness.lab.attacks import MAKERS, Source
from liveness.lab.attacks.camera import Camera
from liveness.lab.attacks.noise import smooth_field
from liveness.media import Recording, is_picture, read_picture
from liveness.models.presentation import Planes, presentation_planes
from liveness.verdict import family_of

LOOK_EVERY_S = 1.0
MOST_LOOKS = 10
SIMULATED: tuple[str, ...] = (
    "screen_laptop", "screen_phone", "screen_tablet", "screen_dense", "print_flat", "print_bent"
)  # fmt: skip
SIMULATED_ATTACKS, FILMED_LIVE, PHOTOGRAPHS = 2000, 900, 1600
REAL_VIEWS = 4
"""In how many circumstances each picture of a source with attacks is seen."""
_LEAST_FACE_PX = 48.0


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in one picture."""

    id: str
    label: str
    attack_type: str
    group: str
    """Source of a picture, person of a clip."""
    path: str
    points: Floats


def faces_of(corpus: Path, cache: Path) -> list[Face]:
    """Find the faces of all pictures, and of clips once a second; frames of clips are kept in the cache."""
    kept = cache / "faces.npz"
    if kept.exists():
        with np.load(kept) as data:
            columns = [data[name].tolist() for name in ("id", "label", "attack", "group", "path")]
            known = zip(*columns, strict=True)
            return [
                Face(one, label, attack, group, path, points)
                for (one, label, attack, group, path), points in zip(known, data["points"], strict=True)
            ]
    (cache / "frames").mkdir(parents=True, exist_ok=True)
    found = []
    with LandmarkTracker() as tracker:
        for name in ("manifest.csv", "stills.csv"):
            with (corpus / name).open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                path = corpus / row["file"]
                looks = _picture(path, tracker) if is_picture(path) else _clip(path, cache / "frames", row["id"])
                group = f"source {row['source']}" if name == "stills.csv" else f"person {row['person']}"
                found += [
                    Face(row["id"], row["label"], row["attack_type"], group, str(kept_at), points)
                    for kept_at, points in looks
                ]
    _save(kept, found)
    return found


def _save(path: Path, faces: Sequence[Face]) -> None:
    np.savez(
        path,
        id=[one.id for one in faces],
        label=[one.label for one in faces],
        attack=[one.attack_type for one in faces],
        group=[one.group for one in faces],
        path=[one.path for one in faces],
        points=np.stack([one.points for one in faces]),
    )


def _picture(path: Path, tracker: LandmarkTracker) -> Iterator[tuple[Path, Floats]]:
    """Yield the face of a picture, upright or lying on its side."""
    rgb = read_picture(path).rgb()
    height, width = rgb.shape[:2]
    for turns in (0, 1, 3):
        tracker.reset()
        points = tracker.track(np.ascontiguousarray(np.rot90(rgb, turns)))
        if points is None:
            continue
        x, y = points[:, 0], points[:, 1]
        if turns == 1:
            x, y = width - 1 - y, x
        elif turns == 3:
            x, y = y, height - 1 - x
        yield path, np.stack([x, y], axis=1).astype(np.float32)
        return


def _clip(path: Path, frames: Path, name: str) -> Iterator[tuple[Path, Floats]]:
    next_s = next_look_s = 0.3
    looks = 0
    with Recording(path) as recording, FaceFollower() as follower:
        for frame in recording.frames():
            if frame.time_s < next_s:
                continue
            next_s = frame.time_s + 1 / 12
            face = follower.see(frame).face
            if face is None or frame.time_s < next_look_s:
                continue
            next_look_s = frame.time_s + LOOK_EVERY_S
            kept = frames / f"{name}_{looks}.png"
            cv2.imwrite(str(kept), cv2.cvtColor(frame.rgb(), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
            yield kept, face.points_px[:, :2].astype(np.float32)
            looks += 1
            if looks >= MOST_LOOKS:
                return


def read(path: str) -> Pixels:
    """Read a picture as (h, w, 3) RGB."""
    return np.asarray(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def face_px(points: Floats) -> float:
    """Return the longer side of the face's box."""
    return float(np.ptp(points[:468], axis=0).max())


def upright(rgb: Pixels, points: Floats) -> tuple[Pixels, Floats]:
    """Turn the picture by quarters so that the face stands; its pixels stay as they are."""
    down = points[152] - points[10]
    height, width = rgb.shape[:2]
    if abs(down[1]) >= abs(down[0]):
        if down[1] >= 0:
            return rgb, points
        return np.ascontiguousarray(np.rot90(rgb, 2)), np.array([width - 1, height - 1], np.float32) - points
    if down[0] > 0:  # The chin is on the right: a quarter clockwise brings it down.
        return np.ascontiguousarray(np.rot90(rgb, -1)), np.stack([height - 1 - points[:, 1], points[:, 0]], axis=1)
    return np.ascontiguousarray(np.rot90(rgb, 1)), np.stack([points[:, 1], width - 1 - points[:, 0]], axis=1)


def at_size(rgb: Pixels, points: Floats, wanted_px: float) -> tuple[Pixels, Floats]:
    """Return the picture scaled down so that the face is no larger than wanted."""
    scale = wanted_px / face_px(points)
    if scale >= 1:
        return rgb, points
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), points * np.float32(scale)


def trimmed(rgb: Pixels, points: Floats, factor: float) -> tuple[Pixels, Floats]:
    """Return the picture cut to the face and a margin."""
    low, high = points[:468].min(axis=0), points[:468].max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2 * factor
    left, top = (max(0, int(value)) for value in middle - half)
    right, bottom = (int(value) for value in middle + half)
    return rgb[top:bottom, left:right], points - np.array([left, top], np.float32)


def through_a_call(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the picture as some codec leaves it: JPEG or a single frame of H.264."""
    if rng.random() < 0.45:
        _, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 93))])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1], dtype=np.uint8)
    height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    encoder, decoder = av.CodecContext.create("libx264", "w"), av.CodecContext.create("h264", "r")
    assert isinstance(encoder, av.VideoCodecContext)
    assert isinstance(decoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.thread_count = Fraction(25), 1
    encoder.options = {"crf": str(int(rng.integers(20, 37))), "preset": "superfast", "tune": "zerolatency"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[:height, :width]), format="rgb24")
    packets = [*encoder.encode(frame.reformat(format="yuv420p")), *encoder.encode(None)]
    decoded = [one for packet in packets for one in decoder.decode(packet)] + list(decoder.decode(None))
    return np.asarray(decoded[0].to_ndarray(format="rgb24"), dtype=np.uint8)


def disturbed(
    rgb: Pixels, points: Floats, wanted_px: float, *, tight: float, soft: float, crisp: float, rng: np.random.Generator
) -> Planes:
    """Return the planes of a picture in some circumstances that have nothing to do with its class.

    Parameters
    ----------
    rgb, points
        The picture and its landmarks.
    wanted_px
        The face is scaled down to this.
    tight
        Chance that what surrounds the face is cut away.
    soft, crisp
        Chance that the picture is blurred, or sharpened.
    rng
        Draws everything.
    """
    rgb, points = trimmed(rgb, points, rng.uniform(1.0, 1.5) if rng.random() < tight else 3.2)
    rgb, points = at_size(rgb, points, max(wanted_px, _LEAST_FACE_PX))
    if rng.random() < soft:
        sigma = float(np.exp(rng.uniform(np.log(0.4), np.log(0.016 * face_px(points) + 0.5))))
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), dtype=np.uint8)
    elif rng.random() < crisp:
        fuzzy, much = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.7, 1.8)), rng.uniform(0.4, 1.8)
        rgb = np.asarray(cv2.addWeighted(rgb, 1 + much, fuzzy, -much, 0), dtype=np.uint8)
    if rng.random() < 0.3:
        # A picture that was enlarged, as a poor line's is.
        small = cv2.resize(rgb, None, fx=(by := rng.uniform(0.5, 0.95)), fy=by, interpolation=cv2.INTER_AREA)
        rgb = np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 7), rgb.shape[:2])[..., None]
        rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.75:
        rgb = through_a_call(rgb, rng)
    return presentation_planes(rgb, points)


def filmed_live(rgb: Pixels, points: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Film the photograph as if it were the person: the lab's camera, no screen, no print."""
    rgb, points = at_size(rgb, points, rng.uniform(70, 260))
    height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    camera = Camera.drawn(rng, (width, height))
    light = (rgb[:height, :width].astype(np.float32) / 255) ** np.float32(rng.uniform(2.0, 2.4))
    if rng.random() < 0.4:
        lamp = np.exp(0.3 * smooth_field(rng, (height, width), cells=2))[..., None]
        light = light * lamp * np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    light = camera.focused(np.asarray(light, dtype=np.float32))
    return camera.picture(light * np.float32(camera.gain(light)), None, rng), points


def planes_of(faces: Sequence[Face], seed: int) -> Iterator[tuple[Mapping[str, Any], Planes]]:
    """Yield (row, planes) of everything to train and to test on."""
    rng = np.random.default_rng(seed)
    attack_sizes = np.array([face_px(one.points) for one in faces if _is_attack(one) and one.group[:6] == "source"])
    photographs = [one for one in faces if one.label == "face_real"]
    chosen = {id(photographs[at]) for at in rng.permutation(len(photographs))[:PHOTOGRAPHS]}
    for face in faces:
        presentation = face.label in {"bonafide", "face_real"} or _is_attack(face)
        if not presentation or (face.label == "face_real" and id(face) not in chosen):
            continue
        attack = _is_attack(face)
        rgb, points = upright(read(face.path), face.points)
        row = {"id": face.id, "label": face.label, "attack": face.attack_type, "group": face.group, "real": True}
        row |= {"px": face_px(points), "pair": -1}
        yield {**row, "use": "as it is"}, presentation_planes(rgb, points)
        call = np.random.default_rng([seed, zlib.crc32(face.path.encode())])
        small, places = at_size(*trimmed(rgb, points, 3.2), 150.0)
        yield {**row, "use": "call"}, presentation_planes(through_a_call(small, call), places)
        many = REAL_VIEWS if face.group.startswith("source") and face.label != "face_real" else 1
        for _ in range(many + (attack and many == 1)):
            wanted = min(float(rng.choice(attack_sizes)), float(np.exp(rng.uniform(np.log(60), np.log(380)))))
            how = {"tight": 0.45, "soft": 0.2, "crisp": 0.4} if attack else {"tight": 0.72, "soft": 0.5, "crisp": 0.25}
            yield {**row, "use": "train"}, disturbed(rgb, points, wanted, **how, rng=rng)
    yield from _filmed(faces, seed, attack_sizes)


def _is_attack(face: Face) -> bool:
    return face.label == "attack" and family_of(face.attack_type) == "presentation"


def _filmed(faces: Sequence[Face], seed: int, sizes: Floats) -> Iterator[tuple[Mapping[str, Any], Planes]]:
    """Yield what the lab makes of bona fide pictures; their groups are those of what they were made from."""
    rng = np.random.default_rng([seed, 1])
    live = [one for one in faces if one.label in {"face_real", "bonafide"} and face_px(one.points) > 100]
    order = rng.permutation(len(live))
    with LandmarkTracker() as tracker:
        for number, at in enumerate(np.resize(order, SIMULATED_ATTACKS)):
            face, kind = live[at], SIMULATED[number % len(SIMULATED)]
            rgb, points = upright(read(face.path), face.points)
            rgb, points = trimmed(rgb, points, 3.2)
            even = np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
            seen = next(MAKERS[kind](Source(25.0, (even,)), rng))
            tracker.reset()
            found = tracker.track(seen)
            if found is None:
                continue
            places = np.asarray(found[:, :2], dtype=np.float32)
            row = {"id": face.id, "label": "attack", "attack": f"sim_{kind}", "group": face.group, "real": False}
            row |= {"px": face_px(places), "pair": 1}
            wanted = min(float(rng.choice(sizes)), face_px(places) * rng.uniform(0.6, 1.0))
            same = int(rng.integers(2**32))
            how = {"tight": 0.45, "soft": 0.2, "crisp": 0.3}
            yield {**row, "use": "train"}, disturbed(seen, places, wanted, **how, rng=np.random.default_rng(same))
            twin = {"label": "bonafide", "attack": "", "px": face_px(points), "pair": 0, "use": "train"}
            yield {**row, **twin}, disturbed(rgb, points, wanted, **how, rng=np.random.default_rng(same))
    for at in rng.permutation(len(live))[:FILMED_LIVE]:
        face = live[at]
        rgb, points = trimmed(*upright(read(face.path), face.points), 3.2)
        rgb, points = filmed_live(rgb, points, rng)
        row = {"id": face.id, "label": "bonafide", "attack": "", "group": face.group, "real": False}
        row |= {"px": face_px(points), "pair": -1}
        planes = disturbed(rgb, points, float(rng.choice(sizes)), tight=0.45, soft=0.2, crisp=0.3, rng=rng)
        yield {**row, "use": "train"}, planes


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    rows, planes = zip(*planes_of(faces_of(options.corpus, options.cache), options.seed), strict=True)
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    # What stands as a distance becomes a place: of the live picture that was filmed, and of that itself.
    columns["pair"] = np.where(columns["pair"] < 0, -1, np.arange(len(rows)) + columns["pair"])
    for name in ("face", "around", "detail"):
        columns[name] = np.stack([getattr(one, name) for one in planes])
    np.savez(options.cache / "planes.npz", **columns)


if __name__ == "__main__":
    main()
