"""WHIP (RFC 9725): the candidate's page, or any WHIP sender, offers its media to the check."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from liveness.live.interface import AtCapacity, LiveError, OfferRefused, UnknownResource
from liveness.service.access import Entry, entry, interviews_of
from liveness.service.ice import link_headers
from liveness.service.limits import Allowances, must_be, read_body
from liveness.service.problems import Problem

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
LONGEST_OFFER = 65_536
LONGEST_FRAGMENT = 16_384

router = APIRouter(prefix="/v1/sessions/{session_id}/whip", tags=["whip"])

ByPublisher = Annotated[Entry, Depends(entry("publisher"))]


@router.post(
    "",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}},
    responses={201: {"content": {SDP: {}}}},
)
async def publish(request: Request, by: ByPublisher) -> Response:
    """Answer an offer; consent must be on record."""
    must_be(request, SDP)
    offer = _text(await read_body(request, LONGEST_OFFER))
    if not offer.lstrip().startswith("v="):
        raise Problem(400, "bad-offer", "Expected an SDP offer, which begins with v=0.")
    pace: Allowances = request.app.state.offer_pace
    if not pace.admits(by.session.id):
        raise Problem(429, "too-often", "Expected fewer offers for one session; wait.", headers={"Retry-After": "2"})
    interviews = interviews_of(request)
    async with _as_problems():
        answer = await interviews.connect(by.session, offer)
    response = Response(answer.sdp, 201, media_type=SDP)
    response.headers["Location"] = f"/v1/sessions/{by.session.id}/whip/{answer.resource_id}"
    response.headers["ETag"] = answer.etag
    for link in link_headers(interviews.ice(by.session)):
        response.headers.append("Link", link)
    return response


@router.options("", status_code=204)
async def describe() -> Response:
    """Say what can be posted."""
    return Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})


@router.patch("/{resource_id}", status_code=204)
async def trickle(request: Request, by: ByPublisher, resource_id: str) -> Response:
    """Add candidates to an open connection; ICE is not restarted, a new connection is made instead."""
    must_be(request, FRAGMENT)
    fragment = _text(await read_body(request, LONGEST_FRAGMENT))
    interviews = interviews_of(request)
    etag = interviews.connection(by.session.id, resource_id).etag
    given = request.headers.get("if-match")
    if given is None:
        raise Problem(428, "precondition-required", "Expected If-Match with the ETag that the answer came with.")
    if given.strip() not in ("*", '"*"') and etag not in [part.strip() for part in given.split(",")]:
        raise Problem(412, "precondition-failed", "If-Match names another ICE session than the one that is open.")
    async with _as_problems():
        await interviews.pool.trickle(resource_id, fragment)
    return Response(status_code=204)


@router.delete("/{resource_id}")
async def unpublish(request: Request, by: ByPublisher, resource_id: str) -> Response:
    """End a connection; what was seen so far counts on. Some clients close their media first, and are right too."""
    interviews = interviews_of(request)
    interviews.last_connection(by.session.id, resource_id)
    async with _as_problems():
        with suppress(UnknownResource):
            await interviews.pool.hang_up(resource_id)
    return Response(status_code=200)


@asynccontextmanager
async def _as_problems() -> AsyncIterator[None]:
    """Turn what the media workers refuse into problems."""
    try:
        yield
    except OfferRefused as error:
        raise Problem(error.status, "bad-offer", str(error)) from None
    except AtCapacity as error:
        wait = str(max(1, math.ceil(error.retry_after_s)))
        raise Problem(503, "at-capacity", str(error), headers={"Retry-After": wait}) from None
    except UnknownResource:
        raise Problem(404, "unknown-resource", "This connection is not open; make a new one.") from None
    except LiveError as error:
        raise Problem(503, "worker-gone", str(error), headers={"Retry-After": "1"}) from None


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "bad-offer", "Expected text in UTF-8.") from None
