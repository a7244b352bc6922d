"""Strips for training, made once from the faces that were cut out, and kept as half-precision arrays."""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liveness.frames import Floats
from liveness.lab.training.blending import blended_with_itself, called, filmed
from liveness.measures.unrolled_contour import STRIP_SHAPE, unrolled_contour

DRAWS = 3
"""Draws of camera and call for each picture, each real and self-blended."""
LIVE_DRAWS = 1
"""Draws of self-blending and call for every third look of a bona fide clip."""


def _stored(path: Path, strips: list[Floats], **more: Any) -> None:
    array = np.array(strips, np.float16) if strips else np.zeros((0, *STRIP_SHAPE), np.float16)
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        np.savez(out, strips=array, **more)
    part.replace(path)


def looks(cut: Path) -> Iterator[tuple[int, Any, Any]]:
    """Yield (number, luma, points) of a cut-out."""
    with np.load(cut) as data:
        at = 0
        while f"luma{at}" in data:
            yield at, data[f"luma{at}"], data[f"points{at}"]
            at += 1


def picture_strips(cut: Path, target: Path, *, seed: int) -> None:
    """Make real and self-blended strips of a picture, alternating."""
    rng = np.random.default_rng([seed, zlib.crc32(cut.stem.encode())])
    strips: list[Floats] = []
    for _, luma, points in looks(cut):
        for _ in range(DRAWS):
            base, places = filmed(luma, points, rng)
            pair = []
            for picture in (base, blended_with_itself(base, places, rng)):
                strip = unrolled_contour(*called(picture, places, rng))
                if strip is not None:
                    pair.append(strip)
            if len(pair) == 2:
                strips += pair
    _stored(target, strips)


def clip_strips(cut: Path, target: Path, *, bona_fide: bool, seed: int) -> None:
    """Make strips of every look as it is, once more at another call quality, and (bona fide) self-blended."""
    rng = np.random.default_rng([seed, zlib.crc32(cut.stem.encode())])
    plain, poorer, blended, kept = [], [], [], []
    with np.load(cut) as data:
        poses = data["poses"] if "poses" in data else np.zeros((0, 3))
    for at, luma, points in looks(cut):
        if np.abs(poses[at][:2]).max() > 50:
            continue
        strip = unrolled_contour(luma, points)
        if strip is None:
            continue
        plain.append(strip)
        kept.append(at)
        if at % 2 == 0:
            other = unrolled_contour(*called(luma.astype(np.float32), points, rng))
            poorer.append(strip if other is None else other)
        if bona_fide and at % 3 == 0:
            for _ in range(LIVE_DRAWS):
                mixed = blended_with_itself(luma.astype(np.float32), points, rng)
                pixels = called(mixed, points, rng) if rng.random() < 0.7 else (mixed.astype(np.uint8), points)
                other = unrolled_contour(*pixels)
                if other is not None:
                    blended.append(other)
    empty = np.zeros((0, *STRIP_SHAPE), np.float16)
    _stored(
        target,
        plain,
        poorer=np.array(poorer, np.float16) if poorer else empty,
        blended=np.array(blended, np.float16) if blended else empty,
        at=np.array(kept),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the strips of a corpus whose faces were cut out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="where the cut-outs are")
    parser.add_argument("--strips", type=Path, required=True, help="where to write")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.strips.mkdir(parents=True, exist_ok=True)
    for name in ("manifest.csv", "stills.csv"):
        with (options.corpus / name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            cut, target = options.cache / f"{row['id']}.npz", options.strips / f"{row['id']}.npz"
            if target.exists() or not cut.exists():
                continue
            if name == "manifest.csv":
                clip_strips(cut, target, bona_fide=row["label"] == "bonafide", seed=options.seed)
            else:
                picture_strips(cut, target, seed=options.seed)


if __name__ == "__main__":
    main()
