"""plotly.js of the installed plotly package, put where the server serves it, as a browser runs it soonest."""

import contextlib
import gzip
import os
import re
import tempfile
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

_STATIC = Path(__file__).parents[2] / "static"  # what the server serves under app/static
_HEAD = re.compile(
    r'\A(\s*/\*.*?\*/\s*)\(\s*function\(root, factory\).*?\(\) => \{\n(?="use strict";var Plotly=)', re.DOTALL
)
_TAIL = re.compile(r"(?<=window\.Plotly = Plotly;)\s*return Plotly;\s*\}\)\);\s*\Z")


@cache
def plotly_file() -> Path:
    """Return the file of plotly.js below `app/static`, written if it is not there; a compressed one lies beside it.

    The name carries the version, so an update is served anew and browsers may keep what they have.
    """
    found = find_spec("plotly")  # to import it takes a quarter of a second, and the script is wanted first of all
    if found is None or found.origin is None:
        raise ModuleNotFoundError("plotly is not installed: run `make setup`")
    target = _STATIC / f"plotly-{version('plotly')}.js"
    packed = compressed(target)
    if not (target.is_file() and packed.is_file()):
        source = Path(found.origin).parent / "package_data" / "plotly.min.js"
        script = unwrapped(source.read_text(encoding="utf-8")).encode()
        _STATIC.mkdir(exist_ok=True)
        _write(target, script)
        _write(packed, gzip.compress(script, mtime=0))
    return target


def compressed(file: Path) -> Path:
    """Return where the compressed form of a file lies."""
    return file.with_name(f"{file.name}.gz")


def unwrapped(script: str) -> str:
    """Return plotly.js without the function around it that serves module loaders; as it is where there is none.

    A browser reads what is inside a function twice: in passing, and again in full, on the page's own thread, when the
    function is called. Without it the whole script is made ready once, in the background.
    """
    head, tail = _HEAD.match(script), _TAIL.search(script)
    return f"{head[1]}{script[head.end() : tail.start()]}\n" if head and tail else script


def _write(target: Path, content: bytes) -> None:
    handle, staged = tempfile.mkstemp(dir=_STATIC, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(staged).chmod(0o644)
        Path(staged).replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(staged).unlink()
