"""A page is one file that declares itself: it is in the navigation, opens by its address, and nothing else lists it."""

import subprocess
import sys

TOY = '''
"""A toy page."""

import streamlit as st

TITLE = "Toy"
ORDER = 2.5
ICON = ":material/toys:"


def render() -> None:
    """Show the page."""
    st.title("A toy page")
'''

OPEN = """
from tests.app.conftest import open_app
app = open_app("toy-page").run()
print([title.value for title in app.title], [each.value for each in app.exception])
names = [info["page_name"] for info in app._registered_pages.values()]
print(names.index("Volumes") < names.index("Toy") < names.index("Projection"))
"""


def test_a_page_of_one_file_is_in_the_navigation_and_opens(tmp_path, monkeypatch):
    (tmp_path / "toy_page.py").write_text(TOY)
    monkeypatch.setenv("GRAM_PLUGINS", str(tmp_path / "toy_page.py"))
    done = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['A toy page'] []", "True"]
