"""``liveness serve`` as whoever runs it meets it: what stops it at the start, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from liveness.errors import ConfigError
from liveness.service import checks, tls
from liveness.service.ice import ice_servers, link_headers
from liveness.service.settings import ServiceSettings
from liveness.service.store import Store

LIVENESS = [sys.executable, "-m", "liveness", "serve"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def served(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command until it says that it is ready; yields it and what it printed."""
    command = [*LIVENESS, "--data", str(data), "--port", str(free_port()), "--workers", "1", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUTF8": "1"}
    ) as process:
        assert process.stdout is not None
        printed = ""
        try:
            while "candidate " not in printed:
                line = process.stdout.readline()
                assert line, process.stderr.read() if process.stderr else ""
                printed += line
            yield process, printed
        finally:
            if process.poll() is None:
                process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end; returns the rest of both outputs; ``communicate`` would pass over what was read ahead."""
    process.wait(timeout=15)
    assert process.stdout
    assert process.stderr
    return process.stdout.read(), process.stderr.read()


def test_serve_prints_where_to_begin_and_ends_politely(tmp_path: Path) -> None:
    with served(tmp_path) as (process, printed):
        key = re.search(r"lk_\S+", printed)
        address = re.search(r"ready at (http://127\.0\.0\.1:\d+)", printed)
        assert key and address  # noqa: PT018
        assert f"{address[1]}/#k={key[0]}" in printed
        request = urllib.request.Request(f"{address[1]}/v1/sessions", headers={"Authorization": f"Bearer {key[0]}"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            (first,) = json.load(reply)["sessions"]
        assert first["state"] == "waiting"
        assert f"{address[1]}/candidate#s={first['id']}&t=" in printed
        viewer = re.search(r"/interviewer#s=\S+&t=(\S+)", printed)
        assert viewer
        request = urllib.request.Request(
            f"{address[1]}/v1/sessions/{first['id']}/events", headers={"Authorization": f"Bearer {viewer[1]}"}
        )
        with urllib.request.urlopen(request, timeout=10) as stream:
            assert stream.readline().startswith(b"id: ")
            process.send_signal(signal.SIGTERM)
            rest, said = ended(process)
            assert process.returncode == 0, said
            assert stream.read().endswith(b"\n\n")
        assert "█" in rest
        assert "Traceback" not in said
    assert key[0].encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("liveness.db*"))
    with served(tmp_path) as (process, printed):
        assert "lk_" not in printed
        assert first["id"] in printed
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)
        assert process.returncode == 0


def test_serve_speaks_https_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    with served(tmp_path, "--tls-self-signed") as (process, printed):
        address = re.search(r"ready at (https://\S+)", printed)
        assert address
        trusting = ssl.create_default_context(cafile=tmp_path / "tls-cert.pem")
        with urllib.request.urlopen(f"{address[1]}/healthz", timeout=10, context=trusting) as reply:
            assert reply.headers["Strict-Transport-Security"] is None
        assert (tmp_path / "tls-key.pem").stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
        assert process.returncode == 0


def refused(*options: str) -> str:
    """Return what the command says when it does not start; it is one line."""
    ended = subprocess.run([*LIVENESS, *options], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line


def test_what_stops_it_at_the_start_is_one_sentence(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} is taken by another program" in refused(*data, "--port", port)
    (tmp_path / "file").write_text("", "utf-8")
    assert "data folder cannot be written to" in refused("--data", str(tmp_path / "file"))
    assert "belong together" in refused(*data, "--tls-cert", "cert.pem")
    assert "cannot be read" in refused(*data, "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    assert "no address of this machine" in refused(*data, "--host", "no-such-host.invalid")
    assert "--port or LIVENESS_PORT" in refused(*data, "--port", "70000")
    assert "https://host" in refused(*data, "--base-url", "interviews.example")


def test_a_camera_needs_https_or_this_machine() -> None:
    for fine in ("https://interviews.example", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1"):
        assert checks.camera_warning(fine) is None
    warning = checks.camera_warning("http://192.0.2.7:8080")
    assert warning
    assert "--tls-self-signed" in warning


def test_a_certificate_is_kept_until_it_ends_or_lacks_a_name(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    certificate, _ = tls.self_signed(tmp_path, ["localhost", "127.0.0.1"], now)
    first = certificate.read_bytes()
    tls.self_signed(tmp_path, ["localhost"], now + timedelta(days=300))
    assert certificate.read_bytes() == first
    tls.self_signed(tmp_path, ["localhost", "::1"], now)
    second = certificate.read_bytes()
    assert second != first
    tls.self_signed(tmp_path, ["localhost", "::1"], now + timedelta(days=360))
    assert certificate.read_bytes() != second


def test_turn_credentials_end_with_the_session(tmp_path: Path) -> None:
    # The values of coturn's own way: password = base64(hmac-sha1(secret, "expiry:user")).
    settings = ServiceSettings(
        data=tmp_path,
        ice_servers=[{"urls": "stun:stun.example"}],  # type: ignore[list-item]
        turn_urls=["turn:turn.example:3478", "turns:turn.example:5349"],
        turn_secret="north",  # type: ignore[arg-type]
    )
    stun, turn = ice_servers(settings, "s_1", datetime(2026, 11, 25, 10, tzinfo=UTC))
    assert stun == {"urls": ["stun:stun.example"]}
    expiry, _, name = turn["username"].partition(":")
    assert datetime.fromtimestamp(int(expiry), UTC) == datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert "s_1" not in name
    links = link_headers([stun, turn])
    assert len(links) == 3
    assert links[0] == '<stun:stun.example>; rel="ice-server"'
    assert 'credential-type="password"' in links[2]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIVENESS_PORT", "9000")
    monkeypatch.setenv("LIVENESS_DATA", str(tmp_path))
    monkeypatch.setenv("LIVENESS_TURN_URLS", "turn:a.example,turn:b.example")
    monkeypatch.setenv("LIVENESS_ICE_SERVERS", '[{"urls": "stun:c.example"}]')
    settings = checks.load_settings({"host": None, "port": None})
    assert (settings.port, settings.data) == (9000, tmp_path)
    assert settings.turn_urls == ["turn:a.example", "turn:b.example"]
    assert settings.database.endswith("liveness.db")
    assert checks.load_settings({"port": 9001}).port == 9001
    monkeypatch.setenv("LIVENESS_ICE_SERVERS", '[{"urls": "http://c.example"}]')
    with pytest.raises(ConfigError, match="LIVENESS_ICE_SERVERS"):
        checks.load_settings({})


async def _versions(url: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    store = Store(url)
    await store.open()
    await store.close()
    engine = create_async_engine(url)
    async with engine.begin() as at:
        await at.execute(text("UPDATE schema_version SET version = 99"))
    await engine.dispose()
    with pytest.raises(ConfigError, match="schema version 99"):
        await Store(url).open()


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    import asyncio

    asyncio.run(_versions(f"sqlite+aiosqlite:///{tmp_path / 'liveness.db'}"))
    for url in ("nonsense", "postgresql+nodriver://x/y", "sqlite:///x.db"):
        with pytest.raises(ConfigError, match="LIVENESS_DATABASE_URL"):
            Store(url)
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(ConfigError, match="cannot be opened"):
        asyncio.run(Store(f"sqlite+aiosqlite:///{tmp_path / 'broken.db'}").open())
