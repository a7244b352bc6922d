"""Train the presentation model: screens and prints against live faces, tested on sources and persons not seen.

``python -m liveness.lab.training.presentation CACHE OUT`` reads what
:mod:`liveness.lab.training.presentation_pictures` made and writes OUT/fold0.onnx …, each of which has not seen the
groups of its fold, OUT/presentation.onnx, which has seen all, and OUT/unseen.npz, the scores of all pictures by the
model that has not seen their group. A fold that is there is not trained again.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

FOLDS = 4
STEPS, BATCH = 260, 64
WIDTHS = (12, 24, 40, 56)
_SHARES = {True: {True: 0.6, False: 0.4}, False: {True: 0.75, False: 0.25}}
"""Of a batch's attacks (True) and live faces (False): how many are real, how many from the lab."""


class Branch(nn.Module):  # type: ignore[misc]  # torch has no stubs here
    """One square of pixels to a vector."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, stride in zip(WIDTHS, (2, 2, 2, 1), strict=True):
            layers += [nn.Conv2d(before, width, 3, stride, 1), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        """Return (n, 2 × width): mean and maximum over the square."""
        y = self.layers(x)
        return torch.cat([y.mean(dim=(2, 3)), y.amax(dim=(2, 3))], dim=1)


class Model(nn.Module):  # type: ignore[misc]
    """Face, surroundings and detail, each with its own branch; detail without what is coarser than seven pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList([Branch() for _ in range(3)])
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(6 * WIDTHS[-1], 1)
        self.local = nn.AvgPool2d(7, 1, 3, count_include_pad=False)

    def forward(self, x: Any) -> Any:
        """Return (n,) log odds of an attack."""
        face, around, detail = x[:, :3], x[:, 3:6], x[:, 6:]
        detail = (detail - self.local(detail)) * 4
        seen = [
            branch(part)
            for branch, part in zip(self.branches, ((face - 0.5) * 2, (around - 0.5) * 2, detail), strict=True)
        ]
        return self.head(self.drop(torch.cat(seen, dim=1)))[:, 0]


