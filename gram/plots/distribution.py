"""Histograms of a measure over matched and mismatched pairs, on one axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from gram.plots import style

MATCHED, MISMATCHED = "matched", "mismatched"
MATCHED_COLOURS = {False: "#294079", True: "#5bc2a4"}  # of the volume scale: no modality's
_LABEL_STEP = 16
_LETTER = 0.024  # width of a letter as a share of the axis on a phone, where room is shortest
_HEADROOM = 1.08


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A value to point out on the axis.

    Attributes:
        label: a word or two.
        value: where; values that are not finite are not drawn.
        colour: of the line and its label; by default that of the text.
        dash: plotly's name of the line's dash.
    """

    label: str
    value: float
    colour: str | None = None
    dash: str = "solid"


def distribution(
    edges: Float[np.ndarray, " bins+1"],
    matched_counts: Int[np.ndarray, " bins"],
    mismatched_counts: Int[np.ndarray, " bins"],
    *,
    axis: str,
    marks: Sequence[Mark] = (),
    selected: range | None = None,
    largest_share: float | None = None,
    dark: bool = False,
) -> go.Figure:
    """Return both histograms, each normalised to its own total, with marks on the axis.

    Points carry the number of their bin in `customdata`, and traces are named "matched" and "mismatched", so that a
    selection can be read back.

    Args:
        edges: of the bins, equally wide.
        matched_counts: items in each bin.
        mismatched_counts: pairs in each bin.
        axis: title of the axis.
        marks: values to point out, such as the mean of random vectors; their labels do not overlap.
        selected: bins to shade.
        largest_share: top of the vertical axis, common to figures that are compared; by default the largest share here.
        dark: for a dark page.
    """
    bars = [
        _bars(MISMATCHED, "pairs", edges, mismatched_counts, _hatched(dark)),
        _bars(MATCHED, "items", edges, matched_counts, _solid(dark)),
    ]
    top = _HEADROOM * (largest_share or max(float(each.y.max()) for each in bars) or 1.0)
    figure = go.Figure(bars)
    _shade(figure, edges, selected, dark)
    _draw_marks(figure, edges, marks, dark)
    figure.update_layout(
        **style.look(dark),
        barmode="overlay",
        bargap=0,
        dragmode="select",
        selectdirection="h",
        clickmode="event+select",
        hovermode="closest",
        margin={"l": 56, "r": 12, "t": 30 + _LABEL_STEP * len(marks), "b": 92},
        legend={**style.LEGEND_BELOW, "traceorder": "reversed"},
    )
    figure.update_xaxes(title=axis, range=[float(edges[0]), float(edges[-1])], zeroline=False)
    figure.update_yaxes(title="share", tickformat=".0%", range=[0, top], fixedrange=True, zeroline=False)
    return figure


def largest_share(*counts: Int[np.ndarray, " bins"]) -> float:
    """Return the largest share of any bin of several histograms: the common top of figures that are compared."""
    return max(float(count.max() / max(1, count.sum())) for count in counts)


def _bars(
    name: str, unit: str, edges: Float[np.ndarray, " bins+1"], counts: Int[np.ndarray, " bins"], look: dict[str, object]
) -> go.Bar:
    bounds = edges.tolist()
    return go.Bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts / max(1, counts.sum()),
        width=np.diff(edges),
        name=f"{name} ({counts.sum():,} {unit})",
        meta=name,
        marker=look,
        customdata=[[place, int(count), bounds[place], bounds[place + 1]] for place, count in enumerate(counts)],
        hovertemplate=(
            f"{name}: %{{customdata[1]:,}} {unit} (%{{y:.3p}})<br>%{{customdata[2]:.3g}} to %{{customdata[3]:.3g}}"
            "<extra></extra>"
        ),
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 0.35}},
    )


def _solid(dark: bool) -> dict[str, object]:
    return {"color": MATCHED_COLOURS[dark], "line": {"width": 0}, "opacity": 0.8}


def _hatched(dark: bool) -> dict[str, object]:
    grey = style.MISMATCH[dark]
    return {
        "color": grey,
        "line": {"width": 0},
        "opacity": 0.8,
        "pattern": {"shape": "/", "size": 5, "solidity": 0.35, "fillmode": "replace", "fgcolor": grey},
    }


def _shade(figure: go.Figure, edges: Float[np.ndarray, " bins+1"], selected: range | None, dark: bool) -> None:
    if selected is None:
        return
    figure.add_vrect(
        x0=float(edges[selected.start]),
        x1=float(edges[selected.stop]),
        fillcolor=style.INK[dark],
        opacity=0.08,
        line_width=0,
        layer="below",
    )


def _draw_marks(figure: go.Figure, edges: Float[np.ndarray, " bins+1"], marks: Sequence[Mark], dark: bool) -> None:
    """Draw a line for each mark, up to its label; labels are stacked above the plot."""
    low, high = float(edges[0]), float(edges[-1])
    drawn = [mark for mark in marks if np.isfinite(mark.value)]
    texts = [f"{mark.label} <b>{style.number(mark.value)}</b>" for mark in drawn]
    places = [(min(max(mark.value, low), high) - low) / (high - low) for mark in drawn]
    reaches = [_LETTER * (len(text) - len("<b></b>")) for text in texts]
    for mark, text, place, (step, turned) in zip(drawn, texts, places, _label_layout(places, reaches), strict=True):
        colour = mark.colour or style.INK[dark]
        at = low + place * (high - low)
        line = {"x0": at, "x1": at, "yref": "paper", "line": {"color": colour, "width": 1.5, "dash": mark.dash}}
        figure.add_shape(type="line", y0=0, y1=1, **line)
        figure.add_shape(type="line", ysizemode="pixel", yanchor=1, y0=0, y1=_LABEL_STEP * (step + 1), **line)
        figure.add_annotation(
            x=at,
            y=1,
            yref="paper",
            yanchor="bottom",
            xshift=-3 if turned else 3,
            yshift=_LABEL_STEP * step,
            xanchor="right" if turned else "left",
            text=text,
            font={"color": colour, "size": 12},
            showarrow=False,
        )


def _label_layout(places: Sequence[float], reaches: Sequence[float]) -> list[tuple[int, bool]]:
    """Return the layer of each label, and whether it lies left of its line.

    Minimises, in this order: lines that cross the label of another, the part of labels beyond the axis, and labels on
    the side with less room.
    """

    def cost(layout: tuple[tuple[int, ...], tuple[bool, ...]]) -> tuple[int, float, int]:
        steps, sides = layout
        spans = [
            (at - reach, at) if left else (at, at + reach)
            for at, reach, left in zip(places, reaches, sides, strict=True)
        ]
        crossings = sum(
            steps[line] > steps[label] and low < at < high
            for label, (low, high) in enumerate(spans)
            for line, at in enumerate(places)
            if line != label
        )
        beyond = sum(max(0.0, -low) + max(0.0, high - 1) for low, high in spans)
        return crossings, beyond, sum(left != (at > 0.5) for at, left in zip(places, sides, strict=True))

    every = range(len(places))
    best = min(product(permutations(every), product((False, True), repeat=len(places))), key=cost)
    return list(zip(*best, strict=True))
