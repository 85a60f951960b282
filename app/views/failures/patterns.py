"""What failures have in common: their rate against a recorded value, what is taken for what, and who keeps winning."""

from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd
import streamlit as st

from app import theme
from app.components import chart
from app.data import failures, pictures
from app.data.columns import Column, modality_of
from app.data.failures import Asked
from app.data.rankings import SIDES
from app.state import failure_view as views
from app.state.failure_view import View
from app.text import escape_markdown
from app.widgets import cards as item_cards
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import Cases, confusions
from gram.plots.failures import Rates, confusion, doubling, failure_rates, hub_distribution
from gram.plots.style import number

_HEIGHT = 330
_MOST_CHARACTERS = 40  # a larger square cannot be read
_HUBS = 6


def show(
    pair: tuple[Asked, Asked],
    found: tuple[Cases, Cases],
    view: View,
    columns: Mapping[str, Column],
    mistakes: pd.DataFrame,
    gallery: EmbeddingSet,
) -> None:
    """Show the three pictures.

    Args:
        pair: the two rankings.
        found: their cases.
        view: what is asked for.
        columns: the recorded numbers.
        mistakes: the failures that the view lets through, whatever they are taken for.
        gallery: the set.
    """
    left, right = st.columns(2, gap="large")
    with left:
        _rates(pair, found, view, columns, gallery)
    with right:
        _confusion(mistakes, view)
    _hubs(found, view, gallery)


# failure rate


def _rates(
    pair: tuple[Asked, Asked],
    found: tuple[Cases, Cases],
    view: View,
    columns: Mapping[str, Column],
    gallery: EmbeddingSet,
) -> None:
    st.markdown("#### Failure rate against what was recorded")
    if not columns:
        st.caption("The items have no column of numbers. Add one, such as a corruption’s strength, to see its effect.")
        return
    whose = SIDES.index(view.whose)
    column = columns.get(view.column) or columns[failures.telling_column(pair[whose], found[whose])]
    by = dict(zip(pair, failures.rates(pair, found, column), strict=True))  # one where both are the same
    first = by[pair[0]]
    spans = [column.told(low, high) for low, high in zip(first["low"], first["high"], strict=True)]
    rankings = [
        Rates(
            name=asked.judge.title,
            share=table["rate"].to_numpy(),
            low=table["rate_low"].to_numpy(),
            high=table["rate_high"].to_numpy(),
            failures=table["failures"].to_numpy(),
            items=table["items"].to_numpy(),
        )
        for asked, table in by.items()
    ]
    middles = ((first["low"] + first["high"]) / 2).to_numpy()
    centres = [column.words[float(value)] for value in first["low"]] if column.words else middles
    selected = None
    if view.column and view.span:
        selected = ((first["high"] >= view.span[0]) & (first["low"] <= view.span[1])).to_numpy()
    chart.show(
        pictures.json_of(
            failure_rates, rankings, centres, axis=column.title, spans=spans, selected=selected, dark=theme.is_dark()
        ),
        key="failures_rates",
        height=_HEIGHT,
        filename=f"failure-rate-{column.name}",
        description=f"Share of failures against {column.title}: "
        + "; ".join(f"{each.name} from {each.share[0]:.0%} to {each.share[-1]:.0%}" for each in rankings),
        hint="Press a point to see its cases.",
        on_action=lambda action: _choose_bin(action, column, first),
        tools=("resetScale2d",),
    )
    if told := without_value(column, found[whose], gallery):
        st.caption(escape_markdown(told))
    if not view.column:
        st.caption("Shown is what goes along with failures most closely; choose another under **Recorded**.")


def without_value(column: Column, cases: Cases, gallery: EmbeddingSet) -> str:
    """Return how many cases are left out of the failure rates, as nothing is recorded of them; "" where none is."""
    count = int(np.isnan(column.values[cases.table["row"].to_numpy()]).sum())
    modality = modality_of(column.name, gallery)
    why = f"lack {modality}, or its recorded value" if modality else "have no recorded value"
    return f"{count:,} of {len(cases):,} items {why}, and are left out here." if count else ""


def _choose_bin(action: chart.Action, column: Column, table: pd.DataFrame) -> None:
    if action.kind == "click" and action.points:
        low, high = (float(table[end].iloc[action.points[0]]) for end in ("low", "high"))
        views.change(column=column.name, within=views.span(low, high))


# what is taken for what


