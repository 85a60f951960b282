"""The controls above the pair's picture: the item, what it is mismatched with, and which vectors are drawn."""

import math
import random
from itertools import combinations

import streamlit as st

from app.data import sets
from app.state import selection as selected
from app.text import escape_markdown, quoted

_ANOTHER = ("Hardest", "Random")
LISTED = 2_000  # ids that a picker lists at most: a browser looks through all with each letter that is typed


def choose(selection: selected.Selection) -> tuple[str, ...]:
    """Show the controls above the picture; return the names of the modalities to draw."""
    embedding_set = sets.load_set(selection.model)
    sampled, whole = sets.sample_size(selection.model), len(sets.load_whole(selection.model))
    ids = embedding_set.items["id"].iloc[:: math.ceil(len(embedding_set) / LISTED)].astype(str).tolist()
    more = len(ids) < whole
    listed = f"Listed are {len(ids):,} of {whole:,} items; type any other's id" if more else None
    ids += [each for each in dict.fromkeys((selection.item, selection.partner)) if each not in ids]
    st.session_state["geometry_item"] = selection.item
    st.session_state["geometry_partner"] = selection.partner
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Item",
            ids,
            key="geometry_item",
            on_change=_take_item,
            accept_new_options=more,
            help=listed,
            width=165,
        )
        st.selectbox(
            "Mismatched with",
            [known for known in ids if known != selection.item],
            key="geometry_partner",
            on_change=_take_partner,
            accept_new_options=more,
            help="Whose other modalities stand in for the item's own in the second body",
            width=165,
        )
        st.menu_button(
            "Another mismatch",
            _ANOTHER,
            key="geometry_another",
            on_click=_take_another,
            help="Hardest: the candidate with the lowest volume of all that do not belong to the item; by V^(1/k) "
            "where some lack modalities" + f"; sought in {sampled}" * bool(sampled),
        )
        return _choose_drawn(embedding_set.anchor, selection.candidates)


def _choose_drawn(anchor: str, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Let choose two candidate modalities where there are more: space holds the anchor and two, exactly."""
    if len(candidates) < 3:
        return (anchor, *candidates)
    offered = {" ".join(pair): pair for pair in combinations(candidates, 2)}
    chosen = st.segmented_control(
        f"Draw {escape_markdown(anchor)} with",
        list(offered),
        format_func=lambda option: escape_markdown(" + ".join(offered[option])),
        required=True,
        wrap=True,
        key="draw",
        bind="query-params",
        default=next(iter(offered)),
        help="Space has three dimensions, so three vectors can be drawn exactly; the numbers tell of all.",
    )
    return (anchor, *offered[str(chosen)])


def _take_item() -> None:
    if _is_known(item := st.session_state["geometry_item"]):
        selected.select_item(item)


def _take_partner() -> None:
    if _is_known(partner := st.session_state["geometry_partner"]):
        selected.select_partner(partner)


def _is_known(item: str | None) -> bool:
    """Return whether there is such an item; say in one line that there is none, for ids can be typed."""
    known = item is not None and sets.load_whole(selected.current().model).find(item) is not None
    if not known:
        st.toast(escape_markdown(f"No item {quoted(item)} in this set."))
    return known


def _take_another() -> None:
    selection = selected.current()
    if st.session_state["geometry_another"] == "Hardest":
        selected.select_partner(sets.hardest_mismatch(selection.model, selection.candidates, selection.item))
        return
    ids = sets.load_whole(selection.model).items["id"]
    taken = {selection.item, selection.partner}
    if len(ids) > len(taken):
        rows = random.sample(range(len(ids)), len(taken) + 1)
        selected.select_partner(next(known for row in rows if (known := str(ids.iloc[row])) not in taken))
