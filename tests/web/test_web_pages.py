"""The pages, as the two people use them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import chromium, needs_chromium, opened, see, until, violations
from scripted import Scripted, wire

from liveness.service.consent import TEXTS

pytestmark = [pytest.mark.browser, needs_chromium]

GIVEN = "2026-11-24T10:01:10Z"
WIDTHS = (320, 768, 1280)
SUSPECT = {
    "state": "suspect",
    "confidence": 0.08,
    "interval": [0.04, 0.17],
    "summary": "There are signs of a recording or a loop. This alone proves nothing.",
    "families": {"presentation": 0.05, "injection": 0.78, "synthesis": 0.05, "substitution": 0.04},
    "reasons": [{"signal": "loops", "time_s": 30.0, "family": "injection", "llr": 4.2, "text": "A stretch repeats."}],
    "next_step": {"challenge": "show_fingers", "why": "A recording cannot answer."},
}
INCONCLUSIVE = {
    "state": "inconclusive",
    "confidence": 0.55,
    "interval": [0.38, 0.66],
    "summary": "We have seen too little to say whether a live person is there.",
    "coverage": {"presentation": 0.7, "injection": 0.6, "synthesis": 0.22},
}
WARMING = {
    "state": "warming_up",
    "confidence": 0.5,
    "interval": [0.2, 0.8],
    "reasons": [],
    "coverage": {},
    "next_step": None,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as running:
        yield running


def verdicts(service: Scripted, start_s: int, count: int, **changes: Any) -> None:
    service.await_listener("viewer")
    for index in range(count):
        service.emit("viewer", "verdict", wire("verdict", time_s=float(start_s + index), **changes), keep=True)


def paths(service: Scripted, role: str) -> set[str]:
    return {path for who, _, path in service.calls if who == role}


def assert_fits(page: Any) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 860})


def assert_accessible(page: Any) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_timeout(100)
        assert violations(page) == []


def to_devices(page: Any) -> None:
    page.get_by_role("button", name="Agree to the check").click()
    until(page, "!document.getElementById('join').disabled", "the camera")


def to_call(page: Any) -> None:
    to_devices(page)
    page.get_by_role("button", name="Join the call").click()


def to_join_again(page: Any) -> None:
    until(page, "!document.getElementById('join').disabled", "the camera")
    page.get_by_role("button", name="Join the call").click()


# --- the candidate


def test_a_candidate_agrees_talks_and_stops_the_check(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        see(page, "The interviewer sees what it finds; a person decides.")
        assert paths(service, "publisher") <= {"/", "/events"}
        to_devices(page)
        see(page, "You agreed. The check starts with the call.")
        page.get_by_role("button", name="Join the call").click()
        see(page, "A check is running")
        until(page, lambda: service.uploads[0].frames > 5, "frames")
        page.get_by_role("button", name="Stop the check").click()
        see(page, "The check is stopped. Nothing is looked at any more.")
        until(page, lambda: service.state == "withdrawn", "the withdrawal")
        assert service.uploads[0].deleted
        see(page, "Waiting for the interviewer")


def test_a_candidate_may_talk_without_the_check(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page, opened(browser, service.interviewer) as other:
        page.get_by_role("button", name="Talk without the check").click()
        see(page, "No check is running.")
        see(other, "The candidate talks without the check.")
        until(page, "!document.getElementById('join').disabled", "the camera")
        page.get_by_role("button", name="Join the call").click()
        until(other, "document.getElementById('remote').videoWidth > 0", "the candidate's picture")
        assert "/whip" not in paths(service, "publisher")


def test_the_two_choices_weigh_the_same(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        see(page, "Agree to the check")
        looks = [
            page.get_by_role("button", name=name).evaluate(
                "(node) => { const { color, backgroundColor, borderColor, fontSize } = getComputedStyle(node);"
                " return [color, backgroundColor, borderColor, fontSize, Math.round(node.offsetWidth)]; }"
            )
            for name in ("Agree to the check", "Talk without the check")
        ]
        assert looks[0] == looks[1]


def test_the_candidate_is_never_sent_a_score(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page, opened(browser, service.interviewer) as other:
        to_call(page)
        until(other, "document.getElementById('remote').videoWidth > 0", "the candidate's picture")
        verdicts(service, 0, 5)
        service.emit("viewer", "link", wire("link"), keep=True)
        see(other, "Looks live")
        page.wait_for_timeout(500)
        said = " ".join(service.said["publisher"]).lower()
        for word in ("confidence", "verdict", "suspect", "inconclusive", "families", "posterior", '"live"'):
            assert word not in said
        assert "confidence" not in page.content().lower()
        assert paths(service, "publisher") <= {"/", "/consent", "/whip", "/events", "/reports"}


def test_the_camera_off_is_off_for_the_check_too(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        to_call(page)
        see(page, "A check is running")
        page.get_by_role("button", name="Stop camera").click()
        button = page.get_by_role("button", name="Camera is off")
        assert button.get_attribute("aria-pressed") == "true"
        off = "document.querySelector('liveness-check').check"
        assert page.evaluate(f"{off}.state") == "connected"
        until(
            page, lambda: page.evaluate("document.getElementById('own').srcObject.getVideoTracks()[0].enabled") is False
        )


TROUBLE = """navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('%s', '%s'));"""


@pytest.mark.parametrize(
    ("name", "message", "words", "todo"),
    [
        ("NotAllowedError", "Permission denied", "The browser may not use camera and microphone.", "choose “Allow”"),
        (
            "NotAllowedError",
            "Permission denied by system",
            "Your computer does not let the browser",
            "privacy settings",
        ),
        ("NotFoundError", "", "No camera and microphone was found.", "Plug it in"),
        ("NotReadableError", "", "Another program is using your camera", "Close other video calls"),
        ("SecurityError", "", "This page may not use a camera.", "https"),
    ],
)
def test_camera_trouble_is_said_with_what_to_do(
    browser: Any, service: Scripted, name: str, message: str, words: str, todo: str
) -> None:
    with opened(browser, service.candidate, prelude=TROUBLE % (message, name)) as page:
        page.get_by_role("button", name="Agree to the check").click()
        see(page, words)
        see(page, todo)
        assert page.get_by_role("button", name="Join the call").is_disabled()
        assert page.get_by_role("button", name="Try again").is_visible()


def test_without_a_camera_one_can_still_talk(browser: Any, service: Scripted) -> None:
    prelude = """const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (wanted) => wanted.video
            ? Promise.reject(new DOMException('', 'NotFoundError')) : real(wanted);"""
    with opened(browser, service.candidate, prelude=prelude) as page:
        page.get_by_role("button", name="Talk without the check").click()
        page.get_by_role("button", name="Go on with sound only").click()
        until(page, "!document.getElementById('join').disabled", "the microphone")
        page.get_by_role("button", name="Join the call").click()
        see(page, "Waiting for the interviewer")


def test_an_unplugged_camera_is_told_and_replaced(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        to_call(page)
        see(page, "A check is running")
        page.evaluate("document.getElementById('own').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
        see(page, "Your camera is gone.")
        page.get_by_role("button", name="Start the camera").click()
        until(page, "document.getElementById('banner').hidden", "the banner to go")
        frames = service.uploads[0].frames
        until(page, lambda: service.uploads[0].frames > frames + 5, "frames of the new camera")
        assert len(service.uploads) == 1


@pytest.mark.parametrize(
    ("light", "advice"),
    [
        ([20, 20, 20], "It is dark: turn on a lamp in front of you."),
        ([60, 240, 40], "The light is behind you: turn so that the window or the lamp is in front of you."),
        ([240, 240, 40], "It is very bright: turn away from direct light."),
        ([120, 130, 0], "The picture is flat: wipe the lens, or add some light from the front."),
        ([110, 130, 40], "The light is good."),
        ([45, 150, 25], "The light is good."),
    ],
    ids=["dark", "backlit", "glaring", "flat", "good", "dark skin in a bright room"],
)
def test_the_light_is_judged_by_the_room_and_not_by_the_skin(
    browser: Any, service: Scripted, light: list[int], advice: str
) -> None:
    face, around, spread = light
    code = """async ([face, around, spread]) => {
        const { measureLight, adviseLight } = await import('/pages/guidance.js');
        const [width, height] = [160, 90], pixels = new Uint8ClampedArray(4 * width * height);
        for (let index = 0; index < width * height; index += 1) {
            const dx = ((index % width) / width - 0.5) / 0.16, dy = (Math.floor(index / width) / height - 0.48) / 0.36;
            const inside = dx * dx + dy * dy < 1;
            const luma = (inside ? face : around) + (index % 2 ? spread : -spread) * (inside ? 1 : 0.2);
            pixels.fill(luma, 4 * index, 4 * index + 3);
        }
        return adviseLight(measureLight(pixels, width, height)).text;
    }"""
    with opened(browser, f"{service.url}/candidate") as page:
        assert page.evaluate(code, [face, around, spread]) == advice


def test_an_interview_that_is_over_before_the_call_is_told(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        to_devices(page)
        service.change("ended")
        see(page, "The call has ended")
        assert page.evaluate(
            "document.getElementById('preview').srcObject.getTracks().every((t) => t.readyState === 'ended')"
        )


def test_a_candidate_with_a_bad_link_is_told_so(browser: Any, service: Scripted) -> None:
    for url in (f"{service.url}/candidate", f"{service.url}/candidate#s=x&t=OLD"):
        with opened(browser, url) as page:
            see(page, "This link does not work")


def test_the_call_ends_for_the_candidate_when_the_interviewer_ends_it(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page, opened(browser, service.interviewer) as other:
        to_call(page)
        see(page, "A check is running")
        other.get_by_role("button", name="End the call").click()
        other.get_by_role("dialog").get_by_role("button", name="End the call").click()
        see(page, "The call has ended")
        assert page.evaluate(
            "document.getElementById('own').srcObject.getTracks().every((t) => t.readyState === 'ended')"
        )
        see(other, "The report says what was seen")
        with other.context.expect_page() as report:
            other.get_by_role("button", name="Open the report").click()
        assert report.value.url.startswith("blob:")
        with other.expect_download() as download:
            other.get_by_role("button", name="Save it as a file").click()
        assert download.value.suggested_filename == f"liveness-report-{service.id}.html"


def test_the_candidates_way_by_keyboard_alone(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        see(page, "Agree to the check")
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        until(page, "!document.getElementById('join').disabled", "the camera")
        for _ in range(12):
            if page.evaluate("document.activeElement.id") == "join":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        see(page, "A check is running")


# --- the two


def test_the_two_see_each_other_when_the_interviewer_wants_it(browser: Any, service: Scripted) -> None:
    with opened(browser, service.interviewer) as other, opened(browser, service.candidate) as page:
        to_call(page)
        until(other, "document.getElementById('remote').videoWidth > 0", "the candidate's picture")
        assert other.evaluate("document.getElementById('remote').srcObject.getAudioTracks().length") == 1
        assert page.evaluate("document.getElementById('remote').videoWidth") == 0
        see(other, "You are only watching: unseen and unheard.")
        other.get_by_role("button", name="Join with camera").click()
        until(page, "document.getElementById('remote').videoWidth > 0", "the interviewer's picture")
        assert other.evaluate("document.getElementById('remote').videoHeight") <= 360
        assert service.uploads[0].size == (1280, 720)
        see(other, "The candidate sees and hears you.")
        other.get_by_role("button", name="Mute").click()
        see(other, "The candidate sees you and does not hear you.")
        other.get_by_role("button", name="Stop camera").click()
        see(other, "The candidate neither sees nor hears you.")


def read_out(page: Any) -> str:
    """Return what a screen reader is given of the other's picture; the node must be there before its text changes."""
    node = page.locator("#remote-live[role=status]")
    assert node.evaluate("(node) => node.checkVisibility() && !node.closest('[hidden]')")
    return str(node.text_content())


