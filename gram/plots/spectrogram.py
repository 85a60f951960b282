"""Log-mel spectrograms, with axes in seconds and hertz."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from gram.plots import style

_TICKS = (100, 250, 500, 1000, 2000, 4000)


def spectrogram(
    features: Float[np.ndarray, "bands frames"],
    hertz: Float[np.ndarray, " bands"],
    *,
    frame_seconds: float,
    dark: bool = False,
) -> go.Figure:
    """Return a spectrogram: time across, frequency upwards on the scale of its bands, loud in the colour of the text.

    Args:
        features: one row a band, low bands first; one column a frame.
        hertz: the frequency in the middle of each band, rising.
        frame_seconds: from one frame to the next.
        dark: for a dark page.

    Raises:
        ValueError: not one frequency for each band.
    """
    bands, frames = features.shape
    if len(hertz) != bands:
        raise ValueError(f"hertz must name the frequency of each of {bands} bands; got {len(hertz)}")
    seconds = np.arange(frames) * frame_seconds
    within = [tick for tick in _TICKS if hertz[0] <= tick <= hertz[-1]]
    figure = go.Figure(
        go.Heatmap(
            z=np.round(features, 3),
            x=np.round(seconds, 4),
            y=np.arange(bands),
            customdata=np.broadcast_to(np.round(hertz)[:, None], features.shape),
            colorscale=[[0.0, style.PAPER[dark]], [1.0, style.INK[dark]]],
            showscale=False,
            hovertemplate="%{x:.2f} s, %{customdata:.0f} Hz<br>log power %{z:.2f}<extra></extra>",
        )
    )
    figure.update_layout(template=style.template(dark=dark), margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode=False)
    figure.update_xaxes(title="seconds", showgrid=False, zeroline=False, fixedrange=True)
    figure.update_yaxes(
        title="hertz",
        tickvals=np.interp(within, hertz, np.arange(bands)),
        ticktext=[f"{tick:,}" for tick in within],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure
