"""The report, as a reader meets it: what it says, what it never does, and that it works in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from jinja2 import UndefinedError

from liveness.errors import MediaError
from liveness.review.challenge_view import challenge_views
from liveness.review.report import render_report, write_report

FAMILIES = ("presentation", "injection", "synthesis", "substitution")
JPEG = b"\xff\xd8\xff\xd9"
LOOP = "The movement from 0:00.2 comes back exactly."


class Page(HTMLParser):
    """What a browser makes of a page: elements with their attributes, scripts, and the text that is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._inside = ""
        self._words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside == "style":
            self.styles.append(data)
        else:
            self._words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    @property
    def data(self) -> Any:
        """The JSON that the page carries."""
        return json.loads(self.scripts[0])

    def first(self, tag: str) -> dict[str, str]:
        return next(attributes for name, attributes in self.elements if name == tag)


def point(time_s: float, confidence: float, state: str, family: str = "injection") -> dict[str, Any]:
    rest = 1 - confidence
    return {
        "time_s": time_s,
        "confidence": confidence,
        "interval": [max(0.0, confidence - 0.1), min(1.0, confidence + 0.05)],
        "state": state,
        "families": {name: rest * (0.7 if name == family else 0.1) for name in FAMILIES},
        "coverage": {"presentation": 0.8, "injection": 0.7, "synthesis": 0.6},
    }


def piece(name: str, start_s: float, end_s: float, llr: Mapping[str, float], reason: str) -> dict[str, Any]:
    return {
        "id": f"{name}-{end_s}",
        "signal": name,
        "start_s": start_s,
        "end_s": end_s,
        "value": 1.25,
        "unit": "s",
        "quality": 0.75,
        "llr": dict(llr),
        "reason": reason,
    }


def live(**changes: Any) -> dict[str, Any]:
    """A recording of three seconds that ends live."""
    timeline = [point(index / 4, 0.6 + index * 0.03, "inconclusive" if index < 8 else "live") for index in range(12)]
    review = {
        "schema": "liveness.review/1",
        "file": "interview.webm",
        "sha256": "ab" * 32,
        "duration_s": 3.0,
        "media": {
            "container": "webm",
            "codec": "vp8",
            "width": 160,
            "height": 120,
            "fps": 25.0,
            "has_audio": False,
            "region": None,
            "frames": 75,
            "analysed_frames": 36,
            "damaged": None,
        },
        "verdict": timeline[-1]
        | {
            "not_examined": ["substitution"],
            "reasons": [
                {
                    "signal": "refilmed",
                    "time_s": 2.0,
                    "family": "presentation",
                    "llr": -1.5,
                    "text": "Skin looks like skin.",
                }
            ],
            "missing": {"lips": "There is no sound."},
            "summary": "What was seen speaks clearly neither for a live person nor for an attack.",
            "next_step": None,
            "analysed_fps": 12.0,
            "dropped": 0,
            "received": {"width": 160, "height": 120, "fps": 25.0, "kbit_s": None},
        },
        "timeline": timeline,
        "evidence": [
            piece("refilmed", 0.0, 2.0, {"presentation": -1.5}, "Skin looks like skin."),
            piece("repeats", 0.5, 2.5, {"injection": 0.2, "synthesis": -0.1}, "Nothing comes back."),
        ],
        "events": [{"time_s": 1.0, "kind": "cut", "text": "The picture jumps."}],
        "engine": {
            "version": "0.1.0",
            "calibration": {
                "sha256": "cd" * 32,
                "date": "2026-11-24",
                "corpus_sha256": "ef" * 32,
                "persons": 52,
                "clips": 99,
            },
            "prior": {"bonafide": 0.5} | dict.fromkeys(FAMILIES, 0.125),
            "signals": [
                {"name": name, "title": title, "group": "texture", "families": [family], "unit": "s"}
                for name, title, family in (
                    ("refilmed", "Learnt screens and prints", "presentation"),
                    ("repeats", "Repeats and loops", "injection"),
                    ("lips", "Lips and voice", "synthesis"),
                )
            ],
        },
        "processing": {"seconds": 1.0, "realtime_factor": 3.0},
    }
    return review | changes


def suspect() -> dict[str, Any]:
    """The same, in which a loop is found at two seconds."""
    review = live()
    review["timeline"][8:] = [point(index / 4, 0.04, "suspect") for index in range(8, 12)]
    review["evidence"].append(piece("repeats", 1.5, 2.0, {"injection": 5.0}, LOOP))
    review["verdict"] |= point(2.75, 0.04, "suspect") | {
        "reasons": [
            *review["verdict"]["reasons"],
            {"signal": "repeats", "time_s": 2.0, "family": "injection", "llr": 5.0, "text": LOOP},
        ],
        "next_step": {"challenge": "turn_head", "why": "A recording cannot follow a request."},
    }
    return review


