"""The pages, the SDK and the elements: files of ``web/``, or of the package where there is no checkout."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

import liveness
from liveness.review import report

_NAME = re.compile(r"(?=.{1,200}$)[\w-][\w.-]*(/[\w-][\w.-]*){0,9}", re.ASCII)
"""No name of ours is longer, goes deeper, or has hidden parts."""

PAGES = {"/": "pages/start.html", "/candidate": "pages/candidate.html", "/interviewer": "pages/interviewer.html"}

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}


@cache
def content_policy() -> str:
    """Return the policy of the pages: nothing runs or loads but our own files, and what the report has inside.

    The report opens from a page's blob, since a link cannot carry a token, and a blob inherits its page's policy:
    therefore the hashes of the report's own script and style stand here.
    """
    scripts, styles = _hashes(*report.scripts()), _hashes(report.styles())
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            f"style-src 'self' {styles}",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob: mediastream:",
            "font-src 'self'",
            "connect-src 'self' data:",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hashes(*texts: str) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


_NEEDED = ("camera", "microphone", "autoplay", "clipboard-write", "fullscreen")
_NOT_NEEDED = ("display-capture", "geolocation", "payment", "usb", "serial", "hid", "midi")
PERMISSIONS_POLICY = ", ".join([*(f"{name}=(self)" for name in _NEEDED), *(f"{name}=()" for name in _NOT_NEEDED)])

router = APIRouter(include_in_schema=False)


def web_root() -> Path:
    """Return the folder that pages are read from."""
    package = Path(liveness.__file__).resolve().parent
    beside = package.parent / "web"
    return beside if (beside / "pages").is_dir() else package / "service" / "web"


def file_response(request: Request, root: Path, name: str) -> Response:
    """Return a file below ``root``, or 304 if the browser has it."""
    # The file system itself raises for some of what is no name of ours.
    if not _NAME.fullmatch(name):
        raise HTTPException(404)
    path = (root / name).resolve()
    media_type = _TYPES.get(path.suffix)
    if media_type is None or not path.is_relative_to(root.resolve()) or not path.is_file():
        raise HTTPException(404)
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if path.suffix == ".html":
        headers |= {
            "Content-Security-Policy": content_policy(),
            "Permissions-Policy": PERMISSIONS_POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
        }
    else:
        # The SDK and the elements are also used from pages of others.
        headers |= {"Access-Control-Allow-Origin": "*", "Content-Security-Policy": "default-src 'none'"}
    if etag in [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers | {"Content-Type": media_type})


@router.api_route("/", methods=["GET", "HEAD"])
@router.api_route("/candidate", methods=["GET", "HEAD"])
@router.api_route("/interviewer", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Serve a page."""
    return file_response(request, request.app.state.web_root, PAGES[request.url.path])


@router.api_route("/sdk/{name:path}", methods=["GET", "HEAD"])
@router.api_route("/elements/{name:path}", methods=["GET", "HEAD"])
@router.api_route("/pages/{name:path}", methods=["GET", "HEAD"])
async def asset(request: Request) -> Response:
    """Serve what pages are made of; what ``web/`` is developed with is not served."""
    return file_response(request, request.app.state.web_root, request.url.path.removeprefix("/"))
