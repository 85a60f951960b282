"""The pages: a module or package each, which declares `TITLE`, `ORDER` and `render()`; nothing else lists them.

`TITLE` and `ORDER` (the place in the navigation) are literals: they are read without an import. A page may declare
`ICON`, a Material symbol or emoji. The files that `GRAM_PLUGINS` names may be pages too.

The folder is not called `pages`: Streamlit runs each file of such a folder beside its entry script by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from gram.core.declarations import declared_modules
from gram.core.registry import import_file


@dataclass(frozen=True)
class DeclaredPage:
    """A page that may not be imported yet.

    Attributes:
        module: its module, or the path of its file.
        path: its part of the address.
        title: its name in the navigation.
        icon: drawn beside the title; empty for none.
        order: its place.
    """

    module: str
    path: str
    title: str
    icon: str
    order: float

    def load(self) -> Callable[[], None]:
        """Import the page; return what draws it."""
        module = import_file(self.module) if self.module.endswith(".py") else import_module(self.module)
        render: Callable[[], None] = module.render
        return render


@cache
def declared_pages() -> tuple[DeclaredPage, ...]:
    """Return all pages in their order."""
    found = [
        DeclaredPage(module, _path(module), constants["TITLE"], constants.get("ICON", ""), constants["ORDER"])
        for module, constants in declared_modules(__name__, marker="TITLE").items()
        if "ORDER" in constants
    ]
    return tuple(sorted(found, key=lambda page: (page.order, page.title)))


def _path(module: str) -> str:
    name = Path(module).stem if module.endswith(".py") else module.rpartition(".")[2]
    return name.replace("_", "-")
