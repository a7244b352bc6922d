"""The rates against known values, the figures of invented outcomes, and the page that shows them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveness.errors import ConfigError
from liveness.fusion.calibration import Calibration, Curve
from liveness.lab.calibrating import signal_specs
from liveness.lab.dataset import NO_CURVES, Measured, Measurements, Sample
from liveness.lab.evaluation import Judged, JudgedPicture, Mode, auc, evaluate_manifests, figures_of, judge, rate
from liveness.lab.evaluation_page import page
from liveness.lab.replaying import Outcome
from liveness.verdict import FAMILIES, Evidence, Family, State, family_of

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202egpj"

LAUNCHER = Path(__file__).parents[1] / "web" / "chromium.sh"


def judged(
    name: str,
    state: State,
    confidence: float,
    *,
    attack_type: str = "",
    person: str = "",
    duration_s: float = 10.0,
    decided_s: float | None = None,
) -> Judged:
    """Return a clip that ended somehow; without an attack type it is bona fide."""
    family: Family = family_of(attack_type) or "injection"
    families = {one: (1 - confidence) * (0.7 if one == family else 0.1) for one in FAMILIES}
    sample = Sample(
        name, "attack" if attack_type else "bonafide", attack_type, f"person {person or name}", Path("clip.mp4"), False
    )
    outcome = Outcome(confidence, state, families, {"presentation": 0.8, "injection": 0.6}, families, decided_s)
    return Judged(sample, duration_s, outcome)


def picture(score: float, source: str, attack_type: str = "") -> JudgedPicture:
    label = "attack" if attack_type else "bonafide"
    sample = Sample("p", label, attack_type, f"source {source}", Path("p.jpg"), True)  # type: ignore[arg-type]
    return JudgedPicture(sample, score)


def small_corpus() -> list[Judged]:
    """Ten bona fide clips (7 live, 2 inconclusive, 1 suspect), 4 loops (3 found), 5 swaps (2 missed, 1 found)."""
    bona_fide = [judged(f"b{i}", "live", 0.9 + i / 100, decided_s=4.0 + i) for i in range(7)]
    bona_fide += [judged("b7", "inconclusive", 0.6, duration_s=3.0), judged("b8", "inconclusive", 0.55)]
    bona_fide += [judged("b9", "suspect", 0.2)]
    loops = [judged(f"l{i}", "suspect", 0.05 + i / 100, attack_type="sim_loop", decided_s=5.0) for i in range(3)]
    loops += [judged("l3", "inconclusive", 0.5, attack_type="sim_loop")]
    swaps = [
        judged("s0", "live", 0.95, attack_type="face_swap_realtime", person="b0"),
        judged("s1", "live", 0.85, attack_type="face_swap_realtime", person="b1"),
        judged("s2", "inconclusive", 0.5, attack_type="face_swap_realtime", person="b2"),
        judged("s3", "inconclusive", 0.4, attack_type="face_swap_realtime", person="b3"),
        judged("s4", "suspect", 0.1, attack_type="face_swap_realtime", person="b4"),
    ]
    return [*bona_fide, *loops, *swaps]


def figures(
    clips: Sequence[Judged] | None = None,
    *,
    pictures: Sequence[JudgedPicture] = (),
    mode: Mode = "cross-validated",
    manifest: str = "clips.csv",
    calibration: Calibration = NO_CURVES,
) -> dict[str, Any]:
    return figures_of(
        small_corpus() if clips is None else clips, pictures, mode, calibration, [Path("data") / manifest]
    )


class Page(HTMLParser):
    """What a browser makes of a page: its elements, and the text that is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.style = ""
        self._inside = ""
        self._words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.style += data
        else:
            self._words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (3, 54, 0.0116, 0.1539),
        (0, 1, 0.0, 0.975),
    ],
)
def test_a_rate_has_the_clopper_pearson_interval_of_the_tables(count: int, total: int, low: float, high: float) -> None:
    one = rate(count, total)

    assert (one["count"], one["of"]) == (count, total)
    assert one["rate"] == pytest.approx(count / total, abs=5e-5)
    assert one["interval"] == pytest.approx([low, high], abs=1e-4)


def test_a_rate_of_nothing_could_be_anything() -> None:
    assert rate(0, 0)["interval"] == [0.0, 1.0]


def test_auc_counts_a_tie_as_half() -> None:
    assert auc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert auc([0.1], [0.9]) == 0.0
    assert auc([0.5, 0.5], [0.5]) == 0.5
    assert auc([0.9, 0.5], [0.5, 0.1]) == pytest.approx(3.5 / 4)


