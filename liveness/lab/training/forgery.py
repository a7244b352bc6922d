"""Training of the face-forgery model: a small network on the unrolled contour of a face.

``python -m liveness.lab.training.forgery CORPUS --strips DIR --work DIR --out FOLDER`` after
``liveness.lab.training.faces`` and ``liveness.lab.training.strips``; docs/models/forgery.md has the three commands.
The network learns from self-blended pictures alone, and has seen nobody of the corpus. What it sees is then frozen: a
regularised logistic regression learns from the corpus's swaps what that means, once for each fifth of the persons
and once for all. ``--fine-tune`` trains the networks themselves on the corpus, for comparison (it is worse). Every
network is kept in the work folder, and not trained again.
"""

# mypy: disable-error-code="misc, untyped-decorator"

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from liveness.lab.held_out import person_hash
from liveness.lab.training.heads import alike, coded, weighted_logistic
from liveness.lab.training.tables import show, table
from liveness.measures.unrolled_contour import strip_profile

FOLDS = 5
PRETRAIN_STEPS, FINE_STEPS, BATCH = 700, 200, 64
SWAPS = ("face_swap",)
"""Attack types that teach: others have no seam, are few, and stand for tools that nobody has seen yet."""
RIDGE, WEIGHT = 10.0, 30.0
"""Strength of the prior on the head's slopes; what each class weighs in all."""


class Net(nn.Module):
    """Five convolutions; the fifth sees from the inside of the face to the outside; then what is mean and most."""

    def __init__(self, wide: int = 1) -> None:
        super().__init__()
        a, b, c, d = 16 * wide, 24 * wide, 32 * wide, 48 * wide
        self.body = nn.Sequential(
            *_block(4, a, (3, 3), (2, 2), (1, 1)),
            *_block(a, b, (3, 3), (2, 2), (1, 1)),
            *_block(b, c, (3, 3), (1, 1), (1, 1)),
            *_block(c, c, (3, 3), (2, 2), (1, 1)),
            *_block(c, d, (6, 3), (1, 1), (0, 1)),
        )
        self.drop = nn.Dropout(0.4)
        self.head = nn.Linear(2 * d, 1)

    def features(self, strips: Tensor) -> Tensor:
        """Return (n, 2 d) features of (n, 4, 48, 256) strips."""
        found = self.body(strips)
        return torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)

    def forward(self, strips: Tensor) -> Tensor:
        """Return (n, 1) log odds of a forgery."""
        return self.head(self.drop(self.features(strips)))


class _Features(nn.Module):
    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, strips: Tensor) -> Tensor:
        return self.net.features(strips)


