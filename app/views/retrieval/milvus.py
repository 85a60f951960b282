"""Searching a collection of Milvus beside the open set: where it is, and its hits in place of the exact search's.

The address and the token are a person's, or those that the app was started with ($GRAM_MILVUS_URI, $GRAM_MILVUS_TOKEN).
A token stays in the memory of the session; it is in no address and is not shown again. The app's own token goes to the
app's own address alone.
"""

import importlib.util
import os
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator
from torch.nn.functional import normalize

from app.data import collections
from app.data.rankings import Judge
from app.text import escape_markdown
from app.widgets import hits
from gram.data.embedding_set import EmbeddingSet
from gram.errors import DatabaseError
from gram.retrieval.answer import Answer, Hit
from gram.retrieval.comparison import Comparison
from gram.retrieval.milvus import DEFAULT_FETCH, MilvusAnswer, MilvusSearcher

EXACT, IN_MILVUS = "This set, exact", "A Milvus collection"
FETCHES = (64, DEFAULT_FETCH, 1024)
_HELD, _FAULT, _FETCH = "milvus_held", "milvus_fault", "milvus_fetch"
_WAS = "milvus_was"  # a person's address that was last opened, without a password
_URI, _COLLECTION, _TOKEN = "milvus_uri", "milvus_collection", "milvus_token"
_TIMEOUT = 20.0  # seconds
_ALIKE = 0.01  # by which a number of a unit vector may differ that went through float16
_THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")
_NAMED = 5  # ids in a line


@dataclass(frozen=True)
class Held:
    """The collection that this session searches, and what was found in it when it was opened."""

    index: MilvusSearcher
    size: int
    candidates: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Found(MilvusAnswer):
    """A collection's answer; of its hits those that the open set has, for it draws them.

    Attributes:
        place: what the collection is called.
        elsewhere: ids of hits that the open set lacks.
        agreeing: how many of the exact search's hits are among these.
        asked: how many hits the exact search gave.
    """

    place: str = ""
    elsewhere: tuple[str, ...] = ()
    agreeing: int = 0
    asked: int = 0


class _Unfit(ValueError):
    """This query, or this ranking, cannot be asked of the collection."""


# where


def choose() -> Held | None:
    """Show the choice of where to search; return the collection, or None for the exact search of the open set.

    Shows nothing where pymilvus is not installed.
    """
    if importlib.util.find_spec("pymilvus") is None:
        return None
    choice, rest = st.columns([1.4, 3], vertical_alignment="bottom")
    where = choice.segmented_control(
        "Search in",
        [EXACT, IN_MILVUS],
        default=EXACT,
        required=True,
        key="milvus_where",
        help="The open set, every item scored; or a collection that `python -m gram index push` made, of which Milvus "
        "gives candidates and the best of these are shown",
    )
    if where != IN_MILVUS:
        return None
    held: Held | None = st.session_state.get(_HELD)
    if held is None:
        _form()
    else:
        _told(held, rest)
    return held


def _form() -> None:
    if fault := st.session_state.get(_FAULT):
        st.error(f"{escape_markdown(fault)}. The exact search of this set is shown.")
    given = bool(os.environ.get("GRAM_MILVUS_URI"))
    files = collections.data_folder() is not None
    st.session_state.setdefault(_URI, st.session_state.get(_WAS, ""))
    with st.form("milvus_form", clear_on_submit=False):
        address, name, token, button = st.columns([2, 1, 1, 0.8], vertical_alignment="bottom")
        address.text_input(
            "Address",
            key=_URI,
            placeholder="the one this app was started with" if given else "http://localhost:19530",
            help="http://host:port of a server" + ", or a .db folder of Milvus Lite below the data folder" * files,
        )
        name.text_input("Collection", value="gram", key=_COLLECTION)
        token.text_input("Token", type="password", key=_TOKEN, help="An API key, or user:password; kept in memory only")
        button.form_submit_button("Connect", on_click=_connect, width="stretch")


