"""What Streamlit's theme (`.streamlit/config.toml`) is on a page; `theme.css` has the rules that it cannot express."""

import streamlit as st


def is_dark() -> bool:
    """Return whether the page is shown on a dark ground."""
    return st.context.theme.type == "dark"


def ground() -> str:
    """Return the colour of the page, as a hexadecimal number."""
    return str(st.get_option(f"theme.{'dark' if is_dark() else 'light'}.backgroundColor"))
