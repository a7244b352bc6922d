"""What is kept: one database by SQLAlchemy, SQLite (WAL) unless a URL names another.

Of a key only its SHA-256 is kept. Erasing a session removes its rows and leaves one audit line with the hash of
its id; SQLite is told to overwrite what it frees, and its log is emptied.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    and_,
    delete,
    event,
    func,
    insert,
    inspect,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from liveness.errors import ConfigError
from liveness.service.asked import OPEN, Asked
from liveness.service.sessions import Consent, Session

SCHEMA_VERSION = 3
"""1: the first. 2: challenges; what a session asks for at check-in. 3: when the findings were erased."""

_tables = MetaData()
_schema = Table("schema_version", _tables, Column("version", Integer, nullable=False))
_keys = Table(
    "api_keys",
    _tables,
    Column("sha256", String(64), primary_key=True),
    Column("made_at", String(32), nullable=False),
)
_sessions = Table(
    "sessions",
    _tables,
    Column("id", String(64), primary_key=True),
    Column("created_at", String(32), nullable=False, index=True),
    Column("expires_at", String(32), nullable=False, index=True),
    Column("reference", Text),
    Column("off", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("reason", String(64)),
    Column("consent_version", String(32)),
    Column("consent_at", String(32)),
    Column("consent_receipt", Text),
    Column("ended_at", String(32)),
    Column("check_in", Text, nullable=False, server_default="[]"),
    Column("findings_erased_at", String(32)),
)


def _of_session() -> Column[str]:
    return Column("session", String(64), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False)


_events = Table(
    "events",
    _tables,
    _of_session(),
    Column("audience", String(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Index("events_in_order", "session", "audience", "number", unique=True),
)
_reports = Table(
    "reports",
    _tables,
    _of_session(),
    Column("part", Integer, nullable=False),
    Column("made_at", String(32), nullable=False),
    Column("final", Boolean, nullable=False),
    Column("document", Text, nullable=False),
    Index("reports_in_order", "session", "part", unique=True),
)
_captures = Table(
    "capture_reports",
    _tables,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _of_session(),
    Column("at", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    Index("capture_reports_of", "session", "id"),
)
_challenges = Table(
    "challenges",
    _tables,
    Column("id", String(64), primary_key=True),
    _of_session(),
    Column("challenge", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("made_at", String(32), nullable=False),
    Column("made_by", String(16), nullable=False),
    Column("parameters", Text),
    Column("prompt_at", String(32)),
    Column("decline_reason", String(32)),
    Column("reason", Text),
    Column("outcome", Text),
    Index("challenges_of", "session", "made_at"),
)
_audit = Table(
    "audit",
    _tables,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False),
    Column("action", String(64), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("session", String(64), index=True),
    Column("session_sha256", String(64)),
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of a session's stream to one audience."""

    number: int
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredReport:
    """The document of a session; one more part for each start of the service that the call lived through."""

    part: int
    final: bool
    document: dict[str, Any]


