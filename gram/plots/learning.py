"""Held-out recall during training."""

import pandas as pd
import plotly.graph_objects as go

from gram.plots import style

_COLOURS = {"gram": "#0072B2", "cosine": "#D55E00"}
_DASHES = {"volume": "solid", "cosine": "dot"}
_OWN_DASH = "dash"  # of the measure that a loss trains, where it is neither
_PREFIX = "recall_"


def learning(history: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 of held-out items by step: a colour for each model, solid by volume and dotted by mean cosine.

    A model whose loss trains another measure has a dashed line by that measure, too.

    Args:
        history: rows with the columns "model", "step", "recall_volume" and "recall_cosine" (shares from 0 to 1), as
            `gram.training.align.Alignment.history` holds them; others, such as "recall_singular", may be NaN.
        dark: for a dark ground.

    Raises:
        ValueError: a column is missing.
    """
    needed = {"model", "step", *(f"{_PREFIX}{measure}" for measure in _DASHES)}
    if lacking := needed - set(history.columns):
        raise ValueError(f"history: expected columns {', '.join(sorted(needed))}; {', '.join(sorted(lacking))} missing")
    figure = go.Figure()
    spare = [colour for colour in style.FURTHER_COLOURS if colour not in _COLOURS.values()]
    others = [str(model) for model in history["model"].unique() if model not in _COLOURS]
    colours = {**_COLOURS, **{model: (*spare, style.QUIET[dark])[place % 3] for place, model in enumerate(others)}}
    for model, rows in history.groupby("model", sort=False):
        ranked = [name for name in history.columns if name.startswith(_PREFIX) and rows[name].notna().any()]
        for name in ranked:
            measure = name.removeprefix(_PREFIX)
            figure.add_scatter(
                x=rows["step"], y=100 * rows[name], name=f"{model} by {measure}", mode="lines+markers",
                line={"color": colours[str(model)], "dash": _DASHES.get(measure, _OWN_DASH), "width": 2.5},
                marker={"size": 5},
                hovertemplate=f"{model} heads by {measure}, step %{{x:,}}: %{{y:.1f}} %<extra></extra>",
            )  # fmt: skip
    figure.update_layout(
        template=style.template(dark=dark),
        margin={"l": 52, "r": 12, "t": 12, "b": 92},
        legend=style.LEGEND_BELOW,
        uirevision="learning",
    )
    figure.update_yaxes(title="held-out R@1 (%)", range=[-2, 103], fixedrange=True, zeroline=False)
    figure.update_xaxes(title="step", rangemode="tozero", fixedrange=True)
    return figure
