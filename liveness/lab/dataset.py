"""Labelled samples: manifests, simulated twins, and what the signals measure on each of them.

Measuring is the slow part, so its result is kept in a cache folder, keyed by the file's hash and the
hash of all code that could change it.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

import liveness
import liveness.signals
from liveness.contract import discover
from liveness.engine import Engine
from liveness.errors import ManifestError, MediaError
from liveness.faces.tracking import FaceFollower
from liveness.frames import Box, Floats, Frame, Pixels
from liveness.fusion.calibration import Calibration, Thresholds
from liveness.lab.attacks import RECIPES, make_attack
from liveness.lab.held_out import forgery_head, presentation_network, rendering_heads, surface_head
from liveness.lab.processes import processes
from liveness.media import MediaFrame, Recording, is_picture, read_picture
from liveness.models.forgery import FORGERY_HEAD
from liveness.models.presentation import with_network
from liveness.models.rendering import RENDERING_HEADS
from liveness.models.surface import SURFACE_HEAD
from liveness.review.reviewing import analyse, sha256_of
from liveness.verdict import Evidence, species_of

COLUMNS = ("id", "label", "attack_type", "person", "file")
SIMULATED: tuple[str, ...] = ("still", "loop", "recording", "print", "screen")
"""What is simulated from every bona fide clip for calibration."""

FURTHER_LOOKS_S = (0.027, 0.053)
"""Thirds of the time between two analysed frames; see :func:`further_looks`."""

_LONGEST_S = 60.0
"""No more of a clip is measured for calibration and evaluation."""

# Everything above the signals' and engine's own layer cannot change what they measure.
_MEASURING_CODE = (
    *("config.py", "contract.py", "dsp.py", "engine.py", "frames.py", "geometry.py"),
    *("review/grid.py", "review/reviewing.py"),
)
_MEASURING_FOLDERS = ("faces", "measures", "media", "models", "signals")


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled file."""

    id: str
    label: Literal["bonafide", "attack"]
    attack_type: str
    group: str
    """Samples of one group (a person, or a source of pictures) are never split between training and test."""
    file: Path
    picture: bool
    simulated: bool = False
    origin: str = ""
    """Of a simulated one, the sample that it was made of."""
    shift_s: float = 0.0
    """How much later its frames are said to come, so that others of them are analysed."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What all signals measured on one sample, in the order in which the engine had it."""

    duration_s: float
    watched_share: float
    moments: tuple[tuple[float, tuple[Evidence, ...]], ...]
    """(time of a verdict, the evidence since the one before)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A sample with its measurements."""

    sample: Sample
    sha256: str
    measurements: Measurements


