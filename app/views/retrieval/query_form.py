"""The question of the Retrieval page: the controls that make a query, of one part or several.

What the model sees of each part is shown beside it. The query that was answered last stays while a part is missing or
wrong.
"""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.state import selection as selected
from app.text import escape_markdown
from app.views.retrieval import model_input, query_inputs
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.errors import NumberError
from gram.retrieval.answer import Answer
from gram.retrieval.query import AnyQuery, JointQuery, Query, candidates_for

_SEVERAL, _PARTS = "several", "parts"  # whether there are several; which, also in the URL as "image,keypad"
_LAST = "retrieval_last"  # the query that was answered last
_CALLED = {"text": "words", "image": "picture"}  # what a person calls a modality


def ask(gallery: EmbeddingSet, selection: selected.Selection, pick: Callable[[str], None]) -> AnyQuery | None:
    """Show the controls that make a query, and what the model sees of it.

    Returns the query; while there is none, after a line that says why, the one answered last; None on a first visit.

    Args:
        gallery: the items.
        selection: what is selected.
        pick: puts an item that the two rankings place differently into the query, given the modality it asks with.
    """
    row = st.container(key="retrieval_ask")
    side, choice, differ = row.columns([0.9, 3.8, 1.2], vertical_alignment="bottom")
    ways = query_inputs.ways_for(gallery)
    names = _choose(ways, choice, differ)
    alone = ways[names[0]] if len(names) == 1 else None
    differ.button(
        "A case where they differ",
        on_click=pick,
        args=(alone.modality if alone else None,),
        disabled=alone is None or not alone.picks,
        help="Pick an item that one ranking puts first and the other does not; for asking with one part of an item",
        width="stretch",
    )
    said = st.container()
    chosen = {name: ways[name] for name in names}
    parts = _parts(
        chosen, query_inputs.place_for(list(chosen.values()), side, gallery, selection.item), selection.model
    )
    fault = _fault(chosen, parts, gallery, selection)
    if fault:
        said.warning(escape_markdown(fault))
    asked = [part for part in parts if part is not None]
    if fault or not asked or len(asked) < len(parts):
        return _last(gallery, selection)
    if len(asked) == 1:
        return asked[0]
    query = JointQuery(tuple(sorted(asked, key=lambda part: gallery.names.index(part.modality))))
    if len(named := _numbers(query)) > 1:
        said.info(f"The parts name {escape_markdown(' and '.join(named))}: there is no one item to look for.")
    return query


def keep(query: AnyQuery) -> None:
    """Remember a query that was answered."""
    st.session_state[_LAST] = query


def note(answer: Answer) -> str | None:
    """Return one line where a measure makes less of the other parts of a joint query than a person expects."""
    anchor, *joined = answer.embeddings
    if not joined:
        return None
    return measures.get(answer.measure).joint_note.format(anchor=anchor, joined=" and the ".join(joined)) or None


# choosing


def _choose(ways: Mapping[str, query_inputs.Way], column: DeltaGenerator, switch: DeltaGenerator) -> tuple[str, ...]:
    """Show the ways to ask, and whether one or several are chosen; return the names of those chosen."""
    first = next(iter(ways))
    if st.session_state.get("by", first) not in ways:  # of a set that was open before
        st.session_state["by"] = first
    st.session_state[_PARTS] = [name for name in st.session_state.get(_PARTS, []) if name in ways]
    linked = [name for name in st.query_params.get(_PARTS, "").split(",") if name in ways]
    if linked and _SEVERAL not in st.session_state:
        st.session_state[_SEVERAL], st.session_state[_PARTS] = True, linked
    several = switch.toggle(
        "Several at once",
        key=_SEVERAL,
        on_change=_turn,
        args=(tuple(ways),),
        help="Ask with two or three parts of one item together, such as a drawing and a recording: they and each "
        "item's other modalities make one Gram matrix",
    )
    if not several:
        st.query_params.pop(_PARTS, None)
        chosen = column.segmented_control(
            "Ask with", list(ways), format_func=escape_markdown, required=True, wrap=True, key="by",
            default=None if "by" in st.session_state else first,  # Streamlit warns of both
            bind="query-params", help="A part of one of the items, or something of yours",
        )  # fmt: skip
        return (chosen or first,)
    together = column.segmented_control(
        "Ask with all of", list(ways), format_func=escape_markdown, selection_mode="multi", wrap=True, key=_PARTS,
        help="Press a part to add it, again to take it away. Items are judged by the modalities that are left",
    )  # fmt: skip
    names = tuple(name for name in ways if name in together)
    if st.query_params.get(_PARTS) != ",".join(names):
        st.query_params[_PARTS] = ",".join(names)
    return names


