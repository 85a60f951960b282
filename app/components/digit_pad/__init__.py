"""Four boxes to draw a digit in each, with pen, finger or mouse; the strokes come to Python as polylines.

Strokes are drawn as SVG, so they are crisp at any resolution and take the theme's ink by themselves. They are sent
300 ms after the pen lifts, without a button, once all four boxes hold something: an answer that follows the pen
teaches which stroke changed it, and a digit of two strokes is drawn within that pause.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.components.shared import component

_HERE = Path(__file__).parent
Boxes = Sequence[Sequence[Sequence[Sequence[float]]]]  # four boxes of strokes of points (x, y)


def show(*, key: str) -> Boxes | None:
    """Draw the pad; return the strokes of its four boxes, or None where nothing was drawn or all was cleared.

    Points are (x, y) from the box's top left corner, in heights of the box: y from 0 to 1, x from 0 to 0.75.

    Args:
        key: the pad's name in the session. What was drawn comes back when the pad is shown again.
    """
    kept = f"{key}:kept"

    def drawn() -> None:
        said = st.session_state[key].get("strokes")
        if said:
            st.session_state[kept] = said["boxes"]

    component(_HERE, isolate_styles=True)(data={"start": st.session_state.get(kept)}, key=key, on_strokes_change=drawn)
    boxes: Boxes | None = st.session_state.get(kept)
    return boxes
