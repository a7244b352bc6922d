"""The engine: probe, push and notify in, verdicts out.

A pure function of what it is given: no clock, no thread, no I/O. Time is media time in seconds.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, Self

import liveness.challenges
import liveness.signals
from liveness.challenges import contract, planner, strengths
from liveness.challenges.contract import Challenge
from liveness.challenges.running import ChallengeNews, Running
from liveness.config import EngineSettings
from liveness.contract import Signal, discover
from liveness.errors import ConfigError
from liveness.faces.hands import HandFinder
from liveness.faces.landmarks import FaceModels
from liveness.faces.tracking import FaceFollower
from liveness.frames import Box, Frame, Observation, ProbeTick
from liveness.fusion.answers import Answer
from liveness.fusion.calibration import Calibration
from liveness.fusion.fusion import Fusion, Judgement
from liveness.verdict import Evidence, Family, NextStep, Received, Verdict

NoticeKind = Literal[
    "cut", "gap", "resolution", "track", "second_face", "no_face", "signal_failed", "challenge_failed", "rate", "shed"
]

_LONGEST_STRETCH = 1.5
"""With fewer looks than that leaves, signals would have too few for what they say of some seconds."""

_NOTICES: dict[str, str] = {
    "cut": "The picture cuts to another one.",
    "gap": "Frames are missing here.",
    "resolution": "The picture changes its size.",
    "track": "Another face, or the same after an absence: measuring begins anew.",
    "second_face": "A second face is in the picture; it is not scored.",
    "no_face": "No face is in view.",
    "rate": "The number of analysed frames a second changes.",
    "shed": "The server is busy: some signals pause.",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened in the picture and that a reader of the verdict should know."""

    time_s: float
    kind: NoticeKind
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """A fact from outside, on media time."""

    time_s: float
    kind: Literal["gap", "rate", "shed", "challenge", "consent_withdrawn"]
    data: Mapping[str, Any]
    """Of ``shed``: ``signals``, the names of those that pause from now on (none: all go on). Of ``challenge``:
    ``action`` (prepare, begin, stop, void) and ``id``; for prepare ``challenge``, its name; for begin ``parameters``
    and ``mode``; for void ``reason``. Else nothing is read."""


_HEAVY_MS = 5.0
"""Declared cost from which on a signal waits while a challenge runs: an answer needs every picture, more than a face
that was looked at before needs another look."""
_OFF_VERDICT_S = 0.25
"""Such a look that falls on the frame of a verdict waits this long for another frame: for a verdict somebody waits, for
a look nobody does."""


