"""Layouts that the Projection page has, and those that are computed while it says how far."""

import streamlit as st

from app import data_projection, opened
from app.plain import plain
from gram.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.projection import Layout, ProjectionJob, Settings

_JOB, _DONE, _FAILED = "projection_job", "projection_done", "projection_failed"


def layout(model: str, settings: Settings) -> Layout | None:
    """Return the layout asked for, if it ships, was computed before, or was just computed."""
    done: tuple[str, Layout] | None = st.session_state.get(_DONE)
    if done is not None and done[0] == model and done[1].settings == settings:
        return done[1]
    return data_projection.layout(model, settings)


def show() -> bool:
    """Show how far the work is, and why the last one failed; return whether there is any under way."""
    if failed := st.session_state.get(_FAILED):
        st.error(plain(failed))
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
    st.session_state[_JOB] = opened.works_on_open_data(ProjectionJob(embedding_set, settings))
    st.session_state[f"{_JOB}_model"] = model


@st.fragment(run_every=0.7)
def _progress() -> None:
    """Show how far the job is, and take its layout when it is done."""
    job: ProjectionJob | None = st.session_state.get(_JOB)
    if job is None:
        return
    if job.running:
        bar, stop = st.columns([4, 1], vertical_alignment="center")
        left = f", about {job.seconds_left:.0f} s left" if job.seconds_left is not None else ""
        bar.progress(job.share, text=f"{job.stage[:1].upper()}{job.stage[1:]}: {job.share:.0%}{left}")
        stop.button("Stop", on_click=job.stop, width="stretch")
        return
    del st.session_state[_JOB]
    try:
        found = job.result()
    except GramError as error:
        found = None
        st.session_state[_FAILED] = str(error)  # this fragment runs again at once, and would wipe it away
    if found is not None:
        st.session_state[_DONE] = (st.session_state[f"{_JOB}_model"], found)
    st.rerun()
