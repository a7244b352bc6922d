"""What the media workers tell: sent on to the right audience at once, kept in order a little later."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError

from liveness.live.interface import PoolEvent
from liveness.service import views
from liveness.service.capture import CaptureReport
from liveness.service.limits import Pace
from liveness.service.store import StoredEvent

if TYPE_CHECKING:
    from liveness.service.interviews import Call, Interviews

NOTICES_KEPT = 500

log = structlog.get_logger("liveness.service")


class Inbox:
    """Takes the pool's events, in its event loop."""

    def __init__(self, interviews: Interviews) -> None:
        self._all = interviews
        self._captures = Pace(1.0)
        self.ignored_messages = 0

    def on_event(self, event: PoolEvent) -> None:
        """Take one event; one of a session without a call (it has just ended) is dropped."""
        call = self._all.calls.get(event.session_id)
        if call is None:
            return
        data = finite(event.data)
        match str(event.kind):
            case "verdict":
                self._media(event.session_id, call, data.get("frame_unix_ms") is not None)
                self._verdict(event.session_id, call, data)
            case "link":
                self._media(event.session_id, call, (data.get("fps") or 0) > 0)
                self._viewers(event.session_id, "link", data)
            case "notice":
                self._notice(event.session_id, call, data)
            case "rate":
                self._all.hub.tell_candidate(event.session_id, _rate(data))
            case "challenge":
                self._all.challenges.on_pool(event.session_id, data)
            case "closed":
                self._all.challenges.lost(event.session_id, data.get("resource_id"), str(data.get("reason")))
                self._all.later.put(partial(self._closed, event.session_id, data))
            case "report":
                self._all.later.put(partial(self._all.keep_report, event.session_id, data))
            case "message":
                self._message(event.session_id, data.get("data"))

    def _verdict(self, session_id: str, call: Call, data: Mapping[str, Any]) -> None:
        sent = self._viewers(session_id, "verdict", data)
        if sent and call.thinner.keeps(sent.number, data):
            self._all.later.offer(partial(self._all.store.add_event, session_id, "viewer", sent))
            surplus = call.thinner.surplus()
            if surplus:
                self._all.later.put(partial(self._all.store.drop_events, session_id, "viewer", surplus))

    def _notice(self, session_id: str, call: Call, data: Mapping[str, Any]) -> None:
        sent = self._viewers(session_id, "notice", data)
        call.notices += 1
        if sent and call.notices <= NOTICES_KEPT:
            self._all.later.offer(partial(self._all.store.add_event, session_id, "viewer", sent))

    def _viewers(self, session_id: str, kind: str, data: Mapping[str, Any]) -> StoredEvent | None:
        payload = {**data, "schema": f"liveness.{kind}/1", "session": session_id}
        return self._all.hub.tell_viewers(session_id, kind, payload)

    def _message(self, session_id: str, message: Any) -> None:
        """Take a capture report that came over the data channel; all else is ignored and counted."""
        report = None
        if isinstance(message, Mapping) and message.get("type") == "report":
            with contextlib.suppress(ValidationError):
                report = CaptureReport.model_validate(dict(message))
        if report and self._captures.admits(session_id):
            self._all.later.offer(partial(self._all.capture, session_id, report.payload()))
        else:
            self.ignored_messages += 1

    def _media(self, session_id: str, call: Call, arrived: bool) -> None:
        """Note the first media of a connection; that it is open says nothing yet."""
        resource_id = self._all.pool.resource_of(session_id)
        if arrived and resource_id is not None and resource_id != call.seen:
            call.seen = resource_id
            self._all.later.put(partial(self._checking, session_id, resource_id))

    async def _checking(self, session_id: str, resource_id: str) -> None:
        if self._all.pool.resource_of(session_id) == resource_id:
            await self._all.change(session_id, "checking")
            self._all.challenges.media(session_id)

    async def _closed(self, session_id: str, data: Mapping[str, Any]) -> None:
        reason = str(data.get("reason") or "lost")
        now_open = self._all.pool.resource_of(session_id)
        call = self._all.calls.get(session_id)
        if call is None or data.get("resource_id") in call.replaced:
            return
        if now_open in (None, data.get("resource_id")):
            await self._all.interrupt(session_id, reason)


def _rate(data: Mapping[str, Any]) -> views.Rate:
    fps = data.get("max_fps")
    return views.Rate(fps if isinstance(fps, int | float) else None, str(data.get("reason") or ""))


def finite(value: Any) -> Any:
    """Copy a JSON value with null for what JSON cannot hold (NaN and the infinities)."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
