"""The cases that the view asks for, and their list as a table of buttons: one row a case, sorted by its heads."""

from collections.abc import Collection, Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd

from app.data.columns import Column
from app.state.failure_view import MOST, PARTS, View
from app.widgets import cards, hits
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import CAUSES, Cases, RankingComparison
from gram.plots.style import number

_HEADS = {
    "label": ("Item", "The item whose query asked"),
    "winner": ("Winner", "The best item other than the true one; where the true one is first, what comes next"),
    "rank": ("Rank", "Where the true item comes; 1 is first"),
    "margin": ("Margin", "Score of the true item minus that of the best other; below 0 it lost"),
    "cause": ("Cause", "What made it lose, decided from numbers alone"),
}
_SORTED_BY = {"winner": "winner_label"}


def ids_of(outcomes: RankingComparison, cell: str) -> set[str]:
    """Return the items of a cell of the page."""
    return {item for part in PARTS[cell] for item in outcomes.ids[part]}


def select(
    cases: Cases, ids: Collection[str], view: View, columns: Mapping[str, Column], *, but: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the rows of some cases that a view lets through, in its order.

    Args:
        cases: of the ranking whose failures these are.
        ids: of the cell.
        view: filters and order.
        columns: what can be filtered by; in the order of the set's items.
        but: filters to leave aside.
    """
    table = cases.table
    keep = table["id"].isin(ids)
    asked = {name: value for name, value in view.filters.items() if name not in but}
    for name in ("cause", "split", "winner"):
        if name in asked:
            keep &= table[name] == asked[name]
    if "label" in asked:
        keep &= table["label"].str.contains(asked["label"], regex=False, case=False)
    if "taken" in asked:
        keep &= taken_for(table["label"], table["winner_label"], *asked["taken"])
    if "within" in asked and view.span is not None and view.column in columns:
        rows = np.flatnonzero(columns[view.column].within(view.span))
        keep &= table["row"].isin(rows)
    if "wins" in asked and view.span_of_wins is not None:
        keep &= table["winner_occurrences"].between(*view.span_of_wins)
    return _ordered(table[keep], view.sort)


def _ordered(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    name = sort.removeprefix("-")
    return table.sort_values(
        [_SORTED_BY.get(name, name), "margin"], ascending=[not sort.startswith("-"), True], kind="stable"
    )


def taken_for(labels: "pd.Series", winners: "pd.Series", true: str, other: str) -> "pd.Series":
    """Return which labels have one character at a place where the winner's label, equally long, has another."""
    return pd.Series(
        [
            len(label) == len(winner) and any(pair == (true, other) for pair in zip(label, winner))
            for label, winner in zip(labels, winners, strict=True)
        ],
        index=labels.index,
        dtype=bool,
    )


# markup


def table(rows: pd.DataFrame, gallery: EmbeddingSet, *, sort: str, current: str, dark: bool) -> str:
    """Return the list as HTML; a head sorts ("sort"), a row chooses ("case")."""
    heads = "".join(_head(name, *said, sort) for name, said in _HEADS.items())
    body = "".join(_row(row, gallery, current=current, dark=dark) for row in rows.to_dict("records"))
    return (
        '<div class="rows" data-rows role="region" aria-label="Cases" tabindex="-1"><table class="cases"><thead>'
        f"<tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def headline(cell: str, count: int, chips: Sequence[tuple[str, str]], judge: str) -> str:
    """Return what is listed: the cell, how many of its cases, and the filters as buttons that clear them ("clear").

    `judge` is the ranking as sentences call it.
    """
    pressed = "".join(
        f'<button type="button" class="press" data-action="clear" data-fields="{escape(fields, quote=True)}" '
        f'aria-label="Clear {escape(said, quote=True)}">{escape(said)}</button>'
        for said, fields in chips
    )
    return (
        f'<header class="listed"><h4>{escape(cell)}: {count:,} case{"s" * (count != 1)}</h4>'
        f'<span class="quiet">{escape(judge)}</span><div class="chips">{pressed}</div></header>'
    )


def foot(shown: int, total: int) -> str:
    """Return how much of the list is in sight, and a button for more of it ("more")."""
    more = (
        '<button type="button" class="press" data-action="more" data-sign="+" data-focus="more">Show more</button>'
        if shown < min(total, MOST)
        else ""
    )
    most = f"; the export holds all {total:,}" if total > shown else ""
    return f'<div class="foot"><span class="quiet">{min(shown, total):,} of {total:,} listed{most}</span>{more}</div>'


def _head(name: str, title: str, hint: str, sort: str) -> str:
    chosen = sort.removeprefix("-") == name
    falls = sort.startswith("-")
    order = f' aria-sort="{"descending" if falls else "ascending"}"' if chosen else ""
    following = f"-{name}" if chosen and not falls else name
    arrow = ("▼" if falls else "▲") if chosen else ""
    return (
        f'<th scope="col" class="of-{name}"{order}><button type="button" class="sort" data-action="sort" '
        f'data-sort="{following}" data-focus="sort-{name}" title="{escape(hint, quote=True)}">{title}'
        f'<span aria-hidden="true">{arrow}</span></button></th>'
    )


def _row(row: Mapping, gallery: EmbeddingSet, *, current: str, dark: bool) -> str:
    item, winner = escape(row["id"], quote=True), escape(row["winner"], quote=True)
    cause = CAUSES[row["cause"]]
    fault = f"<small>{escape(row['at_fault'])}</small>" if row["at_fault"] else ""
    chosen = row["id"] == current
    name = f"{row['label']}, {'first before' if row['right'] else 'lost to'} {row['winner_label']}"
    return (
        f'<tr class="case" data-action="case" data-id="{item}" data-winner="{winner}"'
        f'{" aria-current=true" * chosen}><td class="of-label"><button type="button" class="number" '
        f'data-action="case" data-id="{item}" data-winner="{winner}" data-focus="case-{item}" data-row '
        f'aria-label="{escape(name, quote=True)}">{escape(row["label"])}</button>'
        f"{cards.picture_html(gallery, row['row'], dark=dark)}</td>"
        f'<td class="of-winner"><span class="number">{difference(row["label"], row["winner_label"])}</span>'
        f"{cards.picture_html(gallery, row['winner_row'], dark=dark)}</td>"
        f'<td class="of-rank">{hits.rank(row["rank"])}</td>'
        f'<td class="of-margin">{number(row["margin"])}</td>'
        f'<td class="of-cause"><span title="{escape(cause.help, quote=True)}">{escape(cause.title)}</span>{fault}</td>'
        "</tr>"
    )


def difference(label: str, other: str) -> str:
    """Return a label as HTML with the characters marked in which it differs from an equally long one."""
    if len(label) != len(other):
        return escape(other)
    return "".join(escape(b) if a == b else f"<mark>{escape(b)}</mark>" for a, b in zip(label, other))
