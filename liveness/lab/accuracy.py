"""Write the accuracy page: what is known of the error rates, and under what circumstances they hold.

``python -m liveness.lab.accuracy MANIFEST… --out docs/accuracy.md`` judges every clip by a calibration that has not
seen its person, and states the figures per attack type, by pairs of swap and original, by reliability, by skin tone
and over time; each real attack type is also judged after nothing was learnt from it. ``--calls 2500x720,300x360``
sends bona fide clips and live swaps through the call simulator first, which means measuring them all again; with
``/1of2`` behind it, a line carries two temporal layers of which one is decoded, as a server that is busy does it.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from liveness.contract import SignalSpec
from liveness.faces.tracking import FaceFollower
from liveness.frames import FaceTrack, Frame
from liveness.lab.calibrating import measure_for_learning, read_manifests, signal_specs
from liveness.lab.dataset import NO_CURVES, Measured, Sample, measure, simulate
from liveness.lab.evaluation import SIMULATION_SEED, Judged, auc, cross_validate, figures_of, rate
from liveness.lab.fitting import rows_of
from liveness.lab.lines import Line, read_lines, send
from liveness.lab.processes import processes
from liveness.measures.face_regions import skin_colours
from liveness.media import Recording

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Heading and rows."""

_SEED = 1
_CLOCK_S = (3.0, 5.0, 8.0, 12.0, 20.0)
_LOOKS = 8
"""So many frames of a clip are asked for the colour of its skin."""
_TONES = ((28.0, "light (ITA above 28°)"), (10.0, "tan (10° to 28°)"), (-180.0, "brown and dark (up to 10°)"))
"""Borders of the individual typology angle after Chardon et al. 1991; the two darkest of its groups are one here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m liveness.lab.accuracy", description=__doc__)
    parser.add_argument("manifests", nargs="+", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/liveness").expanduser())
    parser.add_argument("--out", type=Path, default=Path("docs/accuracy.md"))
    parser.add_argument("--json", type=Path, help="keep the figures as JSON as well")
    parser.add_argument("--calls", default="", help="lines to send clips through, as KBIT_S x HEIGHT, with commas")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that make calls")
    asked = parser.parse_args(arguments)
    figures = accuracy(
        asked.manifests, read_lines(asked.calls), cache=asked.cache, workers=asked.workers, progress=_progress
    )
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    asked.out.write_text(page(figures), encoding="utf-8")
    return 0


def _progress(done: str) -> None:
    sys.stderr.write(f"{done}\n")


def accuracy(
    manifests: Sequence[Path],
    calls: Sequence[Line],
    *,
    cache: Path,
    workers: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Return all figures of the page."""
    specs = signal_specs()
    samples = read_manifests(manifests)
    twins = simulate(samples, ("still", "loop"), seed=SIMULATION_SEED, cache=cache, progress=progress)
    measured = measure([*samples, *twins], cache=cache, progress=progress)
    learning = measure_for_learning(samples, seed=_SEED, cache=cache, progress=progress)
    judged, pictures = cross_validate(measured, learning, specs, progress)
    figures = figures_of(judged, pictures, "cross-validated", NO_CURVES, manifests)
    figures["as_measured"] = _as_measured(measured, specs, figures["doubts"])
    figures["left_out"] = _left_out(judged, measured, learning, progress)
    figures["decided"] = {
        "bona fide that end live": _decided([one for one in judged if one.sample.label == "bonafide"], "live"),
        "attacks that end suspect": _decided([one for one in judged if one.sample.label == "attack"], "suspect"),
    }
    progress("skin tones")
    figures["tones"] = _by_tone(judged, workers)
    figures["calls"] = [
        _through_call(judged, samples, learning, line, cache=cache, workers=workers, progress=progress)
        for line in calls
    ]
    return figures


def _as_measured(
    measured: Sequence[Measured], specs: Mapping[str, SignalSpec], doubted: Iterable[str]
) -> list[dict[str, Any]]:
    """Return how well single values tell the one doubted species that they are made for, without a curve."""
    clips = [one for one in measured if not one.sample.picture and not one.sample.simulated]
    rows = rows_of(clips, specs)
    found = []
    for name, spec in specs.items():
        if len(spec.species) != 1 or len(spec.features) != 1 or spec.features[0] not in spec.directions:
            continue
        (species,), (feature,) = spec.species, spec.features
        if species not in doubted:
            continue
        spoke = [row for row in rows if name in row.signals]
        values = {
            kind: [-spec.directions[feature] * row.signals[name][0][feature] for row in spoke if row.species == kind]
            for kind in (None, species)
        }
        if all(values.values()):
            found.append(
                {
                    "signal": name,
                    "feature": feature,
                    "species": species,
                    "bona_fide": len(values[None]),
                    "attacks": len(values[species]),
                    "auc": round(auc(values[None], values[species]), 4),
                }
            )
    return found


