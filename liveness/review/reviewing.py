"""One recording from end to end: decode, probe, analyse on the grid, conclude."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from liveness import __version__
from liveness.config import EngineSettings
from liveness.engine import Engine, Notice
from liveness.errors import MediaError
from liveness.frames import Box
from liveness.fusion.calibration import Calibration
from liveness.measures.probe import Prober
from liveness.media import MediaFrame, Recording, is_picture
from liveness.verdict import FAMILIES, Evidence, Family, Verdict

SCHEMA = "liveness.review/1"
_LONGEST_TIMELINE = 1200
_MOST_NOTICES = 200
"""Of each kind."""
_DOUBT_S = 30.0
"""A stretch without a live state of this length, after the first live one, is not vouched for by the rest."""
_THUMBNAIL_WIDTH = 320

Progress = Callable[[float, float | None, Verdict | None], None]
"""Called with the media time reached, the whole duration if known, and the last verdict."""


@dataclass(frozen=True, slots=True)
class Review:
    """The outcome for one recording."""

    data: dict[str, Any]
    """The JSON object of schema ``liveness.review/1``, without ``processing``."""
    thumbnails: dict[str, bytes]
    """JPEG pictures by evidence id, if asked for."""

    @property
    def state(self) -> str:
        """The verdict's state."""
        return str(self.data["verdict"]["state"])


def analyse(recording: Recording, engine: Engine) -> Iterator[tuple[MediaFrame, Verdict | None]]:
    """Feed a recording to an engine; yields every analysed frame with the verdict if one was due.

    Frames are analysed on a grid of media time: the first frame at or after each multiple of the period.
    """
    fps = engine.settings.analysis_fps
    prober = Prober()
    next_slot, skipped = 0, 0
    for frame in recording.frames():
        engine.probe(prober.tick(frame.luma(), frame.time_s, engine.face_box))
        slot = int(frame.time_s * fps + 1e-6)
        if slot < next_slot:
            skipped += 1
            continue
        next_slot = slot + 1
        frame.dropped, skipped = skipped, 0
        yield frame, engine.push(frame)


def review_recording(
    path: Path,
    calibration: Calibration,
    *,
    settings: EngineSettings | None = None,
    region: Box | None = None,
    thumbnails: bool = False,
    progress: Progress | None = None,
) -> Review:
    """Review one recording.

    Raises
    ------
    MediaError
        The file cannot be read as a video.
    """
    if path.exists() and is_picture(path):
        raise MediaError(f"{path}: is a still picture; nobody can be seen to be live in one: give a recording")
    with Recording(path, region=region) as recording, Engine(calibration, settings) as engine:
        notes = _Notes(thumbnails=thumbnails)
        last: MediaFrame | None = None
        verdict: Verdict | None = None
        analysed = 0
        for frame, new in analyse(recording, engine):
            last, verdict, analysed = frame, new or verdict, analysed + 1
            notes.take(engine, frame, new)
            if progress:
                progress(frame.time_s, recording.info.duration_s, verdict)
        if last is None:
            raise MediaError(f"{path}: expected a video, found no picture in it")
        duration_s = max(last.time_s, 0.0) + (1.0 / recording.info.fps if recording.info.fps else 0.0)
        final = notes.worst or notes.tempered(engine.conclude(last, duration_s))
        kbit_s = round(recording.video_bytes * 8 / 1000 / duration_s, 1) if duration_s > 0 else None
        final = replace(final, received=replace(final.received, kbit_s=kbit_s))
        data = _document(recording, engine, calibration, notes, final, duration_s=duration_s, region=region)
        data["media"]["frames"], data["media"]["analysed_frames"] = last.index + 1, analysed
    return Review(data, notes.pictures(data["evidence"]) if thumbnails else {})


