"""Volumes: every item as one number, matched against mismatched."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
import streamlit as st

from app import theme
from app.components import chart
from app.data import distributions, sets
from app.state import selection as selected
from app.text import csv_safe, escape_markdown, quoted
from app.views.volumes import numbers as volume_numbers
from app.views.volumes import pair_cards
from app.widgets import cards, missing
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.plots.distribution import Mark, distribution, largest_share
from gram.plots.style import number
from gram.retrieval import mixed
from gram.retrieval.distributions import BINS, Distributions, pair_value

KINDS = ("matched", "mismatched")
FIRST_SHOWN, AT_MOST = 12, 48
CHART_HEIGHT = {1: 440, 2: 330}
_CHOSEN, _MORE = "volumes_chosen", "volumes_more"
_RANGE = "range"


class View(NamedTuple):
    """What the page shows: one model or both, under one measure."""

    selection: selected.Selection
    measure: str
    twins: tuple[str, ...]

    @property
    def symbol(self) -> str:
        """What a value is called where room is short."""
        return measures.get(self.measure).symbol


class Chosen(NamedTuple):
    """The run of bins that a person chose, and whose values they are."""

    measure: str
    start: int
    stop: int
    kind: str

    @property
    def bins(self) -> range:
        """The run."""
        return range(self.start, self.stop)

    @property
    def in_url(self) -> str:
        """How the URL says it."""
        return f"{self.measure}-{self.kind}-{self.start}-{self.stop}"


def render() -> None:
    """Show the page."""
    embedding_set = sets.load_set(selected.current().model)
    anchor = embedding_set.anchor
    st.title("Volumes")
    st.markdown(
        f"Every item as one number: how well its own vectors align (**matched**), against how well its "
        f"{escape_markdown(anchor)} aligns with what belongs to other items (**mismatched**). Try: drag across the "
        "aligned end of the axis, and see which wrong pairs look right."
    )
    missing.show(embedding_set)
    selected.check_choice("measure", "measure", measures.names())
    selected.check_choice("both", "“both”", ("true", "false"))
    _take_from_url()
    _page()


@st.fragment
def _page() -> None:
    view = _controls()
    _drop_range_of_another(view.measure)
    selected.tell_sample(view.selection)
    found = distributions.on_one_axis(view.twins, view.selection.candidates, view.measure)
    picture, numbers = st.columns([2.7, 1], gap="medium")
    with picture:
        top = largest_share(*(n for each in found.values() for n in (each.matched_counts, each.mismatched_counts)))
        for twin, each in found.items():
            _histogram(view, twin, each, top)
        _unmarked(view)
    with numbers:
        volume_numbers.show(view.measure, view.symbol, found)
    _list(view, found[view.selection.model])
    _formula(view)


def _controls() -> View:
    selection = selected.current()
    embedding_set = sets.load_set(selection.model)
    anchor, candidates = embedding_set.anchor, selection.candidates
    offered = selected.measures_for(1 + len(selection.candidates))
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    measure = row.selectbox(
        "Measure",
        offered,
        index=offered.index(mixed.recommended_measure(embedding_set, candidates, query=anchor)),
        key="measure",
        bind="query-params",
        persist_state="session",
        width=220,
        help="What is computed of an anchor and a candidate. Volumes, height and the triangle's area are small when "
        "aligned; the others are large.",
    )
    both = len(sets.models()) > 1 and row.toggle(
        "Both models", key="both", bind="query-params", help="One above the other, on the same axes"
    )
    twins = sets.models() if both else (selection.model,)
    if told := mixed.warning_for(embedding_set, candidates, str(measure), query=anchor):
        st.caption(f":material/balance: {escape_markdown(told)}")
    return View(selection, str(measure), twins)


# the picture


def _histogram(view: View, twin: str, found: Distributions, top: float) -> None:
    if len(view.twins) > 1:
        st.markdown(f"**{escape_markdown(twin)}**")
    chosen = _chosen(view, found)
    figure = distribution(
        found.edges,
        found.matched_counts,
        found.mismatched_counts,
        axis=_axis(view, found),
        marks=_marks(view, twin, found),
        selected=chosen.bins if chosen else None,
        largest_share=top,
        dark=theme.is_dark(),
    )
    figure.update_layout(uirevision=f"{view.measure}")
    chart.show(
        figure,
        key=f"volumes_{twin}",
        height=CHART_HEIGHT[min(len(view.twins), 2)],
        filename=f"{view.measure}-{twin}",
        description=f"Histogram of the {view.measure} of matched and mismatched pairs of the {twin} model",
        hint="Drag across a range, or press a bar.",
        on_action=lambda action: _choose(action, view.measure, found),
        keep_selection=False,
    )


def _axis(view: View, found: Distributions) -> str:
    ends = ("aligned", "not aligned") if found.small_is_aligned else ("not aligned", "aligned")
    return f"← {ends[0]}   {view.symbol}   {ends[1]} →"


def _marks(view: View, twin: str, found: Distributions) -> list[Mark]:
    """Return the marks of what random vectors give, of the current item, and of the current pair."""
    embedding_set = sets.holding(twin, view.selection.item, view.selection.partner)
    item, partner = (embedding_set.row(each) for each in (view.selection.item, view.selection.partner))
    expected = measures.get(view.measure).random_mean(1 + len(found.candidates), embedding_set.d)
    return [
        Mark(label="random vectors", value=expected, dash="dot"),
        Mark(label=view.selection.item, value=pair_value(embedding_set, found, item, item)),
        Mark(
            label=f"{view.selection.item} with {view.selection.partner}",
            value=pair_value(embedding_set, found, item, partner),
            dash="dash",
        ),
    ]


def _unmarked(view: View) -> None:
    """Say why the current item, or its partner, has no mark, if it has none."""
    selection = view.selection
    embedding_set = sets.holding(selection.model, selection.item, selection.partner)
    why = missing.unranked(embedding_set, selection.item, selection.candidates, query=embedding_set.anchor)
    if not why and len(missing.lacks(embedding_set, embedding_set.row(selection.partner), selection.candidates)) == len(
        selection.candidates
    ):
        why = f"{selection.partner} has none of {', '.join(selection.candidates)}"
    if why:
        st.caption(f"{escape_markdown(why)}: no mark above.")


# what is chosen


def _choose(action: chart.Action, measure: str, found: Distributions) -> None:
    """Keep the bins that were clicked or dragged across."""
    if action.kind == "clear":
        _keep(None)
        return
    held = st.session_state.get(_CHOSEN)
    if action.kind == "click" and action.points:
        bins = range(action.points[0], action.points[0] + 1)
        kind = action.meta if action.meta in KINDS else KINDS[0]
    elif action.span:
        bins = found.bins_within(*action.span)
        kind = held.kind if held else KINDS[0]
    else:
        return
    _keep(Chosen(measure, bins.start, bins.stop, str(kind)))


def _keep(chosen: Chosen | None) -> None:
    """Keep what is chosen, and say it in the URL."""
    st.session_state.pop(_MORE, None)
    if chosen is None:
        st.session_state.pop(_CHOSEN, None)
        st.query_params.pop(_RANGE, None)
        return
    st.session_state[_CHOSEN] = chosen
    if st.query_params.get(_RANGE) != chosen.in_url:
        st.query_params[_RANGE] = chosen.in_url


def _drop_range_of_another(measure: str) -> None:
    """Take a range of another measure out of the URL; it is there again once that measure is."""
    held: Chosen | None = st.session_state.get(_CHOSEN)
    if held and held.measure != measure:
        st.query_params.pop(_RANGE, None)


def _take_from_url() -> None:
    """Take over the range that a link names; without one, name the range that was chosen before."""
    held: Chosen | None = st.session_state.get(_CHOSEN)
    asked = st.query_params.get(_RANGE)
    said = re.fullmatch(rf"(.+)-({'|'.join(KINDS)})-(\d{{1,4}})-(\d{{1,4}})", asked or "")
    if said and said[1] in measures.names() and int(said[3]) < int(said[4]) <= BINS:
        _keep(Chosen(said[1], int(said[3]), int(said[4]), said[2]))
        return
    if asked is not None:
        st.warning(
            escape_markdown(
                f"There is no range {quoted(asked)}; expected one like volume-matched-0-{BINS}, by numbers of the bins."
            )
        )
    if held is None or held.measure == st.session_state.get("measure", held.measure):
        _keep(held)


def _chosen(view: View, found: Distributions) -> Chosen | None:
    """Return what is chosen, if it was chosen on this axis."""
    chosen: Chosen | None = st.session_state.get(_CHOSEN)
    fits = chosen is not None and chosen.measure == view.measure and chosen.stop < len(found.edges)
    return chosen if fits else None


def _list(view: View, found: Distributions) -> None:
    """Show the items or pairs of the chosen bins."""
    chosen = _chosen(view, found)
    if chosen is None:
        st.info(
            "Nothing is chosen. Drag across a range of the histogram, or press one bar, and its items are listed here.",
            icon=":material/select:",
        )
        return
    embedding_set = sets.load_set(view.selection.model)
    counts = found.matched_counts, found.mismatched_counts
    inside = [int(each[chosen.start : chosen.stop].sum()) for each in counts]
    span = f"{number(found.edges[chosen.start])} to {number(found.edges[chosen.stop])}"
    st.subheader(f"{view.symbol} from {span} · {escape_markdown(view.selection.model)}", anchor=False)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    titles = dict(zip(KINDS, (f"{inside[0]:,} matched items", f"{inside[1]:,} mismatched pairs"), strict=True))
    st.session_state["volumes_kind"] = chosen.kind
    kind = left.segmented_control(
        "List",
        KINDS,
        required=True,
        format_func=lambda each: titles[each],
        key="volumes_kind",
        on_change=lambda: _list_kind(chosen),
        label_visibility="collapsed",
    )
    right.button("Clear", on_click=lambda: _keep(None), width="stretch")
    if kind == KINDS[0]:
        _items(view, found, chosen, embedding_set)
    else:
        _pairs(view, found, chosen, embedding_set)


def _list_kind(chosen: Chosen) -> None:
    _keep(chosen._replace(kind=st.session_state["volumes_kind"]))


def _items(view: View, found: Distributions, chosen: Chosen, embedding_set: EmbeddingSet) -> None:
    rows = found.matched_in(chosen.bins)
    values = distributions.item_values(view.selection.model, view.selection.candidates, view.measure)
    shown = rows[: _how_many()].tolist()
    if not shown:
        st.caption("No item is matched this well or this badly. Choose a wider range.")
        return
    picked = cards.cards(
        embedding_set,
        shown,
        key="volumes_items",
        captions=[f"{view.symbol} = {number(values[row])}" for row in shown],
        current=view.selection.item,
    )
    if picked:
        selected.select_item(picked)
        st.rerun()
    _after_list(
        len(rows),
        lambda: embedding_set.items.iloc[rows][["id"]].assign(**{view.measure: values[rows]}),
        f"matched-{view.measure}",
    )


def _pairs(view: View, found: Distributions, chosen: Chosen, embedding_set: EmbeddingSet) -> None:
    selection = view.selection
    pairs = distributions.mismatched_in(selection.model, found, chosen.bins, limit=AT_MOST)
    shown = min(len(pairs.values), _how_many())
    if not shown:
        st.caption("No wrong pair lies here. Choose a wider range.")
        return
    st.caption(
        f"The {embedding_set.anchor} of the first with the {', '.join(selection.candidates)} of the second, best "
        "aligned first; the picture and the sounds are the second's."
    )
    picked = pair_cards.pair_cards(
        embedding_set,
        list(zip(pairs.queries[:shown].tolist(), pairs.candidates[:shown].tolist(), strict=True)),
        key="volumes_pairs",
        captions=[f"{view.symbol} = {number(value)}" for value in pairs.values[:shown]],
        current=(selection.item, selection.partner),
    )
    if picked:
        selected.select_item(*picked)
        st.rerun()
    ids = embedding_set.items["id"].to_numpy()
    _after_list(
        pairs.total,
        lambda: pd.DataFrame(
            {"query": ids[pairs.queries], "candidate": ids[pairs.candidates], view.measure: pairs.values}
        ),
        f"mismatched-{view.measure}",
    )


def _how_many() -> int:
    return AT_MOST if st.session_state.get(_MORE) else FIRST_SHOWN


def _show_more() -> None:
    st.session_state[_MORE] = True


def _after_list(total: int, table: Callable[[], pd.DataFrame], name: str) -> None:
    """Show how much of a list is in sight, and ways to see more of it."""
    shown = min(total, _how_many())
    more, csv, link, _ = st.columns([1.2, 1.2, 1.4, 2], vertical_alignment="center")
    if shown < min(total, AT_MOST):
        more.button(
            f"Show {min(total, AT_MOST)}", on_click=lambda: st.session_state.update({_MORE: True}), width="stretch"
        )
    csv.download_button(
        "Download CSV",
        lambda: csv_safe(table()),
        f"{name}.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
    )
    with link:
        selected.link("geometry", "Open in Geometry")
    st.caption(f"{shown:,} of {total:,} are shown, the best aligned first.")


def _formula(view: View) -> None:
    measure = measures.get(view.measure)
    st.divider()
    st.latex(measure.formula)
    turned = " Drawn without the minus: small is aligned." if measure.small_is_aligned else ""
    st.caption(f"{measure.help}{turned}")
    st.caption(f"**When it fails.** {measure.fails}")
    st.caption(f"Source: {measure.source}.")
