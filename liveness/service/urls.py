"""Where browsers reach the service."""

from __future__ import annotations

from starlette.requests import Request

from liveness.service.settings import ServiceSettings


def base_url(request: Request, settings: ServiceSettings) -> str:
    """Return the address that links begin with: the configured one, else the one that this request came to."""
    return settings.base_url or str(request.base_url).rstrip("/")