def _turn(ways: Sequence[str]) -> None:
    """Take the chosen way over when the choice becomes one of several, or the first of them when it becomes one."""
    if st.session_state[_SEVERAL]:
        st.session_state[_PARTS] = [st.session_state.get("by") or ways[0]]
    else:
        chosen = st.session_state.get(_PARTS) or ways[:1]
        st.session_state["by"] = next(name for name in ways if name in chosen)


# asking


def _parts(ways: Mapping[str, query_inputs.Way], place: query_inputs.Place, model: str) -> list[Query | None]:
    """Show each way's controls and what the model sees of it; return each one's query, None where it has none yet."""
    picked = [name for name, way in ways.items() if way.picks]
    rows = [st.columns(2) for _ in picked[::2]] if len(picked) > 1 else [[st.container()]]
    beside = iter([cell for row in rows for cell in row])
    parts: list[Query | None] = []
    for way in ways.values():
        controls, sight = [next(beside)] * 2 if way.picks else st.columns(2)
        parts.append(_part(way, place, controls, sight, model))
    return parts


def _part(
    way: query_inputs.Way, place: query_inputs.Place, controls: DeltaGenerator, sight: DeltaGenerator, model: str
) -> Query | None:
    try:
        with controls:
            part = way.ask(place)
    except NumberError as error:
        sight.warning(escape_markdown(error))
        return None
    with sight:
        if part is None:
            st.info(way.waiting)
        else:
            model_input.show(part, place.gallery, model)
    return part


def _fault(
    ways: Mapping[str, query_inputs.Way],
    parts: Sequence[Query | None],
    gallery: EmbeddingSet,
    selection: selected.Selection,
) -> str | None:
    """Return one line on why these parts cannot be asked together, however they are filled in; None if they can."""
    names = list(ways)
    if not names:
        return "Nothing is asked yet: choose one part or more above."
    modalities = [part.modality if part else ways[name].modality for name, part in zip(names, parts)]
    for place, modality in enumerate(modalities):
        if modality in modalities[:place] and modality is not None:
            first = names[modalities.index(modality)]
            return f"“{first}” and “{names[place]}” both ask with the {_called(modality)}: take one of them away."
    try:
        candidates_for([name for name in modalities if name], selection.candidates, gallery=gallery)
    except ValueError as error:
        return f"{error}."[0].upper() + f"{error}."[1:]
    return None


def _numbers(query: JointQuery) -> list[str]:
    """Return the numbers that the parts name, each once."""
    return list(dict.fromkeys(part.id for part in query.parts if part.id is not None))


def _last(gallery: EmbeddingSet, selection: selected.Selection) -> AnyQuery | None:
    """Return the query that was answered last, after a line that says so; None where there is none to answer."""
    query: AnyQuery | None = st.session_state.get(_LAST)
    if query is None:
        return None
    try:
        candidates_for(query.modalities, selection.candidates, gallery=gallery)
    except ValueError:  # the candidates were changed since
        return None
    what = escape_markdown(" and ".join(f"the {_called(modality)}" for modality in query.modalities))
    st.caption(
        f"Below is still the answer to {what}{f' of {escape_markdown(query.id)}' if query.id else ''} "
        "that you asked with last."
    )
    return query


def _called(modality: str) -> str:
    return _CALLED.get(modality, modality)
