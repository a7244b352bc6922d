"""A browser whose tabs can really be put in the background, which one that Playwright holds does not let happen."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browsing import ARGUMENTS, LAUNCHER
from websockets.sync.client import connect


class Tabs:
    """Drives windows and tabs over the browser's own protocol.

    Playwright makes every page that it is connected to believe that it is seen; so it has to let go of them first.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def open(self, url: str) -> str:
        """Open a tab in the window, before all others; return its id."""
        return str(self._ask("Target.createTarget", url=url)["targetId"])

    def show(self, tab: str) -> None:
        """Bring a tab to the front."""
        self._ask("Target.activateTarget", targetId=tab)

    def find(self, text: str) -> str:
        """Return the id of the tab whose address has this in it."""
        found = [one for one in self._ask("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        return next(str(one["targetId"]) for one in found if text in one["url"])

    def minimise(self, tab: str) -> None:
        """Put the tab's window away."""
        self._set_window(tab, "minimized")

    def restore(self, tab: str) -> None:
        """Bring the tab's window back."""
        self._set_window(tab, "normal")

    def _set_window(self, tab: str, state: str) -> None:
        window = self._ask("Browser.getWindowForTarget", targetId=tab)["windowId"]
        self._ask("Browser.setWindowBounds", windowId=window, bounds={"windowState": state})

    def _ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        with connect(self.address, max_size=None) as socket:
            socket.send(json.dumps({"id": 1, "method": method, "params": arguments}))
            while (answer := json.loads(socket.recv(timeout=20))).get("id") != 1:
                pass
        assert "error" not in answer, answer
        return dict(answer["result"])


@contextmanager
def own_browser(camera: Path) -> Iterator[Tabs]:
    """Run a browser as a person's own one runs, without what Playwright tells it of tabs that nobody sees."""
    with tempfile.TemporaryDirectory(prefix="liveness-browser-") as folder:
        process = subprocess.Popen(
            [
                LAUNCHER,
                *ARGUMENTS,
                "--headless=new",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}/profile",
                "--window-size=1280,900",
                f"--use-file-for-fake-video-capture={camera}",
                "about:blank",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            yield Tabs(next(found[1] for line in process.stderr if (found := re.search(r"on (ws://\S+)", line))))
        finally:
            process.terminate()
            process.wait(20)
            if process.stderr is not None:
                process.stderr.close()