class Store:
    """All reading and writing of the service's database."""

    def __init__(self, url: str) -> None:
        try:
            self._sqlite = make_url(url).get_backend_name() == "sqlite"
            # An error's text goes to the log, and what was to be written does not belong there.
            self._engine = create_async_engine(url, hide_parameters=True)
        except (SQLAlchemyError, ImportError) as error:
            raise ConfigError(
                f"LIVENESS_DATABASE_URL: expected the URL of an async driver that is installed, such as "
                f"sqlite+aiosqlite:///PATH or postgresql+asyncpg://…: {error}"
            ) from None
        self._writing = asyncio.Lock()
        """SQLite has one writer at a time; waiting here is cheaper than its polling."""
        if self._sqlite:
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)

    async def open(self) -> None:
        """Make the tables if they are not there; those of an earlier version are brought up to this one.

        Raises
        ------
        ConfigError
            The database cannot be used, or is of another version.
        """
        try:
            async with self._write() as to:
                version = await to.run_sync(_version)
                if version is None or version in _OLDER:
                    await to.run_sync(_tables.create_all)
                    if version in _OLDER:
                        await to.run_sync(_bring_up)
                    await to.execute(delete(_schema))
                    await to.execute(insert(_schema).values(version=SCHEMA_VERSION))
                    version = SCHEMA_VERSION
        except (SQLAlchemyError, OSError) as error:
            await self.close()
            cause = getattr(error, "orig", None) or error
            raise ConfigError(
                f"the database cannot be opened: {cause}; check LIVENESS_DATABASE_URL or --data"
            ) from None
        if version != SCHEMA_VERSION:
            await self.close()
            raise ConfigError(
                f"the database has schema version {version}, this version of liveness needs {SCHEMA_VERSION}; "
                "run the version that made it, or choose another --data folder"
            )

    async def close(self) -> None:
        """Let go of the database."""
        await self._engine.dispose()

    async def is_well(self) -> bool:
        """Tell whether the database answers."""
        try:
            async with self._engine.connect() as at:
                await at.execute(select(_schema.c.version))
        except (SQLAlchemyError, OSError):
            return False
        return True

    # Keys

    async def add_key(self, sha256: str, at: datetime) -> None:
        """Keep a key's hash."""
        async with self._write() as to:
            await to.execute(insert(_keys).values(sha256=sha256, made_at=_text(at)))

    async def key_digests(self) -> list[str]:
        """Return the hashes of all keys."""
        async with self._engine.connect() as at:
            return list((await at.execute(select(_keys.c.sha256))).scalars())

    # Sessions

    async def add(self, session: Session) -> None:
        """Keep a new session."""
        async with self._write() as to:
            await to.execute(insert(_sessions).values(_values(session)))

    async def save(self, session: Session) -> None:
        """Keep what changed of a session."""
        async with self._write() as to:
            await to.execute(update(_sessions).where(_sessions.c.id == session.id).values(_values(session)))

    async def get(self, session_id: str) -> Session | None:
        """Return a session."""
        async with self._engine.connect() as at:
            row = (await at.execute(select(_sessions).where(_sessions.c.id == session_id))).first()
        return _session(row) if row else None

    async def newest(self, limit: int) -> list[Session]:
        """Return the newest sessions, newest first."""
        return await self._select(select(_sessions).order_by(_sessions.c.created_at.desc()).limit(limit))

    async def in_state(self, *states: str) -> list[Session]:
        """Return all sessions in one of these states."""
        return await self._select(select(_sessions).where(_sessions.c.state.in_(states)))

    async def expired(self, now: datetime, *, state_not_in: Sequence[str] = ()) -> list[Session]:
        """Return sessions whose time was over at ``now``."""
        past = select(_sessions).where(_sessions.c.expires_at <= _text(now))
        return await self._select(past.where(_sessions.c.state.not_in(state_not_in)) if state_not_in else past)

    async def with_findings_to_erase(self) -> list[Session]:
        """Return the sessions whose consent was taken back, and whose findings are not known to be erased."""
        return await self._select(
            select(_sessions).where(_consent_withdrawn() & _sessions.c.findings_erased_at.is_(None))
        )

    async def count_by_state(self) -> dict[str, int]:
        """Return how many sessions there are in each state."""
        async with self._engine.connect() as at:
            rows = await at.execute(select(_sessions.c.state, func.count()).group_by(_sessions.c.state))
            return {row[0]: row[1] for row in rows}

    async def erase(self, session_id: str, at: datetime, actor: str) -> bool:
        """Remove every row of a session but one audit line with its id's hash; False if there was none."""
        async with self._write() as to:
            for table in (_events, _reports, _captures, _challenges, _audit):
                await to.execute(delete(table).where(table.c.session == session_id))
            found = (await to.execute(delete(_sessions).where(_sessions.c.id == session_id))).rowcount > 0
            if found:
                hashed = hashlib.sha256(session_id.encode()).hexdigest()
                line = {"at": _text(at), "action": "session erased", "actor": actor, "session_sha256": hashed}
                await to.execute(insert(_audit).values(line))
        if found and self._sqlite:
            await self._empty_log()
        return found

    # Events

    async def add_event(self, session_id: str, audience: str, kept: StoredEvent) -> None:
        """Keep an event; one of a session that is erased, or whose consent was taken back, is dropped."""
        row = {"audience": audience, "number": kept.number, "kind": kept.kind, "payload": json.dumps(kept.payload)}
        async with self._write() as to:
            if await _may_keep(to, session_id):
                await to.execute(insert(_events).values(session=session_id, **row))

    async def events_after(self, session_id: str, audience: str, number: int, *, limit: int) -> list[StoredEvent]:
        """Return the newest ``limit`` events after a number, in order."""
        of = (_events.c.session == session_id) & (_events.c.audience == audience) & (_events.c.number > number)
        async with self._engine.connect() as at:
            rows = await at.execute(select(_events).where(of).order_by(_events.c.number.desc()).limit(limit))
            return [StoredEvent(row.number, row.kind, json.loads(row.payload)) for row in rows][::-1]

    async def last_event(self, session_id: str, audience: str, kind: str) -> StoredEvent | None:
        """Return the last kept event of a kind."""
        of = (_events.c.session == session_id) & (_events.c.audience == audience) & (_events.c.kind == kind)
        async with self._engine.connect() as at:
            row = (await at.execute(select(_events).where(of).order_by(_events.c.number.desc()).limit(1))).first()
        return StoredEvent(row.number, row.kind, json.loads(row.payload)) if row else None

    async def last_number(self, session_id: str, audience: str) -> int:
        """Return the number of the last kept event, 0 if there is none."""
        of = (_events.c.session == session_id) & (_events.c.audience == audience)
        async with self._engine.connect() as at:
            return (await at.execute(select(func.max(_events.c.number)).where(of))).scalar() or 0

    async def drop_events(self, session_id: str, audience: str, numbers: Sequence[int]) -> None:
        """Remove events that a long call does not need any more."""
        of = (_events.c.session == session_id) & (_events.c.audience == audience)
        async with self._write() as to:
            for start in range(0, len(numbers), 500):
                await to.execute(delete(_events).where(of & _events.c.number.in_(numbers[start : start + 500])))

    async def drop_findings(self, session_id: str) -> None:
        """Remove what was found in a session and told of its camera, and what came of its challenges."""
        async with self._write() as to:
            for table in (_events, _reports, _captures):
                await to.execute(delete(table).where(table.c.session == session_id))
            nothing = {"outcome": None, "parameters": None, "decline_reason": None, "reason": None}
            await to.execute(update(_challenges).where(_challenges.c.session == session_id).values(nothing))
        if self._sqlite:
            await self._empty_log()

    # Reports

    async def save_report(self, session_id: str, report: StoredReport, at: datetime) -> None:
        """Keep a part's document in place of its earlier one; none of whose consent was taken back."""
        of = (_reports.c.session == session_id) & (_reports.c.part == report.part)
        async with self._write() as to:
            if not await _may_keep(to, session_id):
                return
            await to.execute(delete(_reports).where(of))
            await to.execute(
                insert(_reports).values(
                    session=session_id,
                    part=report.part,
                    made_at=_text(at),
                    final=report.final,
                    document=json.dumps(report.document, ensure_ascii=False),
                )
            )

    async def finalise_reports(self, session_id: str) -> None:
        """Note that nothing will be added."""
        async with self._write() as to:
            await to.execute(update(_reports).where(_reports.c.session == session_id).values(final=True))

    async def reports(self, session_id: str) -> list[StoredReport]:
        """Return all parts, first to last."""
        of = select(_reports).where(_reports.c.session == session_id).order_by(_reports.c.part)
        async with self._engine.connect() as at:
            return [StoredReport(row.part, row.final, json.loads(row.document)) for row in await at.execute(of)]

    # Capture reports

    async def add_capture(self, session_id: str, payload: Mapping[str, Any], at: datetime, *, most: int) -> None:
        """Keep a capture report, and of all at most the newest ``most``; none of whose consent was taken back."""
        mine = _captures.c.session == session_id
        async with self._write() as to:
            if not await _may_keep(to, session_id):
                return
            await to.execute(insert(_captures).values(session=session_id, at=_text(at), payload=json.dumps(payload)))
            newest = select(_captures.c.id).where(mine).order_by(_captures.c.id.desc()).offset(most).limit(1)
            oldest = (await to.execute(newest)).scalar()
            if oldest is not None:
                await to.execute(delete(_captures).where(mine & (_captures.c.id <= oldest)))

    async def captures(self, session_id: str) -> list[dict[str, Any]]:
        """Return the kept capture reports, in order."""
        of = select(_captures.c.payload).where(_captures.c.session == session_id).order_by(_captures.c.id)
        async with self._engine.connect() as at:
            return [json.loads(payload) for payload in (await at.execute(of)).scalars()]

    # Challenges

    async def add_challenge(self, asked: Asked) -> None:
        """Keep a new challenge; one of an erased session is dropped."""
        async with self._write() as to:
            if await _is_there(to, asked.session_id):
                await to.execute(insert(_challenges).values(_challenge_values(asked)))

    async def save_challenge(self, asked: Asked) -> None:
        """Keep what changed of a challenge."""
        async with self._write() as to:
            await to.execute(update(_challenges).where(_challenges.c.id == asked.id).values(_challenge_values(asked)))

    async def challenges(self, session_id: str) -> list[Asked]:
        """Return the challenges of a session, first to last."""
        of = select(_challenges).where(_challenges.c.session == session_id)
        async with self._engine.connect() as at:
            return [_asked(row) for row in await at.execute(of.order_by(_challenges.c.made_at))]

    async def open_challenges(self) -> list[Asked]:
        """Return the challenges of all sessions that are not over."""
        async with self._engine.connect() as at:
            rows = await at.execute(select(_challenges).where(_challenges.c.state.in_(sorted(OPEN))))
            return [_asked(row) for row in rows]

    # Audit

    async def audit(self, action: str, actor: str, at: datetime, *, session_id: str | None = None) -> None:
        """Write down who did what."""
        async with self._write() as to:
            await to.execute(insert(_audit).values(at=_text(at), action=action, actor=actor, session=session_id))

    async def audit_in(self, session_id: str, action: str, actor: str, at: datetime) -> None:
        """Write down who did what in a session, unless it has been erased by now."""
        async with self._write() as to:
            if await _is_there(to, session_id):
                line = {"at": _text(at), "action": action, "actor": actor, "session": session_id}
                await to.execute(insert(_audit).values(line))

    async def audit_lines(self) -> list[dict[str, Any]]:
        """Return all audit lines, in order."""
        async with self._engine.connect() as at:
            return [dict(row._mapping) for row in await at.execute(select(_audit).order_by(_audit.c.id))]

    # Inside

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        async with self._writing, self._engine.begin() as connection:
            yield connection

    async def _select(self, statement: Any) -> list[Session]:
        async with self._engine.connect() as at:
            return [_session(row) for row in await at.execute(statement)]

    async def _empty_log(self) -> None:
        async with self._writing, self._engine.connect() as at:
            await at.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


