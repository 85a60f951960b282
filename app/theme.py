"""The few style rules that Streamlit's own theme (`.streamlit/config.toml`) cannot express."""

from functools import cache
from pathlib import Path

import streamlit as st


def apply() -> None:
    """Add the rules of `theme.css` to the page."""
    st.html(f"<style>{_rules()}</style>")


@cache
def _rules() -> str:
    return Path(__file__).with_suffix(".css").read_text()


def is_dark() -> bool:
    """Return whether the page is shown on a dark ground."""
    return st.context.theme.type == "dark"


def ground() -> str:
    """Return the colour of the page, as a hexadecimal number."""
    return str(st.get_option(f"theme.{'dark' if is_dark() else 'light'}.backgroundColor"))
