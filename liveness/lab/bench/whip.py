"""A small client of the service's API: makes a session, gives consent, publishes by WHIP (RFC 9725), erases."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from liveness.errors import ConfigError, LivenessError

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Session:
    """A session that the service has made."""

    id: str
    publisher: str
    """Token of the candidate."""
    viewer: str
    """Token of the interviewer."""


@dataclass(frozen=True, slots=True)
class Published:
    """An offer that was accepted."""

    location: str
    """Path of the WHIP resource."""
    sdp: str


class WhipClient:
    """Speaks with one service; every call is a connection of its own and blocks.

    Parameters
    ----------
    server
        Base URL, such as ``https://localhost:8443``.
    key
        API key.
    verify
        Whether the server's certificate is checked; a service on one's own machine signs its own.
    """

    def __init__(self, server: str, key: str, *, verify: bool = True) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"expected the base URL of a service, such as https://localhost:8443; got {server!r}")
        self._key = key
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._tls = ssl.create_default_context() if verify else ssl._create_unverified_context()  # noqa: S323

    def create_session(self) -> Session:
        """Make a session."""
        made = json.loads(self._call("POST", "/v1/sessions", self._key)[1])
        return Session(made["id"], made["tokens"]["publisher"], made["tokens"]["viewer"])

    def give_consent(self, session: Session) -> None:
        """Consent to the current text, as the candidate's page does."""
        state = json.loads(self._call("GET", f"/v1/sessions/{session.id}", session.publisher)[1])
        body = json.dumps({"version": state["consent"]["version"]})
        self._call("POST", f"/v1/sessions/{session.id}/consent", session.publisher, body, "application/json")

    def publish(self, session: Session, offer: str) -> Published:
        """Send an offer."""
        path = f"/v1/sessions/{session.id}/whip"
        headers, answer = self._call("POST", path, session.publisher, offer, "application/sdp")
        return Published(urlsplit(headers["Location"]).path.removeprefix(self._base), answer)

    def unpublish(self, session: Session, published: Published) -> None:
        """End the connection; the session stays."""
        self._call("DELETE", published.location, session.publisher)

    def erase(self, session_id: str) -> None:
        """Erase a session with everything."""
        self._call("DELETE", f"/v1/sessions/{session_id}", self._key)

    def _call(
        self, method: str, path: str, token: str, body: str | None = None, kind: str | None = None
    ) -> tuple[Any, str]:
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        else:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_S, context=self._tls)
        headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": kind} if kind else {})
        try:
            connection.request(method, self._base + path, body.encode() if body is not None else None, headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise LivenessError(f"{method} {path}: the service cannot be reached: {error}") from error
        finally:
            connection.close()
        if response.status >= 300:
            raise LivenessError(f"{method} {path}: the service answered {response.status}: {text[:300]}")
        return response.headers, text
