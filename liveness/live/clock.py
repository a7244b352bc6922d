"""Clocks of a call: media time of the session, and the age of a frame on the sender's clock."""

from __future__ import annotations

from collections import deque

_DRIFT_S = 2.0
"""Media time may run ahead of or behind our own clock by no more: a sender cannot claim an hour in a minute."""
_LONGEST_OFFSET_S = 0.25
"""Clocks closer than this are taken for one clock."""
_STAMP_JITTER_S = 0.03
"""Senders say when they sent a picture no better than this: a frame may seem to come before it was sent."""
_REMEMBERED_S = 30.0
_WRAP_S = (1 << 32) / 90_000
"""RTP stamps of video begin anew after this time; aiortc takes a frame that comes too late for such a new beginning."""


class MediaClock:
    """Turns the time stamps of successive connections into one media time for the session, in seconds.

    Media time runs with the sender's stamps, starts at 0 with the first frame of the session, and goes on over
    lost connections by our own clock.
    """

    def __init__(self, *, last_s: float | None = None, last_unix_s: float | None = None) -> None:
        """Start, or go on ``last_s`` after a frame that came at ``last_unix_s``."""
        self.last_s = last_s
        self.last_unix_s = last_unix_s
        self._offset_s: float | None = None
        self._media_minus_unix_s = 0.0

    def begin_connection(self) -> None:
        """A new connection begins, with stamps of its own."""
        self._offset_s = None

    def at(self, stamp_s: float, unix_s: float) -> float | None:
        """Return the session's media time of a frame, or None for one that comes in the wrong order.

        Parameters
        ----------
        stamp_s
            The sender's time stamp, from the start of this connection.
        unix_s
            When it was decoded here.
        """
        if self._offset_s is None:
            self._anchor(stamp_s, unix_s)
        assert self._offset_s is not None
        time_s = stamp_s + self._offset_s
        if abs(time_s - unix_s - self._media_minus_unix_s) > _DRIFT_S:
            time_s = unix_s + self._media_minus_unix_s
            self._offset_s = time_s - stamp_s
        if self.last_s is not None and time_s <= self.last_s:
            return None
        self.last_s, self.last_unix_s = time_s, unix_s
        return time_s

    def now_s(self, unix_s: float) -> float:
        """Return the media time that a frame coming now would have."""
        if self.last_s is None or self.last_unix_s is None:
            return 0.0
        return self.last_s + max(0.0, unix_s - self.last_unix_s)

    def _anchor(self, stamp_s: float, unix_s: float) -> None:
        """Let a frame stand where our own clock puts it."""
        time_s = 0.0
        if self.last_s is not None and self.last_unix_s is not None:
            time_s = self.last_s + max(unix_s - self.last_unix_s, 0.001)
        self._offset_s = time_s - stamp_s
        self._media_minus_unix_s = time_s - unix_s


class AgeClock:
    """Tells when a frame was sent, as unix time on our clock.

    RTCP sender reports map RTP stamps to the sender's wall clock (RFC 3550, 6.4.1). Where that clock agrees with
    ours (one machine, or good time servers) it is used as it is; else, and before the first report, a frame is as old
    as it is later than the fastest one of the last half minute, which leaves out the network's constant delay.
    """

    def __init__(self) -> None:
        self._map_s: float | None = None
        self._fastest: deque[tuple[float, float]] = deque()
        self._least_lag_s = -1.0

    @property
    def on_sender_clock(self) -> bool:
        """Whether ages are told on the sender's own clock."""
        return self._map_s is not None and -_STAMP_JITTER_S <= self._least_lag_s <= _LONGEST_OFFSET_S

    def report(self, stamp_s: float, sent_unix_s: float) -> None:
        """Take in a sender report: a frame of this stamp was sent at this time of the sender's clock."""
        map_s = sent_unix_s - _unwrapped(stamp_s)
        if self._map_s is None or abs(map_s - self._map_s) > 0.05:
            self._fastest.clear()
            self._least_lag_s = -1.0
        self._map_s = map_s

    def sent_at(self, stamp_s: float, arrived_unix_s: float) -> float:
        """Return the unix time at which a frame of this stamp, decoded at ``arrived_unix_s``, was sent."""
        claimed = _unwrapped(stamp_s) + (self._map_s or 0.0)
        lag = arrived_unix_s - claimed
        while self._fastest and self._fastest[-1][1] >= lag:
            self._fastest.pop()
        self._fastest.append((arrived_unix_s, lag))
        while self._fastest[0][0] < arrived_unix_s - _REMEMBERED_S:
            self._fastest.popleft()
        self._least_lag_s = self._fastest[0][1]
        return min(claimed, arrived_unix_s) if self.on_sender_clock else claimed + self._least_lag_s


def _unwrapped(stamp_s: float) -> float:
    """Return the stamp within half a wrap of 0."""
    return (stamp_s + _WRAP_S / 2) % _WRAP_S - _WRAP_S / 2
