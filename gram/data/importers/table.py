"""What a reader makes of a file: columns of one value or one vector an item, loaded when they are asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gram.data.importers.limits import Limits, one_line

_LAST_CODE = 0x10FFFF  # of Unicode
HEAD = 200  # rows by which a column is judged
FLOATS = frozenset(("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"))
INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


class Loaded(NamedTuple):
    """The values of a column, and what is wrong with single rows, in words.

    `values` is a Series for one value a row, an array or tensor of shape (n, d) for a vector a row.
    """

    values: Any
    faults: Mapping[int, str] = {}


@dataclass(frozen=True)
class Source:
    """A column that a reader found.

    Attributes:
        shape: (n,) or (n, d).
        dtype: "float32", "int64", "bool", "text", ...
        load: reads it.
        head: the first values of a column of shape (n,).
        original: its name among the items, where that is not its name in the table.
    """

    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], Loaded]
    head: "pd.Series[Any] | None" = None
    original: str | None = None

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

    def add(self, name: object, source: Source | None) -> None:
        """Add a column; its name becomes one line, and unlike all others."""
        if source is not None:
            self.columns[self._free(one_line(str(name)) or "unnamed")] = source

    def _free(self, name: str) -> str:
        number, free = 2, name
        while free in self.columns:
            free, number = f"{name} ({number})", number + 1
        return free

    def leave_out(self, name: object, why: str) -> None:
        """Note that something is not read."""
        self.notes.append(f"'{one_line(str(name))}' is left out: {why}.")


def from_array(
    table: Table,
    name: str,
    shape: tuple[int, ...],
    dtype: "np.dtype[Any]",
    load: Callable[[], np.ndarray],
    limits: Limits,
) -> None:
    """Add an array that a reader can load: one value or one vector a row; anything else is noted as left out.

    Raises:
        EmbeddingSetError: more rows than `limits` allow.
    """
    kind = dtype.name if dtype.kind in "fiub" else {"U": "text", "S": "text"}.get(dtype.kind, "")
    if not kind or (dtype.name not in FLOATS | INTEGERS | {"bool"} and kind != "text"):
        return table.leave_out(name, f"it is an array of {one_line(str(dtype))}, not of real numbers")
    rows = rows_and_size(shape)
    if rows is None:
        return table.leave_out(name, why_not(shape))
    limits.check_items(f"'{one_line(name)}'", rows[0])
    if len(rows) == 1 or kind == "text":
        if len(rows) == 2:
            return table.leave_out(name, "it holds several texts an item")
        values = as_series(load().reshape(rows))
        return table.add(name, Source(rows, kind, lambda: Loaded(values), values.head(HEAD)))
    return table.add(name, Source(rows, kind, lambda: Loaded(load().reshape(rows))))


def from_tensor(
    table: Table, name: str, shape: tuple[int, ...], dtype: str, load: Callable[[], Tensor], limits: Limits
) -> None:
    """Add a tensor, as `from_array` does an array.

    Raises:
        EmbeddingSetError: more rows than `limits` allow.
    """
    if dtype not in FLOATS | INTEGERS | {"bool"}:
        return table.leave_out(name, f"it is a tensor of {dtype}, not of real numbers")
    rows = rows_and_size(shape)
    if rows is None:
        return table.leave_out(name, why_not(shape))
    limits.check_items(f"'{one_line(name)}'", rows[0])
    if len(rows) == 1:
        tensor = load().reshape(rows)
        values = pd.Series((tensor.float() if tensor.is_floating_point() else tensor).numpy())
        return table.add(name, Source(rows, dtype, lambda: Loaded(values), values.head(HEAD)))
    return table.add(name, Source(rows, dtype, lambda: Loaded(load().reshape(rows))))


def rows_and_size(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return (n,) or (n, d) for a shape whose other axes, after the first, have length 1; else None."""
    if not shape or 0 in shape:
        return None
    sizes = tuple(size for size in shape[1:] if size != 1)
    return (shape[0], *sizes) if len(sizes) <= 1 else None


def why_not(shape: tuple[int, ...]) -> str:
    """Return why an array of this shape holds no vector an item."""
    told = " x ".join(map(str, shape))
    if not shape:
        return "it is a single number"
    if 0 in shape:
        return f"its shape is {told}, so nothing is in it"
    return f"its shape is {told}; average it to one vector an item, of shape (n, d), and save that"


def as_series(values: np.ndarray) -> "pd.Series[Any]":
    """Return one-dimensional numpy values as a Series; bytes become text."""
    if values.dtype.kind == "S":
        return pd.Series([value.decode("utf-8", "replace") for value in values.tolist()], dtype="str")
    if values.dtype.kind == "U":
        codes = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=True)).view(np.uint32)
        codes[(codes > _LAST_CODE) | ((codes >= 0xD800) & (codes < 0xE000))] = 0xFFFD
        return pd.Series(codes.view(values.dtype.newbyteorder("=")).tolist(), dtype="str")
    return pd.Series(np.array(values.astype(values.dtype.newbyteorder("="), copy=False)))


def as_tensor(values: Any) -> Tensor:
    """Return numbers as a float tensor: float16 and float32 as they are, all else as float32."""
    if not isinstance(values, Tensor):
        array = values.astype(values.dtype.newbyteorder("="), copy=False)
        if array.dtype.kind in "iub" or array.dtype.itemsize > 4:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is then named by row
                array = array.astype(np.float32)
        values = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    return values if values.dtype in (torch.float16, torch.float32) else values.to(torch.float32)
