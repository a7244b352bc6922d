"""The analysed side of one session: what outlives its connections, from the decoded frame to the verdict."""

from __future__ import annotations

import os
import pickle
import time
from array import array
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import av

from liveness.challenges.running import ChallengeNews
from liveness.config import EngineSettings
from liveness.engine import Engine, Event
from liveness.fusion.calibration import Calibration
from liveness.live.clock import AgeClock, MediaClock
from liveness.live.mailbox import Mail, Mailbox
from liveness.live.shedding import FULL_FPS, Relief
from liveness.measures.probe import Prober, sampled
from liveness.media import MediaFrame
from liveness.review.document import challenge_document, review_document, rounded, verdict_document
from liveness.review.notes import Notes
from liveness.verdict import Family, Received, Verdict

_SILENT_S = 1.0
"""Without a frame for this long, verdicts go on by themselves, since what was seen fades."""
_SILENT_VERDICTS_S = 60.0
"""And for this long."""
_SNAPSHOT_EVERY_S, _SNAPSHOT_SHARE = 2.0, 0.02
"""Snapshots may cost this share of the time."""

_TIME_SLIP_S = 1.0
"""Media time may stray this far from the server's clock in a challenge; beyond, when it was answered is not known."""

Emit = Callable[[str, str, Mapping[str, Any]], None]
"""Called with session id, kind and data of an event."""


@dataclass(slots=True)
class CallLog:
    """All that an engine was given in a call, in order; with the same frames it gives the same verdicts again."""

    probed_s: array[float] = field(default_factory=lambda: array("d"))
    """Media times of the probed frames."""
    steps: list[tuple[str, float, Any]] = field(default_factory=list)
    """``("frame", time_s, (index, probed, dropped))``, with the number of frames probed for it; further
    ``("idle", time_s, None)`` and ``("event", time_s, Event)``."""


@dataclass(frozen=True, slots=True)
class Age:
    """How old a frame was when its analysis was finished."""

    session_id: str
    done_s: float
    """Unix time."""
    since_sent_ms: float
    since_decoded_ms: float
    """The part that this worker answers for."""


@dataclass(slots=True)
class Picture:
    """What of the picture arrives, as the connection measured it."""

    codec: str = ""
    kbit_s: float | None = None
    fps: float | None = None
    """Where not all that arrives is decoded; else it is measured on what is."""
    has_audio: bool = False

    def told_in(self, received: Received) -> Received:
        """Return what was received with what the connection knows of it."""
        fps = self.fps if self.fps is not None else received.fps
        return replace(received, kbit_s=self.kbit_s, fps=fps)


