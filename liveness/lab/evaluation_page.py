"""The figures of an evaluation as one HTML page that explains itself, without network or script.

The numbers come from :mod:`liveness.lab.evaluation`; this module turns them into words and into the geometry of
the drawings, and the templates turn both into markup. The look is that of the review's report.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from scipy.stats import beta

from liveness.output import visible
from liveness.verdict import FAMILIES, family_of

STATES = ("live", "inconclusive", "suspect")
"""How a clip can end; in this order they are stacked."""

BONA_FIDE = "bonafide"

_NAMES: Mapping[str, str] = {
    BONA_FIDE: "Bona fide",
    "presentation": "Photo or screen before the camera",
    "injection": "Recording or loop fed in",
    "synthesis": "Face made or changed by a model",
    "substitution": "Another person",
}

_PERCENT = "\u00a0%"
"""With a space at which no line breaks."""

_CONFIDENCE_BINS = 20
_RELIABILITY_BINS = 10
_SCORE_BINS = 24

_KEPT = (0.99, 0.95, 0.9, 0.8)
"""Shares of bona fide clips to be let through, for which the ROC's table states what else gets through."""


@dataclass(frozen=True, slots=True)
class _Mode:
    """How the clips were judged."""

    state: str
    title: str
    headline: str
    meaning: str


