"""Training of the rendering model: heads on what a general network sees in the regions of a face.

``python -m liveness.lab.training.rendering CORPUS --backbone WEIGHTS --work DIR [--out FOLDER --held-out FOLDER]``.
WEIGHTS are those of EfficientNet-Lite0, learnt from ImageNet (Apache-2.0), as a state dictionary of torch; its stem and
first three stages are taken as they are. Clips and photographs are looked at once and kept in DIR. The heads are then
learnt once for each fifth of the persons and once for all.

Folds keep apart more than persons: all clips onto which the same face was swapped (named by their folder in the
source) and the persons in them are one group, and all animations of one source, which stands for a method.
"""

# mypy: disable-error-code="misc, untyped-decorator"

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from liveness.faces.landmarks import LandmarkTracker
from liveness.faces.tracking import FaceFollower
from liveness.frames import Floats, Pixels
from liveness.lab.held_out import person_hash
from liveness.lab.processes import processes
from liveness.lab.training.heads import alike, coded, weighted_logistic
from liveness.lab.training.presentation import Model
from liveness.lab.training.presentation_pictures import through_a_call
from liveness.lab.training.presentation_shipping import halved
from liveness.lab.training.tables import show, table
from liveness.measures.conditions import SMALL_IOD_PX
from liveness.measures.face_square import SIDE, face_square
from liveness.media import Recording, is_picture, read_picture
from liveness.models.rendering import QUESTIONS, REGIONAL_SIZE, RenderingModel, heads_of

FOLDS: Final = 5
LOOK_EVERY_S: Final = 0.5
MOST_LOOKS: Final = 24
PHOTOGRAPHS: Final = 1600
WEIGHT, LIMIT = 50.0, 4.0
"""What each class weighs in all; values further from what is live than so many standard deviations count as that."""
RIDGE: Final = {"swapped": 10.0, "generated": 3.0}
TAUGHT: Final = {"swapped": ("face_swap",), "generated": ("photo_animation", "reenactment", "lip_sync")}
"""Attack types that teach each head."""
PICTURES_SHARE: Final = {"swapped": 0.3, "generated": 0.7}
"""So much of what is live is pictures: far more people and cameras than the clips have."""
_PARTS: Final = {"swapped": slice(0, REGIONAL_SIZE), "generated": slice(REGIONAL_SIZE, None)}
_LEAST_PICTURE_PX: Final = 60.0

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What the network saw of one clip, as it is and at a poorer call quality."""

    id: str
    person: str
    kind: str
    """Empty for bona fide."""
    group: str
    """Never split between learning and measuring."""
    plain: Array
    poorer: Array


class _Trunk(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.stem, self.stages = model.stem, model.stages[:3]

    def forward(self, square: Any) -> tuple[Any, ...]:
        seen = [self.stem(square)]
        for stage in self.stages:
            seen.append(stage(seen[-1]))
        return tuple(seen[1:])


def trunk_to_onnx(backbone: Path) -> bytes:
    """Return stem and first three stages as ONNX, kernels as float16."""
    model = Model()
    model.from_imagenet(backbone)
    out = io.BytesIO()
    torch.onnx.export(
        _Trunk(model).eval(),
        (torch.zeros(1, 3, SIDE, SIDE),),
        out,
        input_names=["square"],
        output_names=["stage1", "stage2", "stage3"],
        opset_version=13,
        dynamo=False,
    )
    return halved(out.getvalue())


def group_of(row: Mapping[str, str], groups: dict[str, str]) -> str:
    """Return the root of a person's, a shown face's or a method's group in a forest of names."""
    person = f"person {row['person'] or row['id']}"
    if row["attack_type"].startswith(TAUGHT["generated"]):
        return f"method {row['source']}"
    if row["attack_type"].startswith("face_swap"):
        shown = f"shown {Path(row['source_path']).parent.as_posix()}"
        groups[_root(shown, groups)] = _root(person, groups)
    return _root(person, groups)


def _root(name: str, groups: dict[str, str]) -> str:
    while groups.setdefault(name, name) != name:
        name = groups[name]
    return name


