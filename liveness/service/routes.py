"""Sessions, consent, events, capture reports and reports over HTTP."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from liveness.review.report import render_report
from liveness.service import sse, views
from liveness.service.access import Caller, Entry, entry, interviews_of, platform
from liveness.service.bodies import NewConsent, NewSession, described, read_json
from liveness.service.capture import CaptureReport
from liveness.service.hub import Audience
from liveness.service.interviews import Interviews
from liveness.service.languages import language_of
from liveness.service.limits import Allowances, Pace
from liveness.service.problems import Problem
from liveness.service.sessions import Session
from liveness.service.urls import base_url

LISTED = 100

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

Platform = Annotated[Caller, Depends(platform)]
ByViewerOrKey = Annotated[Entry, Depends(entry("viewer", "key"))]
ByPublisher = Annotated[Entry, Depends(entry("publisher"))]
ByAny = Annotated[Entry, Depends(entry("viewer", "publisher", "key"))]
ByBothSides = Annotated[Entry, Depends(entry("viewer", "publisher"))]


@router.post("", status_code=201, openapi_extra=described(NewSession, required=False))
async def create_session(request: Request, caller: Platform) -> JSONResponse:
    """Make a session: its id, a link and a token for each side."""
    body = await read_json(request, NewSession, optional=True)
    interviews = interviews_of(request)
    session = await interviews.create(
        caller.who,
        reference=body.reference,
        off=frozenset(body.off),
        lasts_s=body.expires_in_s,
        check_in=tuple(body.check_in),
    )
    made = links(interviews, session, base_url(request, interviews.settings))
    return JSONResponse(made, 201, {"Location": f"/v1/sessions/{session.id}"})


@router.get("")
async def list_sessions(
    request: Request, caller: Platform, limit: Annotated[int, Query(ge=1, le=1000)] = LISTED
) -> JSONResponse:
    """List the sessions, newest first."""
    interviews = interviews_of(request)
    sessions = await interviews.store.newest(limit)
    return JSONResponse({"sessions": [views.for_viewer(session, interviews.ice(session)) for session in sessions]})


@router.get("/{session_id}")
async def show_session(request: Request, by: ByAny) -> JSONResponse:
    """Show a session, to each side what is for it."""
    return JSONResponse(view(interviews_of(request), by.session, by.caller))


@router.delete("/{session_id}", status_code=204)
async def erase_session(request: Request, by: Annotated[Entry, Depends(entry("key"))]) -> Response:
    """Erase a session: rows, reports, evidence; what stays is an audit line with the hash of its id."""
    await interviews_of(request).erase(by.session.id, by.caller.who)
    return Response(status_code=204)


@router.post("/{session_id}/end")
async def end_session(request: Request, by: ByViewerOrKey) -> JSONResponse:
    """End the call; the report is final."""
    interviews = interviews_of(request)
    return JSONResponse(view(interviews, await interviews.end(by.session.id, by.caller.who), by.caller))


@router.post("/{session_id}/consent", status_code=201, openapi_extra=described(NewConsent))
async def give_consent(request: Request, by: ByPublisher) -> JSONResponse:
    """Put the candidate's consent on record; it must be to the current version of the text."""
    body = await read_json(request, NewConsent)
    consent = await interviews_of(request).consent(by.session.id, body.version)
    given = {"version": consent.version, "given_at": views.stamp(consent.given_at), "receipt": consent.receipt}
    return JSONResponse(given, 201)


@router.delete("/{session_id}/consent", status_code=204)
async def withdraw_consent(request: Request, by: ByPublisher) -> Response:
    """Take consent back, or refuse it: no frame is looked at from here on."""
    await interviews_of(request).withdraw(by.session.id)
    return Response(status_code=204)


@router.get("/{session_id}/events", response_class=StreamingResponse)
async def read_events(request: Request, by: ByBothSides) -> StreamingResponse:
    """Stream the session's events (server-sent events), resumable by ``Last-Event-ID``."""
    audience: Audience = "viewer" if by.caller.who == "viewer" else "candidate"
    after = sse.last_event_id(request.headers.get("last-event-id"))
    until = by.caller.until or by.session.expires_at
    return sse.response(
        interviews_of(request).events(by.session.id, audience, after, until, language=language_of(request))
    )


@router.post("/{session_id}/reports", status_code=204, openapi_extra=described(CaptureReport))
async def add_capture_report(request: Request, by: ByPublisher) -> Response:
    """Take what the candidate's page tells about its camera; at most one a second."""
    report = await read_json(request, CaptureReport)
    pace: Pace = request.app.state.capture_pace
    if not pace.admits(by.session.id):
        raise Problem(
            429, "too-often", "Expected at most one capture report a second; wait.", headers={"Retry-After": "1"}
        )
    await interviews_of(request).capture(by.session.id, report.payload())
    return Response(status_code=204)


@router.get("/{session_id}/report", responses={200: {"content": {"text/html": {}, "application/json": {}}}})
async def read_report(request: Request, by: ByViewerOrKey, part: Annotated[int | None, Query(ge=1)] = None) -> Response:
    """Return the report, also while the call runs: HTML if that is accepted, else JSON.

    A call that lived through a restart of the service has several parts; ``Link`` names the one before.
    """
    interviews = interviews_of(request)
    pace: Allowances = request.app.state.report_pace
    if not pace.admits(by.session.id):
        raise Problem(429, "too-often", "Expected fewer fetches of the report; wait.", headers={"Retry-After": "1"})
    report, parts = await interviews.report(by.session.id, part)
    await interviews.store.audit("report read", by.caller.who, interviews.now(), session_id=by.session.id)
    headers = {"Vary": "Accept", "Liveness-Report-Parts": str(parts)}
    if report.part > 1:
        headers["Link"] = f'</v1/sessions/{by.session.id}/report?part={report.part - 1}>; rel="prev"'
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(report.document, headers=headers)
    page = await asyncio.to_thread(_page, report.document)
    return HTMLResponse(page, headers=headers)


def _page(document: dict[str, Any]) -> str:
    return "".join(render_report(document, video=None, thumbnails={}))


def view(interviews: Interviews, session: Session, caller: Caller) -> dict[str, Any]:
    """Return a session as a caller may see it."""
    if caller.who == "publisher":
        return views.SessionForCandidate(session, interviews.ice(session)).payload()
    return views.for_viewer(session, interviews.ice(session))


def links(interviews: Interviews, session: Session, base: str) -> dict[str, Any]:
    """Return what the maker of a session is given."""
    publisher, viewer = interviews.token(session, "publisher"), interviews.token(session, "viewer")
    return views.created(session, base, publisher=publisher, viewer=viewer)
