"""Registries whose plug-ins are modules."""

import math
from collections.abc import Sequence
from types import ModuleType

from gram.core.registry import Registry


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
