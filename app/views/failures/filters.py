"""The filters of the Failures page as widgets: three in sight, the rest under "More filters"."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.data.columns import Column
from app.data.rankings import SIDES
from app.state import failure_view as views
from app.state.failure_view import View
from app.text import escape_markdown
from gram.diagnostics import CAUSES

_SLIDER = "failures_span"


def show(
    view: View, columns: Mapping[str, Column], causes: Sequence[str], splits: Sequence[str], modalities: Sequence[str]
) -> None:
    """Show the filters.

    Args:
        view: what they are set to.
        columns: the recorded numbers.
        causes: those that the cell has; the chosen one is offered even if it has none.
        splits: of the set.
        modalities: of the set, the anchor first.
    """
    cause, label, column, more = st.columns([1, 1, 1.2, 0.8], vertical_alignment="bottom")
    offered = [name for name in CAUSES if name in {*causes, view.cause}]
    cause.selectbox(
        "Cause", ["", *offered], format_func=lambda name: CAUSES[name].title if name else "Any",
        help="What made the true item lose, decided from numbers alone:\n\n"
        + "\n".join(f"- **{each.title}**: {each.help}" for each in CAUSES.values()), **views.bound("cause"),
    )  # fmt: skip
    label.text_input("Label contains", placeholder="for example 47", **views.bound("label"))
    column.selectbox(
        "Recorded", ["", *columns], disabled=not columns,
        format_func=lambda name: columns[name].title if name else "What goes along most",
        help="A number recorded with each item, such as how much noise its speech has: what the first picture below is "
        "drawn against. Press a point there, or set a range under More filters.", **views.bound("column"),
    )  # fmt: skip
    with more.popover("More filters", width="stretch"):
        _more(view, columns, splits, modalities)


def _more(view: View, columns: Mapping[str, Column], splits: Sequence[str], modalities: Sequence[str]) -> None:
    if view.column:
        _range(view, columns[view.column])
    else:
        st.caption("Choose something **Recorded** to filter by a range of it.")
    if len(splits) > 1:
        st.selectbox("Split", ["", *splits], format_func=lambda name: name or "Any", **views.bound("split"))
    if view.cell in ("both-missed", "both-found"):
        st.segmented_control(
            "Whose failures", SIDES, required=True, help="Both rankings have these items; whose winners to look at",
            **views.bound("side"),
        )  # fmt: skip
    st.text_input("Won by", placeholder="id of an item", **views.bound("winner"))
    st.selectbox(
        "Asked with", ["", *modalities], format_func=lambda name: name or f"{modalities[0]} (the anchor)",
        help="The modality that asks; the others are what it is compared with.", **views.bound("asks"),
    )  # fmt: skip


def _range(view: View, column: Column) -> None:
    if column.words:
        words = {word: value for value, word in column.words.items()}
        options = list(words)
        low, high = view.span or column.ends
        chosen = [word for word, value in words.items() if low <= value <= high] or options
        st.session_state[_SLIDER] = (chosen[0], chosen[-1])
        st.select_slider(
            escape_markdown(column.title.capitalize()), options, key=_SLIDER,
            on_change=lambda: _span([words[each] for each in st.session_state[_SLIDER]], column),
        )  # fmt: skip
        return
    least, most = column.ends
    low, high = view.span or (least, most)
    st.session_state[_SLIDER] = (min(max(low, least), most), max(min(high, most), least))
    st.slider(
        escape_markdown(column.title.capitalize()), least, most, key=_SLIDER,
        on_change=lambda: _span(st.session_state[_SLIDER], column),
    )  # fmt: skip


def _span(ends: Sequence[float], column: Column) -> None:
    """Filter by a range; by none where it is all there is."""
    low, high = ends
    whole = (low, high) == column.ends
    views.change(within="" if whole else views.span(low, high))


def chips(view: View, columns: Mapping[str, Column]) -> list[tuple[str, str]]:
    """Return the filters that are set: in words, and the fields that a press on it clears."""
    said = {
        "cause": f"cause: {CAUSES[view.cause].title}" if view.cause else "",
        "label": f"label contains “{view.label}”",
        "split": f"split: {view.split}",
        "within": f"{columns[view.column].title}: {columns[view.column].told(*view.span)}"
        if view.span and view.column in columns else "",
        "taken": f"{view.taken[:1]} taken for {view.taken[1:]}",
        "winner": f"won by {view.winner}",
        "wins": f"winner first for {times(*view.span_of_wins)}" if view.span_of_wins else "",
    }  # fmt: skip
    return [(said[name], name) for name in view.filters if name != "column" and said[name]]


def times(low: float, high: float) -> str:
    """Return in words for how many queries a winner is first."""
    span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return f"{span} {'query' if low == high == 1 else 'queries'}"
