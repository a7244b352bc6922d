"""The HTML report of a reviewed recording: one file that explains itself, without network or server.

The page is made of templates and of assets that are inlined. What can be said in words is said by the
server side, so that it can be read, printed and searched without JavaScript; the script adds the video's
shared cursor and the zoomable charts.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from liveness.errors import MediaError
from liveness.output import visible
from liveness.review.challenge_view import challenge_views
from liveness.verdict import FAMILIES, Family

EMBED_LIMIT = 200_000_000
"""Largest recording, in bytes, that is put into the page; browsers hold 512 MB of base64 at most."""

_BLOCK = 3 << 18
"""Bytes read from the recording at a time; divisible by three, so that the base64 pieces join."""

_TABLE_ROWS = 240
"""Rows of a table that a person would still read; the rest is in the page's JSON."""

_PLOT_POINTS = 600
"""Points of the printed curve: about three a millimetre of paper."""

_CLEAR_NATS, _STRONG_NATS = 1.0, 3.0
"""From where evidence is called clear (2.7 times likelier) and strong (20 times)."""

_SEEN_ENOUGH = 0.5
"""Coverage below which no answer is put in words, where the calibration states no threshold of its own."""


@dataclass(frozen=True, slots=True)
class _FamilyWords:
    short: str
    question: str
    thing: str


_FAMILY_WORDS: Mapping[Family, _FamilyWords] = {
    "presentation": _FamilyWords(
        "Photo or screen before the camera",
        "Is a photo or a screen held before the camera?",
        "a photo or a screen held before the camera",
    ),
    "injection": _FamilyWords(
        "Recording or loop fed in",
        "Is a recording or a loop fed in, as if it were a camera?",
        "a recording or a loop, fed in as if it were a camera",
    ),
    "synthesis": _FamilyWords(
        "Face made or changed by a model",
        "Is the face made or changed by a model?",
        "a face made or changed by a model",
    ),
    "substitution": _FamilyWords(
        "Another person",
        "Is it another person than before?",
        "another person than before",
    ),
}


@dataclass(frozen=True, slots=True)
class _Video:
    """How the recording is shown."""

    kind: Literal["embedded", "beside", "absent"]
    mime: str = ""
    path: Path | None = None
    href: str = ""
    note: str = ""

    def pieces(self) -> Iterator[Markup]:
        """Yield the recording in base64, block by block."""
        assert self.path is not None
        try:
            with self.path.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield Markup(base64.b64encode(block).decode("ascii"))  # noqa: S704 (base64 has no markup)
        except OSError as error:
            raise MediaError(f"{self.path.name} could not be read while the report was written: {error}") from error


@dataclass(frozen=True, slots=True)
class _Bar:
    """A stretch of time in which a signal spoke, with the family it spoke about most strongly."""

    id: str
    start_s: float
    end_s: float
    quality: float
    llr: float
    family: Family
    text: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One signal with all it said, or with why it said nothing."""

    name: str
    title: str
    bars: tuple[_Bar, ...]
    missing: str | None

    @property
    def strongest(self) -> _Bar | None:
        """The bar that says most, in either direction."""
        return max(self.bars, key=lambda bar: abs(bar.llr), default=None)


@dataclass(frozen=True, slots=True)
class _Run:
    """A stretch of the timeline in one state."""

    state: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Answer:
    """One of the four questions, answered as far as the recording allows."""

    words: _FamilyWords
    posterior: float
    prior: float | None
    coverage: float | None
    """None: not examined."""
    text: str


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why the verdict is what it is."""

    title: str
    time_s: float
    words: _FamilyWords
    llr: float
    text: str
    picture: str | None


@dataclass(frozen=True, slots=True)
class _Moment:
    """What evidence looked like."""

    time_s: float
    picture: str
    text: str