def read_manifest(path: Path) -> list[Sample]:
    """Read a manifest; rows of other labels than ``bonafide`` and ``attack`` are passed over.

    Raises
    ------
    ManifestError
        The file cannot be read, lacks a column, names a file that is not there, or an attack type that
        no family is known for.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read as CSV: {error}") from error
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise ManifestError(f"{path}: expected the columns {', '.join(COLUMNS)}; {', '.join(missing)} not found")
    samples = [_sample(path, number, row) for number, row in enumerate(rows, start=2) if row["label"] in _LABELS]
    if not samples:
        raise ManifestError(f"{path}: expected rows labelled bonafide or attack, found none")
    return samples


_LABELS = ("bonafide", "attack")


def _sample(manifest: Path, line: int, row: Mapping[str, str]) -> Sample:
    if not row["file"]:
        raise ManifestError(f"{manifest}, line {line}: expected {len(row)} columns, this row has fewer")
    file = manifest.parent / row["file"]
    try:
        there = file.is_file()
    except OSError:
        there = False
    if not there:
        raise ManifestError(f"{manifest}, line {line}: there is no file {row['file'][:200]}")
    if row["label"] == "attack" and species_of(row["attack_type"]) is None:
        raise ManifestError(f"{manifest}, line {line}: attack type {row['attack_type']!r} belongs to no known family")
    # A table of pictures names their source, and a source is what its pictures have in common.
    by_source = "kind" in row and row.get("source")
    group = f"source {row['source']}" if by_source else f"person {row['person'] or row['id']}"
    label: Literal["bonafide", "attack"] = "bonafide" if row["label"] == "bonafide" else "attack"
    return Sample(row["id"], label, row["attack_type"], group, file, is_picture(file))


def further_looks(samples: Iterable[Sample]) -> list[Sample]:
    """Return the real clips with other frames of them on the grid, as in a call that begins a moment later.

    What is measured of a clip depends on that, and so does what becomes of clips that lie near a threshold.
    """
    clips = [one for one in samples if not one.picture and not one.simulated]
    return [replace(one, shift_s=shift_s) for shift_s in FURTHER_LOOKS_S for one in clips]


def simulate(
    samples: Iterable[Sample], kinds: Iterable[str], *, seed: int, cache: Path, progress: Callable[[str], None]
) -> list[Sample]:
    """Make simulated attacks of every bona fide clip; what the cache has is not made again."""
    jobs = []
    for number, sample in enumerate(sample for sample in samples if sample.label == "bonafide" and not sample.picture):
        for kind in kinds:
            recipe = f"{sha256_of(sample.file)} {kind} {seed} {number} {RECIPES[kind]}"
            target = cache / "simulated" / f"{hashlib.sha256(recipe.encode()).hexdigest()[:24]}.mp4"
            twin = Sample(
                f"{sample.id}-{kind}",
                "attack",
                f"sim_{kind}",
                sample.group,
                target,
                picture=False,
                simulated=True,
                origin=sample.id,
            )
            jobs.append((kind, sample.file, target, seed * 100_003 + number, twin))
    todo = [job for job in jobs if not job[2].exists()]
    (cache / "simulated").mkdir(parents=True, exist_ok=True)
    with processes() as pool:
        for name in pool.map(_simulate_one, [job[:4] for job in todo]):
            progress(name)
    return [job[4] for job in jobs]


def _simulate_one(job: tuple[str, Path, Path, int]) -> str:
    kind, source, target, seed = job
    part = target.with_suffix(f".{os.getpid()}.mp4")
    make_attack(kind, source, part, seed=seed)
    part.replace(target)
    return f"{kind} of {source.name}"


def measure(samples: Iterable[Sample], *, cache: Path, progress: Callable[[str], None]) -> list[Measured]:
    """Run all signals over all samples, two or more at a time; samples without a face in a picture drop out.

    Raises
    ------
    MediaError
        A sample cannot be read.
    """
    measured = []
    wanted = list(samples)
    with processes() as pool:
        for sample, (sha256, measurements) in zip(
            wanted, pool.map(functools.partial(_measure_one, cache=cache), wanted, chunksize=4), strict=True
        ):
            progress(sample.id)
            if measurements.moments or not sample.picture:
                measured.append(Measured(sample, sha256, measurements))
    return measured


def _measure_one(sample: Sample, *, cache: Path) -> tuple[str, Measurements]:
    sha256 = sha256_of(sample.file)
    # Who was learnt from is measured with models that have not seen him.
    heads = [find(sample.group) for find in (forgery_head, rendering_heads, surface_head)]
    network = presentation_network(sample.group, sample.origin or sample.id)
    others = json.dumps(heads).encode() + (network or b"")
    mark = f"-{hashlib.sha256(others).hexdigest()[:8]}" if any(heads) or network else ""
    look = f"-{round(sample.shift_s * 1000)}ms" if sample.shift_s else ""
    kept = cache / "measured" / f"{sha256[:32]}-{_code_hash()[:16]}{mark}{look}.json"
    if kept.exists():
        return sha256, _decoded(json.loads(kept.read_text()))
    with contextlib.ExitStack() as unseen:
        for file, head in zip((FORGERY_HEAD, RENDERING_HEADS, SURFACE_HEAD), heads, strict=True):
            unseen.enter_context(file.replaced_by(head))
        unseen.enter_context(with_network(network))
        measurements = _measure_picture(sample.file) if sample.picture else _measure_clip(sample.file, sample.shift_s)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(_coded(measurements)))
    part.replace(kept)
    return sha256, measurements


NO_CURVES = Calibration((), {}, Thresholds(1.0, 1.0, {}, {}, 1.0, 0.0), {})
"""A calibration that knows nothing: for measuring without judging."""


class _Shifted(Recording):
    """A recording whose frames are said to come later than they do."""

    def __init__(self, path: Path, shift_s: float) -> None:
        super().__init__(path)
        self._shift_s = shift_s

    def frames(self, *, audio: bool = False) -> Iterator[MediaFrame]:
        """Yield the frames."""
        for frame in super().frames(audio=audio):
            frame.time_s += self._shift_s
            yield frame


def _measure_clip(path: Path, shift_s: float) -> Measurements:
    moments = []
    every = discover(liveness.signals)
    with _Shifted(path, shift_s) as recording, Engine(NO_CURVES, signals=every) as engine:
        last_s, watched = 0.0, 0
        analysed = 0
        for frame, verdict in analyse(recording, engine):
            if frame.time_s > _LONGEST_S + shift_s:
                break
            last_s, analysed = frame.time_s, analysed + 1
            watched += engine.face_box is not None
            if verdict is not None:
                moments.append((frame.time_s, tuple(engine.take_evidence())))
        failures = [notice.text for notice in engine.take_notices() if notice.kind == "signal_failed"]
        if failures:
            raise MediaError(f"{path}: a signal failed while measuring: {failures[0]}")
        rest = tuple(engine.take_evidence())
        if rest and moments:
            moments[-1] = (moments[-1][0], (*moments[-1][1], *rest))
        duration_s = last_s + (1.0 / recording.info.fps if recording.info.fps else 0.0)
    return Measurements(duration_s, watched / max(analysed, 1), tuple(moments))


class _Held:
    """A still picture shown at some moment, as a frame."""

    def __init__(self, picture: Frame, index: int, time_s: float) -> None:
        self._picture = picture
        self.index, self.time_s = index, time_s
        self.width, self.height = picture.width, picture.height
        self.dropped = 0
        self.audio: Floats | None = None

    def luma(self) -> Pixels:
        """Return the picture's luma."""
        return self._picture.luma()

    def rgb(self, *, max_width: int | None = None) -> Pixels:
        """Return the picture's RGB."""
        return self._picture.rgb(max_width=max_width)

    def crop_rgb(self, box: Box) -> Pixels:
        """Return a part of the picture."""
        return self._picture.crop_rgb(box)


