"""Failures: where two rankings go wrong, case by case, and whose fault it is."""

import pandas as pd
import streamlit as st

from app import data, data_failures, media, rankings, session, theme
from app.data_failures import Asked
from app.failures import advice, board, case, export, listing, patterns, work
from app.failures import view as views
from app.failures.columns import Column
from app.failures.view import CELLS, SORTS, View
from app.rankings import SIDES
from gram import measures
from gram.diagnostics import CAUSES, Cases, Outcomes
from gram.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.retrieval import candidates_for


def render() -> None:
    """Show the page."""
    st.title("Failures")
    st.markdown(
        "Which items two rankings get wrong, and why: each failure is taken apart until one number says whose fault it "
        "is. Try: press **only left right** below, then a case, and read what made the other ranking lose it."
    )
    selection = session.current()
    gallery = data.load_set(selection.model)
    view, candidates = _settle(gallery, selection)
    pair = _rankings(view, gallery, candidates)
    if not work.ready(pair, ("cases",)):
        return
    try:
        _results(views.current(), pair)
    except GramError as error:
        st.error(str(error))


def _settle(gallery: EmbeddingSet, selection: session.Selection) -> tuple[View, tuple[str, ...]]:
    """Return the view, in which all makes sense for the loaded set, and the candidates that follow from who asks."""
    asks = st.query_params.get("asks") or views.current().asks
    asking = asks if asks in gallery.names else gallery.anchor
    candidates = candidates_for(asking, selection.candidates, gallery=gallery)
    titles = rankings.options(measures.names(1 + len(candidates)))
    columns = data_failures.columns(selection.model)
    view = views.settle(
        {
            "left": titles,
            "right": titles,
            "asks": gallery.names,
            "cell": list(CELLS),
            "side": SIDES,
            "cause": list(CAUSES),
            "split": _splits(gallery),
            "column": list(columns),
            "sort": SORTS,
        }
    )
    return view, candidates


def _splits(gallery: EmbeddingSet) -> list[str]:
    return sorted(gallery.items["split"].astype(str).unique()) if "split" in gallery.items else []


def _rankings(view: View, gallery: EmbeddingSet, candidates: tuple[str, ...]) -> tuple[Asked, Asked]:
    """Show the choice of the two rankings."""
    offered = measures.names(1 + len(candidates))
    for column, side in zip(st.columns(2), SIDES):
        column.selectbox(
            f"{side.capitalize()} ranking",
            rankings.options(offered),
            help=rankings.help_on(offered),
            **views.bound(side),
        )
    query = view.asks or gallery.anchor
    left, right = (Asked(judge, query, candidates) for judge in view.judges)
    return left, right


# results


def _results(view: View, pair: tuple[Asked, Asked]) -> None:
    found = tuple(data_failures.cases(asked) for asked in pair)
    left, right = found
    if left is None or right is None:
        return
    outcomes = data_failures.outcomes(*pair)
    asked, cases = pair[SIDES.index(view.whose)], (left, right)[SIDES.index(view.whose)]
    gallery = data.load_set(asked.judge.model)
    columns = data_failures.columns(asked.judge.model)
    ids = listing.ids_of(outcomes, view.cell)
    _board(outcomes, view, listing.select(cases, ids, view, columns, but=("cause",)), cases)
    _filters(view, gallery, columns)
    rows = listing.select(cases, ids, view, columns)
    _cases(rows, view, asked, cases, gallery, outcomes)
    st.subheader("Patterns", anchor="patterns")
    mistakes = listing.select(cases, ids, view, columns, but=("taken",))
    patterns.show(pair, (left, right), view, columns, mistakes[~mistakes["right"]], gallery)
    advice.show(asked, view)


def _board(outcomes: Outcomes, view: View, rows: pd.DataFrame, cases: Cases) -> None:
    counts = rows.loc[~rows["right"], "cause"].value_counts().to_dict()
    whose = f"{view.whose} ranking failed" if counts else ""
    markup = (
        f'<div class="board"><div>{board.matrix(outcomes, view)}</div>'
        f"<div>{board.causes(counts, view.cause, whose=view.whose)}</div>"
        f'<div class="verdict">{board.verdict(outcomes, view)}{board.scope(outcomes, cases)}</div></div>'
    )
    media.show(
        markup, data.load_set(view.judge.model), key="failures_board", styles="failures", on_action=_pressed
    )


def _pressed(action: dict[str, str]) -> None:
    """Do what a button of the board, the list or the case asks for, before the page is drawn anew."""
    match action["action"]:
        case "cell":
            views.change(cell=action["cell"], cause="")
        case "cause":
            views.change(cause=action["cause"])
        case "sort":
            views.change(sort=action["sort"])
        case "clear":
            views.change(**{name: "" for name in action["fields"].split(",")})
        case "case":
            session.select_item(action["id"], partner=action.get("winner"))
        case "select":
            session.select_item(action["id"])