def test_the_figures_count_each_way_a_clip_can_end() -> None:
    result = figures()

    bona_fide = result["bona_fide"]
    assert (bona_fide["bpcer"]["count"], bona_fide["inconclusive"]["count"], bona_fide["live"]["count"]) == (1, 2, 7)
    assert bona_fide["bpcer"]["rate"] == 0.1
    assert bona_fide["suspects"] == ["b9"]
    assert bona_fide["live_of_8_s_or_more"]["of"] == 9
    assert bona_fide["median_decided_s"] == 7.0

    swaps, loops = result["attack_types"]["face_swap_realtime"], result["attack_types"]["sim_loop"]
    assert (swaps["apcer"]["rate"], swaps["inconclusive"]["rate"], swaps["found"]["rate"]) == (0.4, 0.4, 0.2)
    assert swaps["missed"] == ["s0", "s1"]
    assert (loops["apcer"]["rate"], loops["found"]["rate"], loops["median_decided_s"]) == (0.0, 0.75, 5.0)
    assert result["worst_type"] == "face_swap_realtime"
    assert list(result["families"]) == ["injection", "synthesis"]
    assert result["families"]["synthesis"]["apcer"] == swaps["apcer"]


def test_how_clips_would_have_ended_had_they_gone_on_is_counted_apart() -> None:
    ends = [
        replace(one, later="suspect" if one.sample.id in ("b8", "l3") else one.outcome.state) for one in small_corpus()
    ]
    result = figures(ends)
    live, loops = result["bona_fide"]["had_they_gone_on"], result["attack_types"]["sim_loop"]["had_they_gone_on"]
    assert (live["suspect"]["count"], live["live"]["count"], live["suspects"]) == (2, 7, ["b8", "b9"])
    assert loops["suspect"]["count"] == 4
    assert result["bona_fide"]["bpcer"]["count"] == 1
    assert figures()["bona_fide"]["had_they_gone_on"]["suspect"]["of"] == 0, "nobody knows"


def test_the_auc_is_that_of_the_confidence_and_lies_in_its_interval() -> None:
    area = figures()["attack_types"]["face_swap_realtime"]["auc"]

    live = [one.outcome.confidence for one in small_corpus() if one.sample.label == "bonafide"]
    assert area["value"] == pytest.approx(auc(live, [0.95, 0.85, 0.5, 0.4, 0.1]), abs=1e-4)
    assert area["interval"][0] <= area["value"] <= area["interval"][1]


def test_a_swap_is_compared_with_its_own_original() -> None:
    below = figures()["pairs"]["swap_below_its_original"]

    assert (below["count"], below["of"]) == (4, 5), "s0 has 0.95 where its original has 0.90"


def calibrated(count: int, sharper: float = 1.0) -> list[Judged]:
    """Return clips whose confidence is right; with ``sharper`` above 1 it claims more than it knows."""
    rng = np.random.default_rng(2)
    clips = []
    for index, odds in enumerate(rng.normal(0, 2, count)):
        live = rng.random() < 1 / (1 + math.exp(-odds))
        confidence = 1 / (1 + math.exp(-sharper * odds))
        clips.append(judged(f"c{index}", "inconclusive", confidence, attack_type="" if live else "loop"))
    return clips


def test_a_calibrated_confidence_has_slope_one_and_an_overconfident_one_less() -> None:
    right = figures(calibrated(1500))["confidence"]
    brash = figures(calibrated(1500, sharper=3.0))["confidence"]

    assert right["slope"] == pytest.approx(1.0, abs=0.12)
    assert brash["slope"] == pytest.approx(1 / 3, abs=0.05)
    assert right["brier"] < brash["brier"] < 0.25


def test_a_family_of_few_clips_weighs_as_much_as_one_of_many_or_hardly_at_all() -> None:
    many = [judged(f"s{index}", "inconclusive", 0.2, attack_type="face_swap_realtime") for index in range(99)]
    few = [judged("r", "inconclusive", 0.9, attack_type="screen_replay")]
    told = figures([judged("b", "live", 0.9), *many, *few])["confidence"]

    assert told["brier"] == pytest.approx(0.5 * 0.01 + 0.25 * 0.04 + 0.25 * 0.81, abs=1e-3)
    assert told["by_clip"]["brier"] == pytest.approx(0.5 * 0.01 + 0.495 * 0.04 + 0.005 * 0.81, abs=1e-3)


def test_a_confidence_that_never_varies_is_a_coin() -> None:
    coin = [judged("b", "inconclusive", 0.5), judged("a", "inconclusive", 0.5, attack_type="loop")]

    assert figures(coin)["confidence"]["brier"] == 0.25
    assert figures(coin)["confidence"]["auc"]["value"] == 0.5


