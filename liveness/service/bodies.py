"""JSON bodies: read within a limit, after the caller is known, and described for the OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request

from liveness.challenges.contract import Mode
from liveness.service.catalogue import catalogue
from liveness.service.limits import must_be, read_body
from liveness.service.problems import Problem, describe_errors

SMALL = 16_384
"""Bytes of a JSON body."""

Body = TypeVar("Body", bound=BaseModel)


@cache
def known_signals() -> frozenset[str]:
    """Return the names of all signals of this version."""
    import liveness.signals  # noqa: PLC0415 (loads the models' libraries: not before somebody switches one off)
    from liveness.contract import discover  # noqa: PLC0415

    return frozenset(discover(liveness.signals))


class NewSession(BaseModel):
    """Body of ``POST /v1/sessions``; every field may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reference: Annotated[str, Field(max_length=200)] | None = None
    """The platform's own words for this interview."""
    off: Annotated[list[str], Field(max_length=100)] = []
    """Signals to switch off."""
    expires_in_s: Annotated[int, Field(ge=60, le=604_800)] | None = None

    @field_validator("off")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        unknown = sorted(set(names) - known_signals()) if names else []
        if unknown:
            raise ValueError(f"expected names of signals ({', '.join(sorted(known_signals()))})")
        return names

    check_in: Annotated[list[str], Field(max_length=5)] = []
    """Challenges that the candidate's page is offered one after another once media arrives."""

    @field_validator("check_in")
    @classmethod
    def _challenges(cls, names: list[str]) -> list[str]:
        if names and (len(set(names)) < len(names) or set(names) - set(catalogue())):
            raise ValueError(f"expected names of challenges, each once ({', '.join(catalogue())})")
        return names


class NewChallenge(BaseModel):
    """Body of ``POST /v1/sessions/{id}/challenges``; every field may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    challenge: Annotated[str, Field(max_length=64)] | None = None
    """Its name; by default the recommended one."""
    mode: Mode = "page"
    """Whether the candidate's page shows the prompt, or the interviewer reads it aloud."""


class DeclinedChallenge(BaseModel):
    """Body of ``POST /v1/sessions/{id}/challenges/{cid}/decline``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Literal["cannot", "photosensitive", "reduced_motion", "other"]


class NewConsent(BaseModel):
    """Body of ``POST /v1/sessions/{id}/consent``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Annotated[str, Field(max_length=32)]


async def read_json(request: Request, model: type[Body], *, optional: bool = False) -> Body:
    """Return the body as a model, or raise the problem that it does not fit."""
    body = await read_body(request, SMALL)
    if optional and not body.strip():
        return model()
    must_be(request, "application/json")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Problem(422, "invalid-request", describe_errors(error.errors(include_url=False))) from None


def described(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Return what the OpenAPI document says of a body."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": _inlined(schema, definitions)}},
        }
    }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {key: _inlined(value, definitions) for key, value in schema.items()}
    return [_inlined(item, definitions) for item in schema] if isinstance(schema, list) else schema
