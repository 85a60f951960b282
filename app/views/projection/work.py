"""Layouts that the Projection page has, and those that are computed while it says how far."""

import streamlit as st

from app.data import collections, layouts, sets
from app.jobs.projection import ProjectionJob
from app.state import selection
from app.text import escape_markdown
from app.widgets import job_progress
from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.projection import Layout, Settings

_JOB, _DONE, _FAILED = "projection_job", "projection_done", "projection_failed"
_RANKING = "projection_ranking"  # the ranking that is asked for, and its job


def layout(model: str, settings: Settings) -> Layout | None:
    """Return the layout asked for, if it ships, was computed before, or was just computed."""
    done: tuple[str, Layout] | None = st.session_state.get(_DONE)
    if done is not None and done[0] == model and done[1].settings == settings:
        return done[1]
    return layouts.layout(model, settings)


def show() -> bool:
    """Show how far the work is, and why the last one failed; return whether there is any under way."""
    if failed := st.session_state.get(_FAILED):
        st.error(escape_markdown(failed))
    under_way = st.session_state.get(_JOB) is not None
    if under_way:
        _progress()
    return under_way


def offer(model: str, settings: Settings, embedding_set: EmbeddingSet, *, has_other: bool) -> None:
    """Say that the picture is still to be computed, with a button that starts it.

    Args:
        model: whose set.
        settings: what is to be computed.
        embedding_set: its embeddings.
        has_other: whether another picture is shown below meanwhile.
    """
    said, button = st.columns([3, 1], vertical_alignment="center")
    points = settings.points(embedding_set)
    sampled = ""
    if settings.method == "umap" and points > settings.fitted:
        sampled = (
            f" UMAP is fitted on at most {settings.fitted:,} of its {points:,} points, and places the others: a "
            "minute or two."
        )
    meanwhile = " Below is the one with the usual settings." if has_other else ""
    said.info(f"This picture has not been computed yet.{sampled}{meanwhile}", icon=":material/scatter_plot:")
    button.button("Compute it", type="primary", width="stretch", on_click=_start, args=(model, settings, embedding_set))


def _start(model: str, settings: Settings, embedding_set: EmbeddingSet) -> None:
    running: ProjectionJob | None = st.session_state.get(_JOB)
    if running is not None and running.running:  # a double click
        return
    st.session_state.pop(_FAILED, None)
    st.session_state[_JOB] = collections.works_on_open_data(ProjectionJob(embedding_set, settings))
    st.session_state[f"{_JOB}_model"] = model


@st.fragment(run_every=0.7)
def _progress() -> None:
    """Show how far the job is, and take its layout when it is done."""
    job: ProjectionJob | None = st.session_state.get(_JOB)
    if job is None:
        return
    if job.running:
        job_progress.show(job, job.stage, key="projection_stop")
        return
    del st.session_state[_JOB]
    try:
        found = job.result()
    except GramError as error:
        found = None
        st.session_state[_FAILED] = str(error)  # this fragment runs again at once, and would wipe it away
    if found is not None:
        st.session_state[_DONE] = (st.session_state[f"{_JOB}_model"], found)
    selection.draw_anew()


def ranks(model: str, candidates: tuple[str, ...], measure: str) -> layouts.Ranks | None:
    """Return the ranks of the items that are drawn; while they are still to come, show how far that is."""
    if (found := layouts.ranks(model, candidates, measure)) is not None:
        st.session_state.pop(_RANKING, None)
        return found
    asked = sets.fingerprint(model), model, candidates, measure
    ranking = st.session_state.get(_RANKING)
    if ranking is None or ranking[0] != asked:
        _rank(asked)
    _ranking()
    return None


def _rank(asked: tuple[tuple[str, int], str, tuple[str, ...], str]) -> None:
    """Start to rank, in place of what is under way."""
    if (before := st.session_state.get(_RANKING)) is not None:
        before[1].stop()
    st.session_state[_RANKING] = asked, layouts.ranking(*asked[1:])


@st.fragment(run_every=0.6)
def _ranking() -> None:
    """Show how far the ranking is; draw the page anew when it is done."""
    asked, job = st.session_state[_RANKING]
    embedding_set = sets.load_set(asked[1])
    if job.running and not job.stopped:
        drawn = len(layouts.drawn_rows(embedding_set))
        stage = f"ranking {drawn:,} of {len(embedding_set):,} items"
        job_progress.show(job, stage, key="projection_ranking_stop")
    elif job.stopped:
        said, button = st.columns([5, 1], vertical_alignment="center")
        said.caption(f"Ranking by {asked[3]} was stopped, so points have no colour of a rank.")
        button.button("Rank", on_click=_rank, args=(asked,), key="projection_ranking_on", width="stretch")
    else:
        try:
            job.wait()
        except GramError as error:
            st.error(escape_markdown(error))
        else:
            selection.draw_anew()
