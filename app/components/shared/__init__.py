"""What the components share: JavaScript and styles that several use, and one way to register them with Streamlit."""

import re
import shutil
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st

from gram.core.atomic import replace_file

BELOW = 28  # pixels of the line under a picture
_SHARED = Path(__file__).parent
_STATIC = Path(__file__).parents[2] / "static"  # what the server serves under app/static
_IMPORT = re.compile(r'^import\s[^;]*?from\s+"\./[\w-]+\.js";\n', re.MULTILINE)
_COMMENT = re.compile(r"^ *// .*\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def component(
    folder: Path, *, scripts: tuple[str, ...] = (), styles: tuple[str, ...] = (), isolate_styles: bool = False
) -> Any:
    """Register the component in a folder and return it; an equal definition under an equal name costs nothing.

    Args:
        folder: holds NAME.html, NAME.css and NAME.js, where NAME is its own.
        scripts: names of the shared modules that the component imports, without an ending, in the order they need.
        styles: names of the shared style sheets that it uses, without an ending.
        isolate_styles: whether the page's styles stay out; plotly needs them in.
    """
    html, css, js = _sources(folder, scripts, styles)
    return st.components.v2.component(f"gram_{folder.name}", html=html, css=css, js=js, isolate_styles=isolate_styles)


@cache
def _sources(folder: Path, scripts: tuple[str, ...], styles: tuple[str, ...]) -> tuple[str, str, str]:
    """Return the HTML, CSS and JavaScript of a component, shared parts first.

    Streamlit takes a component's script as one text: the modules are joined, and their imports of each other and their
    exports, all but the default one, fall away; so do comments, for the text is sent with every element.
    """
    own = folder / folder.name
    css = [*(_SHARED / f"{name}.css" for name in styles), own.with_suffix(".css")]
    js = [*(_SHARED / f"{name}.js" for name in scripts), own.with_suffix(".js")]
    script = "\n".join(path.read_text() for path in js)
    return (
        own.with_suffix(".html").read_text(),
        "\n".join(path.read_text() for path in css),
        _EXPORT.sub("", _COMMENT.sub("", _IMPORT.sub("", script))),
    )


@cache
def plotly_address() -> str:
    """Return the address of plotly.js on this server, which has a copy of the installed package's own.

    The name carries the version, so an update is served anew and browsers may keep what they have.
    """
    found = find_spec("plotly")  # to import it takes a quarter of a second
    if found is None or found.origin is None:
        raise ModuleNotFoundError("plotly is not installed: run `make setup`")
    source = Path(found.origin).parent / "package_data" / "plotly.min.js"
    target = _STATIC / f"plotly-{version('plotly')}.js"
    if not target.is_file() or target.stat().st_size != source.stat().st_size:
        replace_file(target, lambda draft: shutil.copyfile(source, draft))
    return f"app/static/{target.name}"