@dataclass(slots=True)
class _Notes:
    """What is gathered while a recording runs; bounded whatever its length."""

    thumbnails: bool
    timeline: list[Verdict] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    worst: Verdict | None = None
    _open: dict[str, Evidence] = field(default_factory=dict)
    _best: dict[tuple[str, bool], tuple[float, float, bytes]] = field(default_factory=dict)
    _interval_s: float = 0.0
    _live_s: float | None = None
    _doubt: tuple[float, float] = (0.0, 0.0)
    _told: dict[str, int] = field(default_factory=dict)

    def take(self, engine: Engine, frame: MediaFrame, verdict: Verdict | None) -> None:
        """Take in what the engine has to say after one frame."""
        for notice in engine.take_notices():
            self._told[notice.kind] = self._told.get(notice.kind, 0) + 1
            if self._told[notice.kind] <= _MOST_NOTICES:
                self.notices.append(notice)
        for evidence in engine.take_evidence():
            self._merge(evidence)
            if self.thumbnails:
                self._picture(evidence, frame)
        if verdict is not None:
            self._add(verdict)
            if verdict.state == "suspect" and (self.worst is None or _against(verdict) > _against(self.worst)):
                self.worst = verdict

    def tempered(self, verdict: Verdict) -> Verdict:
        """Return the final verdict, at most inconclusive if a long stretch of the recording was."""
        start_s, length_s = self._doubt
        if verdict.state != "live" or length_s < _DOUBT_S:
            return verdict
        summary = (
            f"Most of the recording looks like a live person, but {length_s:.0f} seconds from {start_s:.0f} s on "
            "do not say so; look at that stretch."
        )
        return replace(verdict, state="inconclusive", summary=summary)

    def finished(self) -> list[Evidence]:
        """Return all merged evidence in order of time."""
        return sorted([*self.evidence, *self._open.values()], key=lambda one: (one.start_s, one.signal))

    def pictures(self, documents: list[dict[str, Any]]) -> dict[str, bytes]:
        """Return the pictures by the id of the evidence whose moment they show."""
        found: dict[str, bytes] = {}
        for (signal, _), (time_s, _, jpeg) in self._best.items():
            for one in documents:
                if one["signal"] == signal and one["start_s"] <= time_s <= one["end_s"] + 1e-6:
                    found[one["id"]] = jpeg
                    break
        return found

    def _add(self, verdict: Verdict) -> None:
        """Keep a verdict per interval, and changes of state a little more often; both ever more sparsely."""
        if verdict.state == "live":
            self._live_s = verdict.time_s
        elif self._live_s is not None and verdict.time_s - self._live_s > self._doubt[1]:
            self._doubt = (self._live_s, verdict.time_s - self._live_s)
        if self.timeline:
            since_s = verdict.time_s - self.timeline[-1].time_s
            changed = self.timeline[-1].state != verdict.state
            if since_s < (self._interval_s / 4 if changed else self._interval_s):
                return
        self.timeline.append(verdict)
        if len(self.timeline) > _LONGEST_TIMELINE:
            span_s = self.timeline[-1].time_s - self.timeline[0].time_s
            self._interval_s = 4 * span_s / _LONGEST_TIMELINE
            self.timeline = self.timeline[::2]

    def _merge(self, new: Evidence) -> None:
        """Join evidence with the one before of its signal where both say the same."""
        old = self._open.get(new.signal)
        if old is not None and old.reason == new.reason and new.start_s - old.end_s < 5.0 and _alike(old, new):
            before, now = old.end_s - old.start_s, max(new.end_s - max(new.start_s, old.end_s), 1e-3)
            share = now / (before + now)
            self._open[new.signal] = replace(
                old,
                end_s=new.end_s,
                value=old.value + share * (new.value - old.value),
                quality=old.quality + share * (new.quality - old.quality),
                llr={family: llr + share * (new.llr[family] - llr) for family, llr in old.llr.items()},
            )
            return
        if old is not None:
            self.evidence.append(old)
        self._open[new.signal] = new

    def _picture(self, evidence: Evidence, frame: MediaFrame) -> None:
        strength = max((abs(llr) for llr in evidence.llr.values()), default=0.0) * evidence.quality
        towards = max(evidence.llr.values(), key=abs, default=0.0) > 0
        best = self._best.get((evidence.signal, towards))
        if strength > 0.1 and (best is None or strength > best[1] + 0.05):
            rgb = frame.rgb(max_width=_THUMBNAIL_WIDTH)
            coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
            jpeg = np.asarray(coded).tobytes()
            self._best[evidence.signal, towards] = (evidence.end_s, strength, jpeg)


