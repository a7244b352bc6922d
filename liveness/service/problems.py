"""Errors of the HTTP interface: problem documents after RFC 9457, whatever went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger("liveness.service")


class Problem(HTTPException):
    """A refusal with its reason, in words for whoever wrote the client."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, title: str | None = None
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.kind = kind
        self.title = title or kind.replace("-", " ").capitalize()


def unauthorised(detail: str, *, error: str | None = "invalid_token") -> Problem:
    """Return the problem of a credential that is missing (``error=None``) or not valid (RFC 6750)."""
    challenge = 'Bearer realm="liveness"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthorised", detail, headers={"WWW-Authenticate": challenge})


def gone() -> Problem:
    """Return the problem of a session that has expired."""
    return Problem(410, "session-expired", "This session has expired; make a new one.")


def unknown_session() -> Problem:
    """Return the problem of a session that is not there."""
    return Problem(404, "unknown-session", "There is no such session; it may have been erased.")


class ProblemResponse(JSONResponse):
    """A problem document."""

    media_type = MEDIA_TYPE


def document(
    status: int, kind: str, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> ProblemResponse:
    """Return a problem as a response."""
    body = {"type": kind, "title": title, "status": status, "detail": detail, **more}
    return ProblemResponse(body, status, dict(headers) if headers else None)


def describe_errors(errors: Sequence[Mapping[str, Any]]) -> str:
    """Say what did not fit, without repeating what came."""
    told = []
    for error in errors[:5]:
        where = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path", "header"))
        told.append(f"{where}: {error['msg']}" if where else str(error["msg"]))
    return "; ".join(told) or "The request does not fit."


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> ProblemResponse:
        if isinstance(error, Problem):
            return document(error.status_code, error.kind, error.title, error.detail, headers=error.headers)
        title = HTTPStatus(error.status_code).phrase
        detail = {
            404: f"There is nothing at {request.url.path[:200]}.",
            405: f"{request.method} is not possible here; the Allow header says what is.",
        }.get(error.status_code, str(error.detail))
        return document(error.status_code, "about:blank", title, detail, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> ProblemResponse:
        return document(422, "invalid-request", "Invalid request", describe_errors(error.errors()))


class Guard:
    """ASGI middleware: what nobody expected becomes a problem document too, and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("unexpected error", method=scope["method"], path=scope["path"])
            if begun:
                raise
            detail = "Something went wrong on the server; it has been logged."
            await document(500, "internal", "Internal error", detail)(scope, receive, send)
