"""Projection: every embedding as a point, all modalities in one plane or space."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import theme
from app.components import chart, scene3d
from app.data import distributions, layouts, sets
from app.state import selection as selected
from app.text import csv_safe, escape_markdown
from app.views.projection import facts as projection_facts
from app.views.projection import work
from app.widgets import cards, missing
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.plots.scatter import ByCategory, ByNumber, Colouring, Emphasis, sample_rows, scatter
from gram.plots.style import number
from gram.projection import Layout, Settings
from gram.retrieval import mixed

METHODS = {"umap": "UMAP", "pca": "PCA"}
FIRST_SHOWN, AT_MOST, SAMPLED_LINES = 12, 48, 150
LINES = {"current": "current item", "selected": "selected items", "sample": f"{SAMPLED_LINES} items, a sample"}
PLACES = ("1", "2", "3", "4")
DIGITS = "0123456789"
_BY_COLUMN, _MOST_COLOURS = ("category", "split", "voice"), 40
HEIGHT = 580
NEIGHBORS, LAST_SEED = (5, 100), 9999
_SELECT_WIDTH = 176
_SELECTED, _MORE = "projection_selected", "projection_more"


class View(NamedTuple):
    """What the page is asked to show."""

    selection: selected.Selection
    settings: Settings
    colour: str
    digit: int
    measure: str
    lines: str


def render() -> None:
    """Show the page."""
    st.title("Projection")
    st.markdown(
        "Every embedding as a point, all modalities in one space; a thin line joins what belongs to one item. Try: "
        "colour by **volume**, draw a lasso round a group, and press a point to make its item current."
    )
    embedding_set = sets.load_set(selected.current().model)
    missing.show(embedding_set)
    _check_url(embedding_set)
    _page()


def _check_url(embedding_set: EmbeddingSet) -> None:
    selected.check_choice("method", "method", list(METHODS.values()))
    selected.check_choice("dims", "number of dimensions", ["2D", "3D"])
    selected.check_choice("colour", "colouring", _colours(embedding_set))
    selected.check_choice("digit", "digit", PLACES)
    selected.check_choice("measure", "measure", measures.names())
    selected.check_choice("lines", "choice of lines", list(LINES.values()))
    selected.check_number("neighbors", "Neighbours", *NEIGHBORS)
    selected.check_number("distance", "Minimal distance", 0, 1)
    selected.check_number("seed", "Seed", 0, LAST_SEED, whole=True)


@st.fragment
def _page() -> None:
    selection = selected.current()
    embedding_set = sets.load_set(selection.model)
    view = _controls(selection, embedding_set)
    selected.tell_sample(selection)
    layout = work.layout(selection.model, view.settings)
    under_way = work.show()
    if layout is None:
        layout = layouts.layout(selection.model, Settings(method=view.settings.method, dims=view.settings.dims))
        if not under_way:
            work.offer(selection.model, view.settings, embedding_set, has_other=layout is not None)
    if layout is None:
        return
    picture, facts = st.columns([3.2, 1], gap="medium")
    with picture:
        _picture(view, layout, embedding_set)
    with facts:
        projection_facts.show(view.selection, view.measure, layout, embedding_set)
    _list(view, embedding_set)


# the controls


def _controls(selection: selected.Selection, embedding_set: EmbeddingSet) -> View:
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="projection_controls")
    method = row.segmented_control(
        "Method",
        list(METHODS),
        default="umap",
        required=True,
        format_func=METHODS.__getitem__,
        key="method",
        bind="query-params",
        help="UMAP keeps neighbours together, and little else; PCA is the flat view along which points vary most.",
    )
    dims = row.segmented_control(
        "Dimensions", [2, 3], default=2, required=True, format_func="{}D".format, key="dims", bind="query-params"
    )
    colour = row.selectbox("Colour by", _colours(embedding_set), key="colour", bind="query-params", width=_SELECT_WIDTH)
    offered = selected.measures_for(1 + len(selection.candidates))
    place = "1"
    usual = mixed.recommended_measure(embedding_set, selection.candidates, query=embedding_set.anchor)
    measure = str(st.session_state.get("measure") or st.query_params.get("measure") or usual)
    if colour == "digit":
        place = row.segmented_control(
            "Which digit", PLACES, default="1", required=True, key="digit", bind="query-params"
        )
    elif colour == "rank":
        measure = row.selectbox(
            "Ranked by",
            offered,
            index=offered.index(usual),
            key="measure",
            bind="query-params",
            persist_state="session",
            width=_SELECT_WIDTH,
        )
    lines = row.selectbox(
        "Lines of",
        list(LINES),
        format_func=LINES.__getitem__,
        key="lines",
        bind="query-params",
        help="The current item and its partner are always joined",
        width=_SELECT_WIDTH,
    )
    with row.popover("More"):
        neighbors, distance, seed = _umap_options()
    if colour in ("volume", "rank"):
        _caution(embedding_set, selection, measure if colour == "rank" else "volume")
    settings = Settings(method=method or "umap", dims=dims or 2, neighbors=neighbors, min_distance=distance, seed=seed)
    return View(selection, settings, str(colour), int(place or 1) - 1, str(measure), str(lines))


def _caution(embedding_set: EmbeddingSet, selection: selected.Selection, measure: str) -> None:
    """Say in one line that colours are of values which do not compare, and that items without one are grey."""
    anchor, candidates = embedding_set.anchor, selection.candidates
    told = mixed.warning_for(embedding_set, candidates, measure, query=anchor)
    least = min(measures.get(measure).min_candidates, len(candidates))
    counts = mixed.counts_by_size(embedding_set, candidates, query=anchor)
    without = len(embedding_set) - sum(count for size, count in counts.items() if size >= least)
    grey = f" {without:,} items lack {anchor} or what it is compared with, and are grey." if without else ""
    if said := f"{told}{grey}".strip():
        st.caption(f":material/balance: {escape_markdown(said)}")


def _umap_options() -> tuple[int, float, int]:
    st.caption("Of UMAP; a new picture takes about half a minute.")
    neighbors = st.slider(
        "Neighbours",
        *NEIGHBORS,
        15,
        5,
        key="neighbors",
        bind="query-params",
        help="Few show detail, many the whole arrangement",
    )
    distance = st.slider(
        "Minimal distance", 0.0, 1.0, 0.1, 0.05, key="distance", bind="query-params", help="0 packs points tightly"
    )
    seed = st.number_input(  # of floats: Streamlit fails on an address that asks for an infinite whole number
        "Seed", 0.0, float(LAST_SEED), 0.0, 1.0, "%.0f", key="seed", bind="query-params",
        help="The same seed gives the same picture",
    )  # fmt: skip
    return int(neighbors), float(distance), int(seed)


def _colours(embedding_set: EmbeddingSet) -> list[str]:
    """Return what the points of this set can be coloured by."""
    offered = ["modality"]
    if _labels(embedding_set).str.fullmatch(r"\d{4}").all():
        offered.append("digit")
    offered += [name for name in _BY_COLUMN if _colours_by(embedding_set, name)]
    return [*offered, "volume", "rank"]


def _colours_by(embedding_set: EmbeddingSet, column: str) -> bool:
    """Return whether a column tells the items into groups that colours can tell apart."""
    items = embedding_set.items
    return column in items and 2 <= items[column].astype(str).nunique() <= _MOST_COLOURS


def _labels(embedding_set: EmbeddingSet) -> "pd.Series[str]":
    items = embedding_set.items
    return (items["label"] if "label" in items else items["id"]).astype(str)


# the picture


def _picture(view: View, layout: Layout, embedding_set: EmbeddingSet) -> None:
    selection = view.selection
    item, partner = (embedding_set.find(each) for each in (selection.item, selection.partner))
    selected = _selected(view, embedding_set)
    rows = sample_rows(len(embedding_set), len(layout.points))
    joined = {
        "current": [],
        "selected": selected,
        "sample": sample_rows(len(embedding_set), 1, limit=SAMPLED_LINES).tolist(),
    }[view.lines]
    figure = scatter(
        layout.points,
        labels=_labels(embedding_set).tolist(),
        rows=rows,
        colouring=_colouring(view, embedding_set),
        emphasis=[  # an item outside a sample has no place in it
            *([] if partner is None else [Emphasis(row=partner, label=selection.partner, dashed=True)]),
            *([] if item is None else [Emphasis(row=item, label=selection.item)]),
        ],
        joined=joined,
        selected=selected,
        dark=theme.is_dark(),
    )
    _show(figure, layout, selection.model, embedding_set.items["id"].astype(str))


def _show(figure: go.Figure, layout: Layout, model: str, ids: "pd.Series[str]") -> None:
    method, dims = layout.settings.method, layout.settings.dims
    filename = f"{method}-{dims}d-{model}"
    description = f"{METHODS[method]} of the embeddings of the {model} model in {dims} dimensions"
    if dims == 3:
        scene3d.show(
            figure,
            key=f"projection_scene_{model}_{method}",
            height=HEIGHT,
            filename=filename,
            description=description,
            on_click=lambda row: selected.select_item(str(ids.iloc[int(row)])),
        )
        return
    figure.update_layout(uirevision=f"{model} {layout.key}")
    chart.show(
        figure,
        key="projection_chart",
        on_action=lambda action: _act(action, model, ids),
        height=HEIGHT,
        filename=filename,
        description=description,
        hint="Draw round points to list their items; press one to make it current.",
        keep_selection=False,
        tools=("lasso2d", "select2d", "zoom2d", "pan2d", "resetScale2d"),
        wheel_zooms=True,
    )


def _colouring(view: View, embedding_set: EmbeddingSet) -> Colouring:
    model, candidates = view.selection.model, view.selection.candidates
    if view.colour == "digit":
        digits = _labels(embedding_set).str[view.digit].tolist()
        return ByCategory(title=f"digit {view.digit + 1}", values=digits, order=tuple(DIGITS))
    if view.colour in _BY_COLUMN:
        values = embedding_set.items[view.colour].astype(str).tolist()
        return ByCategory(title=view.colour, values=values, order=tuple(sorted(set(values))))
    if view.colour == "volume":
        volumes = distributions.item_values(model, candidates, "volume")
        return ByNumber(title="volume V of its item", values=volumes, range=(0.0, 1.0))
    if view.colour == "rank":
        if (found := work.ranks(model, candidates, view.measure)) is None:
            return None
        title = f"rank of its item by {view.measure}"
        return ByNumber(title=title, values=found.places, range=(1.0, max(2.0, float(found.among))), logarithmic=True)
    return None


def _act(action: chart.Action, model: str, ids: "pd.Series[str]") -> None:
    """Make a clicked point's item current, or keep the items of a lasso."""
    if action.kind == "click" and action.points:
        selected.select_item(str(ids.iloc[action.points[0]]))
    elif action.kind == "select" and action.points:
        st.session_state[_SELECTED] = (model, list(action.points))
        st.session_state.pop(_MORE, None)
    elif action.kind == "clear":
        st.session_state.pop(_SELECTED, None)


