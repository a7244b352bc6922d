"""What each role is shown, built field by field: nothing reaches the candidate that is not named here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from liveness.service.consent import CURRENT, TEXTS
from liveness.service.sessions import Session

IceServers: TypeAlias = Sequence[Mapping[str, Any]]


def stamp(moment: datetime) -> str:
    """Write a time as the wire does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def created(session: Session, base_url: str, *, publisher: str, viewer: str) -> dict[str, Any]:
    """Return what the maker of a session is given; the tokens stand in the links' fragments, which are not sent."""
    return {
        "schema": "liveness.session-created/1",
        "id": session.id,
        "reference": session.reference,
        "created_at": stamp(session.created_at),
        "expires_at": stamp(session.expires_at),
        "state": session.state,
        "candidate_url": f"{base_url}/candidate#s={session.id}&t={publisher}",
        "interviewer_url": f"{base_url}/interviewer#s={session.id}&t={viewer}",
        "tokens": {"publisher": publisher, "viewer": viewer},
    }


def for_viewer(session: Session, ice: IceServers) -> dict[str, Any]:
    """Return a session as the interviewer and the platform see it."""
    consent = session.consent
    return {
        "schema": "liveness.session/1",
        "id": session.id,
        "reference": session.reference,
        "created_at": stamp(session.created_at),
        "expires_at": stamp(session.expires_at),
        "state": session.state,
        "reason": session.reason,
        "consent": {"version": consent.version, "given_at": stamp(consent.given_at)} if consent else None,
        "ice_servers": [dict(server) for server in ice],
        "report_url": f"/v1/sessions/{session.id}/report",
    }


@dataclass(frozen=True, slots=True)
class SessionForCandidate:
    """A session as the candidate sees it."""

    session: Session
    ice: IceServers

    kind = "session"
    stored = False

    def payload(self) -> dict[str, Any]:
        """Return what is sent."""
        session, consent = self.session, self.session.consent
        version = consent.version if consent else CURRENT
        return {
            "schema": "liveness.session-candidate/1",
            "id": session.id,
            "state": session.state,
            "expires_at": stamp(session.expires_at),
            "consent": {
                "version": version,
                "given_at": stamp(consent.given_at) if consent else None,
                "text": list(TEXTS[version]),
            },
            "ice_servers": [dict(server) for server in self.ice],
        }


@dataclass(frozen=True, slots=True)
class Rate:
    """A request to send fewer frames, or (None) as many as there are."""

    max_fps: float | None
    reason: str

    kind = "rate"
    stored = False

    def payload(self) -> dict[str, Any]:
        """Return what is sent."""
        return {"schema": "liveness.rate/1", "max_fps": self.max_fps, "reason": self.reason}


ReconnectReason: TypeAlias = Literal["lost", "worker_died", "failed", "shutdown", "restart"]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """A request to make a new connection."""

    reason: ReconnectReason

    kind = "reconnect"
    stored = True

    def payload(self) -> dict[str, Any]:
        """Return what is sent."""
        return {"schema": "liveness.reconnect/1", "reason": self.reason}


CandidateEvent: TypeAlias = SessionForCandidate | Rate | Reconnect
"""All that the candidate's event stream can carry."""
