"""A telephone's twelve keys: each sounds its two tones, and four digits make a number with its timing."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.components.shared import component

_HERE = Path(__file__).parent
Press = tuple[str, float, float]  # the key, the second it went down (the first at 0), and for how many seconds


def show(keys: Sequence[Sequence[tuple[str, float, float]]], *, key: str) -> list[Press] | None:
    """Draw the keypad; return the presses of the last whole number, or None before there is one.

    Args:
        keys: row by row, each key with its low and its high frequency in hertz.
        key: the keypad's name in the session. A number that was dialled comes back when it is shown again.
    """
    kept = f"{key}:kept"

    def dialled() -> None:
        said = st.session_state[key].get("dialled")
        if said:
            st.session_state[kept] = said["presses"]

    rows = [[{"key": name, "low": low, "high": high} for name, low, high in row] for row in keys]
    component(_HERE, isolate_styles=True)(
        data={"rows": rows, "start": st.session_state.get(kept)}, key=key, on_dialled_change=dialled
    )
    presses = st.session_state.get(kept)
    return [(str(each["key"]), float(each["at"]), float(each["held"])) for each in presses] if presses else None
