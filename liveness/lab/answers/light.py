"""The light code's figures over simulated answers: who passes, who is left in doubt, who is accused."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
from scipy.stats import beta

from liveness.challenges.contract import Result
from liveness.challenges.light_code import FALSE_ALARM_RATE, LightSettings, judge
from liveness.challenges.light_score import LightScore, Seen, chances, score
from liveness.challenges.light_sequence import RANDOM_BYTES, SYMBOLS, Code
from liveness.challenges.strengths import SCHEMA
from liveness.dsp import Series
from liveness.lab.answers.light_rendering import Answer, jobs, render_all
from liveness.lab.answers.light_scene import Kind
from liveness.lab.dataset import Sample

GIVERS = {
    "genuine": "bonafide",
    "recording": "injection",
    "other_code": "injection",
    "late": "synthesis",
    "global": "synthesis",
    "photo": "presentation",
    "cutout": "presentation",
    "screen": "presentation",
}
"""Who gives an answer of each kind, as counts name it. ``other_code`` is a genuine answer held against another code."""

RATIOS = (0.0, 0.05, 0.1, 0.2, 0.4, np.inf)
"""Edges of the groups by screen lux to ambient lux."""
TONES = (("light", 41.0, np.inf), ("intermediate", 28.0, 41.0), ("tan", 10.0, 28.0), ("brown and dark", -np.inf, 10.0))
"""Skin by its individual typology angle in degrees, as measured on the frames (Chardon et al. 1991)."""

_WRONG_CODES = 100_000
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One answer with what came of it."""

    person: str
    kind: str
    result: Result
    visible: bool
    ratio: float
    tone: str
    score: LightScore | None
    seen: Seen


def for_figures(person: str) -> bool:
    """Whether a person serves for figures; thresholds were chosen on the others."""
    return hashlib.sha256(f"light {person}".encode()).digest()[0] % 2 == 0


def judged(answers: Iterable[Answer], settings: LightSettings) -> list[Row]:
    """Judge each answer, and each genuine one against a code that was not shown, too."""
    rows = []
    for answer in answers:
        seen = Seen(answer.times_s, answer.colours, answer.lost, answer.wide)
        rows.append(_row(answer, answer.kind, answer.code, seen, settings))
        if answer.kind == "genuine":
            other = hashlib.sha256(f"another {answer.code}".encode()).digest()[:RANDOM_BYTES].hex()
            rows.append(_row(answer, "other_code", other, seen, settings))
    return rows


def _row(answer: Answer, kind: str, code: str, seen: Seen, settings: LightSettings) -> Row:
    found = score(Code.of_text(code), seen)
    said = judge(found, seen, settings)
    return Row(answer.person, kind, said.result, said.visible, answer.scene.ratio, _tone(seen), found, seen)


@dataclass(frozen=True, slots=True)
class WrongCodes:
    """What came of codes that were never shown."""

    tried: int
    by_rank: int
    """So many fitted as well as one in a thousand does."""
    accepted: int
    """So many of those would have passed, all else that is asked of an answer being looked at as well."""
    answers: int