def _block(
    inside: int, outside: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> list[nn.Module]:
    return [
        nn.Conv2d(inside, outside, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    ]


@dataclass(frozen=True, slots=True)
class Clip:
    """Strips of one clip."""

    id: str
    person: str
    kind: str
    """Empty for bona fide."""
    plain: Any
    poorer: Any
    blended: Any


def read_clips(corpus: Path, strips: Path) -> list[Clip]:
    """Read the strips of all clips in which a face was found."""
    clips = []
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        path = strips / f"{row['id']}.npz"
        if not path.exists():
            continue
        with np.load(path) as data:
            if len(data["strips"]):
                person = row["person"] or row["id"]
                clips.append(
                    Clip(row["id"], person, row["attack_type"], data["strips"], data["poorer"], data["blended"])
                )
    return clips


def read_pictures(corpus: Path, strips: Path, label: str = "face_real") -> Any:
    """Read the strips of pictures: (n, 2, 4, 48, 256), real and self-blended."""
    with (corpus / "stills.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == label]
    found = []
    for row in rows:
        path = strips / f"{row['id']}.npz"
        if path.exists():
            with np.load(path) as data:
                if len(data["strips"]):
                    found.append(data["strips"])
    pairs = np.concatenate(found)
    return pairs.reshape(-1, 2, *pairs.shape[1:])


def person_folds(clips: Sequence[Clip], seed: int) -> dict[str, int]:
    """Return the fold of each person; persons with swaps are spread evenly, and so are the others."""
    rng = np.random.default_rng(seed)
    swapped = sorted({clip.person for clip in clips if clip.kind.startswith(SWAPS)})
    others = sorted({clip.person for clip in clips} - set(swapped))
    folds = {}
    for names in (swapped, others):
        for place, at in enumerate(rng.permutation(len(names))):
            folds[names[at]] = place % FOLDS
    return folds


Draw = Callable[[np.random.Generator, int], tuple[Any, Any]]


def drawn_pictures(pairs: Any) -> Draw:
    """Draw real and self-blended pictures, never both of a pair."""

    def draw(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
        at = rng.integers(len(pairs), size=count)
        fake = rng.random(count) < 0.5
        return pairs[at, fake.astype(int)], fake

    return draw


def drawn_clips(clips: Sequence[Clip], kinds: tuple[str, ...]) -> Draw:
    """Draw looks of clips: a person first, then a clip, then a look; half bona fide, half forged."""
    real: dict[str, list[Clip]] = {}
    fake: dict[str, list[Clip]] = {}
    for clip in clips:
        if not clip.kind:
            real.setdefault(clip.person, []).append(clip)
        elif clip.kind.startswith(kinds):
            fake.setdefault(clip.person, []).append(clip)
    names, forged = sorted(real), sorted(fake)
    # Persons of whom there are swaps stand for half of the real ones too: the same cameras in both classes.
    both = [name for name in forged if name in real]

    def draw(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
        strips, labels = [], []
        for _ in range(count):
            label = rng.random() < 0.5
            if label and (not forged or rng.random() < 0.3):
                clip = _one(rng, real[_one(rng, names)])
                pool = clip.blended
            elif label:
                clip = _one(rng, fake[_one(rng, forged)])
                pool = clip.poorer if rng.random() < 0.4 else clip.plain
            else:
                clip = _one(rng, real[_one(rng, both if both and rng.random() < 0.5 else names)])
                pool = clip.poorer if rng.random() < 0.4 else clip.plain
            if not len(pool):
                pool, label = clip.plain, bool(clip.kind)
            strips.append(pool[int(rng.integers(len(pool)))])
            labels.append(label)
        return np.array(strips), np.array(labels)

    return draw


def _one(rng: np.random.Generator, things: Sequence[Any]) -> Any:
    return things[int(rng.integers(len(things)))]


def _augmented(strips: Any, labels: Any, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    x = strips.astype(np.float32)
    for at in range(len(x)):
        if rng.random() < 0.5:
            x[at] = x[at, :, :, ::-1]
        x[at, 0] *= np.exp(rng.normal(0, 0.25))
        x[at, 1:] += rng.normal(0, 0.1, (3, 1, 1))
        if rng.random() < 0.5:
            start, length = int(rng.integers(256)), int(rng.integers(16, 80))
            x[at][:, :, np.arange(start, start + length) % 256] = 0.0
        x[at] = np.roll(x[at], int(rng.integers(-4, 5)), axis=2)
        shift = int(rng.integers(-2, 3))
        if shift:
            x[at] = np.roll(x[at], shift, axis=1)
    y = labels.astype(np.float32)
    share = rng.beta(0.3, 0.3, len(x)).astype(np.float32)
    order = rng.permutation(len(x))
    x = share[:, None, None, None] * x + (1 - share)[:, None, None, None] * x[order]
    y = share * y + (1 - share) * y[order]
    return torch.from_numpy(np.ascontiguousarray(x, np.float32)), torch.from_numpy(0.03 + 0.94 * y)


def train(net: Net, sources: Sequence[tuple[Draw, int]], *, steps: int, rate: float, seed: int) -> None:
    """Train in place: every batch has so many of each source."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.15)
    net.train()
    mean = 0.0
    for step in range(steps):
        drawn = [draw(rng, count) for draw, count in sources]
        x, y = _augmented(np.concatenate([one for one, _ in drawn]), np.concatenate([one for _, one in drawn]), rng)
        loss = nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        now = float(loss.detach())
        mean += (now - mean) * 0.03 if step else now
        if step % 60 == 59:
            print(f"step {step + 1} of {steps}: loss {mean:.3f}", flush=True)  # noqa: T201
    net.eval()


@torch.no_grad()
def score(net: Net, strips: Any) -> Any:
    """Return the log odds of each strip."""
    net.eval()
    parts = [net(torch.from_numpy(strips[at : at + 64].astype(np.float32)))[:, 0] for at in range(0, len(strips), 64)]
    return torch.cat(parts).numpy()


def kept(path: Path, make: Callable[[], Net]) -> Net:
    """Return the network in a file, or make it and keep it there."""
    net = Net()
    if path.exists():
        net.load_state_dict(torch.load(path, weights_only=True))
        net.eval()
        return net
    net = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), path)
    return net


def export(net: Net, path: Path) -> str:
    """Write a network as ONNX, batch of one; return its SHA-256."""
    net.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(1, 4, 48, 256)
    torch.onnx.export(
        _Features(net),
        (example,),
        str(path),
        input_names=["strip"],
        output_names=["features"],
        opset_version=13,
        dynamo=False,
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()


@torch.no_grad()
def looked_at(net: Net, strips: Any) -> Any:
    """Return the mean of what the model sees in each strip: the network's features, then the strip's profile."""
    net.eval()
    strips = strips.astype(np.float32)
    parts = [net.features(torch.from_numpy(strips[at : at + 64])) for at in range(0, len(strips), 64)]
    profiles = np.array([strip_profile(strip) for strip in strips])
    return np.hstack([torch.cat(parts).numpy(), profiles]).mean(axis=0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model saw of every clip: as it is, and at another call quality."""

    plain: Any
    poorer: Any


def fit_head(clips: Sequence[Clip], seen: Seen, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Learn the head from some clips (those of ``seen``'s rows), both classes weighing alike."""
    taught = np.array([not clip.kind or clip.kind.startswith(kinds) for clip in clips])
    fake = np.array([bool(clip.kind) for clip in clips])[taught]
    mean = seen.plain[taught].mean(axis=0)
    scale = seen.plain[taught].std(axis=0) + 1e-6
    both = np.clip((np.vstack([seen.plain[taught], seen.poorer[taught]]) - mean) / scale, -3, 3)
    fake = np.tile(fake, 2)
    slopes, bias = weighted_logistic(both, fake, alike(fake, WEIGHT), RIDGE)
    return {"mean": mean, "scale": scale, "weights": slopes, "bias": bias}


def judged(head: Mapping[str, Any], values: Any) -> float:
    """Return the log odds of one clip."""
    return float(head["bias"] + np.clip((values - head["mean"]) / head["scale"], -3, 3) @ head["weights"])


def clip_score(net: Net, clip: Clip) -> float:
    """Return the mean log odds over a clip."""
    return float(score(net, clip.plain).mean())


def write(
    net: Net,
    whole: Mapping[str, Any],
    heads: Sequence[Mapping[str, Any]],
    folds: Mapping[str, int],
    *,
    out: Path,
    held_out: Path,
) -> None:
    """Write the network, the head learnt from all persons, and the heads that left a fifth of them out."""
    sha256 = export(net, out / "forgery.onnx")
    stated = out / "models.json"
    cards = json.loads(stated.read_text()) if stated.exists() else {}
    cards["forgery"] = {"sha256": sha256, "cost_ms": 3.0}
    stated.write_text(json.dumps(cards, indent=1, sort_keys=True) + "\n")
    (out / "forgery.json").write_text(json.dumps({**coded(whole), "network_sha256": sha256}) + "\n")
    unseen = {
        "heads": [{**coded(head), "network_sha256": sha256} for head in heads],
        "folds": {person_hash(f"person {person}"): fold for person, fold in sorted(folds.items())},
    }
    (held_out / "forgery.json").write_text(json.dumps(unseen) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure on persons left out, and write the networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--strips", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="write the networks as ONNX here")
    parser.add_argument("--held-out", type=Path, help="write the heads that have not seen a fifth of the persons here")
    parser.add_argument("--fine-tune", action="store_true", help="train the networks on the corpus too, to compare")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    clips, pairs = read_clips(options.corpus, options.strips), read_pictures(options.corpus, options.strips)
    print(f"{len(clips)} clips, {len(pairs)} pairs of pictures", flush=True)  # noqa: T201
    pictures = drawn_pictures(pairs)

    def first() -> Net:
        torch.manual_seed(options.seed)
        net = Net()
        train(net, [(pictures, BATCH)], steps=PRETRAIN_STEPS, rate=4e-3, seed=options.seed)
        return net

    base = kept(options.work / "blended.pt", first)
    figures = {"self-blended pictures alone": table(clips, {clip.id: clip_score(base, clip) for clip in clips})}
    show("self-blended pictures alone", figures["self-blended pictures alone"])
    folds = person_folds(clips, options.seed)

    def tuned(fold: int | None) -> Net:
        def make() -> Net:
            net = Net()
            net.load_state_dict(base.state_dict())
            inside = [clip for clip in clips if folds[clip.person] != fold]
            sources = [(pictures, BATCH // 2), (drawn_clips(inside, SWAPS), BATCH // 2)]
            train(net, sources, steps=FINE_STEPS, rate=1.5e-3, seed=options.seed + (0 if fold is None else fold + 1))
            return net

        return kept(options.work / f"fold{fold}.pt", make)

    if options.fine_tune:
        nets = [tuned(fold) for fold in range(FOLDS)]
        scores = {clip.id: clip_score(nets[folds[clip.person]], clip) for clip in clips}
        figures["fine-tuned"] = table(clips, scores)
        show("networks fine-tuned on swaps, persons left out", figures["fine-tuned"])

    seen = Seen(
        np.array([looked_at(base, clip.plain) for clip in clips]),
        np.array([looked_at(base, clip.poorer if len(clip.poorer) else clip.plain) for clip in clips]),
    )
    heads = []
    for fold in range(FOLDS):
        inside = np.array([folds[clip.person] != fold for clip in clips])
        some = [clip for clip, kept_in in zip(clips, inside, strict=True) if kept_in]
        heads.append(fit_head(some, Seen(seen.plain[inside], seen.poorer[inside]), SWAPS))
    for title, values in (("as they are", seen.plain), ("at another call quality", seen.poorer)):
        scores = {clip.id: judged(heads[folds[clip.person]], values[at]) for at, clip in enumerate(clips)}
        figures[title] = {**table(clips, scores), "scores": scores}
        show(f"head on swaps, persons left out, clips {title}", table(clips, scores))
    (options.work / "figures.json").write_text(json.dumps(figures, indent=1))
    if options.out:
        held_out = options.held_out or options.out
        write(base, fit_head(clips, seen, SWAPS), heads, folds, out=options.out, held_out=held_out)


if __name__ == "__main__":
    main()