def _selected(view: View, embedding_set: EmbeddingSet) -> list[int]:
    """Return the rows of the selected items, if they are of this model."""
    model, rows = st.session_state.get(_SELECTED, (None, []))
    return [row for row in rows if row < len(embedding_set)] if model == view.selection.model else []


# below it


def _list(view: View, embedding_set: EmbeddingSet) -> None:
    """Show the selected items as cards."""
    rows = _selected(view, embedding_set)
    if not rows:
        how = "Draw a lasso round points" if view.settings.dims == 2 else "Go to 2D and draw a lasso round points"
        st.info(f"{how}, and their items are listed here.", icon=":material/lasso_select:")
        return
    candidates = view.selection.candidates
    measure = mixed.recommended_measure(embedding_set, candidates, query=embedding_set.anchor)
    symbol = measures.get(measure).symbol
    values = distributions.item_values(view.selection.model, candidates, measure)
    rows = sorted(rows, key=lambda row: np.nan_to_num(values[row], nan=2.0))
    shown = rows[: AT_MOST if st.session_state.get(_MORE) else FIRST_SHOWN]
    st.subheader(f"{len(rows):,} selected items", anchor=False)
    picked = cards.cards(
        embedding_set,
        shown,
        key="projection_items",
        captions=[f"{symbol} = {number(float(values[row]))}" for row in shown],
        current=view.selection.item,
    )
    if picked:
        selected.select_item(picked)
        st.rerun()
    table = embedding_set.items.iloc[rows][["id"]]
    _below(rows, len(shown), symbol, lambda: table.assign(**{measure: values[rows]}))


def _below(rows: list[int], shown: int, symbol: str, table: Callable[[], pd.DataFrame]) -> None:
    more, csv, clear, _ = st.columns([1.2, 1.2, 1, 3])
    if shown < min(len(rows), AT_MOST):
        more.button(f"Show {min(len(rows), AT_MOST)}", on_click=_show_more, width="stretch")
    csv.download_button(
        "Download CSV",
        lambda: csv_safe(table()),
        "selected-items.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
    )
    clear.button("Clear", on_click=lambda: st.session_state.pop(_SELECTED, None), width="stretch")
    st.caption(f"{shown:,} of {len(rows):,} are shown, the smallest {symbol} first.")


def _show_more() -> None:
    st.session_state[_MORE] = True
