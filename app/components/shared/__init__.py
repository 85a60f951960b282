"""What the components share: the geometry and the scene in JavaScript, and one way to put modules together."""

import re
from functools import cache
from pathlib import Path

_SHARED = Path(__file__).parent
_IMPORT = re.compile(r'^import\s[^;]*?from\s+"\./[\w-]+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def sources(
    folder: Path, name: str, *, scripts: tuple[str, ...] = (), styles: tuple[str, ...] = ()
) -> tuple[str, str, str]:
    """Return the HTML, CSS and JavaScript of a component, shared parts first.

    Streamlit takes a component's script as one text. The modules `scripts` of this folder and the component's own are
    joined in that order; their imports of each other and their exports, all but the default one, fall away.

    Args:
        folder: where the component's `name`.html, .css and .js are.
        name: of the component's files.
        scripts: names of the shared modules it imports, without an ending.
        styles: names of the shared style sheets it uses, without an ending.
    """
    own = folder / name
    css = [_SHARED / f"{each}.css" for each in styles]
    js = [_SHARED / f"{each}.js" for each in scripts]
    script = "\n".join(path.read_text() for path in (*js, own.with_suffix(".js")))
    return (
        own.with_suffix(".html").read_text(),
        "\n".join(path.read_text() for path in (*css, own.with_suffix(".css"))),
        _EXPORT.sub("", _IMPORT.sub("", script)),
    )
