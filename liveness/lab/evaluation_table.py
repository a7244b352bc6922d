"""The figures of an evaluation as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

_MODES = {
    "cross-validated": "cross-validated by person: nobody is judged by curves that saw them",
    "unseen": "on clips that calibration has not seen",
    "in-sample": "IN-SAMPLE: calibration has seen some of these clips; such figures are too good",
}


def percent(share: Mapping[str, Any]) -> str:
    """Return "3/54 6% [1–15]"."""
    low, high = share["interval"]
    return f"{share['count']}/{share['of']} {share['rate']:.0%} [{100 * low:.0f}–{100 * high:.0f}]"


def show(console: Console, figures: Mapping[str, Any]) -> None:
    """Print all figures."""
    console.print(f"Evaluation of {', '.join(figures['manifests'])} — {_MODES[figures['mode']]}", highlight=False)
    bona_fide = figures["bona_fide"]
    console.print(
        f"Bona fide  {bona_fide['count']} clips, {bona_fide['seconds'] / 60:.1f} minutes in all: "
        f"BPCER {percent(bona_fide['bpcer'])}   inconclusive {percent(bona_fide['inconclusive'])}   "
        f"live {percent(bona_fide['live'])}   "
        f"live of those of 8 s or more {percent(bona_fide['live_of_8_s_or_more'])}",
        highlight=False,
    )
    if bona_fide["suspects"]:
        console.print(f"Bona fide that end suspect: {', '.join(bona_fide['suspects'])}", highlight=False)
    later = bona_fide["had_they_gone_on"]
    if later["suspect"]["of"]:
        console.print(
            f"Had each gone on like this for {later['seconds']:g} s: BPCER {percent(later['suspect'])}   "
            f"live {percent(later['live'])}",
            highlight=False,
        )
    for title, rows in (("attack type", figures["attack_types"]), ("family", figures["families"])):
        console.print(_table(title, rows))
    worst = figures["worst_type"]
    if worst:
        console.print(f"Worst: {worst}, APCER {percent(figures['attack_types'][worst]['apcer'])}", highlight=False)
    confidence = figures["confidence"]
    area = confidence["auc"]
    console.print(
        f"Confidence, real attacks only: AUC {_area(area)}   Brier {confidence['brier']}   "
        f"calibration slope {confidence['slope']}   error {confidence['ece']}   (families alike; "
        f"clips alike: Brier {confidence['by_clip']['brier']}, slope {confidence['by_clip']['slope']})   "
        f"swap below its own original {percent(figures['pairs']['swap_below_its_original'])}, "
        f"more synthesis {percent(figures['pairs']['swap_more_synthesis_than_original'])}",
        highlight=False,
    )
    pictures = figures["pictures"]
    if pictures["count"]:
        console.print(
            f"Pictures of other sources (by their surface): {pictures['count']}, AUC {pictures['auc']} pooled, "
            f"{pictures['mean_auc_within_source']} on average within a source; by looks alone, in full, above the "
            f"threshold of suspicion: {percent(pictures['suspect']['bona_fide'])} of the live, "
            f"{percent(pictures['suspect']['attacks'])} of the attacks",
            highlight=False,
        )


def _table(title: str, rows: Mapping[str, Any]) -> Table:
    table = Table()
    table.add_column(title, overflow="fold")
    for heading in (
        "APCER\n(ends live)",
        "inconclusive",
        "found\n(suspect)",
        "AUC",
        "AUC of\nfamily",
        "where\nexamined",
        "found\nafter",
    ):
        table.add_column(heading, justify="right")
    for name, row in rows.items():
        after = row["median_decided_s"]
        # An interval below its figure leaves room for names.
        shares = [percent(row[key]) for key in ("apcer", "inconclusive", "found")]
        table.add_row(
            name,
            *(cell.replace(" [", "\n[") for cell in (*shares, _area(row["auc"]))),
            *("–" if one is None else f"{one:.2f}" for one in row["auc_of_family"].values()),
            "–" if after is None else f"{after:.1f} s",
        )
    return table


def _area(area: Mapping[str, Any]) -> str:
    if area["value"] is None:
        return "–"
    low, high = area["interval"]
    return f"{area['value']:.2f} [{low:.2f}–{high:.2f}]"
