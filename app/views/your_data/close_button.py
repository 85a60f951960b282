"""The button that closes features, where they are listed and where they are aligned."""

from functools import partial

import streamlit as st

from app.state import alignment


def closing(key: str) -> None:
    """Show the button that closes features; it asks first where something was made of them that goes too.

    Args:
        key: of the features.
    """
    close = partial(st.button, on_click=alignment.close, args=(key,), key=f"close_{key}")
    if taken := alignment.closing_takes(key):
        with st.popover("Close"):
            st.markdown(f"This gives up the features and {taken}.")
            close("Close all of it", type="primary")
    else:
        close("Close", help="Their files here are removed")
