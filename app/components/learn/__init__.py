"""Three vectors a item under gradient descent, in the browser: play, pause, step, and the pull on each tip."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Float

from app.components.shared import component
from gram.plots import style


class Objective(NamedTuple):
    """A loss that the component can follow: "volume", "log-volume", "cosine" or "contrastive"."""

    key: str
    title: str
    point: str


class Start(NamedTuple):
    """Two items of three unit vectors to start from; every loss but the contrastive one takes the first alone."""

    key: str
    title: str
    point: str
    items: Float[np.ndarray, "2 3 3"]


def show(
    objectives: Sequence[Objective],
    starts: Sequence[Start],
    names: Sequence[str],
    *,
    objective: str,
    start: str,
    key: str,
    dark: bool,
    on_change: Callable[[str, str], None],
) -> None:
    """Draw the lesson.

    Args:
        objectives: what can be minimised.
        starts: where it can begin.
        names: of the three vectors, the anchor first.
        objective: key of the one chosen.
        start: key of the one chosen.
        key: the lesson's name in the session.
        dark: for a dark ground.
        on_change: called with the keys of another objective and start.
    """

    def changed() -> None:
        value = st.session_state[key].get("state")
        if value:
            on_change(str(value["objective"]), str(value["start"]))

    colours = style.colours(names)
    component(Path(__file__).parent, scripts=("gram", "scene"), styles=("scene",))(
        data={
            "objectives": [each._asdict() for each in objectives],
            "starts": [{**each._asdict(), "items": each.items.tolist()} for each in starts],
            "names": list(names),
            "colours": [colours[name] for name in names],
            "objective": objective,
            "start": start,
            "dark": dark,
        },
        key=key,
        on_state_change=changed,
    )