def _against(verdict: Verdict) -> float:
    """Return the likeliest family's posterior against a live person alone."""
    likeliest = max(verdict.families.values())
    return likeliest / (likeliest + verdict.confidence)


def _alike(old: Evidence, new: Evidence) -> bool:
    if set(old.llr) != set(new.llr):
        return False
    return all(abs(new.llr[family] - llr) < 0.75 for family, llr in old.llr.items())


def _document(
    recording: Recording,
    engine: Engine,
    calibration: Calibration,
    notes: _Notes,
    verdict: Verdict,
    *,
    duration_s: float,
    region: Box | None,
) -> dict[str, Any]:
    info, path = recording.info, recording.path
    provenance = calibration.provenance
    return {
        "schema": SCHEMA,
        # A name that is no UTF-8 must not make the JSON unreadable.
        "file": os.fsencode(path.name).decode("utf-8", "replace"),
        "sha256": sha256_of(path),
        "duration_s": _round(duration_s),
        "media": {
            "container": info.container,
            "codec": info.codec,
            "width": info.width,
            "height": info.height,
            "fps": _round(info.fps) if info.fps else None,
            "has_audio": info.has_audio,
            "region": [region.left, region.top, region.width, region.height] if region else None,
            "frames": 0,
            "analysed_frames": 0,
            "damaged": recording.damaged,
        },
        "verdict": verdict_document(verdict),
        "timeline": [
            {
                "time_s": _round(one.time_s),
                "confidence": _round(one.confidence),
                "interval": [_round(bound) for bound in one.interval],
                "state": one.state,
                "families": _numbers(one.families),
                "coverage": _numbers(one.coverage),
            }
            for one in notes.timeline
        ],
        "evidence": [
            {
                "id": f"e{number}",
                "signal": one.signal,
                "start_s": _round(one.start_s),
                "end_s": _round(one.end_s),
                "value": _round(one.value),
                "unit": one.unit,
                "quality": _round(one.quality),
                "llr": _numbers(one.llr),
                "reason": one.reason,
            }
            for number, one in enumerate(notes.finished(), start=1)
        ],
        "events": [{**asdict(notice), "time_s": _round(notice.time_s)} for notice in notes.notices],
        "engine": {
            "version": __version__,
            "calibration": {
                "sha256": calibration.sha256,
                **{
                    key: provenance.get(key)
                    for key in ("date", "code_version", "corpus_sha256", "persons", "clips", "pictures", "simulated")
                },
            },
            "prior": {
                "bonafide": engine.settings.prior_bonafide,
                **dict.fromkeys(FAMILIES, _round((1 - engine.settings.prior_bonafide) / len(FAMILIES))),
            },
            "thresholds": {
                "live_confidence": calibration.thresholds.live_confidence,
                "live_coverage": calibration.thresholds.live_coverage,
                "suspect": dict(calibration.thresholds.suspect),
            },
            "signals": [
                {
                    "name": spec.name,
                    "title": spec.title,
                    "group": spec.group,
                    "families": sorted(spec.families),
                    "unit": spec.unit,
                }
                for spec in engine.specs.values()
            ],
        },
    }


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain JSON values."""
    return {
        "time_s": _round(verdict.time_s),
        "confidence": _round(verdict.confidence),
        "interval": [_round(bound) for bound in verdict.interval],
        "state": verdict.state,
        "summary": verdict.summary,
        "families": _numbers(verdict.families),
        "coverage": _numbers(verdict.coverage),
        "not_examined": [family for family in FAMILIES if family not in verdict.coverage],
        "reasons": [
            {**asdict(reason), "time_s": _round(reason.time_s), "llr": _round(reason.llr)} for reason in verdict.reasons
        ],
        "missing": dict(verdict.missing),
        "next_step": asdict(verdict.next_step) if verdict.next_step else None,
        "analysed_fps": verdict.analysed_fps,
        "dropped": verdict.dropped,
        "received": asdict(verdict.received),
    }


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _numbers(values: Mapping[Family, float]) -> dict[str, float]:
    return {name: _round(value) for name, value in values.items()}


def _round(value: float) -> float:
    """Six digits are more than anything here is known to."""
    return round(float(value), 6)
