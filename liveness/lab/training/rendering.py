"""Training of the rendering model: heads on what a general network sees in the regions of a face.

``python -m liveness.lab.training.rendering CORPUS --work DIR [--out FOLDER --held-out FOLDER]``. Clips, and pictures of
live faces, are looked at once and kept in DIR. The heads are then learnt once for each fifth of the persons and once
for all.

Folds keep apart more than persons: all clips onto which the same face was swapped (named by their folder in the
source) and the persons in them are one group, and all animations of one source, which stands for a method.
"""

from __future__ import annotations

import argparse
import csv
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from liveness.faces.landmarks import LandmarkTracker
from liveness.faces.tracking import FaceFollower
from liveness.frames import Floats, Pixels
from liveness.lab.held_out import person_hash
from liveness.lab.processes import processes
from liveness.lab.training.heads import alike, coded, weighted_logistic
from liveness.lab.training.kept import kept_looks
from liveness.lab.training.presentation_pictures import through_a_call
from liveness.lab.training.tables import show, table
from liveness.measures.conditions import SMALL_IOD_PX
from liveness.measures.face_square import face_square
from liveness.media import Recording, is_picture, read_picture
from liveness.models.heads import held
from liveness.models.rendering import LIMIT, QUESTIONS, REGIONAL_SIZE, Heads, RenderingModel, summaries
from liveness.models.runner import card

FOLDS: Final = 5
LOOK_EVERY_S: Final = 0.5
MOST_LOOKS: Final = 24
WINDOW, STEP, LEAST_LOOKS = 8, 4, 4
"""Looks are gathered as the signal gathers them, so many at a time; clips with fewer than the least teach nothing."""
PHOTOGRAPHS: Final = 1600
WEIGHT: Final = 50.0
"""What each class weighs in all."""
RIDGE: Final = {"swapped": 10.0, "generated": 3.0, "varying": 10.0}
_GENERATED = ("photo_animation", "reenactment", "lip_sync")
TAUGHT: Final = {"swapped": ("face_swap",), "generated": _GENERATED, "varying": _GENERATED}
"""Attack types that teach each head."""
PICTURES_SHARE: Final = {"swapped": 0.3, "generated": 0.7, "varying": 0.0}
"""So much of what is live is pictures: far more people and cameras than the clips have. They do not vary."""
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
        if len(plain) >= LEAST_LOOKS
    ]


def _kept_clip(job: tuple[Path, str, Path]) -> tuple[Array, Array]:
    path, name, folder = job
    kept = kept_looks(folder, name, lambda: dict(zip(("plain", "poorer"), looks_of_clip(path, name), strict=True)))
    return kept["plain"], kept["poorer"]


def read_pictures(corpus: Path, kept: Path, seed: int) -> Array:
    """Look at the corpus's pictures of live faces, and at some of its ordinary photographs: (n, values)."""
    return kept_looks(kept, "pictures", lambda: {"looks": _pictures(corpus, seed)})["looks"]


def _pictures(corpus: Path, seed: int) -> Array:
    with (corpus / "stills.csv").open(newline="", encoding="utf-8") as table_of_stills:
        rows = [row for row in csv.DictReader(table_of_stills) if is_picture(corpus / row["file"])]
    photographs = [row for row in rows if row["label"] == "face_real"]
    order = np.random.default_rng(seed).permutation(len(photographs))
    wanted = [photographs[at] for at in order[:PHOTOGRAPHS]] + [row for row in rows if row["label"] == "bonafide"]
    with processes() as pool:
        found = pool.map(_picture, [(corpus / row["file"], row["id"]) for row in wanted], chunksize=16)
        return np.array([one for one in found if one is not None])


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


def windows(looks: Array) -> list[Array]:
    """Return the looks of a clip as they are gathered."""
    starts = range(0, max(1, len(looks) - LEAST_LOOKS + 1), STEP)
    return [looks[start : start + WINDOW] for start in starts]


def seen_in(looks: Array, mean: Array, scale: Array) -> dict[str, Array]:
    """Return what each head is shown of a clip: the mean over its windows."""
    each = [summaries(window, mean, scale) for window in windows(looks)]
    return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}


