"""What the app does to Streamlit itself so that it starts sooner and stands still; the rest is Streamlit as it comes.

`python benchmarks/pages.py --patches` starts the app with none and with each alone, in turns. Medians of 7 starts with
Streamlit 1.67 on two cores, first words after 3.3 s and the first picture after 5.0 s with none:

`page`
    The page comes with the rules of style of `app.theme`, before Streamlit draws anything that would then move: layout
    shift 0.02 instead of 0.23, all of it due to `still.css`.
`garbage`
    Modules stay out of the searches for garbage, of which Streamlit does a full one after each run of a script: first
    words 0.56 s sooner, first picture 0.55 s.

Where Streamlit is not as it was when this was measured, one line in the log says so, and its page is left as it is.
The environment's GRAM_PATCHES names those to use, all by default.
"""

import gc
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.datastructures import Headers

NAMES = ("page", "garbage")
_MEASURED = "1.67"  # of Streamlit
_END = b"</body>"
_ROOM = '<div id="root"></div>'  # which Streamlit draws in
_THEME = Path(__file__).parents[1] / "theme"
_log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def _is_on(name: str) -> bool:
    return name in os.environ.get("GRAM_PATCHES", ",".join(NAMES)).split(",")


# page


@cache
def has_styles() -> bool:
    """Return whether pages come with the rules of style; if Streamlit is another, say so in the log, once."""
    if not _is_on("page"):
        return False
    page = _streamlits_page()
    fits = st.__version__.startswith(f"{_MEASURED}.") and page.count(_ROOM) == page.count(_END.decode()) == 1
    if not fits:
        _log.warning(
            "Streamlit %s is not as %s was: its page is left as it is, and may move while it comes",
            st.__version__,
            _MEASURED,
        )
    return fits


def _streamlits_page() -> str:
    found = find_spec("streamlit")
    file = Path((found and found.origin) or "").parent / "static" / "index.html"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def draw_styles() -> None:
    """Draw the rules of style as a part of the page where it did not come with them; for the entry script."""
    if not has_styles():
        st.html(_THEME / "theme.css")


class Styles:
    """ASGI middleware: a page ends with the rules of style, after all that Streamlit adds to its head."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Add to pages; pass on all else."""
        is_page = scope["type"] == "http" and scope["method"] == "GET"
        if is_page and has_styles() and Headers(scope=scope).get("accept", "").startswith("text/html"):
            plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            await self.app({**scope, "headers": plain}, receive, _with_styles(send))
        else:
            await self.app(scope, receive, send)


def _with_styles(send: Send) -> Send:
    """Return what sends an answer on, with the rules of style where it is a page; what is none, as it is."""
    start: Message = {}
    parts: list[bytes] = []

    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            start.update(message)
        elif not start or message["type"] != "http.response.body":
            await send(message)
        else:
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                before, end, after = b"".join(parts).rpartition(_END)
                body = b"".join([before, _styles() if end else b"", end, after])
                headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
                await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                await send({"type": "http.response.body", "body": body})

    return send_on


def _is_page(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


@cache
def _styles() -> bytes:
    rules = b"".join((_THEME / name).read_bytes() for name in ("theme.css", "still.css"))
    return b"<style>" + rules + b"</style>"


# garbage


@contextmanager
def without_garbage() -> Iterator[None]:
    """Import without searches for garbage, a fifth of the time, and leave what is imported out of later ones."""
    if not _is_on("garbage"):
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def leave_out_modules() -> None:
    """Leave the modules that are there out of the search for garbage that Streamlit does when this run is over."""
    if _is_on("garbage"):
        gc.freeze()
