"""Scatter plots of several modalities in one plane or space, with lines that join the points of an item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from gram.plots import style

# Shapes that plotly has both in the plane and in space.
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "circle-open", "square-open")
# Wong (2011), Nature Methods 8, 441, and four more that stay apart for the colour-blind by lightness.
CATEGORY_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9",
    "#D55E00", "#999933", "#882255", "#7F7F7F", "#44AA99",
)  # fmt: skip
POINT_LIMIT = 50_000
_FADED = 0.12
_GL = {2: go.Scattergl, 3: go.Scatter3d}


@dataclass(frozen=True, kw_only=True)
class ByCategory:
    """Colour by a value of each item that is one of a few.

    Attributes:
        title: what the values are.
        values: (n,) strings, one an item.
        order: the categories, in the order of the colours; beyond ten, colours repeat.
    """

    title: str
    values: Sequence[str]
    order: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ByNumber:
    """Colour by a number of each item.

    Attributes:
        title: what the number is.
        values: (n,) one an item; NaN is drawn grey.
        range: of the colour scale.
        logarithmic: colour by the logarithm, for ranks.
    """

    title: str
    values: Float[np.ndarray, " n"]
    range: tuple[float, float]
    logarithmic: bool = False


Colouring = ByCategory | ByNumber | None


@dataclass(frozen=True, kw_only=True)
class Emphasis:
    """An item whose points are ringed, joined and named.

    Attributes:
        row: the item.
        label: its name in the picture.
        dashed: for a mismatched partner.
    """

    row: int
    label: str
    dashed: bool = False


def scatter(
    points: Mapping[str, Float[np.ndarray, "n dims"]],
    *,
    labels: Sequence[str],
    rows: Int[np.ndarray, " m"] | None = None,
    colouring: Colouring = None,
    emphasis: Sequence[Emphasis] = (),
    joined: Sequence[int] = (),
    selected: Sequence[int] = (),
    dark: bool = False,
) -> go.Figure:
    """Return the points of n items in 2D or 3D, with a symbol for each modality.

    Every point carries its item's row in `customdata`; hovering names the item. NaN points are not drawn.

    Args:
        points: modality -> coordinates, 2 or 3 each.
        labels: (n,) names of the items.
        rows: which items to draw; all by default. More than 50,000 points are slow.
        colouring: by category or number of the item; by modality when None.
        emphasis: items to point out, also where they are not among `rows`.
        joined: items whose points are joined by a thin line.
        selected: items that stay bright while all others fade.
        dark: for a dark page.

    Raises:
        ValueError: no modality, or coordinates that are not all (n, 2) or all (n, 3).
    """
    dims = _check(points, labels)
    rows = np.arange(len(labels)) if rows is None else np.asarray(rows)
    own, grid = style.colours(list(points)), style.GRID[dark]
    figure = go.Figure([_lines(points, joined, dims, "joined", width=1, colour=grid)] if len(joined) else [])
    for place, (name, where) in enumerate(points.items()):
        drawn = rows[np.isfinite(where[rows]).all(axis=1)]
        symbol = {"symbol": SYMBOLS[place % len(SYMBOLS)]}
        look = symbol | _colours(own[name], place, drawn, colouring, dark)
        figure.add_trace(_cloud(name, where, drawn, labels, look, dims))
        if len(selected):
            chosen = drawn[np.isin(drawn, list(selected))]
            look = symbol | _colours(own[name], place, chosen, colouring, dark)
            figure.data[-1].update(marker_opacity=_FADED, showlegend=False, legendgroup=name)
            figure.add_trace(_bright(_cloud(name, where, chosen, labels, look, dims), name))
    if colouring is not None:
        _add_legends(figure, colouring, dims, dark)
    for item in emphasis:
        figure.add_traces(_emphasise(points, item, dims, dark))
    _lay_out(figure, dims, dark)
    texts = "annotations" if dims == 2 else "scene_annotations"
    return figure.update_layout({texts: _names(points, emphasis, dims, dark)})


def sample_rows(n: int, modalities: int, *, limit: int = POINT_LIMIT, seed: int = 0) -> Int[np.ndarray, " m"]:
    """Return the items to draw so that there are at most `limit` points: all n, or a seeded sample."""
    most = max(1, limit // modalities)
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _check(points: Mapping[str, np.ndarray], labels: Sequence[str]) -> int:
    shapes = {where.shape for where in points.values()}
    if len(shapes) != 1 or (shape := shapes.pop())[0] != len(labels) or shape[1] not in (2, 3):
        got = ", ".join(str(where.shape) for where in points.values()) or "no modality"
        raise ValueError(f"points: expected one modality or more of shape ({len(labels)}, 2 or 3), got {got}")
    return int(shape[1])


def _axes(coordinates: np.ndarray) -> dict[str, np.ndarray]:
    return {axis: coordinates[:, place] for place, axis in enumerate("xyz"[: coordinates.shape[1]])}


def _cloud(
    name: str, where: np.ndarray, drawn: np.ndarray, labels: Sequence[str], look: dict[str, object], dims: int
) -> go.Scattergl | go.Scatter3d:
    size = 6 if dims == 2 else 3
    return _GL[dims](
        **_axes(where[drawn]),
        mode="markers",
        name=name,
        meta="points",
        uid=f"points {name}",
        marker={"size": size, "opacity": 0.75, "line": {"width": 0}} | look,
        customdata=drawn.astype(np.int32),
        text=[labels[row] for row in drawn],
        hovertemplate=f"%{{text}} · {name}<extra></extra>",
    )


def _bright(cloud: go.Scattergl | go.Scatter3d, name: str) -> go.Scattergl | go.Scatter3d:
    """Return a cloud as that of the selected points."""
    cloud.marker.update(opacity=0.95, showscale=False)
    return cloud.update(meta="selected", uid=f"selected {name}", legendgroup=name)


def _colours(own: str, place: int, drawn: np.ndarray, colouring: Colouring, dark: bool) -> dict[str, object]:
    if colouring is None:
        return {"color": own}
    if isinstance(colouring, ByCategory):
        code = {value: _category_colour(at) for at, value in enumerate(colouring.order)}
        grey = style.MISMATCH[dark]
        return {"color": [code.get(colouring.values[row], grey) for row in drawn]}
    low, high = colouring.range
    values = colouring.values[drawn]
    # Aligned is dark on every page; on a dark ground a thin edge keeps such points in sight.
    edge = {"line": {"width": 0.5, "color": style.rgba(style.INK[dark], 0.45)}} if dark else {}
    if colouring.logarithmic:
        low, high, values = np.log10(low), np.log10(high), np.log10(values)
    return {
        "color": values.astype(np.float32),
        "cmin": low,
        "cmax": high,
        "colorscale": style.VOLUME_SCALE,
        "showscale": place == 0,
        "colorbar": _bar(colouring),
    } | edge


def _bar(colouring: ByNumber) -> dict[str, object]:
    bar: dict[str, object] = {"title": {"text": colouring.title, "side": "right"}, "thickness": 10, "len": 0.8}
    if colouring.logarithmic:
        powers = range(int(np.ceil(np.log10(max(colouring.range[1], 10)))) + 1)
        bar |= {"tickvals": list(powers), "ticktext": [f"{10**power:,}" for power in powers]}
    return bar


def _category_colour(place: int) -> str:
    return CATEGORY_COLOURS[place % len(CATEGORY_COLOURS)]


def _add_legends(figure: go.Figure, colouring: ByCategory | ByNumber, dims: int, dark: bool) -> None:
    _name_shapes(figure, dims, dark)
    if isinstance(colouring, ByCategory):
        figure.add_traces([_key(name, colouring, dims) for name in colouring.order])
        figure.update_layout(legend2=_legend_of_categories(colouring.title))


def _name_shapes(figure: go.Figure, dims: int, dark: bool) -> None:
    """Put the symbols of the modalities into the legend in grey, for the colour means something else."""
    clouds = [trace for trace in figure.data if trace.meta == "points"]
    figure.update_traces({"showlegend": False}, {"mode": "markers"})
    for cloud in clouds:
        cloud.legendgroup = cloud.name
        look = {"color": style.QUIET[dark], "size": 9, "symbol": cloud.marker.symbol}
        figure.add_trace(
            _GL[dims](
                **_nowhere(dims), mode="markers", name=cloud.name, meta="shape", legendgroup=cloud.name, marker=look
            )
        )


def _nowhere(dims: int) -> dict[str, list[None]]:
    return {axis: [None] for axis in "xyz"[:dims]}


def _legend_of_categories(title: str) -> dict[str, object]:
    """Return a legend beside the picture, where a colour scale would be, that does not react to clicks."""
    place = {"x": 1.02, "xanchor": "left", "y": 1, "yanchor": "top"}
    return place | {
        "title": {"text": title, "font": {"size": 14}},
        "itemsizing": "constant",
        "itemclick": False,
        "itemdoubleclick": False,
    }


def _key(name: str, colouring: ByCategory, dims: int) -> go.Scattergl | go.Scatter3d:
    """Return a trace without points: one category of the legend."""
    return _GL[dims](
        **_nowhere(dims),
        mode="markers",
        name=name,
        meta="key",
        legend="legend2",
        marker={"color": _category_colour(colouring.order.index(name)), "size": 9, "symbol": "circle"},
        hoverinfo="skip",
    )


def _lines(
    points: Mapping[str, np.ndarray],
    rows: Sequence[int],
    dims: int,
    name: str,
    *,
    width: float,
    colour: str,
    dash: str = "solid",
) -> go.Scattergl | go.Scatter3d:
    """Return one trace with an open line for each item, from modality to modality, past those that are missing."""
    stacked = np.stack(list(points.values()), axis=1)  # (n, k, dims)
    path = []
    for row in rows:
        there = stacked[row][np.isfinite(stacked[row]).all(axis=1)]
        path.extend([there, np.full((1, dims), np.nan, dtype=np.float32)])
    return _GL[dims](
        **_axes(np.concatenate(path)),
        mode="lines",
        name=name,
        meta="lines",
        line={"width": width, "color": colour, "dash": dash},
        showlegend=False,
        hoverinfo="skip",
    )


def _emphasise(
    points: Mapping[str, np.ndarray], item: Emphasis, dims: int, dark: bool
) -> list[go.Scattergl | go.Scatter3d]:
    ink = style.MISMATCH[dark] if item.dashed else style.INK[dark]
    own = np.stack([where[item.row] for where in points.values()])
    own = own[np.isfinite(own).all(axis=1)]
    rings = _GL[dims](
        **_axes(own),
        mode="markers",
        name=item.label,
        meta="emphasis",
        marker={
            "symbol": "circle-open",
            "size": 14 if dims == 2 else 9,
            "color": ink,
            "line": {"width": 2, "color": ink},
        },
        customdata=np.full(len(own), item.row, dtype=np.int32),
        **({"unselected": {"marker": {"opacity": 1}}} if dims == 2 else {}),
        showlegend=False,
        hoverinfo="skip",
    )
    dash = "dash" if item.dashed else "solid"
    return [_lines(points, [item.row], dims, item.label, width=3, colour=ink, dash=dash), rings]


def _names(
    points: Mapping[str, np.ndarray], emphasis: Sequence[Emphasis], dims: int, dark: bool
) -> list[dict[str, object]]:
    """Return annotations that name each item at its first present point, one to the left and one to the right."""
    found = []
    for item in emphasis:
        own = np.stack([where[item.row] for where in points.values()])
        there = own[np.isfinite(own).all(axis=1)]
        if len(there):
            side = -1 if item.dashed else 1
            found.append(
                dict(zip("xyz"[:dims], there[0].tolist()))
                | {"text": item.label, "ax": 34 * side, "ay": -30, "arrowwidth": 1, "arrowhead": 0}
                | {"arrowcolor": style.INK[dark], "bgcolor": style.PAPER[dark], "opacity": 0.95, "borderpad": 2}
            )
    return found


def _lay_out(figure: go.Figure, dims: int, dark: bool) -> None:
    figure.update_layout(
        **style.look(dark),
        dragmode="lasso" if dims == 2 else "turntable",
        clickmode="event",
        hovermode="closest",
        uirevision="keep",
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "x": 0, "y": -0.02, "yanchor": "top", "itemsizing": "constant"},
    )
    bare = {"visible": False, "showgrid": False, "zeroline": False}
    if dims == 2:
        figure.update_xaxes(**bare)
        figure.update_yaxes(**bare, scaleanchor="x", scaleratio=1)
        return
    plain = {"showbackground": False, "showticklabels": False, "title": "", "showspikes": False, "zeroline": False}
    axis = plain | {"gridcolor": style.GRID[dark]}
    figure.update_layout(scene={"xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "data"})
