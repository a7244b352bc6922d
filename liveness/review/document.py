"""The JSON that a review, or a call that is over, ends with: schema ``liveness.review/1``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from liveness import __version__
from liveness.challenges.running import ChallengeNews
from liveness.engine import Engine
from liveness.fusion.calibration import Calibration
from liveness.review.notes import Notes
from liveness.verdict import FAMILIES, Family, Verdict

SCHEMA = "liveness.review/1"


def review_document(
    source: Mapping[str, Any], engine: Engine, calibration: Calibration, notes: Notes, verdict: Verdict
) -> dict[str, Any]:
    """Return the JSON object of schema ``liveness.review/1``.

    Parameters
    ----------
    source
        What was looked at: ``file``, ``sha256``, ``duration_s`` and ``media``.
    notes
        What was gathered on the way.
    verdict
        The one on all of it.
    """
    return {
        "schema": SCHEMA,
        **source,
        "verdict": verdict_document(verdict),
        "timeline": [
            {
                "time_s": rounded(one.time_s),
                "confidence": rounded(one.confidence),
                "interval": [rounded(bound) for bound in one.interval],
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
                "start_s": rounded(one.start_s),
                "end_s": rounded(one.end_s),
                "value": rounded(one.value),
                "unit": one.unit,
                "quality": rounded(one.quality),
                "llr": _numbers(one.llr),
                "reason": one.reason,
            }
            for number, one in enumerate(notes.finished(), start=1)
        ],
        "challenges": [
            {**challenge_document(one.news, one.llr), "title": engine.challenges[one.news.challenge].spec.title}
            for one in notes.challenges
        ],
        "events": [{**asdict(notice), "time_s": rounded(notice.time_s)} for notice in notes.notices],
        "engine": _engine_document(engine, calibration),
    }


def _engine_document(engine: Engine, calibration: Calibration) -> dict[str, Any]:
    """Return what measured, and with what settings."""
    provenance = calibration.provenance
    return {
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
            **dict.fromkeys(FAMILIES, rounded((1 - engine.settings.prior_bonafide) / len(FAMILIES))),
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
        "challenges": [
            {"name": cls.spec.name, "title": cls.spec.title, "families": sorted(cls.spec.families)}
            for cls in engine.challenges.values()
        ],
    }


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain JSON values."""
    return {
        "time_s": rounded(verdict.time_s),
        "confidence": rounded(verdict.confidence),
        "interval": [rounded(bound) for bound in verdict.interval],
        "state": verdict.state,
        "summary": verdict.summary,
        "families": _numbers(verdict.families),
        "coverage": _numbers(verdict.coverage),
        "not_examined": [family for family in FAMILIES if family not in verdict.coverage],
        "reasons": [
            {**asdict(reason), "time_s": rounded(reason.time_s), "llr": rounded(reason.llr)}
            for reason in verdict.reasons
        ],
        "doubted": verdict.doubted,
        "doubts": _numbers(verdict.doubts),
        "missing": dict(verdict.missing),
        "next_step": asdict(verdict.next_step) if verdict.next_step else None,
        "analysed_fps": verdict.analysed_fps,
        "dropped": verdict.dropped,
        "received": asdict(verdict.received),
    }


def challenge_document(news: ChallengeNews, llr: Mapping[Family, float]) -> dict[str, Any]:
    """Return what came of a challenge as plain JSON values."""
    outcome = news.outcome
    if outcome is None:
        raise ValueError("this challenge is not over")
    curve = outcome.curve
    return {
        "id": news.id,
        "challenge": news.challenge,
        "parameters": news.parameters,
        "time_s": rounded(news.time_s),
        "result": outcome.result,
        "quality": rounded(outcome.quality),
        "reason": outcome.reason,
        "compliance": outcome.compliance,
        "integrity": None if outcome.integrity is None else rounded(outcome.integrity),
        "answered_s": None if outcome.answered_s is None else rounded(outcome.answered_s),
        "curve": None
        if curve is None
        else {
            "title": curve.title,
            "unit": curve.unit,
            "times_s": [rounded(time_s) for time_s in curve.times_s],
            "values": [None if value is None else rounded(value) for value in curve.values],
            "asked": [None if value is None else rounded(value) for value in curve.asked],
        },
        "llr": _numbers(llr),
    }


def _numbers(values: Mapping[Any, float]) -> dict[str, float]:
    return {name: rounded(value) for name, value in values.items()}


def rounded(value: float) -> float:
    """Six digits are more than anything here is known to."""
    return round(float(value), 6)
