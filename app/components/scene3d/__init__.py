"""A plotly figure in 3D whose camera stays where a person put it, whatever changes in the figure.

Streamlit's own chart element remounts, and forgets the camera, when a value changes; this one hands every new
figure to `Plotly.react` under a constant `uirevision`. Below the picture: reset the view, save as PNG, SVG, HTML.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.components.shared import BELOW, component, plotly_address

_HERE = Path(__file__).parent


def show(
    figure: go.Figure | str,
    *,
    key: str,
    height: int = 560,
    filename: str = "figure",
    description: str = "",
    on_click: Callable[[Any], None] | None = None,
    reveal: str = "",
) -> None:
    """Draw a figure with 3D traces.

    Args:
        figure: what to draw; its `scene.camera` is where the camera starts, and returns to on reset. Or its JSON, as
            of `app.data.pictures`.
        key: names the scene: figures shown under the same key share one camera, also across pages.
        height: pixels on a wide screen; a narrow one takes less.
        filename: of the saved files, without an ending.
        description: what the picture shows, in words, for those who cannot see it.
        on_click: called before the page reruns with the `customdata` of the point that was clicked.
        reveal: names what is shown where a person asked for it elsewhere; a new name scrolls the scene into view.
    """

    def clicked() -> None:
        value = st.session_state[key].get("click")
        if value is not None and on_click is not None:
            on_click(value["customdata"])

    component(_HERE, scripts=("load", "turns", "plotly", "kept"))(
        data={
            "figure": figure if isinstance(figure, str) else figure.to_json(),
            "plotly": plotly_address(),
            "scene": key,
            "height": height,
            "filename": filename,
            "description": description,
            "reveal": reveal,
        },
        key=key,
        height=height + BELOW,
        on_click_change=clicked,
    )
