"""What a page gets before Streamlit has drawn anything: the app's rules of style, and its first widgets' scripts."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from app.components.shared import early_script

WIDGETS = (
    "PageLink", "ButtonGroup", "Html", "Selectbox", "MenuButton", "Slider", "Button", "BidiComponent", "DownloadButton",
)  # fmt: skip
_IMPORTED = re.compile(r"""(?:\bfrom|\bimport)\s*["']\./([\w.-]+\.js)["']""")


@cache
def head() -> str:
    """Return what goes to the end of a page's head: links to the widgets' scripts, and the loader of plotly.js."""
    links = "".join(f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in widget_scripts())
    return f"{links}<script>{early_script()}</script>"


@cache
def foot() -> str:
    """Return what goes to the end of a page's body: the rules that Streamlit's own theme cannot express.

    They come after all that Streamlit adds to the head, and before anything is drawn that would then move.
    """
    return f"<style>{(Path(__file__).parents[1] / 'theme' / 'theme.css').read_text()}</style>"


def widget_scripts() -> tuple[str, ...]:
    """Return the files of Streamlit's that the first pages' widgets are made of, its own page's aside.

    Streamlit asks for them when it comes to a widget, one after the other; until they are there it shows a grey bar
    of another height, and all below it moves twice. Widgets that it has under other names are left to it.
    """
    found = find_spec("streamlit")
    if found is None or found.origin is None:
        return ()
    folder = Path(found.origin).parent / "static"
    scripts = folder / "static" / "js"
    own = set(re.findall(r'(?:src|href)="\./static/js/([\w.-]+\.js)"', _text(folder / "index.html")))
    first = [path.name for name in WIDGETS for path in sorted(scripts.glob(f"{name}.*.js"))]
    return tuple(name for root in first for name in _closure(scripts, root, own))


def _closure(folder: Path, name: str, known: set[str]) -> Iterator[str]:
    """Yield a script and all that it imports, those that are known aside; they are then known."""
    if name not in known and (folder / name).is_file():
        known.add(name)
        yield name
        for imported in _IMPORTED.findall(_text(folder / name)):
            yield from _closure(folder, imported, known)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