@dataclass(frozen=True, slots=True)
class _Story:
    """The verdict in words."""

    state: str
    title: str
    headline: str
    meaning: str
    why: tuple[str, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class _Plot:
    """Places seconds on the printed chart, whose width is 1000 units."""

    duration_s: float
    loudest: float
    """The strongest evidence in nats, which gets the longest bar."""
    left: float = 52.0
    right: float = 990.0

    def x(self, time_s: float) -> float:
        """Return the horizontal place of a time."""
        share = min(max(time_s / self.duration_s, 0.0), 1.0)
        return round(self.left + share * (self.right - self.left), 1)

    def tall(self, llr: float) -> float:
        """Return the length of a bar: 17 units for the strongest, weak ones still to be seen."""
        return round(max(17 * math.asinh(abs(llr)) / math.asinh(self.loudest), 1.5), 1)

    def ticks(self) -> list[float]:
        """Return at most nine round times."""
        steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
        step = next((step for step in steps if self.duration_s / step <= 8), self.duration_s / 8)
        return [index * step for index in range(int(self.duration_s / step) + 1)]


def write_report(
    path: Path,
    review: Mapping[str, Any],
    *,
    video: Path | None,
    thumbnails: Mapping[str, bytes],
    embed_limit: int = EMBED_LIMIT,
) -> None:
    """Write the report of one recording to ``path``, whole or not at all.

    Parameters
    ----------
    path
        The HTML file to make; an older one is replaced at the end, in one step.
    review
        The JSON object of one recording, schema ``liveness.review/1``.
    video
        The recording, or None to leave it out.
    thumbnails
        JPEG pictures of the moment that shows a piece of evidence, by evidence id.
    embed_limit
        A recording larger than this many bytes is linked by a relative path, and the page says so.

    Raises
    ------
    MediaError
        The recording cannot be read.
    OSError
        The report cannot be written where it should go.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    pieces = render_report(review, video=video, thumbnails=thumbnails, folder=path.parent, embed_limit=embed_limit)
    try:
        # File names that are not valid UTF-8 reach us as lone surrogates, which no UTF-8 page can hold.
        with part.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(pieces)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def render_report(
    review: Mapping[str, Any],
    *,
    video: Path | None,
    thumbnails: Mapping[str, bytes],
    folder: Path = Path(),
    embed_limit: int = EMBED_LIMIT,
) -> Iterator[str]:
    """Yield the report's text piece by piece; a long recording never stands in memory as one string.

    ``folder`` is where the page will lie: what a link to a recording too large to embed is relative to. For
    the other parameters and the errors see :func:`write_report`.
    """
    shown = _video(video, folder=folder, limit=embed_limit)
    if video is None and review["media"].get("container") == "webrtc":
        shown = _Video("absent", note="No video of the call was kept.")
    template = _environment().get_template("report.html.j2")
    yield from template.generate(_view(_finite(review), shown, thumbnails))


def _view(review: dict[str, Any], video: _Video, thumbnails: Mapping[str, bytes]) -> dict[str, Any]:
    """Return all that the templates name."""
    titles = {signal["name"]: signal["title"] for signal in review["engine"]["signals"]}
    challenge_titles = {one["name"]: one["title"] for one in review["engine"].get("challenges", ())}
    timeline = review["timeline"]
    duration_s = max([0.1, review["duration_s"] or 0.0, *(item["time_s"] for item in timeline)])
    runs = _runs(timeline, duration_s)
    rows = _rows(review, titles)
    clock = partial(_clock, tenths=duration_s < 600)
    pictures = {name: _data_uri(jpeg) for name, jpeg in thumbnails.items()}
    thinned = _thin(timeline, _TABLE_ROWS)
    return {
        "review": review,
        "live": review["media"].get("container") == "webrtc",
        "video": video,
        "story": _story(review, runs),
        "answers": _answers(review),
        "reasons": _reasons(review, titles | challenge_titles, pictures),
        "challenges": challenge_views(review.get("challenges", ())),
        "challenge_titles": challenge_titles,
        "next_why": _why(review["verdict"]["next_step"], challenge_titles),
        "rows": rows,
        "titles": titles,
        "runs": sorted(runs, key=lambda run: run.state == "suspect"),
        "plot": _Plot(duration_s, max([_STRONG_NATS, *(abs(bar.llr) for row in rows for bar in row.bars)])),
        "curves": _unbroken(_thin(timeline, _PLOT_POINTS)),
        "timeline": thinned,
        "timeline_step_s": duration_s / len(thinned) if len(thinned) < len(timeline) else 0.0,
        "evidence": _strongest(review["evidence"], _TABLE_ROWS),
        "moments": _moments(review["evidence"], pictures),
        "missing": _missing(review["verdict"]["missing"], titles),
        "thresholds": _flat(review["engine"].get("thresholds") or {}),
        "clock": clock,
        "csp": _security_policy(video),
        "css": styles(),
        "scripts": scripts(),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("liveness.review"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    environment.filters |= {
        "percent": _percent,
        "lasting": _lasting,
        "portion": _portion,
        "strength": _strength,
        "odds": _odds,
        "visible": visible,
        "words": lambda name: str(name).replace("_", " "),
        "number": _number,
    }
    environment.globals |= {
        "family_words": _FAMILY_WORDS,
        "clear_nats": _CLEAR_NATS,
        "strong_nats": _STRONG_NATS,
    }
    return environment


@cache
def _asset(name: str) -> str:
    return files("liveness.review").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def styles() -> Markup:
    """Return the page's style sheet; a page that shows the report under its own policy needs its hash."""
    return Markup(_asset("uPlot.min.css") + "\n" + _asset("report.css"))  # noqa: S704 (files of this package)


@cache
def scripts() -> tuple[Markup, Markup]:
    """Return uPlot under its licence, and the page's own module."""
    uplot = f"/*!\n{_asset('uPlot.LICENSE').strip()}\n*/\n{_asset('uPlot.iife.min.js')}"
    return Markup(uplot), Markup(_asset("report.js"))  # noqa: S704 (files of this package)


def _why(next_step: Mapping[str, str] | None, titles: Mapping[str, str]) -> str:
    """Return why something is to be asked next, to stand after its title, which is not said twice."""
    if next_step is None:
        return ""
    why, title = next_step["why"], titles.get(next_step["challenge"], "")
    if title and why.startswith(f"{title}: "):
        return why[len(title) :]
    return f". {why}"


def _security_policy(video: _Video) -> str:
    """Return a policy under which nothing runs but the page's own code, and nothing is fetched at all."""

    def hashes(*texts: str) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    beside = " 'self' file:" if video.kind == "beside" else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes(*scripts())}",
            f"style-src {hashes(styles())}",
            "img-src data: blob:",
            f"media-src data: blob:{beside}",
            "connect-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _video(path: Path | None, *, folder: Path, limit: int) -> _Video:
    if path is None:
        return _Video("absent", note="The recording is not part of this report.")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            mime = _mime(file.read(16))
    except OSError as error:
        raise MediaError(f"{path.name} cannot be shown in the report: {error}") from error
    if mime is None:
        return _Video(
            "absent",
            note="Browsers cannot play this kind of file; moments are shown as pictures where there are any.",
        )
    if size <= limit:
        return _Video("embedded", mime, path)
    relative = os.path.relpath(path.resolve(), folder.resolve())
    return _Video(
        "beside",
        mime,
        path,
        "./" + quote(os.fsencode(relative)),
        f"The recording ({size / 1e6:.0f} MB) is too large to be part of this page. It is read from its "
        "own file: keep both where they are, relative to each other.",
    )


