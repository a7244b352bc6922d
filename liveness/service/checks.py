"""What is looked at before the service starts: each thing that is wrong is one sentence that says what to do."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from liveness.errors import ConfigError
from liveness.service import tls
from liveness.service.settings import ServiceSettings


def load_settings(given: dict[str, Any]) -> ServiceSettings:
    """Return the settings: options that were given, else the environment, else the defaults.

    Raises
    ------
    ConfigError
        One of them cannot be.
    """
    try:
        return ServiceSettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"][:1])
        option = f"--{name.replace('_', '-')} or LIVENESS_{name.upper()}"
        raise ConfigError(f"{option}: {first['msg']}") from None


def prepare_data(data: Path) -> None:
    """Make the data folder, and see that it can be written to."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        raise ConfigError(
            f"{data}: the data folder cannot be written to ({error.strerror}); "
            "choose another with --data, or mend its permissions"
        ) from None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise ConfigError(f"--host: {host!r} is no address of this machine; use 127.0.0.1 or 0.0.0.0") from None
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ConfigError(_cannot_listen(host, port, error)) from None
    listening.set_inheritable(False)
    return listening


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program; choose another with --port, or stop that one"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: {host} is no address of this machine; use 127.0.0.1 or 0.0.0.0"
    return f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}"


def certificate(settings: ServiceSettings) -> tuple[Path, Path] | None:
    """Return certificate and key, if the service itself is to speak https."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ConfigError("--tls-cert and --tls-key belong together; give both")
    if settings.tls_cert and settings.tls_key:
        for path in (settings.tls_cert, settings.tls_key):
            if not os.access(path, os.R_OK):
                raise ConfigError(f"{path}: cannot be read; name the PEM files of certificate and key")
        return settings.tls_cert, settings.tls_key
    if settings.tls_self_signed:
        names = {*tls.own_names(), urlsplit(settings.base_url or "").hostname or "localhost"}
        if not _is_wildcard(settings.host):
            names.add(settings.host)
        return tls.self_signed(settings.data, sorted(names), datetime.now(UTC))
    return None


def address(settings: ServiceSettings, port: int, *, secure: bool) -> str:
    """Return where browsers reach the service."""
    if settings.base_url:
        return settings.base_url
    host = tls.own_address() if _is_wildcard(settings.host) else settings.host
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def camera_warning(address: str) -> str | None:
    """Say that browsers will give no camera to pages of this address, if so."""
    parts = urlsplit(address)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return None
    return (
        f"Browsers give a camera only to https or localhost, and {address} is neither: add --tls-self-signed "
        "(browsers warn once), or --tls-cert and --tls-key, or put a TLS proxy before it and say --base-url https://…"
    )


def _is_wildcard(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")  # noqa: S104 (compared, not bound)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
