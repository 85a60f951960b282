"""A page that fails is one line with its details behind a button; navigation and the other pages work on."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import RUN_ENDED, serving

PAGE = '''
"""A page that fails at once, in a part that runs by itself, and in a callback."""

import streamlit as st

TITLE, ORDER = "Broken", 99


def fail() -> None:
    raise KeyError("no such thing")


@st.fragment
def part() -> None:
    st.button("Fail in a callback", on_click=fail)
    if st.button("Fail in a part"):
        fail()


def render() -> None:
    """Show the page."""
    part()
    fail()
'''

pytestmark = pytest.mark.browser


def test_a_page_that_fails_is_one_line_with_its_details_behind_a_button(windows, tmp_path):
    (tmp_path / "broken.py").write_text(PAGE)
    with serving(tmp_path, GRAM_PLUGINS=str(tmp_path / "broken.py")) as address:
        page = windows(1440, 900, "light").new_page()
        page.goto(f"{address}/broken")
        alerts = page.get_by_test_id("stAlert")
        expect(alerts).to_have_count(1)
        expect(alerts).to_contain_text("KeyError: 'no such thing'")
        page.get_by_role("button", name="Fail in a part").click()
        expect(alerts).to_have_count(2)
        page.get_by_role("button", name="Fail in a callback").click()
        page.wait_for_selector(RUN_ENDED)
        expect(alerts.first).to_contain_text("KeyError: 'no such thing'")
        assert not page.get_by_text("Traceback").is_visible()
        page.get_by_role("button", name="Show the details").last.click()
        expect(page.get_by_text("Traceback").first).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Evidence", exact=True).first.click()
        expect(page.get_by_role("heading", name="Evidence").first).to_be_visible()
        expect(alerts).to_have_count(0)
        page.close()
