"""Which verdicts are kept of a call, so that a long one takes no more room than a table that one can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STEP_S = 5.0
"""Media time between two kept verdicts of the same state, at first."""
MOST = 600
"""Kept verdicts; beyond that every second one of those that changed nothing goes, and the step doubles."""


@dataclass(slots=True)
class Thinner:
    """Decides for one session; what it says to drop is dropped by whoever keeps."""

    step_s: float = STEP_S
    most: int = MOST
    _state: str | None = None
    _last_s: float = float("-inf")
    _kept: list[tuple[int, bool]] = field(default_factory=list)
    """Numbers of what is kept, with whether it was a change of state."""

    def keeps(self, number: int, verdict: Mapping[str, Any]) -> bool:
        """Tell whether this verdict is to be kept: it changes the state, or the last kept one is old enough."""
        state, time_s = verdict.get("state"), float(verdict.get("time_s") or 0.0)
        changes = state != self._state
        # A new connection's time may begin anew.
        if not changes and self._last_s <= time_s < self._last_s + self.step_s:
            return False
        self._state, self._last_s = state, time_s
        self._kept.append((number, changes))
        return True

    def surplus(self) -> list[int]:
        """Return numbers to drop, if there are too many by now."""
        if len(self._kept) <= self.most:
            return []
        calm = [number for number, changes in self._kept if not changes]
        # A verdict that flickers leaves nothing calm to drop: then the older half is thinned whatever it says.
        drop = set(calm[::2] or [number for number, _ in self._kept[: self.most // 2 : 2]])
        self._kept = [item for item in self._kept if item[0] not in drop]
        self.step_s *= 2
        return sorted(drop)
