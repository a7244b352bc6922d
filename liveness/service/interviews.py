"""The interviews of this node: what happens to a session, from its making to its erasure.

Here the parts meet: states, store, streams and media workers. HTTP is above and knows none of them by name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import structlog

from liveness.challenges.contract import Language
from liveness.live.interface import Answer, LiveError, SessionOptions
from liveness.service import challenges, inbox, sse, views
from liveness.service.consent import CURRENT, TEXTS
from liveness.service.hub import RESTART_GAP, Audience, Hub, Joined, TooManyReaders
from liveness.service.ice import ice_servers
from liveness.service.languages import in_language
from liveness.service.later import Later
from liveness.service.media import OpenPool
from liveness.service.problems import Problem, unknown_session
from liveness.service.sessions import MAY_SEND, OVER, Consent, Session, State, WrongState
from liveness.service.settings import ServiceSettings
from liveness.service.store import Store, StoredEvent, StoredReport
from liveness.service.thinning import Thinner
from liveness.service.tokens import Tokens, new_session_id

TOKEN_GRACE = timedelta(days=1)
"""Tokens outlive their session by this, so that whoever holds one is told that the session has expired."""
REPLAYED = 1_000
"""Events that a reader who was away for long is given from the store."""
CHECKPOINT_S = 60.0
"""Between two savings of a running call's document."""
CAPTURES_KEPT = 500

log = structlog.get_logger("liveness.service")


@dataclass(slots=True)
class Call:
    """What is remembered of a session while its media side lives."""

    part: int
    """Which document of the session is being made; each start of the service begins one."""
    answer: Answer | None = None
    thinner: Thinner = field(default_factory=Thinner)
    notices: int = 0
    seen: str | None = None
    """The last connection whose media arrived."""
    replaced: set[str] = field(default_factory=set)
    """Connections that were hung up to make way for another."""


