"""The challenges of the sessions: who may ask for what and when, and what each side is told of it.

At most one challenge of a session is open. What happens to it is decided in memory, in one event loop, and told at
once; the store follows in order. Only the release of the prompt waits for the store: it happens once, whatever ends.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import structlog

from liveness.challenges.contract import Guidance, Mode
from liveness.live.interface import ChallengeRefused, LiveError, UnknownResource
from liveness.service import views
from liveness.service.asked import OPEN, Asked, ChallengeState
from liveness.service.catalogue import catalogue, deadline_s, default_order
from liveness.service.later import Job
from liveness.service.limits import Allowances, Pace
from liveness.service.problems import Problem
from liveness.service.sessions import OVER, Session

if TYPE_CHECKING:
    from liveness.service.interviews import Interviews

OF_ONE_KIND, IN_ALL, OFFERS_IN_ALL = 3, 10, 30
"""Attempts in a session: who may try for ever is lucky once."""
CHECK_IN = "check-in"
"""Who asks for the challenges that the platform wants at the beginning."""
_TRIES = 5
"""How often check-in looks whether media arrives, a second apart."""
_REFUSALS_WRITTEN = 200
"""Refused and repeated answers of one session that are written down one by one."""

log = structlog.get_logger("liveness.service")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the service waits."""

    ready_s: float = 10.0
    """For the candidate's page to take up an offer."""
    ready_warned_s: float = 20.0
    """The same, where the candidate has to be warned, and asked, first."""
    late_s: float = 5.0
    """For an outcome, beyond the deadline."""
    between_s: float = 2.0
    """Between two challenges of check-in."""


@dataclass(slots=True)
class _Run:
    """The open challenge of a session."""

    asked: Asked
    resource_id: str | None
    """The connection it was asked over; it does not outlive it."""
    made: bool = False
    """Whether anybody knows of it yet."""
    prepared_s: float = 0.0
    guidance: str | None = None
    timer: asyncio.TimerHandle | None = None
    readied_by: str = ""
    """The key of the request that released the prompt; whoever has it may have lost the answer on the way."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the engine has begun it, or it has come to nothing."""

    def rest(self) -> None:
        """Stop its timer."""
        if self.timer:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True)
class _Of:
    """What is remembered of one session."""

    rows: dict[str, Asked]
    now: _Run | None = None
    owed: Asked | None = None
    """One that ended with its connection: the engine, whose evidence lives on, has to be told when media is back."""

    def attempts_left(self, name: str) -> int:
        """Return how often this one may still be asked for."""
        # Whose prompt nobody saw was no attempt; a bad link must not use them up.
        shown = [row for row in self.rows.values() if row.prompt_at is not None]
        tried = sum(row.challenge == name for row in shown)
        return max(0, min(OF_ONE_KIND - tried, IN_ALL - len(shown), OFFERS_IN_ALL - len(self.rows)))


