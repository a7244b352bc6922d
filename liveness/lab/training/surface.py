"""Training of the surface head: screens and prints against live faces, by what the general network sees.

``python -m liveness.lab.training.surface CORPUS --cache DIR --work DIR``. DIR of the cache is the one of
:mod:`liveness.lab.training.presentation_pictures`, which finds the faces. Every face is looked at as it is, four times
in another light (two of these at call quality), and once at call quality for measuring alone; the light is drawn as for
the presentation model, so that dark rooms and dim webcams are seen live. The head is then learnt without each fourth of
the groups, the same fourths as that model's, and once from all.

What tells sources apart is no sign of an attack: the ridge on the slopes is raised along the directions in which the
means of sources and persons of one class differ, as within-class covariance normalisation does it in speaker
verification (Hatch et al. 2006).
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from liveness.frames import Floats, Pixels
from liveness.lab import held_out
from liveness.lab.held_out import person_hash
from liveness.lab.processes import processes
from liveness.lab.training.heads import coded, weighted_logistic
from liveness.lab.training.kept import kept_looks
from liveness.lab.training.presentation import lit
from liveness.lab.training.presentation_pictures import (
    Face,
    at_size,
    faces_of,
    read,
    through_a_call,
    trimmed,
    upright,
)
from liveness.lab.training.tables import auc
from liveness.models.runner import card
from liveness.models.surface import Squares, SurfaceModel, surface_squares
from liveness.verdict import family_of

FOLDS: Final = 4
COPIES: Final = 4
RIDGE, BETWEEN, WEIGHT = 5.0, 1.0, 50.0
"""Prior on the slopes; by how much it is raised along what tells sources apart; what each class weighs in all."""
PERSON: Final = 0.3
"""A person of the clips counts so much beside a source of pictures."""
_DIM = {"attack": 0.25, "bonafide": 0.45}

Array = npt.NDArray[Any]


def looks_at(face: Face) -> Array:
    """Return (2 + COPIES, values): as it is, at call quality, and in other lights."""
    rng = np.random.default_rng(zlib.crc32(face.path.encode()))
    model = SurfaceModel()
    rgb, points = upright(read(face.path), face.points)
    small, places = at_size(*trimmed(rgb, points, 3.2), 150.0)
    plain, call = surface_squares(rgb, points), surface_squares(through_a_call(small, rng), places)
    looks = [model.look(plain), model.look(call)]
    for copy in range(COPIES):
        dim = np.array([rng.random() < _DIM[face.label]])
        looks.append(model.look(_in_another_light(plain if copy % 2 else call, dim, rng)))
    return np.array(looks)


def _in_another_light(squares: Squares, dim: Array, rng: np.random.Generator) -> Squares:
    def marked(pixels: Pixels) -> Array:
        there = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        return np.asarray(np.concatenate([pixels, there], axis=2)[None])

    given = {name: marked(getattr(squares, name)) for name in ("face", "around", "detail")}
    seen = {name: np.asarray(one[0, ..., :3], dtype=np.uint8) for name, one in lit(given, dim, rng).items()}
    return Squares(seen["face"], seen["around"], seen["detail"])


def fit_head(looks: Array, attack: Array, groups: Array) -> dict[str, Any]:
    """Learn the head.

    Parameters
    ----------
    looks
        (n, copies, values) of each face.
    attack, groups
        (n,) its class and its group.
    """
    live = looks[~attack].reshape(-1, looks.shape[2])
    mean, scale = live.mean(axis=0), live.std(axis=0) + 1e-6
    z = np.clip((looks - mean) / scale, -4, 4)
    weights, means = np.zeros(len(attack)), []
    for wanted in (False, True):
        names = sorted(set(groups[attack == wanted].tolist()))
        each = []
        for name in names:
            of = (groups == name) & (attack == wanted)
            weights[of] = (1.0 if name.startswith("source") else PERSON) / np.sqrt(of.sum())
            each.append(z[of].mean(axis=(0, 1)))
        weights[attack == wanted] *= WEIGHT / weights[attack == wanted].sum()
        means.append(np.array(each) - np.mean(each, axis=0))
    apart = np.concatenate(means)
    metric = np.eye(z.shape[2]) + BETWEEN * apart.T @ apart / len(apart)
    root = np.linalg.cholesky(np.linalg.inv(metric))
    copies = z.shape[1]
    slopes, bias = weighted_logistic(
        z.reshape(-1, z.shape[2]) @ root, np.repeat(attack, copies), np.repeat(weights / copies, copies), RIDGE
    )
    return {"mean": mean, "scale": scale, "weights": root @ slopes, "bias": bias}


def fold_of(groups: Array) -> Array:
    """Return the fold of each face, that of the presentation model's networks."""
    stated = json.loads((Path(held_out.__file__).parent / "presentation.json").read_text())["folds"]
    return np.array([stated.get(person_hash(name), zlib.crc32(name.encode()) % FOLDS) for name in groups.tolist()])