def test_pictures_are_compared_within_their_source() -> None:
    pictures = [picture(-2, "a"), picture(-1, "a"), picture(1, "a", "print_photo"), picture(-3, "b")]
    pictures += [picture(5, "c"), picture(4, "c", "screen_replay"), picture(9, "c", "face_swap_celeb")]

    result = figures(pictures=pictures)["pictures"]

    assert result["count"] == 6, "a swapped face is no picture of a screen"
    assert {name: one["auc"] for name, one in result["sources"].items()} == {"source a": 1.0, "source c": 0.0}
    assert result["mean_auc_within_source"] == 0.5


def curve(species: str, share: float, signal: str = "refilmed") -> Curve:
    """Return a curve of the slope 2 and the limit 2."""
    return Curve(
        signal=signal,
        species=species,
        features=("refilmed",),
        low=(-9.0,),
        high=(9.0,),
        mean=(0.0,),
        scale=(1.0,),
        weights=(2.0,),
        bias=0.0,
        covariance=((0.0, 0.0), (0.0, 0.0)),
        limit=2.0,
        share=share,
        power=1.0,
    )


def said_of(values: Mapping[str, float], *curves: Curve, threshold: float = 1.1) -> JudgedPicture:
    """Return what is said of one picture that signals measured as given."""
    found = tuple(
        Evidence(signal, 0.0, 0.0, value, "log odds", 1.0, {"refilmed": value}) for signal, value in values.items()
    )
    one = Measured(picture(0, "a").sample, "0", Measurements(0.0, 1.0, ((0.0, found),)))
    known = signal_specs()["refilmed"]
    specs = {signal: replace(known, name=signal) for signal in values}
    thresholds = replace(NO_CURVES.thresholds, suspect={"presentation": threshold})
    _, (said,) = judge([one], Calibration(curves, {}, thresholds, {}), specs)
    return said


@pytest.mark.parametrize(("refilmed", "said"), [(0.5, 0.462117), (-1.0, -0.380797), (9.0, 1.0)])
def test_a_picture_is_judged_by_the_likelier_of_screen_and_print(refilmed: float, said: float) -> None:
    # A curve's own limit holds before its share is taken: 2 tanh(nats / 2), with nats twice what was measured.
    assert said_of({"refilmed": refilmed}, curve("screen", 0.5), curve("print", 0.25)).llr == pytest.approx(
        said, abs=1e-6
    )


def test_two_signals_that_judge_a_picture_say_no_more_than_their_limit() -> None:
    both = said_of({"refilmed": 9.0, "other": 9.0}, curve("screen", 1.0), curve("screen", 1.0, "other"))
    assert both.llr == pytest.approx(2 * math.tanh(2), abs=1e-5)


@pytest.mark.parametrize(("refilmed", "threshold", "suspect"), [(9.0, 0.6, True), (9.0, 0.7, False), (0.0, 0.6, False)])
def test_a_picture_may_lie_above_the_threshold_of_suspicion_by_its_look_alone(
    refilmed: float, threshold: float, suspect: bool
) -> None:
    """At odds of one to four before anything was seen, e² to one makes 0.65."""
    curves = (curve("screen", 1.0), curve("print", 1.0))
    assert said_of({"refilmed": refilmed}, *curves, threshold=threshold).suspect is suspect
    shown = figures(pictures=[said_of({"refilmed": refilmed}, *curves, threshold=threshold)])["pictures"]
    assert shown["suspect"]["bona_fide"]["count"] == int(suspect)


def test_an_unknown_kind_to_simulate_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hologram"):
        evaluate_manifests(
            [tmp_path / "none.csv"], NO_CURVES, kinds=["hologram"], in_sample=False, cache=tmp_path, progress=print
        )


def test_the_page_needs_no_network_and_no_script() -> None:
    read = Page(page(figures(pictures=[picture(-1, "a"), picture(1, "a", "print_photo")])))

    targets = [value for _, one in read.elements for name, value in one.items() if name in ("src", "href", "data")]
    assert targets
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert not [tag for tag, _ in read.elements if tag in ("script", "iframe", "object", "embed", "form")]
    assert not [name for _, one in read.elements for name in one if name == "style" or name.startswith("on")]
    assert not re.findall(r"@import|url\((?!#)", read.style)


