"""What stands around every answer: headers that protect, and CORS (tokens are sent by script, there are no cookies)."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from liveness.service.whip import SDP

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_API = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Retry-After, Accept-Post, Liveness-Report-Parts",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE, OPTIONS",
    # That of a page whose lang is, say, "de_DE" is none that browsers let through unasked.
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Accept, Accept-Language, Idempotency-Key, If-Match, Last-Event-ID"
    ),
    "Access-Control-Max-Age": "7200",
}


class Shell:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, secure: bool = False) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        api = scope["path"].startswith("/v1/")
        added = dict(_ALWAYS)
        if self._secure:
            added["Strict-Transport-Security"] = "max-age=86400"
        if api:
            added |= _API | _CORS

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        names = {name for name, _ in scope["headers"]}
        if api and scope["method"] == "OPTIONS" and b"access-control-request-method" in names:
            headers = dict(_PREFLIGHT)
            if scope["path"].endswith("/whip"):
                headers["Accept-Post"] = SDP
            await Response(status_code=204, headers=headers)(scope, receive, sending)
            return
        await self._app(scope, receive, sending)
