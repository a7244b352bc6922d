"""Tables of how well a model tells forged clips: by attack type, against the same persons, and by pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

_GENERATED: Final = "animation, reenactment, lip-sync"


class Labelled(Protocol):
    """A clip of a corpus."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def person(self) -> str:
        """Who is seen, or whose movements."""

    @property
    def kind(self) -> str:
        """Attack type; empty for bona fide."""


def auc(real: Sequence[float], fake: Sequence[float]) -> float:
    """Return the chance that a forgery scores above a real face."""
    one, other = np.asarray(real)[:, None], np.asarray(fake)[None]
    return float(((other > one) + 0.5 * (other == one)).mean())


def table(clips: Sequence[Labelled], scores: Mapping[str, float]) -> dict[str, Any]:
    """Return per attack type the AUC with its interval over persons, and the pairs."""
    real = [clip for clip in clips if not clip.kind]
    figures: dict[str, Any] = {}
    kinds = sorted({clip.kind for clip in clips if clip.kind})
    for kind in [*kinds, _GENERATED]:
        wanted = ("photo_animation", "reenactment", "lip_sync") if kind == _GENERATED else (kind,)
        fake = [clip for clip in clips if clip.kind.startswith(wanted) and clip.kind]
        figures[kind] = {"count": len(fake), **_with_interval(real, fake, scores)}
    swaps = [clip for clip in clips if clip.kind == "face_swap_realtime"]
    persons = {clip.person for clip in swaps}
    figures["face_swap_realtime against the same persons"] = {
        "count": len(swaps),
        **_with_interval([clip for clip in real if clip.person in persons], swaps, scores),
    }
    above = total = 0
    for clip in swaps:
        own = [scores[one.id] for one in real if one.person == clip.person]
        if own:
            above, total = above + int(scores[clip.id] > float(np.mean(own))), total + 1
    figures["pairs"] = {"above_own_original": above, "of": total}
    return figures


def _with_interval(real: Sequence[Labelled], fake: Sequence[Labelled], scores: Mapping[str, float]) -> dict[str, Any]:
    if not fake:
        return {"auc": None}
    persons = sorted({clip.person for clip in [*real, *fake]})
    at = {person: place for place, person in enumerate(persons)}
    one = np.array([scores[clip.id] for clip in real])[:, None]
    other = np.array([scores[clip.id] for clip in fake])[None]
    wins = (other > one) + 0.5 * (other == one)
    left, right = [at[clip.person] for clip in real], [at[clip.person] for clip in fake]
    rng = np.random.default_rng(3)
    values = []
    for _ in range(1000):
        weights = np.bincount(rng.integers(len(persons), size=len(persons)), minlength=len(persons)).astype(float)
        a, b = weights[left], weights[right]
        if a.sum() and b.sum():
            values.append(float(a @ wins @ b / a.sum() / b.sum()))
    low, high = np.quantile(values, [0.025, 0.975])
    return {"auc": round(float(wins.mean()), 3), "interval": [round(float(low), 3), round(float(high), 3)]}


def show(title: str, figures: Mapping[str, Any]) -> None:
    """Print a table."""
    print(f"== {title}")  # noqa: T201
    for name, one in figures.items():
        print(f"  {name}: {one}", flush=True)  # noqa: T201