def test_the_page_allows_nothing_but_its_own_style() -> None:
    read = Page(page(figures()))

    policy = next(one["content"] for one in read.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(read.style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script" not in policy


def test_hostile_names_are_shown_and_never_run() -> None:
    clips = [
        *small_corpus(),
        judged(HOSTILE, "live", 0.9, attack_type="loop" + HOSTILE),
        judged(HOSTILE + "2", "suspect", 0.1),
    ]
    pictures = [picture(-1, HOSTILE), picture(1, HOSTILE, "print_photo")]

    plain, hostile = Page(page(figures())), Page(page(figures(clips, pictures=pictures, manifest="a<b>\ud800.csv")))

    assert "alert(1)" in hostile.text
    assert "\\u202egpj" in hostile.text
    assert "\u202e" not in hostile.html
    assert not [tag for tag, _ in hostile.elements if tag in ("script", "img")]
    assert len(hostile.all("title")) > 0
    assert {tag for tag, _ in hostile.elements} - {tag for tag, _ in plain.elements} <= {"symbol"}
    hostile.html.encode("utf-8")


@pytest.mark.parametrize(
    ("mode", "said", "unsaid"),
    [
        ("cross-validated", "had not seen its person", "too good"),
        ("unseen", "None of these files was used to calibrate", "too good"),
        ("in-sample", "Do not quote these figures: they are too good", "had not seen its person"),
    ],
)
def test_the_page_says_how_the_clips_were_judged(mode: Mode, said: str, unsaid: str) -> None:
    read = Page(page(figures(mode=mode)))

    assert said in read.text
    assert unsaid not in read.text
    assert ("--in-sample --html" in read.text) == (mode == "in-sample")


def test_the_page_states_every_rate_with_its_interval_and_every_mistake() -> None:
    read = Page(page(figures())).text

    assert "The worst type is face swap realtime : 2 of 5 end live, an APCER of 40 % (5.3–85 %)" in read
    assert "10 % 1 of 10 95 % interval 0.2–44 %" in read
    for term in ("APCER", "BPCER", "Found", "Inconclusive", "AUC"):
        assert term in read
    wrongly = read.split("Clips that ended wrongly")[1].split("Clips without an answer")[0]
    assert re.findall(r"\b[bsl]\d\b", wrongly) == ["s0", "s1", "b9"]
    undecided = read.split("Clips without an answer")[1].split("All clips as a table")[0]
    assert re.findall(r"\b[bsl]\d\b", undecided) == ["b7", "b8", "s2", "s3", "l3"]
    assert "liveness evaluate clips.csv --simulate loop --html evaluation.html" in read


def test_the_page_carries_all_figures() -> None:
    expected = figures()
    link = next(one["href"] for one in Page(page(expected)).all("a") if "download" in one)

    assert json.loads(base64.b64decode(link.partition("base64,")[2])) == expected


def test_every_drawing_has_a_name_a_description_and_a_table() -> None:
    read = Page(page(figures(pictures=[picture(-1, "a"), picture(1, "a", "print_photo")])))
    ids = {one["id"] for _, one in read.elements if "id" in one}

    drawings = [one for one in read.all("svg") if one.get("role") == "img"]

    assert len(drawings) == 3 + 1 + 1 + 1 + 1, "three spreads, the strips, ROC, reliability, texture"
    assert all(set(one["aria-labelledby"].split()) <= ids for one in drawings)
    assert len(read.all("desc")) == len(drawings)
    assert len(read.all("details")) == 5


@pytest.mark.parametrize("place", ["rates", "NaN"])
def test_a_figure_that_is_missing_is_no_reason_to_fail(place: str) -> None:
    only_live = figures([judged("b0", "live", 0.9)])
    if place == "NaN":
        only_live["confidence"] |= {"brier": float("nan"), "slope": float("nan")}

    read = Page(page(only_live)).text

    assert "no attacks among the clips" in read
    assert "nan" not in read.lower().split()


def test_no_miss_is_no_praise() -> None:
    read = Page(page(figures([judged("b", "live", 0.9), judged("a", "suspect", 0.1, attack_type="loop")]))).text

    assert "No attack ends live. That alone proves little" in read
    assert "None: no attack ends live, and no bona fide clip ends suspect." in read


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Yield a real browser, or skip."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium in PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=LAUNCHER, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 768, 1600])
def test_the_page_fits_the_window_and_breaks_no_rule_of_its_own(width: int, chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.html"
    path.write_text(page(figures(pictures=[picture(-1, "a"), picture(1, "a", "print_photo")])), encoding="utf-8")
    tab = chromium.new_page(viewport={"width": width, "height": 800})
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("request", lambda request: requests.append(request.url))

    tab.goto(path.as_uri())

    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    sizes: Mapping[str, float] = tab.evaluate(
        "Object.fromEntries([...document.querySelectorAll('svg.drawing')]"
        ".map((one, at) => [at, one.getBoundingClientRect().width]))"
    )
    assert all(200 <= size <= width for size in sizes.values())
    tab.close()