def _judged(head: Mapping[str, Any], looks: Floats) -> Array:
    z = np.clip((looks - np.asarray(head["mean"])) / np.asarray(head["scale"]), -4, 4)
    return np.asarray(z @ np.asarray(head["weights"]) + head["bias"])


def figures(scores: Array, attack: Array, groups: Array) -> Iterator[str]:
    """Yield lines: all pictures together, and each source by itself."""
    pictures = np.char.startswith(groups, "source")
    live, shown = scores[pictures & ~attack], scores[pictures & attack]
    within = {}
    for name in sorted(set(groups[pictures & attack].tolist())):
        of = groups == name
        if (of & ~attack).any():
            within[name] = auc(scores[of & ~attack].tolist(), scores[of & attack].tolist())
    missed = float((shown < np.quantile(live, 0.95)).mean())
    yield f"pooled {auc(live.tolist(), shown.tolist()):.3f}, within a source {np.mean(list(within.values())):.3f}"
    yield f"at BPCER 5 %: APCER {missed:.0%}; above even odds: {(live > 0).mean():.0%} of the live"
    for name, value in within.items():
        of = groups == name
        yield f"{value:.3f} {name}: {(scores[of & ~attack] > 0).mean():.0%} of the live above even odds"


def _looks(faces: Sequence[Face]) -> Array:
    with processes() as pool:
        return np.array(list(pool.map(looks_at, faces, chunksize=8)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Look, learn, measure on groups left out, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args(arguments)
    faces = [
        face
        for face in faces_of(options.corpus, options.cache)
        if face.label == "bonafide" or (face.label == "attack" and family_of(face.attack_type) == "presentation")
    ]
    options.work.mkdir(parents=True, exist_ok=True)
    looks = kept_looks(options.work, "surface", lambda: {"looks": _looks(faces)})["looks"]
    attack = np.array([face.label == "attack" for face in faces])
    groups = np.array([face.group for face in faces])
    folds = fold_of(groups)
    taught = np.delete(looks, 1, axis=1)
    heads = [fit_head(taught[folds != fold], attack[folds != fold], groups[folds != fold]) for fold in range(FOLDS)]
    for at, title in enumerate(("as they are", "at call quality")):
        scores = np.array([_judged(heads[fold], look) for fold, look in zip(folds, looks[:, at], strict=True)])
        print(f"== {title}", *figures(scores, attack, groups), sep="\n  ")  # noqa: T201
        np.save(options.work / f"surface_scores{at}.npy", scores)
    network = {"network_sha256": card("general").sha256}
    package = Path(__file__).parents[2]
    whole = {**coded(fit_head(taught, attack, groups)), **network}
    (package / "models" / "surface.json").write_text(json.dumps(whole) + "\n")
    named = {person_hash(name): int(fold) for name, fold in zip(groups.tolist(), folds, strict=True)}
    unseen = {"heads": [{**coded(head), **network} for head in heads], "folds": named}
    (package / "lab" / "held_out" / "surface.json").write_text(json.dumps(unseen, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
