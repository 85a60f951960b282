"""What the components share: JavaScript and styles that several use, and one way to register them with Streamlit."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from app.components.shared.script import plotly_file

BELOW = 28  # pixels of the line under a picture
_SHARED = Path(__file__).parent
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


def plotly_address() -> str:
    """Return the address of plotly.js on this server."""
    return f"app/static/{plotly_file().name}"


@cache
def early_script() -> str:
    """Return JavaScript that loads plotly.js once the browser has loaded the page and has nothing else to do."""
    loader = _EXPORT.sub("", (_SHARED / "load.js").read_text())
    return (
        f"(() => {{\n{loader}\nwhenIdle(() => plotly({json.dumps(plotly_address())}).catch(() => undefined));\n}})();"
    )
