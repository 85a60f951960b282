"""Retrieval: ask the gallery by number, picture or sound, and see two rankings of it side by side."""

import random
import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import theme
from app.data import rankings, retrieval, sets
from app.data.rankings import SIDES, Judge
from app.state import selection as selected
from app.state.failure_view import View
from app.text import escape_markdown
from app.views.retrieval import compare as compare_module
from app.views.retrieval import measure_table, milvus, query_form, time_bar
from app.widgets import cards, hits, missing
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.retrieval.answer import Answer
from gram.retrieval.comparison import Comparison, compare
from gram.retrieval.query import AnyQuery, candidates_for

HITS = (10, 50)  # listed at first, and after "More hits"


def render() -> None:
    """Show the page."""
    st.title("Retrieval")
    first = (
        "Type, draw, say or dial a number"
        if cards.is_rendered(sets.load_set(selected.current().model))
        else "Ask with an item or a vector of yours"
    )
    st.markdown(
        f"{first} and see what two rankings of the gallery put first, each score taken apart into base × height. Try "
        "**A case where they differ** first, then look at what fooled the one that failed."
    )
    missing.show(sets.load_set(selected.current().model))
    _page()
    measure_table.show()


@st.fragment
def _page() -> None:
    selection = selected.current()
    gallery = sets.load_gallery(selection.model)
    query = query_form.ask(gallery, selection, lambda by: _pick_disagreement(by, selection.candidates, gallery))
    collection = milvus.choose()
    columns = st.columns(2)
    asked = query.modalities if query else (gallery.anchor,)
    candidates = candidates_for(asked, selection.candidates, gallery=gallery)
    offered = measures.names(len(asked) + len(candidates))
    judges = _judge_in(columns[0], SIDES[0], offered, candidates), _judge_in(columns[1], SIDES[1], offered, candidates)
    if query is None:
        return
    try:
        comparison, seconds = _answer(query, judges, candidates, len(gallery))
    except ValueError as error:  # this query cannot be asked of these sets
        st.info(escape_markdown(error))
        return
    except GramError as error:
        st.error(escape_markdown(error))
        return
    query_form.keep(query)
    galleries = sets.load_gallery(judges[0].model), sets.load_gallery(judges[1].model)
    comparison = milvus.instead(collection, comparison, judges, galleries)
    answers = comparison.left, comparison.right
    for side, column, judge, answer in zip(SIDES, columns, judges, answers):
        with column:
            _show_rank(answer, judge.model)
            rankings.caution(judge, candidates, whole=True)
            _lead_to_failures(answer, side, judges)
    if collection is None and (told := sets.sample_size(selection.model)):
        st.caption(
            f"Searched all {len(gallery):,} items, each one exactly. **A case where they differ** looks in {told}, and "
            "the table of all measures below is of it."
        )
    _show_hits(comparison, judges, seconds)


# asking


def _pick_disagreement(modality: str, chosen: tuple[str, ...], gallery: EmbeddingSet) -> None:
    """Put an item that one ranking finds and the other does not into the query."""
    candidates = candidates_for(modality, chosen, gallery=gallery)
    left, right = (Judge.named(st.session_state.get(side) or rankings.default(side, candidates)) for side in SIDES)
    ids = retrieval.disagreeing_ids(left, right, modality, candidates)
    if ids:
        st.session_state["q"] = random.choice(ids[:20])  # the clearest cases
    else:
        st.toast("These two rankings find the same items: choose two that differ more.")


def _judge_in(column: DeltaGenerator, side: str, offered: list[str], candidates: tuple[str, ...]) -> Judge:
    """Show the choice of a ranking by a measure that fits the candidates; one that no longer does is put back."""
    options = rankings.options(offered)
    usual = rankings.default(side, candidates)
    if st.session_state.get(side, usual) not in options:
        del st.session_state[side]
    chosen = column.selectbox(
        f"{side.capitalize()} ranking",
        options,
        index=options.index(usual),
        key=side,
        bind="query-params",
        help=rankings.help_on(offered),
    )
    return Judge.named(chosen or usual)


# answering


def _answer(
    query: AnyQuery, judges: tuple[Judge, Judge], candidates: tuple[str, ...], size: int
) -> tuple[Comparison, float]:
    """Return the two answers, and the seconds that getting the models and the indexes ready took."""
    started = time.perf_counter()
    left, right = (retrieval.searcher(judge.model, judge.measure, candidates) for judge in judges)
    ready = time.perf_counter()
    bars: list[DeltaGenerator] = []

    def progress(share: float, stage: str = "") -> None:
        if not bars:
            bars.append(st.empty())
        bars[0].progress(share, text=f"Searching all {size:,} items: {share:.0%}")

    found = compare(query, left, right, k=st.session_state.get("retrieval_k", HITS[0]), progress=progress)
    for bar in bars:
        bar.empty()
    return found, ready - started