class Challenges:
    """Asks, releases, judges nothing: the outcome is the engine's."""

    def __init__(self, interviews: Interviews) -> None:
        self._all = interviews
        self._of: dict[str, _Of] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._written = Allowances(_REFUSALS_WRITTEN, 1 / 60)
        self._floods = Pace(60.0)
        self.timing = Timing()

    # Running

    async def start(self) -> None:
        """Close what a former run of the service left open."""
        for asked in await self._all.store.open_challenges():
            closed = replace(asked, state="expired", reason="The checking service was started anew in the middle.")
            await self._all.store.save_challenge(closed)
            await self._all.begin_streams(asked.session_id)
            self._tell_viewers(closed, None)
            self._audit(asked.session_id, f"challenge expired {asked.id}", "service")

    async def stop(self) -> None:
        """Close what is open; the media workers end by themselves."""
        for session_id in list(self._of):
            self._break(session_id, "expired", "The checking service was stopped in the middle.")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The interviewer's side

    async def ask(self, session_id: str, actor: str, name: str | None, mode: Mode) -> dict[str, Any]:
        """Ask for a challenge, by default the recommended one; returns it as the interviewer sees it."""
        if name is not None and name not in catalogue():
            raise Problem(422, "unknown-challenge", f"Expected one of {', '.join(catalogue())}.")
        if name is not None and mode == "spoken" and not catalogue()[name].spec.spoken:
            raise Problem(409, "no-page", "This one needs the candidate's page; it cannot be asked for by voice.")
        wanted = await self._next_step(session_id) if name is None else None
        of = await self._load(session_id)
        session = await self._all.session(session_id)
        # No await from here until the place is taken: of two who ask, one is refused.
        self._must_be_checking(session)
        if of.now:
            raise Problem(409, "challenge-running", "Another challenge is open; wait for its end or cancel it.")
        name = name or _recommended(of, wanted, mode)
        if name is None or not of.attempts_left(name):
            words = f"At most {OF_ONE_KIND} attempts of one kind and {IN_ALL} in all are possible in a session."
            raise Problem(429, "too-many-attempts", words)
        attempt = 1 + sum(row.challenge == name for row in of.rows.values())
        asked = Asked(_new_id(), session_id, name, mode, attempt, self._all.now(), actor)
        run = of.now = _Run(asked, self._all.pool.resource_of(session_id))
        try:
            await self._make(of, run)
        except BaseException:
            if of.now is run and not run.made:
                of.now = None
            raise
        if mode == "spoken":
            await self._see_baseline(run)
            if run.asked.state != "done":
                await self._release(of, run, actor)
        else:
            self._offer(of, run)
        return views.challenge_for_viewer(run.asked, run.guidance)

    async def listed(self, session_id: str) -> dict[str, Any]:
        """Return what was asked, first to last, and what can be, best first."""
        of = await self._load(session_id)
        guided = of.now.guidance if of.now else None
        ordered = default_order(list(catalogue()), [row.challenge for row in of.rows.values()])
        return {
            "challenges": [
                views.challenge_for_viewer(row, guided if row.state in OPEN else None) for row in of.rows.values()
            ],
            "available": [
                views.available_challenge(catalogue()[name].spec, of.attempts_left(name)) for name in ordered
            ],
        }

    async def cancel(self, session_id: str, challenge_id: str, actor: str) -> None:
        """Call a challenge off; again is no mistake."""
        of = await self._load(session_id)
        asked = of.rows.get(challenge_id)
        if asked is None:
            raise _unknown()
        run = of.now
        if run and run.made and run.asked.id == challenge_id:
            self._close(of, run, "cancelled", actor, reason="It was called off.")
        elif asked.state != "cancelled":
            raise Problem(409, "challenge-over", f"This challenge is over: {asked.state}.")

    # The candidate's side

    async def ready(self, session_id: str, challenge_id: str, key: str = "") -> dict[str, Any]:
        """Release the prompt, once.

        With the ``key`` of the request that released it, whose answer was lost on the way, the very same prompt is
        returned until its deadline: nothing is drawn anew, and no time is gained.
        """
        repeated = await self._repeated(session_id, challenge_id, key)
        if repeated is None:
            _, run = await self._answered(session_id, challenge_id, frozenset({"offered"}))
            await self._see_baseline(run)
            # Others may have been first while the camera was looked at; among them this page, asking again.
            repeated = await self._repeated(session_id, challenge_id, key)
        if repeated is None:
            of, run = await self._answered(session_id, challenge_id, frozenset({"offered"}))
            run.readied_by = key
            repeated = await self._release(of, run, "publisher")
        return views.challenge_prompt(repeated, catalogue()[repeated.challenge], self._all.now())

    async def _repeated(self, session_id: str, challenge_id: str, key: str) -> Asked | None:
        """Return what was released to the same request already, if that can still be answered."""
        of = await self._load(session_id)
        run = of.now
        if run is None or run.asked.id != challenge_id or not key or run.readied_by != key:
            return None
        await run.begun.wait()
        asked = run.asked
        if of.now is not run or asked.prompt_at is None or asked.state != "running":
            return None
        if (self._all.now() - asked.prompt_at).total_seconds() >= deadline_s(asked.challenge, asked.mode):
            return None
        if self._written.admits(session_id):
            self._audit(session_id, f"challenge prompt repeated {asked.id}", "publisher")
        return asked

    async def decline(self, session_id: str, challenge_id: str, why: str) -> None:
        """Note that the candidate cannot, or does not want to; possible also in the middle."""
        of, run = await self._answered(session_id, challenge_id, OPEN)
        self._close(of, run, "declined", "publisher", decline_reason=why)

    def offer_of(self, session_id: str) -> views.ChallengeOffer | None:
        """Return the offer that is open, for a page that was loaded anew."""
        of = self._of.get(session_id)
        run = of.now if of else None
        if run is None or not run.made or run.asked.state != "offered" or run.asked.mode != "page" or not run.timer:
            return None
        left = max(0.0, run.timer.when() - asyncio.get_running_loop().time())
        return views.ChallengeOffer(run.asked.id, catalogue()[run.asked.challenge].spec, round(left, 1))

    def refused(self, session_id: str, why: str) -> None:
        """Write down a refused answer; of very many the rest as one line a minute."""
        if not self._written.admits(session_id):
            if not self._floods.admits(session_id):
                return
            why = "and more, not written"
        self._audit(session_id, f"challenge answer refused: {why}", "publisher")

    # What the media workers tell

    def on_pool(self, session_id: str, data: Mapping[str, Any]) -> None:
        """Take guidance or an outcome; one that is not (any more) of the open challenge is dropped."""
        of = self._of.get(session_id)
        run = of.now if of else None
        if of is None or run is None or run.asked.id != data.get("id") or not run.made:
            log.info("news of a challenge that is over", session=session_id, kind=data.get("kind"))
            return
        if data.get("kind") == "outcome":
            # Before the prompt it says that nobody could judge this one as things are.
            self._close(of, run, "done", "engine", outcome=views.outcome(data), stop=False)
        elif (
            run.asked.state == "running"
            and data.get("guidance") in get_args(Guidance)
            and data["guidance"] != run.guidance
        ):
            run.guidance = str(data["guidance"])
            self._tell_viewers(run.asked, run.guidance)
            if run.asked.mode == "page":
                self._all.hub.tell_candidate(session_id, views.ChallengeGuidance(run.asked.id, run.guidance))

    def lost(self, session_id: str, resource_id: Any, why: str) -> None:
        """Close what was asked over a connection that has ended."""
        of = self._of.get(session_id)
        run = of.now if of else None
        if of is None or run is None or resource_id not in (None, run.resource_id):
            return
        of.owed = run.asked
        words = _LOST.get(why, _LOST["lost"])
        if why == "worker_died" or not run.made:
            self._break(session_id, "expired", words)
        else:
            # The engine lives on without its connection, and must not judge what the interviewer was told is over.
            self._close(of, run, "expired", "service", reason=words)

    def media(self, session_id: str) -> None:
        """Note that media arrives (again)."""
        of = self._of.get(session_id)
        if of and of.owed:
            self._spawn(partial(self._stop, of.owed))
            of.owed = None
        self._spawn(partial(self._check_in, session_id, 0.0))

    # The session's end

    def over(self, session_id: str, *, withdrawn: bool) -> None:
        """Close what is open: the session is over."""
        words = "Consent was taken back." if withdrawn else "The session ended."
        self._break(session_id, "cancelled", words)
        self._of.pop(session_id, None)

    def drop(self, session_id: str) -> None:
        """Forget a session that is erased."""
        of = self._of.pop(session_id, None)
        if of and of.now:
            of.now.rest()
            of.now = None

    # Inside

    async def _load(self, session_id: str) -> _Of:
        """Return what is known of a session; of one that is over nothing is kept in memory."""
        found = self._of.get(session_id)
        if found:
            return found
        await self._all.begin_streams(session_id)
        rows = await self._all.store.challenges(session_id)
        session = await self._all.session(session_id)
        if session.consent_withdrawn:
            # What came of them may still wait to be erased: it is shown to nobody.
            rows = [replace(row, outcome=None, parameters=None, decline_reason=None, reason=None) for row in rows]
        of = _Of({row.id: row for row in rows})
        return of if session.state in OVER else self._of.setdefault(session_id, of)

    def _must_be_checking(self, session: Session) -> None:
        if self._all.stopping:
            raise Problem(503, "stopping", "The service is being stopped.", headers={"Retry-After": "10"})
        if session.state in OVER:
            raise Problem(409, "session-over", "This session is over; make a new one.")
        if session.state != "checking" or not self._all.pool.is_receiving(session.id):
            raise Problem(409, "not-checking", "No video of the candidate arrives; wait until it does.")

    async def _next_step(self, session_id: str) -> str | None:
        """Return what the last verdict proposed."""
        last = self._all.hub.latest(session_id, "viewer", "verdict")
        last = last or await self._all.store.last_event(session_id, "viewer", "verdict")
        step = last.payload.get("next_step") if last else None
        name = step.get("challenge") if isinstance(step, Mapping) else None
        return name if isinstance(name, str) else None

    async def _make(self, of: _Of, run: _Run) -> None:
        """Let the engine begin to look, and keep the challenge."""
        asked = run.asked
        await self._pool("prepare", asked)
        run.prepared_s = time.monotonic()
        if of.now is run:
            await self._all.store.add_challenge(asked)
        if of.now is not run:
            # The call broke off, or the session ended, meanwhile.
            gone = replace(asked, state="cancelled", reason="It came to nothing before it was asked.")
            self._all.later.put(partial(self._all.store.save_challenge, gone))
            self._spawn(partial(self._stop, asked))
            raise Problem(409, "not-checking", "The call broke off while the challenge was made.")
        run.made = True
        of.rows[asked.id] = asked
        self._audit(asked.session_id, f"challenge made {asked.id} {asked.challenge}", asked.made_by)
        self._tell_viewers(asked, None)

    def _offer(self, of: _Of, run: _Run) -> None:
        if of.now is not run:
            return
        spec = catalogue()[run.asked.challenge].spec
        within_s = self.timing.ready_s if spec.warning is None else self.timing.ready_warned_s
        words = f"The candidate's page did not take it up within {within_s:g} s."
        self._set_timer(of, run, within_s, words)
        self._all.hub.tell_candidate(run.asked.session_id, views.ChallengeOffer(run.asked.id, spec, within_s))

    async def _see_baseline(self, run: _Run) -> None:
        """Wait until the person was seen for long enough to be compared with."""
        spec = catalogue()[run.asked.challenge].spec
        await asyncio.sleep(max(0.0, run.prepared_s + spec.baseline_s - time.monotonic()))

    async def _release(self, of: _Of, run: _Run, actor: str) -> Asked:
        """Draw the parameters and begin; returns the challenge as it was begun."""
        cls = catalogue()[run.asked.challenge]
        if of.now is not run:
            raise _not_offered("It was called off meanwhile.")
        run.rest()
        asked = run.asked = replace(
            run.asked,
            state="running",
            parameters=cls.drawn(secrets.token_bytes(cls.spec.random_bytes)),
            prompt_at=self._all.now(),
        )
        of.rows[asked.id] = asked
        try:
            await self._all.store.save_challenge(asked)
            await self._pool("begin", asked)
        except BaseException:
            if of.now is run:
                self._close(of, run, "expired", "service", reason="The checking process could not begin it; ask again.")
            raise
        finally:
            run.begun.set()
        if of.now is not run:
            raise _not_offered("It was called off meanwhile.")
        within_s = deadline_s(asked.challenge, asked.mode) + self.timing.late_s
        self._set_timer(of, run, within_s, "The checking process said nothing in time; ask again.")
        self._audit(asked.session_id, f"challenge ready {asked.id}", actor)
        self._tell_viewers(asked, run.guidance)
        return asked

    async def _answered(
        self, session_id: str, challenge_id: str, states: frozenset[ChallengeState]
    ) -> tuple[_Of, _Run]:
        """Return the challenge that may be answered so; else write it down and refuse."""
        of = await self._load(session_id)
        run = of.now
        if run and run.made and run.asked.id == challenge_id and run.asked.state in states:
            if run.asked.mode == "page" or "running" in states:
                return of, run
            self.refused(session_id, f"{challenge_id} spoken")
            raise _not_offered("This one is asked for by voice.")
        asked = of.rows.get(challenge_id)
        if asked is None:
            self.refused(session_id, "unknown challenge")
            raise _unknown()
        why = "late" if asked.state == "expired" else "second" if asked.state == "running" else asked.state
        self.refused(session_id, f"{challenge_id} {why}")
        raise _not_offered(f"It is {asked.state}.")

    def _set_timer(self, of: _Of, run: _Run, within_s: float, words: str) -> None:
        def ring() -> None:
            if of.now is run:
                self._close(of, run, "expired", "service", reason=words)

        run.rest()
        run.timer = asyncio.get_running_loop().call_later(within_s, ring)

    def _break(self, session_id: str, state: ChallengeState, words: str) -> None:
        of = self._of.get(session_id)
        if of is None or of.now is None:
            return
        if of.now.made:
            self._close(of, of.now, state, "service", reason=words, stop=False)
        else:
            of.now = None

    def _close(
        self,
        of: _Of,
        run: _Run,
        state: ChallengeState,
        actor: str,
        *,
        reason: str | None = None,
        decline_reason: str | None = None,
        outcome: Mapping[str, Any] | None = None,
        stop: bool = True,
    ) -> None:
        """Bring the open challenge to its end, tell both sides, and make way for the next."""
        run.rest()
        of.now = None
        asked = run.asked = replace(
            run.asked, state=state, reason=reason, decline_reason=decline_reason, outcome=outcome
        )
        of.rows[asked.id] = asked
        self._all.later.put(partial(self._all.store.save_challenge, asked))
        self._audit(asked.session_id, f"challenge {'outcome' if state == 'done' else state} {asked.id}", actor)
        self._tell_viewers(asked, None)
        if asked.mode == "page":
            over = views.ChallengeOver(asked.id, "finished" if state == "done" else "stopped")
            self._all.hub.tell_candidate(asked.session_id, over)
        if stop:
            self._spawn(partial(self._stop, asked))
        self._spawn(partial(self._check_in, asked.session_id, self.timing.between_s))

    def _tell_viewers(self, asked: Asked, guidance: str | None) -> None:
        view = views.challenge_for_viewer(asked, guidance)
        sent = self._all.hub.tell_viewers(asked.session_id, "challenge", view)
        if sent and guidance is None:
            self._all.later.put(partial(self._all.store.add_event, asked.session_id, "viewer", sent))

    def _audit(self, session_id: str, action: str, actor: str) -> None:
        self._all.later.put(partial(self._all.store.audit_in, session_id, action[:64], actor, self._all.now()))

    async def _pool(self, action: Any, asked: Asked) -> None:
        """Tell the engine, or raise the problem that it cannot be told."""
        parameters = asked.parameters or ""
        try:
            await self._all.pool.challenge(
                asked.session_id,
                action,
                asked.id,
                challenge=asked.challenge,
                parameters=parameters,
                mode=asked.mode,
            )
        except UnknownResource:
            raise Problem(409, "not-checking", "No video of the candidate arrives; wait until it does.") from None
        except ChallengeRefused as error:
            raise Problem(409, "challenge-refused", f"The engine does not take it: {error}") from None
        except LiveError as error:
            raise Problem(503, "worker-gone", str(error), headers={"Retry-After": "1"}) from None

    async def _stop(self, asked: Asked) -> None:
        try:
            await self._pool("stop", asked)
        except Problem as problem:
            log.info("a challenge could not be stopped", session=asked.session_id, why=problem.kind)

    async def _check_in(self, session_id: str, after_s: float) -> None:
        """Offer what the platform wants at the beginning, one after another."""
        session = await self._all.store.get(session_id)
        if session is None or not session.check_in:
            return
        await asyncio.sleep(after_s)
        for _ in range(_TRIES):
            of = self._of.get(session_id) or await self._load(session_id)
            name = _due(of, session.check_in)
            if name is None or of.now:
                return
            try:
                await self.ask(session_id, CHECK_IN, name, "page")
            except Problem as problem:
                if problem.kind != "not-checking":
                    log.info("check-in waits", session=session_id, why=problem.kind)
                    return
            else:
                return
            await asyncio.sleep(1.0)

    def _spawn(self, work: Job) -> None:
        if self._all.stopping:
            return
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_LOST = {
    "worker_died": "The checking process ended in the middle; ask again when the video is back.",
    "lost": "The video broke off in the middle; ask again when it is back.",
}


