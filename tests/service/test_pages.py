"""The pages and what they are made of, with the headers that protect them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from interviewing import Service, running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with a small web folder."""
    web = tmp_path / "web"
    for name, text in {
        "pages/start.html": "<!doctype html>start",
        "pages/candidate.html": "<!doctype html>candidate",
        "pages/interviewer.html": "<!doctype html>interviewer",
        "sdk/index.js": "export const x = 1;",
        "elements/texts/en.json": "{}",
        "sdk/.hidden.js": "no",
        "sdk/notes.md": "no",
        "package.json": "{}",
        "node_modules/x/index.js": "no",
    }.items():
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text(text, "utf-8")
    (tmp_path / "outside.js").write_text("no", "utf-8")
    (web / "sdk" / "link.js").symlink_to(tmp_path / "outside.js")
    with running(tmp_path, web_root=web) as service:
        yield service


@pytest.mark.parametrize("path", ["/", "/candidate", "/interviewer"])
def test_pages_may_use_the_camera_and_little_else(service: Service, path: str) -> None:
    page = service.call("GET", path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "camera=(self)" in page.headers["Permissions-Policy"]
    assert "geolocation=()" in page.headers["Permissions-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-cache"
    again = service.call("GET", path, If_None_Match=page.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    head = service.call("HEAD", path)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", page.headers["ETag"])


def test_pages_of_others_may_load_the_sdk(service: Service) -> None:
    script = service.call("GET", "/sdk/index.js")
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert script.headers["Access-Control-Allow-Origin"] == "*"
    assert service.call("GET", "/elements/texts/en.json").headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "/sdk/../package.json",
        "/sdk/%2e%2e/package.json",
        "/sdk/..%2f..%2foutside.js",
        "/sdk//etc/passwd",
        "/sdk/link.js",
        "/sdk/.hidden.js",
        "/sdk/notes.md",
        "/sdk/",
        "/sdk",
        "/sdk/%00.js",
        "/package.json",
        "/node_modules/x/index.js",
        "/secret",
    ],
)
def test_nothing_else_is_served(service: Service, path: str) -> None:
    assert service.call("GET", path).status == 404
