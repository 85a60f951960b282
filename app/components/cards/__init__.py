"""Cards of items as one component: markup made in Python, clicks sent back, sounds played on demand.

A list of twenty items as native widgets is over a hundred elements; here it is one. The markup comes from
`app.widgets.cards` and the pages, which escape whatever is not theirs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent


def show(
    markup: str,
    *,
    key: str,
    on_action: Callable[[dict[str, str]], None],
    sound: str | None = None,
    styles: str = "",
) -> None:
    """Show cards; an element with `data-action` calls `on_action` with all its data attributes when pressed.

    Args:
        markup: safe HTML. Elements with the same `data-id` light up together under the pointer.
        key: the component's name in the session.
        on_action: called before the page reruns, as widget callbacks are.
        sound: an audio data URI to play once, and the button it belongs to as its fragment:
            "data:audio/wav;base64,...#<data-sound of the button>".
        styles: name of a further style sheet in this folder, for markup that is no cards.
    """

    def pressed() -> None:
        action = st.session_state[key].get("action")
        if action:
            on_action({name: str(value) for name, value in action.items()})

    _component(styles)(data={"markup": markup, "sound": sound}, key=key, on_action_change=pressed)


def _component(styles: str) -> Any:
    """Register the component; Streamlit keeps the definition of an equal name, so this is cheap."""
    sheets = ("cards", styles) if styles else ("cards",)
    return st.components.v2.component(
        f"gram_{'_'.join(sheets)}",
        html="<div class='cards'></div>",
        css="\n".join((_HERE / f"{sheet}.css").read_text() for sheet in sheets),
        js=(_HERE / "cards.js").read_text(),
    )