def test_a_camera_that_is_switched_off_is_told_in_place_of_a_black_picture(browser: Any, service: Scripted) -> None:
    with opened(browser, service.interviewer) as other, opened(browser, service.candidate) as page:
        to_call(page)
        other.get_by_role("button", name="Join with camera").click()
        for own, across, words in (
            (other, page, "The interviewer’s camera is off"),
            (page, other, "The candidate’s camera is off"),
        ):
            until(across, "document.getElementById('remote-waiting').hidden", "the picture")
            until(across, "document.getElementById('remote-live').textContent.endsWith('is there.')", "it is told")
            own.get_by_role("button", name="Stop camera").click()
            see(across, words)
            assert read_out(across) == f"{words}. The call goes on. The picture appears here when they turn it on."
            own.get_by_role("button", name="Camera is off").click()
            until(across, "document.getElementById('remote-waiting').hidden", "the picture again")
            assert read_out(across).endswith("picture is there.")
        other.get_by_role("button", name="Stop camera").click()
        see(page, "The interviewer’s camera is off")
        page.reload()
        to_join_again(page)
        see(page, "The interviewer’s camera is off")


def test_the_call_begins_anew_when_the_candidate_reloads(browser: Any, service: Scripted) -> None:
    with opened(browser, service.interviewer) as other, opened(browser, service.candidate) as page:
        to_call(page)
        until(other, "document.getElementById('remote').videoWidth > 0", "the candidate's picture")
        page.reload()
        to_join_again(page)
        other.evaluate("window.first = document.getElementById('remote').srcObject.id")
        until(
            other,
            "document.getElementById('remote').srcObject.getVideoTracks()[0]?.muted === false"
            " && document.getElementById('remote').videoWidth > 0",
            "the picture again",
        )
        until(page, lambda: len(service.uploads) == 2 and service.uploads[1].frames > 3, "the check again")