def _mime(head: bytes) -> str | None:
    """Tell from a file's first 16 bytes what a browser should take it for; None for what it cannot play."""
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm"
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free"}:
        return "video/mp4"
    return "video/ogg" if head.startswith(b"OggS") else None


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _finite(value: Any) -> Any:
    """Copy a JSON value with null for what JSON cannot hold (NaN and the infinities)."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _story(review: Mapping[str, Any], runs: Sequence[_Run]) -> _Story:
    verdict = review["verdict"]
    summary = _summary(runs)
    if verdict["state"] == "live":
        return _Story(
            "live",
            "Live",
            "This looks like a live person in front of a camera.",
            "Taken together, what could be measured fits a live person. It does not say who the person is, "
            "and a very good fake could look the same.",
            summary=summary,
        )
    if verdict["state"] == "suspect":
        family = max(FAMILIES, key=lambda name: verdict["families"].get(name) or 0.0)
        return _Story(
            "suspect",
            "Suspect",
            f"This may be {_FAMILY_WORDS[family].thing}.",
            "This is a reason to ask, not proof. Attacks are rare, so an alarm like this one is often wrong: "
            "turn nobody away because of it.",
            summary=summary,
        )
    least = min((share for share in verdict["coverage"].values()), default=0.0)
    return _Story(
        "inconclusive",
        "Inconclusive",
        "We have seen too little to say." if least < _seen_enough(review) else "What we saw does not settle it.",
        "This says something about what could be seen, and nothing against the person.",
        why=tuple(_obstacles(verdict, _seen_enough(review))),
        summary=summary,
    )


def _seen_enough(review: Mapping[str, Any]) -> float:
    """Return the coverage that the calibration asks for before anything is called live."""
    return float((review["engine"].get("thresholds") or {}).get("live_coverage", _SEEN_ENOUGH))


def _obstacles(verdict: Mapping[str, Any], enough: float) -> Iterator[str]:
    """Say why there is no verdict: what kept most signals from measuring, and the question least answered."""
    for rank, (sentence, signals) in enumerate(Counter(verdict["missing"].values()).most_common(2)):
        if rank == 0 or signals > 1:
            yield sentence
    coverage: Mapping[Family, float] = verdict["coverage"]
    if not coverage:
        yield "None of the four questions could be examined."
        return
    family = min(coverage, key=lambda name: coverage[name])
    question = _FAMILY_WORDS[family].question
    if coverage[family] < 0.01:
        yield f"Nothing could be measured for the question “{question}”"
    elif coverage[family] < enough:
        yield f"“{question}” Only {_portion(coverage[family])} of what can be measured about it was measured."
    else:
        yield str(verdict["summary"])


def _summary(runs: Sequence[_Run]) -> str:
    """Say in one sentence how the recording went."""
    names = {"live": "live", "suspect": "suspect", "inconclusive": "inconclusive", "warming_up": "warming up"}
    lasted: dict[str, float] = {}
    for run in runs:
        lasted[run.state] = lasted.get(run.state, 0.0) + run.end_s - run.start_s
    ordered = sorted(lasted.items(), key=lambda item: -item[1])
    parts = [f"{names.get(state, state)} for {_lasting(seconds)}" for state, seconds in ordered]
    return f"Altogether: {', '.join(parts)}." if parts else "There is no timeline."


def _runs(timeline: Sequence[Mapping[str, Any]], duration_s: float) -> list[_Run]:
    """Return the stretches of equal state; each verdict holds until the next."""
    runs: list[_Run] = []
    for index, item in enumerate(timeline):
        end_s = timeline[index + 1]["time_s"] if index + 1 < len(timeline) else duration_s
        if runs and runs[-1].state == item["state"]:
            runs[-1] = _Run(item["state"], runs[-1].start_s, end_s)
        else:
            runs.append(_Run(item["state"], item["time_s"], end_s))
    return runs


def _answers(review: Mapping[str, Any]) -> list[_Answer]:
    verdict, prior = review["verdict"], review["engine"].get("prior") or {}
    answers = []
    for family in FAMILIES:
        examined = family not in verdict["not_examined"]
        coverage = (verdict["coverage"].get(family) or 0.0) if examined else None
        posterior = verdict["families"].get(family) or 0.0
        answers.append(
            _Answer(
                _FAMILY_WORDS[family],
                posterior,
                prior.get(family),
                coverage,
                _answer_text(posterior, coverage, _seen_enough(review)),
            )
        )
    return answers


def _answer_text(posterior: float, coverage: float | None, enough: float) -> str:
    if coverage is None:
        return "Not examined"
    if posterior >= 0.5:
        return "Probably"
    if coverage < enough:
        return "Seen too little to say"
    return "Possibly" if posterior >= 0.15 else "Probably not"


def _reasons(review: Mapping[str, Any], titles: Mapping[str, str], pictures: Mapping[str, str]) -> list[_Reason]:
    reasons = sorted(review["verdict"]["reasons"], key=lambda reason: -abs(reason["llr"] or 0.0))
    return [
        _Reason(
            titles.get(reason["signal"], reason["signal"]),
            reason["time_s"],
            _FAMILY_WORDS[reason["family"]],
            reason["llr"] or 0.0,
            reason["text"],
            _picture_of(reason, review["evidence"], pictures),
        )
        for reason in reasons
    ]


def _picture_of(
    reason: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]], pictures: Mapping[str, str]
) -> str | None:
    """Return the picture of the evidence that a reason rests on: its signal's, nearest in time."""
    candidates = [item for item in evidence if item["signal"] == reason["signal"] and item["id"] in pictures]
    nearest = min(candidates, key=lambda item: abs(item["end_s"] - reason["time_s"]), default=None)
    if nearest is None or not nearest["start_s"] - 1.0 <= reason["time_s"] <= nearest["end_s"] + 1.0:
        return None
    return pictures[nearest["id"]]


