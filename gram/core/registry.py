"""Registries of plug-ins: one file each, found without a list of their names.

The plug-ins of a registry are those that the modules of one package register when they are imported, those of
installed packages (entry points of the registry's group), and those of the Python files that the environment variable
`GRAM_PLUGINS` names, separated as in `PATH`.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

T = TypeVar("T")
_FILES: dict[str, ModuleType] = {}  # by path: those imported or being imported


class Registry(Generic[T]):
    """Plug-ins of one kind by name, loaded at first use.

    Attributes:
        kind: what a plug-in is, in one word: "measure", "loss".
        package: the package whose modules are imported to find plug-ins; entry points have the same group.
    """

    def __init__(self, kind: str, package: str, *, order: Callable[[T], float] | None = None) -> None:
        """Create an empty registry; plug-ins are listed by the key `order`, those of equal keys by name."""
        self.kind, self.package = kind, package
        self._order = order or (lambda plugin: 0.0)
        self._plugins: dict[str, T] = {}
        self._loaded = self._loading = False
        self._lock = threading.RLock()

    def register(self, name: str, plugin: T) -> T:
        """Add a plug-in and return it; the same name again replaces the plug-in."""
        self._plugins[name] = plugin
        return plugin

    def get(self, name: str) -> T:
        """Return a plug-in by name.

        Raises:
            ValueError: no plug-in has this name; the message lists those there are.
        """
        self._load()
        if name not in self._plugins:
            raise ValueError(f"{self.kind}: expected one of {', '.join(self.names())}; got {name!r}")
        return self._plugins[name]

    def names(self) -> list[str]:
        """Return all names, in order."""
        return [name for name, _ in self.items()]

    def items(self) -> list[tuple[str, T]]:
        """Return names and plug-ins, in order."""
        self._load()
        return sorted(self._plugins.items(), key=lambda item: (self._order(item[1]), item[0]))

    def values(self) -> list[T]:
        """Return all plug-ins, in order."""
        return [plugin for _, plugin in self.items()]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in order."""
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        """Return whether a plug-in has this name."""
        self._load()
        return name in self._plugins

    def __len__(self) -> int:
        """Return the number of plug-ins."""
        self._load()
        return len(self._plugins)

    def _load(self) -> None:
        if self._loaded:
            return
        with self._lock:
            if self._loaded or self._loading:  # by another thread meanwhile; by this one, whose imports ask for names
                return
            self._loading = True
            try:
                self._import_all()
                self._loaded = True
            finally:
                self._loading = False

    def _import_all(self) -> None:
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            self._found(importlib.import_module(f"{self.package}.{module.name}"))
        for point in importlib.metadata.entry_points(group=self.package):
            self._found(point.load())
        for file in plugin_files():
            self._found(import_file(file))

    def _found(self, loaded: object) -> None:
        """Handle an imported module or entry point; by then its plug-ins have registered themselves."""


def plugin_files() -> list[Path]:
    """Return the Python files that `GRAM_PLUGINS` names."""
    return [Path(file) for file in os.environ.get("GRAM_PLUGINS", "").split(os.pathsep) if file]


def import_file(file: str | Path) -> ModuleType:
    """Import a Python file, once, and return its module.

    Raises:
        OSError: there is no such file.
    """
    path = str(Path(file).resolve())
    if path in _FILES:
        return _FILES[path]
    name = f"gram_plugin_{len(_FILES) + 1}_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OSError(f"{file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    _FILES[path] = sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del _FILES[path], sys.modules[name]
        raise
    return module
