"""Arrow columns as one value or one vector an item: lists of numbers, text that holds them, or text_0 ... text_511."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gram.data.importers.base import FLOATS, HEAD, Loaded, Source, Table
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.errors import EmbeddingSetError

ERRORS = (pa.ArrowException, ValueError, TypeError, OSError, KeyError, IndexError, OverflowError, AttributeError)
_REMEDY = "write it again"
_WIDE = re.compile(r"(.+?)[_.\-](\d{1,6})")
_FEW = 8  # numbered columns up to this many may be answers or scores: they are joined only if they hold fractions


@dataclass(frozen=True)
class Rows:
    """Where Arrow data comes from.

    Attributes:
        where: how messages name it.
        schema: its columns.
        n: number of rows.
        read: yields the batches of the named columns, in order.
        faults: what is known to be wrong with single rows, by column.
        eager: whether all of it is in memory.
    """

    where: str
    schema: pa.Schema
    n: int
    read: Callable[[list[str]], Iterator[pa.RecordBatch]]
    limits: Limits
    faults: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    eager: bool = False

    def batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield checked batches until all rows are there, while they take no more than the limits allow.

        Raises:
            EmbeddingSetError: the data is damaged, or larger than its header claims.
        """
        size = rows = 0
        with reraise_as_set_error(self.where, "a table", _REMEDY, *ERRORS):
            for batch in self.read(names):
                batch.validate(full=True)
                size, rows = size + batch.nbytes, rows + len(batch)
                self.limits.check_unpacked(self.where, size)
                yield batch
        if rows != self.n:
            raise EmbeddingSetError(f"{self.where}: holds {rows:,} rows, but its header says {self.n:,}; {_REMEDY}")


def from_memory(values: pa.Table, path: Path, limits: Limits) -> Rows:
    """Return the rows of an Arrow table that is in memory."""

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        yield from values.select(names).to_batches()

    return Rows(str(path), values.schema, len(values), read, limits, eager=True)


def add_rows(table: Table, rows: Rows) -> None:
    """Add all columns of Arrow data to a table.

    Raises:
        EmbeddingSetError: no rows, more than the limits allow, two columns of one name, or damaged data.
    """
    with reraise_as_set_error(rows.where, "a table", _REMEDY, *ERRORS):
        names = rows.schema.names
        rows.schema.to_string()  # names within names too: Arrow finds out late that they are not UTF-8
    rows.limits.check_items(rows.where, rows.n)
    if rows.n == 0 or not names:
        raise EmbeddingSetError(f"{rows.where}: has no rows; a set holds at least one item")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise EmbeddingSetError(f"{rows.where}: two columns are called '{repeated[0]}'; rename one")
    head = _head(rows)
    wide = _wide_groups(table, rows.schema)
    joined = {name: stem for stem, group in wide.items() for name in group}
    for name in names:
        stem = joined.get(name)
        if stem is None:
            _add_column(table, rows, name, head.column(name))
        elif name == wide[stem][0]:
            table.add(stem, _wide_source(rows, wide[stem]))


