"""A browser with a drawn camera, and what the tests of the pages share."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scripted import WEB

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LAUNCHER = Path(__file__).with_name("chromium.sh")
"""Starts it; what is said there matters on small machines."""
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="install Chromium: apt-get install chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
EXPECTED = ("Failed to load resource", "net::ERR_")
"""What a browser says of answers that a test asked for."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Run a browser whose camera is a drawing."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=LAUNCHER, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, url: str, *, prelude: str = "", **options: Any) -> Iterator[Any]:
    """Open a page in a context of its own; whatever it complains about fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if prelude:
        page.add_init_script(prelude)
    page.goto(url)
    try:
        yield page
        assert [text for text in complaints if not text.startswith(EXPECTED) and "net::ERR_" not in text] == []
    finally:
        context.close()


def until(page: Any, condition: str | Callable[[], object], what: str = "", seconds: float = 15) -> Any:
    """Wait for a condition in the page or of the server; the page's policy forbids Playwright's own way."""
    for _ in range(int(seconds * 20)):
        found = page.evaluate(condition) if isinstance(condition, str) else condition()
        if found:
            return found
        page.wait_for_timeout(50)
    pytest.fail(f"waited {seconds} s in vain for: {what or condition}")


def see(page: Any, text: str | re.Pattern[str], seconds: float = 15) -> None:
    """Wait until a text can be seen, also inside the elements."""
    until(page, lambda: page.get_by_text(text).filter(visible=True).count() > 0, f"the text {text!r}", seconds)


def violations(page: Any) -> list[str]:
    """Return what axe-core finds fault with, in words."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run npm ci in web/")
    page.evaluate(Path(AXE).read_text())
    found = page.evaluate("""async () => {
        const { violations } = await axe.run(document, { resultTypes: ['violations'] });
        const places = (item) => item.nodes.map((node) => node.target.join(' ')).join(' | ');
        return violations.map((item) => `${item.id}: ${item.help}: ${places(item)}`);
    }""")
    return list(found)
