"""Settings of the service: options of the command line, else ``LIVENESS_…`` in the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def default_data_dir() -> Path:
    """Return the folder for what must be kept, after the XDG base directory specification."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "liveness"


class IceServer(BaseModel):
    """One entry of a browser's ``RTCConfiguration.iceServers``."""

    model_config = ConfigDict(frozen=True)

    urls: list[str] = Field(min_length=1)
    username: str | None = None
    credential: str | None = None

    @field_validator("urls", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("urls")
    @classmethod
    def _ice_urls(cls, urls: list[str]) -> list[str]:
        for url in urls:
            if not url.startswith(("stun:", "stuns:", "turn:", "turns:")) or set(url) & set("<>\"' \r\n"):
                raise ValueError(f"expected stun:, stuns:, turn: or turns: and a host, got {url!r}")
        return urls


class ServiceSettings(BaseSettings):
    """What whoever runs the service may choose."""

    model_config = SettingsConfigDict(env_prefix="LIVENESS_", env_ignore_empty=True, frozen=True, extra="ignore")

    data: Path = Field(default_factory=default_data_dir)
    """Folder of the database, the signing secret and the self-signed certificate."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    base_url: str | None = None
    """Where browsers reach the service, if that is not this machine's address (a proxy stands before it)."""
    database_url: str | None = None
    """SQLAlchemy URL of an async driver; default: SQLite in the data folder."""
    workers: int | None = Field(default=None, ge=1, le=256)
    """Media worker processes; default: one a core."""
    calibration: Path | None = None
    ttl_s: int = Field(default=86_400, ge=60, le=604_800)
    """How long a session lasts unless its maker says otherwise, seconds."""
    keep_s: int = Field(default=30 * 86_400, ge=0)
    """How long after its expiry a session with its report is erased, seconds."""
    ice_servers: list[IceServer] = Field(default_factory=list)
    """STUN and TURN servers as a JSON list; none by default: nobody else is told of a call."""
    turn_urls: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """TURN servers that share ``turn_secret``, separated by commas."""
    turn_secret: SecretStr | None = None
    """coturn's ``static-auth-secret``: credentials are then made per session, with an end."""
    metrics_open: bool = False
    """Show ``/metrics`` to everybody; else to this machine itself, and to whoever sends an API key."""
    tls_self_signed: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    grace_s: float = Field(default=7.0, ge=0, le=60)
    """Seconds that running calls are given to finish when the service stops."""

    @field_validator("turn_urls", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("turn_urls")
    @classmethod
    def _turn_urls(cls, urls: list[str]) -> list[str]:
        return IceServer(urls=urls).urls if urls else urls

    @field_validator("base_url")
    @classmethod
    def _origin(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError(f"expected https://host[:port], got {url!r}")
        return url.rstrip("/") if url else None

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data / 'liveness.db'}"