class Interviews:
    """All sessions of this node."""

    def __init__(
        self,
        settings: ServiceSettings,
        store: Store,
        tokens: Tokens,
        open_pool: OpenPool,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings, self.store, self.tokens, self.now = settings, store, tokens, now
        self.later = Later()
        self.slow_readers = 0
        self.hub = Hub(self._count_slow_reader)
        self.inbox = inbox.Inbox(self)
        self.challenges = challenges.Challenges(self)
        self.pool = open_pool(self.inbox.on_event)
        self.calls: dict[str, Call] = {}
        self.on_over: Callable[[str], None] = lambda session_id: None
        """Told when the two people's own call has to end, too."""
        self.started = False
        self.stopping = False
        self.to_erase: set[str] = set()
        """Sessions whose evidence no worker could be asked to drop yet."""
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._connecting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._erasing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._sweeper: asyncio.Task[None] | None = None

    # Running

    async def start(self) -> None:
        """Open the store, take up what a former run left, start the media workers."""
        if self.started:
            return
        await self.store.open()
        try:
            self.later.start()
            await self.challenges.start()
            for session in await self.store.in_state("checking"):
                await self.interrupt(session.id, "restart")
            # No worker can hold anything yet: what is left is in the store.
            await self._erase_what_is_left()
            await self.pool.start()
        except BaseException:
            await self.later.stop(0.0)
            await self.store.close()
            raise
        self._sweeper = asyncio.create_task(self._sweep_regularly(), name="sweeper")
        self.started = True

    async def finish(self) -> None:
        """End the calls: documents are saved, both sides are told, the workers stop."""
        if self.stopping or not self.started:
            return
        self.stopping = True
        if self._sweeper:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self.challenges.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.grace_s / 2):
                await asyncio.gather(*(self._break_off(session_id) for session_id in list(self.calls)))
        try:
            async with asyncio.timeout(self.settings.grace_s / 2 + 1):
                await self.pool.stop(self.settings.grace_s / 2)
        except Exception:
            log.exception("the media workers did not stop in order")
        await self.later.stop(2.0)
        self.hub.close()

    async def stop(self) -> None:
        """Finish, and let go of the store."""
        await self.finish()
        if self.started:
            self.started = False
            await self.store.close()

    async def _break_off(self, session_id: str) -> None:
        session = await self.store.get(session_id)
        if session and session.state == "checking":
            await self.interrupt(session_id, "shutdown")

    # Sessions

    async def create(
        self,
        actor: str,
        *,
        reference: str | None = None,
        off: frozenset[str] = frozenset(),
        lasts_s: int | None = None,
        check_in: tuple[str, ...] = (),
    ) -> Session:
        """Make a session."""
        now = self.now()
        expires = now.replace(microsecond=0) + timedelta(seconds=lasts_s or self.settings.ttl_s)
        session = Session(new_session_id(), now, expires, reference=reference, off=off, check_in=check_in)
        await self.store.add(session)
        await self.store.audit("session made", actor, now, session_id=session.id)
        for audience in ("viewer", "candidate"):
            self.hub.begin(session.id, audience, 0)
        log.info("session made", session=session.id)
        return session

    def token(self, session: Session, role: Any) -> str:
        """Return a token of one role."""
        return self.tokens.issue(session.id, role, session.expires_at + TOKEN_GRACE)

    def ice(self, session: Session) -> list[dict[str, Any]]:
        """Return the ICE servers for a session's pages."""
        return ice_servers(self.settings, session.id, session.expires_at)

    async def session(self, session_id: str) -> Session:
        """Return a session, or raise the problem that there is none."""
        session = await self.store.get(session_id)
        if session is None:
            raise unknown_session()
        return session

    async def consent(self, session_id: str, version: str) -> Consent:
        """Put consent on record; given again it stays as it was."""
        async with self._lock(self._changing, session_id):
            session = await self.session(session_id)
            if version != CURRENT:
                raise Problem(409, "consent-version", f"Expected consent to version {CURRENT}; show that text and ask.")
            if session.consent and session.state in MAY_SEND:
                return session.consent
            now = self.now()
            receipt = self.tokens.receipt(session_id, version, views.stamp(now), "\n".join(TEXTS[version]))
            consent = Consent(version, now, receipt)
            try:
                session = session.agreed(consent)
            except WrongState as error:
                raise Problem(409, "session-over", str(error)) from None
            await self._keep(session)
            await self.store.audit("consent given", "publisher", now, session_id=session_id)
        return consent

    async def withdraw(self, session_id: str) -> None:
        """Take consent back: no frame is looked at from here on, and what was found is erased.

        Asked again, it tries again what could not be erased.
        """
        try:
            changed = await self.change(session_id, "withdrawn", "withdrawn")
        except Exception:
            # Even if it cannot be written down, looking stops.
            await self._erase_evidence(session_id)
            raise
        if changed:
            await self.store.audit("consent withdrawn", "publisher", self.now(), session_id=session_id)
        if not await self._erase_findings(session_id):
            raise Problem(
                503,
                "not-erased-yet",
                "Nothing is looked at any more, but what had been found could not be erased yet. "
                "It is tried again by itself.",
                headers={"Retry-After": "5"},
            )

    async def end(self, session_id: str, actor: str, reason: str = "ended") -> Session:
        """End a session; its document is final."""
        await self.session(session_id)
        if await self.change(session_id, "ended", reason):
            await self._conclude(session_id)
            await self.store.audit("session ended", actor, self.now(), session_id=session_id)
            self.on_over(session_id)
        return await self.session(session_id)

    async def erase(self, session_id: str, actor: str) -> None:
        """Remove all that is known of a session."""
        self.calls.pop(session_id, None)
        self.challenges.drop(session_id)
        await self._erase_evidence(session_id)
        found = await self.store.erase(session_id, self.now(), actor)
        self.hub.drop(session_id)
        self.on_over(session_id)
        if not found:
            raise unknown_session()
        log.info("session erased")

    async def _erase_evidence(self, session_id: str) -> None:
        self.to_erase.add(session_id)
        try:
            await self.pool.erase(session_id)
        except LiveError as error:
            log.warning("evidence could not be erased; it will be tried again", error=str(error))
        else:
            self.to_erase.discard(session_id)

    async def change(self, session_id: str, state: State, reason: str | None = None) -> bool:
        """Bring a session into a state and tell both sides; False if there is no way there, or it is there."""
        async with self._lock(self._changing, session_id):
            session = await self.store.get(session_id)
            if session is None or (session.state, session.reason) == (state, reason):
                return False
            try:
                session = session.to(state, reason, at=self.now())
            except WrongState:
                return False
            await self._keep(session)
            return True

    async def interrupt(self, session_id: str, reason: str) -> None:
        """Note that the media link is lost; the page is asked to come back unless it left by itself."""
        if await self.change(session_id, "interrupted", reason) and reason in _COMES_BACK:
            event = views.Reconnect(_COMES_BACK[reason])
            told = self.hub.tell_candidate(session_id, event)
            if told:
                await self.store.add_event(session_id, "candidate", told)

    async def _keep(self, session: Session) -> None:
        await self.store.save(session)
        await self.begin_streams(session.id)
        self.hub.tell_viewers(session.id, "session", views.for_viewer(session, self.ice(session)))
        self.hub.tell_candidate(session.id, views.SessionForCandidate(session, self.ice(session)))
        log.info("session changed", session=session.id, state=session.state, reason=session.reason)

    async def _conclude(self, session_id: str) -> None:
        """End the media side and keep its document; of one who took consent back nothing is kept."""
        if (await self.session(session_id)).consent_withdrawn:
            await self._erase_findings(session_id)
            return
        call = self.calls.pop(session_id, None)
        self.challenges.over(session_id, withdrawn=False)
        document = None
        try:
            document = await self.pool.end(session_id)
        except LiveError as error:
            log.warning("a call could not be ended in order", session=session_id, error=str(error))
            self.to_erase.add(session_id)
        if document is not None:
            part = call.part if call else await self._next_part(session_id)
            await self.store.save_report(session_id, StoredReport(part, True, inbox.finite(document)), self.now())
        await self.store.finalise_reports(session_id)

    async def _erase_findings(self, session_id: str) -> bool:
        """Erase what was found before consent was taken back, and only then say so; False if it has to be tried again.

        The session in the store says whether it is done, so that a crash in the middle leaves no findings behind.
        """
        async with self._lock(self._erasing, session_id):
            session = await self.store.get(session_id)
            if session is None or not session.consent_withdrawn or session.findings_erased_at:
                return True
            self.calls.pop(session_id, None)
            self.challenges.over(session_id, withdrawn=True)
            self.hub.forget(session_id)
            try:
                await self.pool.end(session_id, withdrawn=True)
                await self.later.run(partial(self.store.drop_findings, session_id))
                await self._note_erased(session_id)
            except Exception:
                log.exception("findings could not be erased; it will be tried again", session=session_id)
                return False
            return True

    async def _note_erased(self, session_id: str) -> None:
        async with self._lock(self._changing, session_id):
            session = await self.store.get(session_id)
            if session is None:
                return
            session = replace(session, findings_erased_at=self.now())
            await self.store.save(session)
            await self.begin_streams(session_id)
            self.hub.tell_viewers(session_id, "session", views.for_viewer(session, self.ice(session)))
            log.info("findings erased", session=session_id)

    # Media

    async def connect(self, session: Session, offer: str) -> Answer:
        """Answer a publisher's offer; an older connection that gives no media any more is replaced."""
        async with self._lock(self._connecting, session.id):
            if self.stopping:
                raise Problem(503, "stopping", "The service is being stopped.", headers={"Retry-After": "10"})
            await self._must_have_consent(session.id)
            await self._make_way(session.id)
            await self.begin_streams(session.id)
            if session.id not in self.calls:
                self.calls[session.id] = Call(await self._next_part(session.id))
            call = self.calls[session.id]
            answer = await self.pool.open(session.id, offer, SessionOptions(off=session.off))
            call.answer = answer
            try:
                await self._must_have_consent(session.id)
            except Problem:
                # Taken back, ended or erased while the worker was answering.
                self.calls.pop(session.id, None)
                await self._erase_evidence(session.id)
                raise
            return answer

    async def _must_have_consent(self, session_id: str) -> None:
        session = await self.session(session_id)
        if session.state in OVER:
            raise Problem(403 if session.state == "withdrawn" else 409, *_OVER_WORDS[session.state])
        if session.state not in MAY_SEND:
            raise Problem(403, "consent-missing", "The candidate has not agreed; ask first, then POST the consent.")

    async def _make_way(self, session_id: str) -> None:
        """Hang up an open connection that is not receiving; one that is keeps its place."""
        resource_id = self.pool.resource_of(session_id)
        if resource_id is None:
            return
        if self.pool.is_receiving(session_id):
            raise Problem(409, "publisher-connected", "Another page is sending for this session; close it first.")
        call = self.calls.get(session_id)
        if call:
            call.replaced.add(resource_id)
        with contextlib.suppress(LiveError):
            await self.pool.hang_up(resource_id)

    def connection(self, session_id: str, resource_id: str) -> Answer:
        """Return the open connection of a session, or raise the problem that it is gone."""
        answer = self.last_connection(session_id, resource_id)
        if self.pool.resource_of(session_id) != resource_id:
            raise _not_open()
        return answer

    def last_connection(self, session_id: str, resource_id: str) -> Answer:
        """Return the newest connection of a session, open or not, or raise the problem that this is another one."""
        call = self.calls.get(session_id)
        if call is None or call.answer is None or resource_id != call.answer.resource_id:
            raise _not_open()
        return call.answer

    # Reports

    async def report(self, session_id: str, part: int | None) -> tuple[StoredReport, int]:
        """Return a document, by default the newest as it is now, and how many there are."""
        if (await self.session(session_id)).consent_withdrawn:
            # Also while it is still being erased.
            raise Problem(404, "no-report", "There is no report: the candidate took consent back.")
        parts = {report.part: report for report in await self.store.reports(session_id)}
        call = self.calls.get(session_id)
        if call and part in (None, call.part):
            with contextlib.suppress(LiveError):
                document = await self.pool.report(session_id)
                if document is not None:
                    parts[call.part] = StoredReport(call.part, False, inbox.finite(document))
        wanted = max(parts, default=None) if part is None else part
        if wanted not in parts:
            raise Problem(404, "no-report", "There is no report yet: no video has been looked at.")
        return parts[wanted], max(parts)

    async def save_report(self, session_id: str) -> None:
        """Keep a running call's document as it is, for the case that this process ends."""
        try:
            document = await self.pool.report(session_id)
        except LiveError as error:
            log.warning("a report could not be fetched", session=session_id, error=str(error))
            return
        if document is not None:
            await self.keep_report(session_id, document)

    async def keep_report(self, session_id: str, document: dict[str, Any]) -> None:
        """Keep a document that may still grow, unless the call is over by now."""
        call = self.calls.get(session_id)
        if call:
            kept = StoredReport(call.part, False, inbox.finite(document))
            await self.store.save_report(session_id, kept, self.now())

    async def capture(self, session_id: str, payload: dict[str, Any]) -> None:
        """Keep what the candidate's page says about its camera and its sending."""
        # Not what it says: a log outlives the session, and consent that is taken back.
        log.info("capture report", session=session_id)
        await self.store.add_capture(session_id, payload, self.now(), most=CAPTURES_KEPT)

    async def _next_part(self, session_id: str) -> int:
        return max((report.part for report in await self.store.reports(session_id)), default=0) + 1

    # Streams

    async def begin_streams(self, session_id: str) -> None:
        """Make a session's streams, if a former run of the service had them."""
        if self.hub.has(session_id):
            return
        for audience in ("viewer", "candidate"):
            last = await self.store.last_number(session_id, audience)
            self.hub.begin(session_id, audience, last + RESTART_GAP)

    async def events(
        self,
        session_id: str,
        audience: Audience,
        after: int | None,
        until: datetime,
        *,
        language: Language = "en",
    ) -> AsyncGenerator[bytes, None]:
        """Yield a session's events to one reader, from where it was before, as long as its token is valid."""
        await self.begin_streams(session_id)
        try:
            joined = self.hub.join(session_id, audience, after)
        except (TooManyReaders, KeyError):
            return
        try:
            for event in await self._missed(session_id, audience, after, joined):
                yield sse.written(replace(event, payload=in_language(event.payload, language)))
            while True:
                try:
                    news = await joined.reader.next(sse.KEEP_ALIVE_S)
                except StopAsyncIteration:
                    return
                if self.now() >= until:
                    return
                if news is None:
                    yield sse.KEEP_ALIVE
                else:
                    yield sse.written(replace(news, payload=in_language(news.payload, language)))
        finally:
            self.hub.leave(session_id, audience, joined.reader)

    async def _missed(
        self, session_id: str, audience: Audience, after: int | None, joined: Joined
    ) -> list[StoredEvent]:
        """Return what a reader is given before the news: all it missed, or how things stand."""
        if after is not None and joined.missed is not None:
            return joined.missed
        before = joined.before
        session = await self.store.get(session_id)
        if session is None:
            return []
        if audience == "viewer":
            now = views.for_viewer(session, self.ice(session))
        else:
            now = views.SessionForCandidate(session, self.ice(session)).payload()
        greeting = StoredEvent(before, "session", now)
        if session.consent_withdrawn:
            # What may still wait to be erased is shown to nobody.
            return [greeting]
        if after is not None:
            kept = await self.store.events_after(session_id, audience, after, limit=REPLAYED)
            return [*(event for event in kept if event.number <= before), greeting]
        kinds: tuple[str, ...] = ("verdict", "link", "challenge") if audience == "viewer" else ()
        if audience == "candidate" and session.state == "interrupted" and session.reason in _COMES_BACK:
            kinds = ("reconnect",)
        events = [greeting]
        for kind in kinds:
            last = joined.latest.get(kind) or await self.store.last_event(session_id, audience, kind)
            if last and last.number <= before:
                events.append(StoredEvent(before, kind, last.payload))
        offer = self.challenges.offer_of(session_id) if audience == "candidate" else None
        if offer:
            events.append(StoredEvent(before, offer.kind, offer.payload()))
        return events

    # Sweeping

    async def _sweep_regularly(self) -> None:
        checkpoint = 0.0
        while True:
            await asyncio.sleep(5.0)
            checkpoint += 5.0
            try:
                await self.sweep()
                if checkpoint >= CHECKPOINT_S:
                    checkpoint = 0.0
                    for session_id in list(self.calls):
                        await self.save_report(session_id)
            except Exception:
                log.exception("sweeping failed")

    async def sweep(self) -> None:
        """End sessions whose time is over, and erase those that were kept long enough."""
        now = self.now()
        for session_id in list(self.to_erase):
            await self._erase_evidence(session_id)
        await self._erase_what_is_left()
        for session in await self.store.expired(now, state_not_in=["ended"]):
            await self.end(session.id, "expiry", "expired")
        for session in await self.store.expired(now - timedelta(seconds=self.settings.keep_s)):
            with contextlib.suppress(Problem):
                await self.erase(session.id, "retention")
        for session_id in self.hub.idle():
            over = await self.store.get(session_id)
            if over is None or over.state in OVER or over.is_expired(now):
                self.hub.drop(session_id)

    async def _erase_what_is_left(self) -> None:
        """Erase findings whose erasure an error or the end of a former run prevented."""
        for session in await self.store.with_findings_to_erase():
            await self._erase_findings(session.id)

    def _count_slow_reader(self) -> None:
        self.slow_readers += 1

    @staticmethod
    def _lock(locks: WeakValueDictionary[str, asyncio.Lock], session_id: str) -> asyncio.Lock:
        lock = locks.get(session_id)
        if lock is None:
            lock = locks[session_id] = asyncio.Lock()
        return lock


_COMES_BACK: dict[str, views.ReconnectReason] = {
    "lost": "lost",
    "worker_died": "worker_died",
    "failed": "failed",
    "shutdown": "shutdown",
    "restart": "restart",
}

_OVER_WORDS = {
    "withdrawn": ("consent-withdrawn", "Consent was taken back; for a new check make a new session."),
    "ended": ("session-over", "This session has ended; make a new one."),
}


def _not_open() -> Problem:
    return Problem(404, "unknown-resource", "This connection is not open; make a new one.")