class Call:
    """One session in a worker.

    ``receive`` is called by the network side, everything else by the analysing thread.
    """

    def __init__(
        self,
        session_id: str,
        engine: Engine,
        calibration: Calibration,
        *,
        keep: Path,
        restore: Mapping[str, Any] | None = None,
        log: bool = False,
    ) -> None:
        """Begin, or go on with what :func:`read_snapshot` returned.

        Parameters
        ----------
        engine
            An engine that this call owns from now on.
        keep
            The file that snapshots go to.
        log
            Whether to record a :class:`CallLog`.
        """
        self.session_id = session_id
        self.engine = engine
        self.picture = Picture()
        self.age_clock = AgeClock()
        self.log = CallLog() if log else None
        state = restore or {}
        self.clock = MediaClock(last_s=state.get("last_s"), last_unix_s=state.get("last_unix_s"))
        self.mailbox = Mailbox(FULL_FPS)
        self._calibration = calibration
        self._keep = keep
        self._notes: Notes = state.get("notes") or Notes(thumbnails=False)
        self._analysed: int = state.get("analysed", 0)
        self._decoded: int = state.get("decoded", 0)
        self._prober = Prober()
        self._verdict: Verdict | None = None
        self._last_frame_unix_s: float | None = None
        self._next_snapshot_s = 0.0
        self._fps = FULL_FPS
        self._paused: frozenset[str] = frozenset()
        self._asked: tuple[str, float, float] | None = None
        """Of the challenge that runs: its id, and unix and media time at its prompt."""

    def begin_connection(self) -> None:
        """A new connection begins: its stamps have nothing to do with those before."""
        self.clock.begin_connection()
        self.age_clock = AgeClock()

    def receive(self, source: av.VideoFrame, *, usable: bool = True) -> bool:
        """Take in a decoded frame; returns whether it waits to be analysed. Never blocks."""
        now_s = time.time()
        if source.pts is None or source.time_base is None:
            return False
        stamp_s = float(source.pts * source.time_base)
        time_s = self.clock.at(stamp_s, now_s)
        if time_s is None:
            return False
        sent_s = self.age_clock.sent_at(stamp_s, now_s)
        self._decoded += 1
        luma = MediaFrame(source, index=0, time_s=time_s).luma()
        return self.mailbox.put(source, sampled(luma), time_s=time_s, arrived_s=now_s, sent_s=sent_s, usable=usable)

    def relieve(self, relief: Relief) -> None:
        """Analyse as many frames and signals as the worker can afford."""
        time_s = self.clock.now_s(time.time())
        if relief.analysis_fps != self._fps:
            self._fps = relief.analysis_fps
            self.mailbox.set_rate(self._fps)
            self._notify(Event(time_s, "rate", {"fps": self._fps}))
        by_cost = sorted(self.engine.specs.values(), key=lambda spec: -spec.cost_ms / max(spec.observe_every_s, 0.08))
        paused = frozenset(spec.name for spec in by_cost[: relief.costliest_off])
        if paused != self._paused:
            self._paused = paused
            self._notify(Event(time_s, "shed", {"signals": sorted(paused)}))

    def analyse(self, emit: Emit) -> Age | None:
        """Analyse what waits; returns how old the frame was when that was done, or None if nothing waited."""
        mail = self.mailbox.take()
        if mail is None:
            return None
        self._watch_time(mail)
        for one in mail.probed:
            self.engine.probe(self._prober.tick_of(one.sample, one.time_s, self.engine.face_box))
        if self.log is not None:
            self.log.probed_s.extend(one.time_s for one in mail.probed)
            self.log.steps.append(("frame", mail.time_s, (mail.index, len(mail.probed), mail.dropped)))
        frame = MediaFrame(mail.frame, index=mail.index, time_s=mail.time_s, dropped=mail.dropped)
        verdict = self.engine.push(frame)
        self._analysed += 1
        self._last_frame_unix_s = mail.arrived_s
        self._take(frame, verdict, emit, mail)
        done_s = time.time()
        self._snapshot_if_due(done_s)
        return Age(self.session_id, done_s, (done_s - mail.sent_s) * 1000, (done_s - mail.arrived_s) * 1000)

    def idle(self, emit: Emit) -> None:
        """Let what was seen fade while no frame comes."""
        now_s = time.time()
        if self._last_frame_unix_s is None or not _SILENT_S < now_s - self._last_frame_unix_s < _SILENT_VERDICTS_S:
            return
        time_s = self.clock.now_s(now_s)
        verdict = self.engine.idle(time_s)
        if self.log is not None:
            self.log.steps.append(("idle", time_s, None))
        self._take(None, verdict, emit, None)

    def challenge(self, data: Mapping[str, str]) -> None:
        """Prepare, begin or stop a challenge, as of this moment; ``data`` is that of the engine's event.

        Raises
        ------
        ValueError
            The engine cannot take it; the text says why.
        """
        now_s = time.time()
        event = Event(self.clock.now_s(now_s), "challenge", data)
        self._notify(event)
        self._asked = (data["id"], now_s, event.time_s) if data["action"] == "begin" else None

    def _watch_time(self, mail: Mail) -> None:
        """Void a challenge during which the sender's time runs otherwise than the server's."""
        if self._asked is None:
            return
        challenge_id, asked_unix_s, asked_s = self._asked
        slip_s = (mail.time_s - asked_s) - (mail.arrived_s - asked_unix_s)
        if mail.time_s > asked_s and abs(slip_s) > _TIME_SLIP_S:
            reason = "The video came too late, or its time stamps moved, to know when it was answered; ask again."
            self._notify(Event(mail.time_s, "challenge", {"action": "void", "id": challenge_id, "reason": reason}))
            self._asked = None

    def document(self) -> dict[str, Any]:
        """Return the review of the call so far, schema ``liveness.review/1``."""
        duration_s = self.clock.last_s or 0.0
        final = self._notes.worst or self._notes.tempered(self.engine.conclude(duration_s))
        final = replace(final, received=self.picture.told_in(final.received))
        seen = final.received
        source = {
            "file": f"Live call {self.session_id}",
            "sha256": None,
            "duration_s": rounded(duration_s),
            "media": {
                "container": "webrtc",
                "codec": self.picture.codec,
                "width": seen.width,
                "height": seen.height,
                "fps": rounded(seen.fps) if seen.fps else None,
                "has_audio": self.picture.has_audio,
                "region": None,
                "damaged": None,
                "frames": self._decoded,
                "analysed_frames": self._analysed,
            },
        }
        return review_document(source, self.engine, self._calibration, self._notes, final)

    def statistics(self) -> dict[str, Any]:
        """Return what the link event tells of the analysis."""
        seen = self._verdict.received if self._verdict else None
        return {
            "time_s": rounded(self.clock.last_s or 0.0),
            "width": seen.width if seen else 0,
            "height": seen.height if seen else 0,
            "analysed_fps": self._verdict.analysed_fps if self._verdict else 0.0,
            "dropped": self.mailbox.overwritten,
        }

    def save(self) -> None:
        """Write a snapshot, whole or not at all."""
        state = {
            "engine": self.engine.snapshot(),
            "notes": self._notes,
            "analysed": self._analysed,
            "decoded": self._decoded,
            "last_s": self.clock.last_s,
            "last_unix_s": self.clock.last_unix_s,
        }
        part = _part_of(self._keep)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            pickle.dump(state, file, protocol=pickle.HIGHEST_PROTOCOL)
        part.replace(self._keep)

    def close(self) -> None:
        """Free the models and forget the snapshot."""
        self.engine.close()
        forget_snapshot(self._keep)

    def _notify(self, event: Event) -> None:
        self.engine.notify(event)
        if self.log is not None:
            self.log.steps.append(("event", event.time_s, event))

    def _take(self, frame: MediaFrame | None, verdict: Verdict | None, emit: Emit, mail: Mail | None) -> None:
        for notice in self._notes.take(self.engine, frame, verdict):
            emit(self.session_id, "notice", {**asdict(notice), "time_s": rounded(notice.time_s)})
        for news in self._notes.take_challenges(self.engine):
            emit(self.session_id, "challenge", _told(news, self.engine.worth(news)))
        if verdict is None:
            return
        self._verdict = verdict
        shown = replace(verdict, received=self.picture.told_in(verdict.received))
        sent_s = mail.sent_s if mail else None
        emit(
            self.session_id,
            "verdict",
            {
                **verdict_document(shown),
                "frame_unix_ms": round(sent_s * 1000, 1) if sent_s is not None else None,
                "sent_unix_ms": round(time.time() * 1000, 1),
            },
        )

    def _snapshot_if_due(self, now_s: float) -> None:
        if now_s < self._next_snapshot_s:
            return
        started = time.perf_counter()
        self.save()
        spent_s = time.perf_counter() - started
        self._next_snapshot_s = now_s + max(_SNAPSHOT_EVERY_S, spent_s / _SNAPSHOT_SHARE)


