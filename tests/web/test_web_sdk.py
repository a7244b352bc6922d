"""The SDK in a real browser, against a service that misbehaves on cue."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import chromium, needs_chromium, opened, until
from scripted import WEB, WIRE, Scripted, wire
from starlette.responses import JSONResponse, Response

pytestmark = [pytest.mark.browser, needs_chromium]

TAP = """async () => {
    const { LivenessSession } = await import('/sdk/index.js');
    const session = new LivenessSession({ session: 'SESSION', token: 'PUBLISHER' });
    window.heard = [];
    for (const name of ['statechange', 'rate', 'reconnecting', 'stats', 'trackended', 'session']) {
        session.addEventListener(name, ({ detail }) => window.heard.push({ name, ...detail }));
    }
    window.session = session;
    window.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: 30 } });
    return null;
}"""
PUBLISH = (
    "() => session.publish(stream).then(() => 'connected', (error) => `${error.name} ${error.kind ?? error.message}`)"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as running:
        yield running


@pytest.fixture
def page(browser: Any, service: Scripted) -> Iterator[Any]:
    """A bare page of the service's origin with the SDK's session and a drawn camera."""
    with opened(browser, f"{service.url}/candidate") as found:
        found.evaluate(TAP.replace("SESSION", service.id))
        yield found


def heard(page: Any, name: str) -> list[dict[str, Any]]:
    return [item for item in page.evaluate("heard") if item["name"] == name]


PARSERS = {
    "verdict": "parseVerdict",
    "link": "parseLink",
    "notice": "parseNotice",
    "rate": "parseRate",
    "reconnect": "parseReconnect",
    "session_viewer": "parseSessionView",
    "session_publisher": "parseCandidateView",
    "session_created": "parseSessionCreated",
    "challenge": "parseChallenge",
    "challenge_offer": "parseChallengeOffer",
    "challenge_prompt": "parseChallengePrompt",
    "challenge_guidance": "parseChallengeGuidance",
    "challenge_over": "parseChallengeOver",
}


def parsed(page: Any, name: str, message: Any) -> Any:
    code = """async ([parser, message]) => {
        const wire = await import('/sdk/wire.js');
        try { return wire[parser](message); } catch (error) { return `${error.name}: ${error.message}`; }
    }"""
    return page.evaluate(code, [PARSERS[name], message])


def test_every_message_of_the_wire_is_understood(page: Any) -> None:
    assert {path.stem for path in WIRE.glob("*.json")} == PARSERS.keys() | {"capture_report"}
    for name in PARSERS:
        understood = parsed(page, name, wire(name))
        expected = {key: value for key, value in wire(name).items() if key in understood}
        assert {key: understood[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("verdict", {"confidence": 1.2}, "confidence should lie in 0–1"),
        ("verdict", {"state": "guilty"}, "state should be one of"),
        ("verdict", {"interval": [0.1]}, "interval should be two shares"),
        ("verdict", {"schema": "liveness.verdict/2"}, "expected liveness.verdict/1"),
        ("link", {"fps": None}, "fps should be a number"),
        ("session_publisher", {"consent": None}, "expected an object, got null"),
        ("challenge", {"state": "guilty"}, "state should be one of"),
        ("challenge", {"outcome": {"result": "failed"}}, "result should be one of"),
        ("challenge_offer", {"ready_within_s": None}, "ready_within_s should be a number"),
        ("challenge_prompt", {"page": {}}, "text should be a text"),
        ("challenge_over", {"how": "passed"}, "how should be one of"),
        ("rate", {"max_fps": -1}, "max_fps should be null or above 0"),
    ],
)
def test_a_message_that_is_not_what_it_says_is_refused(page: Any, name: str, changes: Any, complaint: str) -> None:
    answer = parsed(page, name, wire(name, **changes))
    assert answer.startswith("WireError")
    assert complaint in answer


def test_events_come_whole_however_the_text_is_cut(page: Any) -> None:
    text = ': hi\r\nid: 7\nevent: link\ndata: {"a":\ndata: 1}\n\nretry: 1500\ndata:x\n\n'
    code = """async ([text, size]) => {
        const { EventParser } = await import('/sdk/events.js');
        const parser = new EventParser(), found = [];
        for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
        return [found, parser.lastId, parser.retryMs];
    }"""
    for size in (1, 2, 3, 7, 100):
        events, last_id, retry_ms = page.evaluate(code, [text, size])
        assert events == [
            {"event": "link", "data": '{"a":\n1}', "id": "7"},
            {"event": "message", "data": "x", "id": "7"},
        ]
        assert (last_id, retry_ms) == ("7", 1500)


def test_the_start_bitrate_goes_into_video_formats_only(page: Any) -> None:
    sdp = "\r\n".join(
        [
            "v=0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "a=rtpmap:111 opus/48000/2",
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97 99",
            "a=rtpmap:96 VP8/90000",
            "a=rtpmap:97 rtx/90000",
            "a=fmtp:97 apt=96",
            "a=rtpmap:99 H264/90000",
            "a=fmtp:99 packetization-mode=1",
            "",
        ]
    )
    code = "async (sdp) => (await import('/sdk/capture.js')).withStartBitrate(sdp)"
    lines = page.evaluate(code, sdp).split("\r\n")
    assert [line for line in lines if "start-bitrate" in line] == [
        "a=fmtp:96 x-google-start-bitrate=2500",
        "a=fmtp:99 packetization-mode=1;x-google-start-bitrate=2500",
    ]
    assert [line for line in lines if "start-bitrate=2500" not in line or "H264" in line][-1] == ""
    assert page.evaluate(code, "\r\n".join(lines)) == "\r\n".join(lines)


def test_backoff_grows_with_jitter_and_has_a_top(page: Any) -> None:
    code = """async (random) => {
        const { backoffMs } = await import('/sdk/waiting.js');
        return [0, 1, 2, 3, 20].map((failures) => backoffMs(failures, { random: () => random }));
    }"""
    assert page.evaluate(code, 0) == [0, 250, 500, 1000, 7500]
    assert page.evaluate(code, 1) == [0, 500, 1000, 2000, 15000]


def test_the_picture_arrives_in_720p_at_once_and_is_reported(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    assert page.evaluate(PUBLISH) == "connected"
    upload = service.uploads[0]
    until(page, lambda: upload.frames >= 15, "fifteen frames", 8)
    assert upload.size == (1280, 720)
    until(page, lambda: upload.messages, "a capture report over the data channel", 10)
    report = upload.messages[0]
    assert report.pop("type") == "report"
    assert report.keys() == wire("capture_report").keys()
    assert report["captured"] == {
        "width": 1280,
        "height": 720,
        "fps": pytest.approx(30, abs=11),
        "label": "fake_device_0",
        "display": False,
    }
    assert report["sent"]["width"] == 1280
    assert report["sent"]["codec"].startswith("video/")
    assert report["sent"]["kbit_s"] > 100
    assert len(json.dumps(report)) < 16_000


def test_the_sender_begins_fast_and_keeps_the_resolution(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    code = """async (id) => {
        const { Connection } = await import('/sdk/connection.js');
        const { cloneForCheck } = await import('/sdk/capture.js');
        const track = cloneForCheck(stream.getVideoTracks()[0]);
        const connection = new Connection({ track, token: 'PUBLISHER', iceServers: [] });
        const connected = new Promise((resolve) => connection.addEventListener('connected', resolve));
        const endpoint = `/v1/sessions/${id}/whip`;
        await connection.open({ endpoint, maxFps: null, signal: new AbortController().signal });
        await connected;
        await new Promise((resolve) => setTimeout(resolve, 300));
        const pair = [...(await connection.peer.getStats()).values()].find((row) => row.nominated);
        const { encodings, degradationPreference } = connection.sender.getParameters();
        await connection.close();
        return [pair.availableOutgoingBitrate, encodings[0].maxBitrate, degradationPreference, track.contentHint];
    }"""
    started, most, preference, hint = page.evaluate(code, service.id)
    assert started >= 2_000_000
    assert (most, preference, hint) == (3_000_000, "maintain-resolution", "detail")


def test_the_video_comes_in_two_temporal_layers(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    upload = service.uploads[0]
    until(page, lambda: upload.frames >= 30, "thirty frames", 8)
    numbers = [layer and layer[0] for layer in upload.layers]
    assert set(numbers) == {0, 1}
    assert (1, 1) in upload.layers, "points to switch up at"


def test_what_is_lost_of_the_upper_layer_costs_no_key_frame_and_holds_up_nothing(page: Any, service: Scripted) -> None:
    """On a long line Chromium does not send it again."""
    service.consent = "2026-11-24T10:01:10Z"
    service.upper_loss = 0.2
    page.evaluate(PUBLISH)
    upload = service.uploads[0]
    until(page, lambda: len(upload.decoded) >= 30, "thirty pictures", 10)
    begun, asked = len(upload.decoded), upload.key_frames_asked
    page.wait_for_timeout(4000)
    came = [frame.time for frame in upload.decoded[begun:] if frame.time is not None]
    assert upload.key_frames_asked == asked
    # The camera of the test gives 20 to 30 pictures a second, of which the lower layer has every other one.
    assert len(came) > 4 * 9
    assert max(later - earlier for earlier, later in itertools.pairwise(came)) < 0.25


def test_a_browser_without_temporal_layers_sends_all_the_same(page: Any) -> None:
    code = """async () => {
        const { addLayered } = await import('/sdk/capture.js');
        const track = stream.getVideoTracks()[0];
        const asked = [];
        const peer = {
            addTransceiver(track, options) {
                asked.push(options);
                if (options.sendEncodings) throw new DOMException('not this mode', 'OperationError');
                return { sender: track.id };
            },
        };
        return [addLayered(peer, track) === track.id, asked.length, asked[1]];
    }"""
    assert page.evaluate(code) == [True, 2, {"direction": "sendonly"}]


def test_the_own_track_is_left_alone(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    page.evaluate("session.close()")
    track = page.evaluate("(() => { const [t] = stream.getVideoTracks(); return [t.readyState, t.contentHint]; })()")
    assert track == ["live", ""]
    assert service.uploads[0].deleted


def test_without_consent_nothing_is_sent_and_nothing_is_tried_again(page: Any, service: Scripted) -> None:
    assert page.evaluate(PUBLISH) == "ApiError consent-missing"
    page.wait_for_timeout(1500)
    assert [call for call in service.calls if call[2] == "/whip"] == [("publisher", "POST", "/whip")]
    assert page.evaluate("session.state") == "stopped"


def test_a_busy_service_is_left_alone_for_as_long_as_it_asks(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    service.whip_answers = [JSONResponse({"title": "busy"}, 503, {"Retry-After": "2"})]
    took_ms = page.evaluate(
        f"async () => {{ const at = performance.now(); await ({PUBLISH})(); return performance.now() - at; }}"
    )
    assert 2000 <= took_ms < 8000
    assert len(service.uploads) == 1


def test_a_hiccup_of_the_service_is_overcome(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    service.whip_answers = [Response("not json", 500), Response(status_code=502)]
    assert page.evaluate(PUBLISH) == "connected"
    assert len(heard(page, "reconnecting")) == 2


def test_a_dead_worker_is_replaced_when_the_service_says_so(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    service.emit("publisher", "reconnect", wire("reconnect"))
    until(page, lambda: len(service.uploads) == 2 and service.uploads[1].frames > 5, "frames on a second connection")
    assert service.uploads[0].deleted
    assert heard(page, "reconnecting")[0]["reason"] == "worker_died"
    assert page.evaluate("session.state") == "connected"


def test_a_connection_that_dies_without_a_word_is_replaced(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    until(page, lambda: service.uploads[0].frames > 5, "frames")
    service.kill_upload()
    until(page, lambda: len(service.uploads) == 2 and service.uploads[1].frames > 5, "frames again", 25)
    states = [item["state"] for item in heard(page, "statechange")]
    assert states == ["connecting", "connected", "reconnecting", "connected"]


def test_fewer_frames_are_sent_when_the_service_asks_for_fewer(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    until(page, lambda: service.uploads[0].channel is not None, "the data channel")
    page.wait_for_timeout(300)
    service.tell({"type": "rate", "max_fps": 5, "reason": "busy"})
    until(page, "heard.some((item) => item.name === 'rate')")
    page.wait_for_timeout(2000)
    before = service.uploads[0].frames
    page.wait_for_timeout(3000)
    assert service.uploads[0].frames - before <= 21
    service.emit("publisher", "rate", wire("rate", max_fps=None))
    until(page, "heard.filter((item) => item.name === 'rate').length === 2")


def test_leaving_the_page_ends_the_connection(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    page.goto("about:blank")
    until(page, lambda: service.uploads[0].deleted, "the DELETE of the page that is left", 5)


def test_taking_consent_back_stops_the_video_first(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    page.evaluate("session.withdrawConsent()")
    assert [call[1:] for call in service.calls][-2:] == [("DELETE", "/whip/*"), ("DELETE", "/consent")]
    assert page.evaluate("session.state") == "stopped"


def test_another_camera_goes_on_over_the_same_connection(page: Any, service: Scripted) -> None:
    service.consent = "2026-11-24T10:01:10Z"
    page.evaluate(PUBLISH)
    page.evaluate("""async () => {
        const canvas = document.createElement('canvas');
        canvas.width = 640; canvas.height = 480;
        const context = canvas.getContext('2d');
        setInterval(() => {
            context.fillStyle = `hsl(${performance.now() / 10}, 50%, 50%)`;
            context.fillRect(0, 0, 640, 480);
        }, 40);
        await session.replaceStream(canvas.captureStream(25));
    }""")
    until(page, lambda: service.uploads[0].size == (640, 480), "the new picture")
    assert len(service.uploads) == 1


def test_an_event_stream_goes_on_where_it_broke_off(page: Any, service: Scripted) -> None:
    page.evaluate(
        """async (id) => {
        const { VerdictStream } = await import('/sdk/index.js');
        window.verdicts = []; window.states = [];
        const stream = new VerdictStream({ session: id, token: 'VIEWER' });
        stream.addEventListener('verdict', ({ detail }) => verdicts.push(detail.time_s));
        stream.addEventListener('statechange', ({ detail }) => states.push(detail.state));
        stream.open();
    }""",
        service.id,
    )
    until(page, "states.includes('open')")
    service.emit("viewer", "verdict", wire("verdict", time_s=1.0))
    until(page, "verdicts.length === 1")
    service.drop_events()
    until(page, lambda: len(service.last_event_ids) == 2, "a second request")
    service.emit("viewer", "verdict", wire("verdict", time_s=2.0))
    until(page, "verdicts.length === 2")
    assert service.last_event_ids == [None, "2"]
    assert page.evaluate("states") == ["connecting", "open", "interrupted", "open"]


def test_a_token_that_is_no_longer_valid_is_not_tried_again(page: Any, service: Scripted) -> None:
    page.evaluate(
        """async (id) => {
        const { VerdictStream } = await import('/sdk/index.js');
        window.states = [];
        const stream = new VerdictStream({ session: id, token: 'OLD' });
        stream.addEventListener('statechange', ({ detail: { state, error } }) => {
            states.push([state, error?.status ?? null]);
        });
        stream.open();
    }""",
        service.id,
    )
    until(page, "states.length === 2")
    page.wait_for_timeout(1500)
    assert page.evaluate("states") == [["connecting", None], ["closed", 401]]


def test_the_types_hold() -> None:
    compiler = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.is_file():
        pytest.skip("typescript is not installed: run npm ci in web/")
    done = subprocess.run(
        ["node", compiler, "--project", WEB / "tsconfig.json"], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
