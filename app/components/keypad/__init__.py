"""A telephone's twelve keys: each sounds its two tones, and four digits make a number with its timing."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

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
    _component()(data={"rows": rows, "start": st.session_state.get(kept)}, key=key, on_dialled_change=dialled)
    presses = st.session_state.get(kept)
    return [(str(each["key"]), float(each["at"]), float(each["held"])) for each in presses] if presses else None


def _component() -> Any:
    """Register the component; an equal definition under an equal name costs nothing."""
    html, css, js = _sources()
    return st.components.v2.component("gram_keypad", html=html, css=css, js=js)


@cache
def _sources() -> tuple[str, str, str]:
    html, css, js = (_HERE / f"keypad.{kind}" for kind in ("html", "css", "js"))
    return html.read_text(), css.read_text(), js.read_text()
