"""What the figures of experiments share: dots and lines with 95 % intervals, drawn from rows of a table.

Dots are means over seeds, bars their intervals. Both losses look the same everywhere: gram dark blue circles, cosine
ochre diamonds; grey is chance, or what is only shown beside.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gram.experiments.config import COMPARED
from gram.plots import style

RECALL = "R@1 (%)"
_ROW, _FRAME = 34, 110  # pixels of a row of dots, and of axis and legend around them
_SHIFT, _LINE_SHIFT = 0.28, 0.06  # between the two losses at one place
_INTERVALS = {
    "seeds": "95 % interval over seeds", "items": "95 % interval over items",
    "items of all seeds": "95 % interval over items", "runs": "95 % interval over runs", "": "no interval",
}  # fmt: skip


def both_losses(
    figure: go.Figure, rows: pd.DataFrame, names: Sequence[str], of: str, *, ranked_by: Mapping[str, str] | None = None,
    **look: Any,
) -> None:  # fmt: skip
    """Add the points of each loss, by one measure each where `ranked_by` says which; the rest as for `points`."""
    for side, loss in enumerate(COMPARED):
        own, name = rows[rows["loss"] == loss], f"{loss} loss"
        if ranked_by is not None:
            own, name = own[own["measure"] == ranked_by[loss]], f"{loss} by {ranked_by[loss]}"
        points(figure, own, names, of, side=side, name=name, **look)


def points(
    figure: go.Figure, rows: pd.DataFrame, names: Sequence[str], of: str, *, side: int, name: str, dark: bool,
    line: float = 0.0, large: str | None = None, row: int | None = None, percent: bool = True,
    shift: bool = True,
) -> None:  # fmt: skip
    """Add a point with its interval for each row of a table, at the place of its name.

    Args:
        figure: to add to.
        rows: of the table.
        names: the places: lines from the top or, with a line, columns from the left.
        of: the column with the name of each row.
        side: 0 or 1, the loss: its colour and symbol, and on which side of its place it lies.
        name: in the legend.
        dark: for a dark ground.
        line: width of the line that joins the points, whose values then go upwards; 0 for none.
        large: the column that says which points are larger than the others; all alike by default.
        row: the panel of a figure of several; the legend is that of the first.
        percent: whether values are shares, shown in %.
        shift: whether points lie beside their place, not on it.
    """
    factor, unit = (100.0, " %") if percent else (1.0, "")
    places = np.array([names.index(each) for each in rows[of]], dtype=np.float64)
    if line:
        order = np.argsort(places)
        rows, places = rows.iloc[order], places[order]
    colour, value = style.RANKING_COLOURS[side][dark], rows["value"].to_numpy()
    reach = {
        "type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 4,
        "array": np.nan_to_num(factor * (rows["high"].to_numpy() - value)),
        "arrayminus": np.nan_to_num(factor * (value - rows["low"].to_numpy())),
    }  # fmt: skip
    look = marker(side, dark, size=6 if 0 < line < 2 else 10)
    if large is not None:
        look["size"] = [13 if each else 8 for each in rows[large]]
    along, across = "yx" if line else "xy"
    places = places + (side - 0.5) * (_LINE_SHIFT if line else _SHIFT) if shift else places
    joined = {"mode": "lines+markers", "line": {"color": colour, "width": line, "dash": style.RANKING_DASHES[side]}}
    figure.add_scatter(
        **{along: factor * rows["value"], across: places, f"error_{along}": reach}, name=name, meta=name,
        legendgroup=name, showlegend=row in (None, 1), marker=look, customdata=_hover(rows, of, factor),
        hovertemplate=f"{name}: %{{customdata[0]}}<br><b>%{{{along}:.3g}}{unit}</b> (%{{customdata[1]}})<br>"
        "%{customdata[2]}, %{customdata[3]} seeds<extra></extra>",
        **(joined if line else {"mode": "markers", "cliponaxis": False}),
        **({} if row is None else {"row": row, "col": 1}),
    )  # fmt: skip


def ticks(
    figure: go.Figure, rows: pd.DataFrame, names: Sequence[str], *, name: str, symbol: str, size: int, width: float,
    dark: bool,
) -> None:  # fmt: skip
    """Add grey marks without intervals, such as chance, on the lines that the column "name" names."""
    figure.add_scatter(
        x=100 * rows["value"], y=[names.index(each) for each in rows["name"]], mode="markers", name=name, meta=name,
        marker={"symbol": symbol, "size": size, "line": {"width": width, "color": style.MISMATCH[dark]}},
        hovertemplate=f"{name}: %{{x:.1f}} %<extra></extra>",
    )  # fmt: skip


def marker(side: int, dark: bool, *, size: int = 10) -> dict[str, Any]:
    """Return the look of a loss's points."""
    colour = style.RANKING_COLOURS[side][dark]
    look = {"color": colour, "size": size, "opacity": 1, "symbol": style.RANKING_SYMBOLS[side]}
    return look | {"line": {"width": 2, "color": colour}}


def _hover(rows: pd.DataFrame, of: str, factor: float) -> list[list[str]]:
    """Return what hovering tells of each row: its name, its interval, over what, and how many seeds."""
    return [
        [name, "" if np.isnan(low) else f"{factor * low:.3g} to {factor * high:.3g}", _INTERVALS[over], str(seeds)]
        for name, low, high, over, seeds in zip(*(rows[each] for each in (of, "low", "high", "interval", "seeds")))
    ]


def named_axis(names: Sequence[str]) -> dict[str, Any]:
    """Return a vertical axis with a name a line, the first on top."""
    return {
        "tickvals": list(range(len(names))), "ticktext": list(names), "range": [len(names) - 0.5, -0.5],
        "fixedrange": True, "zeroline": False,
    }  # fmt: skip


def lay_out_rows(figure: go.Figure, names: Sequence[str], title: str, *, dark: bool) -> go.Figure:
    """Lay out a figure of points on named lines, and return it; an axis whose title ends in "(%)" is from 0 to 100."""
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
