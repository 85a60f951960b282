"""Cases to take away: CSV without formulas, Parquet, and one HTML file with pictures and a link back to each case."""

import io
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import pandas as pd
import streamlit as st

from app.data.columns import Column
from app.data.failures import Asked
from app.state import selection as selected
from app.state.failure_view import CELLS, View
from app.text import csv_safe
from app.views.failures import filters, outcome_matrix
from app.views.failures.case_list import difference
from app.widgets import cards, hits, missing
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import CAUSES, RankingComparison
from gram.plots.style import number

_MOST = 500  # cases in a report: about a megabyte of pictures
_STYLE = Path(__file__).with_name("report.css")


class Report(NamedTuple):
    """What a report is made of.

    Attributes:
        rows: the cases, in order.
        view: what they were chosen by.
        asked: the ranking.
        outcomes: both rankings against each other.
        gallery: the set.
        columns: the recorded numbers.
        address: of the page, without its query.
        selection: the query of the current selection and of the view, which every link carries.
    """

    rows: pd.DataFrame
    view: View
    asked: Asked
    outcomes: RankingComparison
    gallery: EmbeddingSet
    columns: Mapping[str, Column]
    address: str
    selection: Mapping[str, str]


def show(
    rows: pd.DataFrame,
    view: View,
    asked: Asked,
    outcomes: RankingComparison,
    gallery: EmbeddingSet,
    columns: Mapping[str, Column],
) -> None:
    """Show the buttons that save the listed cases, all of them, in their order."""
    split = urlsplit(st.context.url or "")
    address = f"{split.scheme}://{split.netloc}{split.path}" if split.netloc else ""
    told = {**selected.current().as_query(), **view.as_query()}  # here: a file is made later, outside the session
    report = Report(rows, view, asked, outcomes, gallery, columns, address, told)
    name = f"failures-{view.cell}"
    row = st.container(horizontal=True, gap="small")
    row.download_button(
        "CSV", lambda: csv_safe(records(rows, gallery)), f"{name}.csv", "text/csv",
        on_click="ignore", width="stretch", key="failures_csv",
        help=f"All {len(rows):,} cases of the list with all that is recorded of their items",
    )  # fmt: skip
    row.download_button(
        "Parquet", lambda: parquet_bytes(records(rows, gallery)), f"{name}.parquet", "application/vnd.apache.parquet",
        on_click="ignore", width="stretch", key="failures_parquet", help="The same, with its types",
    )  # fmt: skip
    row.download_button(
        "Report", lambda: html(report), f"{name}.html", "text/html",
        on_click="ignore", width="stretch", key="failures_report",
        help=f"One HTML file that needs no network, with pictures and a link back to each case; at most {_MOST} cases",
    )  # fmt: skip


def records(rows: pd.DataFrame, gallery: EmbeddingSet) -> pd.DataFrame:
    """Return cases joined with every column of their items; one that both have gets "item_" before its name."""
    items = gallery.items.iloc[rows["row"].to_numpy()].reset_index(drop=True)
    cases = rows.drop(columns=["row", "winner_row"], errors="ignore").reset_index(drop=True)
    if any(gallery.missing().values()):
        lacks = [", ".join(missing.lacks(gallery, row, gallery.names)) for row in range(len(gallery))]
        for name, column in (("lacks", "row"), ("winner_lacks", "winner_row")):
            if column in rows:
                cases[name] = [lacks[row] for row in rows[column]]
    own = items.drop(columns=[name for name in ("id", "label", "split") if name in items])
    return cases.join(own.rename(columns={name: f"item_{name}" for name in own if name in cases}))


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as a Parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def html(report: Report) -> str:
    """Return the report: what was compared, the 2 x 2, the test, the causes, and each case with pictures and a link."""
    rows, view = report.rows, report.view
    chips = "; ".join(said for said, _ in filters.chips(view, report.columns))
    title = f"{CELLS[view.cell]}: {len(rows):,} cases"
    name = str(report.gallery.info.get("name", "unnamed"))
    cases = "".join(_case(row, report) for row in rows.head(_MOST).to_dict("records"))
    more = f"<p>The first {_MOST:,} of {len(rows):,} cases; the CSV file holds all.</p>" if len(rows) > _MOST else ""
    counts = rows.loc[~rows["right"], "cause"].value_counts()
    causes = "".join(
        f'<tr><th scope="row">{escape(CAUSES[str(cause)].title)}</th><td class="n">{count:,}</td>'
        f"<td>{escape(CAUSES[str(cause)].help)}</td></tr>"
        for cause, count in counts.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE.read_text()}</style><h1>{escape(title)}</h1>"
        f"<p>Left: {escape(view.left)}. Right: {escape(view.right)}. Set: {escape(name)}; asked with "
        f"{escape(report.asked.query)} against {escape(', '.join(report.asked.candidates))}. These are judged "
        f"<b>{escape(report.asked.judge.told)}</b>{f', filtered by {escape(chips)}' if chips else ''}. "
        f'<a href="{_link(report)}">Open this list</a></p>'
        f"{f'<p>{escape(told)}</p>' if (told := missing.counts(report.gallery)) else ''}"
        f"<h2>Right and wrong</h2>{_matrix(report.outcomes)}{outcome_matrix.verdict(report.outcomes, view)}"
        f"{f'<h2>Causes</h2><table>{causes}</table>' if causes else ''}<h2>Cases</h2>{more}<ol>{cases}</ol></html>"
    )


def _matrix(outcomes: RankingComparison) -> str:
    counts = outcomes.counts
    return (
        '<table><tr><td></td><th scope="col">right: right</th><th scope="col">right: wrong</th></tr>'
        f'<tr><th scope="row">left: right</th><td class="n">{counts["both right"]:,}</td>'
        f'<td class="n">{counts["only left"]:,}</td></tr><tr><th scope="row">left: wrong</th>'
        f'<td class="n">{counts["only right"]:,}</td><td class="n">{counts["both wrong"]:,}</td></tr></table>'
    )


def _case(row: Mapping, report: Report) -> str:
    gallery = report.gallery
    cause = CAUSES[row["cause"]]
    fault = f" ({escape(row['at_fault'])})" if row["at_fault"] else ""
    done = cards.corruptions_of(gallery, int(row["row"]))
    link = _link(report, item=row["id"], partner=row["winner"])
    return (
        f'<li><div class="pair"><div><small>true item</small><br><b>{escape(row["label"])}</b>'
        f"{cards.picture_html(gallery, int(row['row']), dark=False)}</div><div><small>best other</small><br>"
        f"<b>{difference(row['label'], row['winner_label'])}</b>"
        f"{cards.picture_html(gallery, gallery.row(row['winner']), dark=False)}</div></div>"
        f'<p><span class="cause" title="{escape(cause.help, quote=True)}">{escape(cause.title)}{fault}</span>: rank '
        f"{hits.rank(row['rank'])}, margin {number(row['margin'])}, base {number(row['base_true'])} against "
        f"{number(row['base_winner'])}, height {number(row['height_true'])} against {number(row['height_winner'])}. "
        f'<a href="{link}">Open this case</a></p>{f"<small>{escape(done)}</small>" if done else ""}</li>'
    )


def _link(report: Report, **more: str) -> str:
    query = {**report.selection, **more}
    return escape(f"{report.address}?{urlencode(query)}", quote=True)
