"""The table of all measures as HTML, and the lines above it on volume against the mean cosine."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from gram import measures
from gram.retrieval.evaluate import DIRECTIONS
from gram.retrieval.measure_table import METRICS, Row, against, leading

_HEADS = {"R@1": "R@1", "R@5": "R@5", "R@10": "R@10", "median_rank": "median rank"}
_SIGNS = {
    1: ("▲", "ahead", "is ahead of"),
    -1: ("▼", "behind", "<strong>loses</strong> to"),
    0: ("≈", "level", "is level with"),
}
Rows = Mapping[str, Sequence[Row]]


def verdicts(rows: Rows, titles: Mapping[str, str]) -> str:
    """Return a line a model and direction on whether volume is ahead of the mean cosine; empty until both are there."""
    lines = []
    for model, of_model in rows.items():
        by_task = {row.task: row for row in of_model}
        for direction, title in titles.items():
            volume, cosine = by_task.get(("volume", direction)), by_task.get(("cosine", direction))
            if volume is None or cosine is None or not volume.values or not cosine.values:
                continue
            sign, kind, words = _SIGNS[against(volume, cosine, "R@1")]
            lines.append(
                f'<li class="{kind}"><b aria-hidden="true">{sign}</b><span>{escape(model)} model, {escape(title)}: '
                f"volume {words} mean cosine, R@1 <strong>{percent(volume.values['R@1'])}</strong> against "
                f"<strong>{percent(cosine.values['R@1'])}</strong></span></li>"
            )
    return f'<ul class="verdicts">{"".join(lines)}</ul>' if lines else ""


def table(rows: Rows, titles: Mapping[str, str], *, order: str, ground: str) -> str:
    """Return the table: a row a measure and model, four columns a direction, the best of each column marked.

    Args:
        rows: model -> its rows.
        titles: direction -> what the page calls it.
        order: one of those titles, to sort by R@1 of that direction, best first; else by measure.
        ground: colour of the page, for the column that stays while the others scroll.
    """
    lines = {(model, row.measure) for model, of_model in rows.items() for row in of_model}
    cells = {(model, *row.task): row for model, of_model in rows.items() for row in of_model}
    marked = _marked(cells)
    body = "".join(_line(line, cells, marked) for line in _sorted(lines, cells, titles, order))
    groups = "".join(f'<th colspan="{len(METRICS)}" scope="colgroup">{escape(title)}</th>' for title in titles.values())
    heads = "".join(
        f'<th scope="col" class="{"first" * (metric == METRICS[0])}">{_HEADS[metric]}</th>'
        for _ in titles
        for metric in METRICS
    )
    return (
        f'<div class="measures" style="--measures-ground:{ground}" tabindex="0" role="region" '
        'aria-label="All measures on this set"><table><thead>'
        f'<tr><th rowspan="2" scope="col">measure, model</th>{groups}</tr><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _marked(cells: Mapping[tuple[str, str, str], Row]) -> set[tuple[str, str, str, str]]:
    """Return which cells (model, measure, direction, metric) lead their column."""
    marked = set()
    for direction in DIRECTIONS:
        column = {key: row for key, row in cells.items() if key[2] == direction}
        for metric in METRICS:
            marked |= {(*key, metric) for key, lead in zip(column, leading([*column.values()], metric)) if lead}
    return marked


def _sorted(
    lines: set[tuple[str, str]], cells: Mapping[tuple[str, str, str], Row], titles: Mapping[str, str], order: str
) -> list[tuple[str, str]]:
    listed = measures.names()
    by_measure = sorted(lines, key=lambda line: (listed.index(line[1]), line[0] == "cosine"))
    direction = next((direction for direction, title in titles.items() if title == order), None)
    if direction is None:
        return by_measure

    def recall(line: tuple[str, str]) -> float:
        row = cells.get((*line, direction))
        return row.values.get("R@1", -math.inf) if row else -math.inf

    return sorted(by_measure, key=recall, reverse=True)


def _line(
    line: tuple[str, str],
    cells: Mapping[tuple[str, str, str], Row],
    marked: set[tuple[str, str, str, str]],
) -> str:
    model, name = line
    found = "".join(
        _cell(cells.get((*line, direction)), metric, (*line, direction, metric) in marked)
        for direction in DIRECTIONS
        for metric in METRICS
    )
    kind = f' class="{name}"' if name in ("volume", "cosine") else ""
    hint = escape(measures.get(name).help, quote=True)
    head = f'<th scope="row" title="{hint}">{escape(measures.get(name).title)}<small>{escape(model)} model</small></th>'
    return f"<tr{kind}>{head}{found}</tr>"


def _cell(row: Row | None, metric: str, marked: bool) -> str:
    kind = " ".join(filter(None, ("first" * (metric == METRICS[0]), "best" * marked)))
    if row is None:
        return f'<td class="{kind}" title="still to be measured">…</td>'
    if metric not in row.values:
        return f'<td class="{kind}" title="{escape(row.reason, quote=True)}">–</td>'
    low, high = row.intervals[metric]
    if metric == "median_rank":
        hint = f"95 % interval {low:,.4g} to {high:,.4g}, {row.items:,} items"
        return f'<td class="{kind}" title="{hint}">{row.values[metric]:,.4g}</td>'
    hint = f"95 % interval {percent(low)} to {percent(high)}, {row.items:,} items"
    return f'<td class="{kind}" title="{hint}">{percent(row.values[metric])}{_range(low, high, metric)}</td>'


def _range(low: float, high: float, metric: str) -> str:
    """Return the interval of R@1 in numbers, and as a bar on a track from 0 to 100 %."""
    if metric != METRICS[0]:
        return ""
    ends = f"{100 * low:.1f} – {100 * high:.1f}"
    bar = f'<i style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></i>'
    return f'<small>{ends}</small><span class="track" aria-hidden="true">{bar}</span>'


def percent(share: float) -> str:
    """Return a share as people read it."""
    return f"{100 * share:.1f}\u00a0%"
