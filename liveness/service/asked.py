"""What was asked of a candidate: one challenge of one session, and the states it can be in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from liveness.challenges.contract import Mode

ChallengeState = Literal["offered", "running", "done", "declined", "expired", "cancelled"]

OPEN: frozenset[ChallengeState] = frozenset({"offered", "running"})
"""States from which it goes on; of a session at most one challenge is in one of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One challenge of one session."""

    id: str
    session_id: str
    challenge: str
    mode: Mode
    attempt: int
    """Which of this kind in this session, from 1."""
    made_at: datetime
    made_by: str
    state: ChallengeState = "offered"
    parameters: str | None = None
    """Drawn when the prompt is released, not before."""
    prompt_at: datetime | None = None
    decline_reason: str | None = None
    reason: str | None = None
    """Why it came to nothing, as a sentence to the interviewer."""
    outcome: Mapping[str, Any] | None = None
