"""What is gathered of the engine's verdicts, evidence and notices while a recording or a call runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from liveness.challenges.running import ChallengeNews
from liveness.engine import Engine, Notice
from liveness.frames import Frame
from liveness.verdict import Evidence, Family, Verdict

_LONGEST_TIMELINE = 1200
_MOST_NOTICES = 200
"""Of each kind."""
_DOUBT_S = 30.0
"""A stretch without a live state of this length, after the first live one, is not vouched for by the rest."""
_THUMBNAIL_WIDTH = 320


_MOST_CHALLENGES = 32


@dataclass(frozen=True, slots=True)
class Challenged:
    """A challenge that is over, with what it says."""

    news: ChallengeNews
    llr: Mapping[Family, float]


@dataclass(slots=True)
class Notes:
    """What is gathered while a recording or a call runs; bounded whatever its length."""

    thumbnails: bool
    timeline: list[Verdict] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    worst: Verdict | None = None
    challenges: list[Challenged] = field(default_factory=list)
    _open: dict[str, Evidence] = field(default_factory=dict)
    _best: dict[tuple[str, bool], tuple[float, float, bytes]] = field(default_factory=dict)
    _interval_s: float = 0.0
    _live_s: float | None = None
    _doubt: tuple[float, float] = (0.0, 0.0)
    _told: dict[str, int] = field(default_factory=dict)

    def take(self, engine: Engine, frame: Frame | None, verdict: Verdict | None) -> list[Notice]:
        """Take in what the engine has to say after one frame; returns the notices that were new."""
        told = []
        for notice in engine.take_notices():
            self._told[notice.kind] = self._told.get(notice.kind, 0) + 1
            if self._told[notice.kind] <= _MOST_NOTICES:
                told.append(notice)
        self.notices += told
        for evidence in engine.take_evidence():
            self._merge(evidence)
            if self.thumbnails and frame is not None:
                self._picture(evidence, frame)
        if verdict is not None:
            self._add(verdict)
            if verdict.state == "suspect" and (self.worst is None or _against(verdict) > _against(self.worst)):
                self.worst = verdict
        return told

    def take_challenges(self, engine: Engine) -> list[ChallengeNews]:
        """Take in what came of challenges; returns all they had to say."""
        told = engine.take_challenges()
        over = [Challenged(news, engine.worth(news)) for news in told if news.outcome is not None]
        self.challenges = [*self.challenges, *over][-_MOST_CHALLENGES:]
        return told

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

    def _picture(self, evidence: Evidence, frame: Frame) -> None:
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
