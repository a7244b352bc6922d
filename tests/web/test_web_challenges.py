"""Challenges on the two pages: what the candidate is shown, and what the interviewer reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import chromium, needs_chromium, opened, see, until, violations
from scripted import Scripted, wire
from starlette.responses import JSONResponse

pytestmark = [pytest.mark.browser, needs_chromium]

GIVEN = "2026-11-24T10:01:10Z"
WARM, COOL = [240, 196, 168], [168, 210, 240]
STEPS = [(0.0, WARM, COOL), (0.45, COOL, COOL), (0.9, WARM, WARM), (1.38, COOL, WARM), (1.8, WARM, COOL)]
LIGHT = {
    "text": "Look at the screen and keep still.",
    "picture": "light",
    "sequence": [{"at_s": at, "left": left, "right": right} for at, left, right in STEPS],
    "end_s": 2.25,
}
ELEMENT = "document.querySelector('liveness-challenge')"
ASKING = "document.querySelector('liveness-challenges')"
OUTCOME = wire("challenge")["outcome"]
SHAPES = [
    "turn_left",
    "turn_right",
    "hand_left",
    "hand_right",
    "hand_upper",
    "hand_lower",
    "eye_left",
    "eye_right",
    "lean_in",
    "lean_back",
    "digits",
    "camera_left",
    "camera_right",
    "camera_up",
    "camera_down",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as running:
        running.consent, running.state = GIVEN, "consented"
        running.pages["light_code"] = LIGHT
        yield running


def join(page: Any) -> None:
    until(page, "!document.getElementById('join').disabled", "the camera")
    page.get_by_role("button", name="Join the call").click()
    see(page, "A check is running")


def state(page: Any, element: str = ELEMENT) -> str:
    return str(page.evaluate(f"{element}.getAttribute('state')"))


def reaches(page: Any, wanted: str, element: str = ELEMENT, seconds: float = 15) -> None:
    until(page, lambda: state(page, element) == wanted, f"the state {wanted}", seconds)


# --- the candidate


def test_a_movement_is_offered_shown_guided_and_thanked_for(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        join(page)
        page.locator("#leave").focus()
        service.ask("turn_to_profile")
        see(page, "You will see which side.")
        see(page, "Turn your head to your left and hold it there.")
        drawn = f"{ELEMENT}.shadowRoot.querySelector('.drawing').dataset"
        assert page.evaluate(f"[{drawn}.kind, {drawn}.way]") == ["turn", "left"]
        arrow = page.evaluate(f"{ELEMENT}.shadowRoot.querySelector('.way').getBoundingClientRect().right")
        assert arrow < 640
        page.set_viewport_size({"width": 320, "height": 700})
        way = page.locator("liveness-challenge .way").bounding_box()
        assert 0 <= way["x"] <= way["x"] + way["width"] <= 320
        page.set_viewport_size({"width": 1280, "height": 860})
        assert page.evaluate(f"{ELEMENT}.shadowRoot.activeElement.tagName") == "H2"
        until(page, f"{ELEMENT}.shadowRoot.querySelector('video').videoWidth > 0", "their own picture")
        service.go_on("running", guidance="further")
        see(page, "A little further, please.")
        live = f"{ELEMENT}.shadowRoot.querySelector('[role=status]').textContent"
        until(page, lambda: page.evaluate(live) == "A little further, please.")
        service.go_on("done", outcome=OUTCOME)
        see(page, "Thank you, that was all")
        page.get_by_role("button", name="Close").click()
        reaches(page, "idle")
        assert page.evaluate("document.activeElement.id") == "leave"


def test_nothing_of_a_result_reaches_the_candidate(browser: Any, service: Scripted) -> None:
    for result in ("passed", "broken"):
        with opened(browser, service.candidate) as page:
            join(page)
            service.ask("turn_to_profile")
            reaches(page, "running")
            service.go_on("done", outcome=OUTCOME | {"result": result})
            see(page, "Thank you, that was all")
            words = page.evaluate(f"{ELEMENT}.shadowRoot.textContent").lower()
            said = " ".join(service.said["publisher"]).lower()
            for word in ("passed", "broken", "result", "quality", "integrity", "llr", "curve", "outcome"):
                assert word not in said
                assert word not in words


def test_a_hand_from_the_left_is_not_sent_to_the_left(browser: Any, service: Scripted) -> None:
    text = "Pass your open hand across your face, beginning at your left."
    service.pages["hand_over_face"] = {"text": text, "picture": "hand_left"}
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("hand_over_face")
        reaches(page, "running")
        assert page.locator("liveness-challenge .way").text_content() == "From your left"
        assert page.locator("liveness-challenge .way svg").count() == 0
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 700})
            box = page.locator("liveness-challenge .way").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] / 2 < width / 2
        service.go_on("running", guidance="further")
        see(page, "Keep your hand close to your face, please.")


def test_the_way_out_stays_in_view_however_small_the_screen(browser: Any, service: Scripted) -> None:
    text = "Tilt the camera (or the lid of the laptop) so that it looks a little further down, and leave it there."
    service.pages["point_camera"] = {"text": text, "picture": "camera_down"}
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("point_camera")
        reaches(page, "running")
        for width, height in ((320, 568), (640, 360), (1280, 600)):
            page.set_viewport_size({"width": width, "height": height})
            box = page.locator("liveness-challenge .foot button").last.bounding_box()
            assert box["y"] + box["height"] <= height
            assert box["x"] + box["width"] <= width


def test_nobody_is_thanked_for_what_was_not_shown(browser: Any, service: Scripted) -> None:
    """What nobody could judge is over before it is asked for."""
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("light_code")
        reaches(page, "asking")
        service.go_on("done", outcome=OUTCOME | {"result": "unclear", "compliance": None})
        see(page, "It is not needed any more")
        reaches(page, "idle")


def test_one_can_stop_at_any_time(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("turn_to_profile")
        reaches(page, "running")
        page.get_by_role("button", name="Stop", exact=True).click()
        until(page, lambda: service.declined == ["other"], "the answer")
        see(page, "That is fine")
        page.keyboard.press("Escape")
        reaches(page, "idle")
        service.ask("turn_to_profile")
        reaches(page, "running")
        page.get_by_role("button", name="I cannot do this").click()
        until(page, lambda: service.declined == ["other", "cannot"], "the second answer")
        service.ask("turn_to_profile")
        reaches(page, "running")
        page.keyboard.press("Escape")
        until(page, lambda: service.declined == ["other", "cannot", "other"], "the third answer")


def test_an_offer_that_is_over_is_told_kindly(browser: Any, service: Scripted) -> None:
    service.refuse_ready = JSONResponse({"type": "urn:liveness:not-offered", "title": "over"}, 409)
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("turn_to_profile")
        see(page, "It is not needed any more")
        assert service.declined == []


def test_a_prompt_that_is_lost_on_the_way_is_asked_for_again(browser: Any, service: Scripted) -> None:
    lost: list[str] = []

    def lose_once(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            # The service has released it; the page never hears of that.
            lost.append(route.fetch().text())
            route.abort()

    with opened(browser, service.candidate) as page:
        page.route("**/ready", lose_once)
        join(page)
        service.ask("turn_to_profile")
        see(page, "Turn your head to your left and hold it there.")
        assert len(service.ready_keys) == 2
        assert service.ready_keys[0] == service.ready_keys[1] != ""
        assert service.declined == []


def test_that_the_service_cannot_be_reached_is_no_answer(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        page.route("**/ready", lambda route: route.abort())
        join(page)
        service.ask("turn_to_profile")
        see(page, "It is not needed any more")
        assert service.declined == []


SAMPLE = """() => {
    window.samples = [];
    const root = document.querySelector('liveness-challenge').shadowRoot;
    const paint = (side) => getComputedStyle(root.querySelector(`.half.${side}`)).backgroundColor;
    const colour = (side) => paint(side).match(/\\d+/g).map(Number);
    const frame = () => {
        if (root.querySelector('.half')) samples.push([performance.now(), colour('left'), colour('right')]);
        requestAnimationFrame(frame);
    };
    frame();
}"""


def test_the_light_follows_its_sequence(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        join(page)
        page.evaluate(SAMPLE)
        service.ask("light_code")
        see(page, "Are you sensitive to changing light?")
        assert ("publisher", "POST", "/challenges/*/ready") not in service.calls
        page.get_by_role("button", name="Start", exact=True).click()
        reaches(page, "running")
        boxes = page.evaluate(
            f"[...{ELEMENT}.shadowRoot.querySelectorAll('.half')].map((half) => half.getBoundingClientRect())"
            ".map(({ left, top, width, height }) => [left, top, width, height])"
        )
        width, height = page.evaluate("[innerWidth, innerHeight]")
        assert boxes == [[0, 0, width / 2, height], [width / 2, 0, width / 2, height]]
        reaches(page, "waiting")
        service.go_on("done", outcome=OUTCOME)
        see(page, "Thank you, that was all")
        assert page.evaluate("document.fullscreenElement") is None
        samples = [item for item in page.evaluate("samples") if item[1] in (WARM, COOL)]
        changes = [samples[0]]
        for item in samples[1:]:
            if item[1:] != changes[-1][1:]:
                changes.append(item)
        assert [item[1:] for item in changes] == [[left, right] for _, left, right in STEPS]
        for (at_ms, *_), (wanted_s, *_) in zip(changes, STEPS, strict=True):
            assert (at_ms - changes[0][0]) / 1000 == pytest.approx(wanted_s, abs=0.1)


@pytest.mark.parametrize(
    ("button", "reason"),
    [("I am sensitive to changing light", "photosensitive"), ("I cannot do this", "cannot")],
)
def test_light_can_be_left_out_before_it_begins(browser: Any, service: Scripted, button: str, reason: str) -> None:
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("light_code")
        page.get_by_role("button", name=button).click()
        until(page, lambda: service.declined == [reason], "the answer")
        assert ("publisher", "POST", "/challenges/*/ready") not in service.calls


def test_light_is_not_begun_where_little_motion_is_wanted(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate, reduced_motion="reduce") as page:
        join(page)
        service.ask("light_code")
        until(page, lambda: service.declined == ["reduced_motion"], "the answer")
        see(page, "Your device asks for little motion, so it was left out.")
        assert state(page) == "idle"


def test_light_stops_when_nobody_sees_it(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("light_code")
        page.get_by_role("button", name="Start", exact=True).click()
        reaches(page, "running")
        page.evaluate("""() => {
            Object.defineProperty(document, 'hidden', { get: () => true });
            document.dispatchEvent(new Event('visibilitychange'));
        }""")
        until(page, lambda: service.declined == ["other"], "the answer")


def test_light_that_flickers_is_refused(browser: Any, service: Scripted) -> None:
    fast = [{"at_s": 0.1 * index, "left": WARM, "right": COOL} for index in range(5)]
    service.pages["light_code"] = LIGHT | {"sequence": fast}
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("light_code")
        page.get_by_role("button", name="Start", exact=True).click()
        until(page, lambda: service.declined == ["other"], "the answer")


def test_left_and_right_are_mirror_images_and_every_picture_is_drawn(browser: Any, service: Scripted) -> None:
    code = """async (names) => {
        const { pictured, drawing } = await import('/elements/drawings.js');
        return names.map((picture) => {
            const { kind, way } = pictured({ picture });
            return [kind, way, drawing(kind, way).innerHTML.includes('scale(-1 1)')];
        });
    }"""
    with opened(browser, f"{service.url}/candidate") as page:
        found = page.evaluate(code, SHAPES)
        assert all(kind != "other" for kind, _, _ in found)
        assert len({(kind, way) for kind, way, _ in found}) == len(SHAPES)
        mirrored = [(kind, way) for kind, way, mirror in found if mirror]
        assert mirrored == [("turn", "right"), ("hand", "right"), ("eye", "right")]


# --- the interviewer


def checking(service: Scripted) -> None:
    service.state = "checking"
    step = {"challenge": "turn_to_profile", "why": "A turned head shows what a swapped face cannot follow."}
    service.emit("viewer", "verdict", wire("verdict", next_step=step), keep=True)


def test_one_click_asks_and_the_answer_is_told_in_words(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        see(page, "A turned head shows what a swapped face cannot follow.")
        page.get_by_role("button", name="Ask: A turn to profile").click()
        see(page, "Waiting for their page to show it")
        service.go_on("running")
        reaches(page, "running", ASKING)
        service.go_on("running", guidance="further")
        see(page, "Needs to go a little further.")
        service.go_on("done", outcome=OUTCOME, guidance=None)
        see(page, "The head turned to the side asked for after the prompt, and the face stayed whole.")
        see(page, "Answered after 2.4 s.")
        plot = page.get_by_role("img", name="Turn of the head, from -1.0 to 3.0 seconds after the prompt.")
        assert "Furthest: 47°, at 2.0 s. Asked for: 40°." in plot.get_attribute("aria-label")
        assert plot.locator(".measured").get_attribute("d").count("L") == 3
        page.get_by_role("button", name="Play it again").click()
        page.get_by_role("button", name="Ask for something else").click()
        see(page, "Asked so far")
        page.locator("liveness-challenges summary", has_text="Passed").click()
        see(page, "The head turned to the side asked for after the prompt, and the face stayed whole.")


def test_nothing_can_be_asked_before_the_picture_arrives(browser: Any, service: Scripted) -> None:
    with opened(browser, service.interviewer) as page:
        see(page, "Once the candidate’s picture arrives, you can ask for something here.")
        assert page.get_by_role("button", name="Ask: ").count() == 0
        service.change("checking")
        see(page, "Ask: ")


def test_a_pass_without_counts_is_not_said_to_count(browser: Any, service: Scripted) -> None:
    for llr, words in ((OUTCOME["llr"], "The assessment above counts it"), ({}, "No figures let it count")):
        checking(service)
        with opened(browser, service.interviewer) as page:
            page.get_by_role("button", name="Ask: A turn to profile").click()
            see(page, "Waiting for their page to show it")
            service.go_on("running")
            service.go_on("done", outcome=OUTCOME | {"llr": llr}, guidance=None)
            see(page, words)


@pytest.mark.parametrize(("challenge", "by_button"), [("turn_to_profile", True), ("show_fingers", False)])
def test_one_next_step_is_proposed_and_no_second_beside_it(
    browser: Any, service: Scripted, challenge: str, by_button: bool
) -> None:
    service.state = "checking"
    step = {"challenge": challenge, "why": "A recording cannot answer."}
    service.emit("viewer", "verdict", wire("verdict", state="inconclusive", next_step=step), keep=True)
    with opened(browser, service.interviewer) as page:
        see(page, "Next step")
        see(page, "A recording cannot answer.")
        assert page.get_by_text("A recording cannot answer.").filter(visible=True).count() == 1
        buttons = page.get_by_role("button", name="Ask: ").all_text_contents()
        assert buttons == (["Ask: A turn to profile"] if by_button else [])
        assert page.locator("liveness-challenges .says").count() == (0 if by_button else 1)
        page.locator("summary", has_text="Other things to ask").click()
        page.get_by_role("button", name="Ask: Changing light on their page").wait_for()
        assert violations(page) == []


def test_what_came_of_a_challenge_is_gone_once_consent_is_taken_back(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        page.get_by_role("button", name="Ask: A turn to profile").click()
        see(page, "Waiting for their page to show it")
        service.go_on("running")
        service.go_on("done", outcome=OUTCOME, guidance=None)
        see(page, "The head turned to the side asked for after the prompt, and the face stayed whole.")
        service.change("withdrawn")
        see(page, "Asked so far")
        text = page.evaluate(f"{ASKING}.shadowRoot.textContent")
        assert "A turn to profile" in text
        for word in ("Passed", "the face stayed whole"):
            assert word not in text


def test_a_page_is_told_in_the_language_that_it_states(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        see(page, "Ask: A turn to profile")
        assert service.languages == {"en"}
        page.evaluate("document.documentElement.lang = 'de'")
        page.evaluate(f"{ASKING}.load()")
        until(page, lambda: "de" in service.languages, "the language")


def test_a_page_in_letters_that_no_header_takes_works_all_the_same(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        see(page, "Ask: A turn to profile")
        page.evaluate("document.documentElement.lang = 'русский'")
        service.languages.clear()
        page.evaluate(f"{ASKING}.load()")
        until(page, lambda: bool(service.languages), "the call")
        see(page, "Ask: A turn to profile")
        assert "русский" not in service.languages


def test_a_sentence_is_read_aloud_and_can_be_cancelled(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        page.get_by_label("I read it aloud").check()
        page.get_by_role("button", name="Ask: A turn to profile").click()
        see(page, "Read this aloud:")
        see(page, "“Please turn your head to your left and hold it.”")
        page.get_by_role("button", name="Cancel").click()
        see(page, "You stopped it before it was answered.")
        assert ("viewer", "DELETE", "/challenges/*") in service.calls


@pytest.mark.parametrize(
    ("end", "changes", "words"),
    [
        ("done", {"outcome": OUTCOME | {"result": "broken", "curve": None}}, ["Did not hold together"]),
        ("done", {"outcome": OUTCOME | {"result": "not_done"}}, ["Not done as asked", "Ask again", "Instead"]),
        ("done", {"outcome": OUTCOME | {"result": "unclear"}}, ["Could not be judged"]),
        ("declined", {"decline_reason": "photosensitive"}, ["Left out", "sensitive to changing light", "Instead"]),
        ("expired", {}, ["Not answered"]),
    ],
    ids=["broken", "not done", "unclear", "declined", "expired"],
)
def test_every_end_is_told_and_only_one_speaks_against(
    browser: Any, service: Scripted, end: str, changes: dict[str, Any], words: list[str]
) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        page.get_by_role("button", name="Ask: A turn to profile").click()
        reaches(page, "offered", ASKING)
        service.go_on(end, **changes)
        reaches(page, "over", ASKING)
        text = page.evaluate(f"{ASKING}.shadowRoot.textContent")
        for word in words:
            assert word in text
        harmless = "nothing against the person" in text
        assert harmless == (words[0] != "Did not hold together")
        for word in ("fraud", "fake", "attack", "cheat", "suspect"):
            assert word not in text.lower()


def test_after_the_call_nothing_can_be_asked(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        page.get_by_role("button", name="Ask: A turn to profile").click()
        reaches(page, "offered", ASKING)
        service.go_on("done", outcome=OUTCOME)
        see(page, "Ask for something else")
        service.change("ended")
        see(page, "The call has ended")
        until(page, lambda: page.locator("liveness-challenges .actions").count() == 0, "no more to ask")
        see(page, "The head turned to the side asked for after the prompt, and the face stayed whole.")


def test_what_else_can_be_asked_says_what_it_settles(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        page.locator("summary", has_text="Other things to ask").focus()
        page.keyboard.press("Enter")
        see(page, "Helps to tell: photo or screen, recording, made or changed face · can be asked 2 times · only on")
        assert page.get_by_role("button", name="Ask: One eye covered").is_disabled()
        page.get_by_role("button", name="Ask: Changing light on their page").focus()
        page.keyboard.press("Enter")
        reaches(page, "offered", ASKING)
        assert service.challenge is not None
        assert service.challenge["challenge"] == "light_code"


def test_what_was_asked_is_in_sight_after_a_click_far_down_the_list(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer) as page:
        page.set_viewport_size({"width": 320, "height": 420})
        page.locator("summary", has_text="Other things to ask").click()
        page.get_by_role("button", name="Ask: Changing light on their page").click()
        reaches(page, "offered", ASKING)
        card = f"{ASKING}.shadowRoot.querySelector('.card h3').getBoundingClientRect()"
        until(page, f"{card}.top >= 0 && {card}.bottom <= innerHeight", "what was asked, in sight")


def test_the_two_pages_together(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page, opened(browser, service.interviewer) as other:
        join(page)
        other.get_by_role("button", name="Ask: A turn to profile").click()
        see(page, "Turn your head to your left and hold it there.")
        see(other, "The candidate is being asked")
        page.get_by_role("button", name="I cannot do this").click()
        see(other, "The candidate cannot do this.")
        see(other, "Light code, or a question by the interviewer.")


# --- for everybody


def fits_and_is_accessible(page: Any) -> None:
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(
            f"(({{ scrollWidth, clientWidth }}) => scrollWidth <= clientWidth)"
            f"({ELEMENT}?.shadowRoot.querySelector('.screen') ?? document.documentElement)"
        )
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(100)
        assert violations(page) == []


def test_the_prompts_fit_and_are_accessible(browser: Any, service: Scripted) -> None:
    with opened(browser, service.candidate) as page:
        join(page)
        service.ask("light_code")
        reaches(page, "asking")
        fits_and_is_accessible(page)
        page.keyboard.press("Escape")
        until(page, lambda: bool(service.declined), "the no to the first one")
        service.ask("turn_to_profile")
        reaches(page, "running")
        page.evaluate(f"{ELEMENT}.shadowRoot.querySelector('.guidance').textContent = 'A little further, please.'")
        fits_and_is_accessible(page)
        service.go_on("done", outcome=OUTCOME)
        reaches(page, "over")
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_light_is_accessible_while_it_runs(browser: Any, service: Scripted, scheme: str) -> None:
    long = [{"at_s": 3.0 * index, "left": WARM, "right": COOL} for index in range(4)]
    service.pages["light_code"] = LIGHT | {"sequence": long, "end_s": 12.0}
    with opened(browser, service.candidate, color_scheme=scheme) as page:
        join(page)
        service.ask("light_code")
        page.get_by_role("button", name="Start", exact=True).click()
        reaches(page, "running")
        assert violations(page) == []
        assert state(page) == "running"


def test_asking_fits_and_is_accessible(browser: Any, service: Scripted) -> None:
    checking(service)
    with opened(browser, service.interviewer, reduced_motion="reduce") as page:
        see(page, "Ask: A turn to profile")
        fits_and_is_accessible(page)
        page.get_by_role("button", name="Ask: A turn to profile").click()
        reaches(page, "offered", ASKING)
        fits_and_is_accessible(page)
        service.go_on("done", outcome=OUTCOME)
        reaches(page, "over", ASKING)
        fits_and_is_accessible(page)
