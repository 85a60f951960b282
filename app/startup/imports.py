"""What the app imports, and when: most of a start's time goes into imports, of torch first of all.

The server begins with what every page needs while the browser still loads Streamlit's own scripts; a page is imported
when it is first shown, or after the first one has been drawn.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from app.startup import streamlit_patches
from app.views import DeclaredPage, declared_pages

FIRST = ("app.state.selection", "app.theme")  # and the first page
REST = ("scipy.signal", "scipy.ndimage", "soundfile")  # after the other pages
_AFTER = 6.0  # seconds after the first page's script: its pictures are drawn first, and what is pressed at once
_importing = threading.RLock()  # one thread at a time: modules that import each other are then never half there
_first = threading.Event()  # the first modules are there
_rest = threading.Event()  # the rest may come


def begin() -> None:
    """Start to import in a thread what every page needs, and, after `go_on`, the rest; for the server's own start."""
    threading.Thread(target=_import_all, name="imports", daemon=True).start()


def go_on() -> None:
    """Let the rest be imported, now that a page has been drawn."""
    _rest.set()


def module(name: str) -> ModuleType:
    """Return a module, imported if need be; while others are being imported, once they are there."""
    with _importing:
        return import_module(name)


def renderer(page: DeclaredPage) -> Callable[[], None]:
    """Return what draws a page, imported when it is first called."""

    def render() -> None:
        _load(page)()

    return render


def _load(page: DeclaredPage) -> Callable[[], None]:
    with _importing:
        return page.load()


def spare() -> None:
    """While modules are imported, leave those that are there out of the search for garbage after this run."""
    if not _first.is_set():
        streamlit_patches.leave_out_modules()


def _import_all() -> None:
    first, *others = declared_pages()
    try:
        with streamlit_patches.without_garbage(), _importing:
            for name in FIRST:
                import_module(name)
            _try_to_load(first)
    finally:
        _first.set()
    _rest.wait()
    time.sleep(_AFTER)
    for page in others:
        _try_to_load(page)
    for name in REST:
        module(name)
    streamlit_patches.leave_out_modules()


def _try_to_load(page: DeclaredPage) -> None:
    with contextlib.suppress(Exception):  # said where the page is to be drawn
        _load(page)
