"""Hold a call with Firefox as the candidate and Chromium as the interviewer, and measure what arrives.

    python tests/benchmarks/firefox_candidate.py [--firefox firefox-esr] [--seconds 25]

Firefox is driven over its own WebDriver BiDi socket, with its built-in test picture as the camera. Prints JSON:
what the check received, what Firefox says that it sends, and the people's own call in both directions.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "web"), str(ROOT / "interview")]

from browsing import chromium
from holding import HEARING, Service

PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
}
WATCHING = """() => {
  window.peers = [];
  const Plain = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Plain {
    constructor(...given) { super(...given); window.peers.push(this); }
  };
}"""
STATISTICS = """(async () => {
  const told = [];
  for (const peer of window.peers) {
    const all = [...(await peer.getStats()).values()];
    for (const one of all) {
      if (one.kind !== "video" || !["outbound-rtp", "inbound-rtp"].includes(one.type)) continue;
      const codec = all.find((other) => other.id === one.codecId)?.mimeType;
      const sender = peer.getSenders().find((other) => other.track?.kind === "video");
      told.push({
        check: peer.getSenders().length === 1, state: peer.connectionState, type: one.type, codec,
        size: [one.frameWidth, one.frameHeight], fps: one.framesPerSecond, limited: one.qualityLimitationReason,
        parameters: sender?.getParameters().encodings, degradation: sender?.getParameters().degradationPreference,
      });
    }
  }
  return JSON.stringify(told);
})()"""

FEWER = """(async () => {
  const { applyQuality } = await import("/sdk/capture.js");
  const check = window.peers.find((peer) => peer.signalingState !== "closed" && peer.getSenders().length === 1);
  await applyQuality(check.getSenders()[0], { maxFps: 10 });
})()"""
"""What the SDK does when the service asks for fewer frames."""


class Firefox:
    """One page of a Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.version = str(self._ask("session.new", {"capabilities": {}})["capabilities"]["browserVersion"])
        self._page = self._ask("browsingContext.getTree", {})["contexts"][0]["context"]

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
                return answer["result"]

    def before_every_page(self, function: str) -> None:
        """Run a function before a page's own scripts."""
        self._ask("script.addPreloadScript", {"functionDeclaration": function})

    def go(self, address: str) -> None:
        """Open a page."""
        self._ask("browsingContext.navigate", {"context": self._page, "url": address, "wait": "complete"})

    def run(self, expression: str) -> Any:
        """Return the value of an expression in the page, as a click would run it."""
        told = self._ask(
            "script.evaluate",
            {
                "expression": expression,
                "target": {"context": self._page},
                "awaitPromise": True,
                "userActivation": True,
            },
        )
        if told["type"] == "exception":
            raise RuntimeError(told["exceptionDetails"]["text"])
        return told["result"].get("value")

    def until(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression holds in the page."""
        for _ in range(int(seconds * 5)):
            if self.run(f"Boolean({expression})"):
                return
            time.sleep(0.2)
        raise TimeoutError(f"waited {seconds} s in vain for {expression}: {self.run('document.body.innerText')}")


@contextmanager
def firefox(program: str) -> Iterator[Firefox]:
    """Run a Firefox with a profile of its own."""
    with tempfile.TemporaryDirectory(prefix="liveness-firefox-") as profile:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("".join(lines))
        process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        try:
            found = (re.search(r"WebDriver BiDi listening on (ws://\S+)", line) for line in process.stderr)
            address = next((match[1] for match in found if match), None)
            if address is None:
                raise RuntimeError(f"{program} did not offer WebDriver BiDi")
            with connect(f"{address}/session", max_size=None) as socket:
                yield Firefox(socket)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def measure(program: str, seconds: float) -> dict[str, Any]:
    """Hold the call and return the figures."""
    service = Service()
    try:
        with chromium() as browser, firefox(program) as candidate:
            interviewer = browser.new_page()
            interviewer.add_init_script(HEARING)
            interviewer.goto(service.links["interviewer"])
            candidate.before_every_page(WATCHING)
            candidate.go(service.links["candidate"])
            agree = "document.querySelector('liveness-check').shadowRoot.querySelector('[part~=agree]')"
            candidate.until(agree)
            candidate.run(f"{agree}.click()")
            candidate.until("document.querySelector('#join').offsetParent && !document.querySelector('#join').disabled")
            candidate.run("document.querySelector('#join').click()")
            interviewer.locator("#share").click()
            interviewer.wait_for_timeout(1000 * seconds)
            said = json.loads(candidate.run(STATISTICS))
            candidate.run(FEWER)
            interviewer.wait_for_timeout(8000)
            heard = interviewer.evaluate("window.heard")
            seen = "(id) => [document.querySelector(id).videoWidth, document.querySelector(id).videoHeight]"
            return {
                "firefox": candidate.version,
                "chromium": browser.version,
                "received": [[one["width"], one["height"], one["fps"], one["kbit_s"]] for one in heard["link"]],
                "analysed_fps": [one["analysed_fps"] for one in heard["verdict"]][-1:],
                "states": sorted({one["state"] for one in heard["verdict"]}),
                "interviewer_sees": interviewer.evaluate(seen, "#remote"),
                "candidate_sees": json.loads(candidate.run(f"JSON.stringify(({seen})('#remote'))")),
                "candidate_says": said,
                "received_fps_when_asked_for_10": [one["fps"] for one in heard["link"]][-3:],
            }
    finally:
        service.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firefox", default=shutil.which("firefox-esr") or shutil.which("firefox") or "firefox")
    parser.add_argument("--seconds", type=float, default=25.0)
    arguments = parser.parse_args()
    sys.stdout.write(json.dumps(measure(arguments.firefox, arguments.seconds), indent=1) + "\n")
