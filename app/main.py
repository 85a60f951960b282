"""The explorer's entry script: `streamlit run app/main.py`.

Streamlit imports it once for the server, and runs it as the main module for every session and press.
"""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

ROOT = str(Path(__file__).parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)  # Streamlit puts this file's folder on the path, not the project's

from app.startup import imports, serving  # noqa: E402  the path comes first
from app.views import declared_pages  # noqa: E402  the path comes first


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Import what pages need while the browser is still busy with itself."""
    imports.begin()
    yield


def draw() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="GRAM", page_icon=str(Path(__file__).parent / "theme" / "icon.svg"), layout="wide")
    take_arguments()
    pages = {
        page.path: st.Page(imports.renderer(page), title=page.title, icon=page.icon or None, url_path=page.path)
        for page in declared_pages()
    }

    def to_first() -> None:
        imports.spare()
        st.switch_page(next(iter(pages.values())), query_params=dict(st.query_params))

    home = st.Page(to_first, title="GRAM", default=True, visibility="hidden")
    chosen = st.navigation([home, *pages.values()], position="top")
    if chosen is not home:
        imports.module("app.state.selection").start(pages)
    chosen.run()
    imports.go_on()


def on_error(error: Exception) -> bool:
    """Show what went wrong in one line."""
    shown: bool = imports.module("app.widgets.page_error").show(error)
    return shown


def take_arguments() -> None:
    """Take over what was given on the command line."""
    arguments = argparse.ArgumentParser(prog="streamlit run app/main.py --")
    arguments.add_argument("--data-dir", help="the folder whose sets may be opened (also $GRAM_DATA_DIR)")
    arguments.add_argument("--milvus", help="the Milvus that Retrieval may search (also $GRAM_MILVUS_URI, _TOKEN)")
    given = arguments.parse_known_args()[0]
    for variable, value in (("GRAM_DATA_DIR", given.data_dir), ("GRAM_MILVUS_URI", given.milvus)):
        if value is not None:
            os.environ[variable] = value


if __name__ == "__main__":
    draw()
else:
    app = st.App(__file__, lifespan=lifespan, middleware=[Middleware(serving.Early)], on_script_error=on_error)
