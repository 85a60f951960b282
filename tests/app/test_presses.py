"""Every widget of every page is pressed once: no page fails, and Streamlit has nothing to warn of in the log."""

import pytest

from app.views import declared_pages
from app.views.geometry import LESSONS
from tests.app.conftest import open_app

PLACES = [(page.path, {}) for page in declared_pages()] + [("geometry", {"lesson": lesson}) for lesson in LESSONS]
LONG_WORK = ("Quick run", "Compute it", "Open the five views")
BEYOND_APP_TEST = ("Recorded",)  # gives a slider its range by the session; AppTest then sends one end of it
LEFT_OUT = LONG_WORK + BEYOND_APP_TEST  # other tests press these
# The built-in models are asked, so the shipped sets are shown, not synthetic ones.


def press_button(widget):
    widget.click()


def turn(widget):
    widget.set_value(not widget.value)


def choose_last(widget):
    widget.set_value(widget.options[-1])


def choose_first(widget):
    is_range = isinstance(widget.value, list | tuple)
    widget.set_value((widget.options[0], widget.value[-1]) if is_range else widget.options[0])


def leave_out_last(widget):
    several = isinstance(widget.value, list)
    widget.set_value(list(widget.options[:-1]) if several else widget.options[-1])


def move(widget):
    other = widget.min if widget.value != widget.min else widget.max
    widget.set_value((widget.min, widget.value[-1]) if isinstance(widget.value, list | tuple) else other)


def write(widget):
    widget.set_value("7")


PRESSES = {
    "button": press_button,
    "selectbox": choose_last,
    "select_slider": choose_first,
    "slider": move,
    "number_input": move,
    "text_input": write,
    "toggle": turn,
    "pills": leave_out_last,
    "segmented_control": choose_last,
}


@pytest.mark.parametrize(("path", "query"), PLACES, ids=str)
def test_no_press_fails_or_makes_streamlit_warn(path, query):
    app = open_app(path, **query).run()
    for kind, press in PRESSES.items():
        for place in range(len(getattr(app, kind))):
            there = getattr(app, kind)
            if place < len(there) and not there[place].disabled and there[place].label not in LEFT_OUT:
                press(there[place])
                app.run()
                assert not app.exception, (kind, place)