def _left_out(
    usual: Sequence[Judged],
    measured: Sequence[Measured],
    learning: Sequence[Measured],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Judge every real attack type of clips after the calibration learnt nothing from it."""
    types = sorted({one.sample.attack_type for one in usual if one.sample.attack_type and not one.sample.simulated})
    found = {}
    for name in types:
        progress(f"without {name}")
        some = [one for one in measured if not one.sample.picture and one.sample.attack_type in ("", name)]
        judged, _ = cross_validate(some, learning, signal_specs(), lambda _: None, without=name)
        figures = figures_of(judged, [], "cross-validated", NO_CURVES, [])
        found[name] = {**figures["attack_types"][name], "bona_fide_suspect": figures["bona_fide"]["bpcer"]}
    return found


def _decided(ones: Sequence[Judged], state: str) -> dict[str, Any]:
    """Return after how long clips reached the state that they ended in."""
    times = [one.outcome.decided_s for one in ones if one.outcome.state == state and one.outcome.decided_s is not None]
    return {
        "count": len(times),
        "median_s": round(float(np.median(times)), 1) if times else None,
        "within_s": {f"{limit:g}": sum(time_s <= limit for time_s in times) for limit in _CLOCK_S},
    }


def _by_tone(judged: Sequence[Judged], workers: int) -> list[dict[str, Any]]:
    """Return the rates of bona fide clips and live swaps by the tone of the skin that is seen."""
    real = [
        one
        for one in judged
        if not one.sample.simulated and (not one.sample.attack_type or one.sample.attack_type.startswith("face_swap"))
    ]
    with processes(workers) as pool:
        angles = list(pool.map(skin_angle, [one.sample.file for one in real]))
    groups = []
    for at, (least, name) in enumerate(_TONES):
        most = _TONES[at - 1][0] if at else 180.0
        some = [one for one, angle in zip(real, angles, strict=True) if angle is not None and least < angle <= most]
        groups.append({"tone": name, **_both_classes(some)})
    unknown = [one for one, angle in zip(real, angles, strict=True) if angle is None]
    return [*groups, {"tone": "not measured", **_both_classes(unknown)}]


def _both_classes(ones: Sequence[Judged]) -> dict[str, Any]:
    live = [one for one in ones if one.sample.label == "bonafide"]
    swaps = [one for one in ones if one.sample.label == "attack"]

    def share(some: Sequence[Judged], state: str) -> dict[str, Any]:
        return rate(sum(one.outcome.state == state for one in some), len(some))

    return {
        "bona_fide": len(live),
        "bpcer": share(live, "suspect"),
        "live": share(live, "live"),
        "confidence": round(float(np.mean([one.outcome.confidence for one in live])), 3) if live else None,
        "swaps": len(swaps),
        "apcer": share(swaps, "live"),
    }


def skin_angle(path: Path) -> float | None:
    """Return the individual typology angle of the skin in a clip, in degrees, or None where no face is seen.

    Arctangent of (L* - 50) / b* of cheeks and forehead (Chardon et al. 1991), median over some frames. Light and
    white balance move it by ten degrees and more: it sorts pictures of people, it does not measure people.
    """
    angles = []
    with Recording(path) as recording, FaceFollower() as follower:
        for index, frame in enumerate(itertools.islice(recording.frames(), 0, 20 * _LOOKS, 5)):
            observation = follower.see(frame)
            if observation.face is not None and index % 4 == 3:
                angle = _angle(observation.face, frame)
                if angle is not None:
                    angles.append(angle)
    return float(np.median(angles)) if angles else None


def _angle(face: FaceTrack, frame: Frame) -> float | None:
    colours = skin_colours(frame, face)
    if colours is None:
        return None
    mean = (colours.mean(axis=0) / 255.0).astype(np.float32).reshape(1, 1, 3)
    lightness, _, blue_yellow = cv2.cvtColor(mean, cv2.COLOR_RGB2LAB)[0, 0].tolist()
    return float(np.degrees(np.arctan2(lightness - 50.0, blue_yellow)))


def _through_call(
    usual: Sequence[Judged],
    samples: Sequence[Sample],
    learning: Sequence[Measured],
    line: Line,
    *,
    cache: Path,
    workers: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Judge bona fide clips and live swaps that came through one line, by what was learnt from them as they are."""
    wanted = [one for one in samples if not one.picture and one.attack_type in ("", "face_swap_realtime")]
    deliver = functools.partial(send, line=line, cache=cache)
    with processes(workers) as pool:
        arrived = pool.map(deliver, [one.file for one in wanted])
        sent = [replace(one, file=file) for one, file in zip(wanted, arrived, strict=True)]
    progress(f"{line}: sent")
    measured = measure(sent, cache=cache, progress=progress)
    judged, _ = cross_validate(measured, learning, signal_specs(), progress)
    before = {one.sample.id: one.outcome.state for one in usual}
    figures = figures_of(judged, [], "cross-validated", NO_CURVES, [])
    return {
        "line": str(line),
        "kbit_s": line.kbit_s,
        "height": line.height,
        "bona_fide": figures["bona_fide"],
        "swaps": figures["attack_types"].get("face_swap_realtime"),
        "brier": figures["confidence"]["brier"],
        "newly_suspect": [
            one.sample.id
            for one in judged
            if one.sample.label == "bonafide" and one.outcome.state == "suspect" and before[one.sample.id] != "suspect"
        ],
    }


def page(figures: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    bona_fide, confidence, pairs = figures["bona_fide"], figures["confidence"], figures["pairs"]
    parts = [
        "# Accuracy\n",
        "Written by `python -m liveness.lab.accuracy`, not by hand. Every clip was judged by a calibration that has "
        "not seen its person. Shares stand with their count and a 95 % Clopper–Pearson interval; terms as in "
        "[calibration](calibration.md).\n",
        f"Bona fide: {bona_fide['count']} clips. End `suspect` (BPCER): {_share(bona_fide['bpcer'])}. End `live`: "
        f"{_share(bona_fide['live'])}; of those of 8 s or more {_share(bona_fide['live_of_8_s_or_more'])}.\n",
        "## By attack type\n",
        "*AUC* is that of the confidence, with an interval by bootstrap over persons. *Own family* is the AUC of the "
        "posterior of the attack's family alone, and *where examined* the same among clips in which that family could "
        "be examined by half or more.\n",
        _table(_attack_table(figures["attack_types"])),
        "## Attack types that were not learnt from\n",
        "Each type left out of what the calibration learns from, one at a time. Models behind the signals are not "
        "learnt again, only kept from the person and, of animations, from the method: those behind `forgery` and "
        "`rendered` have seen live swaps of others, `rendered` animations by other methods, and `refilmed` screens and "
        "prints from other sources.\n",
        _table(_attack_table(figures["left_out"])),
        "## What is only doubted\n",
        "A species of which too little is established counts in no probability; its doubt can take away `live`, and "
        "nothing else. How well the doubt tells it, by calibrations that have not seen the person (no word counts as "
        "0 nats):\n",
        _table(_doubt_table(figures["doubts"])),
        *_unlearnt(figures["as_measured"]),
        "## Swap and original\n",
        f"Less confidence than the same person's original: {_share(pairs['swap_below_its_original'])}. A higher "
        f"posterior of synthesis: {_share(pairs['swap_more_synthesis_than_original'])}.\n",
        "## Does the confidence mean what it says?\n",
        f"Brier score {confidence['brier']}, calibration slope {confidence['slope']}, expected calibration error "
        f"{confidence['ece']}; both classes weighted alike, real attacks alike by family, so that the few of one "
        "family weigh as much as the many of another. With real attacks alike by clip: "
        f"{confidence['by_clip']['brier']} and "
        f"{confidence['by_clip']['slope']}. The clips in each tenth, unweighted:\n",
        _table(_reliability(figures["clips"])),
        "## Time to decision\n",
        _table(_decision_table(figures["decided"])),
        "## By skin tone\n",
        "Individual typology angle of cheeks and forehead as the picture shows them, so light and white balance are "
        "in it; a swap counts by the face that is shown.\n",
        _table(_tone_table(figures["tones"])),
    ]
    if figures["calls"]:
        parts += [
            "## By bitrate and size\n",
            "Bona fide clips and live swaps sent through the call simulator (VP8, no loss, never scaled up), judged "
            "by what was learnt from the clips as they are.\n",
            _table(_call_table(figures["calls"])),
        ]
    return "\n".join(parts)


def _table(table: Table) -> str:
    heading, rows = table
    return "".join(f"| {' | '.join(row)} |\n" for row in (heading, ("---",) * len(heading), *rows))


def _share(one: Mapping[str, Any]) -> str:
    if not one["of"]:
        return "–"
    low, high = one["interval"]
    return f"{one['count']}/{one['of']} [{100 * low:.0f}–{100 * high:.0f} %]"


def _attack_table(types: Mapping[str, Any]) -> Table:
    heading = ("attack type", "ends live (APCER)", "inconclusive", "found", "AUC", "own family", "where examined")
    return heading, [
        (
            f"`{name}`",
            *(_share(one[key]) for key in ("apcer", "inconclusive", "found")),
            f"{one['auc']['value']:.2f} [{one['auc']['interval'][0]:.2f}–{one['auc']['interval'][1]:.2f}]",
            *("–" if area is None else f"{area:.2f}" for area in one["auc_of_family"].values()),
        )
        for name, one in types.items()
    ]


def _doubt_table(doubts: Mapping[str, Any]) -> Table:
    heading = ("species", "attacks, of which it spoke", "bona fide, of which it spoke", "AUC of the doubt")
    return heading, [
        (
            f"`{name}`",
            f"{one['attacks']}, {one['spoke_of']}",
            f"{one['bona_fide']}, {one['spoke_of_bona_fide']}",
            f"{one['auc']['value']:.2f} [{one['auc']['interval'][0]:.2f}–{one['auc']['interval'][1]:.2f}]",
        )
        for name, one in doubts.items()
        if one["attacks"]
    ]


def _unlearnt(values: Sequence[Mapping[str, Any]]) -> list[str]:
    if not values:
        return []
    told = "; ".join(
        f"`{one['feature']}` of `{one['signal']}` on {one['attacks']} clips of `{one['species']}` and "
        f"{one['bona_fide']} bona fide ones that it could measure, AUC {one['auc']:.2f}"
        for one in values
    )
    return [
        "And as measured, with no curve fitted to any clip, though the feature, its window and its limits were chosen "
        f"while looking at these clips: {told}.\n"
    ]


def _reliability(clips: Sequence[Mapping[str, Any]]) -> Table:
    rows: list[tuple[str, ...]] = []
    for low in range(10):
        inside = [
            one
            for one in clips
            if min(int(one["confidence"] * 10), 9) == low and not one["attack_type"].startswith("sim_")
        ]
        if inside:
            live = sum(one["label"] == "bonafide" for one in inside)
            mean = float(np.mean([one["confidence"] for one in inside]))
            rows.append((f"{low / 10:.1f}–{(low + 1) / 10:.1f}", f"{mean:.2f}", _share(rate(live, len(inside)))))
    return ("confidence", "mean", "bona fide among them"), rows


def _decision_table(decided: Mapping[str, Any]) -> Table:
    heading = ("", "clips", "median", *(f"within {limit:g} s" for limit in _CLOCK_S))
    return heading, [
        (
            name,
            str(one["count"]),
            "–" if one["median_s"] is None else f"{one['median_s']} s",
            *(str(count) for count in one["within_s"].values()),
        )
        for name, one in decided.items()
    ]


def _tone_table(tones: Sequence[Mapping[str, Any]]) -> Table:
    heading = ("tone", "bona fide", "BPCER", "end live", "mean confidence", "swaps", "APCER")
    return heading, [
        (
            one["tone"],
            str(one["bona_fide"]),
            _share(one["bpcer"]),
            _share(one["live"]),
            "–" if one["confidence"] is None else f"{one['confidence']:.2f}",
            str(one["swaps"]),
            _share(one["apcer"]),
        )
        for one in tones
    ]


def _call_table(calls: Sequence[Mapping[str, Any]]) -> Table:
    heading = ("line", "BPCER", "end live", "newly suspect", "swaps end live", "AUC of swaps", "Brier")
    return heading, [
        (
            one["line"],
            _share(one["bona_fide"]["bpcer"]),
            _share(one["bona_fide"]["live"]),
            ", ".join(one["newly_suspect"]) or "none",
            _share(one["swaps"]["apcer"]) if one["swaps"] else "–",
            f"{one['swaps']['auc']['value']:.2f}" if one["swaps"] else "–",
            f"{one['brier']}",
        )
        for one in calls
    ]


if __name__ == "__main__":
    sys.exit(main())