def _measure_picture(path: Path) -> Measurements:
    """Show a picture for a few seconds to the signals that can judge a single one."""
    signals = {name: cls() for name, cls in discover(liveness.signals).items() if cls.spec.still}
    found: list[Evidence] = []
    picture = read_picture(path)
    with FaceFollower() as follower:
        for index in range(8):
            observation = follower.see(_Held(picture, index, index * 0.5))
            if observation.face is None:
                return Measurements(0.0, 0.0, ())
            for signal in signals.values():
                signal.observe(observation)
    for signal in signals.values():
        evidence = signal.evidence()
        if evidence is not None:
            found.append(evidence)
    return Measurements(0.0, 1.0, ((0.0, tuple(found)),) if found else ())


@functools.cache
def _code_hash() -> str:
    root = Path(liveness.__file__).parent
    files = [root / name for name in _MEASURING_CODE]
    files += [file for folder in _MEASURING_FOLDERS for file in sorted((root / folder).glob("*.*")) if file.is_file()]
    versions = " ".join(metadata.version(name) for name in ("av", "mediapipe", "numpy", "onnxruntime", "opencv-python"))
    return hashlib.sha256(f"{_hash_of(files)} {versions}".encode()).hexdigest()


def _hash_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _coded(measurements: Measurements) -> dict[str, Any]:
    return {
        "duration_s": measurements.duration_s,
        "watched_share": measurements.watched_share,
        "moments": [
            [time_s, [{**asdict(one), "llr": {}, "reason": ""} for one in evidence]]
            for time_s, evidence in measurements.moments
        ],
    }


def _decoded(data: Mapping[str, Any]) -> Measurements:
    return Measurements(
        data["duration_s"],
        data["watched_share"],
        tuple((time_s, tuple(Evidence(**one) for one in evidence)) for time_s, evidence in data["moments"]),
    )


def group_folds(groups: Iterable[str], folds: int, *, seed: int) -> dict[str, int]:
    """Return the fold of each group, drawn at random, groups of equal number in each."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    return {names[at]: place % folds for place, at in enumerate(order)}
