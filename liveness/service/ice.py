"""The ICE servers a page is given, with credentials that end, and as ``Link`` headers (RFC 9725, section 4.6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from liveness.service.settings import ServiceSettings


def ice_servers(settings: ServiceSettings, session_id: str, until: datetime) -> list[dict[str, Any]]:
    """Return an ``RTCIceServer`` list; a shared TURN secret gives a credential that holds until ``until``.

    The credential is that of coturn's ``use-auth-secret``: user ``expiry:name``, password the base64 HMAC-SHA-1
    of it. The name is a hash, so that the TURN server's log names no session.
    """
    servers = [server.model_dump(exclude_none=True) for server in settings.ice_servers]
    if settings.turn_secret and settings.turn_urls:
        user = f"{int(until.timestamp())}:{hashlib.sha256(session_id.encode()).hexdigest()[:16]}"
        digest = hmac.digest(settings.turn_secret.get_secret_value().encode(), user.encode(), "sha1")
        servers.append(
            {"urls": settings.turn_urls, "username": user, "credential": base64.b64encode(digest).decode("ascii")}
        )
    return servers


def link_headers(servers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one ``Link`` value a URL."""
    links = []
    for server in servers:
        access = ""
        if "username" in server:
            access = (
                f'; username="{_quoted(server["username"])}"'
                f'; credential="{_quoted(server.get("credential", ""))}"; credential-type="password"'
            )
        links += [f'<{url}>; rel="ice-server"{access}' for url in server["urls"]]
    return links


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