def fit_heads(clips: Sequence[Clip], pictures: Array) -> dict[str, Any]:
    """Learn the heads, as JSON keeps them: clips as they are and poorer, and pictures of other people as live ones."""
    live = np.concatenate([clip.plain for clip in clips if not clip.kind])
    mean, scale = live.mean(axis=0), live.std(axis=0) + 1e-6
    seen = [(clip, [seen_in(looks, mean, scale) for looks in (clip.plain, clip.poorer)]) for clip in clips]
    alone = held(pictures, mean, scale, LIMIT)
    shown = {"swapped": alone[:, :REGIONAL_SIZE], "generated": alone[:, REGIONAL_SIZE:]}
    heads = {}
    for name, taught in TAUGHT.items():
        some = [(clip, both) for clip, both in seen if not clip.kind or clip.kind.startswith(taught)]
        fake = np.repeat([bool(clip.kind) for clip, _ in some], 2)
        values = np.array([one[name] for _, both in some for one in both])
        heads[name] = coded(_fit_head(name, values, fake, shown.get(name, values[:0])))
    return {**heads, **coded({"mean": mean, "scale": scale}), "network_sha256": card("general").sha256}


def _fit_head(name: str, values: Array, fake: Array, pictures: Array) -> dict[str, Any]:
    mean, scale = np.zeros(values.shape[1], np.float32), np.ones(values.shape[1], np.float32)
    if name == "varying":
        mean, scale = values[~fake].mean(axis=0), values[~fake].std(axis=0) + 1e-6
    share = PICTURES_SHARE[name]
    weights = alike(fake, WEIGHT) * np.where(fake, 1.0, 1 - share)
    slopes, bias = weighted_logistic(
        held(np.concatenate([values, pictures]), mean, scale, LIMIT),
        np.concatenate([fake, np.zeros(len(pictures), dtype=bool)]),
        np.concatenate([weights, np.full(len(pictures), WEIGHT * share / max(len(pictures), 1))]),
        RIDGE[name],
    )
    return {"mean": mean, "scale": scale, "weights": slopes, "bias": bias}


def main(arguments: Sequence[str] | None = None) -> None:
    """Look, learn, measure on who was left out, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "models")
    parser.add_argument("--held-out", type=Path, default=Path(__file__).parents[1] / "held_out")
    parser.add_argument("--seed", type=int, default=1, help="draws the folds")
    parser.add_argument("--dry", action="store_true", help="measure only, write nothing")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    clips, pictures = read_clips(options.corpus, options.work), read_pictures(options.corpus, options.work, 1)
    print(f"{len(clips)} clips, {len(pictures)} pictures", flush=True)  # noqa: T201
    folds = folds_of(clips, options.seed)
    unseen = [fit_heads([clip for clip in clips if folds[clip.group] != fold], pictures) for fold in range(FOLDS)]
    figures: dict[str, Any] = {}
    for title, of in (("as they are", "plain"), ("poorer", "poorer")):
        judged = {clip.id: _judged(Heads.of(unseen[folds[clip.group]]), getattr(clip, of)) for clip in clips}
        for question in QUESTIONS:
            scores = {name: one[question] for name, one in judged.items()}
            figures[f"{question}, {title}"] = {**table(clips, scores), "scores": scores}
            show(f"{question}, who was left out, clips {title}", table(clips, scores))
    (options.work / f"figures{options.seed}.json").write_text(json.dumps(figures, indent=1))
    if options.dry:
        return
    (options.out / "rendering.json").write_text(json.dumps(fit_heads(clips, pictures)) + "\n")
    named = {person_hash(f"person {clip.person}"): folds[clip.group] for clip in clips}
    (options.held_out / "rendering.json").write_text(
        json.dumps({"heads": unseen, "folds": named}, sort_keys=True) + "\n"
    )


def _judged(heads: Heads, looks: Array) -> dict[str, float]:
    each = [heads.log_odds(window.astype(np.float32)) for window in windows(looks)]
    return {question: float(np.mean([one[question] for one in each])) for question in QUESTIONS}


if __name__ == "__main__":
    main()