def _head(rows: Rows) -> pa.Table:
    with reraise_as_set_error(rows.where, "a table", _REMEDY, *ERRORS):
        taken, count = [], 0
        for batch in rows.read(rows.schema.names):
            batch.validate(full=True)
            taken.append(batch.slice(0, HEAD - count))
            count += len(taken[-1])
            if count >= HEAD:
                break
        return pa.Table.from_batches(taken, rows.schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type under extension and dictionary types."""
    while isinstance(kind, pa.BaseExtensionType) or pa.types.is_dictionary(kind):
        kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind.value_type
    return kind


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _dtype(kind: pa.DataType) -> str:
    return {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _add_column(table: Table, rows: Rows, name: str, head: pa.ChunkedArray) -> None:
    kind = _plain(head.type)
    if _is_list(kind) and _is_number(_plain(kind.value_type)):
        fixed = [kind.list_size] if pa.types.is_fixed_size_list(kind) else []
        lengths = fixed or [len(value) for value in head.to_pylist() if value] or _all_lengths(rows, name)
        return _add_vectors(table, rows, name, lengths, _dtype(_plain(kind.value_type)), _fill_lists)
    if _is_text(kind):
        vectors = [_parsed(value) for value in head.to_pylist() if value]
        lengths = [len(vector) for vector in vectors if vector is not None]
        if len(lengths) * 2 > len(vectors) and max(lengths) > 1:
            return _add_vectors(table, rows, name, lengths, "float32", _fill_texts)
    elif not (pa.types.is_primitive(kind) or pa.types.is_decimal(kind)):
        return table.leave_out(name, f"{kind} is neither a value nor a list of numbers"[:120])
    try:
        values = _series(head, name)
    except EmbeddingSetError as error:
        return table.leave_out(name, f"it {str(error).partition(': ')[2]}")
    dtype = "text" if _is_text(kind) else _dtype(kind)
    return table.add(name, Source((rows.n,), dtype, lambda: _load_values(rows, name), values, eager=rows.eager))


def _all_lengths(rows: Rows, name: str) -> list[int]:
    """Return the lengths of a column's lists, all rows read: the first ones are empty."""
    lengths: list[int] = []
    for batch in rows.batches([name]):
        lengths += [length for length in pc.list_value_length(_storage(batch.column(0))).to_pylist() if length]
        if lengths:
            break
    return lengths


def _add_vectors(
    table: Table, rows: Rows, name: str, lengths: list[int], dtype: str, fill: Callable[..., dict[int, str]]
) -> None:
    if not lengths:
        return table.leave_out(name, "none of its lists holds a number")
    d, count = Counter(lengths).most_common(1)[0]
    if (d == 1 and (count < len(lengths) or dtype not in FLOATS)) or count * 2 <= len(lengths):
        return table.leave_out(name, "its lists are not of one length, as vectors of one modality are")
    return table.add(name, _vectors(rows, [name], d, dtype, fill))


def _vectors(rows: Rows, names: list[str], d: int, dtype: str, fill: Callable[..., dict[int, str]]) -> Source:
    """Return a column of vectors, which `fill` makes, batch by batch, of the named columns."""

    def load() -> Loaded:
        kind = np.dtype("float16" if dtype == "float16" else "float32")
        rows.limits.check_unpacked(rows.where, rows.n * d * kind.itemsize)
        with reraise_as_set_error(rows.where, "a table", _REMEDY):
            values = np.full((rows.n, d), np.nan, kind)
        faults: dict[int, str] = {}
        start, where = 0, f"{rows.where}: '{names[0]}'"
        for batch in rows.batches(names):
            with reraise_as_set_error(where, "vectors", _REMEDY, *ERRORS), np.errstate(over="ignore"):
                found = fill(values[start : start + len(batch)], *map(_storage, batch.columns))
            faults |= {start + row: what for row, what in found.items()}
            start += len(batch)
        for name in names:
            faults |= rows.faults.get(name, {})
        return Loaded(values, faults)

    return Source((rows.n, d), dtype, load, eager=rows.eager)


def _storage(column: pa.Array) -> pa.Array:
    while isinstance(column.type, pa.BaseExtensionType) or pa.types.is_dictionary(column.type):
        column = column.storage if isinstance(column.type, pa.BaseExtensionType) else column.dictionary_decode()
    return column


def _fill_lists(target: np.ndarray, column: pa.Array) -> dict[int, str]:
    """Write each list of the right length into its row; return what is wrong with the others."""
    d = target.shape[1]
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    fits = lengths == d
    numbers = _storage(column.filter(pa.array(fits)).flatten()).to_numpy(zero_copy_only=False)
    target[fits] = numbers.reshape(-1, d)
    odd = np.flatnonzero(~fits & (lengths > 0))
    return {int(row): f"has {lengths[row]:,} numbers, but most rows have {d:,}" for row in odd}


def _fill_texts(target: np.ndarray, column: pa.Array) -> dict[int, str]:
    """Write each text that holds numbers into its row; return what is wrong with the others."""
    faults = {}
    d = target.shape[1]
    for row, text in enumerate(column.to_pylist()):
        if text is None or text.strip().lower() in ("", "nan", "none", "null", "[]"):
            continue
        vector = _parsed(text)
        if vector is None:
            faults[row] = f"is {text[:20]!r}, which is no list of numbers"
        elif len(vector) != d:
            faults[row] = f"has {len(vector):,} numbers, but most rows have {d:,}"
        else:
            target[row] = vector
    return faults


def _parsed(text: str) -> list[float] | None:
    """Return the numbers of "[0.1, 0.2]" or "[0.1 0.2]" or "0.1, 0.2", or None."""
    inner = text.strip().removeprefix("[").removesuffix("]")
    try:
        return [float(number) for number in inner.replace(",", " ").replace(";", " ").split()]
    except ValueError:
        return None


def _wide_groups(table: Table, schema: pa.Schema) -> dict[str, list[str]]:
    """Return stem -> its numbered columns in numeric order, for those that make a vector together."""
    groups: dict[str, dict[int, str]] = {}
    fractions = set()
    for number, name in enumerate(schema.names):
        found, kind = _WIDE.fullmatch(name), _plain(schema.field(number).type)
        if found and _is_number(kind):
            groups.setdefault(found[1], {})[int(found[2])] = name
            fractions |= {found[1]} if pa.types.is_floating(kind) else set()
    wide = {}
    for stem, group in groups.items():
        numbers = sorted(group)
        if len(group) < 2 or (len(group) < _FEW and stem not in fractions):
            continue
        absent = sorted(set(range(min(numbers[0], 1), numbers[-1] + 1)) - set(numbers)) if numbers[-1] < 10**5 else [0]
        if absent and not (numbers[0] == 1 and absent == [0]):
            table.notes.append(
                f"The columns {group[numbers[0]]} … {group[numbers[-1]]} are left as they are: number {absent[0]} is "
                "absent, so they are no whole vector."
            )
            continue
        if stem not in schema.names:
            wide[stem] = [group[number] for number in numbers]
    return wide


def _wide_source(rows: Rows, names: list[str]) -> Source:
    kinds = {_dtype(_plain(rows.schema.field(name).type)) for name in names}
    dtype = kinds.pop() if len(kinds) == 1 else "float64"
    return _vectors(rows, names, len(names), dtype, _fill_wide)


def _fill_wide(target: np.ndarray, *columns: pa.Array) -> dict[int, str]:
    for place, column in enumerate(columns):
        target[:, place] = column.to_numpy(zero_copy_only=False)
    return {}


def _load_values(rows: Rows, name: str) -> Loaded:
    schema = pa.schema([rows.schema.field(name)], rows.schema.metadata)
    batches = [pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in rows.batches([name])]
    return Loaded(_series(pa.Table.from_batches(batches, schema), name), rows.faults.get(name, {}))


def _series(column: pa.Table | pa.ChunkedArray, name: str) -> "pd.Series[Any]":
    """Return a column as pandas would read it."""
    with reraise_as_set_error(f"'{name}'", "a column", _REMEDY, *ERRORS, json.JSONDecodeError):
        if isinstance(column, pa.ChunkedArray):
            return column.to_pandas().reset_index(drop=True)
        frame = column.to_pandas()
        series = frame[name] if name in frame else column.column(name).to_pandas()
        return series.reset_index(drop=True)