_MODES: Mapping[str, _Mode] = {
    "cross-validated": _Mode(
        "live",
        "Cross-validated",
        "Each clip was judged by a calibration that had not seen its person.",
        "The calibration has seen some of these files, so it was learnt five times anew, each time without a fifth "
        "of the persons, and then judged those. This tells how the method does on new people in recordings like "
        "these; other cameras and other attack tools may do better or worse.",
    ),
    "unseen": _Mode(
        "live",
        "Unseen",
        "None of these files was used to calibrate.",
        "The calibration was taken as it is. Files are told apart by their contents: whether the same people are on "
        "other files that the calibration did see, only you can know.",
    ),
    "in-sample": _Mode(
        "suspect",
        "In-sample",
        "Do not quote these figures: they are too good.",
        "The calibration was learnt from some of these very clips, so it is asked what it was told. Such figures help "
        "to find mistakes and say nothing about new people. Without --in-sample the same command cross-validates.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Term:
    """A figure in one line."""

    name: str
    also: str
    text: str


_TERMS = (
    _Term("Bona fide", "", "A real person in front of a camera, with no attack."),
    _Term(
        "APCER",
        "attack presentation classification error rate",
        "Of the attacks, the share that ends live: it gets through. Lower is better.",
    ),
    _Term(
        "BPCER",
        "bona fide presentation classification error rate",
        "Of the bona fide clips, the share that ends suspect: a false alarm. Lower is better.",
    ),
    _Term("Found", "", "Of the attacks, the share that ends suspect. Higher is better."),
    _Term(
        "Inconclusive",
        "non-response rate, APNRR and BPNRR",
        "The share that gets no answer. It is no error, but somebody has to look; it is part of neither rate above.",
    ),
    _Term(
        "AUC",
        "area under the ROC curve",
        "The chance that a bona fide clip has more confidence than an attack: 1 is perfect, 0.5 is a coin.",
    ),
)


@dataclass(frozen=True, slots=True)
class _Group:
    """Clips that are drawn together: bona fide, one family, or one attack type."""

    key: str
    name: str
    clips: tuple[Mapping[str, Any], ...]

    @property
    def confidences(self) -> list[float]:
        """The confidence of each clip, 0–1."""
        return [clip["confidence"] for clip in self.clips]

    @property
    def ends(self) -> list[tuple[str, int]]:
        """How many clips end in each state."""
        count = Counter(clip["state"] for clip in self.clips)
        return [(state, count[state]) for state in STATES]


@dataclass(frozen=True, slots=True)
class _Axes:
    """Places shares of 0–1 on a drawing, whose units are about CSS pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    def x(self, share: float) -> float:
        """Return the horizontal place of a share."""
        return round(self.left + share * self.width, 2)

    def y(self, share: float) -> float:
        """Return the vertical place of a share; 1 is at the top."""
        return round(self.bottom - share * self.height, 2)


@dataclass(frozen=True, slots=True)
class _Bar:
    """A rectangle that stands for some clips or pictures."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class _Histogram:
    """How many clips of one group have how much confidence, stacked by state."""

    group: _Group
    bars: tuple[_Bar, ...]
    most: int
    median: float


@dataclass(frozen=True, slots=True)
class _Strip:
    """All clips of one group on a line: per state the path of its marks."""

    group: _Group
    baseline: float
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Curve:
    """ROC curve of bona fide against one family."""

    group: _Group
    points: str
    operating: tuple[float, float]
    """Where the states put it: share of attacks that end live, share of bona fide that end live."""
    kept: tuple[float, ...]
    """For each of :data:`_KEPT`, the share of attacks that has at least that confidence."""


@dataclass(frozen=True, slots=True)
class _Bin:
    """Clips of about the same confidence, and how many of them are bona fide after balancing."""

    low: float
    high: float
    bona_fide: int
    attacks: int
    confidence: float
    observed: float
    interval: tuple[float, float]


HISTOGRAM = _Axes(8, 26, 344, 88)
ROC = _Axes(40, 12, 308, 308)
RELIABILITY = _Axes(40, 12, 308, 308)
SCORES = _Axes(8, 20, 344, 150)
STRIP = _Axes(8, 0, 344, 0)
STRIP_ROW = 44


def page(figures: Mapping[str, Any]) -> str:
    """Return the page of one evaluation.

    Parameters
    ----------
    figures
        What :func:`liveness.lab.evaluation.evaluate_manifests` returns, schema ``liveness.evaluation/1``.
    """
    return _environment().get_template("evaluation.html.j2").render(_view(_finite(figures)))


def _view(figures: dict[str, Any]) -> dict[str, Any]:
    """Return all that the templates name."""
    clips = figures["clips"]
    families = _families(clips)
    live = families[0] if families and families[0].key == BONA_FIDE else None
    attacks = [group for group in families if group.key != BONA_FIDE]
    worst = figures["worst_type"]
    return {
        "figures": figures,
        "bona_fide": figures["bona_fide"],
        "confidence": figures["confidence"],
        "mode": _MODES[figures["mode"]],
        "terms": _TERMS,
        "names": _NAMES,
        "worst": {"name": worst, **figures["attack_types"][worst]} if worst else None,
        "groups": families,
        "histograms": [_histogram(group) for group in families],
        "confidence_table": _confidence_table(families),
        "strips": _strips([*([live] if live else []), *_types(clips)]),
        "curves": [_curve(live, group) for group in attacks] if live else [],
        "kept": _KEPT,
        "bins": _reliability(live, attacks) if live and attacks else [],
        "score_bars": _score_bars(figures["pictures"]["scores"]),
        "wrong": _ended_wrongly(clips),
        "undecided": _undecided(clips),
        "simulated": any(_simulated(clip) for clip in clips),
        "command": _command(figures),
        "axes": {"histogram": HISTOGRAM, "roc": ROC, "reliability": RELIABILITY, "scores": SCORES, "strip": STRIP},
        "strip_row": STRIP_ROW,
        "marks": {state: _mark(state, 0, 0) for state in STATES},
        "css": _css(),
        "csp": _security_policy(),
        "data": _data_uri(figures),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("liveness.lab"), PackageLoader("liveness.review")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": _share,
        "interval": _interval,
        "area": _area,
        "visible": visible,
        "words": lambda name: str(name).replace("_", " "),
        "type_name": _type_name,
        "number": _number,
    }
    return environment


@cache
def _css() -> Markup:
    house = files("liveness.review").joinpath("assets", "report.css").read_text(encoding="utf-8")
    own = files("liveness.lab").joinpath("assets", "evaluation.css").read_text(encoding="utf-8")
    return Markup(f"{house}\n{own}")  # noqa: S704 (files of this package)


def _security_policy() -> str:
    """Return a policy under which nothing runs and nothing is fetched."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _data_uri(figures: Mapping[str, Any]) -> str:
    text = json.dumps(figures, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return "data:application/json;base64," + base64.b64encode(text.encode()).decode("ascii")


def _command(figures: Mapping[str, Any]) -> str:
    """Return the command that makes these figures again, run beside the manifests."""
    types = {clip["attack_type"].removeprefix("sim_") for clip in figures["clips"] if _simulated(clip)}
    words = ["liveness", "evaluate", *(shlex.quote(visible(name)) for name in figures["manifests"])]
    words += ["--simulate", shlex.quote(",".join(sorted(types)) or "none")]
    words += ["--in-sample"] if figures["mode"] == "in-sample" else []
    return " ".join([*words, "--html", "evaluation.html"])


def _simulated(clip: Mapping[str, Any]) -> bool:
    return bool(clip["attack_type"].startswith("sim_"))


def _families(clips: Sequence[Mapping[str, Any]]) -> list[_Group]:
    """Return bona fide and the families that there are clips of."""
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for clip in clips:
        key = BONA_FIDE if clip["label"] == BONA_FIDE else family_of(clip["attack_type"])
        by_key.setdefault(str(key), []).append(clip)
    return [_Group(key, _NAMES[key], tuple(by_key[key])) for key in (BONA_FIDE, *FAMILIES) if key in by_key]


def _types(clips: Sequence[Mapping[str, Any]]) -> list[_Group]:
    """Return one group for each attack type, those of a family together."""
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for clip in clips:
        if clip["label"] != BONA_FIDE:
            by_type.setdefault(clip["attack_type"], []).append(clip)
    order = {family: place for place, family in enumerate(FAMILIES)}
    names = sorted(by_type, key=lambda name: (order.get(family_of(name) or FAMILIES[-1], 0), name))
    notes = {name: ", simulated" if name.startswith("sim_") else "" for name in names}
    return [_Group(name, _type_name(name) + notes[name], tuple(by_type[name])) for name in names]


def _bin_of(share: float, bins: int) -> int:
    return min(max(int(share * bins), 0), bins - 1)


def _histogram(group: _Group) -> _Histogram:
    count = Counter((_bin_of(clip["confidence"], _CONFIDENCE_BINS), clip["state"]) for clip in group.clips)
    total = Counter(_bin_of(share, _CONFIDENCE_BINS) for share in group.confidences)
    most = max(total.values())
    bars = []
    for at in range(_CONFIDENCE_BINS):
        below = 0
        for state in STATES:
            number = count[at, state]
            if number:
                top = HISTOGRAM.y((below + number) / most)
                text = f"{at * 5}–{at * 5 + 5} %: {number} {state}"
                left = HISTOGRAM.x(at / _CONFIDENCE_BINS) + 0.75
                width = HISTOGRAM.width / _CONFIDENCE_BINS - 1.5
                bars.append(_Bar(state, left, top, width, round(HISTOGRAM.y(below / most) - top, 2), text))
                below += number
    return _Histogram(group, tuple(bars), most, float(np.median(group.confidences)))


def _confidence_table(groups: Sequence[_Group]) -> list[tuple[str, list[str]]]:
    """Return for every bin of the histograms in words what is in it, highest confidence first."""
    rows = []
    for at in reversed(range(_CONFIDENCE_BINS)):
        cells = []
        for group in groups:
            inside = [clip for clip in group.clips if _bin_of(clip["confidence"], _CONFIDENCE_BINS) == at]
            ends = [(state, count) for state, count in _Group("", "", tuple(inside)).ends if count]
            cells.append(", ".join(f"{count} {state}" for state, count in ends) or "–")
        if any(cell != "–" for cell in cells):
            rows.append((f"{at * 5}–{at * 5 + 5} %", cells))
    return rows


def _mark(state: str, x: float, y: float) -> str:
    """Return the path of a mark: a disc for live, a diamond for inconclusive, a triangle for suspect."""
    if state == "live":
        return f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0-6 0z"
    if state == "inconclusive":
        return f"M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4-4z"
    return f"M{x:.1f} {y - 4:.1f}l4 7h-8z"


def _strips(groups: Iterable[_Group]) -> list[_Strip]:
    return [_strip(group, number * STRIP_ROW + 32) for number, group in enumerate(groups)]


def _strip(group: _Group, baseline: float) -> _Strip:
    """Place the marks of one group; those that would cover each other spread over three heights."""
    paths = dict.fromkeys(STATES, "")
    for number, clip in enumerate(sorted(group.clips, key=lambda clip: clip["confidence"])):
        height = baseline + (0, -6, 6)[number % 3] if len(group.clips) > 1 else baseline
        paths[clip["state"]] = paths.get(clip["state"], "") + _mark(clip["state"], STRIP.x(clip["confidence"]), height)
    return _Strip(group, baseline, tuple((state, path) for state, path in paths.items() if path))


def _curve(live: _Group, attack: _Group) -> _Curve:
    """Return the ROC curve: what is let through of both, for every confidence that could be asked for."""
    ours, theirs = np.array(live.confidences), np.array(attack.confidences)
    asked = np.unique([*ours, *theirs])[::-1]
    points = [(0.0, 0.0), *((float((theirs >= at).mean()), float((ours >= at).mean())) for at in asked)]
    least = [float(np.sort(ours)[::-1][math.ceil(share * len(ours)) - 1]) for share in _KEPT]
    return _Curve(
        attack,
        " ".join(f"{ROC.x(x)},{ROC.y(y)}" for x, y in points),
        (dict(attack.ends)["live"] / len(theirs), dict(live.ends)["live"] / len(ours)),
        tuple(float((theirs >= at).mean()) for at in least),
    )


def _reliability(live: _Group, attacks: Sequence[_Group]) -> list[_Bin]:
    """Return the bins that hold clips: both classes weighted alike, the attacks alike by family."""
    rows = [(share, 1.0, 0.5 / len(live.clips)) for share in live.confidences]
    for group in attacks:
        rows += [(share, 0.0, 0.5 / len(attacks) / len(group.clips)) for share in group.confidences]
    bins = []
    for at in range(_RELIABILITY_BINS):
        inside = np.array([row for row in rows if _bin_of(row[0], _RELIABILITY_BINS) == at])
        if not len(inside):
            continue
        confidence, truth, weight = inside.T
        share = float(np.average(truth, weights=weight))
        bins.append(
            _Bin(
                at / _RELIABILITY_BINS,
                (at + 1) / _RELIABILITY_BINS,
                int(truth.sum()),
                int((1 - truth).sum()),
                float(np.average(confidence, weights=weight)),
                share,
                _weighted_interval(share, float(weight.sum() ** 2 / (weight**2).sum())),
            )
        )
    return bins


def _weighted_interval(share: float, count: float) -> tuple[float, float]:
    """Return the 95 % Clopper–Pearson interval of a share of an effective number of clips."""
    hits = share * count
    low = float(beta.ppf(0.025, hits, count - hits + 1)) if hits > 1e-9 else 0.0
    high = float(beta.ppf(0.975, hits + 1, count - hits)) if count - hits > 1e-9 else 1.0
    return low, high


def _score_bars(scores: Sequence[tuple[str, float]]) -> dict[str, Any] | None:
    """Return the scores of pictures as bars: bona fide upwards, attacks downwards, each as a share of its class."""
    if not scores:
        return None
    values = [score for _, score in scores]
    low, high = math.floor(min([*values, -1.0])), math.ceil(max([*values, 1.0]))
    count = Counter((label, _bin_of((score - low) / (high - low), _SCORE_BINS)) for label, score in scores)
    size = Counter(label for label, _ in scores)
    most = max(number / size[label] for (label, _), number in count.items())
    middle, half = SCORES.y(0.5), SCORES.height / 2
    edges = [low + (high - low) * at / _SCORE_BINS for at in range(_SCORE_BINS + 1)]
    ranges = [f"{start:+.2f} to {end:+.2f}" for start, end in pairwise(edges)]
    bars = []
    for (label, at), number in sorted(count.items()):
        tall = round(half * number / size[label] / most, 2)
        text = f"{ranges[at]} nats: {number} of {size[label]}"
        left, width = SCORES.x(at / _SCORE_BINS) + 0.75, SCORES.width / _SCORE_BINS - 1.5
        up = label == BONA_FIDE
        kind = "live" if up else "suspect"
        bars.append(_Bar(kind, left, round(middle - tall, 2) if up else middle, round(width, 2), tall, text))
    zero = SCORES.x(-low / (high - low))
    rows = [(name, count[BONA_FIDE, at], count["attack", at]) for at, name in enumerate(ranges)]
    return {"bars": bars, "rows": rows, "low": low, "high": high, "zero": zero, "middle": middle, "size": size}


def _ended_wrongly(clips: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return attacks that end live, the surest first, and then bona fide that end suspect, the least sure first."""
    missed = [clip for clip in clips if clip["label"] != BONA_FIDE and clip["state"] == "live"]
    alarms = [clip for clip in clips if clip["label"] == BONA_FIDE and clip["state"] == "suspect"]
    return [*sorted(missed, key=lambda one: -one["confidence"]), *sorted(alarms, key=lambda one: one["confidence"])]


def _undecided(clips: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the clips without an answer: bona fide first, then by attack type, each by confidence."""
    return sorted(
        (clip for clip in clips if clip["state"] not in ("live", "suspect")),
        key=lambda one: (one["label"] != BONA_FIDE, one["attack_type"], -one["confidence"]),
    )


def _finite(value: Any) -> Any:
    """Copy a JSON value with null for what JSON cannot hold (NaN and the infinities)."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _share(share: float | None) -> str:
    """Write a measured share, with a decimal where it is close to nothing or to all."""
    if share is None:
        return "–"
    percent = 100 * share
    return f"{percent:.{1 if 0 < percent < 9.95 or 99 < percent < 100 else 0}f}{_PERCENT}"


def _interval(rate: Mapping[str, Any]) -> str:
    """Write the interval of a share."""
    low, high = rate["interval"]
    return f"{_share(low).removesuffix(_PERCENT)}–{_share(high)}"


def _area(area: Mapping[str, Any]) -> str:
    """Write the interval of an AUC."""
    low, high = area["interval"]
    return f"{low:.2f}–{high:.2f}"


def _type_name(name: str) -> str:
    """Write an attack type as words."""
    return visible(name.removeprefix("sim_").replace("_", " "))


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
