"""Registries whose plug-ins are whole modules, known by what they declare."""

import ast
import importlib.metadata
import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gram.core.registry import Registry, plugin_files


class ModuleRegistry(Registry[ModuleType]):
    """Plug-ins that are modules, by their constant `NAME`; a constant `ORDER` is their place in the list.

    Attributes:
        marker: the constant that makes a module a plug-in of this kind.
        required: what else it must declare.
    """

    def __init__(self, kind: str, package: str, *, marker: str, required: Sequence[str] = ()) -> None:
        """Create an empty registry; see `Registry` for the first two."""
        super().__init__(kind, package, order=lambda module: getattr(module, "ORDER", math.inf))
        self.marker, self.required = marker, ("NAME", *required)

    def _found(self, loaded: object) -> None:
        if not isinstance(loaded, ModuleType) or not hasattr(loaded, self.marker):
            return
        if lacking := [name for name in self.required if not hasattr(loaded, name)]:
            raise TypeError(f"{self.kind} {loaded.__file__}: declares no {', '.join(lacking)}")
        self.register(loaded.NAME, loaded)


def declared_names(package: str, *, marker: str) -> list[str]:
    """Return the names in a `ModuleRegistry`, in order, read from the sources: nothing is imported.

    `NAME` and `ORDER` must be written as literals. Plug-ins of installed packages have the entry point's name.

    Args:
        package: as in `ModuleRegistry`.
        marker: as in `ModuleRegistry`.
    """
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    files = [file for folder in folders or () for file in Path(folder).glob("*.py")]
    orders: dict[str, float] = {}
    for constants in map(_constants, [*files, *plugin_files()]):
        if marker in constants and isinstance(constants.get("NAME"), str):
            order = constants.get("ORDER")
            orders[constants["NAME"]] = order if isinstance(order, int | float) else math.inf
    for point in importlib.metadata.entry_points(group=package):
        orders.setdefault(point.name, math.inf)
    return sorted(orders, key=lambda name: (orders[name], name))


def _constants(file: Path) -> dict[str, Any]:
    """Return the names that a source assigns to at its top level, with their values; None for what is no literal."""
    found: dict[str, Any] = {}
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                names, values = [target], [node.value]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    names, values = target.elts, node.value.elts
                found |= {name.id: _literal(value) for name, value in zip(names, values) if isinstance(name, ast.Name)}
    return found


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
