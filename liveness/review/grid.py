"""Which frames are analysed: so many a second of media time, the same in a call as of a recording."""

from __future__ import annotations

_CATCH_UP_S = 0.25


class Grid:
    """Takes the first frame at or after each multiple of the period.

    Where frames come unevenly, a period may pass without any: then one of the frames that follow is taken besides, so
    that the rate is kept on average; and so it is for a frame that was taken and then overtaken (:meth:`owe`). More
    than a quarter of a second is never made up for, and nothing of the kind happens while frames come at least once a
    period and each is analysed.
    """

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._next_slot: int | None = None
        self._owed = 0

    def set_rate(self, fps: float) -> None:
        """Change the rate, from the next frame on."""
        if self._next_slot is not None:
            self._next_slot = int(self._next_slot / self.fps * fps)
        self.fps = fps
        self._owed = 0

    def owe(self) -> None:
        """Say that a frame that was taken is not analysed after all."""
        self._owed = min(self._owed + 1, int(_CATCH_UP_S * self.fps))

    def takes(self, time_s: float, *, busy: bool = False) -> bool:
        """Tell whether a frame is analysed; to be asked of each one, in the order of media time.

        Parameters
        ----------
        busy
            Whether one still waits to be analysed: nothing is made up for then.
        """
        slot = int(time_s * self.fps + 1e-6)
        if self._next_slot is None:
            # A session that goes on elsewhere begins in the middle, and has missed nothing.
            self._next_slot = slot
        if slot >= self._next_slot:
            self._owed = min(self._owed + slot - self._next_slot, int(_CATCH_UP_S * self.fps))
            self._next_slot = slot + 1
            return True
        if self._owed > 0 and not busy:
            self._owed -= 1
            return True
        return False
