"""A session and the states it can be in; no clock, no store, no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

State = Literal["waiting", "consented", "checking", "interrupted", "withdrawn", "ended"]

OVER: frozenset[State] = frozenset({"withdrawn", "ended"})
"""States without a way back: no media is taken any more."""

MAY_SEND: frozenset[State] = frozenset({"consented", "checking", "interrupted"})
"""States in which media may arrive, since consent is on record."""

_FOLLOWS: Mapping[State, frozenset[State]] = {
    "waiting": frozenset({"consented", "withdrawn", "ended"}),
    "consented": frozenset({"checking", "interrupted", "withdrawn", "ended"}),
    "checking": frozenset({"checking", "interrupted", "withdrawn", "ended"}),
    "interrupted": frozenset({"checking", "interrupted", "withdrawn", "ended"}),
    "withdrawn": frozenset({"ended"}),
    "ended": frozenset(),
}


class WrongState(Exception):  # noqa: N818 (it says what is wrong)
    """The session is not in a state from which this is possible."""

    def __init__(self, state: State, wanted: State) -> None:
        super().__init__(f"This session is {state}; it cannot become {wanted}.")


@dataclass(frozen=True, slots=True)
class Consent:
    """Consent on record."""

    version: str
    given_at: datetime
    receipt: str


@dataclass(frozen=True, slots=True)
class Session:
    """One interview's check."""

    id: str
    created_at: datetime
    expires_at: datetime
    reference: str | None = None
    off: frozenset[str] = frozenset()
    """Signals that are switched off."""
    state: State = "waiting"
    reason: str | None = None
    """Why it is interrupted or over, as a word: lost, worker_died, failed, bye, restart, shutdown, expired, …"""
    consent: Consent | None = None
    ended_at: datetime | None = None
    check_in: tuple[str, ...] = ()
    """Challenges that are offered one after another once media arrives."""
    findings_erased_at: datetime | None = None
    """When all that had been found was erased, after consent was taken back."""

    @property
    def consent_withdrawn(self) -> bool:
        """Whether the candidate took consent back, or refused it, be the session over since or not."""
        return self.state == "withdrawn" or (self.state == "ended" and self.reason == "withdrawn")

    def is_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return now >= self.expires_at

    def to(self, state: State, reason: str | None = None, *, at: datetime | None = None) -> Session:
        """Return the session in its next state.

        Raises
        ------
        WrongState
            There is no way from here to there.
        """
        if state not in _FOLLOWS[self.state]:
            raise WrongState(self.state, state)
        # The end does not hide that consent had been taken back: nothing may be kept of such a session.
        reason = self.reason if self.state == "withdrawn" else reason
        return replace(self, state=state, reason=reason, ended_at=at if state in OVER else None)

    def agreed(self, consent: Consent) -> Session:
        """Return the session with consent on record."""
        return replace(self.to("consented"), consent=consent)