# --- the interviewer


def state_words(page: Any) -> str:
    return str(
        page.evaluate("document.querySelector('liveness-verdict').shadowRoot.querySelector('.state').textContent")
    )


def test_the_states_are_said_in_words(browser: Any, service: Scripted) -> None:
    service.consent = GIVEN
    service.state = "consented"
    with opened(browser, service.interviewer) as page:
        see(page, "The candidate agreed. The check starts with the call.")
        service.change("checking")
        verdicts(service, 0, 3, **WARMING)
        see(page, "Watching for a few seconds.")
        verdicts(service, 3, 4, **INCONCLUSIVE)
        until(page, lambda: state_words(page) == "Cannot tell yet")
        see(page, "We have seen too little to say whether a live person is there.")
        verdicts(service, 7, 4)
        until(page, lambda: state_words(page) == "Looks live")
        verdicts(service, 11, 4, **SUSPECT)
        until(page, lambda: state_words(page) == "Look closer")
        see(page, "Next step")
        see(page, "A number of fingers")
        see(page, "fingers up beside your face?")
        shown = page.evaluate("document.querySelector('liveness-verdict').shadowRoot.textContent").lower()
        for word in ("fraud", "fake", "attack", "cheat", "suspect"):
            assert word not in shown


def test_a_flicker_is_not_shown(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 5)
        until(page, lambda: state_words(page) == "Looks live")
        page.evaluate("""() => {
            window.states = [];
            document.addEventListener('liveness-state', ({ detail }) => states.push(detail.state));
        }""")
        for at in range(5, 25, 2):
            verdicts(service, at, 1, **SUSPECT)
            verdicts(service, at + 1, 1)
        page.wait_for_timeout(700)
        assert page.evaluate("states") == []


