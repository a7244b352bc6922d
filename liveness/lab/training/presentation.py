"""Train the presentation model: screens and prints against live faces, tested on sources and persons not seen.

``python -m liveness.lab.training.presentation CACHE OUT --backbone WEIGHTS`` reads what
:mod:`liveness.lab.training.presentation_pictures` made and writes OUT/fold0.onnx …, each of which has not seen the
groups of its fold, OUT/presentation.onnx, which has seen all (only with ``--final``), and OUT/unseen.npz, the scores of
all pictures by the model that has not seen their group. A fold that is there is not trained again. WEIGHTS are those
of EfficientNet-Lite0, learnt from ImageNet (Apache-2.0), as a state dictionary of torch; the first four of its seven
stages are used.

Every batch is paired: to each attack comes a live face of the same source, or the picture that was filmed, or another
that the lab's camera filmed, so that what a source has of its own says nothing about the class.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from liveness.lab.training.trunk import STAGES, Block, stages, take_over
from liveness.models.presentation import AROUND_SIDE, DETAIL_SIDE, FACE_SIDE, evened

FOLDS = 4
STEPS = 400
SQUARES = {"face": FACE_SIDE, "around": AROUND_SIDE, "detail": DETAIL_SIDE}
_REACH = {"face": 1.2, "around": 2.7, "detail": 0.6}
"""Size of each square, in faces."""
_KEPT = 2
"""So many stages (and the stem) stay as ImageNet left them."""
_SHARE = 0.6
"""Of the sum of the squares' log odds: they are not independent."""
_LEFT_OUT = (0.15, 0.3, 0.15)
"""Chance of each square to be left out of the sum, so that each learns by itself."""

Array = npt.NDArray[Any]


class Model(nn.Module):  # type: ignore[misc]
    """One trunk for all squares; a linear head for each on the mean and the maximum of all stages but the first."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU6())
        self.stages = stages()
        count = 2 * sum(stage[-1] for stage in STAGES[1:])
        self.norms = nn.ModuleList(nn.BatchNorm1d(count, affine=False) for _ in SQUARES)
        self.heads = nn.ModuleList(nn.Linear(count, 1) for _ in SQUARES)
        for head in self.heads:
            nn.init.zeros_(head.weight)
        self.drop = nn.Dropout(0.3)

    def forward(self, squares: Sequence[Any]) -> Any:
        """Return (n, 3) log odds by each square."""
        found = []
        for square, norm, head in zip(squares, self.norms, self.heads, strict=True):
            seen: list[Any] = [square]
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self.training):
                seen[0] = self.stem(square)
                for stage in self.stages[:_KEPT]:
                    seen.append(stage(seen[-1]))
            seen = [y.float() for y in seen]
            for stage in self.stages[_KEPT:]:
                seen.append(stage(seen[-1]))
            # Neither the stem nor the first stage is looked at.
            seen = seen[2:]
            pooled = [y.mean(dim=(2, 3)) for y in seen] + [y.amax(dim=(2, 3)) for y in seen]
            found.append(head(self.drop(norm(torch.cat(pooled, dim=1))))[:, 0])
        return torch.stack(found, dim=1)

    def from_imagenet(self, path: Path) -> None:
        """Take over the weights of EfficientNet-Lite0; they stand in the order of its layers."""
        take_over(self, torch.load(path, map_location="cpu", weights_only=True))


def fold_of(groups: Sequence[str], attack: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Return the fold of each group: sources dealt out in turn, those with attacks first, persons by their hash."""
    with_attacks = {group for group, is_attack in zip(groups, attack, strict=True) if is_attack}
    sources = sorted({group for group in groups if group.startswith("source ")})
    dealt = sorted(sources, key=lambda group: (group not in with_attacks, group))
    folds = {group: at % FOLDS for at, group in enumerate(dealt)}
    return folds | {group: zlib.crc32(group.encode()) % FOLDS for group in set(groups) if group not in folds}


