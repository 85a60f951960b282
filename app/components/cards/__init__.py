"""Cards of items as one component: markup made in Python, clicks sent back, sounds played on demand.

A list of twenty items as native widgets is over a hundred elements; here it is one. The markup comes from
`app.media` and the pages, which escape whatever is not theirs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent


def show(markup: str, *, key: str, on_action: Callable[[dict[str, str]], None], sound: str | None = None) -> None:
    """Show cards; an element with `data-action` calls `on_action` with all its data attributes when pressed.

    Args:
        markup: safe HTML. Elements with the same `data-id` light up together under the pointer.
        key: the component's name in the session.
        on_action: called before the page reruns, as widget callbacks are.
        sound: an audio data URI to play once, and the button it belongs to as its fragment:
            "data:audio/wav;base64,...#<data-sound of the button>".
    """

    def pressed() -> None:
        action = st.session_state[key].get("action")
        if action:
            on_action({name: str(value) for name, value in action.items()})

    _component()(data={"markup": markup, "sound": sound}, key=key, on_action_change=pressed)


def _component() -> Any:
    """Register the component; Streamlit keeps the definition of an equal name, so this is cheap."""
    return st.components.v2.component(
        "gram_cards",
        html="<div class='cards'></div>",
        css=(_HERE / "cards.css").read_text(),
        js=(_HERE / "cards.js").read_text(),
    )
