"""What the service and the media workers say to one another; plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from liveness.errors import ConfigError, LivenessError

EventKind = Literal[
    "connected", "verdict", "link", "notice", "rate", "message", "closed", "capacity", "report", "challenge"
]
ChallengeAction = Literal["prepare", "begin", "stop"]
CloseReason = Literal["bye", "lost", "worker_died", "failed", "shutdown", "withdrawn"]

LONGEST_MESSAGE = 16_384
"""Bytes of a data-channel message; longer ones are refused."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """How the media side of one node runs."""

    workers: int | None = None
    """Media worker processes; one a core if not given."""
    calibration: Path | None = None
    """A calibration other than the packaged one."""
    ice_servers: tuple[IceServer, ...] = ()
    runtime_dir: Path | None = None
    """Where evidence is kept for the case that a worker dies; a temporary folder if not given."""
    calls_per_worker: int = 16
    """Beyond this a worker refuses, however little it has to do."""
    cores: tuple[int, ...] | None = None
    """Cores to pin the workers to, in turn; None leaves that to the system."""
    prior_bonafide: float = 0.5

    def __post_init__(self) -> None:
        if self.workers is not None and not 1 <= self.workers <= 256:
            raise ConfigError(f"workers must lie in 1–256, got {self.workers}")
        if self.calls_per_worker < 1:
            raise ConfigError(f"calls_per_worker must be positive, got {self.calls_per_worker}")


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What one session may choose."""

    off: frozenset[str] = frozenset()
    """Signals that are switched off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An accepted offer."""

    resource_id: str
    sdp: str
    etag: str
    """Entity tag of the ICE session, in quotes."""


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """Something that a session's host should know."""

    session_id: str
    kind: EventKind
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FrameAge:
    """How old an analysed frame was when its analysis was done."""

    session_id: str
    done_unix_s: float
    since_sent_ms: float
    """On the sender's clock as far as that can be told."""


class LiveError(LivenessError):
    """The media side could not do what it was asked."""


class OfferRefused(LiveError):  # noqa: N818 (a refusal, as the protocol calls it)
    """An SDP offer or a trickle fragment cannot be used."""

    def __init__(self, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status
        """HTTP status that tells it."""


class ChallengeRefused(LiveError):  # noqa: N818
    """A challenge cannot be prepared or begun; the text says why."""


class AtCapacity(LiveError):  # noqa: N818
    """No worker can take one more call."""

    def __init__(self, retry_after_s: float = 15.0) -> None:
        super().__init__("all media workers are busy; try again later")
        self.retry_after_s = retry_after_s


class UnknownResource(LiveError):  # noqa: N818
    """There is no such connection, or no longer."""


class WorkerGone(LiveError):  # noqa: N818
    """The media worker ended while it was asked; its sessions come back on another one."""
