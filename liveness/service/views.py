"""What each role is shown, built field by field: nothing reaches the candidate that is not named here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from liveness.challenges.contract import Challenge, ChallengeSpec
from liveness.service.asked import Asked
from liveness.service.catalogue import catalogue, deadline_s
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
        "findings_erased": session.findings_erased_at is not None,
        "ice_servers": [dict(server) for server in ice],
        "report_url": f"/v1/sessions/{session.id}/report",
        "challenges": list(catalogue()),
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


@dataclass(frozen=True, slots=True)
class ChallengeOffer:
    """A challenge is about to be shown; names no parameter."""

    id: str
    spec: ChallengeSpec
    ready_within_s: float

    kind = "challenge"
    stored = False

    def payload(self) -> dict[str, Any]:
        """Return what is sent."""
        return {
            "schema": "liveness.challenge-offer/1",
            "id": self.id,
            "challenge": self.spec.name,
            "title": self.spec.title,
            "text": self.spec.page_text,
            "warning": self.spec.warning,
            "ready_within_s": self.ready_within_s,
        }


@dataclass(frozen=True, slots=True)
class ChallengeGuidance:
    """What would help the candidate now."""

    id: str
    guidance: str

    kind = "challenge_guidance"
    stored = False

    def payload(self) -> dict[str, Any]:
        """Return what is sent."""
        return {"schema": "liveness.challenge-guidance/1", "id": self.id, "guidance": self.guidance}


@dataclass(frozen=True, slots=True)
class ChallengeOver:
    """A challenge is over; of what came of it nothing."""

    id: str
    how: Literal["finished", "stopped"]

    kind = "challenge_over"
    stored = False

    def payload(self) -> dict[str, Any]:
        """Return what is sent."""
        return {"schema": "liveness.challenge-over/1", "id": self.id, "how": self.how}


def challenge_prompt(asked: Asked, cls: type[Challenge], now: datetime) -> dict[str, Any]:
    """Return what the candidate's page shows; ``elapsed_s`` of its time is gone already."""
    elapsed_s = (now - asked.prompt_at).total_seconds() if asked.prompt_at else 0.0
    return {
        "schema": "liveness.challenge-prompt/1",
        "id": asked.id,
        "challenge": asked.challenge,
        "page": dict(cls.page(asked.parameters or "")),
        "deadline_s": deadline_s(asked.challenge, asked.mode),
        "elapsed_s": round(max(0.0, elapsed_s), 3),
    }


LOOK_AT_THE_PAGE = "Please look at the page and do what it shows you."


def challenge_for_viewer(asked: Asked, guidance: str | None) -> dict[str, Any]:
    """Return a challenge as the interviewer and the platform see it."""
    # One that an earlier version asked for may have gone since.
    cls = catalogue().get(asked.challenge)
    aloud: str | None = LOOK_AT_THE_PAGE
    if asked.mode == "spoken" or asked.prompt_at is not None:
        # What was asked for is the interviewer's to know, who may have to hear whether the digits were right.
        aloud = cls.aloud(asked.parameters) if cls and asked.parameters and cls.spec.spoken else aloud
    return {
        "schema": "liveness.challenge/1",
        "session": asked.session_id,
        "id": asked.id,
        "challenge": asked.challenge,
        "title": cls.spec.title if cls else asked.challenge,
        "mode": asked.mode,
        "state": asked.state,
        "attempt": asked.attempt,
        "aloud": aloud,
        "deadline_s": deadline_s(asked.challenge, asked.mode) if cls else None,
        "alternative": cls.spec.alternative if cls else None,
        "made_at": stamp(asked.made_at),
        "guidance": guidance,
        "decline_reason": asked.decline_reason,
        "reason": asked.reason,
        "shown": asked.prompt_at is not None,
        "outcome": dict(asked.outcome) if asked.outcome else None,
    }


def available_challenge(spec: ChallengeSpec, attempts_left: int) -> dict[str, Any]:
    """Return what the interviewer can choose."""
    return {
        "name": spec.name,
        "title": spec.title,
        "spoken": spec.spoken,
        "families": sorted(spec.families),
        "alternative": spec.alternative,
        "attempts_left": attempts_left,
    }


_OUTCOME = ("result", "quality", "reason", "compliance", "integrity", "answered_s", "curve", "llr")


def outcome(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what came of a challenge, of what the engine tells."""
    return {name: told.get(name) for name in _OUTCOME}


CandidateEvent: TypeAlias = SessionForCandidate | Rate | Reconnect | ChallengeOffer | ChallengeGuidance | ChallengeOver
"""All that the candidate's event stream can carry."""
