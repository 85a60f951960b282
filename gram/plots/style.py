"""The look of all figures: colours with one meaning each, the volume scale, the format of numbers."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

COLOURS = {"text": "#0072B2", "image": "#E69F00", "speech": "#009E73", "tones": "#CC79A7"}
FURTHER_COLOURS = ("#56B4E9", "#D55E00", "#999933")

# Ten equal steps of lightness in OKLCH, from aligned (0, dark) to orthogonal (1, pale), hue 290 to 105 degrees.
VOLUME_COLOURS = (
    "#20183c", "#292a5a", "#294079", "#175a92", "#0076a3", "#0092aa",
    "#00aca8", "#5bc2a4", "#97d4a3", "#cce4af", "#f7f5c9",
)  # fmt: skip
VOLUME_SCALE = [[place / 10, colour] for place, colour in enumerate(VOLUME_COLOURS)]

FONT = '"Source Sans", "Source Sans 3", "Source Sans Pro", system-ui, sans-serif'
INK = {False: "#1f2328", True: "#e9e7e2"}
QUIET = {False: "#6a6e75", True: "#a4a6ab"}
GRID = {False: "#e3e0d8", True: "#33363d"}
PAPER = {False: "#fcfbf8", True: "#15171c"}
MISMATCH = {False: "#8b8e94", True: "#8d9096"}  # whatever does not belong to the current item
# Two rankings or losses side by side, on light and dark: told apart by dash and shape too, and no modality's colour.
RANKING_COLOURS = ({False: "#294079", True: "#a9b8ee"}, {False: "#8a6414", True: "#d8b672"})
RANKING_DASHES, RANKING_SYMBOLS = ("solid", "dash"), ("circle", "diamond-open")

LEGEND_BELOW = {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"}

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def colours(modalities: Sequence[str]) -> dict[str, str]:
    """Return a fixed colour for each modality: known names have their own, others take the further ones in order.

    Where there are more modalities than colours, colours repeat; legends and labels tell them apart.
    """
    spare = [colour for colour in (*FURTHER_COLOURS, *COLOURS.values()) if colour not in _taken(modalities)]
    unknown = [name for name in modalities if name not in COLOURS]
    extra = {name: spare[place % len(spare)] for place, name in enumerate(unknown)} if unknown else {}
    return {name: COLOURS.get(name) or extra[name] for name in modalities}


def _taken(modalities: Sequence[str]) -> set[str]:
    return {COLOURS[name] for name in modalities if name in COLOURS}


def number(value: float) -> str:
    """Format a number to three significant digits.

    Examples: 0.0312, 1.00, 12.3, 1,230, −0.120, 4.10×10⁻⁵; "–" where there is none (NaN).
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value) or value == 0:
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "0")
    mantissa, exponent = f"{abs(value):.2e}".split("e")
    power = int(exponent)
    if power < -3 or power > 6:
        text = f"{mantissa}×10{str(power).translate(_SUPERSCRIPTS)}"
    else:
        text = f"{float(f'{mantissa}e{power}'):,.{max(0, 2 - power)}f}"
    return f"−{text}" if value < 0 else text


def volume_colour(value: float) -> str:
    """Return the colour of a volume (or of any share from 0 to 1) on the fixed scale, as #rrggbb; NaN is grey."""
    if math.isnan(value):
        return MISMATCH[False]
    place = min(max(value, 0.0), 1.0) * (len(VOLUME_COLOURS) - 1)
    lower = min(int(place), len(VOLUME_COLOURS) - 2)
    share = place - lower
    below, above = (_channels(VOLUME_COLOURS[index]) for index in (lower, lower + 1))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(below, above))


def ink_on(colour: str) -> str:
    """Return black or white, whichever is easier to read on a #rrggbb colour (WCAG relative luminance)."""
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in _channels(colour))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if luminance < 0.18 else "#111318"


def rgba(colour: str, opacity: float) -> str:
    """Return a #rrggbb colour with an opacity from 0 to 1, in CSS notation."""
    red, green, blue = _channels(colour)
    return f"rgba({red},{green},{blue},{opacity:g})"


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def template(*, dark: bool = False) -> go.layout.Template:
    """Return the plotly template of the project's figures, on light or dark ground."""
    axis = {
        "gridcolor": GRID[dark], "linecolor": GRID[dark], "zerolinecolor": GRID[dark],
        "tickfont": {"color": QUIET[dark]}, "title": {"font": {"color": INK[dark], "size": 14}}, "automargin": True,
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 14, "color": INK[dark]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [*COLOURS.values(), *FURTHER_COLOURS],
            "colorscale": {"sequential": VOLUME_SCALE},
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {
                "bgcolor": PAPER[dark], "bordercolor": GRID[dark], "font": {"family": FONT, "color": INK[dark]},
            },
            "legend": {"bgcolor": "rgba(0,0,0,0)"},
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        }
    )  # fmt: skip


def look(dark: bool) -> dict[str, Any]:
    """Return the layout of figures that have a mode bar: the template, and a bar that fits it."""
    bar = {"bgcolor": "rgba(0,0,0,0)", "color": QUIET[dark], "activecolor": INK[dark]}
    return {"template": template(dark=dark), "modebar": bar}