def wrong_codes(seen: Sequence[Seen], count: int, seed: int = 1) -> WrongCodes:
    """Hold ``count`` wrong codes against answers in turn."""
    rng = np.random.default_rng(seed)
    each = -(-count // max(len(seen), 1))
    by_rank = accepted = tried = 0
    for one in seen:
        beat = Code.of_bytes(rng.bytes(RANDOM_BYTES))
        codes = _codes(rng, min(each, count - tried))
        found = chances(beat, codes, one)
        if found is None:
            continue
        tried += len(found)
        for signs in codes[found <= FALSE_ALARM_RATE]:
            by_rank += 1
            code = Code(tuple((bool(left > 0), bool(right > 0)) for left, right in signs), beat.lengths_s)
            accepted += judge(score(code, one), one, LightSettings()).result == "passed"
    return WrongCodes(tried, by_rank, accepted, len(seen))


def _codes(rng: np.random.Generator, count: int) -> Series:
    return rng.choice(np.array([-1.0, 1.0]), size=(count, SYMBOLS, 2))


def interval(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Clopper and Pearson)."""
    if of == 0:
        return 0.0, 1.0
    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return low, high


def _tone(seen: Seen) -> str:
    before = seen.colours[seen.times_s < 0][:, :4]
    colour = np.nanmedian(before.reshape(-1, 3), axis=0) if np.isfinite(before).any() else np.full(3, 128.0)
    lab = cv2.cvtColor(np.asarray(colour / 255, dtype=np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]
    angle = float(np.degrees(np.arctan2(lab[0] - 50, max(lab[2], 1e-3))))
    return next(name for name, low, high in TONES if low <= angle < high)


def wanted(samples: Sequence[Sample], rounds: int, *, figures: bool = True) -> list[tuple[Sample, Kind, int]]:
    """Return what to render of the persons that serve for figures, or of the others."""
    clips = [one for one in samples if one.label == "bonafide" and not one.picture]
    return jobs([one for one in clips if for_figures(one.group) == figures], rounds)


def run(
    samples: Sequence[Sample], *, cache: Path, out: Path, most: int, command: str, progress: Callable[[str], None]
) -> list[str]:
    """Render, judge, write the counts, and return the table's lines.

    Parameters
    ----------
    command
        How this was called, to stand with the counts.
    cache
        Folder for what was measured; what is there is not rendered again.
    most
        No more answers than this are rendered.
    """
    answers = render_all(wanted(samples, _ROUNDS)[:most], cache, progress)
    rows = judged(answers, LightSettings())
    shown = [one.seen for one in rows if one.kind in ("genuine", "recording")]
    write(out, rows, command)
    return [*table(rows), *_false_alarms(wrong_codes(shown, _WRONG_CODES))]


def write(out: Path, rows: Sequence[Row], command: str) -> None:
    """Write the counts: by who answered, as strengths take them, and by kind of answer."""
    givers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        givers[GIVERS[row.kind]][row.result] += 1
        kinds[row.kind][row.result] += 1
    results = get_args(Result)
    document = {
        "schema": SCHEMA,
        "command": command,
        "persons": len({row.person for row in rows}),
        "counts": {"light_code": {who: {r: by[r] for r in results} for who, by in sorted(givers.items())}},
        "kinds": {"light_code": {kind: {r: by[r] for r in results} for kind, by in sorted(kinds.items())}},
    }
    out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> list[str]:
    """Return the table of results by kind, then genuine answers by light, and by skin."""
    lines = [f"{'answer':<24}{'n':>5}{'passed':>8}{'broken':>8}{'unclear':>9}{'seen':>6}   passed of seen"]
    lines += [_line(kind, [row for row in rows if row.kind == kind]) for kind in GIVERS]
    genuine = [row for row in rows if row.kind == "genuine"]
    lines += [
        _line(f"screen/room {low:g}–{high:g}", [row for row in genuine if low <= row.ratio < high])
        for low, high in itertools.pairwise(RATIOS)
    ]
    lines += [_line(f"skin {name}", [row for row in genuine if row.tone == name]) for name, _, _ in TONES]
    lines.append(f"persons: {len({row.person for row in rows})}")
    return lines


def _line(name: str, rows: Sequence[Row]) -> str:
    by = Counter(row.result for row in rows)
    seen = [row for row in rows if row.visible]
    passed = sum(row.result == "passed" for row in seen)
    low, high = interval(passed, len(seen))
    share = f"{passed / len(seen):6.1%} ({low:.1%}–{high:.1%})" if seen else ""
    return f"{name:<24}{len(rows):>5}{by['passed']:>8}{by['broken']:>8}{by['unclear']:>9}{len(seen):>6}   {share}"


def _false_alarms(found: WrongCodes) -> list[str]:
    lines = []
    for what, count in (("pass by rank", found.by_rank), ("are accepted", found.accepted)):
        low, high = interval(count, found.tried)
        lines.append(
            f"wrong codes that {what}: {count} of {found.tried} over {found.answers} answers: "
            f"{count / max(found.tried, 1):.3%} (95 %: {low:.3%}–{high:.3%}; stated {FALSE_ALARM_RATE:.1%})"
        )
    return lines