def _told(held: Held, column: DeltaGenerator) -> None:
    line, fetch, button = column.columns([3, 1.3, 1], vertical_alignment="bottom")
    line.caption(escape_markdown(f"{_name(held)}: {held.size:,} items by {', '.join(held.candidates)}"))
    fetch.selectbox(
        "Candidates",
        FETCHES,
        index=FETCHES.index(DEFAULT_FETCH),
        key=_FETCH,
        help="How many of the nearest items Milvus is asked for in each modality, and by their base",
    )
    button.button("Another", on_click=_let_go, width="stretch", help="Search another collection")


def _name(held: Held) -> str:
    return f"collection {held.index.collection} at {_without_folders(held.index.uri, held.index.uri)}"


def _without_folders(text: str, uri: str) -> str:
    """Return text in which a folder of Milvus Lite is called by its name alone."""
    return text if "://" in uri else text.replace(uri, Path(uri).name)


def _connect() -> None:
    """Open the collection that the form names; a fault is kept, to be shown. The token leaves the form either way."""
    uri, collection = st.session_state[_URI].strip(), st.session_state[_COLLECTION].strip()
    token, st.session_state[_TOKEN] = st.session_state[_TOKEN], ""
    _let_go()
    try:
        st.session_state[_HELD] = opened_at(uri, collection, token)
        st.session_state[_WAS] = st.session_state[_URI] = "" if "@" in uri else uri
    except (ValueError, DatabaseError) as error:
        st.session_state[_FAULT] = str(error)
        st.session_state[_URI] = "" if "@" in uri else uri


def opened_at(uri: str, collection: str, token: str) -> Held:
    """Return a collection, opened.

    Args:
        uri: a person's address; "" for the app's own.
        collection: its name.
        token: a person's; "" for none, or for the app's own at its own address.

    Raises:
        ValueError: no address, one that Milvus does not take, a path that leaves the data folder, or a server's that is
            not the app's own, where others than this computer reach the app.
        DatabaseError: see `MilvusSearcher.search`.
    """
    if uri:
        place = _server(uri) if "://" in uri else str(_below_data_folder(uri))
    else:
        place, token = os.environ.get("GRAM_MILVUS_URI", ""), token or os.environ.get("GRAM_MILVUS_TOKEN", "")
    if not place:
        raise ValueError("Give the address of a Milvus server")
    index = MilvusSearcher(place, collection=collection, token=token or None, timeout=_TIMEOUT)
    try:
        return Held(index, len(index), index.candidates)
    except DatabaseError as error:
        index.close()
        raise DatabaseError(_without_folders(str(error), index.uri)) from None


def _server(uri: str) -> str:
    """Return a server's address, if the app may be sent there: it reaches more of a network than its visitors do."""
    if st.get_option("server.address") not in _THIS_COMPUTER and uri != os.environ.get("GRAM_MILVUS_URI"):
        raise ValueError("This app is open to the network, and connects to the Milvus alone that it was started with")
    return uri


def _below_data_folder(name: str) -> Path:
    """Return the folder of Milvus Lite that a person names, which is there already, links followed."""
    root = collections.data_folder()
    if root is None:
        raise ValueError("Give http://host:port: this app was given no data folder (--data-dir) to open files in")
    try:
        folder = (root / name).resolve()
        is_there = folder.is_relative_to(root) and folder.suffix == ".db" and (folder / "collections").is_dir()
        stays = is_there and all(path.resolve().is_relative_to(root) for path in folder.rglob("*"))
    except (OSError, ValueError):  # a name that no file can have
        stays = False
    if not stays:
        raise ValueError("There is no .db folder of Milvus Lite of this name below the data folder")
    return folder


def _let_go() -> None:
    st.session_state.pop(_FAULT, None)
    held: Held | None = st.session_state.pop(_HELD, None)
    if held is not None:
        held.index.close()


# searching


