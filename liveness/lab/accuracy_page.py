"""The accuracy page as Markdown, from the figures of :mod:`liveness.lab.accuracy`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from liveness.lab.evaluation import rate

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Heading and rows."""

CLOCK_S = (3.0, 5.0, 8.0, 12.0, 20.0)
"""Seconds by which decisions are counted."""


def page(figures: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    bona_fide, confidence, pairs = figures["bona_fide"], figures["confidence"], figures["pairs"]
    parts = [
        "# Accuracy\n",
        "Written by `python -m liveness.lab.accuracy`, not by hand. Every clip was judged by a calibration that has "
        "not seen its person. Shares stand with their count and a 95 % Clopper–Pearson interval; terms as in "
        "[calibration](calibration.md).\n",
        f"Bona fide: {bona_fide['count']} clips. End `suspect` (BPCER): {_share(bona_fide['bpcer'])}. End `live`: "
        f"{_share(bona_fide['live'])}; of those of 8 s or more {_share(bona_fide['live_of_8_s_or_more'])}.\n",
        "## By attack type\n",
        "*AUC* is that of the confidence, with an interval by bootstrap over persons. *Own family* is the AUC of the "
        "posterior of the attack's family alone, and *where examined* the same among clips in which that family could "
        "be examined by half or more.\n",
        _table(_attack_table(figures["attack_types"])),
        *_draws_told(figures["other_draw"]),
        "## Attack types that were not learnt from\n",
        "Each type left out of what the calibration learns from, one at a time. Models behind the signals are not "
        "learnt again, only kept from the person and, of animations, from the method: those behind `forgery` and "
        "`rendered` have seen live swaps of others, `rendered` animations by other methods, and `refilmed` screens and "
        "prints from other sources.\n",
        _table(_attack_table(figures["left_out"])),
        "## What is only doubted\n",
        "A species of which too little is established counts in no probability; its doubt can take away `live`, and "
        "nothing else. How well the doubt tells it, by calibrations that have not seen the person (no word counts as "
        "0 nats):\n",
        _table(_doubt_table(figures["doubts"])),
        *_unlearnt(figures["as_measured"]),
        "## Swap and original\n",
        f"Less confidence than the same person's original: {_share(pairs['swap_below_its_original'])}. A higher "
        f"posterior of synthesis: {_share(pairs['swap_more_synthesis_than_original'])}.\n",
        "## Does the confidence mean what it says?\n",
        f"Brier score {confidence['brier']}, calibration slope {confidence['slope']}, expected calibration error "
        f"{confidence['ece']}; both classes weighted alike, real attacks alike by family, so that the few of one "
        "family weigh as much as the many of another. With real attacks alike by clip: "
        f"{confidence['by_clip']['brier']} and "
        f"{confidence['by_clip']['slope']}. The clips in each tenth, unweighted:\n",
        _table(_reliability(figures["clips"])),
        "## Time to decision\n",
        _table(_decision_table(figures["decided"])),
        *_looks_told(figures["looks"]),
        *_later_told(bona_fide["had_they_gone_on"], figures["attack_types"]),
        "## By skin tone\n",
        "Individual typology angle of cheeks and forehead as the picture shows them, so light and white balance are "
        "in it; a swap counts by the face that is shown.\n",
        _table(_tone_table(figures["tones"])),
    ]
    if figures["calls"]:
        parts += [
            "## By bitrate and size\n",
            "Clips sent through the call simulator (VP8, no loss, never scaled up), judged by what was learnt from the "
            "clips as they are. Of two temporal layers a server that is busy decodes the lower one.\n",
            _table(_call_table(figures["calls"])),
        ]
    return "\n".join(parts)


def _table(table: Table) -> str:
    heading, rows = table
    return "".join(f"| {' | '.join(row)} |\n" for row in (heading, ("---",) * len(heading), *rows))


def _share(one: Mapping[str, Any]) -> str:
    if not one["of"]:
        return "–"
    low, high = one["interval"]
    return f"{one['count']}/{one['of']} [{100 * low:.0f}–{100 * high:.0f} %]"


def _attack_table(types: Mapping[str, Any]) -> Table:
    heading = ("attack type", "ends live (APCER)", "inconclusive", "found", "AUC", "own family", "where examined")
    return heading, [
        (
            f"`{name}`",
            *(_share(one[key]) for key in ("apcer", "inconclusive", "found")),
            f"{one['auc']['value']:.2f} [{one['auc']['interval'][0]:.2f}–{one['auc']['interval'][1]:.2f}]",
            *("–" if area is None else f"{area:.2f}" for area in one["auc_of_family"].values()),
        )
        for name, one in types.items()
    ]


def _doubt_table(doubts: Mapping[str, Any]) -> Table:
    heading = ("species", "attacks, of which it spoke", "bona fide, of which it spoke", "AUC of the doubt")
    return heading, [
        (
            f"`{name}`",
            f"{one['attacks']}, {one['spoke_of']}",
            f"{one['bona_fide']}, {one['spoke_of_bona_fide']}",
            f"{one['auc']['value']:.2f} [{one['auc']['interval'][0]:.2f}–{one['auc']['interval'][1]:.2f}]",
        )
        for name, one in doubts.items()
        if one["attacks"]
    ]


def _unlearnt(values: Sequence[Mapping[str, Any]]) -> list[str]:
    if not values:
        return []
    told = "; ".join(
        f"`{one['feature']}` of `{one['signal']}` on {one['attacks']} clips of `{one['species']}` and "
        f"{one['bona_fide']} bona fide ones that it could measure, AUC {one['auc']:.2f}"
        for one in values
    )
    return [
        "And as measured, with no curve fitted to any clip, though the feature, its window and its limits were chosen "
        f"while looking at these clips: {told}.\n"
    ]


def _reliability(clips: Sequence[Mapping[str, Any]]) -> Table:
    rows: list[tuple[str, ...]] = []
    for low in range(10):
        inside = [
            one
            for one in clips
            if min(int(one["confidence"] * 10), 9) == low and not one["attack_type"].startswith("sim_")
        ]
        if inside:
            live = sum(one["label"] == "bonafide" for one in inside)
            mean = float(np.mean([one["confidence"] for one in inside]))
            rows.append((f"{low / 10:.1f}–{(low + 1) / 10:.1f}", f"{mean:.2f}", _share(rate(live, len(inside)))))
    return ("confidence", "mean", "bona fide among them"), rows


def _decision_table(decided: Mapping[str, Any]) -> Table:
    heading = ("", "clips", "median", *(f"within {limit:g} s" for limit in CLOCK_S))
    return heading, [
        (
            name,
            str(one["count"]),
            "–" if one["median_s"] is None else f"{one['median_s']} s",
            *(str(count) for count in one["within_s"].values()),
        )
        for name, one in decided.items()
    ]


def _draws_told(draws: Mapping[str, Any]) -> list[str]:
    """Return what became of simulated attacks that were drawn otherwise."""
    told = "; ".join(
        f"of `{name}` {_share(one['suspect'])} found, {one['inconclusive']['count']} inconclusive, "
        f"{one['live']['count']} live"
        for name, one in draws.items()
    )
    return [f"In another draw of what is random in the simulated ones (the moment, noise, drift, the cut): {told}.\n"]


def _looks_told(looks: Mapping[str, Any]) -> list[str]:
    """Return the part about other frames of the same clips."""
    suspect, live = looks["bona_fide"]["suspect"], looks["bona_fide"]["live"]
    return [
        "## With other frames of the same clips\n",
        "A call's first frame falls anywhere, and which frames are analysed follows from it. The same clips with their "
        f"frames some milliseconds later: {suspect['some']} of {suspect['of']} bona fide clips end `suspect` at one "
        f"look or more; {live['some']} end `live` at one or more, {live['all']} at all.\n",
        _table(_look_table(looks["each"])),
    ]


def _later_told(live: Mapping[str, Any], types: Mapping[str, Any]) -> list[str]:
    """Return the part about calls that last longer than the clips."""
    if not live["suspect"]["of"]:
        return []
    found = [
        f"`{name}` {one['had_they_gone_on']['suspect']['count']} of {one['had_they_gone_on']['suspect']['of']}"
        for name, one in types.items()
    ]
    return [
        "## Had the clips gone on\n",
        "Calls last longer than clips, and what is said grows surer with time. What was measured of each clip, over "
        f"and over until {live['seconds']:g} s are full: {_share(live['suspect'])} bona fide clips end `suspect`, "
        f"{_share(live['live'])} end `live`. Attacks that end `suspect` then: {', '.join(found)}. It shows what time "
        "alone does; new moments may bring what these clips do not have.\n",
    ]


def _look_table(each: Sequence[Mapping[str, Any]]) -> Table:
    heading = ("later by", "BPCER", "end live", "live of 8 s or more", "swaps end live", "AUC of swaps")
    return heading, [
        (
            f"{one['shift_ms']} ms",
            *(_share(one["bona_fide"][key]) for key in ("bpcer", "live", "live_of_8_s_or_more")),
            _share(one["swaps"]["apcer"]) if one["swaps"] else "–",
            f"{one['swaps']['auc']['value']:.2f}" if one["swaps"] else "–",
        )
        for one in each
    ]


def _tone_table(tones: Sequence[Mapping[str, Any]]) -> Table:
    heading = ("tone", "bona fide", "BPCER", "end live", "mean confidence", "swaps", "APCER")
    return heading, [
        (
            one["tone"],
            str(one["bona_fide"]),
            _share(one["bpcer"]),
            _share(one["live"]),
            "–" if one["confidence"] is None else f"{one['confidence']:.2f}",
            str(one["swaps"]),
            _share(one["apcer"]),
        )
        for one in tones
    ]


def _call_table(calls: Sequence[Mapping[str, Any]]) -> Table:
    heading = (
        *("line", "BPCER", "end live", "newly suspect"),
        *("swaps end live", "AUC of swaps", "stills and loops found", "Brier"),
    )
    return heading, [
        (
            one["line"],
            _share(one["bona_fide"]["bpcer"]),
            _share(one["bona_fide"]["live"]),
            ", ".join(one["newly_suspect"]) or "none",
            _share(one["swaps"]["apcer"]) if one["swaps"] else "–",
            f"{one['swaps']['auc']['value']:.2f}" if one["swaps"] else "–",
            _share(one["injected"]),
            f"{one['brier']}",
        )
        for one in calls
    ]
