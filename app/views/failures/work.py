"""Computing what the page shows: parts that are missing are computed at once, in order, while the page says how far."""

from collections.abc import Sequence

import streamlit as st

from app.data import failures
from app.data.failures import Asked
from app.jobs.failure_store import Kept
from app.jobs.failures import FailureJob
from app.state import failure_view as views
from app.state import selection
from app.text import escape_markdown
from app.widgets import job_progress
from gram.diagnostics import Cases, Diagnosis, Remedy
from gram.errors import GramError

_JOB, _TRIED = "failures_job", "failures_tried"  # the job; the keys that it, or one before it, was started for
Wanted = tuple[Asked, str]  # a ranking, and the kind of part


def begin(wanted: Sequence[Wanted]) -> None:
    """Start to compute what is missing, unless that is under way, or has failed or been stopped before."""
    missing = [each for each in dict.fromkeys(wanted) if _kept(*each) is None]
    if not missing:
        return
    first = failures.key(*missing[0])
    running = _running()
    if running is not None and first in running.keys.values():
        return
    if first in st.session_state.get(_TRIED, ()):
        return
    if running is not None:
        running.stop()
    _start(missing)


def _start(missing: Sequence[Wanted]) -> None:
    st.session_state[_TRIED] = {failures.key(*each) for each in missing}
    st.session_state[_JOB] = failures.job(missing)


def cases(asked: Asked) -> Cases | None:
    """Return the cases of a ranking, None while they are still to come; treat them as read-only."""
    found = _kept(asked, "cases")
    return failures.with_rows(asked, found) if isinstance(found, Cases) else None


def findings(asked: Asked) -> Diagnosis | None:
    """Return what is wrong with the set, None while that is still to come."""
    found = _kept(asked, "findings")
    return found if isinstance(found, Diagnosis) else None


def remedies(asked: Asked) -> tuple[Remedy, ...] | None:
    """Return what remedies do, None while that is still to come."""
    found = _kept(asked, "remedies")
    return None if found is None or isinstance(found, Cases | Diagnosis) else found


def _kept(asked: Asked, kind: str) -> Kept | None:
    """Return a part that is on disk, or that the session's job has done where the disk would not keep it."""
    found = failures.kept(asked, kind)
    job: FailureJob | None = st.session_state.get(_JOB)
    if found is None and job is not None and job.keys.get(asked.part(kind)) == failures.key(asked, kind):
        return job.done.get(asked.part(kind))
    return found


def _running() -> FailureJob | None:
    job: FailureJob | None = st.session_state.get(_JOB)
    return job if job is not None and job.running else None


def wait_for(wanted: Wanted, *, key: str) -> None:
    """Say how far along a part is that is still to come, or why it does not come, with a way to stop or go on."""
    if _running() is not None:
        _progress(key)
        return
    job: FailureJob | None = st.session_state.get(_JOB)
    said, button = st.columns([4, 1], vertical_alignment="center")
    try:
        if job is not None:
            job.result()
        said.caption("It was stopped; what was done is kept.")
    except GramError as error:
        said.error(escape_markdown(error))
    button.button("Go on", key=f"{key}_on", on_click=_start, args=([wanted],), width="stretch")


@st.fragment(run_every=0.6)
def _progress(key: str) -> None:
    """Show how far the job is; draw the page anew when a part is done."""
    job = _running()
    seen = f"{key}_seen"
    done = len(job.done) if job else -1
    if job is None or st.session_state.setdefault(seen, done) != done:
        st.session_state.pop(seen, None)
        views.say_again()
        selection.draw_anew()
    job_progress.show(job, job.stage, key=f"{key}_stop")