_OLDER = frozenset({1, 2})
"""Versions that can be brought up to this one."""


def _version(at: Connection) -> int | None:
    """Return the database's version, None if it is new; changes nothing."""
    if not inspect(at).has_table(_schema.name):
        return None
    return at.execute(select(_schema.c.version)).scalar()


def _bring_up(at: Connection) -> None:
    """Add what tables of earlier versions lack; a second time after a crash does no harm."""
    columns = {column["name"] for column in inspect(at).get_columns("sessions")}
    if "check_in" not in columns:
        at.execute(text("ALTER TABLE sessions ADD COLUMN check_in TEXT NOT NULL DEFAULT '[]'"))
    if "findings_erased_at" not in columns:
        # Empty also for those whose consent was taken back before: they are gone through once more.
        at.execute(text("ALTER TABLE sessions ADD COLUMN findings_erased_at VARCHAR(32)"))


async def _is_there(at: AsyncConnection, session_id: str) -> bool:
    return (await at.execute(select(_sessions.c.id).where(_sessions.c.id == session_id))).first() is not None


def _consent_withdrawn() -> ColumnElement[bool]:
    """Return the condition that ``Session.consent_withdrawn`` states."""
    state, reason = _sessions.c.state, _sessions.c.reason
    return or_(state == "withdrawn", and_(state == "ended", func.coalesce(reason, "") == "withdrawn"))