def test_a_state_never_stands_beside_the_figure_of_another(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        until(page, lambda: state_words(page) != "Connecting")
        rest = page.locator("liveness-verdict .rest")
        assert rest.is_hidden()
        verdicts(service, 0, 5)
        until(page, lambda: state_words(page) == "Looks live")
        assert rest.is_visible()
        figure = page.locator("liveness-verdict .figure")
        before = figure.text_content()
        verdicts(service, 5, 1, **SUSPECT)
        page.wait_for_timeout(500)
        assert (state_words(page), figure.text_content()) == ("Looks live", before)
        verdicts(service, 6, 3, **SUSPECT)
        until(page, lambda: state_words(page) == "Look closer")
        see(page, re.compile(r"^8\s%$"))
        service.change("ended")
        see(page, "At the end of the check: Look closer.")


def test_only_what_lasts_is_read_out(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        see(page, "Watching for a few seconds.")
        page.evaluate("""() => {
            window.readOut = [];
            const live = document.querySelector('liveness-verdict').shadowRoot.querySelector('[role=status]');
            new MutationObserver(() => readOut.push(live.textContent)).observe(live, { childList: true });
        }""")
        verdicts(service, 0, 3)
        page.wait_for_timeout(300)
        verdicts(service, 3, 4, **SUSPECT)
        until(page, "readOut.length === 1")
        page.wait_for_timeout(1000)
        (said,) = page.evaluate("readOut")
        assert said.startswith("Look closer. Ask one more thing.")


def test_a_doubt_is_read_out_with_what_it_is_about(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 5, **DOUBTED)
        live = "document.querySelector('liveness-verdict').shadowRoot.querySelector('[role=status]').textContent"
        said = until(page, live, "what is read out")
        assert said.startswith("Cannot tell yet. What was seen looks like a live person, but there is an unsure sign")
        assert said.endswith("To be surer, ask one more thing: Changing light on their page.")


def answers(page: Any) -> list[tuple[str, bool]]:
    """Return what is answered to each of the four questions, and whether it is marked as a sign."""
    found = page.evaluate(
        "[...document.querySelector('liveness-verdict').shadowRoot.querySelectorAll('.question')]"
        ".map((row) => [row.querySelector('strong').textContent, row.classList.contains('signs')])"
    )
    return [(words, signs) for words, signs in found]


def test_too_little_seen_is_said_for_each_question(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 5, **INCONCLUSIVE)
        see(page, "22 % of what can be seen")
        assert [words for words, _ in answers(page)] == [
            "No clear sign of it",
            "No clear sign of it",
            "We have seen too little to say",
            "Not examined",
        ]


def test_the_question_that_is_doubted_says_so(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 5, **DOUBTED)
        see(page, "An unsure sign of it: a challenge settles it")
        # It is no suspicion, and of the others nothing is said that was not said before.
        assert answers(page) == [
            ("No clear sign of it", False),
            ("No clear sign of it", False),
            ("An unsure sign of it: a challenge settles it", False),
            ("Not examined", False),
        ]
        verdicts(service, 5, 5, **SUSPECT)
        see(page, "Signs of it: look closer")
        assert [signs for _, signs in answers(page)] == [False, True, False, False]


def test_a_lost_picture_is_no_suspicion(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 5, **SUSPECT)
        until(page, lambda: state_words(page) == "Look closer")
        service.change("interrupted")
        see(page, "This says nothing about the person.")
        assert state_words(page) == "No picture"
        see(page, "Confidence before the picture was lost")
        see(page, "Nothing new for", 10)


def traces(page: Any) -> str:
    """Return all that the verdict's element holds in attributes, but for the drawing of its icons."""
    return str(
        page.evaluate("""() => {
            const { shadowRoot } = document.querySelector('liveness-verdict');
            const all = [...shadowRoot.querySelectorAll('*:not(svg[aria-hidden] *)')];
            return all.flatMap((node) => [...node.attributes].map(({ name, value }) => `${name}=${value}`)).join(' | ');
        }""")
    )


def test_what_was_seen_is_gone_once_the_candidate_takes_consent_back(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 5)
        service.emit("viewer", "link", wire("link"), keep=True)
        service.emit("viewer", "notice", wire("notice"))
        see(page, "Nose and ears shift against each other as the head moves, as in a solid head.")
        see(page, "A second face is in the picture; it is not scored.")
        status = "document.querySelector('liveness-verdict').shadowRoot.querySelector('[role=status]').textContent"
        until(page, f"{status}.startsWith('Looks live')", "the state to be read out")
        assert "69" in traces(page)
        service.change("withdrawn")
        see(page, "What had been seen until then is erased here, and is being erased on the server.")
        assert page.evaluate(status) == ""
        assert "69" not in traces(page)
        service.erase()
        see(page, "What had been seen until then is erased, on the server and here.")
        # What was on its way then is not shown either.
        verdicts(service, 5, 3, **SUSPECT)
        service.emit("viewer", "notice", wire("notice", text="A late one."))
        page.wait_for_timeout(2500)
        assert state_words(page) == "No check"
        shown = page.evaluate("document.querySelector('liveness-verdict').shadowRoot.textContent")
        for gone in ("Nose and ears", "A second face", "A stretch repeats", "A late one", "69", "2410"):
            assert gone not in shown
            assert gone not in traces(page)
        assert page.get_by_role("button", name="Report so far").is_hidden()
        assert_fits(page)
        assert_accessible(page)
        service.emit("viewer", "session", service.view("viewer") | {"state": "ended", "reason": "withdrawn"})
        see(page, "There is no report, since the candidate talked without the check.")
        see(page, "The candidate talked without the check.")
        assert page.get_by_role("button", name="Open the report").is_hidden()
        assert page.get_by_text("At the end of the check").filter(visible=True).count() == 0


def test_a_reason_points_the_way_that_it_moves_the_figure(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    more: Any = SUSPECT["reasons"]
    reasons = wire("verdict")["reasons"] + more
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 3, reasons=reasons)
        see(page, "A stretch repeats.")
        found = page.evaluate("""() => {
            const { shadowRoot } = document.querySelector('liveness-verdict');
            const tip = (node) => node.querySelector('path').getAttribute('d').startsWith('M24 8');
            const reasons = [...shadowRoot.querySelectorAll('.reason')];
            return reasons.map((node) => [node.querySelector('p').textContent, tip(node)]);
        }""")
        assert found == [[one["text"], one["llr"] < 0] for one in reasons]


PROFILE = {"next_step": {"challenge": "turn_to_profile", "why": "Turn to profile: it settles best which."}}
DOUBTED = INCONCLUSIVE | {
    "confidence": 0.73,
    "interval": [0.71, 0.75],
    "coverage": {"presentation": 1.0, "injection": 1.0, "synthesis": 0.84},
    "doubted": "synthesis",
    "doubts": {"animation": 0.9},
    "summary": "What was seen looks like a live person, but there is an unsure sign of a face made or changed by a "
    "model: the eyes do not leap from place to place, as in an animated photograph, though somebody who stares looks "
    "so as well. It does not change the percentage; a challenge settles it.",
    "next_step": {"challenge": "light_code", "why": "Changing light: it settles best whether this is a made face."},
}


PLACES = """(parts) => {
    const place = (node) => node?.getBoundingClientRect().toJSON() ?? { height: 0 };
    const within = (host, part) => place(document.querySelector(host).shadowRoot.querySelector(part));
    return {
        ...Object.fromEntries(parts.map((part) => [part, within("liveness-verdict", part)])),
        "the question": within("liveness-challenges", "button.main"),
        bar: place(document.querySelector(".controls")),
    };
}"""
"""Where parts of the verdict, the question to ask and the bar at the foot stand in the window."""


@pytest.mark.parametrize(
    "changes",
    [{"next_step": None}, INCONCLUSIVE | PROFILE, DOUBTED, SUSPECT | PROFILE],
    ids=["live", "inconclusive", "doubted", "suspect"],
)
def test_a_small_telephone_shows_the_verdict_a_reason_and_the_next_step(
    browser: Any, service: Scripted, changes: dict[str, Any]
) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        page.set_viewport_size({"width": 320, "height": 700})
        verdicts(service, 0, 5, **changes)
        page.get_by_role("button", name="Ask: ").wait_for()
        page.locator("liveness-verdict .key .reason").first.wait_for()
        # All in one look: the lists are written anew now and then, and what is gone has no place.
        seen = page.evaluate(PLACES, [".state", ".headline", ".figure", ".key .reason"])
        bar = seen.pop("bar")["top"]
        for part, place in seen.items():
            assert place["height"] > 0, part
            assert place["top"] >= 0, part
            assert place["bottom"] <= bar, part
        assert violations(page) == []
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.localName") == "liveness-challenges":
                break
        assert page.evaluate("document.activeElement.localName") == "liveness-challenges"


def test_a_lost_event_stream_is_told_and_comes_back(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 2)
        until(page, lambda: state_words(page) == "Looks live")
        page.context.set_offline(True)
        see(page, "The connection to the checking server is lost.")
        page.context.set_offline(False)
        until(page, "document.getElementById('banner').hidden", "the banner to go", 20)


def test_the_timeline_is_told_in_words(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 10, **INCONCLUSIVE)
        verdicts(service, 10, 31)
        # How long the newest state has lasted grows while the test waits.
        see(page, re.compile(r"Looks live \d+ s.*Confidence between 55\s% and 69\s%\."))
        see(page, re.compile(r"Cannot tell yet 10 s"))


def test_the_link_is_told_in_words_with_numbers_on_demand(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        service.emit("viewer", "link", wire("link"), keep=True)
        see(page, "Good picture")
        see(page, "1280 × 720, 30 frames a second")
        assert page.get_by_text("2410 kbit/s").is_hidden()
        page.locator("summary", has_text="Numbers").click()
        for text in ("2410 kbit/s", "0.4 %", "41 ms, 77 ms"):
            see(page, text)


def test_a_second_face_is_a_notice(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 2)
        until(page, lambda: state_words(page) == "Looks live")
        for time_s in (9.0, 12.0, 15.0):
            service.emit("viewer", "notice", wire("notice", time_s=time_s))
        see(page, "A second face is in the picture; it is not scored.")
        see(page, "(3 times)")
        assert page.get_by_text("A second face").count() == 1


def test_both_languages_say_the_same_things(browser: Any, service: Scripted) -> None:
    code = """async () => {
        const { LANGUAGES } = await import('/elements/texts/index.js');
        const keys = (value, path = '') => typeof value === 'object' && value !== null
            ? Object.entries(value).flatMap(([name, inner]) => keys(inner, `${path}.${name}`))
            : [`${path}:${typeof value}`];
        return Object.values(LANGUAGES).map((texts) => keys(texts).sort());
    }"""
    with opened(browser, f"{service.url}/candidate") as page:
        english, german = page.evaluate(code)
        assert english == german
        page.evaluate(
            """async () => {
            const element = document.createElement('liveness-verdict');
            element.lang = 'de';
            document.body.append(element);
            const { parseVerdict } = await import('/sdk/wire.js');
            element.showVerdict(parseVerdict(VERDICT));
        }""".replace("VERDICT", json.dumps(wire("verdict")))
        )
        see(page, "Sieht lebendig aus")


def test_the_text_of_the_check_is_the_services_own_and_can_be_read_in_german(browser: Any, service: Scripted) -> None:
    code = """async () => {
        const { LANGUAGES } = await import('/elements/texts/index.js');
        return LANGUAGES.en.check.texts;
    }"""
    with opened(browser, service.candidate) as page:
        assert page.evaluate(code) == {version: list(text) for version, text in TEXTS.items()}
        see(page, "You can stop the check at any time; the conversation goes on without it.")
        page.evaluate(
            """([server, id]) => {
            const element = document.createElement('liveness-check');
            const attributes = { lang: 'de', server, session: id, token: 'PUBLISHER' };
            for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
            document.body.prepend(element);
        }""",
            [service.url, service.id],
        )
        see(page, "Sie können die Prüfung jederzeit beenden; das Gespräch geht ohne sie weiter.")


def test_the_element_follows_a_session_by_its_attributes_alone(browser: Any, service: Scripted) -> None:
    service.state = "checking"
    with opened(browser, f"{service.url}/candidate") as page:
        page.evaluate(
            """async ([server, id]) => {
            const element = document.createElement('liveness-verdict');
            const attributes = { server, session: id, token: 'VIEWER' };
            for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
            document.body.append(element);
        }""",
            [service.url, service.id],
        )
        until(page, "document.querySelector('liveness-verdict').getAttribute('connection') === 'open'")
        verdicts(service, 0, 3)
        until(page, "document.querySelector('liveness-verdict').getAttribute('state') === 'live'")
        page.evaluate("document.querySelector('liveness-verdict').setAttribute('token', 'OLD')")
        until(page, "document.querySelector('liveness-verdict').getAttribute('state') === 'refused'")


# --- the start


def test_an_interview_is_made_and_its_links_are_copied(browser: Any, service: Scripted) -> None:
    with opened(browser, service.start, permissions=["clipboard-read", "clipboard-write"]) as page:
        see(page, "Support engineer, Lisbon")
        assert "lk_KEY" not in page.url
        page.get_by_label("What is this interview called?").fill("Backend engineer")
        page.get_by_role("button", name="Make an interview").click()
        see(page, "Ready: Backend engineer")
        page.get_by_role("button", name="Copy").first.click()
        see(page, "Copied")
        assert page.evaluate("navigator.clipboard.readText()") == service.candidate
        page.reload()
        see(page, "Support engineer, Lisbon")


def test_a_wrong_key_is_told(browser: Any, service: Scripted) -> None:
    with opened(browser, f"{service.url}/") as page:
        page.get_by_label("API key").fill("lk_WRONG")
        page.get_by_role("button", name="Go on").click()
        see(page, "This key is not valid.")


def test_the_small_window_shows_picture_and_state(browser: Any, service: Scripted) -> None:
    with opened(browser, service.interviewer) as other, opened(browser, service.candidate) as page:
        to_call(page)
        until(other, "document.getElementById('remote').videoWidth > 0", "the candidate's picture")
        verdicts(service, 0, 3)
        until(other, lambda: state_words(other) == "Looks live")
        if not other.evaluate("'documentPictureInPicture' in window"):
            pytest.skip("this browser has no window for it")
        other.get_by_role("button", name="Small window").click()
        until(other, "documentPictureInPicture.window?.document.querySelector('video')?.videoWidth > 0")
        until(other, "documentPictureInPicture.window.document.querySelector('.line').textContent === 'Looks live'")
        verdicts(service, 3, 4, **SUSPECT)
        until(other, "documentPictureInPicture.window.document.querySelector('.line').textContent === 'Look closer'")
        other.evaluate("documentPictureInPicture.window.close()")
        until(other, "document.getElementById('stage').contains(document.getElementById('remote'))")


# --- for everybody


def test_the_candidates_pages_fit_and_are_accessible(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        see(page, "Agree to the check")
        assert_fits(page)
        assert_accessible(page)
        to_devices(page)
        assert_fits(page)
        assert_accessible(page)
        page.get_by_role("button", name="Join the call").click()
        see(page, "A check is running")
        assert_fits(page)
        assert_accessible(page)
        page.get_by_role("button", name="Leave").click()
        assert_fits(page)
        assert_accessible(page)


@pytest.mark.parametrize(
    "changes", [WARMING, {}, INCONCLUSIVE, SUSPECT], ids=["warming up", "live", "inconclusive", "suspect"]
)
def test_the_interviewers_page_fits_and_is_accessible(browser: Any, service: Scripted, changes: dict[str, Any]) -> None:
    service.state = "checking"
    with opened(browser, service.interviewer) as page:
        verdicts(service, 0, 40, **changes)
        service.emit("viewer", "link", wire("link"), keep=True)
        service.emit("viewer", "notice", wire("notice"))
        see(page, "Good picture")
        page.wait_for_timeout(1200)
        assert_fits(page)
        assert_accessible(page)
        service.change("interrupted")
        see(page, "No picture")
        assert_accessible(page)


def test_the_start_page_fits_and_is_accessible(browser: Any, service: Scripted) -> None:
    with opened(browser, service.start) as page:
        page.get_by_role("button", name="Make an interview").click()
        see(page, "The interview is ready")
        assert_fits(page)
        assert_accessible(page)
