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
from liveness.lab.accuracy_page import CLOCK_S, page
from liveness.lab.calibrating import measure_for_learning, read_manifests, signal_specs
from liveness.lab.dataset import NO_CURVES, Measured, Sample, further_looks, measure, simulate
from liveness.lab.evaluation import SIMULATION_SEED, Judged, auc, cross_validate, figures_of, rate
from liveness.lab.fitting import rows_of
from liveness.lab.lines import Line, read_lines, send
from liveness.lab.processes import processes
from liveness.measures.face_regions import skin_colours
from liveness.media import Recording

_SEED = 1
_LIVE_SWAP = "face_swap_realtime"
_INJECTED = ("sim_still", "sim_loop")
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
    again = measure(further_looks(samples), cache=cache, progress=progress)
    learning = measure_for_learning(samples, seed=_SEED, cache=cache, progress=progress)
    everything, pictures = cross_validate([*measured, *again], learning, specs, progress)
    judged = [one for one in everything if not one.sample.shift_s]
    figures = figures_of(judged, pictures, "cross-validated", NO_CURVES, manifests)
    figures["looks"] = _looks(everything)
    figures["other_draw"] = _other_draw(learning, specs, progress)
    figures["as_measured"] = _as_measured(measured, specs, figures["doubts"])
    figures["left_out"] = _left_out(judged, measured, learning, progress)
    figures["decided"] = {
        "bona fide that end live": _decided([one for one in judged if one.sample.label == "bonafide"], "live"),
        "attacks that end suspect": _decided([one for one in judged if one.sample.label == "attack"], "suspect"),
    }
    progress("skin tones")
    figures["tones"] = _by_tone(judged, workers)
    figures["calls"] = [
        _through_call(judged, samples, twins, learning, line, cache=cache, workers=workers, progress=progress)
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


def _other_draw(
    learning: Sequence[Measured], specs: Mapping[str, SignalSpec], progress: Callable[[str], None]
) -> dict[str, Any]:
    """Judge the stills and loops that others' curves are learnt from: other draws than those of the table."""
    twins = [one for one in learning if one.sample.attack_type in _INJECTED]
    judged, _ = cross_validate(twins, learning, specs, progress)
    return {
        name: {
            state: rate(sum(one.outcome.state == state for one in ones), len(ones))
            for state in ("live", "inconclusive", "suspect")
        }
        for name in _INJECTED
        for ones in [[one for one in judged if one.sample.attack_type == name]]
    }


def _looks(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return what becomes of real clips when other frames of them are analysed."""
    real = [one for one in judged if not one.sample.simulated]
    each = []
    for shift_s in sorted({one.sample.shift_s for one in real}):
        figures = figures_of(
            [one for one in real if one.sample.shift_s == shift_s], [], "cross-validated", NO_CURVES, []
        )
        swaps = figures["attack_types"].get(_LIVE_SWAP)
        each.append({"shift_ms": round(1000 * shift_s), "bona_fide": figures["bona_fide"], "swaps": swaps})
    bona_fide = [one for one in real if one.sample.label == "bonafide"]
    over_all = {}
    for state in ("suspect", "live"):
        told = _told_at_each(bona_fide, state)
        over_all[state] = {"some": sum(map(any, told)), "all": sum(map(all, told)), "of": len(told)}
    return {"each": each, "bona_fide": over_all}


def _told_at_each(ones: Iterable[Judged], state: str) -> list[list[bool]]:
    """Return for each clip at which of its looks it ended in a state."""
    by_clip: dict[str, list[bool]] = {}
    for one in ones:
        by_clip.setdefault(one.sample.id, []).append(one.outcome.state == state)
    return list(by_clip.values())


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
        "within_s": {f"{limit:g}": sum(time_s <= limit for time_s in times) for limit in CLOCK_S},
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
    twins: Sequence[Sample],
    learning: Sequence[Measured],
    line: Line,
    *,
    cache: Path,
    workers: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Judge clips that came through one line, by what was learnt from them as they are.

    Bona fide ones and live swaps; stills and loops as well where not all that is sent is decoded.
    """
    wanted = [one for one in samples if not one.picture and one.attack_type in ("", _LIVE_SWAP)]
    if line.decoded < line.layers:
        wanted += [one for one in twins if one.attack_type in _INJECTED]
    deliver = functools.partial(send, line=line, cache=cache)
    with processes(workers) as pool:
        arrived = pool.map(deliver, [one.file for one in wanted])
        sent = [replace(one, file=file) for one, file in zip(wanted, arrived, strict=True)]
    progress(f"{line}: sent")
    measured = measure(sent, cache=cache, progress=progress)
    judged, _ = cross_validate(measured, learning, signal_specs(), progress)
    before = {one.sample.id: one.outcome.state for one in usual}
    injected = [one for one in judged if one.sample.attack_type in _INJECTED]
    figures = figures_of(judged, [], "cross-validated", NO_CURVES, [])
    return {
        "line": str(line),
        "kbit_s": line.kbit_s,
        "height": line.height,
        "bona_fide": figures["bona_fide"],
        "swaps": figures["attack_types"].get(_LIVE_SWAP),
        "injected": rate(sum(one.outcome.state == "suspect" for one in injected), len(injected)),
        "brier": figures["confidence"]["brier"],
        "newly_suspect": [
            one.sample.id
            for one in judged
            if one.sample.label == "bonafide" and one.outcome.state == "suspect" and before[one.sample.id] != "suspect"
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
