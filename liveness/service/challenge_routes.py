"""Challenges over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from liveness.service.access import Entry, admit, caller_of, entry, interviews_of
from liveness.service.bodies import DeclinedChallenge, NewChallenge, described, read_json
from liveness.service.languages import available_in, in_language, language_of
from liveness.service.limits import Allowances
from liveness.service.problems import Problem

router = APIRouter(prefix="/v1/sessions/{session_id}/challenges", tags=["challenges"])

_VARY = {"Vary": "Accept-Language"}

ByViewerOrKey = Annotated[Entry, Depends(entry("viewer", "key"))]


async def answering(request: Request, session_id: str) -> Entry:
    """Admit the candidate; that one tries to answer in another session is written down, and floods are refused."""
    caller = await caller_of(request)
    interviews = interviews_of(request)
    pace: Allowances = request.app.state.answer_pace
    if caller.who == "publisher" and caller.session_id and not pace.admits(caller.session_id):
        interviews.challenges.refused(caller.session_id, "too often")
        raise Problem(429, "too-often", "Expected fewer answers; wait.", headers={"Retry-After": "1"})
    try:
        return Entry(caller, await admit(interviews, caller, session_id, ("publisher",)))
    except Problem as problem:
        if problem.kind == "other-session" and caller.who == "publisher" and caller.session_id:
            interviews.challenges.refused(caller.session_id, "another session")
        raise


ByCandidate = Annotated[Entry, Depends(answering)]

Once = Annotated[str, Header(max_length=64)]
"""What tells a request that is sent again from another one; kept in memory while the challenge runs."""


@router.post("", status_code=201, openapi_extra=described(NewChallenge, required=False))
async def ask(request: Request, by: ByViewerOrKey) -> JSONResponse:
    """Ask for a challenge, by default the recommended one: on the candidate's page, or read aloud."""
    body = await read_json(request, NewChallenge, optional=True)
    interviews = interviews_of(request)
    made = await interviews.challenges.ask(by.session.id, by.caller.who, body.challenge, body.mode)
    where = {"Location": f"/v1/sessions/{by.session.id}/challenges/{made['id']}"}
    return JSONResponse(in_language(made, language_of(request)), 201, _VARY | where)


@router.get("")
async def show(request: Request, by: ByViewerOrKey) -> JSONResponse:
    """List what was asked in this session, and what can be."""
    listed = await interviews_of(request).challenges.listed(by.session.id)
    return JSONResponse(available_in(listed, language_of(request)), headers=_VARY)


@router.post("/{challenge_id}/ready")
async def ready(request: Request, by: ByCandidate, challenge_id: str, idempotency_key: Once = "") -> JSONResponse:
    """Release the prompt, once; the time to answer runs from now.

    A request whose answer was lost may be sent again with the same ``Idempotency-Key``: it is answered with the same
    prompt, whose ``elapsed_s`` says how much of its time is gone.
    """
    prompt = await interviews_of(request).challenges.ready(by.session.id, challenge_id, idempotency_key)
    return JSONResponse(in_language(prompt, language_of(request)), headers=_VARY)


@router.post("/{challenge_id}/decline", status_code=204, openapi_extra=described(DeclinedChallenge))
async def decline(request: Request, by: ByCandidate, challenge_id: str) -> Response:
    """Decline, or stop in the middle."""
    body = await read_json(request, DeclinedChallenge)
    await interviews_of(request).challenges.decline(by.session.id, challenge_id, body.reason)
    return Response(status_code=204)


@router.delete("/{challenge_id}", status_code=204)
async def cancel(request: Request, by: Annotated[Entry, Depends(entry("viewer"))], challenge_id: str) -> Response:
    """Call a challenge off."""
    await interviews_of(request).challenges.cancel(by.session.id, challenge_id, by.caller.who)
    return Response(status_code=204)
