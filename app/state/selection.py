"""What is loaded and selected: one current item and one current partner, the same on all pages and in the URL.

The selection lives in the session; the URL (keys `set`, `model`, `candidates`, `item`, `partner`) follows it. A value
in the URL that this module did not write there came from a person (a link, the back button) and is taken over; one
that makes no sense is answered with one line, and the selection stays as it was.
"""

import contextlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple, NoReturn

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.navigation.page import StreamlitPage

from app.data import collections, sets
from app.text import choices, escape_markdown, quoted
from app.widgets import missing
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError, GramError

FIRST_ITEM = (
    "5638"  # where a first visit begins, if the set has it: easy to read and hear; its hardest mismatch is recorded too
)
_SELECTION, _WRITTEN, _PAGES, _FAULT = "selection", "selection_in_url", "pages", "selection_fault"
_SET, _MODEL, _CANDIDATES = "sidebar_set", "sidebar_model", "sidebar_candidates"
_URL_KEYS = ("set", "model", "candidates", "item", "partner")


class Selection(NamedTuple):
    """The open collection, a model of it, what makes up a candidate, the current item and its partner (ids)."""

    set: str
    model: str
    candidates: tuple[str, ...]
    item: str
    partner: str

    def as_query(self) -> dict[str, str]:
        """Return the URL's query of this selection."""
        return {**self._asdict(), "candidates": ",".join(self.candidates)}


def start(pages: Mapping[str, StreamlitPage]) -> None:
    """Settle the selection from session and URL, and draw the sidebar; the entry script calls this on every run.

    Stops the run with one clear line when what ships with the project cannot be loaded.
    """
    st.session_state[_PAGES] = dict(pages)
    try:
        selection, notes = _settle(st.session_state.get(_SELECTION), _news())
        _hold(selection)
        _sidebar(selection)
    except GramError as error:
        st.error(escape_markdown(error))
        st.stop()
    for note in (*notes, st.session_state.pop(_FAULT, None)):
        if note:
            st.warning(escape_markdown(note))


def current() -> Selection:
    """Return what is selected."""
    return st.session_state[_SELECTION]


def open_collection(key: str) -> None:
    """Open a collection that this session knows, with its first model, item and hardest mismatch.

    For callbacks, or before `st.rerun()`. Measures and items of the pages' own choice are left to the pages.

    Raises:
        GramError: the collection is not to be found, or its set is not sound; then the one before stays open.
    """
    _choose(key)
    selection, _ = _settle(None, {})
    _hold(selection)


def select_item(item: str, partner: str | None = None) -> None:
    """Make an item current, beside a partner; without one, beside its hardest mismatch.

    For callbacks, or before `st.rerun()`. An unknown id leaves the selection as it is.
    """
    was = current()
    known = sets.load_whole(was.model)
    if known.find(item) is None:
        return
    if partner is None or partner == item or known.find(partner) is None:
        partner = sets.hardest_mismatch(was.model, was.candidates, item)
    _hold(was._replace(item=item, partner=partner))


def select_partner(partner: str) -> None:
    """Make an item the current partner; an unknown id, or the current item itself, changes nothing."""
    was = current()
    if partner != was.item and sets.load_whole(was.model).find(partner) is not None:
        _hold(was._replace(partner=partner))


def say_again() -> None:
    """Put the selection into the URL once more, where a run has begun with an address from before it."""
    _hold(current())


def measures_for(k: int, *, key: str = "measure") -> list[str]:
    """Return the measures defined for k modalities; a choice under `key` that is not one of them is put back.

    Call it just before the widget of that key, with whose options it goes.
    """
    offered = measures.names(k)
    if st.session_state.get(key, offered[0]) not in offered:
        del st.session_state[key]
    return offered


def page(name: str) -> StreamlitPage:
    """Return a page by the name in its URL ("geometry"), for `st.switch_page`."""
    return st.session_state[_PAGES][name]


def has_page(name: str) -> bool:
    """Return whether there is a page of this name."""
    return name in st.session_state[_PAGES]


def link(name: str, label: str, **state: str) -> None:
    """Draw a link to a page with the current selection; `state` overrides it and adds the page's own keys.

    Example: `link("geometry", "Open in Geometry", item="4721")`.
    """
    query: dict[str, str] = {**current().as_query(), **state}
    if "item" in state and "partner" not in state:
        del query["partner"]
    st.page_link(page(name), label=label, query_params=query)


def tell_sample(selection: Selection) -> None:
    """Say in one line that a page shows a sample, and whether current item and partner are in it; nothing if it is all.

    For pages that show what is computed of all items at once.
    """
    if not (told := sets.sample_size(selection.model)):
        return
    shown = sets.load_set(selection.model)
    outside = [each for each in (selection.item, selection.partner) if shown.find(each) is None]
    also = f" {' and '.join(outside)} {'is' if len(outside) == 1 else 'are'} not in it." if outside else ""
    st.caption(escape_markdown(f"This page shows {told}, drawn at random: the set is too large to show whole.{also}"))


