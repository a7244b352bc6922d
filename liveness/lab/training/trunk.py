"""The general network that the learnt signals share: the beginning of EfficientNet-Lite0, as ImageNet taught it.

``python -m liveness.lab.training.trunk WEIGHTS`` reads a state dictionary of torch (Apache-2.0), folds each
normalisation into its convolution, and writes liveness/models/general.onnx with its entry in models.json. Kernels are
kept as float16.
"""

# mypy: disable-error-code="misc"

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

COST_MS: Final = 4.0
"""Declared cost of one run of all stages on one core."""
_MODELS: Final = Path(__file__).parents[2] / "models"
STAGES: Final = ((1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80))
"""Blocks, kernel, stride, expansion, channels in and out (Tan and Le, EfficientNet-Lite0)."""
_LEAST: Final = 2000
"""Smaller arrays (biases, kernels of single channels) stay float32: they weigh little and count much."""


class Block(nn.Module):
    """Inverted bottleneck, its normalisations folded into its convolutions."""

    def __init__(self, kernel: int, stride: int, expansion: int, before: int, after: int) -> None:
        super().__init__()
        wide = before * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [nn.Conv2d(before, wide, 1), nn.ReLU6()]
        layers += [nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide), nn.ReLU6()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(wide, after, 1))
        self.adds = stride == 1 and before == after

    def forward(self, x: Any) -> Any:
        """Return (n, after, h, w)."""
        return x + self.layers(x) if self.adds else self.layers(x)


def stages() -> nn.ModuleList:
    """Return the four stages, not yet trained."""
    return nn.ModuleList(
        nn.Sequential(
            *(Block(kernel, stride if at == 0 else 1, wide, before if at == 0 else after, after) for at in range(n))
        )
        for n, kernel, stride, wide, before, after in STAGES
    )


def take_over(network: nn.Module, stated: dict[str, Any]) -> None:
    """Take the convolutions, which stand in the order of their layers, each with the normalisation after it."""
    names = list(stated)
    convolutions = [name for name in names if name.endswith("weight") and stated[name].ndim == 4]
    layers = (one for one in network.modules() if isinstance(one, nn.Conv2d))
    for name, layer in zip(convolutions, layers, strict=False):
        after = names[names.index(name) + 1].rsplit(".", 1)[0]
        gain, bias, mean, variance = (
            stated[f"{after}.{what}"] for what in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gain / torch.sqrt(variance + 1e-3)
        layer.weight.data = stated[name] * gain[:, None, None, None]
        layer.bias.data = bias - mean * gain


class Trunk(nn.Module):
    """Stem and four stages."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU6())
        self.stages = stages()
        take_over(self, torch.load(weights, map_location="cpu", weights_only=True))

    def forward(self, square: Any) -> tuple[Any, ...]:
        """Return the maps of the four stages."""
        seen = [self.stem(square)]
        for stage in self.stages:
            seen.append(stage(seen[-1]))
        return tuple(seen[1:])


def to_onnx(trunk: Trunk) -> bytes:
    """Return the network as ONNX: ``square`` (1, 3, h, w) in, ``stage1`` to ``stage4`` out."""
    out = io.BytesIO()
    names = [f"stage{at + 1}" for at in range(len(STAGES))]
    wide = {name: {2: f"{name}_h", 3: f"{name}_w"} for name in ("square", *names)}
    torch.onnx.export(
        trunk.eval(),
        (torch.zeros(1, 3, 224, 224),),
        out,
        input_names=["square"],
        output_names=names,
        dynamic_axes=wide,
        opset_version=13,
        dynamo=False,
    )
    return halved(out.getvalue())


def halved(data: bytes) -> bytes:
    """Return a network (ONNX) with its weights as float16, brought back to float32 where they are used."""
    model = onnx.load_from_string(data)
    graph = model.graph
    casts, kept = [], []
    for one in graph.initializer:
        values = numpy_helper.to_array(one)
        if values.size < _LEAST:
            kept.append(one)
            continue
        kept.append(numpy_helper.from_array(values.astype(np.float16), f"{one.name}_16"))
        casts.append(helper.make_node("Cast", [f"{one.name}_16"], [one.name], name=one.name, to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:]
    del graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    data = to_onnx(Trunk(parser.parse_args(arguments).weights))
    (_MODELS / "general.onnx").write_bytes(data)
    stated = json.loads((_MODELS / "models.json").read_text())
    stated["general"] = {"sha256": hashlib.sha256(data).hexdigest(), "cost_ms": COST_MS}
    (_MODELS / "models.json").write_text(json.dumps(stated, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