def _batches(data: dict[str, Array], inside: npt.NDArray[np.bool_], rng: np.random.Generator) -> Iterator[Array]:
    """Yield what to learn from together, paired as is said above."""
    attack, real, group = data["label"] == "attack", data["real"], data["group"]
    person = np.char.startswith(group, "person ")

    def where(wanted: Array) -> Array:
        return np.flatnonzero(inside & wanted)

    sources = sorted(set(group[where(attack & real & ~person)].tolist()))
    shown = [where(attack & real & (group == name)) for name in sources]
    live = [where((data["label"] == "bonafide") & real & (group == name)) for name in sources]
    manifest, filmed = where(attack & real & person), where(attack & ~real)
    by_the_lab = where(~attack & ~real & (data["pair"] < 0))
    others = [
        where(~attack & real & (group == name))
        for name in sorted(set(group[where((data["label"] == "bonafide") & real)].tolist()) - set(sources))
    ]
    photographs = where(data["label"] == "face_real")
    while True:
        at = []
        for number in rng.choice(len(sources), 8):
            at += [rng.choice(shown[number]), rng.choice(live[number])]
        if len(manifest):
            at.append(rng.choice(manifest))
        for number in range(5):
            one = rng.choice(filmed)
            at += [one, data["pair"][one] if number < 2 else rng.choice(by_the_lab)]
        at += [rng.choice(others[rng.integers(len(others))]) for _ in range(4)]
        yield np.array([*at, *rng.choice(photographs, 2)])


def lit(
    squares: dict[str, Array], dim: npt.NDArray[np.bool_], rng: np.random.Generator
) -> dict[str, npt.NDArray[np.float32]]:
    """Change what has nothing to do with the class: sides, colours, brightness, a lamp at one side.

    Parameters
    ----------
    squares
        (n, side, side, 4) RGB and what lies inside the picture, 0–255.
    dim
        (n,) which are to look like a webcam in a dark room besides: little light, mostly blue, a veil of stray
        light, noise, and all of it rounded to the few levels that are left.
    rng
        Draws everything.
    """
    count = len(dim)
    colour = np.exp(rng.normal(size=(count, 3)) * [0.25, 0.08, 0.3] + 0.35 * rng.normal(size=(count, 1)))
    light = np.where(dim, np.exp(rng.uniform(np.log(0.12), np.log(0.6), count)), 1.0)
    blue = np.where(
        (dim & (rng.random(count) < 0.6))[:, None],
        np.exp(-np.abs(rng.normal(size=(count, 1))) * [0.6, 0.25, 0.0]),
        1.0,
    )
    gamma = np.exp(0.2 * rng.normal(size=count))
    saturation = np.exp(0.35 * rng.normal(size=count)) * (rng.random(count) > 0.2)
    noise = np.where(dim, rng.uniform(0.002, 0.02, count), 0)
    veil = np.where(dim & (rng.random(count) < 0.5), rng.uniform(0.02, 0.2, count), 0) * np.minimum(1, 2 * light)
    veil_colour = rng.uniform(0.5, 1.2, (count, 3)) * [0.8, 1.0, 1.25]
    lamp = (rng.random(count) < 0.35) * rng.uniform(0.1, 1.0, count)
    angle, tint = rng.uniform(0, 2 * np.pi, count), 0.15 * rng.normal(size=(count, 3))
    smooth, flipped = rng.random(count) < 0.6, rng.random(count) < 0.5
    made = {}
    for name, square in squares.items():
        side = square.shape[1]
        down, across = np.meshgrid(np.linspace(-0.5, 0.5, side), np.linspace(-0.5, 0.5, side), indexing="ij")
        result = np.empty(square.shape, dtype=np.float32)
        for at in range(count):
            x = square[at, ..., :3].astype(np.float32) / 255
            grey = x.mean(axis=2, keepdims=True)
            x = np.maximum(grey + (x - grey) * np.float32(saturation[at]), 1e-3) ** np.float32(gamma[at])
            x = x * (colour[at] * blue[at] * light[at]).astype(np.float32)
            if lamp[at] > 0:
                ramp = np.tanh((across * np.cos(angle[at]) + down * np.sin(angle[at])) * _REACH[name] * 2)
                x = x * np.exp(ramp[..., None] * (lamp[at] + tint[at])).astype(np.float32)
            x = x + (veil[at] * veil_colour[at]).astype(np.float32)
            if noise[at] > 0:
                wave = rng.standard_normal((side, side, 3), dtype=np.float32)
                wave = 0.6 * wave + 0.4 * wave.mean(axis=2, keepdims=True)
                x = x + np.float32(noise[at]) * (2 * cv2.GaussianBlur(wave, (0, 0), 0.8) if smooth[at] else wave)
            result[at, ..., :3], result[at, ..., 3] = np.round(np.clip(x, 0, 1) * 255), square[at, ..., 3]
            if flipped[at]:
                result[at] = result[at, :, ::-1].copy()
        made[name] = result
    return made