async def _logged(work: Job) -> None:
    try:
        await work()
    except Problem as problem:
        # A session that was erased meanwhile.
        log.info("nothing to do for a challenge", why=problem.kind)
    except Exception:
        log.exception("work on a challenge failed")


def _recommended(of: _Of, wanted: str | None, mode: Mode) -> str | None:
    """Return the one to ask for: what the verdict proposed, else the first of the default order."""
    possible = [
        name for name, cls in catalogue().items() if of.attempts_left(name) and (mode == "page" or cls.spec.spoken)
    ]
    if wanted in possible:
        return wanted
    ordered = default_order(possible, [row.challenge for row in of.rows.values()])
    return ordered[0] if ordered else None


def _due(of: _Of, check_in: tuple[str, ...]) -> str | None:
    """Return the first that was not answered yet; one that nobody took up is offered once more."""
    for name in check_in:
        offered = [row for row in of.rows.values() if row.challenge == name and row.made_by == CHECK_IN]
        # Whose prompt was seen is not drawn anew by hanging up.
        through = len(offered) > 1 or any(row.state != "expired" or row.prompt_at for row in offered)
        if not through and name in catalogue() and of.attempts_left(name):
            return name
    return None


def _new_id() -> str:
    return "c_" + secrets.token_urlsafe(9)


def _unknown() -> Problem:
    return Problem(404, "unknown-challenge", "There is no such challenge in this session.")


def _not_offered(words: str) -> Problem:
    return Problem(409, "not-offered", f"This challenge is not offered any more. {words}")
