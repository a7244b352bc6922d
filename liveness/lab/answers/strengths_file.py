"""Counts of simulated answers as the file that says what an outcome is worth (:mod:`liveness.challenges.strengths`).

Only kinds of forgery that were played count for a family: where none was played for it, the challenge has no counts
for that family and says nothing about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from liveness.challenges.contract import Result
from liveness.challenges.strengths import SCHEMA
from liveness.errors import CalibrationError
from liveness.verdict import FAMILIES, Family

_BONAFIDE: Final = "bonafide"

FAMILY_OF: Final[Mapping[str, Family]] = {
    "flat_photo": "presentation",
    "photo": "presentation",
    "cutout": "presentation",
    "screen": "presentation",
    "animation": "synthesis",
    "swap_torn": "synthesis",
    "swap_blurred": "synthesis",
    "swap_mask_fails": "synthesis",
    "swap_mask_good": "synthesis",
    "late": "synthesis",
    "global": "synthesis",
    "zoomed_recording": "injection",
    "recording": "injection",
    "other_code": "injection",
    "pasted_face": "injection",
    "nothing": "injection",
}
"""Whose forgery each kind of answer is. ``nothing``: what a recording does, which knows no prompt."""

_HONEST: Final = frozenset({"done", "genuine"})
_OF_THE_PERSON: Final = frozenset(
    {
        "other_side",
        "other_first",
        "other_count",
        "opposite",
        "across",
        "too_little",
        "too_late",
        "not_held",
        "before_prompt",
        "one_syllable",
    }
)
"""A live person who does not do as asked: tells how exact the challenge is, and nothing of what it is worth."""

Counted = dict[str, dict[str, int]]


def by_giver(kinds: Mapping[str, Mapping[str, int]]) -> Counted:
    """Add up one challenge's kinds of answers by ``bonafide`` and family.

    Raises
    ------
    CalibrationError
        A kind is in no table: nobody has said whose it is.
    """
    found: Counted = {}
    for kind, counts in kinds.items():
        if kind in _OF_THE_PERSON:
            continue
        if kind not in _HONEST and kind not in FAMILY_OF:
            raise CalibrationError(f"answers of kind {kind!r} belong to no family: add it to {__name__}.FAMILY_OF")
        giver = _BONAFIDE if kind in _HONEST else FAMILY_OF[kind]
        into = found.setdefault(giver, dict.fromkeys(get_args(Result), 0))
        for result, count in counts.items():
            into[result] += count
    return {giver: found[giver] for giver in (_BONAFIDE, *FAMILIES) if giver in found}


def assembled(
    light: Mapping[str, Any],
    movements: Sequence[Mapping[str, Any]],
    *,
    date: str,
    command: str,
    note: str = "",
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the file's contents: counts by giver, and each challenge's kinds, so that what passes can be seen.

    ``light``: the light code's counts, or a file of strengths that holds them with where they come from. A challenge
    without an honest answer is left out, for nothing can be compared with it. ``movements``: runs of different
    challenges; ``only``: those of them that count, all if empty.
    """
    name = "light_code"
    counts: dict[str, Any] = {name: light["counts"][name]}
    known = light.get("provenance", {}).get(name)
    provenance: dict[str, Any] = {
        name: known
        or {
            "date": date,
            "command": light.get("command", command),
            **({"persons": light["persons"]} if "persons" in light else {}),
            "kinds": light.get("kinds", {}).get(name, {}),
        }
    }
    for movement in movements:
        people = movement["names"]
        for challenge, kinds in movement["counts"].items():
            if challenge in counts:
                raise CalibrationError(f"{challenge} is counted in two files: give each challenge's counts once")
            given = by_giver(kinds)
            if _BONAFIDE not in given or (only and challenge not in only):
                continue
            counts[challenge] = given
            provenance[challenge] = {
                "date": date,
                "command": movement["command"],
                "half": movement["people"],
                "people": people,
                "persons": len(people),
                "kinds": kinds,
                "note": note,
            }
    return {"schema": SCHEMA, "provenance": provenance, "counts": counts}


def make(light: Path, movements: Sequence[Path], out: Path, **told: Any) -> None:
    """Read the files of counts, and write the strengths; ``told`` as of :func:`assembled`."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in (light, *movements)]
    contents = assembled(read[0], read[1:], **told)
    out.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
