"""Evidence: what is claimed for GRAM, one claim a section, and what was measured here beside it."""

from io import BytesIO

import streamlit as st

from app import theme
from app.components import chart
from app.data import results
from app.data.results import QUICK, SHIPPED, Result
from app.jobs.experiment import ExperimentJob
from app.state import selection
from app.text import csv_safe
from app.views.evidence import markup
from app.widgets import job_progress
from gram.errors import GramError
from gram.experiments import EXPERIMENTS

_JOB, _FAILED = "evidence_job", "evidence_failed"  # the quick run under way; name -> why the last one gave nothing
_NEW = "evidence_new_"  # before a name: which result has just been made, and is to be shown


def render() -> None:
    """Show the page."""
    st.title("Evidence")
    st.markdown(
        "What is claimed for GRAM, claim by claim, and what the same question gave here, on the spoken numbers, with "
        "every arm trained alike. A result against GRAM is shown as plainly as one for it. Try: read a finding, look "
        "at its picture, then run the experiment yourself."
    )
    with st.container(key="evidence_contents"):
        titles = {name: (module.TITLE, module.CLAIM.sentence) for name, module in EXPERIMENTS.items()}
        st.html(markup.contents(titles))
    for name, module in EXPERIMENTS.items():
        st.subheader(module.TITLE, anchor=name)
        _section(name)


@st.fragment
def _section(name: str) -> None:
    """Show one claim: what was said, what was done here, its picture, what was found."""
    st.html(markup.claim(EXPERIMENTS.get(name).CLAIM, theme.ground()))
    try:
        found = {kind: results.result(name, kind) for kind in (SHIPPED, QUICK)}
    except GramError as error:
        st.error(str(error))
        return
    kind = _choice(name, found)
    result = found[kind]
    if result is None:
        st.info(
            "The result of this experiment does not ship with this copy of the project. Make it with "
            f"`python -m gram experiment {name}`, or look at a quick run.",
            icon=":material/science:",
        )
    else:
        _show(name, result, kind)
    _quick(name, result)


def _choice(name: str, found: dict[str, Result | None]) -> str:
    """Return which result to show, with a choice where there are both."""
    there = [kind for kind, result in found.items() if result is not None]
    if len(there) < 2:
        return there[0] if there else SHIPPED
    key = f"evidence_{name}"
    st.session_state[key] = st.session_state.pop(f"{_NEW}{name}", st.session_state.get(key)) or SHIPPED
    chosen = st.segmented_control(
        "Result",
        [SHIPPED, QUICK],
        required=True,
        key=key,
        help="Shipped: what the finding rests on. Quick run: made on this computer, with a tiny model and few items.",
        label_visibility="collapsed",
    )
    return str(chosen or SHIPPED)


def _show(name: str, result: Result, kind: str) -> None:
    shown = results.shown(name, result, dark=theme.is_dark())
    if kind == QUICK:
        st.caption(":material/science: A quick run: a tiny model and few items. It shows that it works, and no more.")
    st.html(markup.found(shown.headline, shown.finding))
    chart.show(
        shown.figure,
        key=f"evidence_chart_{name}_{kind}",
        height=shown.height,
        filename=f"evidence-{name}",
        description=shown.finding,
        on_action=lambda action: None,
        tools=("zoom2d", "resetScale2d"),
        may_be_tall=True,
    )
    st.html(markup.facts(result.facts))


# running


def _quick(name: str, result: Result | None) -> None:
    """Show what can be done: the table as a file, and a quick run, or how far it is."""
    job: ExperimentJob | None = st.session_state.get(_JOB)
    if job is not None and job.name == name:
        _progress(name)
        return
    if failed := st.session_state.get(_FAILED, {}).get(name):
        st.error(failed)
    row = st.container(horizontal=True, gap="small")
    row.button(
        "Quick run",
        key=f"evidence_run_{name}",
        on_click=_start,
        args=(name,),
        disabled=job is not None and job.running,
        help="Carries this experiment out on this computer with a tiny model and few items, in seconds",
    )
    if result is not None:
        row.download_button(
            "CSV",
            lambda: csv_safe(result.table),
            f"{name}.csv",
            "text/csv",
            on_click="ignore",
            key=f"evidence_csv_{name}",
        )
        row.download_button(
            "Parquet",
            lambda: BytesIO(result.file.read_bytes()),
            f"{name}.parquet",
            on_click="ignore",
            key=f"evidence_parquet_{name}",
        )


def _start(name: str) -> None:
    running: ExperimentJob | None = st.session_state.get(_JOB)
    if running is not None and running.running:  # a double click
        return
    st.session_state.setdefault(_FAILED, {}).pop(name, None)
    st.session_state[_JOB] = results.job(name)


@st.fragment(run_every=0.6)
def _progress(name: str) -> None:
    """Show how far the quick run is; show its result when it is done."""
    job: ExperimentJob | None = st.session_state.get(_JOB)
    if job is None or job.name != name:
        return
    if job.running:
        job_progress.show(job, job.stage, key=f"evidence_stop_{name}")
        return
    del st.session_state[_JOB]
    try:
        job.result()
        st.session_state[f"{_NEW}{name}"] = QUICK
    except GramError as error:
        st.session_state.setdefault(_FAILED, {})[name] = str(error)
    selection.draw_anew()
