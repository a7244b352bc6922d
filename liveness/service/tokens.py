"""Tokens of the two roles, keys of platforms, and receipts of consent."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import jwt

from liveness.errors import ConfigError

Role = Literal["publisher", "viewer"]

KEY_PREFIX = "lk_"
_ALGORITHM = "HS256"
_SECRET_BYTES = 32
_LONGEST = 4096


class TokenError(Exception):
    """A token that is malformed, forged, of another kind, or too old."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    session_id: str
    role: Role
    until: datetime


class Tokens:
    """Signs and checks with one secret; the algorithm is pinned."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SECRET_BYTES:
            raise ConfigError(f"the signing secret must have {_SECRET_BYTES} bytes or more, got {len(secret)}")
        self._secret = secret

    def issue(self, session_id: str, role: Role, until: datetime) -> str:
        """Return a token of one role in one session."""
        return self._sign({"sub": session_id, "role": role, "exp": int(until.timestamp())})

    def check(self, token: str, now: datetime) -> Claims:
        """Return what a token says.

        Raises
        ------
        TokenError
            It is not one of ours, or it is too old.
        """
        if len(token) > _LONGEST:
            raise TokenError("The token is not valid.")
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                options={"require": ["sub", "role", "exp"], "verify_exp": False},
            )
        except jwt.InvalidTokenError:
            raise TokenError("The token is not valid.") from None
        role, subject, until = claims["role"], claims["sub"], claims["exp"]
        if role not in ("publisher", "viewer") or not isinstance(subject, str) or not isinstance(until, int):
            raise TokenError("The token is not valid.")
        if now.timestamp() >= until:
            raise TokenError("The token has expired.")
        return Claims(subject, role, datetime.fromtimestamp(until, UTC))

    def receipt(self, session_id: str, version: str, given_at: str, text: str) -> str:
        """Return a signed statement of what was agreed to, and when; it opens nothing."""
        told = {"session": session_id, "version": version, "given_at": given_at, "text_sha256": _sha256(text)}
        return self._sign({"kind": "consent-receipt", **told})

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)


def load_secret(data: Path) -> bytes:
    """Return the signing secret of a data folder; made at the first start, readable by its owner only."""
    path = data / "secret"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(_SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()


def new_key() -> str:
    """Return a new API key."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def new_session_id() -> str:
    """Return an id of 144 random bits."""
    return "s_" + secrets.token_urlsafe(18)


def digest(secret: str) -> str:
    """Return the only form in which a key is kept."""
    return _sha256(secret)


def is_known_key(key: str, digests: Iterable[str]) -> bool:
    """Tell whether a key is one of ours, in a time that does not depend on which, or on how much of it fits."""
    found, given = False, digest(key)
    for known in digests:
        found |= hmac.compare_digest(given, known)
    return found


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