def fold_of(groups: Sequence[str], attack: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Return the fold of each group: sources dealt out in turn, those with attacks first, persons by their hash."""
    with_attacks = {group for group, is_attack in zip(groups, attack, strict=True) if is_attack}
    sources = sorted({group for group in groups if group.startswith("source ")})
    dealt = sorted(sources, key=lambda group: (group not in with_attacks, group))
    folds = {group: at % FOLDS for at, group in enumerate(dealt)}
    return folds | {group: zlib.crc32(group.encode()) % FOLDS for group in set(groups) if group not in folds}


def _varied(x: Any, rng: torch.Generator) -> Any:
    """Change what has nothing to do with the class: sides, white balance, brightness, saturation, noise."""
    count = len(x)

    def draw(*shape: int) -> Any:
        return torch.randn(*shape, generator=rng)

    flipped = torch.rand(count, generator=rng) < 0.5
    x = torch.where(flipped[:, None, None, None], x.flip(3), x)
    parts = x.view(count, 3, 3, *x.shape[2:])
    grey = parts.mean(dim=2, keepdim=True)
    parts = grey + (parts - grey) * torch.exp(0.25 * draw(count, 1, 1, 1, 1)) * (
        torch.rand(count, 1, 1, 1, 1, generator=rng) > 0.25
    )
    cast = draw(count, 1, 3, 1, 1) * torch.tensor([0.25, 0.1, 0.3])[None, None, :, None, None]
    parts = parts.clamp(1e-3, 1) ** torch.exp(0.2 * draw(count, 1, 1, 1, 1)) * torch.exp(
        cast + 0.35 * draw(count, 1, 1, 1, 1)
    )
    parts = parts.clamp(0, 1)
    # A square may be missing, so that each learns by itself.
    missing = torch.rand(count, 3, generator=rng) < torch.tensor([0.08, 0.15, 0.08])
    missing[missing.all(dim=1)] = False
    parts = torch.where(missing[:, :, None, None, None], torch.tensor(0.5), parts)
    return parts.reshape(x.shape)


def _weights(data: dict[str, Any], attack: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> Any:
    """Return the chance of each picture to be drawn: groups by the root of their number, classes alike."""
    weights = np.zeros(len(attack))
    for wanted in (True, False):
        for real in (True, False):
            part = inside & (attack == wanted) & (data["real"] == real)
            groups, at, counts = np.unique(data["group"][part], return_inverse=True, return_counts=True)
            if not len(groups):
                continue
            # Clips count as one group of live persons each; a few frames of them are not to outvote a source.
            one = 1 / np.sqrt(counts[at])
            weights[part] = one / one.sum() * _SHARES[wanted][real]
    return weights / weights.sum()


def train(data: dict[str, Any], attack: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_], seed: int) -> Model:
    """Train on the pictures ``inside``; the same seed gives the same weights on the same machine."""
    torch.manual_seed(seed)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    model = Model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=STEPS, pct_start=0.1)
    weights = _weights(data, attack, inside)
    total = 0.0
    for step in range(STEPS):
        chosen = rng.choice(len(attack), BATCH, p=weights)
        x = torch.from_numpy(data["planes"][chosen]).permute(0, 3, 1, 2).float() / 255
        y = torch.from_numpy(attack[chosen].astype(np.float32)) * 0.94 + 0.03
        with torch.autocast("cpu", torch.bfloat16):
            log_odds = model(_varied(x.contiguous(), generator))
        loss = nn.functional.binary_cross_entropy_with_logits(log_odds.float(), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if step % 40 == 39:
            print(f"step {step + 1} of {STEPS}: loss {total / 40:.3f}", flush=True)  # noqa: T201
            total = 0.0
    model.eval()
    return model


def scores(model: Model, planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the log odds of each picture."""
    found = []
    with torch.no_grad():
        for at in range(0, len(planes), 256):
            x = torch.from_numpy(planes[at : at + 256]).permute(0, 3, 1, 2).float() / 255
            found.append(model(x).numpy())
    return np.concatenate(found)


def to_onnx(model: Model) -> bytes:
    """Return the network as ONNX: batch normalisation folded into the weights, one input (1, 9, side, side)."""
    nodes: list[Any] = []
    weights: list[Any] = []

    def constant(name: str, value: npt.NDArray[Any]) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: Sequence[str], output: str, **options: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **options))
        return output

    vectors = []
    for number, branch in enumerate(model.branches):
        first, last = (
            constant(f"from{number}", np.array([3 * number])),
            constant(f"to{number}", np.array([3 * number + 3])),
        )
        part = node("Slice", ["planes", first, last, constant(f"axis{number}", np.array([1]))], f"part{number}")
        scale, shift = (2.0, -1.0) if number < 2 else (4.0, 0.0)
        if number == 2:
            coarse = node(
                "AveragePool", [part], "coarse", kernel_shape=[7, 7], strides=[1, 1], pads=[3, 3, 3, 3],
                count_include_pad=0,
            )  # fmt: skip
            part = node("Sub", [part, coarse], "fine")
        part = node("Mul", [part, constant(f"scale{number}", np.array(scale, np.float32))], f"scaled{number}")
        part = node("Add", [part, constant(f"shift{number}", np.array(shift, np.float32))], f"shifted{number}")
        layers = list(branch.layers)
        for at in range(0, len(layers), 3):
            convolution, norm = layers[at], layers[at + 1]
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            kernel = (convolution.weight * gain[:, None, None, None]).detach().numpy()
            bias = ((convolution.bias - norm.running_mean) * gain + norm.bias).detach().numpy()
            name = f"{number}_{at}"
            part = node(
                "Conv", [part, constant(f"k{name}", kernel), constant(f"b{name}", bias)], f"c{name}",
                kernel_shape=[3, 3], strides=list(convolution.stride), pads=[1, 1, 1, 1],
            )  # fmt: skip
            part = node("Relu", [part], f"r{name}")
        for kind in ("GlobalAveragePool", "GlobalMaxPool"):
            pooled = node(kind, [part], f"{kind}{number}")
            vectors.append(node("Flatten", [pooled], f"{kind}{number}flat", axis=1))
    joined = node("Concat", vectors, "joined", axis=1)
    head = constant("head", model.head.weight.detach().numpy().T)
    node("Gemm", [joined, head, constant("head_bias", model.head.bias.detach().numpy())], "log_odds")
    side = 80
    graph = helper.make_graph(
        nodes,
        "presentation",
        [helper.make_tensor_value_info("planes", TensorProto.FLOAT, [1, 9, side, side])],
        [helper.make_tensor_value_info("log_odds", TensorProto.FLOAT, [1, 1])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all folds and the model that ships."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    with np.load(options.cache / "planes.npz") as file:
        data: dict[str, Any] = {name: file[name] for name in file.files}
    attack = data["label"] == "attack"
    folds = fold_of(data["group"].tolist(), attack & data["real"])
    fold = np.array([folds[group] for group in data["group"]])
    usable = data["use"] != "call"
    unseen = np.full(len(attack), np.nan, dtype=np.float32)
    for number in range(FOLDS):
        kept = options.out / f"fold{number}.npz"
        if not kept.exists():
            model = train(data, attack, usable & (fold != number), options.seed)
            (options.out / f"fold{number}.onnx").write_bytes(to_onnx(model))
            np.savez(kept, scores=scores(model, data["planes"][fold == number]))
        unseen[fold == number] = np.load(kept)["scores"]
        print(f"fold {number} done", flush=True)  # noqa: T201
        rest = {name: column for name, column in data.items() if name != "planes"}
        np.savez(options.out / "unseen.npz", scores=unseen, fold=fold, **rest)
    if not (options.out / "presentation.onnx").exists():
        (options.out / "presentation.onnx").write_bytes(to_onnx(train(data, attack, usable, options.seed)))


if __name__ == "__main__":
    main()