def _confusion(mistakes: pd.DataFrame, view: View) -> None:
    st.markdown("#### What is taken for what")
    labels = sorted(set("".join([*mistakes["label"], *mistakes["winner_label"]])))
    same_length = mistakes["label"].str.len() == mistakes["winner_label"].str.len()
    if mistakes.empty or not same_length.any() or len(labels) > _MOST_CHARACTERS:
        st.caption(
            "Nothing failed here." if mistakes.empty else
            "This compares labels character by character, place by place; it needs labels of equal length and of "
            f"{_MOST_CHARACTERS} characters at most."
        )  # fmt: skip
        return
    counted = confusions(mistakes)
    characters = [str(each) for each in counted.index]
    places = [characters.index(each) for each in view.taken if each in characters]
    chart.show(
        pictures.json_of(
            confusion,
            counted.to_numpy(),
            characters,
            selected=(places[0], places[1]) if len(places) == 2 else None,
            dark=theme.is_dark(),
        ),
        key="failures_confusion",
        height=_HEIGHT + 60,
        filename="taken-for",
        description="How often each character of the true label was taken for another one of the winner's",
        hint="Press a cell to see its cases.",
        on_action=lambda action: _choose_pair(action, characters, view),
        tools=("resetScale2d",),
    )


def _choose_pair(action: chart.Action, characters: list[str], view: View) -> None:
    if action.kind == "click" and action.points:
        row, column = divmod(action.points[0], len(characters))
        taken = characters[row] + characters[column]
        if row != column:
            views.change(taken="" if taken == view.taken else taken)


# hubs


def _hubs(found: tuple[Cases, Cases], view: View, gallery: EmbeddingSet) -> None:
    st.markdown("#### Hubs: who comes first for many queries")
    picture, cards = st.columns([1, 1.1], gap="large")
    titles = (view.left, view.right)
    sides = (0,) if view.left == view.right else (0, 1)
    occurrences = [found[side].statistics.top1_counts.numpy().astype(np.float64) for side in sides]
    with picture:
        chart.show(
            pictures.json_of(
                hub_distribution,
                occurrences,
                [titles[side] for side in sides],
                dark=theme.is_dark(),
            ),
            key="failures_hubs",
            height=_HEIGHT - 30,
            filename="hubs",
            description="How many candidates are first for how many queries, on a log scale",
            hint="Press a bar to see the failures that its candidates won, by the bar’s ranking.",
            on_action=lambda action: _choose_wins(action, view, max(float(each.max()) for each in occurrences)),
            tools=("resetScale2d",),
        )
    with cards:
        cases = found[SIDES.index(view.whose)]
        item_cards.show(
            _winners(cases, view, gallery), gallery, key="failures_winners", styles="failures", on_action=_choose_winner
        )


def _choose_wins(action: chart.Action, view: View, most: float) -> None:
    """Filter by the pressed bar; a bar of the ranking that is not listed goes to that one's failures."""
    if action.kind != "click" or not action.points:
        return
    low = action.points[0]
    wins = views.span(low, dict(doubling(most))[low])
    side = view.whose if view.left == view.right else SIDES[int(str(action.meta).removeprefix("hubs-"))]
    if side == view.whose:
        views.change(wins="" if wins == view.wins else wins)
    else:
        views.change(cell=f"{side}-missed", cause="", winner="", wins=wins)


def _choose_winner(action: dict[str, str]) -> None:
    if action["action"] == "select":
        views.change(winner="" if action["id"] == views.current().winner else action["id"])


def _winners(cases: Cases, view: View, gallery: EmbeddingSet) -> str:
    """Return the items that win most often where they should not, as cards."""
    counts = cases.failures["winner"].value_counts().head(_HUBS)
    if counts.empty:
        return '<div class="sound">Nothing failed, so nobody wins where it should not.</div>'
    first = cases.failures.drop_duplicates("winner").set_index("winner").loc[counts.index]
    dark = theme.is_dark()
    cards = "".join(
        _winner(gallery, int(row), f"wins {count:,}×{_base_told(float(base), cases)}", view, dark=dark)
        for count, row, base in zip(counts, first["winner_row"], first["base_winner"], strict=True)
    )
    who = escape(view.judge.told)
    usual = f" The usual base is {number(cases.statistics.median_base)}." if len(cases.candidates) > 1 else ""
    said = f"Most often first where they should not be, {who}; press one for its cases.{usual}"
    return f'<p class="sound">{said}</p><ol class="grid winners">{cards}</ol>'


def _winner(gallery: EmbeddingSet, row: int, caption: str, view: View, *, dark: bool) -> str:
    item = str(gallery.items["id"].iloc[row])
    return (
        f'<li class="card{" current" * (item == view.winner)}" data-id="{escape(item, quote=True)}">'
        f"{item_cards.number_html(gallery, row, place='hub')}{item_cards.picture_html(gallery, row, dark=dark)}"
        f'<div class="quiet">{escape(caption)}</div></li>'
    )


def _base_told(base: float, cases: Cases) -> str:
    if len(cases.candidates) < 2:
        return ""
    return f" · base {number(base)}"
