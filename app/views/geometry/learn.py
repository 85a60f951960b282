"""Watch it learn: three vectors under gradient descent on a volume, on cosines, and on the contrastive loss."""

import math

import numpy as np
import streamlit as st
from jaxtyping import Float

from app import theme
from app.components import learn
from app.components.learn import Objective, Start
from app.state import selection
from app.text import escape_markdown, quoted
from app.views.geometry import playground_state
from app.views.geometry.presets import equal_cosines
from gram.plots.parallelotope import standing

URL_KEYS = ("objective", "start")

OBJECTIVES = (
    Objective("volume", "the volume", "The pull on a tip is as long as the volume of the other two vectors."),
    Objective(
        "log-volume", "the log of the volume", "The pull is 1 / height: it does not fade while the base shrinks."
    ),
    Objective(
        "cosine", "minus the mean cosine", "The candidate's vectors are pulled to the anchor, and it to their middle."
    ),
    Objective(
        "contrastive",
        "the GRAM loss of two items",
        "Each anchor's volume with its own candidate is to be smaller than with the other's (temperature 0.2).",
    ),
)


def render() -> None:
    """Show the lesson."""
    st.markdown(
        "What a loss does to three vectors, one step at a time. **Press Play**, then choose **from a collapsed "
        "base** and see the pull on the anchor vanish although it is far off."
    )
    _lesson()


@st.fragment
def _lesson() -> None:
    starts = _starts()
    learn.show(
        OBJECTIVES,
        starts,
        playground_state.names(selection.current()),
        objective=_asked("objective", [each.key for each in OBJECTIVES]),
        start=_asked("start", [each.key for each in starts]),
        key="learn",
        dark=theme.is_dark(),
        on_change=_keep,
    )


def _asked(name: str, known: list[str]) -> str:
    """Return what the URL asks for, the first of those known if nothing; say in one line that it makes no sense."""
    asked = st.query_params.get(name, known[0])
    if asked not in known:
        st.warning(escape_markdown(f"There is no {name} {quoted(asked)} here; choose one of {', '.join(known)}."))
        return known[0]
    return asked


def _keep(objective: str, start: str) -> None:
    st.query_params["objective"], st.query_params["start"] = objective, start


def _starts() -> tuple[Start, ...]:
    """Return where the descent can begin: unit vectors, the anchor first; the second item is the first, turned."""
    collapsed = _towards((75, 90), (0, 0), (3, 0))
    flipped = _towards((-20, 215), (0, 0), (40, 0))
    return (
        Start("apart", "vectors far apart", "", _with_second(standing(equal_cosines(0.15)))),
        Start(
            "collapsed",
            "a collapsed base",
            "Here the candidate's two vectors nearly coincide, so the base is close to 0.",
            _with_second(collapsed),
        ),
        Start(
            "opposite",
            "the opposite side",
            "Here the anchor points away from the candidate: the volume is content with that, a cosine is not.",
            _with_second(flipped),
        ),
    )


def _towards(*angles: tuple[float, float]) -> Float[np.ndarray, "k 3"]:
    """Return unit vectors from pairs (elevation for the first, turn about the vertical) in degrees."""
    (up, around), *flat = angles
    e, a = math.radians(up), math.radians(around)
    anchor = [math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)]
    return np.array([anchor, *([math.cos(math.radians(t)), math.sin(math.radians(t)), 0.0] for t, _ in flat)])


def _with_second(first: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "2 3 3"]:
    from scipy.spatial.transform import Rotation  # this lesson alone needs it

    return np.stack([first, Rotation.from_euler("xz", (60, 70), degrees=True).apply(first)])
