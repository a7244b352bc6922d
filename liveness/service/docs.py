"""``/docs``: the OpenAPI document as a page that needs no script, no network and no second file."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "patch", "put", "delete", "options")

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
section { border-top: 1px solid #8886; padding: 1rem 0 }
h2 { font-size: 1.05rem; margin: 0 } h2 b { display: inline-block; min-width: 4.5rem }
code, pre { font: 0.9rem/1.4 ui-monospace, monospace } pre { overflow-x: auto; padding: .6rem; background: #8882 }
"""


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("liveness.service"), autoescape=True, undefined=StrictUndefined)


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "method": method.upper(),
            "path": path,
            "text": operation.get("description") or operation.get("summary", ""),
            "bodies": operation.get("requestBody", {}).get("content", {}),
            "parameters": operation.get("parameters", []),
            "answers": sorted(operation["responses"]),
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    ]


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Serve the page."""
    document = request.app.openapi()
    template = _environment().get_template("docs.html.j2")
    page = template.render(info=document["info"], operations=_operations(document), style=Markup(STYLE))  # noqa: S704
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"})