# showing


def _show_rank(answer: Answer, model: str) -> None:
    if isinstance(answer, milvus.Found):
        milvus.show_rank(answer)
        return
    if answer.true is None:
        st.markdown(f"#### {escape_markdown(answer.hits[0].label)} comes first")
        st.caption(_no_true(answer, sets.load_whole(model)))
        if note := query_form.note(answer):
            st.caption(escape_markdown(note))
        return
    st.markdown(f"#### {escape_markdown(answer.true.label)} ranks {hits.rank(answer.true.rank)} of {answer.size:,}")
    if left_out := len(sets.load_whole(model)) - answer.size:
        least = min(measures.get(answer.measure).min_candidates, len(answer.candidates))
        one, many = ("has none of", "have none of") if least == 1 < len(answer.candidates) else ("lacks", "lack")
        names = missing.listed(answer.candidates) if least == 1 else " or ".join(answer.candidates)
        count, was = (f"1 item {one}", "was") if left_out == 1 else (f"{left_out:,} items {many}", "were")
        st.caption(escape_markdown(f"{count} {names}, and {was} not ranked."))
    for line in (answer.why(), query_form.note(answer)):
        if line:
            st.caption(escape_markdown(line))


def _no_true(answer: Answer, gallery: EmbeddingSet) -> str:
    """Return why there is no item to look for."""
    item = answer.query.id
    if item is not None and (row := gallery.find(item)) is not None:
        none = f"{item} lacks {missing.listed(missing.lacks(gallery, row, answer.candidates))}"
        return escape_markdown(f"{none}, by which items are ranked here: it cannot be found.")
    return "There is no true item to look for: its number is not known, or not among the items."


def _lead_to_failures(answer: Answer, side: str, judges: tuple[Judge, Judge]) -> None:
    """Lead from a wrong answer to the query of an item to its case among the failures of that ranking."""
    if isinstance(answer, milvus.Found):
        return
    query = answer.query
    own = all(part.content is not None and not isinstance(part.content, str) for part in query.parts)
    if answer.true is None or answer.true.rank <= 1 or len(query.parts) > 1 or own:  # own: drawn, said, given as a file
        return
    if sets.load_set(judges[SIDES.index(side)].model).find(answer.true.id) is None:  # no case of the sample
        return
    winner = next(hit.id for hit in answer.hits if not hit.correct)
    left, right = (each.title for each in judges)
    view = View(left=left, right=right, asks=query.modalities[0], cell=f"{side}-missed")
    selected.link(
        "failures",
        "Open in Failures",
        item=answer.true.id,
        partner=winner,
        **view.as_query(),
    )


def _show_hits(comparison: Comparison, judges: tuple[Judge, Judge], ready: float) -> None:
    started = time.perf_counter()
    galleries = tuple(sets.load_gallery(judge.model) for judge in judges)
    markup = hits.two_lists(
        comparison, (galleries[0], galleries[1]), [judge.title for judge in judges], dark=theme.is_dark()
    )
    action = cards.show(markup, galleries[0], key="retrieval_hits")
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
    timing.html(_timing(comparison, ready, drawn))
    compare_module.show(comparison, galleries, [judge.title for judge in judges])


def _timing(comparison: Comparison, ready: float, drawn: float) -> str:
    answers = (comparison.left, comparison.right)
    steps = {
        "loading": ready if ready > 0.05 else 0.0,
        "encoding": sum(answer.encode_seconds for answer in answers),
        "search": sum(answer.search_seconds for answer in answers),
        "drawing": drawn,
    }
    return time_bar.html(steps, title="both rankings")


def _act(action: dict[str, str], answer: Answer) -> None:
    """Compare a hit, or make it current: as the true item's partner, or alone where the true item is not known."""
    if action["action"] == "compare":
        compare_module.choose(action["side"], action["id"])
        st.rerun()
    if answer.true is None:
        selected.select_item(action["id"])
    else:
        selected.select_item(answer.true.id, partner=action["id"])
    if action["action"] == "geometry":
        st.switch_page(selected.page("geometry"), query_params=selected.current().as_query())
    st.rerun()
