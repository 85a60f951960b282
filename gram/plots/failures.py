"""Figures of failure analysis: failure rates, confusions, hubs, and what remedies change.

Points carry the number of what they stand for in `customdata`, so that a click can be read back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Int, Num

from gram.plots import style

_HATCHES = ("", "/")
_BETTER, _WORSE = {False: "#0072b2", True: "#56b4e9"}, {False: "#d55e00", True: "#f08a3c"}
_BAND = 0.16
_CONFUSION_SCALE = {  # from the ground to one ink: how often, on light and dark
    False: [[0, "#f4f2ec"], [0.5, "#8fa0c9"], [1, "#22305c"]],
    True: [[0, "#1e2127"], [0.5, "#55659e"], [1, "#d3dcfb"]],
}
_FIRST_SINGLE = 3  # occurrences that have a bar of their own: 0, 1, 2; then the bars double


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Failure rates of one ranking, by bin.

    Attributes:
        name: of the ranking.
        share: (bins,) failures over items; NaN where a bin has none.
        low: (bins,) lower end of the interval.
        high: (bins,) upper end.
        failures: (bins,) how many failed.
        items: (bins,) of how many.
    """

    name: str
    share: Float[np.ndarray, " bins"]
    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]
    failures: Int[np.ndarray, " bins"]
    items: Int[np.ndarray, " bins"]