def poorer(rgb: Pixels, points: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Return the face as a poor line delivers it: smaller, and encoded."""
    low, high = points[:468].min(axis=0), points[:468].max(axis=0)
    middle, half = (low + high) / 2, (high - low).max() * 1.1
    left, top = (max(0, int(value)) for value in middle - half)
    right, bottom = (int(value) for value in middle + half)
    rgb, points = rgb[top:bottom, left:right], points - np.array([left, top], np.float32)
    wanted = float(np.exp(rng.uniform(np.log(45), np.log(90))))
    scale = float(np.clip(wanted / np.hypot(*(points[33] - points[263])), 0.3, 1.0))
    if scale < 1:
        rgb = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return through_a_call(np.ascontiguousarray(rgb), rng), points * np.float32(scale)


def looks_of_clip(path: Path, name: str) -> tuple[Array, Array]:
    """Return (n, values) of a clip, twice a second, as it is and poorer."""
    model, rng = RenderingModel(), np.random.default_rng(zlib.crc32(name.encode()))
    plain: list[Floats] = []
    worse: list[Floats] = []
    next_s, next_look_s = 0.0, 0.2
    with Recording(path) as recording, FaceFollower() as follower:
        for frame in recording.frames():
            if frame.time_s < next_s - 1e-3:
                continue
            next_s = max(next_s + 1 / 12, frame.time_s + 1 / 24)
            face = follower.see(frame).face
            if face is None or frame.time_s < next_look_s or face.iod_px < SMALL_IOD_PX:
                continue
            next_look_s = frame.time_s + LOOK_EVERY_S
            points = face.points_px[:, :2]
            plain.append(_look(model, frame.rgb(), points))
            worse.append(_look(model, *poorer(frame.rgb(), points, rng)))
            if len(plain) >= MOST_LOOKS:
                break
    return np.array(plain), np.array(worse)


def look_of_picture(path: Path, name: str) -> Array | None:
    """Return what is seen of a live face after camera and call were drawn; None without a face large enough."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    rgb = read_picture(path).rgb()
    with LandmarkTracker() as tracker:
        found = tracker.track(rgb)
    if found is None:
        return None
    points = np.asarray(found[:, :2], dtype=np.float32)
    iod = float(np.hypot(*(points[33] - points[263])))
    if iod < _LEAST_PICTURE_PX:
        return None
    scale = min(1.0, float(np.exp(rng.uniform(np.log(60), np.log(130)))) / iod)
    seen = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.float32)
    if rng.random() < 0.5:
        seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.3, 0.9)).astype(np.float32)
    if rng.random() < 0.7:
        seen = seen + rng.normal(0, rng.uniform(0.5, 5), seen.shape[:2])[..., None].astype(np.float32)
    if rng.random() < 0.4:
        seen = seen + np.float32(rng.uniform(0.2, 1)) * (seen - cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.7, 1.5)))
    pixels = np.clip(np.round(seen), 0, 255).astype(np.uint8)
    if rng.random() < 0.85:
        pixels = through_a_call(pixels, rng)
    return _look(RenderingModel(), pixels, points * np.float32(scale))


def _look(model: RenderingModel, rgb: Pixels, points: Floats) -> Floats:
    square = face_square(rgb, points)
    return model.look(square.rgb, square.regions)


def read_clips(corpus: Path, kept: Path) -> list[Clip]:
    """Look at all clips of the manifest that teach; what is kept is not looked at again."""
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not is_picture(corpus / row["file"])]
    taught = tuple(kind for kinds in TAUGHT.values() for kind in kinds)
    rows = [row for row in rows if row["label"] == "bonafide" or row["attack_type"].startswith(taught)]
    groups: dict[str, str] = {}
    for row in rows:
        group_of(row, groups)
    todo = [(corpus / row["file"], row["id"], kept) for row in rows]
    with processes() as pool:
        looks = list(pool.map(_kept_clip, todo))
    return [
        Clip(row["id"], row["person"] or row["id"], row["attack_type"], group_of(row, groups), plain, worse)
        for row, (plain, worse) in zip(rows, looks, strict=True)
        if len(plain)
    ]


def _kept_clip(job: tuple[Path, str, Path]) -> tuple[Array, Array]:
    path, name, folder = job
    file = folder / f"{name}.npz"
    if not file.exists():
        plain, worse = looks_of_clip(path, name)
        np.savez(file, plain=plain, poorer=worse)
    with np.load(file) as data:
        return np.asarray(data["plain"]), np.asarray(data["poorer"])


def read_pictures(corpus: Path, kept: Path, seed: int) -> Array:
    """Look at the corpus's pictures of live faces, and at some of its ordinary photographs: (n, values)."""
    file = kept / "pictures.npz"
    if not file.exists():
        with (corpus / "stills.csv").open(newline="", encoding="utf-8") as table_of_stills:
            rows = [row for row in csv.DictReader(table_of_stills) if is_picture(corpus / row["file"])]
        photographs = [row for row in rows if row["label"] == "face_real"]
        order = np.random.default_rng(seed).permutation(len(photographs))
        wanted = [photographs[at] for at in order[:PHOTOGRAPHS]] + [row for row in rows if row["label"] == "bonafide"]
        with processes() as pool:
            found = pool.map(_picture, [(corpus / row["file"], row["id"]) for row in wanted], chunksize=16)
            np.savez(file, looks=np.array([one for one in found if one is not None]))
    with np.load(file) as data:
        return np.asarray(data["looks"])


