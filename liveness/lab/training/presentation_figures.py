"""Print what the presentation model is worth, by models that have not seen the source or the person.

``python -m liveness.lab.training.presentation_figures CACHE OUT`` reads CACHE/planes.npz and OUT/unseen.npz. Two
thresholds: even odds, and the one that refuses 5 % of the live pictures of *other* folds than the one that is judged
(so that no source sets its own threshold).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from liveness.lab.evaluation import auc, rate

Array = npt.NDArray[Any]
_BOOTSTRAPS = 1000


def area(live: Array, attack: Array) -> str:
    """Return the area under the ROC curve, as text."""
    if not len(live) or not len(attack):
        return "–"
    return f"{auc((-live).tolist(), (-attack).tolist()):.3f}"


def interval(scores: Array, attack: Array, groups: Array) -> str:
    """Return the 95 % interval of the area by bootstrap over groups."""
    rng = np.random.default_rng(3)
    names, at = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(at == number) for number in range(len(names))]
    values = []
    for _ in range(_BOOTSTRAPS):
        drawn = np.concatenate([members[number] for number in rng.integers(len(names), size=len(names))])
        if attack[drawn].any() and not attack[drawn].all():
            values.append(auc((-scores[drawn][~attack[drawn]]).tolist(), (-scores[drawn][attack[drawn]]).tolist()))
    low, high = np.quantile(values, [0.025, 0.975])
    return f"{low:.3f}–{high:.3f}"


def share(true: Array) -> str:
    """Return a share with its count and 95 % interval."""
    found = rate(int(true.sum()), len(true))
    low, high = found["interval"]
    return f"{found['rate']:.1%} ({found['count']} of {found['of']}; {low:.1%}–{high:.1%})"


def strict(data: dict[str, Array], live: Array, fold: Array) -> Array:
    """Return for each picture the threshold that refuses 5 % of the live pictures of other folds."""
    limits = {number: float(np.quantile(data["scores"][live & (fold != number)], 0.95)) for number in np.unique(fold)}
    return np.array([limits[number] for number in fold])


def light_and_tone(faces: Array) -> tuple[Array, Array]:
    """Return mean luma and ITA° of the middle of the face on each picture."""
    middle = np.ascontiguousarray(faces[:, 42:86, 42:86, :3])
    lightness, tones = [], []
    for one in middle:
        lab = cv2.cvtColor(one, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(float)
        level, yellow = np.median(lab[:, 0]) / 2.55, np.median(lab[:, 2]) - 128
        lightness.append(float(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).mean()))
        tones.append(float(np.degrees(np.arctan2(level - 50, max(yellow, 0.5)))))
    return np.array(lightness), np.array(tones)


def _pictures(data: dict[str, Array], attack: Array, write: Callable[[str], None]) -> None:
    still = np.char.startswith(data["group"], "source ")
    sources = set(data["group"][still & attack & data["real"]]) | {"source HilufMeressaKahsay/face_mask_detection"}
    for use in ("as it is", "call"):
        here = still & data["real"] & (data["use"] == use)
        ours = here & np.isin(data["group"], sorted(sources))
        live, shown = ours & ~attack, ours & attack
        limit = strict(data, live, data["fold"])
        scores = data["scores"]
        write(f"\n{use}: {live.sum()} live and {shown.sum()} attacks of {len(sources)} sources")
        between = interval(scores[ours], attack[ours], data["group"][ours])
        write(f"  AUC pooled {area(scores[live], scores[shown])} [{between}]")
        every = here & ~attack
        write(f"  with {every.sum()} live, ordinary photographs included: {area(scores[every], scores[shown])}")
        write(f"  even odds: BPCER {share(scores[live] > 0)}, APCER {share(scores[shown] <= 0)}")
        write(f"  5 % of other sources: BPCER {share((scores > limit)[live])}, APCER {share((scores <= limit)[shown])}")
        for kind in sorted(set(data["attack"][shown])):
            part = shown & (data["attack"] == kind)
            write(f"    {kind}: APCER even odds {share(scores[part] <= 0)}; strict {share((scores <= limit)[part])}")
        for name in sorted(set(data["group"][here])):
            part = here & (data["group"] == name)
            one, other = part & ~attack, part & attack
            write(
                f"    {name.removeprefix('source ')[:44]:44} AUC {area(scores[one], scores[other])}"
                f"  live {one.sum():4} above even {(scores[one] > 0).sum():4}"
                f"  attacks {other.sum():4} below even {(scores[other] <= 0).sum():4}"
            )


def _clips(data: dict[str, Array], attack: Array, write: Callable[[str], None]) -> None:
    for use in ("as it is", "call"):
        here = np.char.startswith(data["group"], "person ") & (data["use"] == use) & data["real"]
        medians = {}
        for name in np.unique(data["id"][here]):
            part = here & (data["id"] == name)
            medians[name] = (
                bool(attack[part][0]),
                str(data["attack"][part][0]),
                float(np.median(data["scores"][part])),
            )
        live = np.array([value for is_attack, _, value in medians.values() if not is_attack])
        write(f"\nclips and pictures of the manifest, {use}: {len(live)} live, above even odds {share(live > 0)}")
        write(f"  highest live: {np.round(np.sort(live)[-6:], 2).tolist()}")
        for name, (is_attack, kind, value) in medians.items():
            if is_attack:
                write(f"  {name} {kind}: {value:.2f}, above {(live < value).mean():.0%} of the live")


def _lab(data: dict[str, Array], attack: Array, write: Callable[[str], None]) -> None:
    made = ~data["real"]
    live = made & ~attack
    above = share(data["scores"][live] > 0)
    write(f"\nlab, people not trained on: {live.sum()} live filmed by its camera, above even odds {above}")
    for kind in sorted(set(data["attack"][made & attack])):
        part = made & (data["attack"] == kind)
        scores = data["scores"][part]
        write(f"  {kind}: AUC {area(data['scores'][live], scores)}, below even odds {share(scores <= 0)}")


def _fairness(data: dict[str, Array], attack: Array, write: Callable[[str], None]) -> None:
    here = ~attack & data["real"] & (data["use"] == "as it is")
    light, tone = light_and_tone(data["face"][here])
    above = data["scores"][here] > 0
    write(f"\nlive pictures above even odds, by mean luma of the face ({here.sum()})")
    for low, high in ((0, 70), (70, 100), (100, 130), (130, 160), (160, 256)):
        part = (light >= low) & (light < high)
        write(f"  {low:3}–{high}: {share(above[part])}")
    write("by ITA° of the middle of the face (as the picture shows it; light and white balance are in it)")
    for name, low, high in (
        ("dark", -91, -30), ("brown", -30, 10), ("tan", 10, 28), ("intermediate", 28, 41), ("light", 41, 91)
    ):  # fmt: skip
        part = (tone >= low) & (tone < high)
        write(f"  {name:12} {share(above[part])}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    with np.load(options.out / "unseen.npz") as file:
        data: dict[str, Array] = {name: file[name] for name in file.files}
    with np.load(options.cache / "planes.npz") as file:
        data["face"] = file["face"]
    known = np.isfinite(data["scores"])
    data = {name: column[known] for name, column in data.items()}
    attack = data["label"] == "attack"

    def write(line: str) -> None:
        sys.stdout.write(line + "\n")

    for part in (_pictures, _clips, _lab, _fairness):
        part(data, attack, write)


if __name__ == "__main__":
    main()