def inconclusive() -> dict[str, Any]:
    """The same, in which no face was to be seen."""
    review = live(evidence=[], timeline=[point(index / 4, 0.5, "inconclusive") for index in range(12)])
    no_face = "No face was found in the picture."
    review["verdict"] |= review["timeline"][-1] | {
        "coverage": {"presentation": 0.0, "injection": 0.3, "synthesis": 0.0},
        "reasons": [],
        "missing": {"refilmed": no_face, "repeats": no_face, "lips": "There is no sound."},
    }
    return review


def page(
    review: Mapping[str, Any], *, video: Path | None = None, thumbnails: Mapping[str, bytes] | None = None
) -> Page:
    return Page("".join(render_report(review, video=video, thumbnails=thumbnails or {})))


def test_a_live_verdict_says_what_it_means_and_what_it_does_not() -> None:
    text = page(live()).text
    assert "Live This looks like a live person in front of a camera." in text
    assert "does not say who the person is" in text
    assert "93 %" in text
    assert "likely between 83 % and 98 %" in text
    assert "not examined: another person" in text
    assert "What to do next" not in text


def test_a_suspect_verdict_names_the_doubt_and_never_convicts() -> None:
    text = page(suspect()).text
    assert "Suspect This may be a recording or a loop, fed in as if it were a camera." in text
    assert "not proof" in text
    assert "turn nobody away" in text
    assert "Ask for one challenge, turn head , in a call. A recording cannot follow a request." in text


def test_a_title_is_not_said_twice_beside_why_it_is_asked() -> None:
    review = suspect()
    review["engine"]["challenges"] = [{"name": "turn_to_profile", "title": "Turn to profile"}]
    review["verdict"]["next_step"] = {"challenge": "turn_to_profile", "why": "Turn to profile: it settles best."}
    assert "Ask for one challenge, Turn to profile , in a call: it settles best." in page(review).text


@pytest.mark.parametrize(
    ("challenge", "parameters", "words"),
    [
        ("lean_in", "back-1", "asked: “Please lean back, then lean in towards the camera, then sit as before.”"),
        ("lean_in", "of_an_older_version", "asked for: of an older version"),
        ("nod", "twice", "asked for: twice"),
    ],
)
def test_what_was_asked_is_told_as_a_sentence(challenge: str, parameters: str, words: str) -> None:
    one = {"challenge": challenge, "parameters": parameters, "time_s": 9.0, "result": "unclear", "reason": "Too dark."}
    view = challenge_views([one | {"answered_s": None, "curve": None}])[0]
    assert view.facts == (words,)


def test_an_inconclusive_verdict_says_why() -> None:
    text = page(inconclusive()).text
    assert "Inconclusive We have seen too little to say." in text
    assert "nothing against the person" in text
    assert "No face was found in the picture." in text
    assert "Nothing could be measured for the question “Is a photo or a screen held before the camera?”" in text
    assert "Seen too little to say" in text


def test_a_recording_that_ended_while_warming_up_is_called_inconclusive() -> None:
    review = live()
    review["verdict"]["state"] = "warming_up"
    assert page(review).first("html")["data-state"] == "inconclusive"


def test_what_keeps_somebody_who_looks_live_from_being_called_so_is_told() -> None:
    review = live()
    review["verdict"] |= {"state": "inconclusive", "summary": "An unsure sign of a face made by a model."}
    assert "An unsure sign of a face made by a model." in page(review).text


def test_reasons_come_strongest_first_with_their_moment_and_strength() -> None:
    shown = page(suspect(), thumbnails={"repeats-2.0": JPEG})
    text = shown.text
    assert text.index(LOOP) < text.index("Skin looks like skin.")
    assert "strongly Recording or loop fed in Repeats and loops: 5.0 nats, about 150 times likelier under" in text
    assert "clearly Photo or screen before the camera" in text
    assert "about 4.5 times likelier for a live person than under this attack" in text
    jumps = [attributes["data-jump"] for tag, attributes in shown.elements if "data-jump" in attributes]
    assert jumps[0] == "2.0"
    picture = "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()
    assert picture in [attributes.get("src") for tag, attributes in shown.elements if tag == "img"]


def test_what_could_not_be_measured_is_listed_once_with_its_signals() -> None:
    text = page(inconclusive()).text
    assert "Learnt screens and prints, Repeats and loops No face was found in the picture." in text
    review = live()
    review["verdict"]["missing"] = {}
    assert "Every signal could be measured." in page(review).text


def test_a_damaged_file_is_said_beside_the_verdict() -> None:
    review = live()
    review["media"]["damaged"] = "The last 0.4 s are damaged."
    assert "Part of the file could not be read. The last 0.4 s are damaged." in page(review).text


