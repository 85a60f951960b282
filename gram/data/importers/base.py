"""Importers, one module a format, and the table of columns that each makes of a file.

An importer is a module that declares

    SUFFIXES: the file names it reads, such as (".parquet",);
    read(path, limits) -> Table: called in a process of its own (see `sandbox`), which imports no torch;

and, where they hold, `HOLDS_ITEMS = (".parquet",)` (suffixes of which one file, a table of items, may lie in a folder
with files of arrays) and `READS_HEADERS = True` (`read` looks at a bounded header alone and maps the rest, so it
needs no process of its own).
Importers are the modules of this package, those of entry points of the group "gram.data.importers", and the Python
files that the environment variable GRAM_PLUGINS names. The declarations must be literals: they are read from the
source, so that knowing what is read loads none of the libraries that read it.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gram.core.declarations import declared_modules
from gram.core.registry import import_file
from gram.data.importers.limits import Limits, one_line
from gram.errors import EmbeddingSetError

HEAD = 200  # rows by which a column is judged
MAX_COLUMNS = 10_000
FLOATS = frozenset(("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"))
INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
GROUP = "gram.data.importers"
_LAST_CODE = 0x10FFFF  # of Unicode


class Importer(NamedTuple):
    """What a module declares: its name or file, its suffixes, and how its files are read."""

    module: str
    suffixes: tuple[str, ...]
    holds_items: tuple[str, ...] = ()
    reads_headers: bool = False

    def load(self) -> ModuleType:
        """Return the module, imported."""
        return import_file(self.module) if self.module.endswith(".py") else importlib.import_module(self.module)


def importers() -> dict[str, Importer]:
    """Return suffix -> importer, those of arrays first; a plug-in takes a suffix over from this package."""
    return _importers(os.environ.get("GRAM_PLUGINS", ""))


@cache
def _importers(plugins: str) -> dict[str, Importer]:
    found: dict[str, Importer] = {}
    declared = declared_modules(GROUP, marker="SUFFIXES")
    for module, constants in sorted(declared.items(), key=lambda item: (item[0].endswith(".py"), item[0])):
        items, headers = tuple(constants.get("HOLDS_ITEMS", ())), bool(constants.get("READS_HEADERS"))
        importer = Importer(module, tuple(constants["SUFFIXES"]), items, headers)
        found |= dict.fromkeys(importer.suffixes, importer)
    return dict(sorted(found.items(), key=lambda item: not item[1].reads_headers))


def suffixes() -> list[str]:
    """Return the suffixes of all files that are read, of archives too."""
    return list(importers())


class Loaded(NamedTuple):
    """The values of a column, and what is wrong with single rows, in words.

    `values` is a Series for one value a row; an array, or a tensor, of shape (n, d) for a vector a row.
    """

    values: Any
    faults: Mapping[int, str] = {}


class Mapped(NamedTuple):
    """An array that lies in a file as it is, so that it is mapped and not copied; strides are in bytes."""

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def load(self) -> np.ndarray:
        """Return the array on disk, read as it is used; changes to it stay in memory."""
        dtype = np.dtype(self.dtype)
        extent = dtype.itemsize + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides))
        data = np.memmap(self.path, np.uint8, "c", self.offset, (extent,))
        return np.ndarray(self.shape, dtype, data, strides=self.strides)


@dataclass(frozen=True)
class Source:
    """A column that an importer found.

    Attributes:
        shape: (n,) or (n, d).
        dtype: "float32", "int64", "bool", "text", ...
        load: reads it.
        head: the first values of a column of shape (n,).
        original: its name among the items, where that is not its name in the table.
        eager: whether its values are in memory already.
        mapped: where it lies in a file; then `load` need not be called.
    """

    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], Loaded]
    head: "pd.Series[Any] | None" = None
    original: str | None = None
    eager: bool = False
    mapped: Mapped | None = None

    @property
    def is_matrix(self) -> bool:
        """Whether it has a vector a row."""
        return len(self.shape) == 2

    @property
    def is_vector(self) -> bool:
        """Whether it can be a modality: a vector a row, or one number a row, which is a vector with d = 1."""
        return self.is_matrix or self.dtype in FLOATS | INTEGERS


@dataclass
class Table:
    """The columns of a file or folder, in order, with what is known of them.

    Attributes:
        format: in a few words.
        columns: by name.
        notes: what people should know, in sentences.
        info: of a set that this program wrote: anchor, modalities, media, name, ...; empty otherwise.
        held: what must live as long as the columns do.
    """

    format: str
    columns: dict[str, Source] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)
    held: object = None

    def add(self, name: object, source: Source) -> None:
        """Add a column under a unique name of one line.

        Raises:
            EmbeddingSetError: it is one column too many.
        """
        if len(self.columns) >= MAX_COLUMNS:
            raise EmbeddingSetError(f"{self.format}: more than {MAX_COLUMNS:,} columns; leave some out")
        self.columns[self._free(one_line(str(name)) or "unnamed")] = source

    def _free(self, name: str) -> str:
        number, free = 2, name
        while free in self.columns:
            free, number = f"{name} ({number})", number + 1
        return free

    def add_values(self, name: str, values: "pd.Series[Any]", dtype: str = "text") -> None:
        """Add a column of one value an item that is in memory."""
        self.add(name, Source((len(values),), dtype, lambda: Loaded(values), values.head(HEAD), eager=True))

    def add_items(self, items: "Table") -> None:
        """Add the items of a set; a column with the name of a modality is renamed, and keeps its original name."""
        for name, source in items.columns.items():
            self.add(f"{name} (items)" if name in self.columns else name, replace(source, original=name))

    def leave_out(self, name: object, why: str) -> None:
        """Note that something is not read."""
        self.notes.append(f"'{one_line(str(name))}' is left out: {why}.")


def from_array(
    table: Table,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    load: Callable[[], np.ndarray],
    limits: Limits,
    *,
    mapped: Mapped | None = None,
    eager: bool = False,
) -> None:
    """Add an array of one value or one vector a row, axes of length 1 dropped; anything else is noted as left out.

    Raises:
        EmbeddingSetError: more rows than `limits` allow.
    """
    if dtype not in FLOATS | INTEGERS | {"bool", "text"}:
        return table.leave_out(name, f"it is an array of {one_line(dtype)}, not of real numbers")
    rows = rows_and_size(shape)
    if rows is None:
        return table.leave_out(name, why_not(shape))
    limits.check_items(f"'{one_line(name)}'", rows[0])
    if len(rows) == 2 and dtype == "text":
        return table.leave_out(name, "it holds several texts an item")
    if len(rows) == 1:
        return table.add_values(name, as_series(load().reshape(rows)), dtype)
    if mapped is not None:
        sides = [side for side, size in enumerate(shape) if side == 0 or size != 1]
        mapped = mapped._replace(shape=rows, strides=tuple(mapped.strides[side] for side in sides))
    return table.add(name, Source(rows, dtype, lambda: Loaded(load().reshape(rows)), eager=eager, mapped=mapped))


def dtype_name(dtype: "np.dtype[Any]") -> str:
    """Return the name of a numpy type, "text" for text."""
    return "text" if dtype.kind in "US" else dtype.name if dtype.kind in "fiub" else str(dtype)


def rows_and_size(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return (n,) or (n, d) for a shape whose other axes, after the first, have length 1; else None."""
    if not shape or 0 in shape:
        return None
    sizes = tuple(size for size in shape[1:] if size != 1)
    return (shape[0], *sizes) if len(sizes) <= 1 else None


def why_not(shape: tuple[int, ...]) -> str:
    """Return why an array of this shape holds no vector an item."""
    size = " x ".join(map(str, shape))
    if not shape:
        return "it is a single number"
    if 0 in shape:
        return f"its shape is {size}, so nothing is in it"
    return f"its shape is {size}; average it to one vector an item, of shape (n, d), and save that"


def as_series(values: np.ndarray) -> "pd.Series[Any]":
    """Return one-dimensional numpy values as a Series; bytes become text."""
    if values.dtype.kind == "S":
        return pd.Series([value.decode("utf-8", "replace") for value in values.tolist()], dtype="str")
    if values.dtype.kind == "U":
        codes = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=True)).view(np.uint32)
        codes[(codes > _LAST_CODE) | ((codes >= 0xD800) & (codes < 0xE000))] = 0xFFFD
        return pd.Series(codes.view(values.dtype.newbyteorder("=")).tolist(), dtype="str")
    return pd.Series(np.array(values.astype(values.dtype.newbyteorder("="), copy=False)))
