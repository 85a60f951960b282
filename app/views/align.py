"""Align: train heads that take features of unlike size into one space, watch them learn, keep what is good."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from app import theme
from app.components import chart
from app.data import collections
from app.state import alignment, selection
from app.text import escape_markdown
from app.views.your_data.close_button import closing
from app.widgets import job_progress
from gram import losses
from gram.errors import GramError
from gram.models.heads import KINDS
from gram.plots.learning import learning
from gram.training.align_config import AlignConfig

TITLE = "Align"
ORDER = 8
_FEATURES, _FAULT, _GO = "align_features", "align_fault", "align_go"
_FIRST = ("gram", "cosine")
_DIMENSIONS = (8, 16, 32, 64, 128, 256)


def render() -> None:
    """Show the page."""
    st.title("Align")
    st.markdown(
        "Features of encoders that were trained apart share no space, so no volume and no cosine means anything yet. "
        "Train a small **head** for each modality that takes it into one space, by the GRAM loss, by pairwise cosines, "
        "or by both on the same held-out items; then every page works on the result."
    )
    if fault := st.session_state.pop(_FAULT, None):
        st.error(escape_markdown(fault))
    known = collections.features()
    if not known:
        st.info(
            "There are no features to align in this session: loading the page anew forgets them. Open files on the "
            "page **Your data**, or try five unequal views of handwritten digits, then press **Train**:"
        )
        if st.button("Open the five views", type="primary"):
            st.session_state[_FEATURES] = alignment.open_example().key
            st.rerun()
        return
    chosen = st.session_state.get(_FEATURES)
    st.session_state[_FEATURES] = chosen if chosen in known else list(known)[-1]
    row = st.container(horizontal=True, vertical_alignment="bottom")
    choice, close = row.container(width=420), row.container(width="content")
    key = choice.selectbox("Features", list(known), format_func=lambda key: known[key].title, key=_FEATURES)
    fault = _take(str(key))  # first, so that what is closed includes it
    with close:
        closing(str(key))
    if fault:
        st.error(escape_markdown(fault))
    _one(known[str(key)])


def _take(key: str) -> str:
    """Take over what was learned, if there is anything new; return why that failed."""
    job = alignment.job_of(key)
    try:
        if job is not None and not job.running:
            alignment.take(key)
    except GramError as error:
        return str(error)
    return ""


def _one(features: collections.Features) -> None:
    try:
        found = alignment.load(features)
    except GramError as error:
        st.error(escape_markdown(error))
        return
    st.html(alignment.facts(found))
    if alignment.job_of(features.key) is not None:  # what ended was taken over
        _progress(features.key)
        return
    settings = _settings(found.names)
    begun = "Train again" if alignment.made_of(features.key) else "Train"
    st.button(
        begun,
        type="primary",
        on_click=alignment.start,
        args=(features, settings),
        disabled=not settings,
        key="align_train",
    )
    _result(features.key)


# choosing


def _settings(names: Sequence[str]) -> list[AlignConfig]:
    """Show the controls for features of these modalities; return one setting a loss."""
    offered = losses.names(len(names))
    row = st.container(horizontal=True, vertical_alignment="top", gap="medium", key="align_controls")
    chosen = row.pills(
        "Losses",
        offered,
        selection_mode="multi",
        default=_FIRST,
        key="align_losses",
        help="Each gets heads of its own, trained on the same items in the same order: "
        + "; ".join(f"{name}, {losses.get(name).title}" for name in offered),
    )
    d = row.select_slider(
        "Dimensions of the space", _DIMENSIONS, 64, key="align_d", width=220,
        help="How many numbers a head makes of each modality; more take longer to learn",
    )  # fmt: skip
    head = row.segmented_control(
        "Head", list(KINDS), default="linear", required=True, key="align_head", help="mlp: one hidden layer of 256"
    )
    with st.expander("More"):
        columns = st.columns(4)
        steps = columns[0].number_input("Steps", 10, 20_000, 600, 100, key="align_steps", help="Batches to learn from")
        batch = columns[1].number_input("Batch size", 2, 4096, 256, 64, key="align_batch", help="Items a batch")
        held_out = columns[2].number_input(
            "Held out (%)", 1, 90, 20, key="align_held_out", help="Share of items that is only ranked, where no column "
            "split says which",
        )  # fmt: skip
        seed = columns[3].number_input("Seed", 0, 9999, 0, key="align_seed", help="Draws the split, heads and batches")
    if not chosen:
        st.warning("Choose a loss, or two to compare them.")
        return []
    base = AlignConfig(
        d=int(d), head=str(head), steps=int(steps), batch_size=int(batch), held_out=held_out / 100, seed=int(seed)
    )
    return [replace(base, loss=loss) for loss in offered if loss in chosen]


# watching


@st.fragment(run_every=0.7)
def _progress(key: str) -> None:
    """Show how the heads do on the held-out items, as they learn."""
    job = alignment.job_of(key)
    if job is None or not job.running:
        selection.draw_anew()
    job_progress.show(job, job.stage, key="align_stop", stop="Stop and keep", on_stop=job.stop_and_keep)
    _curves(job.history())


def _curves(history: pd.DataFrame) -> None:
    if history.empty:
        st.caption("The first numbers come after a few steps.")
        return
    chart.show(
        learning(history, dark=theme.is_dark()),
        key="align_curves",
        on_action=lambda action: None,
        tools=(),
        height=320,
        filename="alignment",
        description="Held-out R@1 of the heads by step, a line a model and measure",
    )


# the result


def _result(key: str) -> None:
    made = alignment.made_of(key)
    if made is None:
        return
    st.subheader("Held-out items", anchor=False)
    st.html(alignment.table(made))
    _curves(made.history)
    known = {collection.key for collection in collections.collections()}
    if not known.issuperset((made.held_out_key, made.all_key)):
        st.caption("A set of these was closed on the page Your data; train again to have it again.")
    with st.container(horizontal=True):
        st.button(
            "Explore the held-out items",
            type="primary",
            on_click=_explore,
            args=(made.held_out_key,),
            disabled=made.held_out_key not in known,
            key="align_explore",
            help="On every page: how the heads do on what they have not learned from",
        )
        st.button(
            "All items",
            on_click=_explore,
            args=(made.all_key,),
            disabled=made.all_key not in known,
            key="align_explore_all",
            help="With those that the heads learned from, so retrieval looks better than it is",
        )
        st.button(
            "Undo",
            on_click=alignment.undo,
            args=(key,),
            key="align_undo",
            help="Goes back to the heads before these, or to none",
        )
        for loss in made.losses:
            st.download_button(
                f"Save {escape_markdown(loss)} heads (zip)",
                partial(alignment.zipped, made, loss),
                f"{loss}-heads.zip",
                "application/zip",
                on_click="ignore",
                key=f"align_save_{loss}",
                help="For `python -m gram apply`, which takes new features through them",
            )
    if st.session_state.pop(_GO, None):
        st.switch_page(selection.page("geometry"), query_params=selection.current().as_query())


def _explore(collection: str) -> None:
    try:
        selection.open_collection(collection)
    except GramError as error:  # it was closed on the page Your data
        st.session_state[_FAULT] = str(error)
        return
    st.session_state[_GO] = True
