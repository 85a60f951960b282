"""Retrieval: ask the gallery by number, picture or sound, and see two rankings of it side by side."""

import random
import time
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import data, data_retrieval, hits, media, session, theme
from gram import measures, numbers
from gram.embedding_set import EmbeddingSet
from gram.errors import GramError, NumberError
from gram.numbers import uploads
from gram.retrieval import Answer, Comparison, Query, candidates_for, compare

BY = ("number", "image", "speech", "tones", "file")  # what to ask with; these are in the page's address
HITS = (10, 50)  # listed at first, and after "More hits"
SIDES = ("left", "right")
DEFAULTS = {"left": "gram model by volume", "right": "cosine model by cosine"}


class Judge(NamedTuple):
    """One of the two rankings: whose embeddings, and which measure."""

    model: str
    measure: str

    @classmethod
    def named(cls, name: str) -> "Judge":
        """Return the judge of a name such as "gram model by volume"."""
        return cls(*name.split(" model by ", 1))

    @property
    def title(self) -> str:
        """What the page calls it; also its name in the page's address."""
        return f"{self.model} model by {self.measure}"


def render() -> None:
    """Show the page."""
    st.title("Retrieval")
    st.markdown(
        "Ask for a number and see what two rankings of the gallery put first, each score taken apart into "
        "base × height. Try **A case where they differ** first, then listen to what fooled the one that failed."
    )
    _page()


@st.fragment
def _page() -> None:
    selection = session.current()
    gallery = data.load_set(selection.model)
    query = _ask(gallery, selection)
    if query is not None:
        _show_query(query, gallery)
    columns = st.columns(2)
    candidates = candidates_for(query.modality if query else gallery.anchor, selection.candidates, gallery=gallery)
    offered = measures.names(1 + len(candidates))
    judges = _judge_in(columns[0], SIDES[0], offered), _judge_in(columns[1], SIDES[1], offered)
    if query is None:
        return
    try:
        comparison, seconds = _answer(query, judges, candidates)
    except ValueError as error:  # this query cannot be asked of these sets
        st.info(str(error))
        return
    except GramError as error:
        st.error(str(error))
        return
    for column, answer in zip(columns, (comparison.left, comparison.right)):
        with column:
            _show_rank(answer)
    _show_hits(comparison, judges, seconds)


# asking


def _ask(gallery: EmbeddingSet, selection: session.Selection) -> Query | None:
    """Show the controls that make a query; return it, or None after a line that says what is missing."""
    number, way, differ = st.columns([1.1, 2.6, 1.3], vertical_alignment="bottom")
    by = way.segmented_control(
        "Ask with",
        BY,
        default=BY[0],
        required=True,
        wrap=True,
        key="by",
        bind="query-params",
        help="The number in words; the picture or a sound of the item that has this number; or a file of yours",
    )
    differ.button(
        "A case where they differ",
        on_click=_pick_disagreement,
        args=(by, selection.candidates, gallery),
        disabled=by == "file",
        help="Pick an item that one ranking puts first and the other does not",
        width="stretch",
    )
    try:
        if by == "file":
            return _from_file(number.text_input("The number in it", key="known", placeholder="if you know it"))
        typed = number.text_input("Number", key="q", bind="query-params", placeholder=selection.item)
        return _from_number(typed or selection.item, by or BY[0], gallery)
    except NumberError as error:
        st.warning(str(error))
        return None


def _from_number(typed: str, by: str, gallery: EmbeddingSet) -> Query:
    query = Query.typed(typed)
    known = bool((gallery.items["id"] == query.id).any())
    if by == "number":
        if not known:
            st.info(f"{query.id} is not among the {len(gallery):,} items; these are the nearest to its words.")
        return query
    if not known:
        raise NumberError(f"{query.id} is not among the items, so it has no {by} to ask with: ask with number")
    return Query(by, id=query.id)


def _from_file(typed: str | None) -> Query | None:
    """Show the upload; return the query it makes, or None while there is none."""
    sound, upload = st.columns([1, 3], vertical_alignment="center")
    file = upload.file_uploader(
        "A recording or a picture of four digits",
        type=["wav", "flac", "ogg", "mp3", "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"],
        key="retrieval_file",
        max_upload_size=uploads.MAX_BYTES // 2**20,
    )
    heard_as = sound.segmented_control(
        "A recording holds",
        ["speech", "tones"],
        default="speech",
        required=True,
        key="sound",
        bind="query-params",
        help="Speech: four spoken digits. Tones: four keys of a telephone. Ignored for a picture.",
    )
    if file is None:
        st.info("Give a photo of four handwritten digits, or a recording of four digits spoken or dialled.")
        return None
    content = file.getvalue()
    known = numbers.parse(typed) if typed and typed.strip() else None
    if uploads.sniff(content) == "image":
        return Query("image", uploads.read_image(content), known)
    return Query(heard_as or "speech", uploads.read_audio(content), known)


def _pick_disagreement(by: str, chosen: tuple[str, ...], gallery: EmbeddingSet) -> None:
    """Put an item that one ranking finds and the other does not into the query."""
    modality = gallery.anchor if by == "number" else by
    candidates = candidates_for(modality, chosen, gallery=gallery)
    left, right = (Judge.named(st.session_state.get(side) or DEFAULTS[side]) for side in SIDES)
    ids = data_retrieval.disagreeing_ids(left, right, modality, candidates)
    if ids:
        st.session_state["q"] = random.choice(ids[:20])  # the clearest cases
    else:
        st.toast("These two rankings find the same items: choose two that differ more.")


