"""A WHIP client that is not ours sends to the real service, from a page of another origin."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import chromium, needs_chromium
from holding import Service
from scripted import WEB

CLIENT = WEB / "node_modules" / "whip-whep" / "whip.js"

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
    pytest.mark.skipif(not CLIENT.is_file(), reason="whip-whep is not installed: run npm ci in web/"),
]

PUBLISH = """async ({ endpoint, token }) => {
  const { WHIPClient } = await import("/whip.js");
  window.requests = [];
  const plain = window.fetch;
  window.fetch = async (url, { method, headers, body = "" }) => {
    const response = await plain(url, { method, headers, ...(body && { body }) });
    const { status, headers: given } = response;
    const match = headers["If-Match"] ?? null;
    window.requests.push({ method, status, body, match, location: given.get("location"), etag: given.get("etag") });
    return response;
  };
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 }, audio: true });
  window.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const track of stream.getTracks()) window.peer.addTransceiver(track, { direction: "sendonly" });
  window.client = new WHIPClient();
  await window.client.publish(window.peer, endpoint, token);
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def other_origin(folder: Path) -> Iterator[str]:
    """Serve a blank page with the client beside it."""
    (folder / "index.html").write_text("<!doctype html><title>Another server's page</title>")
    (folder / "whip.js").write_bytes(CLIENT.read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Caller:
    """Speaks plain HTTP to the service, with the token of one side."""

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        fields = parse_qs(parts.fragment)
        self.origin, self.session, self.token = f"{parts.scheme}://{parts.netloc}", fields["s"][0], fields["t"][0]
        self.path = f"/v1/sessions/{self.session}"

    def open(self, method: str, path: str, body: Any = None) -> tuple[http.client.HTTPConnection, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.origin).netloc, timeout=40)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, self.path + path, json.dumps(body) if body else None, headers)
        return connection, connection.getresponse()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        connection, answer = self.open(method, path, body)
        try:
            return answer.status, answer.read()
        finally:
            connection.close()

    def events(self) -> Generator[tuple[str, Any], None, None]:
        """Read the event stream."""
        connection, answer = self.open("GET", "/events")
        try:
            name = ""
            for line in iter(answer.readline, b""):
                if line.startswith(b"event: "):
                    name = line[7:].decode().strip()
                elif line.startswith(b"data: "):
                    yield name, json.loads(line[6:])
        finally:
            answer.close()
            connection.close()

    def hears(self, wanted: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """Return the first event of this name that fits."""
        with closing(self.events()) as events:
            return next(data for name, data in events if name == wanted and fits(data))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service("--workers", "1")
    yield service
    assert service.stop() == 0, "".join(service.log)


def test_an_independent_client_publishes_trickles_and_stops(service: Service, tmp_path: Path) -> None:
    candidate, interviewer = Caller(service.links["candidate"]), Caller(service.links["interviewer"])
    endpoint = f"{candidate.origin}{candidate.path}/whip"
    with other_origin(tmp_path) as page_address, chromium() as browser:
        page = browser.new_page()
        page.goto(page_address)
        given = {"endpoint": endpoint, "token": candidate.token}
        with pytest.raises(Exception, match="Request rejected with status 403"):
            page.evaluate(PUBLISH, given)  # The candidate has not agreed.
        version = json.loads(candidate.call("GET", "")[1])["consent"]["version"]
        assert candidate.call("POST", "/consent", {"version": version})[0] == 201

        page.evaluate(PUBLISH, given)
        verdict = interviewer.hears("verdict")
        assert verdict["session"] == candidate.session
        interviewer.hears("link", lambda link: link["width"] > 0 and link["fps"] > 0)
        assert page.evaluate("peer.connectionState") == "connected"

        requests = page.evaluate("requests")
        offered, trickled = requests[0], [one for one in requests if one["method"] == "PATCH"]
        assert (offered["method"], offered["status"]) == ("POST", 201)
        assert offered["location"].startswith(f"{candidate.path}/whip/")
        assert offered["etag"]
        assert "a=candidate" not in offered["body"], "the client trickles; else this would prove nothing"
        assert trickled
        assert {(one["status"], one["match"]) for one in trickled} == {(204, offered["etag"])}
        assert any("a=candidate" in one["body"] for one in trickled)
        assert any("a=end-of-candidates" in one["body"] for one in trickled)

        with pytest.raises(Exception, match="Request rejected with status 422"):
            page.evaluate("client.restart()")  # Not supported: a new connection is made instead.
        assert page.evaluate("requests.at(-1).match") == "*"

        page.evaluate("client.stop()")
        ended = page.evaluate("requests.at(-1)")
        assert (ended["method"], ended["status"]) == ("DELETE", 200)
        interviewer.hears("session", lambda session: session["state"] == "interrupted")
        page.evaluate(PUBLISH, given)  # It may come back, with a new connection.
        interviewer.hears("session", lambda session: session["state"] == "checking")
        page.evaluate("client.stop()")
        assert interviewer.call("POST", "/end")[0] == 200
        with pytest.raises(Exception, match="Request rejected with status 409"):
            page.evaluate(PUBLISH, given)


def test_the_client_takes_the_ice_servers_from_the_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    servers: list[dict[str, Any]] = [
        {"urls": ["stun:127.0.0.1:9"]},
        {"urls": ["turn:127.0.0.1:9?transport=udp"], "username": "name", "credential": "word"},
    ]
    monkeypatch.setenv("LIVENESS_ICE_SERVERS", json.dumps(servers))
    service = Service("--workers", "1")
    try:
        candidate = Caller(service.links["candidate"])
        version = json.loads(candidate.call("GET", "")[1])["consent"]["version"]
        candidate.call("POST", "/consent", {"version": version})
        with other_origin(tmp_path) as page_address, chromium() as browser:
            page = browser.new_page()
            page.goto(page_address)
            page.evaluate(PUBLISH, {"endpoint": f"{candidate.origin}{candidate.path}/whip", "token": candidate.token})
            configured = page.evaluate("peer.getConfiguration().iceServers")
            assert [one["urls"] for one in configured] == [[one["urls"][0]] for one in servers]
            assert (configured[1]["username"], configured[1]["credential"]) == ("name", "word")
    finally:
        assert service.stop() == 0, "".join(service.log)
