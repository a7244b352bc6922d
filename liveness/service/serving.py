"""``liveness serve``: the whole service on one machine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TextIO

import segno
import structlog
import uvicorn
from fastapi import FastAPI

from liveness import __version__
from liveness.fusion.calibration import load
from liveness.live.interface import IceServer, LiveSettings
from liveness.live.pool import MediaPool
from liveness.service import checks, patience
from liveness.service.app import create_app
from liveness.service.interviews import Interviews
from liveness.service.room import LONGEST_MESSAGE
from liveness.service.routes import links
from liveness.service.sessions import Session
from liveness.service.settings import ServiceSettings
from liveness.service.store import Store
from liveness.service.tokens import digest, new_key

FIRST_REFERENCE = "First interview"
INTERRUPTED = 130


def serve(*, fresh_key: bool = False, **given: Any) -> None:
    """Run the service until it is asked to stop; returns when calls have ended and reports are saved.

    Raises
    ------
    LivenessError
        It cannot start; the message says why, and what to do.
    """
    settings = checks.load_settings(given)
    _log_to(sys.stderr)
    checks.prepare_data(settings.data)
    certificate = checks.certificate(settings)
    load(settings.calibration)
    with checks.listen(settings.host, settings.port) as listening:
        asyncio.run(_Serving(settings, listening, certificate).run(fresh_key=fresh_key))


class _Server(uvicorn.Server):
    """uvicorn, but for the signals: the calls are ended before connections are closed."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Serving:
    def __init__(self, settings: ServiceSettings, listening: socket.socket, certificate: Any) -> None:
        self._settings = settings
        self._listening = listening
        self._address = checks.address(settings, listening.getsockname()[1], secure=certificate is not None)
        self._asked = asyncio.Event()
        self._app = create_app(
            settings,
            lambda on_event: MediaPool(_live(settings), on_event),
            Store(settings.database),
            # A browser that was told to insist on https offers no way past the warning of a self-signed certificate.
            secure=self._address.startswith("https://") and not settings.tls_self_signed,
        )
        self._server = _Server(_config(self._app, certificate))

    async def run(self, *, fresh_key: bool) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask)
        interviews: Interviews = self._app.state.interviews
        sys.stderr.write("Loading the models …\n")
        await interviews.start()
        try:
            serving = asyncio.create_task(self._server.serve([self._listening]))
            key = await _first_key(interviews, always=fresh_key)
            greet(sys.stdout, self._address, interviews, await _first_session(interviews), key)
            asked = asyncio.create_task(self._asked.wait())
            await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            await self._app.state.rooms.close_all()
            await interviews.finish()
            self._server.should_exit = True
            await serving
        finally:
            await interviews.stop()

    def _ask(self) -> None:
        if self._asked.is_set():
            os._exit(INTERRUPTED)
        sys.stderr.write("Ending the calls and saving their reports; once more to stop at once.\n")
        self._asked.set()


def greet(to: TextIO, address: str, interviews: Interviews, session: Session, key: str | None) -> None:
    """Tell where to begin."""
    made = links(interviews, session, address)
    lines = [f"liveness {__version__} is ready at {address}", ""]
    warning = checks.camera_warning(address)
    if warning:
        lines += [warning, ""]
    if key:
        lines += [f"API key, shown this once:  {key}", f"Start page:                {address}/#k={key}", ""]
    else:
        lines += [f"Start page:  {address}/  (with your API key after #k=; --new-key makes another)", ""]
    lines += [
        "A first interview:",
        f"  interviewer  {made['interviewer_url']}",
        f"  candidate    {made['candidate_url']}",
    ]
    to.write("\n".join(lines) + "\n\n")
    segno.make(made["candidate_url"], error="l").terminal(out=to, border=2, compact=True)
    to.write("\n")
    to.flush()


async def _first_key(interviews: Interviews, *, always: bool) -> str | None:
    """Make an API key if there is none yet."""
    if await interviews.store.key_digests() and not always:
        return None
    key = new_key()
    await interviews.store.add_key(digest(key), interviews.now())
    await interviews.store.audit("key made", "command line", interviews.now())
    return key


async def _first_session(interviews: Interviews) -> Session:
    """Return the interview that stands ready, a new one if the last one was used or has expired."""
    for session in await interviews.store.in_state("waiting"):
        if session.reference == FIRST_REFERENCE and not session.is_expired(interviews.now()):
            return session
    return await interviews.create("command line", reference=FIRST_REFERENCE)


def _config(app: FastAPI, certificate: Any) -> uvicorn.Config:
    cert, key = certificate or (None, None)
    return uvicorn.Config(
        app,
        lifespan="off",
        http=patience.Http,
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE + 1024,
        ssl_certfile=cert,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _live(settings: ServiceSettings) -> LiveSettings:
    return LiveSettings(
        workers=settings.workers,
        calibration=settings.calibration,
        ice_servers=tuple(
            IceServer(tuple(server.urls), server.username, server.credential) for server in settings.ice_servers
        ),
    )


def _log_to(stream: TextIO) -> None:
    """Log one line an event: for people on a terminal, else JSON."""
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    people = stream.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_written_for(people=people),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )


def _written_for(*, people: bool) -> tuple[structlog.typing.Processor, ...]:
    """Write an event so that nothing in it looks like another line; of an error never the variables."""
    if people:
        plain = structlog.dev.plain_traceback
        return (structlog.dev.ConsoleRenderer(repr_native_str=True, exception_formatter=plain),)
    errors = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return structlog.processors.ExceptionRenderer(errors), structlog.processors.JSONRenderer()
