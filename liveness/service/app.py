"""The app: all parts put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI

from liveness import __version__
from liveness.service import challenge_routes, docs, metrics, pages, problems, room, routes, whip
from liveness.service.interviews import Interviews
from liveness.service.limits import Allowances, Pace
from liveness.service.media import OpenPool
from liveness.service.metrics import Measure, Metrics
from liveness.service.room import Rooms
from liveness.service.settings import ServiceSettings
from liveness.service.shell import Shell
from liveness.service.store import Store
from liveness.service.tokens import Tokens, load_secret


def create_app(
    settings: ServiceSettings,
    open_pool: OpenPool,
    store: Store,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    web_root: Path | None = None,
    secure: bool = False,
) -> FastAPI:
    """Return the service as an ASGI app; its lifespan starts and stops store and media workers.

    Parameters
    ----------
    settings
        What whoever runs it chose.
    open_pool
        Makes the media workers' pool, given the function that takes its events.
    store
        The database.
    now
        The clock.
    web_root
        Folder of the pages; default: that of the checkout or of the package.
    secure
        Whether browsers reach it by https.
    """
    tokens = Tokens(load_secret(settings.data))
    interviews = Interviews(settings, store, tokens, open_pool, now)
    rooms = Rooms()
    interviews.on_over = rooms.close

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await interviews.start()
        yield
        await rooms.close_all()
        await interviews.stop()

    app = FastAPI(
        title="liveness",
        version=__version__,
        description="Checks during a video interview whether the candidate is a live person before a camera.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.interviews = interviews
    app.state.rooms = rooms
    app.state.metrics = Metrics()
    app.state.capture_pace = Pace(1.0)
    app.state.offer_pace = Allowances(20, 0.5)
    app.state.report_pace = Allowances(20, 2.0)
    app.state.answer_pace = Allowances(20, 1.0)
    app.state.web_root = web_root or pages.web_root()
    problems.install(app)
    for part in (routes, challenge_routes, whip, room, metrics, docs, pages):
        app.include_router(part.router)
    app.add_middleware(problems.Guard)
    app.add_middleware(Shell, secure=secure)
    app.add_middleware(Measure, metrics=app.state.metrics)
    return app
