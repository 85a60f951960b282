"""Literal declarations of plug-ins, parsed from their sources: nothing is imported, so a command's help is fast."""

import ast
import importlib.metadata
import importlib.util
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gram.core.registry import plugin_files

_PARSING = threading.Lock()  # Python 3.11 raises a SystemError where two threads parse at a time (cpython#106905)


def declared_names(package: str, *, marker: str) -> list[str]:
    """Return the names in a `ModuleRegistry`, in order.

    `NAME` and `ORDER` must be written as literals. Plug-ins of installed packages have the entry point's name.
    """
    modules = (_constants(source.body) for _, source in _named_sources(package))
    found = [{"name": each.get("NAME"), "order": each.get("ORDER")} for each in modules if marker in each]
    return [str(each["name"]) for each in _listed(package, found)]


def declared_modules(package: str, *, marker: str) -> dict[str, dict[str, Any]]:
    """Return module (its name, or the path of a file of `GRAM_PLUGINS`) -> its literal constants, in no order.

    Read are the modules and packages in a package, and those of entry points of this group, that declare the
    constant `marker`.
    """
    named = {module: _constants(source.body) for module, source in _named_sources(package)}
    for point in importlib.metadata.entry_points(group=package):
        spec = importlib.util.find_spec(point.module)
        if spec is not None and spec.origin is not None:
            named[point.module] = _constants(_parse(Path(spec.origin)).body)
    return {module: constants for module, constants in named.items() if marker in constants}


def declared_classes(package: str, *, marker: str) -> list[dict[str, Any]]:
    """Return the literal attributes of the classes that register themselves in a `Registry`, in order.

    `name` and `order` must be written as literals. Plug-ins of installed packages have the entry point's name alone.
    The marker is an attribute that every such class declares, and no plug-in of another kind.
    """
    nodes = (node for _, source in _named_sources(package) for node in source.body)
    found = (_constants(node.body) for node in nodes if isinstance(node, ast.ClassDef))
    return _listed(package, [each for each in found if marker in each])


def _listed(package: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what has a name, once each, in order, and what entry points name."""
    by_name = {each["name"]: each for each in found if isinstance(each.get("name"), str)}
    for point in importlib.metadata.entry_points(group=package):
        by_name.setdefault(point.name, {"name": point.name})
    return sorted(by_name.values(), key=lambda each: (_order(each), each["name"]))


def _order(declared: dict[str, Any]) -> float:
    order = declared.get("order")
    return order if isinstance(order, int | float) else math.inf


def _named_sources(package: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield names and parsed sources of a package's modules and of the files that `GRAM_PLUGINS` names."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    modules = [file for folder in folders or () for file in Path(folder).glob("*.py")]
    packages = [file for folder in folders or () for file in Path(folder).glob("*/__init__.py")]
    files = [(f"{package}.{file.stem}", file) for file in modules]
    files += [(f"{package}.{file.parent.name}", file) for file in packages]
    for name, file in (*files, *((str(file.resolve()), file) for file in plugin_files())):
        yield name, _parse(file)


def _parse(file: Path) -> ast.Module:
    with _PARSING:
        return ast.parse(file.read_bytes())


def _constants(body: list[ast.stmt]) -> dict[str, Any]:
    """Return the names that statements assign to, with their values; None for what is no literal."""
    found: dict[str, Any] = {}
    for node in body:
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