def check_choice(key: str, name: str, names: Sequence[str]) -> None:
    """Say in one line that the URL asks for what is not among the choices of a page's own key.

    Call it before the widget that is bound to the key, which then goes back to its usual value.
    """
    asked = st.query_params.get(key)
    if asked is not None and asked not in names:
        st.warning(escape_markdown(f"There is no {name} {quoted(asked)}; choose from {choices(names)}."))
        _forget(key)


def check_number(key: str, name: str, lowest: float, highest: float, *, whole: bool = False) -> None:
    """Say in one line that the URL asks for a number that is none or out of bounds; call it as `check_choice`."""
    asked = st.query_params.get(key)
    try:
        fits = asked is None or (lowest <= float(asked) <= highest and not (whole and float(asked) % 1))
    except ValueError:
        fits = False
    if not fits:
        kind = "whole number" if whole else "number"
        told = f"{name} {quoted(asked)} cannot be; choose a {kind} from {lowest:g} to {highest:g}."
        st.warning(escape_markdown(told))
        _forget(key)


def _forget(key: str) -> None:
    with contextlib.suppress(StreamlitAPIException):  # bound to a widget by now, which forgets it itself
        del st.query_params[key]


# the URL


def _news() -> dict[str, str]:
    """Return what the URL says that we did not write there ourselves."""
    written: Mapping[str, str] = st.session_state.get(_WRITTEN, {})
    found = {key: st.query_params[key] for key in _URL_KEYS if key in st.query_params}
    return {key: value for key, value in found.items() if value != written.get(key)}


def _hold(selection: Selection) -> None:
    """Keep a selection, and say it in the URL."""
    query = selection.as_query()
    if any(st.query_params.get(key) != value for key, value in query.items()):
        st.query_params.update(query)  # all at once: each change is a step of the back button
    st.session_state[_SELECTION], st.session_state[_WRITTEN] = selection, query


def _settle(held: Selection | None, news: Mapping[str, str]) -> tuple[Selection, list[str]]:
    """Return the selection that follows from the one held and the URL's news, and a line on each bad value."""
    notes: list[str] = []
    held = _opened(held, news.get("set"), notes)
    news = {} if notes else news  # the rest of it is of a set that is not to be had
    model = held.model if held else sets.models()[0]
    if (asked := news.get("model", model)) in sets.models():
        model = asked
    else:
        notes.append(f"There is no model {quoted(asked)}; this shows {model}. Choose {' or '.join(sets.models())}.")
    embedding_set = sets.load_set(model)
    candidates = _candidates(held, news.get("candidates"), embedding_set, notes)
    item, partner = _pair(held, news, model, notes)
    partner = partner or sets.hardest_mismatch(model, candidates, item)
    return Selection(collections.current().key, model, candidates, item, partner), notes


def _opened(held: Selection | None, asked: str | None, notes: list[str]) -> Selection | None:
    """Open the collection that the URL asks for, if it is to be found; return what stays selected."""
    if asked is None or asked == collections.current().key:
        return held
    try:
        _choose(asked)
    except GramError as error:
        notes.append(f"{str(error).rstrip('.')}. This shows {collections.current().title}.")
        return held
    return None


def _choose(key: str) -> None:
    """Open a collection.

    Raises:
        GramError: it is not to be found, not sound, or has nothing to compare; then the one before stays open.
    """
    before = collections.current().key
    if not collections.choose(key):
        raise EmbeddingSetError(
            f"The set {quoted(key)} is not open in this session. Sets that were uploaded are their session's alone: "
            "open the file again on the page Your data."
        )
    try:
        for model in sets.models():
            _check(sets.load_set(model))
    except GramError:
        collections.choose(before)
        raise


def _check(embedding_set: EmbeddingSet) -> None:
    """Check that there is something to compare.

    Raises:
        EmbeddingSetError: one modality or one item alone.
    """
    if len(embedding_set.names) < 2:
        raise EmbeddingSetError(
            f"This set has one modality, {embedding_set.names[0]}: a volume is that of two or more vectors of an item. "
            "Open it with a second modality."
        )
    if len(embedding_set) < 2:
        raise EmbeddingSetError("This set has one item, which has no other to be compared with: open two or more.")


def _candidates(
    held: Selection | None, asked: str | None, embedding_set: EmbeddingSet, notes: list[str]
) -> tuple[str, ...]:
    possible = _possible(embedding_set)
    default = tuple(name for name in held.candidates if name in possible) if held else possible
    if asked is None:
        return default or possible
    names = [name.strip() for name in asked.split(",") if name.strip()]
    chosen = tuple(name for name in possible if name in names)
    if unknown := [name for name in names if name not in possible]:
        notes.append(f"{quoted(', '.join(unknown))} cannot be a candidate here; choose from {', '.join(possible)}.")
    return chosen or default or possible


