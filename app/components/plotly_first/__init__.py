"""Plotly's script, asked for before anything else: the browser reads it while the server makes the page."""

from pathlib import Path

from app.components.shared import component, plotly_address


def load() -> None:
    """Have the browser load plotly, unless it has; nothing is seen of it."""
    show = component(Path(__file__).parent, scripts=("plotly",), isolate_styles=True)
    show(data={"plotly": plotly_address()}, key="plotly_first")
