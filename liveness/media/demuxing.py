"""Packets and their timestamps: reading on past damage, noting what is lost, a media time that always grows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
import av.stream

from liveness.media.opening import open_container

_MAX_READ_FAILURES = 32
_BACKWARD_JUMP_S = 1.0
_FORWARD_JUMP_S = 10.0
_LEAST_STEP_S = 0.001


class Demuxer:
    """An open file that gives its packets past places where reading fails."""

    def __init__(self, path: Path) -> None:
        self.container = open_container(path)
        self.failures = 0
        """Places where reading failed."""
        self.closed = False

    def close(self) -> None:
        """Close the file; an iteration under way ends."""
        self.closed = True
        self.container.close()

    def packets(self, *streams: av.stream.Stream) -> Iterator[av.Packet[av.stream.Stream]]:
        """Yield packets in the order of the file; gives up where reading fails many times in a row."""
        packets, in_a_row = self.container.demux(*streams), 0
        while in_a_row < _MAX_READ_FAILURES and not self.closed:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                packets = self.container.demux(*streams)
                self.failures, in_a_row = self.failures + 1, in_a_row + 1
                continue
            if packet is None:
                return
            in_a_row = 0
            yield packet


class Damage:
    """Counts the damaged packets of a video and keeps the earliest timestamp of one, in seconds."""

    def __init__(self) -> None:
        self.packets = 0
        self.first_s = math.inf

    def note(self, stamp_s: float) -> None:
        """Count a damaged packet, whose timestamp is given in seconds."""
        self.packets += 1
        self.first_s = min(self.first_s, stamp_s)


class Awaited:
    """Timestamps of packets whose picture has not come yet; one that a later picture overtakes never will."""

    _MOST = 64

    def __init__(self) -> None:
        self._stamps: set[int] = set()

    def sent(self, stamp: int) -> None:
        """Await the picture of a packet with this timestamp."""
        self._stamps.add(stamp)

    def lost(self, came: list[int]) -> list[int]:
        """Return what is lost by now, given the timestamps of the pictures that came."""
        self._stamps.difference_update(came)
        latest = max(came, default=-math.inf)
        late = sorted(self._stamps)[: -self._MOST]
        lost = [stamp for stamp in self._stamps if stamp < latest] or late
        self._stamps.difference_update(lost)
        return lost

    def rest(self) -> list[int]:
        """Return what is lost once all pictures have come."""
        lost, self._stamps = sorted(self._stamps), set()
        return lost


class Clock:
    """Turns timestamps into media time that starts at ``origin_s`` and always grows.

    A time that repeats or goes back by less than a second is set 1 ms after the one before. One that goes
    back further means that the source began a new count, which then goes on where the old one stopped. A
    missing time is the last one and a usual step; one that leaps ten seconds ahead and beyond the stated end
    counts as missing.
    """

    def __init__(self, origin_s: float | None = None, end_s: float | None = None) -> None:
        self._origin_s = origin_s
        self._end_s = end_s
        self._last_s: float | None = None

    def tick(self, stamp_s: float | None, step_s: float) -> float:
        """Return the media time of a frame with this timestamp."""
        expected_s = self._last_s + step_s if self._last_s is not None else 0.0
        if stamp_s is None:
            time_s = expected_s
        elif self._origin_s is None:
            self._origin_s, time_s = stamp_s - expected_s, expected_s
        else:
            time_s = self._steady(stamp_s - self._origin_s, expected_s)
        self._last_s = round(time_s, 6)
        return self._last_s

    def _steady(self, time_s: float, expected_s: float) -> float:
        """Return the time, or what stands for it where it repeats, goes back or leaps."""
        if self._last_s is None:
            return time_s
        if self._end_s is not None and time_s > max(self._end_s, self._last_s) + _FORWARD_JUMP_S:
            return expected_s
        if time_s < self._last_s - _BACKWARD_JUMP_S and self._origin_s is not None:
            self._origin_s += time_s - expected_s
            return expected_s
        return max(time_s, self._last_s + _LEAST_STEP_S)
