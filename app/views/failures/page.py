"""Failures: where two rankings go wrong, case by case, and whose fault it is."""

import pandas as pd
import streamlit as st

from app import theme
from app.data import failures, rankings, sets
from app.data.failures import Asked
from app.data.rankings import SIDES
from app.state import failure_view as views
from app.state import selection as selected
from app.state.failure_view import CELLS, FILTERS, PARTS, SORTS, STEP, View
from app.text import escape_markdown
from app.views.failures import case, case_list, export, filters, outcome_matrix, patterns, remedies_panel, work
from app.widgets import cards, missing
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import CAUSES, Cases, Diagnosis, RankingComparison
from gram.errors import GramError
from gram.retrieval.query import candidates_for


def render() -> None:
    """Show the page."""
    st.title("Failures")
    st.markdown(
        "Which items two rankings get wrong, and why: each failure is taken apart until a number says whose fault it "
        "is. Try: press a number in the table, then a case below it, and read what made the wrong item win."
    )
    selection = selected.current()
    gallery = sets.load_set(selection.model)
    missing.show(gallery)
    candidates = _settle(gallery, selection)
    pair = _rankings(gallery, candidates)
    selected.tell_sample(selection)
    view = views.current()
    asked = pair[SIDES.index(view.whose)]
    try:
        work.begin([*((each, "cases") for each in pair), (asked, "findings"), (asked, "remedies")])
        for each in pair:
            if work.cases(each) is None:
                work.wait_for((each, "cases"), key="failures_cases")
                _to_come(gallery)
                return
        _results(view, pair, asked)
    except GramError as error:
        st.error(escape_markdown(error))


def _to_come(gallery: EmbeddingSet) -> None:
    """Show what the page will hold, while that is computed."""
    cards.show(outcome_matrix.to_come(), gallery, key="failures_to_come", styles="failures", on_action=_pressed)
    for title, said in {
        "Cases": "Every failure with the item that won, and the number that says whose fault it is.",
        "Patterns": "Failures against what was recorded of the items, what is taken for what, and who keeps winning.",
        "Remedies, measured": "What known remedies change, each judged on items that did not choose its parameter.",
        "What is wrong with this set": "Hubs, turned signs, gaps, swapped rows and what else holds for the set whole.",
    }.items():
        st.subheader(title)
        st.caption(said)


def _settle(gallery: EmbeddingSet, selection: selected.Selection) -> tuple[str, ...]:
    """Settle the view so that all makes sense for the loaded set; return the candidates that follow from who asks."""
    asks = st.query_params.get("asks") or views.current().asks
    candidates = candidates_for(
        asks if asks in gallery.names else gallery.anchor, selection.candidates, gallery=gallery
    )
    titles = rankings.options(measures.names(1 + len(candidates)))
    views.settle(
        {
            "left": titles,
            "right": titles,
            "asks": gallery.names,
            "cell": list(CELLS),
            "side": SIDES,
            "cause": list(CAUSES),
            "split": _splits(gallery),
            "column": list(failures.columns(selection.model)),
            "sort": SORTS,
        }
    )
    return candidates


def _splits(gallery: EmbeddingSet) -> list[str]:
    return sorted(gallery.items["split"].astype(str).unique()) if "split" in gallery.items else []


def _rankings(gallery: EmbeddingSet, candidates: tuple[str, ...]) -> tuple[Asked, Asked]:
    """Show the choice of the two rankings."""
    offered = measures.names(1 + len(candidates))
    asks = views.current().asks or gallery.anchor
    for column, side in zip(st.columns(2), SIDES):
        column.selectbox(
            f"{side.capitalize()} ranking",
            rankings.options(offered),
            help=rankings.help_on(offered),
            **views.bound(side),
        )
        with column:
            rankings.caution(views.current().judges[SIDES.index(side)], candidates, query=asks)
    view = views.current()
    left, right = (Asked(each, view.asks or gallery.anchor, candidates) for each in view.judges)
    return left, right


def _results(view: View, pair: tuple[Asked, Asked], asked: Asked) -> None:
    left, right = work.cases(pair[0]), work.cases(pair[1])
    if left is None or right is None:
        return
    outcomes = failures.outcomes(pair, (left, right))
    cases = (left, right)[SIDES.index(view.whose)]
    gallery = sets.load_set(asked.judge.model)
    columns = failures.columns(asked.judge.model)
    ids = case_list.ids_of(outcomes, view.cell)
    facets = case_list.select(cases, ids, view, columns, but=("cause",))
    _board(outcomes, view, facets, cases, work.findings(asked))
    splits = _splits(gallery)
    names = sorted(gallery.names, key=lambda name: name != gallery.anchor)
    filters.show(view, columns, facets["cause"].unique().tolist(), splits, names)
    _cases(view, asked, cases, outcomes)
    st.subheader("Patterns", anchor="patterns")
    mistakes = case_list.select(cases, ids, view, columns, but=("taken",))
    patterns.show(pair, (left, right), view, columns, mistakes[~mistakes["right"]], gallery)
    remedies_panel.show(asked)