async def _may_keep(at: AsyncConnection, session_id: str) -> bool:
    """Tell whether something may be kept of a session: what comes late must not outlive the erasure."""
    of = select(_sessions.c.id).where((_sessions.c.id == session_id) & ~_consent_withdrawn())
    return (await at.execute(of)).first() is not None


def _prepare_sqlite(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "busy_timeout=5000",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _values(session: Session) -> dict[str, Any]:
    consent = session.consent
    return {
        "id": session.id,
        "created_at": _text(session.created_at),
        "expires_at": _text(session.expires_at),
        "reference": session.reference,
        "off": json.dumps(sorted(session.off)),
        "state": session.state,
        "reason": session.reason,
        "consent_version": consent.version if consent else None,
        "consent_at": _text(consent.given_at) if consent else None,
        "consent_receipt": consent.receipt if consent else None,
        "ended_at": _text(session.ended_at) if session.ended_at else None,
        "check_in": json.dumps(session.check_in),
        "findings_erased_at": _text(session.findings_erased_at) if session.findings_erased_at else None,
    }


def _challenge_values(asked: Asked) -> dict[str, Any]:
    return {
        "id": asked.id,
        "session": asked.session_id,
        "challenge": asked.challenge,
        "mode": asked.mode,
        "attempt": asked.attempt,
        "state": asked.state,
        "made_at": _text(asked.made_at),
        "made_by": asked.made_by,
        "parameters": asked.parameters,
        "prompt_at": _text(asked.prompt_at) if asked.prompt_at else None,
        "decline_reason": asked.decline_reason,
        "reason": asked.reason,
        "outcome": json.dumps(asked.outcome) if asked.outcome else None,
    }


def _asked(row: Row[Any]) -> Asked:
    return Asked(
        id=row.id,
        session_id=row.session,
        challenge=row.challenge,
        mode=row.mode,
        attempt=row.attempt,
        made_at=_moment(row.made_at),
        made_by=row.made_by,
        state=row.state,
        parameters=row.parameters,
        prompt_at=_moment(row.prompt_at) if row.prompt_at else None,
        decline_reason=row.decline_reason,
        reason=row.reason,
        outcome=json.loads(row.outcome) if row.outcome else None,
    )


def _session(row: Row[Any]) -> Session:
    consent = None
    if row.consent_version:
        consent = Consent(row.consent_version, _moment(row.consent_at), row.consent_receipt)
    return Session(
        id=row.id,
        created_at=_moment(row.created_at),
        expires_at=_moment(row.expires_at),
        reference=row.reference,
        off=frozenset(json.loads(row.off)),
        state=row.state,
        reason=row.reason,
        consent=consent,
        ended_at=_moment(row.ended_at) if row.ended_at else None,
        check_in=tuple(json.loads(row.check_in)),
        findings_erased_at=_moment(row.findings_erased_at) if row.findings_erased_at else None,
    )


def _text(moment: datetime) -> str:
    """Write a time so that later ones sort later."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)
