"""What the candidate's page tells about its camera and its sending; only known fields are kept."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_Pixels = Annotated[int, Field(ge=0, le=100_000)]
_Figure = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Captured(_Part):
    """What the camera gives."""

    width: _Pixels | None = None
    height: _Pixels | None = None
    fps: _Figure | None = None
    label: Annotated[str, Field(max_length=300)] | None = None
    display: bool | None = None
    """Whether it is a screen that is shared, not a camera."""


class Sent(_Part):
    """What leaves the browser."""

    width: _Pixels | None = None
    height: _Pixels | None = None
    fps: _Figure | None = None
    kbit_s: _Figure | None = None
    limited_by: Annotated[str, Field(max_length=32)] | None = None
    codec: Annotated[str, Field(max_length=64)] | None = None


class CaptureReport(_Part):
    """Body of ``POST /v1/sessions/{id}/reports``."""

    model_config = ConfigDict(extra="ignore", frozen=True, serialize_by_alias=True)

    schema_: Literal["liveness.capture-report/1"] = Field("liveness.capture-report/1", alias="schema")
    captured: Captured
    sent: Sent | None = None
    round_trip_ms: _Figure | None = None
    page_visible: bool | None = None

    def payload(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return self.model_dump(by_alias=True)
