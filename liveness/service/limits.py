"""Limits on what a client may send: how much, and how often."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from liveness.service.problems import Problem

BODY_WITHIN_S = 20.0
_REMEMBERED = 10_000


class Pace:
    """Admits one call a period for each name."""

    def __init__(self, period_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._period_s, self._clock = period_s, clock
        self._last: dict[str, float] = {}

    def admits(self, name: str) -> bool:
        """Tell whether it is this name's turn, and if so take it."""
        now = self._clock()
        if now - self._last.get(name, float("-inf")) < self._period_s:
            return False
        if len(self._last) >= _REMEMBERED:
            self._last = {key: at for key, at in self._last.items() if now - at < self._period_s}
        self._last[name] = now
        return True


class Allowance:
    """A stock of calls that fills up again with time."""

    def __init__(self, most: int, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._per_s, self._clock = most, per_s, clock
        self._left, self._at = float(most), clock()

    def admits(self) -> bool:
        """Tell whether one more is allowed, and if so take it."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Allowances:
    """A stock of calls for each name; one that was full again long ago is forgotten."""

    def __init__(self, most: int, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._per_s, self._clock = most, per_s, clock
        self._of: OrderedDict[str, Allowance] = OrderedDict()

    def admits(self, name: str) -> bool:
        """Tell whether this name is allowed one more, and if so take it."""
        allowance = self._of.get(name)
        if allowance is None:
            if len(self._of) >= _REMEMBERED:
                self._of.popitem(last=False)
            allowance = self._of[name] = Allowance(self._most, self._per_s, self._clock)
        self._of.move_to_end(name)
        return allowance.admits()


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request; one that says that it is too long is refused unread."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:19]) > limit:
        raise _too_long(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_long(limit)
    except TimeoutError:
        detail = f"Expected the whole body within {BODY_WITHIN_S:g} s."
        raise Problem(408, "too-slow", detail, headers={"Connection": "close"}) from None
    return bytes(body)


def must_be(request: Request, media_type: str) -> None:
    """Refuse a body of another type."""
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given != media_type:
        raise Problem(
            415,
            "unsupported-media-type",
            f"Expected a body of type {media_type}, got {given[:100] or 'none'}.",
            headers={"Accept-Post": media_type},
        )


def _too_long(limit: int) -> Problem:
    return Problem(
        413,
        "too-large",
        f"Expected a body of at most {limit} bytes, got a longer one.",
        headers={"Connection": "close"},
    )
