"""All measures on the loaded set in one table: computed when asked for, kept, and sorted as one likes."""

from html import escape
from typing import NamedTuple

import streamlit as st

from app import theme
from app.data import measures as measure_data
from app.data import sets
from app.jobs.measures import MeasureJob
from app.state import selection as selected
from app.text import csv_safe, escape_markdown
from app.widgets import job_progress, measure_markup
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.retrieval import mixed
from gram.retrieval.evaluate import DIRECTIONS
from gram.retrieval.measure_table import Row, table, tasks

_JOB, _SORT = "measures_job", "sort"
Rows = dict[str, list[Row]]


class Task(NamedTuple):
    """What is asked of every measure."""

    anchor: str
    candidates: tuple[str, ...]
    items: str

    @property
    def titles(self) -> dict[str, str]:
        """The two directions in words."""
        return dict(zip(DIRECTIONS, (f"{self.anchor} → rest", f"rest → {self.anchor}")))

    @property
    def wanted(self) -> int:
        """How many rows the whole table is made of."""
        return len(sets.models()) * len(tasks(1 + len(self.candidates)))


def show() -> None:
    """Show the section."""
    st.subheader("All measures on this set", anchor=False)
    _section()


@st.fragment
def _section() -> None:
    selection = selected.current()
    embedding_set = sets.load_set(selection.model)
    ranked = mixed.counts_by_size(embedding_set, selection.candidates, query=embedding_set.anchor)
    items = sets.sample_size(selection.model) or f"{sum(ranked.values()):,} items"
    task = Task(embedding_set.anchor, selection.candidates, items)
    anchor, rest = escape_markdown(task.anchor), escape_markdown(" + ".join(task.candidates))
    models = " and on both models" if len(sets.models()) == 2 else ""
    st.markdown(
        f"How often the right one of {task.items} is found, by every measure{models}: the "
        f"{anchor} asks the rest ({rest}), and the rest asks the {anchor}."
    )
    if told := _not_compared(task, embedding_set):
        st.caption(f":material/balance: {escape_markdown(told)}")
    job = _job_of(task)
    if job is not None and job.running:
        _progress(task)
    else:
        _say_failure(job)
        rows = _rows(task, job)
        done = sum(map(len, rows.values()))
        if done < task.wanted:
            _offer(task, done)
        _results(task, rows)
    st.html(f'<div class="panel"><h4>When each misleads</h4>{_fails(task)}</div>')


def _not_compared(task: Task, embedding_set: EmbeddingSet) -> str:
    """Return a line on the measures that do not compare this set's candidates; empty where all do."""
    apart = [
        measures.get(name).title.lower()
        for name in measures.names(1 + len(task.candidates))
        if not mixed.comparable(embedding_set, task.candidates, name, query=task.anchor)
    ]
    if not apart:
        return ""
    return (
        f"Candidates have different numbers of modalities, which {', '.join(apart)} do not compare where the "
        f"{task.anchor} asks: look at {' and '.join(mixed.INSTEAD)}."
    )


# computing


def _job_of(task: Task) -> MeasureJob | None:
    """Return the job that is at this task, or was; not one for other candidates or other embeddings."""
    job: MeasureJob | None = st.session_state.get(_JOB)
    if job is None or job.keys != {model: measure_data.key(model, task.candidates) for model in sets.models()}:
        return None
    return job


def _rows(task: Task, job: MeasureJob | None) -> Rows:
    """Return what was computed before, and what the job has added where the disk would not keep it."""
    found: Rows = {}
    for model in sets.models():
        of_job = {row.task: row for row in job.rows[model]} if job else {}
        found[model] = list({**of_job, **{row.task: row for row in measure_data.rows(model, task.candidates)}}.values())
    return found


def _offer(task: Task, done: int) -> None:
    said, button = st.columns([3, 1], vertical_alignment="center")
    what = f"{done} of {task.wanted} rankings are done." if done else "Not measured yet; it takes seconds to a minute."
    said.markdown(f":material/table_chart: {what} What is done is kept, also for your next visit.")
    label = "Measure the rest" if done else "Measure all"
    button.button(label, type="primary", width="stretch", on_click=_start, args=(task,), key="measure_all")


def _start(task: Task) -> None:
    """Start a job; one for other candidates ends, and what it has done is kept."""
    running: MeasureJob | None = st.session_state.get(_JOB)
    if running is not None and running.running:
        if _job_of(task) is running:  # a double click
            return
        running.stop()
    st.session_state[_JOB] = measure_data.job(task.candidates)


def _say_failure(job: MeasureJob | None) -> None:
    """Say why the last job failed, if it did; the rows that it had done are kept."""
    try:
        if job is not None:
            job.result()
    except GramError as error:
        st.error(escape_markdown(error))


@st.fragment(run_every=0.7)
def _progress(task: Task) -> None:
    """Show how far the job is, with the rows that are there already."""
    job = _job_of(task)
    if job is None:
        return
    if not job.running:
        selected.draw_anew()
    job_progress.show(job, job.stage, key="measure_stop")
    _results(task, _rows(task, job))


# showing


def _results(task: Task, rows: Rows) -> None:
    if not any(rows.values()):
        return
    if verdicts := measure_markup.verdicts(rows, task.titles):
        st.html(verdicts)
    order, csv = st.columns([4, 1], vertical_alignment="bottom")
    orders = (*task.titles.values(), "measure")
    selected.check_choice(_SORT, "order", orders)
    chosen = order.segmented_control(
        "Sort by",
        orders,
        format_func=escape_markdown,
        default=orders[0],
        required=True,
        key=_SORT,
        bind="query-params",
        help="By R@1 in one of the two directions, or by measure with the two models next to each other",
    )
    csv.download_button(
        "Download CSV",
        lambda: csv_safe(table(rows)),
        "measures.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
        key="measures_csv",
    )
    st.html(measure_markup.table(rows, task.titles, order=str(chosen or orders[0]), ground=theme.ground()))
    st.caption(escape_markdown(_legend(rows)))


def _legend(rows: Rows) -> str:
    left_out = {row.left_out for of_model in rows.values() for row in of_model}
    lacking = f" Up to {max(left_out):,} items were left out, for they lack a modality." if max(left_out) else ""
    return (
        "R@K: share of the queries whose own item is among the first K; median rank: 1 is best. The bar and the range "
        "are the 95 % bootstrap interval over items. **Bold**: the best of its column, and all whose interval meets "
        f"that of the best, which shows no difference and does not prove that there is none.{lacking}"
    )


def _fails(task: Task) -> str:
    """Return a line a measure on when it misleads, and one on each that is not in the table."""
    k = 1 + len(task.candidates)
    lines = [(measures.get(name).title, measures.get(name).fails) for name in measures.names(k)]
    for name in measures.names():
        measure = measures.get(name)
        if not measure.supports(k):
            needed = f"it is defined for k = {measure.modalities}, and here k = {k}"
            advice = f"choose {measure.min_candidates} candidate modalities to have it here"
            lines.append((measure.title, f"Not in the table: {needed}; {advice}."))
    return f'<dl class="fails">{"".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in lines)}</dl>'