def test_hostile_texts_stay_text_and_the_data_survive_the_page() -> None:
    attack = "</script><script>alert(1)</script><!--"
    review = suspect() | {"file": attack + "\u202egpj.exe"}
    review["verdict"]["reasons"][0]["text"] = attack
    review["verdict"]["next_step"]["why"] = "'\"><img src=x onerror=alert(2)>"
    shown = page(review)
    assert len(shown.scripts) == 3
    assert shown.data == review
    assert "alert(1)" in shown.text
    assert "\\u202egpj.exe" in shown.text
    assert not [name for _, attributes in shown.elements for name in attributes if name.startswith("on")]


def test_numbers_that_json_cannot_hold_become_null() -> None:
    review = live()
    review["evidence"][0]["value"] = float("nan")
    assert page(review).data["evidence"][0]["value"] is None


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    shown = page(suspect(), video=fake_mp4(tmp_path / "a.mp4"), thumbnails={"repeats-2.0": JPEG})
    addresses = [
        value
        for _, attributes in shown.elements
        for name, value in attributes.items()
        if name in {"src", "href", "poster", "srcset", "data", "action"}
    ]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert set(re.findall(r"https?://[^\s\"'<>)]+", shown.html)) == {"https://github.com/leeoniya/uPlot"}
    assert "Copyright (c) 2022 Leon Sorokin" in shown.scripts[1]
    assert not re.search(r"@import|url\(", "".join(shown.styles))


def test_only_the_scripts_and_styles_of_the_page_may_run() -> None:
    shown = page(live())
    policy = next(attributes["content"] for tag, attributes in shown.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for text in (*shown.scripts[1:], *shown.styles):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def fake_mp4(path: Path, size: int = 2_000_000) -> Path:
    """A file that begins like MP4; larger than what is read at a time."""
    path.write_bytes(b"\x00\x00\x00\x20ftypisom" + np.random.default_rng(1).bytes(size))
    return path


def test_the_recording_is_embedded_byte_for_byte(tmp_path: Path) -> None:
    video = fake_mp4(tmp_path / "a.mp4")
    write_report(tmp_path / "report.html", live(), video=video, thumbnails={})
    source = Page((tmp_path / "report.html").read_text()).first("video")["src"]
    kind, _, content = source.partition(",")
    assert kind == "data:video/mp4;base64"
    assert base64.b64decode(content) == video.read_bytes()


def test_a_recording_over_the_limit_is_linked_by_a_relative_path(tmp_path: Path) -> None:
    video = fake_mp4(tmp_path / "50 % a#b?c.mp4")
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "report.html"
    write_report(target, live(), video=video, thumbnails={}, embed_limit=1_000_000)
    shown = Page(target.read_text())
    assert shown.first("video")["src"] == "./../50%20%25%20a%23b%3Fc.mp4"
    assert "The recording (2 MB) is too large to be part of this page." in shown.text


def test_what_browsers_cannot_play_is_left_out_and_said(tmp_path: Path) -> None:
    video = tmp_path / "a.avi"
    video.write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST")
    shown = page(live(), video=video)
    assert "Browsers cannot play this kind of file" in shown.text
    assert "video" not in {tag for tag, _ in shown.elements}


def test_a_recording_that_is_not_there_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4 cannot be shown"):
        write_report(tmp_path / "report.html", live(), video=tmp_path / "gone.mp4", thumbnails={})
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_fails_halfway_leaves_the_older_one_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("older")
    broken = live()
    del broken["processing"]
    with pytest.raises(UndefinedError, match="processing"):
        write_report(target, broken, video=None, thumbnails={})
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]


def test_ten_seconds_in_three_hours_stay_visible_in_a_table_that_stays_readable() -> None:
    review = suspect() | {"duration_s": 10_800.0}
    review["timeline"] = [
        point(
            float(second),
            0.05 if 6000 <= second < 6010 else 0.97,
            "suspect" if 6000 <= second < 6010 else "live",
        )
        for second in range(10_800)
    ]
    shown = page(review)
    assert "live for 2 h 59 min, suspect for 10.0 s" in shown.text
    assert re.search(r"1:40:0\d suspect 5 %", shown.text)
    assert shown.html.count("<tr>") < 400
    assert len(shown.data["timeline"]) == 10_800


def test_an_uncalibrated_engine_and_an_empty_timeline_can_be_reported() -> None:
    review = live(timeline=[], evidence=[], events=[])
    review["engine"] |= {"calibration": None, "prior": None}
    assert "There is no timeline." in page(review).text


# --- in a browser

LAUNCHER = Path(__file__).parents[1] / "web" / "chromium.sh"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="install Chromium: apt-get install chromium")