def _judge_in(column: DeltaGenerator, side: str, offered: list[str]) -> Judge:
    """Show the choice of a ranking by a measure that fits the candidates; one that no longer does is put back."""
    options = [Judge(model, measure).title for model in data.TWINS for measure in offered]
    if st.session_state.get(side, DEFAULTS[side]) not in options:
        st.session_state[side] = DEFAULTS[side]
    chosen = column.selectbox(
        f"{side.capitalize()} ranking",
        options,
        index=options.index(DEFAULTS[side]),
        key=side,
        bind="query-params",
        help="Whose embeddings, by which measure:\n\n"
        + "\n".join(f"- **{name}**: {measures.get(name).help}" for name in offered),
    )
    return Judge.named(chosen or DEFAULTS[side])


# answering


def _answer(query: Query, judges: tuple[Judge, Judge], candidates: tuple[str, ...]) -> tuple[Comparison, float]:
    """Return the two answers, and the seconds that getting the models and the indexes ready took."""
    started = time.perf_counter()
    left, right = (data_retrieval.retriever(judge.model, judge.measure, candidates) for judge in judges)
    ready = time.perf_counter()
    return compare(query, left, right, k=st.session_state.get("retrieval_k", HITS[0])), ready - started


def _show_query(query: Query, gallery: EmbeddingSet) -> None:
    """Show what the models are given."""
    if query.modality == "text":
        st.caption(f"Asked in words: “{query.content}”")
        return
    if query.content is None:
        row = int((gallery.items["id"] == query.id).to_numpy().argmax())
        shown = media.large_picture_html(gallery, row, dark=theme.is_dark()) if query.modality == "image" else ""
        sound = None if shown else media.sound_of(gallery, row, query.modality)[1]
        told = media.corruptions(gallery.items.iloc[row], only=query.modality)
        label = f"Asked with the {query.modality} of {query.id}" + (f" ({told})" if told else "")
    elif query.modality == "image":
        label = "What the model sees: four digits of 8 × 8 pixels."
        shown, sound = media.strip_html(query.content, label, dark=theme.is_dark(), style=media.LARGE), None
    else:
        label = f"What the model hears: {len(query.content) / numbers.SAMPLE_RATE:.1f} s at 8 kHz."
        shown, sound = "", media.sound_bytes(query.content)
    st.caption(label)
    if shown:
        st.html(shown)
    if sound:
        st.audio(sound, format="audio/wav", alt=label)


# showing


def _show_rank(answer: Answer) -> None:
    if answer.true is None:
        st.markdown(f"#### {answer.hits[0].label} comes first")
        st.caption("There is no true item to look for: its number is not known, or not among the items.")
        return
    st.markdown(f"#### {answer.true.label} ranks {hits.rank(answer.true.rank)} of {answer.size:,}")
    if reason := answer.why():
        st.caption(reason)


def _show_hits(comparison: Comparison, judges: tuple[Judge, Judge], ready: float) -> None:
    started = time.perf_counter()
    galleries = tuple(data.load_set(judge.model) for judge in judges)
    markup = hits.two_lists(
        comparison, (galleries[0], galleries[1]), [judge.title for judge in judges], dark=theme.is_dark()
    )
    action = media.show(markup, galleries[0], key="retrieval_hits")
    drawn = time.perf_counter() - started
    if action:
        _act(action, comparison.left)
    more, download, timing = st.columns([1, 1, 3], vertical_alignment="center")
    if st.session_state.get("retrieval_k", HITS[0]) == HITS[0]:
        more.button("More hits", on_click=st.session_state.__setitem__, args=("retrieval_k", HITS[1]), width="stretch")
    else:
        more.button("Fewer hits", on_click=st.session_state.__setitem__, args=("retrieval_k", HITS[0]), width="stretch")
    download.download_button(
        "Download CSV",
        lambda: hits.csv(comparison, [judge.title for judge in judges]),
        file_name="retrieval.csv",
        mime="text/csv",
        on_click="ignore",
        width="stretch",
    )
    timing.caption(_timing(comparison, ready, drawn))


def _timing(comparison: Comparison, ready: float, drawn: float) -> str:
    answers = (comparison.left, comparison.right)
    encode = 1000 * sum(answer.encode_seconds for answer in answers)
    search = 1000 * sum(answer.search_seconds for answer in answers)
    loading = f"loaded in {1000 * ready:,.0f} ms, " if ready > 0.05 else ""
    embedded = f"embedded in {encode:,.0f} ms, " if encode else ""
    return f"Both together: {loading}{embedded}searched in {search:,.0f} ms, drawn in {1000 * drawn:,.0f} ms."


def _act(action: dict[str, str], answer: Answer) -> None:
    """Make a hit current: beside the true item as its partner, or alone where the true item is not known."""
    if answer.true is None:
        session.select_item(action["id"])
    else:
        session.select_item(answer.true.id, partner=action["id"])
    if action["action"] == "geometry":
        st.switch_page(session.page("geometry"), query_params=session.current().as_query())
    st.rerun()
