"""JSON Lines and JSON tables: read line by line, so that a fault is told with its row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gram.data.importers.arrow import ERRORS, add_rows
from gram.data.importers.csv import from_memory
from gram.data.importers.limits import Limits, error_line, reraise_as_set_error
from gram.data.importers.table import Table
from gram.errors import EmbeddingSetError

_LINE = 2**24  # bytes of one item
_SWELL = 24  # parsed JSON takes up to this many times the bytes of its text
_REMEDY = "write one JSON object a line"
_ERRORS = (ValueError, OSError, TypeError, OverflowError)


class _Columns:
    """The cells of objects, by column; lists of numbers are packed at once, nested things are told as faults."""

    def __init__(self) -> None:
        self.cells: dict[str, list[Any]] = {}
        self.faults: dict[str, dict[int, str]] = {}
        self.n = 0

    def append(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            column = self.cells.setdefault(name, [])
            column += [None] * (self.n - len(column))
            column.append(self._cell(name, value))
        self.n += 1

    def _cell(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
        if not isinstance(value, list):
            return value
        numbers = [np.nan if number is None else number for number in value]
        if all(isinstance(number, int | float) for number in numbers):
            with np.errstate(over="ignore"):
                return np.array([float(number) for number in numbers], dtype=np.float32)
        if any(isinstance(number, int | float) for number in numbers):
            odd = next(number for number in numbers if not isinstance(number, int | float))
            self.faults.setdefault(name, {})[self.n] = f"holds {str(odd)[:20]!r} among its numbers"
        return None

    def arrow(self) -> pa.Table:
        return pa.table({name: self._array(name, cells) for name, cells in self.cells.items()})

    def _array(self, name: str, cells: list[Any]) -> pa.Array:
        cells = cells + [None] * (self.n - len(cells))
        is_vector = [isinstance(cell, np.ndarray) for cell in cells]
        others = [(row, cell) for row, cell in enumerate(cells) if cell is not None and not is_vector[row]]
        if sum(is_vector) > len(others):
            for row, cell in others:
                self.faults.setdefault(name, {})[row] = f"is {str(cell)[:20]!r}, which is no list of numbers"
            return pa.array(
                [cell if vector else None for cell, vector in zip(cells, is_vector)], pa.list_(pa.float32())
            )
        single = [None if vector else cell for cell, vector in zip(cells, is_vector)]
        kinds = {"number" if type(cell) in (int, float) else type(cell).__name__ for _, cell in others}
        return _values(single if len(kinds) < 2 else [None if cell is None else str(cell) for cell in single])


def _values(cells: list[Any]) -> pa.Array:
    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError):  # whole numbers beyond 64 bits, halves of characters
        texts = [None if cell is None else str(cell).encode("utf-8", "replace").decode() for cell in cells]
        return pa.array(texts, pa.string())


def read_json_lines(path: Path, limits: Limits) -> Table:
    """Return the columns of a file with one JSON object a line.

    Raises:
        EmbeddingSetError: a line that is no JSON object, is too long or too deeply nested, or too many of them.
    """
    limits.check_unpacked(path, 4 * limits.check_file(path))
    columns = _Columns()
    with reraise_as_set_error(path, "JSON Lines", _REMEDY, OSError), path.open("rb") as file:
        number = 0
        while text := file.readline(_LINE + 1):
            number += 1
            if len(text) > _LINE:
                raise EmbeddingSetError(f"{path}: line {number} is longer than {_LINE:,} bytes; {_REMEDY}")
            if text.strip():
                columns.append(_object(text, f"{path}: line {number}"))
                limits.check_items(path, columns.n)
    return _table("JSON Lines", path, columns, limits)


def _object(text: bytes, where: str) -> Mapping[str, Any]:
    with reraise_as_set_error(where, "JSON", _REMEDY, ValueError):
        row = json.loads(text)
    if not isinstance(row, dict):
        raise EmbeddingSetError(f"{where} holds no JSON object but {error_line(ValueError(repr(row)))[:40]}; {_REMEDY}")
    return row


def read_json(path: Path, limits: Limits) -> Table:
    """Return the columns of a JSON file: a list of objects, or an object of columns (lists, or objects by row).

    Raises:
        EmbeddingSetError: neither, nested too deeply, or too large to be parsed.
    """
    size = limits.check_file(path)
    limits.check_unpacked(path, _SWELL * size)
    with reraise_as_set_error(path, "JSON", "write a list of objects", *_ERRORS):
        content = json.loads(path.read_bytes())
    columns = _Columns()
    for row in _objects(content, path):
        if not isinstance(row, dict):
            raise EmbeddingSetError(f"{path}: row {columns.n} is no JSON object; write a list of objects")
        columns.append(row)
    limits.check_items(path, columns.n)
    return _table("JSON", path, columns, limits)


def _objects(content: Any, path: Path) -> Iterable[Any]:
    if isinstance(content, list):
        return content
    if isinstance(content, dict) and content:
        lists = [list(part.values()) if isinstance(part, dict) else part for part in content.values()]
        if all(isinstance(part, list) for part in lists) and len({len(part) for part in lists}) == 1:
            return (dict(zip(content, cells)) for cells in zip(*lists))
    raise EmbeddingSetError(f"{path}: holds no table; write a list of objects, or an object of lists of one length")


def _table(format: str, path: Path, columns: _Columns, limits: Limits) -> Table:
    if columns.n == 0 or not columns.cells:
        raise EmbeddingSetError(f"{path}: has no rows; a set holds at least one item")
    with reraise_as_set_error(path, format, _REMEDY, *ERRORS):
        rows = from_memory(columns.arrow(), path, limits)
    table = Table(format)
    add_rows(table, replace(rows, faults=columns.faults))
    return table
