"""Geometry: what a volume is, seen on one item, moved by hand, guessed, trained, and beyond three vectors."""

import streamlit as st

from app.text import escape_markdown, quoted
from app.views.geometry import higher, learn, pair, play, predict

TITLE = "Geometry"
ORDER = 1
LESSONS = {
    "pair": ("Item and mismatch", pair),
    "play": ("Play", play),
    "predict": ("Predict", predict),
    "learn": ("Watch it learn", learn),
    "higher": ("More than three", higher),
}
_FIRST = "pair"
_CONTROL = "geometry_lesson"


def render() -> None:
    """Show the page: one lesson of it, named in the URL."""
    st.title("Geometry")
    asked = st.query_params.get("lesson", _FIRST)
    lesson = asked if asked in LESSONS else _FIRST
    st.session_state[_CONTROL] = lesson
    st.segmented_control(
        "Lesson",
        list(LESSONS),
        format_func=lambda name: LESSONS[name][0],
        required=True,
        wrap=True,
        key=_CONTROL,
        on_change=_turn_to,
        label_visibility="collapsed",
    )
    if lesson != asked:
        st.warning(escape_markdown(f"There is no lesson {quoted(asked)} here; choose one above."))
    LESSONS[lesson][1].render()


def _turn_to() -> None:
    """Put the chosen lesson into the URL, and take what the others wrote there out of it.

    `URL_KEYS` names what a lesson writes itself; Streamlit takes out what is bound to a widget that is gone.
    """
    chosen = st.session_state[_CONTROL]
    for _, lesson in LESSONS.values():
        for key in lesson.URL_KEYS:
            if key in st.query_params:
                del st.query_params[key]
    if chosen == _FIRST:
        del st.query_params["lesson"]
    else:
        st.query_params["lesson"] = chosen
