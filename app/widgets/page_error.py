"""What stands in place of a page, or of a part of one, that an unexpected exception has ended."""

import traceback

import streamlit as st

from app.text import escape_markdown
from gram.errors import GramError

_LONGEST = 200  # characters of an exception's text


def show(error: Exception) -> bool:
    """Draw one line, and the details behind a button; the rest of the app works on.

    For `streamlit.App(on_script_error=...)`, which logs the exception first.

    Returns:
        True: Streamlit is not to show the exception itself.
    """
    told = " ".join(str(error).split()) or "no reason given"
    if isinstance(error, GramError):
        line = told[0].upper() + told[1:]
    else:
        line = (
            f"This could not be drawn ({type(error).__name__}: {told[:_LONGEST]}). Go on with another page or item; if "
            "it comes back, send the details with a report."
        )
    st.error(escape_markdown(line), icon=":material/report:")
    with st.popover("Show the details"):
        st.code("".join(traceback.format_exception(error)), language=None, wrap_lines=True)
    return True