def _picture(job: tuple[Path, str]) -> Array | None:
    return look_of_picture(*job)


def folds_of(clips: Sequence[Clip], seed: int) -> dict[str, int]:
    """Return the fold of each group; groups with swaps, with animations, and others are each dealt out evenly."""
    rng = np.random.default_rng(seed)
    swapped = {clip.group for clip in clips if clip.kind.startswith(TAUGHT["swapped"])}
    generated = {clip.group for clip in clips if clip.kind.startswith(TAUGHT["generated"])}
    folds = {}
    for names in (swapped, generated, {clip.group for clip in clips} - swapped - generated):
        ordered = sorted(names)
        for place, at in enumerate(rng.permutation(len(ordered))):
            folds[ordered[at]] = place % FOLDS
    return folds


def fit_head(clips: Sequence[Clip], pictures: Array, question: str) -> dict[str, Any]:
    """Learn one head: clips as they are and poorer, and pictures of other people as live ones."""
    part = _PARTS[question]
    taught = [clip for clip in clips if not clip.kind or clip.kind.startswith(TAUGHT[question])]
    live = np.concatenate([clip.plain[:, part] for clip in taught if not clip.kind])
    mean, scale = live.mean(axis=0), live.std(axis=0) + 1e-6

    def held(looks: Array) -> Array:
        return np.asarray(np.clip((looks[:, part] - mean) / scale, -LIMIT, LIMIT))

    values = np.stack([held(looks).mean(axis=0) for clip in taught for looks in (clip.plain, clip.poorer)])
    fake = np.repeat([bool(clip.kind) for clip in taught], 2)
    share = PICTURES_SHARE[question]
    weights = alike(fake, WEIGHT) * np.where(fake, 1.0, 1 - share)
    slopes, bias = weighted_logistic(
        np.concatenate([values, held(pictures)]),
        np.concatenate([fake, np.zeros(len(pictures), dtype=bool)]),
        np.concatenate([weights, np.full(len(pictures), WEIGHT * share / len(pictures))]),
        RIDGE[question],
    )
    return {"mean": mean, "scale": scale, "weights": slopes, "bias": bias}


def heads_for(clips: Sequence[Clip], pictures: Array, network: str) -> dict[str, Any]:
    """Learn both heads, as JSON keeps them."""
    heads = {question: coded(fit_head(clips, pictures, question)) for question in QUESTIONS}
    return {**heads, "network_sha256": network}


def main(arguments: Sequence[str] | None = None) -> None:
    """Look, learn, measure on who was left out, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "models")
    parser.add_argument("--held-out", type=Path, default=Path(__file__).parents[1] / "held_out")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    network = _write_trunk(options.backbone, options.out)
    clips, pictures = read_clips(options.corpus, options.work), read_pictures(options.corpus, options.work, 1)
    print(f"{len(clips)} clips, {len(pictures)} pictures", flush=True)  # noqa: T201
    folds = folds_of(clips, options.seed)
    heads = [
        heads_for([clip for clip in clips if folds[clip.group] != fold], pictures, network) for fold in range(FOLDS)
    ]
    figures: dict[str, Any] = {}
    for title, of in (("as they are", "plain"), ("poorer", "poorer")):
        for question in QUESTIONS:
            scores = {
                clip.id: heads_of(heads[folds[clip.group]])[question].log_odds(getattr(clip, of).astype(np.float32))
                for clip in clips
            }
            figures[f"{question}, {title}"] = {**table(clips, scores), "scores": scores}
            show(f"{question}, who was left out, clips {title}", table(clips, scores))
    (options.work / "figures.json").write_text(json.dumps(figures, indent=1))
    (options.out / "rendering.json").write_text(json.dumps(heads_for(clips, pictures, network)) + "\n")
    unseen = {
        "heads": heads,
        "folds": {person_hash(f"person {clip.person}"): folds[clip.group] for clip in clips},
    }
    (options.held_out / "rendering.json").write_text(json.dumps(unseen, sort_keys=True) + "\n")


def _write_trunk(backbone: Path, out: Path) -> str:
    data = trunk_to_onnx(backbone)
    (out / "rendering.onnx").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    stated = json.loads((out / "models.json").read_text())
    stated["rendering"] = {"sha256": sha256, "cost_ms": 4.0}
    (out / "models.json").write_text(json.dumps(stated, indent=1, sort_keys=True) + "\n")
    return sha256


if __name__ == "__main__":
    main()