def _rows(review: Mapping[str, Any], titles: Mapping[str, str]) -> list[_Row]:
    """Return one row a signal: those that say most come first, those that said nothing last."""
    bars: dict[str, list[_Bar]] = {name: [] for name in titles}
    for item in review["evidence"]:
        llr = {family: nats for family, nats in item["llr"].items() if nats is not None}
        if llr:
            family = max(llr, key=lambda name: abs(llr[name]))
            bars.setdefault(item["signal"], []).append(
                _Bar(
                    item["id"],
                    item["start_s"],
                    item["end_s"],
                    item["quality"] or 0.0,
                    llr[family],
                    family,
                    item["reason"],
                )
            )
    missing = review["verdict"]["missing"]
    rows = [_Row(name, titles.get(name, name), tuple(said), missing.get(name)) for name, said in bars.items()]
    return sorted(rows, key=lambda row: -abs(row.strongest.llr) if row.strongest else 1.0)


def _missing(missing: Mapping[str, str], titles: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return each sentence once, with the titles of the signals that it holds for."""
    sentences: dict[str, list[str]] = {}
    for name, sentence in missing.items():
        sentences.setdefault(sentence, []).append(titles.get(name, name))
    return sorted(sentences.items(), key=lambda item: -len(item[1]))


def _moments(evidence: Sequence[Mapping[str, Any]], pictures: Mapping[str, str]) -> list[_Moment]:
    """Return up to eight pictured moments, in order of time."""
    shown = _strongest([item for item in evidence if item["id"] in pictures], 8)
    return [_Moment(item["end_s"], pictures[item["id"]], item["reason"]) for item in shown]


def _strongest(evidence: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Return at most ``most`` pieces of evidence, those that say most, in order of time."""
    ranked = sorted(evidence, key=lambda item: -max((abs(nats or 0.0) for nats in item["llr"].values()), default=0))
    return sorted(ranked[:most], key=lambda item: item["start_s"])


def _thin(timeline: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Return at most ``most`` points: of each stretch the one with the lowest confidence."""
    if len(timeline) <= most:
        return list(timeline)
    edges = [index * len(timeline) // most for index in range(most + 1)]
    stretches = (timeline[start:end] for start, end in pairwise(edges))
    return [min(stretch, key=lambda item: item["confidence"]) for stretch in stretches]


def _unbroken(timeline: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Split where time passed without a verdict, so that no line is drawn over what was not seen."""
    steps = sorted(later["time_s"] - item["time_s"] for item, later in pairwise(timeline))
    longest = max(2.0, 3 * steps[len(steps) // 2]) if steps else 0.0
    parts: list[list[Mapping[str, Any]]] = []
    for item in timeline:
        if not parts or item["time_s"] - parts[-1][-1]["time_s"] > longest:
            parts.append([])
        parts[-1].append(item)
    return parts


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the leaves of nested settings with their names joined."""
    leaves: list[tuple[str, Any]] = []
    for key, value in tree.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        leaves += _flat(value, f"{name}, ") if isinstance(value, Mapping) else [(name, value)]
    return leaves


def _percent(share: float | None) -> str:
    """Write a probability without ever claiming certainty."""
    if share is None:
        return "–"
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{share * 100:.0f} %"


def _portion(share: float | None) -> str:
    """Write how much of something there was; unlike a probability it can be nothing or all."""
    return f"{(share or 0.0) * 100:.0f} %"


def _clock(seconds: float, *, tenths: bool) -> str:
    """Write a media time as m:ss, with tenths in a short recording and hours in a long one."""
    rounded = round(max(seconds, 0.0), 1 if tenths else None)
    minutes, rest = divmod(rounded, 60)
    hours, minutes = divmod(int(minutes), 60)
    end = f"{rest:04.1f}" if tenths else f"{int(rest):02d}"
    return f"{hours}:{minutes:02d}:{end}" if hours else f"{minutes}:{end}"


def _lasting(seconds: float) -> str:
    """Write how long something took."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _strength(llr: float) -> str:
    if abs(llr) < _CLEAR_NATS:
        return "slightly"
    return "clearly" if abs(llr) < _STRONG_NATS else "strongly"


def _odds(llr: float) -> str:
    """Write a log-likelihood ratio as how many times likelier."""
    times = math.exp(min(abs(llr), 20.0))
    if times >= 1000:
        return "more than 1,000 times"
    if times >= 100:
        return f"about {round(times, -1):.0f} times"
    return f"about {times:.0f} times" if times >= 10 else f"about {times:.1f} times"


def _number(value: Any) -> str:
    """Write a measured value with three or so significant digits."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "–" if value is None else str(value)