def _tensors(squares: dict[str, Array]) -> list[Any]:
    count = len(squares["face"])
    each = [evened({name: squares[name][at] for name in SQUARES}) for at in range(count)]
    return [
        torch.from_numpy(np.concatenate([one[name] for one in each])).contiguous(memory_format=torch.channels_last)
        for name in SQUARES
    ]


def train(data: dict[str, Array], inside: npt.NDArray[np.bool_], backbone: Path, seed: int, steps: int) -> Model:
    """Train on the pictures ``inside``; the mean of the weights over the second half of the steps is kept."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Model()
    model.from_imagenet(backbone)
    model.to(memory_format=torch.channels_last)
    for part in (model.stem, *model.stages[:_KEPT]):
        part.requires_grad_(False)
    trunk = [one for one in model.stages.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW([{"params": trunk}, {"params": model.heads.parameters()}], weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [2e-3, 8e-3], total_steps=steps, pct_start=0.12)
    attack = data["label"] == "attack"
    batches = _batches(data, inside, rng)
    mean = {name: value.clone() for name, value in model.state_dict().items()}
    total = 0.0
    for step in range(steps):
        model.train()
        chosen = next(batches)
        y = torch.from_numpy(attack[chosen].astype(np.float32)) * 0.94 + 0.03
        dim = rng.random(len(chosen)) < np.where(attack[chosen], 0.25, 0.45)
        log_odds = model(_tensors(lit({name: data[name][chosen] for name in SQUARES}, dim, rng)))
        kept = (torch.rand(log_odds.shape) > torch.tensor(_LEFT_OUT)).float()
        kept[kept.sum(dim=1) == 0] = 1
        whole = (log_odds * kept).sum(dim=1) * len(SQUARES) / kept.sum(dim=1) * _SHARE
        loss_of: Callable[..., Any] = nn.functional.binary_cross_entropy_with_logits
        loss = loss_of(whole, y) + 0.15 * loss_of(log_odds, y[:, None].expand_as(log_odds))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        if step > steps / 2:
            for name, value in model.state_dict().items():
                if value.dtype.is_floating_point:
                    mean[name].lerp_(value, 0.2 if step < steps / 2 + 50 else 0.02)
        total += float(loss.detach())
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: loss {total / 50:.3f}", flush=True)  # noqa: T201
            total = 0.0
    model.load_state_dict(mean)
    model.eval()
    return model


def scores(model: Model, data: dict[str, Array], at: Array) -> npt.NDArray[np.float32]:
    """Return the log odds of each picture."""
    found = []
    with torch.no_grad():
        for start in range(0, len(at), 64):
            part = at[start : start + 64]
            found.append(model(_tensors({name: data[name][part] for name in SQUARES})).sum(dim=1).numpy() * _SHARE)
    return np.concatenate(found)


def to_onnx(model: Model) -> bytes:
    """Return the network as ONNX: inputs ``face``, ``around`` and ``detail`` (1, 3, side, side), output log odds."""
    nodes: list[Any] = []
    weights: dict[str, Any] = {}

    def constant(name: str, value: Array) -> str:
        weights[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(kind: str, inputs: Sequence[str], output: str, **options: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **options))
        return output

    names = {
        id(layer): f"c{at}" for at, layer in enumerate(one for one in model.modules() if isinstance(one, nn.Conv2d))
    }
    zero, six = constant("zero", np.array(0, np.float32)), constant("six", np.array(6, np.float32))

    def run(layers: Sequence[Any], x: str, square: str) -> str:
        for layer in layers:
            if isinstance(layer, Block):
                y = run(list(layer.layers), x, square)
                x = node("Add", [x, y], f"{y}_added") if layer.adds else y
            elif isinstance(layer, nn.Conv2d):
                name, kernel = names[id(layer)], layer.kernel_size[0]
                kernels = constant(f"{name}_k", layer.weight.detach().contiguous().numpy())
                biases = constant(f"{name}_b", layer.bias.detach().numpy())
                x = node(
                    "Conv", [x, kernels, biases], f"{square}_{name}", kernel_shape=[kernel] * 2,
                    strides=list(layer.stride), pads=[kernel // 2] * 4, group=layer.groups,
                )  # fmt: skip
            else:
                x = node("Clip", [x, zero, six], f"{x}_6")
        return x

    parts = []
    for square, norm, head in zip(SQUARES, model.norms, model.heads, strict=True):
        x, pooled = run(list(model.stem), square, square), []
        for at, stage in enumerate(model.stages):
            x = run(list(stage), x, square)
            if at:
                pooled.append(x)
        vectors = [
            node("Flatten", [node(kind, [x], f"{x}_{kind}")], f"{x}_{kind}_flat", axis=1)
            for kind in ("GlobalAveragePool", "GlobalMaxPool")
            for x in pooled
        ]
        gain = head.weight[0] / torch.sqrt(norm.running_var + norm.eps)
        bias = head.bias - (gain * norm.running_mean).sum()
        joined = node("Concat", vectors, f"{square}_joined", axis=1)
        line = constant(f"{square}_line", (gain * _SHARE).detach().numpy()[:, None])
        parts.append(
            node("Gemm", [joined, line, constant(f"{square}_bias", (bias * _SHARE).detach().numpy())], f"{square}_odds")
        )
    node("Add", [node("Add", parts[:2], "two_odds"), parts[2]], "log_odds")
    graph = helper.make_graph(
        nodes,
        "presentation",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, side, side]) for name, side in SQUARES.items()],
        [helper.make_tensor_value_info("log_odds", TensorProto.FLOAT, [1, 1])],
        list(weights.values()),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all folds and, if wanted, the model that ships."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--final", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    with np.load(options.cache / "planes.npz") as file:
        data: dict[str, Array] = {name: file[name] for name in file.files}
    attack = data["label"] == "attack"
    folds = fold_of(data["group"].tolist(), attack & data["real"])
    fold = np.array([folds[group] for group in data["group"]])
    usable = data["use"] != "call"
    # What the network was not trained to judge again: other circumstances of pictures that are judged anyway.
    judged = (data["use"] != "train") | ~data["real"]
    unseen = np.full(len(attack), np.nan, dtype=np.float32)
    rest = {name: column for name, column in data.items() if name not in SQUARES}
    for number in range(FOLDS):
        kept = options.out / f"fold{number}.npz"
        at = np.flatnonzero((fold == number) & judged)
        if not kept.exists():
            model = train(data, usable & (fold != number), options.backbone, options.seed, options.steps)
            (options.out / f"fold{number}.onnx").write_bytes(to_onnx(model))
            np.savez(kept, scores=scores(model, data, at))
        unseen[at] = np.load(kept)["scores"]
        print(f"fold {number} done", flush=True)  # noqa: T201
        np.savez(options.out / "unseen.npz", scores=unseen, fold=fold, **rest)
    if options.final:
        model = train(data, usable, options.backbone, options.seed, options.steps)
        (options.out / "presentation.onnx").write_bytes(to_onnx(model))


if __name__ == "__main__":
    main()