def _pair(held: Selection | None, news: Mapping[str, str], model: str, notes: list[str]) -> tuple[str, str | None]:
    """Return the item and its partner, or None for the partner that is still to be found."""
    shown, whole = sets.load_set(model), sets.load_whole(model)

    def known(item: str | None) -> bool:
        return item is not None and whole.find(item) is not None

    before = held.item if held and known(held.item) else missing.fullest(shown, FIRST_ITEM)
    item = news.get("item", before)
    if not known(item):
        notes.append(f"No item {quoted(item)} in this set; this shows {before}.")
        item = before
    kept = held.partner if held and held.item == item and known(held.partner) else None
    partner = news.get("partner", kept)
    if partner is not None and not known(partner):
        notes.append(f"No item {quoted(partner)} in this set to compare with; this shows a mismatch that it has.")
        partner = kept
    return item, partner if partner != item else None


def _possible(embedding_set: EmbeddingSet) -> tuple[str, ...]:
    """Return the modalities that can be candidates: all but the anchor."""
    return tuple(name for name in embedding_set.names if name != embedding_set.anchor)


# the sidebar


def _sidebar(selection: Selection) -> None:
    embedding_set = sets.load_set(selection.model)
    st.session_state[_MODEL] = selection.model
    st.session_state[_CANDIDATES] = list(selection.candidates)
    with st.sidebar:
        _choose_set(selection)
        if len(sets.models()) > 1:
            st.segmented_control(
                "Model",
                sets.models(),
                format_func=escape_markdown,
                required=True,
                key=_MODEL,
                on_change=_take_from_sidebar,
                help="Models of the same items that differ in the loss they were trained with: the GRAM volume, or "
                "pairwise cosine.",
            )
        st.pills(
            "Candidate modalities",
            _possible(embedding_set),
            format_func=escape_markdown,
            selection_mode="multi",
            key=_CANDIDATES,
            on_change=_take_from_sidebar,
            help=f"What a candidate is made of. The anchor, {escape_markdown(embedding_set.anchor)}, "
            "is compared with these.",
        )
        st.html(_facts(embedding_set, selection))


def _choose_set(selection: Selection) -> None:
    """Show what can be opened here, where there is more than one collection, and the way to one's own."""
    titles = {collection.key: collection.title for collection in collections.collections()}
    if len(titles) > 1:
        st.session_state[_SET] = selection.set
        st.selectbox("Set", list(titles), format_func=titles.__getitem__, key=_SET, on_change=_take_set)
    if has_page("your-data"):
        st.page_link(page("your-data"), label="Open your data", icon=":material/folder_open:")


def _take_set() -> None:
    try:
        open_collection(st.session_state[_SET])
    except GramError as error:
        st.session_state[_FAULT] = str(error)


def _take_from_sidebar() -> None:
    chosen = set(st.session_state[_CANDIDATES])
    was = current()
    candidates = tuple(name for name in _possible(sets.load_set(was.model)) if name in chosen)
    _hold(was._replace(model=st.session_state.get(_MODEL, was.model), candidates=candidates or was.candidates))


def _size(embedding_set: EmbeddingSet) -> str:
    whole = embedding_set.info.get("sampled_from")
    if not whole:
        return f"{len(embedding_set):,}"
    return f"{whole:,}; Volumes, Projection and Failures show {len(embedding_set):,} of them, drawn at random"


def _facts(embedding_set: EmbeddingSet, selection: Selection) -> str:
    """Return what is loaded as a small table in HTML; all values are of this project or are escaped."""
    facts: dict[str, Any] = {
        "Set": embedding_set.info.get("name", "unnamed"),
        "Device": sets.device(),
        "Items": _size(embedding_set),
        "k": f"{1 + len(selection.candidates)} of {len(embedding_set.names)} modalities",
        "d": f"{embedding_set.d:,} dimensions",
    }
    lacking = {name: count for name, count in embedding_set.missing().items() if count}
    if lacking:
        facts[f"Lacking{' (sample)' * sets.is_sample(selection.model)}"] = ", ".join(
            f"{name}: {count:,}" for name, count in lacking.items()
        )
    rows = "".join(f"<div><dt>{name}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{rows}</dl>'


def draw_anew() -> NoReturn:
    """Run the whole page again, from a fragment that runs by itself.

    With each such run the browser says what its address is, which may still be that of before the last press. What is
    selected is said anew first, so that an address which is late is not taken for a wish to go back.
    """
    say_again()
    st.rerun()
