"""A plotly figure in two dimensions that keeps its view while its data change, and says what was selected.

`st.plotly_chart` draws a new element whenever the figure differs, so a zoom or a lasso would be lost with every
click. This one hands every new figure to `Plotly.react`. Below the picture: save as PNG, SVG, HTML.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from app.components.shared import BELOW, component, plotly_address

_HERE = Path(__file__).parent


class Action(NamedTuple):
    """What a person just did in a chart.

    Attributes:
        kind: "click" on a point, "select" with box or lasso, or "clear" by a double click.
        meta: the `meta` of the trace that was clicked.
        points: what the points' `customdata` hold, each once; the first number where they hold several.
        span: the two ends of a selected box on the horizontal axis, in order.
    """

    kind: str
    meta: str | None = None
    points: tuple[int, ...] = ()
    span: tuple[float, float] | None = None


def show(
    figure: go.Figure | str,
    *,
    key: str,
    on_action: Callable[[Action], None],
    height: int = 560,
    filename: str = "figure",
    description: str = "",
    hint: str = "",
    keep_selection: bool = True,
    tools: tuple[str, ...] = ("select2d", "zoom2d", "resetScale2d"),
    wheel_zooms: bool = False,
    may_be_tall: bool = False,
) -> None:
    """Draw a figure.

    Args:
        figure: its `uirevision` says for how long a zoom is kept; or its JSON, as of `app.data.pictures`.
        key: the chart's name in the session.
        on_action: called before the page reruns, as widget callbacks are.
        height: pixels on a wide screen; a narrow one takes less.
        filename: of the saved files, without an ending.
        description: what the picture shows, in words, for those who cannot see it.
        hint: what can be done in the picture, in a few words below it.
        keep_selection: whether the outline of a box or lasso stays.
        tools: plotly's names of the buttons above the picture.
        wheel_zooms: whether the wheel zooms, once someone has pressed into the picture.
        may_be_tall: whether it may be higher than wide, as a list of lines is.
    """

    def acted() -> None:
        said = st.session_state[key].get("action")
        if said:
            on_action(_action(said))

    component(_HERE, scripts=("load", "turns", "plotly", "kept"))(
        data={
            "figure": figure if isinstance(figure, str) else figure.to_json(),
            "plotly": plotly_address(),
            "name": key,
            "height": height,
            "filename": filename,
            "description": description,
            "hint": hint,
            "keep": keep_selection,
            "tools": tools,
            "zoom": wheel_zooms,
            "tall": may_be_tall,
        },
        key=key,
        height=height + BELOW,
        on_action_change=acted,
    )


def _action(said: dict[str, Any]) -> Action:
    span = said.get("span")
    return Action(
        kind=str(said["kind"]),
        meta=said.get("meta"),
        points=tuple(int(point) for point in said.get("points", ())),
        span=(float(min(span)), float(max(span))) if span else None,
    )