def _told(news: ChallengeNews, llr: Mapping[Family, float]) -> dict[str, Any]:
    """Return what the front is told of a challenge."""
    if news.outcome is not None:
        return {"kind": "outcome", **challenge_document(news, llr)}
    return {
        "kind": "guidance",
        "id": news.id,
        "challenge": news.challenge,
        "time_s": rounded(news.time_s),
        "guidance": news.guidance,
    }


def forget_snapshot(path: Path) -> None:
    """Remove a snapshot, and what a worker that ended while it wrote has left of the next one."""
    path.unlink(missing_ok=True)
    _part_of(path).unlink(missing_ok=True)


def _part_of(snapshot: Path) -> Path:
    return snapshot.with_suffix(".part")


def read_snapshot(path: Path) -> dict[str, Any] | None:
    """Return what a call of an ended worker saved, or None if there is nothing (whole) to go on with.

    The file lies in a folder that only this program may write to, as the program itself does: reading it by pickle
    trusts nobody new.
    """
    try:
        with path.open("rb") as file:
            state = pickle.load(file)  # noqa: S301 (see above)
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) else None


def settings_for(prior_bonafide: float, off: frozenset[str]) -> EngineSettings:
    """Return the engine's settings for a live session."""
    return EngineSettings(analysis_fps=FULL_FPS, prior_bonafide=prior_bonafide, off=off)
