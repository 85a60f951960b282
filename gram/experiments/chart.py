"""What the figures of experiments share: dots and lines with 95 % intervals, drawn from rows of a table.

Dots are means over seeds, bars their intervals. Both losses look the same everywhere: gram dark blue circles, cosine
ochre diamonds; grey is chance, or what is only shown beside.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gram.plots import style

RECALL = "R@1 (%)"
_ROW, _FRAME = 34, 110  # pixels of a row of dots, and of axis and legend around them
_SHIFT = 0.14  # of the two losses in one row
_INTERVALS = {
    "seeds": "95 % interval over seeds", "items": "95 % interval over items",
    "items of all seeds": "95 % interval over items", "runs": "95 % interval over runs", "": "no interval",
}  # fmt: skip


def dots(
    figure: go.Figure, rows: pd.DataFrame, names: Sequence[str], of: Sequence[str] | pd.Series, *, side: int,
    name: str, dark: bool, large: Sequence[bool] | None = None, row: int | None = None, legend: bool = True,
    percent: bool = True, shift: bool = True,
) -> None:  # fmt: skip
    """Add a dot with its interval for each row of a table, each on the line of its name.

    Args:
        figure: to add to.
        rows: of the table.
        names: the lines, from the top.
        of: the name of each row.
        side: 0 or 1, the loss: its colour and symbol, and on which side of the line it lies.
        name: in the legend.
        dark: for a dark ground.
        large: which dots are larger than the others; all alike by default.
        row: the panel of a figure of several.
        legend: whether the legend has it.
        percent: whether values are shares, shown in %.
        shift: whether it lies beside the line, not on it.
    """
    factor, unit = (100.0, " %") if percent else (1.0, "")
    look = marker(side, dark)
    if large is not None:
        look["size"] = [13 if each else 8 for each in large]
    lines = np.array([names.index(each) for each in of], dtype=np.float64)
    figure.add_scatter(
        x=factor * rows["value"], y=lines + ((side - 0.5) * 2 * _SHIFT if shift else 0.0), mode="markers", name=name,
        meta=name, legendgroup=name, showlegend=legend, marker=look, cliponaxis=False,
        error_x=_reach(rows, factor, side, dark), customdata=_hover(of, rows, factor),
        hovertemplate=f"{name}: %{{customdata[0]}}<br><b>%{{x:.3g}}{unit}</b> (%{{customdata[1]}})<br>"
        "%{customdata[2]}, %{customdata[3]} seeds<extra></extra>",
        **({} if row is None else {"row": row, "col": 1}),
    )  # fmt: skip


def line(
    figure: go.Figure, rows: pd.DataFrame, names: Sequence[str], of: pd.Series, *, side: int, name: str, dark: bool,
    thin: bool = False, row: int | None = None, legend: bool = True,
) -> None:  # fmt: skip
    """Add a line over names in order, with an interval at each; arguments as for `dots`."""
    places = np.array([names.index(each) for each in of], dtype=np.float64)
    by_place = np.argsort(places)
    rows, places, of = rows.iloc[by_place], places[by_place], of.iloc[by_place]
    colour, dash = style.RANKING_COLOURS[side][dark], style.RANKING_DASHES[side]
    figure.add_scatter(
        x=places + (side - 0.5) * 0.06, y=100 * rows["value"], mode="lines+markers", name=name, meta=name,
        legendgroup=name, showlegend=legend, error_y=_reach(rows, 100.0, side, dark),
        marker=marker(side, dark, size=6 if thin else 10),
        line={"color": colour, "width": 1 if thin else 2.5, "dash": dash}, customdata=_hover(of, rows, 100.0),
        hovertemplate=f"{name}: %{{customdata[0]}}<br><b>%{{y:.3g}} %</b> (%{{customdata[1]}})<br>%{{customdata[2]}}, "
        "%{customdata[3]} seeds<extra></extra>",
        **({} if row is None else {"row": row, "col": 1}),
    )  # fmt: skip


def ticks(
    figure: go.Figure, rows: pd.DataFrame, lines: Sequence[int], *, name: str, symbol: str, size: int, width: float,
    dark: bool,
) -> None:  # fmt: skip
    """Add grey marks without intervals, such as chance, on numbered lines."""
    figure.add_scatter(
        x=100 * rows["value"], y=lines, mode="markers", name=name, meta=name,
        marker={"symbol": symbol, "size": size, "line": {"width": width, "color": style.MISMATCH[dark]}},
        hovertemplate=f"{name}: %{{x:.1f}} %<extra></extra>",
    )  # fmt: skip


def marker(side: int, dark: bool, *, size: int = 10) -> dict[str, Any]:
    """Return the look of a loss's points."""
    colour = style.RANKING_COLOURS[side][dark]
    look = {"color": colour, "size": size, "opacity": 1, "symbol": style.RANKING_SYMBOLS[side]}
    return look | {"line": {"width": 2, "color": colour}}


