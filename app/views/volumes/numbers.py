"""The numbers beside the histograms of the Volumes page: AUC, overlap, medians, and what random vectors give."""

from collections.abc import Mapping
from html import escape
from math import floor, log10

import numpy as np
import pandas as pd
import streamlit as st

from app.data import sets
from app.text import csv_safe
from gram import measures
from gram.plots.style import number
from gram.retrieval.distributions import Distributions

_STYLE = """<style>
table.values { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
table.values :is(th, td) { padding: 0.3rem 0.5rem 0.3rem 0; text-align: left; vertical-align: baseline; border: 0; }
table.values tbody tr { border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
table.values tbody th { font-weight: 400; font-size: 0.9rem; opacity: 0.7; cursor: help; }
table.values td { font-size: 1.15rem; font-weight: 600; }
table.values small { display: block; font-size: 0.75rem; font-weight: 400; opacity: 0.7; }
</style>"""


def show(measure: str, symbol: str, found: Mapping[str, Distributions]) -> None:
    """Show what the distributions of a measure come to, a column a model, and a way to save them.

    Args:
        measure: its name.
        symbol: what a value is called where room is short.
        found: model -> distributions.
    """
    columns = [_facts(measure, symbol, twin, each) for twin, each in found.items()]
    names = max(columns, key=len)
    head = "".join(f"<th scope='col'>{escape(twin)}</th>" for twin in found) if len(found) > 1 else ""
    rows = "".join(
        f"<tr><th scope='row' title='{escape(hint, quote=True)}'>{escape(name)}</th>"
        + "".join(_cell(*column.get(name, ("–", "", ""))) for column in columns)
        + "</tr>"
        for name, (_, _, hint) in names.items()
    )
    st.html(f"{_STYLE}<table class='values'><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>")
    st.download_button(
        "Numbers and bins as CSV",
        lambda: csv_safe(_bins_table(found)),
        f"{measure}-distributions.csv",
        "text/csv",
        on_click="ignore",
    )


def _cell(value: str, beside: str, hint: str) -> str:
    return f"<td>{escape(value)}<small>{escape(beside)}</small></td>"


def _facts(measure: str, symbol: str, twin: str, found: Distributions) -> dict[str, tuple[str, str, str]]:
    """Return name -> (value, what goes with it, what it means) of one model."""
    embedding_set = sets.load_set(twin)
    expected = measures.get(measure).random_mean(1 + len(found.candidates), embedding_set.d)
    low, high = (_near_one(end) for end in found.auc_interval)
    side = "≤" if found.small_is_aligned else "≥"
    scope = "all of them" if found.is_exact else f"among {len(found.sample):,} sampled items"
    facts = {
        "AUC": (
            _near_one(found.auc),
            f"{low} to {high}",
            "How likely a matched value is better than a mismatched one, ties half; 0.5 is chance. Below it, the 95 % "
            "interval from leaving out one item at a time",
        ),
        "Overlap": (
            number(found.overlap),
            f"{symbol} {side} {number(found.threshold)}",
            "Least sum of the share of matched turned away and of mismatched let in, over all thresholds; 0 apart, "
            "1 alike. Below it, the threshold that gives it",
        ),
        "Matched": (number(float(np.median(found.matched))), f"median of {len(found.rows):,}", "One value an item"),
        "Mismatched": (number(found.mismatched_median), f"median of {found.pairs:,}, {scope}", "One value a pair"),
        "Random": (number(expected), "expected", "What independent random directions give on average"),
    }
    if found.left_out:
        any_will_do = measures.get(measure).min_candidates == 1
        lacking = "every candidate" if any_will_do else "a candidate that the measure needs"
        facts["Left out"] = (f"{found.left_out:,}", "items", f"They lack the anchor or {lacking}")
    return facts


def _near_one(share: float) -> str:
    """Return a share in three digits, or in as many as show how far it is from 1."""
    return number(share) if share < 0.99 or share == 1 else f"{share:.{min(9, 2 - floor(log10(1 - share)))}f}"


def _bins_table(found: Mapping[str, Distributions]) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame(
            {
                "model": twin,
                "from": each.edges[:-1],
                "to": each.edges[1:],
                "matched_items": each.matched_counts,
                "mismatched_pairs": each.mismatched_counts,
                "auc": each.auc,
                "auc_low": each.auc_interval[0],
                "auc_high": each.auc_interval[1],
                "overlap": each.overlap,
            }
        )
        for twin, each in found.items()
    )