def instead(
    held: Held | None, comparison: Comparison, judges: tuple[Judge, Judge], galleries: tuple[EmbeddingSet, EmbeddingSet]
) -> Comparison:
    """Return what the collection answers to the same query, by the same rankings, each where it can be asked.

    Of a ranking that cannot, one line says why and the exact answer stays; both stay where the connection is lost.
    """
    if held is None:
        return comparison
    answers: list[Answer] = [comparison.left, comparison.right]
    ranks = [{item: places[side] for item, places in comparison.ranks.items()} for side in range(2)]
    for side, (answer, judge, gallery) in enumerate(zip(tuple(answers), judges, galleries)):
        try:
            answers[side] = found = _search(held, answer, gallery, comparison)
            ranks[side] = dict(found.ranks)
        except (_Unfit, ValueError) as error:
            st.info(escape_markdown(f"{error}. The ranking {judge.told} is of this set, exact."))
        except DatabaseError as error:
            _let_go()
            st.session_state[_FAULT] = fault = _without_folders(str(error), held.index.uri)
            st.error(f"{escape_markdown(fault)}. The exact search of this set is shown.")
            return comparison
    places = {item: (rank, ranks[1][item]) for item, rank in ranks[0].items() if item in ranks[1]}
    return Comparison(answers[0], answers[1], places)


def _search(held: Held, answer: Answer, gallery: EmbeddingSet, comparison: Comparison) -> Found:
    """Return a collection's answer to a query that was answered exactly; it ranks what either exact answer lists."""
    if set(held.candidates) != set(answer.candidates):
        here = ", ".join(answer.candidates)
        raise _Unfit(f"The collection is of {', '.join(held.candidates)}, and items are judged here by {here}")
    if held.index.d != len(answer.embedding):
        raise _Unfit(
            f"The collection's vectors have {held.index.d:,} numbers, and this model's {len(answer.embedding):,}"
        )
    held.index.measure, held.index.gallery = answer.measure, gallery
    fetch = int(st.session_state.get(_FETCH) or DEFAULT_FETCH)
    count = min(fetch, max(1, len(answer.hits)))
    found = held.index.answer(answer.query, answer.embeddings, count, fetch=fetch, listed=comparison.ranks)
    hits_here = tuple(hit for hit in found.hits if hit.row >= 0)
    if hits_here and not _any_alike(held, hits_here, gallery):
        raise _Unfit("The collection has other vectors of these items than this model: another's were pushed")
    return Found(
        **vars(replace(found, hits=hits_here, encode_seconds=answer.encode_seconds)),
        place=_name(held),
        elsewhere=tuple(hit.id for hit in found.hits if hit.row < 0),
        agreeing=len({hit.id for hit in answer.hits} & {hit.id for hit in hits_here}),
        asked=len(answer.hits),
    )


def _any_alike(held: Held, found: tuple[Hit, ...], gallery: EmbeddingSet) -> bool:
    """Return whether the collection has the vectors of some hit as the open set has them."""
    rows = [hit.row for hit in found]
    apart = [
        (own.double() - normalize(gallery.modalities[name][rows].double())).nan_to_num(0.0).abs().amax(dim=1)
        for name, own in held.index.vectors([hit.id for hit in found]).items()
    ]
    return bool((torch.stack(apart).amax(dim=0) < _ALIKE).any())


# showing


def show_rank(answer: Found) -> None:
    """Say where the true item came, and of how many candidates; what is certain, and what is left out."""
    true = answer.true
    if true is not None:
        st.markdown(f"#### {escape_markdown(true.label)} ranks {hits.rank(true.rank)} of {answer.size:,} candidates")
    elif answer.query.id is not None and answer.query.id not in answer.elsewhere:
        st.markdown(f"#### {escape_markdown(answer.query.id)} is not among the {answer.size:,} candidates")
    elif answer.hits:
        st.markdown(f"#### {escape_markdown(answer.hits[0].label)} comes first")
    if answer.exact:
        st.caption(escape_markdown(f"All {answer.size:,} items of {answer.place} were scored: none is missing."))
    else:
        st.caption(
            escape_markdown(
                f"The best of {answer.size:,} candidates that Milvus fetched of {answer.items:,} items of "
                f"{answer.place}: not certified, a better one may be missing, and their recall is unknown. Of the "
                f"{answer.asked} best of the exact search of this set, {answer.agreeing} are among them."
            )
        )
    if answer.elsewhere:
        more = len(answer.elsewhere) - _NAMED
        listed = ", ".join(answer.elsewhere[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        st.caption(escape_markdown(f"Hits that this set does not have, and that are not shown: {listed}."))
