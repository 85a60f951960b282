"""What a page says of work under way: how far, how long, how many before it; the button ends it."""

import pytest
from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from app.widgets import job_progress

    class Work:
        share, ahead, seconds_left = 0.421, 0, None

        def stop(self):
            st.session_state["stopped"] = True

    work = Work()
    vars(work).update({name: st.session_state[name] for name in ("ahead", "seconds_left") if name in st.session_state})
    job_progress.show(work, "ranking items", key="end")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "Ranking items: 42%"),
        ({"seconds_left": 11.6}, "Ranking items: 42%, about 12 s left"),
        ({"ahead": 1}, "Waiting: 1 computation before this one"),
        ({"ahead": 2, "seconds_left": 5.0}, "Waiting: 2 computations before this one"),
    ],
)
def test_it_says_how_far_how_long_and_how_many_come_first(state, said):
    app = AppTest.from_function(page)
    for name, value in state.items():
        app.session_state[name] = value
    app.run()
    (bar,) = app.get("progress")
    assert (bar.proto.text, bar.proto.value) == (said, 42)
    app.button(key="end").click().run()
    assert app.session_state["stopped"]
