"""Two or three vectors to drag by their tips, with every number live; dragging never asks the server."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from app.components.shared import component
from gram import measures
from gram.plots import style


class State(NamedTuple):
    """What the playground shows: vectors as the text "1,0,0;0,1,0", and whether their lengths are free."""

    vectors: str
    free: bool


def show(state: State, names: Sequence[str], *, key: str, dark: bool, on_change: Callable[[State], None]) -> None:
    """Draw the playground.

    Args:
        state: two or three vectors of three numbers. What differs from the state last heard of is drawn anew.
        names: of three vectors, the anchor first.
        key: the playground's name in the session.
        dark: for a dark ground.
        on_change: called with the new state after a vector was let go.
    """

    def changed() -> None:
        value = st.session_state[key].get("state")
        if value:
            on_change(State(str(value["vectors"]), bool(value["free"])))

    colours = style.colours(names)
    component(Path(__file__).parent, scripts=("gram", "scene"), styles=("scene",))(
        data={
            "vectors": state.vectors,
            "free": state.free,
            "names": list(names),
            "colours": [colours[name] for name in names],
            "scale": list(style.VOLUME_COLOURS),
            "measures": [
                {"name": name, "title": measures.get(name).title, "help": measures.get(name).help}
                for name in measures.names()
            ],
            "dark": dark,
        },
        key=key,
        on_state_change=changed,
    )