def failure_rates(
    rankings: Sequence[Rates],
    centres: Num[np.ndarray, " bins"] | Sequence[str],
    *,
    axis: str,
    spans: Sequence[str],
    selected: Bool[np.ndarray, " bins"] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Return the failure rate of each ranking against a recorded value, with its interval.

    Numbers on the axis give a line in a band; words (a few categories) a mark with an error bar each. Points carry the
    number of their bin.

    Args:
        rankings: one or two.
        centres: of the bins: numbers, or one word a bin.
        axis: title of the axis.
        spans: each bin in words, for the hover.
        selected: which bins to point out.
        dark: for a dark ground.
    """
    words = len(centres) > 0 and isinstance(centres[0], str)
    places = np.arange(len(centres)) if words else np.asarray(centres, dtype=np.float64)
    figure = go.Figure()
    for side, rates in enumerate(rankings):
        shift = (side - (len(rankings) - 1) / 2) * 0.16 if words else 0.0
        if not words:
            figure.add_trace(_band(rates, places, style.RANKING_COLOURS[side][dark]))
        figure.add_trace(_rate_line(rates, places + shift, spans, side=side, words=words, dark=dark))
    top = max((float(np.nanmax(each.high, initial=0.0)) for each in rankings), default=0.0)
    _point_out(figure, places, selected, dark)
    _lay_out(figure, dark)
    figure.update_yaxes(
        title="failed", tickformat=".0%", range=[0, min(1.0, 1.08 * top) or 1.0], fixedrange=True, zeroline=False
    )
    figure.update_xaxes(title=axis, zeroline=False)
    if words:
        figure.update_xaxes(tickvals=places, ticktext=list(centres), range=[-0.5, len(places) - 0.5])
    return figure


def _band(rates: Rates, places: Float[np.ndarray, " bins"], colour: str) -> go.Scatter:
    """Return the band between the ends of the intervals; bins without items are left out."""
    there = np.isfinite(rates.share)
    x, low, high = places[there], rates.low[there], rates.high[there]
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", mode="lines",
        fillcolor=style.rgba(colour, _BAND), line={"width": 0}, hoverinfo="skip", showlegend=False, meta="band",
    )  # fmt: skip


def _rate_line(
    rates: Rates, places: Float[np.ndarray, " bins"], spans: Sequence[str], *, side: int, words: bool, dark: bool
) -> go.Scatter:
    colour = style.RANKING_COLOURS[side][dark]
    error = {
        "type": "data", "symmetric": False, "array": rates.high - rates.share, "arrayminus": rates.share - rates.low,
        "color": colour, "thickness": 1.5, "width": 5,
    }  # fmt: skip
    told = [
        [place, span, f"{failures:,} of {items:,}", f"{low:.1%} to {high:.1%}"]
        for place, (span, failures, items, low, high) in enumerate(
            zip(spans, rates.failures, rates.items, rates.low, rates.high, strict=True)
        )
    ]
    return go.Scatter(
        x=places, y=rates.share, name=rates.name, mode="markers" if words else "lines+markers", meta=f"rates-{side}",
        line={"color": colour, "width": 2.5, "dash": style.RANKING_DASHES[side]},
        marker={"color": colour, "size": 9, "symbol": style.RANKING_SYMBOLS[side],
                "line": {"width": 2, "color": colour}},
        error_y=error if words else None, customdata=told,
        hovertemplate=(
            f"{rates.name}<br>%{{customdata[1]}}<br><b>%{{y:.1%}}</b> failed: %{{customdata[2]}}"
            "<br>95 % interval %{customdata[3]}<extra></extra>"
        ),
    )  # fmt: skip


def _point_out(
    figure: go.Figure, places: Float[np.ndarray, " bins"], selected: Bool[np.ndarray, " bins"] | None, dark: bool
) -> None:
    """Shade the selected bins, each half way to its neighbours."""
    if selected is None or not selected.any() or selected.all() or len(places) < 2:
        return
    middles = (places[1:] + places[:-1]) / 2
    edges = np.array([places[0] - (middles[0] - places[0]), *middles, places[-1] + (places[-1] - middles[-1])])
    for place in np.flatnonzero(selected):
        figure.add_vrect(
            x0=float(edges[place]), x1=float(edges[place + 1]), fillcolor=style.INK[dark], opacity=0.09,
            line_width=0, layer="below",
        )  # fmt: skip


def confusion(
    counts: Int[np.ndarray, "m m"],
    characters: Sequence[str],
    *,
    selected: tuple[int, int] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Return the confusion matrix: characters of the true label (rows) against the winner's (columns).

    The diagonal, where the two agree, is left empty, for it would hide the mistakes. Cells carry row * m + column.

    Args:
        counts: how often, true character by winner's.
        characters: their names, in that order.
        selected: (row, column) to point out.
        dark: for a dark ground.

    Raises:
        ValueError: counts that are not square, or not one name a row.
    """
    m = len(characters)
    if counts.shape != (m, m):
        raise ValueError(f"counts: expected shape ({m}, {m}), one row a character, got {counts.shape}")
    shown = np.where(np.eye(m, dtype=bool), np.nan, counts.astype(np.float64))
    top = float(np.nanmax(shown, initial=1.0))
    figure = go.Figure(
        go.Heatmap(
            z=shown, x=list(characters), y=list(characters), zmin=0, zmax=top, colorscale=_CONFUSION_SCALE[dark],
            showscale=False, xgap=2, ygap=2,
            customdata=np.arange(m * m).reshape(m, m), meta="confusion", hoverongaps=False,
            hovertemplate="%{y} taken for %{x}: <b>%{z}</b> times<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(_cell_texts(shown, characters, top, dark))
    if selected is not None:
        row, column = selected
        figure.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
            line={"color": _WORSE[dark], "width": 2.5},
        )  # fmt: skip
    _lay_out(figure, dark)
    figure.update_layout(margin={"l": 44, "r": 8, "t": 48, "b": 8})
    figure.update_xaxes(title="the winner's", side="top", type="category", showgrid=False, fixedrange=True, ticks="")
    figure.update_yaxes(title="the true item's", autorange="reversed", type="category", showgrid=False, fixedrange=True)
    return figure


def _cell_texts(shown: Float[np.ndarray, "m m"], characters: Sequence[str], top: float, dark: bool) -> go.Scatter:
    """Return the counts as text; the heatmap's own would be a grey that fades on the middle of the scale."""
    places = np.argwhere(np.nan_to_num(shown)).tolist()
    values = [shown[row, column] for row, column in places]
    return go.Scatter(
        x=[characters[column] for _, column in places], y=[characters[row] for row, _ in places], mode="text",
        text=[f"{value:.0f}" for value in values], hoverinfo="skip", meta="counts",
        textfont={"size": 12, "color": [_ink_on(value / top, dark) for value in values]},
    )  # fmt: skip


def _ink_on(share: float, dark: bool) -> str:
    """Return the ink that is legible on a cell at this place of the scale."""
    return style.INK[dark] if share < (0.55 if dark else 0.65) else style.PAPER[dark]


def hub_distribution(
    occurrences: Sequence[Float[np.ndarray, " n"]], names: Sequence[str], *, dark: bool = False
) -> go.Figure:
    """Return the distribution of how many queries each candidate is first for: bins double in width, counts are log.

    Without hubs nearly all candidates are first for 0, 1 or 2 queries; bars to the right are hubs. Shared first places
    are rounded. Bars carry the least number of queries that they stand for, and their trace's `meta` is "hubs-0" or
    "hubs-1", by their ranking.

    Args:
        occurrences: of each ranking, how many queries each of n candidates is first for.
        names: of the rankings.
        dark: for a dark ground.
    """
    edges = doubling(max((float(each.max(initial=0)) for each in occurrences), default=0.0))
    ticks = [f"{low}" if high == low else f"{low}–{high}" for low, high in edges]
    figure = go.Figure()
    largest = 1
    for side, (each, name) in enumerate(zip(occurrences, names, strict=True)):
        whole = np.round(each)
        counts = np.array([int(((whole >= low) & (whole <= high)).sum()) for low, high in edges])
        largest = max(largest, int(counts.max(initial=0)))
        colour = style.RANKING_COLOURS[side][dark]
        figure.add_bar(
            x=ticks, y=np.where(counts > 0, counts, np.nan), name=name, meta=f"hubs-{side}",
            marker={"color": colour, "line": {"width": 0}, "pattern": {"shape": _HATCHES[side], "size": 5}},
            customdata=[[low, tick, int(count)] for (low, _), tick, count in zip(edges, ticks, counts)],
            hovertemplate=(
                f"{name}<br><b>%{{customdata[2]:,}}</b> candidates are first for %{{customdata[1]}} queries"
                "<extra></extra>"
            ),
        )  # fmt: skip
    _lay_out(figure, dark)
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_xaxes(title="first for so many queries", type="category", fixedrange=True)
    figure.update_yaxes(
        title="candidates", type="log", range=[np.log10(0.6), np.log10(1.6 * largest)], fixedrange=True, dtick=1
    )
    return figure


def doubling(largest: float) -> list[tuple[int, int]]:
    """Return the bins of `hub_distribution`: 0, 1, 2, then 3 to 4, 5 to 8 and so on, up to the largest number."""
    bins = [(value, value) for value in range(_FIRST_SINGLE)]
    while bins[-1][1] < largest:
        start = bins[-1][1] + 1
        bins.append((start, 2 * bins[-1][1]))
    return bins


def remedies(
    names: Sequence[str],
    differences: Float[np.ndarray, " n"],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    *,
    dark: bool = False,
) -> go.Figure:
    """Return the change of R@1 by each remedy, in points, as a dot with its interval, beside a line at zero.

    A dot is coloured where its whole interval is on one side of zero: blue for better, orange for worse.

    Args:
        names: of the remedies, from the top.
        differences: of R@1 to the untouched one, as shares.
        low: lower ends.
        high: upper ends.
        dark: for a dark ground.
    """
    looks = [
        _BETTER[dark] if a > 0 else _WORSE[dark] if b < 0 else style.QUIET[dark] for a, b in zip(low, high, strict=True)
    ]
    points = 100 * np.asarray(differences, dtype=np.float64)
    ends = 100 * np.stack([low, high]).astype(np.float64)
    figure = go.Figure()
    for place, (name, colour) in enumerate(zip(names, looks, strict=True)):
        figure.add_scatter(
            x=ends[:, place], y=[name, name], mode="lines", line={"color": colour, "width": 4}, hoverinfo="skip",
            meta="interval",
        )  # fmt: skip
    figure.add_scatter(
        x=points, y=list(names), mode="markers", meta="remedies",
        marker={"color": looks, "size": 13, "line": {"color": style.PAPER[dark], "width": 2}},
        customdata=[[place, f"{value:+.1f}", f"{a:+.1f} to {b:+.1f}"]
                    for place, (value, a, b) in enumerate(zip(points, *ends))],
        hovertemplate="%{y}<br><b>%{customdata[1]}</b> points of R@1<br>95 % interval %{customdata[2]}<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=0, line={"color": style.INK[dark], "width": 1.5})
    _lay_out(figure, dark)
    figure.update_layout(showlegend=False, margin={"l": 8, "r": 16, "t": 8, "b": 44})
    least, most = float(np.nanmin(ends, initial=0.0)), float(np.nanmax(ends, initial=0.0))
    room = 0.08 * (most - least) or 1.0  # between the names and the intervals
    figure.update_xaxes(
        title="change of R@1, points", range=[least - room, most + room], fixedrange=True, zeroline=False
    )
    figure.update_yaxes(type="category", autorange="reversed", fixedrange=True, showgrid=False)
    return figure


def _lay_out(figure: go.Figure, dark: bool) -> None:
    figure.update_layout(
        **style.look(dark),
        hovermode="closest",
        dragmode=False,
        margin={"l": 56, "r": 12, "t": 12, "b": 88},
        legend=style.LEGEND_BELOW,
        uirevision="kept",
    )