def _hover(of: Sequence[str] | pd.Series, rows: pd.DataFrame, factor: float) -> list[list[str]]:
    """Return what hovering tells of each row: its name, its interval, over what, and how many seeds."""
    return [
        [name, "" if np.isnan(low) else f"{factor * low:.3g} to {factor * high:.3g}", _INTERVALS[over], str(seeds)]
        for name, low, high, over, seeds in zip(of, rows["low"], rows["high"], rows["interval"], rows["seeds"])
    ]


def _reach(rows: pd.DataFrame, factor: float, side: int, dark: bool) -> dict[str, Any]:
    value = rows["value"].to_numpy()
    return {
        "type": "data", "symmetric": False, "color": style.RANKING_COLOURS[side][dark], "thickness": 1.5, "width": 4,
        "array": np.nan_to_num(factor * (rows["high"].to_numpy() - value)),
        "arrayminus": np.nan_to_num(factor * (value - rows["low"].to_numpy())),
    }  # fmt: skip


def named_axis(names: Sequence[str]) -> dict[str, Any]:
    """Return a vertical axis with a name a line, the first on top."""
    return {
        "tickvals": list(range(len(names))), "ticktext": list(names), "range": [len(names) - 0.5, -0.5],
        "fixedrange": True, "zeroline": False,
    }  # fmt: skip


def lay_out_rows(figure: go.Figure, names: Sequence[str], title: str, *, dark: bool) -> go.Figure:
    """Lay out a figure of dots on named lines, and return it.

    Args:
        figure: made of `dots`.
        names: the lines, from the top.
        title: of the horizontal axis; one that ends in "(%)" reaches from 0 to 100.
        dark: for a dark ground.
    """
    lay_out(figure, height=_FRAME + _ROW * len(names), dark=dark)
    figure.update_yaxes(**named_axis(names))
    figure.update_xaxes(title=title, zeroline=False, rangemode="tozero", fixedrange=True)
    if title.endswith("(%)"):  # no share is below 0 or above 1, though Student's interval of one may be
        figure.update_xaxes(range=[-1.5, 101.5], tickvals=list(range(0, 101, 20)))
    return figure


def lay_out_recall(figure: go.Figure, *, height: int, dark: bool) -> go.Figure:
    """Lay out a figure with R@1 upwards, and return it."""
    lay_out(figure, height=height, dark=dark)
    return figure.update_yaxes(title=RECALL, rangemode="tozero", fixedrange=True)


def lay_out(figure: go.Figure, *, height: int, dark: bool) -> None:
    """Give a figure its template, height and legend."""
    figure.update_layout(
        **style.look(dark), hovermode="closest", dragmode=False, height=height,
        margin={"l": 8, "r": 12, "t": 12, "b": 52},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},  # as high as its lines need
        uirevision="kept",
    )  # fmt: skip
