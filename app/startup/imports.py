"""What the app imports, and when: most of a start's time goes into imports, of torch first of all.

The server begins with what every page needs while the browser still loads Streamlit's own scripts; a page is imported
when it is first shown, or after the first one has been drawn.
"""

import gc
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from app.views import DeclaredPage, declared_pages

FIRST = ("app.state.selection", "app.theme")  # and the first page
REST = ("scipy.signal", "scipy.ndimage", "soundfile")  # after the other pages
_AFTER = 6.0  # seconds after the first page's script: its pictures are drawn first, and what is pressed at once
_PATIENT = 0.0005  # seconds that the server waits for its turn while modules are imported, 0.005 by default
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
    """While modules are imported, keep those that are there, and stay, out of the search for garbage.

    Streamlit searches after each run of a script, and would go through all of them for a fifth of a second.
    """
    if not _first.is_set():
        gc.freeze()


def _import_all() -> None:
    _import_first()
    _rest.wait()
    time.sleep(_AFTER)
    for page in declared_pages()[1:]:
        _load(page)
    for name in REST:
        module(name)
    gc.freeze()


def _import_first() -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_PATIENT)
    gc.disable()  # to look for garbage among modules takes a fifth of their time, and finds none
    try:
        with _importing:
            for name in FIRST:
                import_module(name)
            declared_pages()[0].load()
        gc.freeze()
    finally:
        gc.enable()
        sys.setswitchinterval(usual)
        _first.set()