def moving_clip(path: Path) -> Path:
    """Three seconds of the public-domain portrait that scikit-image ships, moved to and fro."""
    from skimage import data

    portrait = data.astronaut()  # type: ignore[no-untyped-call]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=25, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(75):
            left = int(150 + 50 * np.sin(index / 6))
            picture = np.ascontiguousarray(portrait[40:280:2, left : left + 320 : 2])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The report of a suspect recording, open in Chromium, with all that went wrong or over the network."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("report")
    video = moving_clip(folder / "interview.webm")
    write_report(folder / "report.html", suspect(), video=video, thumbnails={})
    video.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=LAUNCHER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        view = browser.new_page(viewport={"width": 1280, "height": 900})
        complaints: list[str] = []
        view.on("console", lambda message: complaints.append(message.text))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.on(
            "request",
            lambda request: None if re.match("file:|data:|blob:", request.url) else complaints.append(request.url),
        )
        view.goto((folder / "report.html").as_uri())
        until(view, "document.getElementById('video').src.startsWith('blob:')")
        yield view
        assert complaints == []
        browser.close()


def until(view: Any, condition: str) -> None:
    """Wait for a condition; Playwright's own waiting evaluates text in the page, which the policy forbids."""
    for _ in range(200):
        if view.evaluate(condition):
            return
        view.wait_for_timeout(50)
    pytest.fail(f"waited ten seconds in vain for: {condition}")


def playhead_s(view: Any) -> float:
    """Where the shared cursor stands, in seconds, told from its place over the charts."""
    place = """() => {
        const over = document.querySelector('#stack .u-over').getBoundingClientRect();
        const head = document.querySelector('.playhead').getBoundingClientRect();
        return (head.left + head.width / 2 - over.left) / over.width * 3;
    }"""
    return float(view.evaluate(place))


def video_s(view: Any) -> float:
    return float(view.evaluate("document.getElementById('video').currentTime"))


@pytest.mark.browser
@needs_chromium
def test_a_reason_takes_the_video_and_the_cursor_to_its_moment(opened: Any) -> None:
    opened.get_by_role("button", name="Show 0:02.0").first.click()
    assert video_s(opened) == pytest.approx(2.0, abs=0.01)
    assert playhead_s(opened) == pytest.approx(2.0, abs=0.02)


@pytest.mark.browser
@needs_chromium
def test_the_keyboard_moves_the_video_and_says_where_it_is(opened: Any) -> None:
    timeline = opened.get_by_role("slider", name="Position in the recording")
    timeline.focus()
    timeline.press("Home")
    assert video_s(opened) == 0
    timeline.press("ArrowRight")
    assert video_s(opened) == pytest.approx(0.5, abs=0.01)
    assert playhead_s(opened) == pytest.approx(0.5, abs=0.02)
    timeline.press("n")
    assert video_s(opened) == pytest.approx(1.0, abs=0.01)
    timeline.press("n")
    assert timeline.get_attribute("aria-valuetext") == "0:02.0, confidence 4 %, suspect"


@pytest.mark.browser
@needs_chromium
def test_a_click_in_a_signals_row_jumps_and_a_drag_zooms(opened: Any) -> None:
    row = opened.locator("#stack .u-over").last
    row.scroll_into_view_if_needed()
    box = row.bounding_box()
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert video_s(opened) == pytest.approx(1.5, abs=0.05)
    opened.mouse.move(box["x"] + box["width"] / 3, box["y"] + 5)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 9, steps=4)
    opened.mouse.up()
    assert video_s(opened) == pytest.approx(1.5, abs=0.05)
    opened.mouse.click(box["x"] + 1, box["y"] + box["height"] / 2)
    assert video_s(opened) == pytest.approx(1.0, abs=0.05)
    opened.get_by_role("button", name="Whole").click()
    assert playhead_s(opened) == pytest.approx(1.0, abs=0.05)


@pytest.mark.browser
@needs_chromium
def test_the_cursor_moves_with_the_playing_video(opened: Any) -> None:
    timeline = opened.get_by_role("slider", name="Position in the recording")
    timeline.focus()
    timeline.press("Home")
    timeline.press(" ")
    until(opened, "document.getElementById('video').currentTime > 0.6")
    timeline.press(" ")
    until(opened, "document.getElementById('video').paused")
    assert video_s(opened) > 0.6
    assert playhead_s(opened) == pytest.approx(video_s(opened), abs=0.1)


@pytest.mark.browser
@needs_chromium
def test_the_data_can_be_saved(opened: Any) -> None:
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Data (JSON)").click()
    assert download.value.suggested_filename == "interview.webm.liveness.json"
    assert json.loads(Path(download.value.path()).read_text()) == suspect()


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("width", [320, 1600])
def test_nothing_is_cut_off_at_any_width(opened: Any, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    opened.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
