"""How heads or models do on held-out items as they learn."""

import pandas as pd
import plotly.graph_objects as go

from gram.figures import style

_COLOURS = {"gram": "#0072B2", "cosine": "#D55E00"}
_DASHES = {"volume": "solid", "cosine": "dot"}


def learning(history: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 of held-out items by step: a colour a model, a solid line by volume and a dotted one by mean cosine.

    Args:
        history: rows with the columns "model", "step", "recall_volume" and "recall_cosine" (shares from 0 to 1), as
            `gram.alignment.AlignJob.history` returns them.
        dark: for a dark ground.

    Raises:
        ValueError: a column is missing.
    """
    needed = {"model", "step", *(f"recall_{measure}" for measure in _DASHES)}
    if lacking := needed - set(history.columns):
        raise ValueError(f"history: expected columns {', '.join(sorted(needed))}; {', '.join(sorted(lacking))} missing")
    figure = go.Figure()
    for model, rows in history.groupby("model", sort=False):
        for measure, dash in _DASHES.items():
            figure.add_scatter(
                x=rows["step"], y=100 * rows[f"recall_{measure}"], name=f"{model} by {measure}", mode="lines+markers",
                line={"color": _COLOURS.get(str(model), style.QUIET[dark]), "dash": dash, "width": 2.5},
                marker={"size": 5},
                hovertemplate=f"{model} heads by {measure}, step %{{x:,}}: %{{y:.1f}} %<extra></extra>",
            )  # fmt: skip
    figure.update_layout(
        template=style.template(dark=dark),
        margin={"l": 52, "r": 12, "t": 12, "b": 92},
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        uirevision="learning",
    )
    figure.update_yaxes(title="held-out R@1 (%)", range=[-2, 103], fixedrange=True, zeroline=False)
    figure.update_xaxes(title="step", rangemode="tozero", fixedrange=True)
    return figure
