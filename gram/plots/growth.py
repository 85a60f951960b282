"""Volume by number of vectors, beside that of random vectors."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from gram.geometry import random_volume, volume
from gram.plots import style


def volume_by_k(vectors: Float[np.ndarray, "k d"], names: Sequence[str], *, d: int, dark: bool = False) -> go.Figure:
    """Return the volume V of the first 1, 2, ... k vectors, and V^(1/k), each with its random reference.

    V of unit vectors can only fall as vectors are added, so volumes of different k are not comparable; V^(1/k), the
    geometric mean of the distances of each vector from the span of those before it, is. The references are the
    expected volume of k random unit vectors in d dimensions, and its 1/k-th power.

    Args:
        vectors: in the order in which they are added.
        names: of the vectors.
        d: dimensions of the random vectors.
        dark: for a dark ground.

    Raises:
        ValueError: not one name for each vector.

    Source: `gram.geometry.random_volume`.
    """
    if len(names) != len(vectors):
        raise ValueError(f"names: expected {len(vectors)}, one a vector, got {len(names)}")
    counts = np.arange(1, len(vectors) + 1)
    found = np.array([float(volume(vectors[:count])) for count in counts])
    expected = np.array([random_volume(int(count), d) for count in counts])
    places = [f"k = {count}<br>{'+ ' if count > 1 else ''}{name}" for count, name in zip(counts, names)]
    quiet, ink = style.QUIET[dark], style.INK[dark]
    figure = go.Figure()
    for name, values, line in (
        ("V", found, {"color": ink, "width": 3}),
        ("V^(1/k)", found ** (1 / counts), {"color": ink, "width": 1.5, "dash": "dash"}),
        (f"V of random vectors, d = {d}", expected, {"color": quiet, "width": 3, "dash": "dot"}),
        ("V^(1/k) of random vectors", expected ** (1 / counts), {"color": quiet, "width": 1.5, "dash": "dashdot"}),
    ):
        figure.add_scatter(
            x=places, y=values, name=name, mode="lines+markers", line=line, marker={"size": 7},
            customdata=[style.number(float(value)) for value in values],
            hovertemplate=f"{name}: %{{customdata}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        template=style.template(dark=dark),
        hovermode="x",
        margin={"l": 44, "r": 12, "t": 12, "b": 92},
        legend=style.LEGEND_BELOW,
    )
    figure.update_yaxes(range=[0, 1.05], fixedrange=True, zeroline=False)
    figure.update_xaxes(fixedrange=True)
    return figure
