"""Figures for the operator, and the two questions of whatever keeps the service running."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from liveness.service.access import interviews_of, platform
from liveness.service.problems import document

router = APIRouter(tags=["operator"])


class Metrics:
    """The figures of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "liveness_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "liveness_http_seconds", "Time until the answer began.", ["route"], registry=self.registry
        )
        self.sessions = Gauge("liveness_sessions", "Sessions kept, by state.", ["state"], registry=self.registry)
        self.service = Gauge("liveness_service", "What the service holds and counts.", ["what"], registry=self.registry)
        self.pool = Gauge("liveness_pool", "Figures of the media workers.", ["name"], registry=self.registry)


class Measure:
    """ASGI middleware that counts requests by route, never by address."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(method, route, str(message["status"])).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, sending)


_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


@router.get("/healthz")
async def healthy() -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """Say whether calls can be taken."""
    interviews = interviews_of(request)
    if interviews.stopping or not interviews.started:
        return document(503, "not-ready", "Not ready", "The service is starting or being stopped.")
    if not await interviews.store.is_well():
        return document(503, "not-ready", "Not ready", "The database does not answer.")
    return JSONResponse({"status": "ok"})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Show all figures in Prometheus' text format."""
    interviews, figures = interviews_of(request), request.app.state.metrics
    if not (interviews.settings.metrics_open or _is_from_here(request)):
        await platform(request)
    figures.sessions.clear()
    for state, count in (await interviews.store.count_by_state()).items():
        figures.sessions.labels(state).set(count)
    for what, number in {
        "event readers": interviews.hub.readers(),
        "slow readers cut off": interviews.slow_readers,
        "room connections": request.app.state.rooms.count(),
        "calls": len(interviews.calls),
        "writes dropped": interviews.later.dropped,
        "data channel messages ignored": interviews.inbox.ignored_messages,
    }.items():
        figures.service.labels(what).set(number)
    figures.pool.clear()
    for name, number in _flat(await interviews.pool.metrics()):
        figures.pool.labels(name).set(number)
    return Response(generate_latest(figures.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_from_here(request: Request) -> bool:
    """Tell whether this machine itself asks, and not a proxy on it for somebody else."""
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via")):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _flat(figures: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in figures.items():
        name = prefix + re.sub(r"[^a-zA-Z0-9_.]", "_", str(key))
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, int | float):
            yield name, float(value)