def _board(
    outcomes: RankingComparison, view: View, facets: pd.DataFrame, cases: Cases, findings: Diagnosis | None
) -> None:
    found = facets.loc[~facets["right"], "cause"].value_counts()
    counts = {str(cause): int(count) for cause, count in found.items()}
    said = (
        outcome_matrix.verdict(outcomes, view) + outcome_matrix.scope(outcomes, cases) + outcome_matrix.worst(findings)
    )
    markup = (
        f'<div class="board">{outcome_matrix.matrix(outcomes, view)}<div class="verdict">{said}</div>'
        f'<div class="why">{outcome_matrix.causes(counts, view.cause, whose=view.whose)}</div></div>'
    )
    cards.show(markup, sets.load_set(view.judge.model), key="failures_board", styles="failures", on_action=_pressed)


# the list and the case beside it


@st.fragment
def _cases(drawn: View, asked: Asked, cases: Cases, outcomes: RankingComparison) -> None:
    """Show the list, and one case in full; drawn by itself when another case is chosen or the order changes."""
    view = views.current()
    if view._replace(sort=drawn.sort, rows=drawn.rows) != drawn:  # a filter was cleared: the whole page follows
        st.rerun()
    gallery, columns = sets.load_set(asked.judge.model), failures.columns(asked.judge.model)
    rows = case_list.select(cases, case_list.ids_of(outcomes, view.cell), view, columns)
    item = selected.current().item
    _elsewhere(item, rows, outcomes, missing.unranked(gallery, item, asked.candidates, query=asked.query))
    if rows.empty:
        _nothing(view)
        return
    ids, winners = rows["id"].tolist(), rows["winner"].tolist()
    at = ids.index(item) if item in ids else 0
    shown = max(view.shown, min(at + 1, views.MOST))
    listed, full = st.columns([1, 1.3], gap="medium")
    with listed:
        chips = filters.chips(view, columns)
        markup = (
            case_list.headline(CELLS[view.cell], len(rows), chips, asked.judge.told)
            + case_list.table(rows.head(shown), gallery, sort=view.sort, current=ids[at], dark=theme.is_dark())
            + case_list.foot(shown, len(rows))
        )
        cards.show(markup, gallery, key="failures_list", styles="failures", on_action=_pressed)
        export.show(rows, view, asked, outcomes, gallery, columns)
    with full:
        steps = [(ids[place], winners[place]) if 0 <= place < len(ids) else ("", "") for place in (at - 1, at + 1)]
        of = failures.attribution(asked, ids[at], winners[at], cases)
        case.show(of, asked, view, gallery, case.Place(at + 1, len(ids), *steps), _pressed)


def _elsewhere(item: str, rows: pd.DataFrame, outcomes: RankingComparison, unranked: str) -> None:
    """Say where the current item is, when the list does not hold it."""
    if item in set(rows["id"]):
        return
    part = next((name for name, ids in outcomes.ids.items() if item in ids), None)
    if part is None:
        if unranked:
            st.caption(f"The current item was not ranked: {escape_markdown(unranked)}.")
        return
    cell = next(name for name, parts in PARTS.items() if parts == (part,))
    st.button(
        f"The current item, {escape_markdown(item)}, is not among these: **{CELLS[cell].lower()}** it. Show it",
        key="failures_show",
        type="tertiary",
        on_click=lambda: views.change(**{**dict.fromkeys(FILTERS, ""), "cell": cell}),
    )


def _nothing(view: View) -> None:
    """Say why the list is empty, and what to do."""
    if set(view.filters) - {"column"}:
        said = "No case passes these filters."
        if view.span_of_wins:
            said += f" None of these was won by a candidate that is first for {filters.times(*view.span_of_wins)}."
        st.info(said, icon=":material/filter_alt_off:")
        st.button("Clear the filters", on_click=views.clear(), key="failures_clear")
        return
    told = {
        "left-missed": "The left ranking finds every item. Choose another measure or model, or press another number.",
        "right-missed": "The right ranking finds every item. Choose another measure or model, or press another number.",
        "both-found": "No item is found by both. Press another number of the table.",
        "both-missed": "No item is missed by both: each is found by one of them at least. Press another number.",
    }.get(view.cell, "Nothing failed here: the other ranking finds all that this one does. Press another number.")
    st.info(told, icon=":material/check_circle:")


def _pressed(action: dict[str, str]) -> None:
    """Do what a button of the board, the list or the case asks for, before the page is drawn anew."""
    match action["action"]:
        case "cell":
            views.change(cell=action["cell"], cause="")
        case "cause":
            views.change(cause=action["cause"])
        case "sort":
            views.change(sort=action["sort"])
        case "more":
            views.change(rows=str(min(views.current().shown + STEP, views.MOST)))
        case "clear":
            views.clear(*action["fields"].split(","))()
        case "case":
            selected.select_item(action["id"], partner=action["winner"])
            views.say_again()