class Engine:
    """One session: give it every decoded frame's tick, the frames on the grid, and the events."""

    def __init__(
        self,
        calibration: Calibration,
        settings: EngineSettings | None = None,
        *,
        signals: Mapping[str, type[Signal]] | None = None,
        challenges: Mapping[str, type[Challenge]] | None = None,
        answers: strengths.Strengths | None = None,
        restore: Mapping[str, Any] | None = None,
        timer: Callable[[], float] | None = None,
        face_models: FaceModels | None = None,
    ) -> None:
        """Set up the models and the signals.

        Parameters
        ----------
        signals
            Signal classes by name. If not given, those of ``liveness.signals`` that the calibration has a curve for:
            what cannot change a verdict is not measured.
        challenges
            Challenge classes by name; all of ``liveness.challenges`` if not given.
        answers
            What outcomes of challenges are worth; the packaged counts if not given.
        restore
            A state that :meth:`snapshot` returned.
        timer
            A clock of the host, only for :attr:`seconds_spent`; it never influences a verdict.
        face_models
            Models that the host shares between engines, and closes; the engine's own if not given.

        Raises
        ------
        ConfigError
            ``settings.off`` names a signal that does not exist.
        """
        self.settings = settings or EngineSettings()
        classes = dict(discover(liveness.signals) if signals is None else signals)
        unknown = self.settings.off - set(classes)
        if unknown:
            raise ConfigError(f"no such signal: {', '.join(sorted(unknown))}; there are {', '.join(classes)}")
        wanted = calibration.signals if signals is None else set(classes)
        self.signals: dict[str, Signal] = {
            name: cls() for name, cls in classes.items() if name in wanted - self.settings.off
        }
        self.challenges = dict(contract.discover(liveness.challenges) if challenges is None else challenges)
        self._strengths = strengths.load() if answers is None else answers
        self._running = Running(self.challenges)
        self._challenge_news: list[ChallengeNews] = []
        self._hands: HandFinder | None = None
        self.specs = {name: signal.spec for name, signal in self.signals.items()}
        self.fusion = Fusion(calibration, self.specs, self.settings.prior_bonafide)
        self.seconds_spent: dict[str, float] = dict.fromkeys([*self.signals, "faces", "fusion", "probe"], 0.0)
        self._timer = timer
        self._follower = FaceFollower(face_models)
        self._next_observation = dict.fromkeys(self.signals, 0.0)
        self._next_evidence = {name: spec.period_s for name, spec in self.specs.items()}
        self._next_verdict_s = self.settings.verdict_every_s
        self._times: deque[float] = deque(maxlen=64)
        self._tick_times: deque[float] = deque(maxlen=64)
        self._dropped = 0
        self._last_time_s: float | None = None
        self._watched_s = 0.0
        self._evidence: list[Evidence] = []
        self._notices: list[Notice] = []
        self._showing: set[str] = set()
        self._rate_changed = False
        self._stretch = 1.0
        self._withdrawn = False
        self._paused: frozenset[str] = frozenset()
        self._size = (0, 0)
        self._failures: dict[str, Evidence] = {}
        if restore is not None:
            self._restore(restore)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        self._follower.close()
        if self._hands is not None:
            self._hands.close()
            self._hands = None

    @property
    def face_box(self) -> Box | None:
        """The candidate's face as last seen; the prober wants it."""
        return self._follower.face_box

    def probe(self, tick: ProbeTick) -> None:
        """See a decoded frame."""
        if self._withdrawn:
            return
        self._tick_times.append(tick.time_s)
        for name, signal in self.signals.items():
            if "probe" in signal.spec.needs:
                self._guarded(name, tick.time_s, functools.partial(signal.probe, tick))

    def push(self, frame: Frame) -> Verdict | None:
        """Analyse a frame; returns a verdict every ``verdict_every_s``, and none once consent is withdrawn."""
        if self._withdrawn:
            return None
        started = self._timer() if self._timer else 0.0
        observation = self._with_hands(self._follower.see(frame, rate_changed=self._rate_changed))
        self._rate_changed = False
        if self._timer:
            self.seconds_spent["faces"] += self._timer() - started
        self._note(observation)
        if observation.changes & {"cut", "track"}:
            self.fusion.new_shot(frame.time_s, cut="cut" in observation.changes)
        step = 0.0 if self._last_time_s is None else frame.time_s - self._last_time_s
        if observation.face is not None:
            self._watched_s += min(step, 1.0)
        self._last_time_s = frame.time_s
        self._times.append(frame.time_s)
        self._dropped += frame.dropped
        self._observe(observation)
        self._collect(frame.time_s)
        self._answered(self._running.observe(observation))
        self._size = (frame.width, frame.height)
        return self._due(frame.time_s)

    def idle(self, time_s: float) -> Verdict | None:
        """Judge while no frame comes: what was seen fades, and nothing new can be known.

        Returns a verdict every ``verdict_every_s``, as :meth:`push` does.
        """
        if self._withdrawn:
            return None
        self._answered(self._running.pass_time(time_s))
        return self._due(time_s)

    def _due(self, time_s: float) -> Verdict | None:
        if not self._is_due(time_s):
            return None
        every_s = self.settings.verdict_every_s
        # On multiples of the period, not so long after the last one: else each would come a little later in it.
        self._next_verdict_s = (math.floor(time_s / every_s + 1e-6) + 1) * every_s
        return self._verdict(self.fusion.judge(time_s), time_s)

    def _is_due(self, time_s: float) -> bool:
        return time_s + 1e-9 >= self._next_verdict_s

    def notify(self, event: Event) -> None:
        """Take in a fact from outside.

        Raises
        ------
        ValueError
            A challenge cannot be prepared or begun; the text says why.
        """
        if event.kind == "consent_withdrawn":
            self._withdrawn = True
        elif event.kind == "rate":
            self._rate_changed = True
            # What is looked at less often than every frame can wait the longest; what follows the face cannot.
            self._stretch = _LONGEST_STRETCH if event.data["fps"] < self.settings.analysis_fps else 1.0
            self._notices.append(Notice(event.time_s, "rate", _NOTICES["rate"]))
        elif event.kind == "shed":
            self._paused = frozenset(event.data["signals"])
            self._notices.append(Notice(event.time_s, "shed", _NOTICES["shed"]))
        elif event.kind == "challenge":
            self._challenge(event)
        elif event.kind == "gap":
            self._notices.append(Notice(event.time_s, "gap", _NOTICES["gap"]))

    def conclude(self, duration_s: float) -> Verdict:
        """Return the verdict on everything seen, without lasting suspicions (the host knows those).

        Parameters
        ----------
        duration_s
            Length of the session.
        """
        share = self._watched_s / duration_s if duration_s > 0 else 0.0
        return self._verdict(self.fusion.conclude(duration_s, watched_share=share), self._last_time_s or 0.0)

    def take_evidence(self) -> list[Evidence]:
        """Hand over the evidence since the last call."""
        taken, self._evidence = self._evidence, []
        return taken

    def end_challenge(self, time_s: float) -> None:
        """Judge a challenge that runs by what was seen until now: nothing more will come."""
        self._answered(self._running.pass_time(time_s, end=True))

    def take_challenges(self) -> list[ChallengeNews]:
        """Hand over what challenges had to say since the last call."""
        taken, self._challenge_news = self._challenge_news, []
        return taken

    def worth(self, news: ChallengeNews) -> dict[Family, float]:
        """Return what an outcome says about each family, in nats."""
        return {} if news.outcome is None else self._strengths.llr(news.challenge, news.outcome)

    def take_notices(self) -> list[Notice]:
        """Hand over the notices since the last call."""
        taken, self._notices = self._notices, []
        return taken

    def snapshot(self) -> Mapping[str, Any]:
        """Return the evidence so far, for a session that moves to another worker."""
        return {
            "signals": {name: signal.snapshot() for name, signal in self.signals.items()},
            "fusion": self.fusion.snapshot(),
            "running": self._running.snapshot(),
            "follower": self._follower.snapshot(),
            "next_observation": dict(self._next_observation),
            "next_evidence": dict(self._next_evidence),
            "next_verdict_s": self._next_verdict_s,
            "watched_s": self._watched_s,
            "last_time_s": self._last_time_s,
            "dropped": self._dropped,
            "size": self._size,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        for name, signal in self.signals.items():
            if name in state["signals"]:
                signal.restore(state["signals"][name])
        self.fusion.restore(state["fusion"])
        self._running.restore(state["running"])
        self._follower.restore(state["follower"])
        self._next_observation.update(state["next_observation"])
        self._next_evidence.update(state["next_evidence"])
        self._next_verdict_s = state["next_verdict_s"]
        self._watched_s = state["watched_s"]
        self._last_time_s = state["last_time_s"]
        self._dropped = state["dropped"]
        self._size = state["size"]

    def _challenge(self, event: Event) -> None:
        data = event.data
        if data["action"] == "prepare":
            self._running.prepare(data["id"], data["challenge"], asked_already=data.get("asked") == "already")
        elif data["action"] == "begin":
            self._running.begin(data["id"], event.time_s, data["parameters"], data["mode"])
        elif data["action"] == "void":
            self._running.void(data["id"], data["reason"])
        else:
            self._running.stop(data["id"])

    def _with_hands(self, observation: Observation) -> Observation:
        """Look for hands while somebody needs them."""
        if "hands" not in self._running.needs:
            if self._hands is not None:
                self._hands.close()
                self._hands = None
            return observation
        self._hands = self._hands or HandFinder()
        return replace(observation, hands=self._hands.see(observation.frame))

    def _answered(self, news: list[ChallengeNews]) -> None:
        for one in news:
            if one.error:
                title = self.challenges[one.challenge].spec.title
                self._notices.append(Notice(one.time_s, "challenge_failed", f"{title}: {one.error}"))
            if one.outcome is not None and one.outcome.result != "unclear":
                self.fusion.answer(Answer(one.challenge, one.time_s, self.worth(one), one.outcome.reason))
        self._challenge_news += news

    def _observe(self, observation: Observation) -> None:
        """Show the frame to the signals that are due, the most overdue first, within the declared budget."""
        time_s, spent = observation.time_s, 0.0
        awake = [name for name in self.signals if name not in self._paused]
        due = [name for name in awake if time_s + 1e-9 >= self._next_observation[name]]
        shown = set()
        for name in sorted(due, key=lambda name: self._next_observation[name]):
            spec = self.specs[name]
            if self._waits(name) or self._gives_way(name, time_s):
                continue
            if spent + spec.cost_ms > self.settings.budget_ms and spec.observe_every_s > 0:
                continue
            spent += spec.cost_ms
            shown.add(name)
            self._next_observation[name] = time_s + spec.observe_every_s * self._stretch
            self._guarded(name, time_s, functools.partial(self.signals[name].observe, observation))
        if observation.broken:
            # A signal that is not due, or has to wait, must hear of the break all the same, but look at nothing.
            unseen = replace(observation, face=None)
            for name in set(self.signals) - shown:
                self._guarded(name, time_s, functools.partial(self.signals[name].observe, unseen))

    def _waits(self, name: str) -> bool:
        return self._running.active and self._is_heavy(name)

    def _is_heavy(self, name: str) -> bool:
        return self.specs[name].cost_ms > _HEAVY_MS

    def _gives_way(self, name: str, time_s: float) -> bool:
        overdue_s = time_s - self._next_observation[name]
        return self._is_heavy(name) and self._is_due(time_s) and overdue_s < _OFF_VERDICT_S

    def _collect(self, time_s: float) -> None:
        for name, signal in self.signals.items():
            if name in self._paused or time_s + 1e-9 < self._next_evidence[name]:
                continue
            self._next_evidence[name] = time_s + self.specs[name].period_s
            evidence = self._guarded(name, time_s, signal.evidence)
            evidence = self._failures.pop(name, evidence)
            if evidence is not None:
                self._evidence.append(self.fusion.add(evidence))

    def _guarded(self, name: str, time_s: float, call: Callable[[], Evidence | None]) -> Evidence | None:
        """Run one signal; an error in it becomes failed evidence and is told, and the loop goes on."""
        started = self._timer() if self._timer else 0.0
        try:
            return call()
        except Exception as error:
            text = f"{self.specs[name].title}: {type(error).__name__}: {error}"
            if name not in self._failures:
                self._notices.append(Notice(time_s, "signal_failed", text))
            failed = Evidence(name, time_s, time_s, 0.0, self.specs[name].unit, 0.0, reason=text, failed=True)
            self._failures[name] = failed
            return failed
        finally:
            if self._timer:
                self.seconds_spent[name] += self._timer() - started

    def _note(self, observation: Observation) -> None:
        for change in sorted(observation.changes - {"rate"}):
            self._notices.append(Notice(observation.time_s, change, _NOTICES[change]))
        self._lasting(observation.time_s, "no_face", shown=observation.face is None)
        self._lasting(observation.time_s, "second_face", shown=bool(observation.others))

    def _lasting(self, time_s: float, kind: Literal["no_face", "second_face"], *, shown: bool) -> None:
        if shown and kind not in self._showing:
            self._notices.append(Notice(time_s, kind, _NOTICES[kind]))
        (self._showing.add if shown else self._showing.discard)(kind)

    def _next_step(self, judged: Judgement) -> NextStep | None:
        if judged.state not in ("suspect", "inconclusive"):
            return None
        open_now = dict(judged.belief.families)
        if judged.doubted:
            open_now[judged.doubted] = 1.0
        return planner.next_step(open_now, self.challenges, self._strengths, tried=self.fusion.answered)

    def _missing(self, judged: Judgement) -> dict[str, str]:
        reasons = {}
        for name, signal in self.signals.items():
            if name not in judged.belief.llr:
                paused = "Paused while the server is busy." if name in self._paused else ""
                if self._waits(name):
                    paused = "Waits while a challenge runs."
                reasons[name] = paused or signal.missing() or "Nothing could be measured."
        return reasons

    def _verdict(self, judged: Judgement, time_s: float) -> Verdict:
        belief = judged.belief
        return Verdict(
            time_s=time_s,
            confidence=belief.confidence,
            interval=belief.interval,
            state=judged.state,
            families=belief.families,
            coverage=belief.coverage,
            reasons=judged.reasons,
            doubted=judged.doubted,
            doubts=judged.doubts,
            missing=self._missing(judged),
            next_step=self._next_step(judged),
            summary=judged.summary,
            analysed_fps=_rate(self._times),
            dropped=self._dropped,
            received=Received(*self._size, _rate(self._tick_times), None),
        )


def _rate(times: deque[float]) -> float:
    """Return events a second over the remembered ones."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    return round((len(times) - 1) / (times[-1] - times[0]), 3)
