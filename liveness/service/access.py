"""Who is asking: an API key, the interviewer (viewer) or the candidate (publisher), and what each may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from starlette.requests import HTTPConnection, Request

from liveness.service.interviews import Interviews
from liveness.service.problems import Problem, gone, unauthorised
from liveness.service.sessions import Session
from liveness.service.tokens import KEY_PREFIX, TokenError, is_known_key

Who = Literal["key", "publisher", "viewer"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone whose key or token is valid."""

    who: Who
    session_id: str | None = None
    until: datetime | None = None
    """When its token ends; a key's does not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A caller who may do this in this session."""

    caller: Caller
    session: Session


def interviews_of(connection: HTTPConnection) -> Interviews:
    """Return the interviews that an app serves."""
    interviews: Interviews = connection.app.state.interviews
    return interviews


async def caller_of(request: Request) -> Caller:
    """Return who is asking, by the ``Authorization`` header."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise unauthorised("Expected an Authorization header with a Bearer token or an API key.", error=None)
    if scheme.lower() != "bearer" or not credential.strip():
        raise unauthorised("Expected the form “Authorization: Bearer TOKEN”.", error="invalid_request")
    return await identify(interviews_of(request), credential.strip())


async def identify(interviews: Interviews, credential: str) -> Caller:
    """Return whose key or token this is."""
    if credential.startswith(KEY_PREFIX):
        if not is_known_key(credential, await interviews.store.key_digests()):
            raise unauthorised("The API key is not known.")
        return Caller("key")
    try:
        claims = interviews.tokens.check(credential, interviews.now())
    except TokenError as error:
        raise unauthorised(str(error)) from None
    return Caller(claims.role, claims.session_id, claims.until)


async def admit(interviews: Interviews, caller: Caller, session_id: str, allowed: tuple[Who, ...]) -> Session:
    """Return the session if the caller may enter it, else raise the problem."""
    if caller.who != "key" and caller.session_id != session_id:
        raise Problem(403, "other-session", "This token is for another session.")
    if caller.who not in allowed:
        raise Problem(403, "wrong-role", f"This is for {' or '.join(allowed)}; the token is for {caller.who}.")
    session = await interviews.session(session_id)
    if caller.who != "key" and session.is_expired(interviews.now()):
        raise gone()
    return session


async def platform(request: Request) -> Caller:
    """Admit API keys only."""
    caller = await caller_of(request)
    if caller.who != "key":
        raise Problem(403, "wrong-role", f"This is for an API key; the token is for {caller.who}.")
    return caller


def entry(*allowed: Who) -> Callable[[Request, str], Awaitable[Entry]]:
    """Return a dependency that admits these to the session in the path."""

    async def admitted(request: Request, session_id: str) -> Entry:
        caller = await caller_of(request)
        return Entry(caller, await admit(interviews_of(request), caller, session_id, allowed))

    return admitted
