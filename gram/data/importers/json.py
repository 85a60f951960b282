"""JSON Lines and JSON tables: parsed object by object, so that a fault names its row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gram.data.importers.base import Table
from gram.data.importers.columns import ERRORS, add_rows, from_memory
from gram.data.importers.limits import Limits, error_line, reraise_as_set_error
from gram.errors import EmbeddingSetError

SUFFIXES = (".jsonl", ".ndjson", ".json")
HOLDS_ITEMS = (".jsonl", ".ndjson", ".json")

_LINE = 2**24  # bytes of one item
_SWELL = 24  # parsed JSON takes up to this many times the bytes of its text
_SPARSE, _SMALL = 50, 10**6  # cells of a table, per value that is there; and as many as any table may have
_REMEDY = "write one JSON object a line"
_ERRORS = (ValueError, OSError, TypeError, OverflowError)


def read(path: Path, limits: Limits) -> Table:
    """Return the columns of a file with one JSON object a line; of a .json file, of a list of objects or of lists.

    Raises:
        EmbeddingSetError: not that, too large, nested too deeply, or a line that is no JSON object.
    """
    whole = path.suffix.lower() == ".json"
    limits.check_unpacked(path, (_SWELL if whole else 4) * limits.check_file(path))
    columns = _Columns(path)
    for row in _objects_of_file(path) if whole else _objects_of_lines(path):
        columns.append(row)
        limits.check_items(path, columns.n)
    if columns.n == 0 or not columns.cells:
        raise EmbeddingSetError(f"{path}: has no rows; a set holds at least one item")
    table = Table("JSON" if whole else "JSON Lines")
    with reraise_as_set_error(path, table.format, _REMEDY, *ERRORS):
        rows = from_memory(columns.arrow(), path, limits)
    add_rows(table, replace(rows, faults=columns.faults))
    return table


def _objects_of_lines(path: Path) -> Iterable[Mapping[str, Any]]:
    with reraise_as_set_error(path, "JSON Lines", _REMEDY, OSError), path.open("rb") as file:
        number = 0
        while text := file.readline(_LINE + 1):
            number += 1
            if len(text) > _LINE:
                raise EmbeddingSetError(f"{path}: line {number} is longer than {_LINE:,} bytes; {_REMEDY}")
            if not text.strip():
                continue
            with reraise_as_set_error(f"{path}: line {number}", "JSON", _REMEDY, ValueError):
                row = json.loads(text)
            if not isinstance(row, dict):
                held = error_line(ValueError(repr(row)))[:40]
                raise EmbeddingSetError(f"{path}: line {number} holds no JSON object but {held}; {_REMEDY}")
            yield row


def _objects_of_file(path: Path) -> Iterable[Mapping[str, Any]]:
    with reraise_as_set_error(path, "JSON", "write a list of objects", *_ERRORS):
        content = json.loads(path.read_bytes())
    if isinstance(content, dict) and content:
        lists = [list(part.values()) if isinstance(part, dict) else part for part in content.values()]
        if all(isinstance(part, list) for part in lists) and len({len(part) for part in lists}) == 1:
            content = [dict(zip(content, cells)) for cells in zip(*lists)]
    if not isinstance(content, list):
        raise EmbeddingSetError(f"{path}: holds no table; write a list of objects, or an object of lists of one length")
    for number, row in enumerate(content):
        if not isinstance(row, dict):
            raise EmbeddingSetError(f"{path}: row {number} is no JSON object; write a list of objects")
        yield row


class _Columns:
    """The cells of objects, by column; lists of numbers are packed at once, odd cells are faults of their row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells: dict[str, list[Any]] = {}
        self.faults: dict[str, dict[int, str]] = {}
        self.n = self.values = 0

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row.

        Raises:
            EmbeddingSetError: nearly every row has keys of its own.
        """
        for name, value in row.items():
            column = self.cells.setdefault(name, [])
            column += [None] * (self.n - len(column))
            column.append(self._cell(name, value))
        self.n, self.values = self.n + 1, self.values + len(row)
        if self.n * len(self.cells) > max(_SMALL, _SPARSE * self.values):
            keys = f"{len(self.cells):,} keys in {self.n:,} objects"
            raise EmbeddingSetError(f"{self.path}: its objects share too few keys ({keys}); give all the same keys")

    def _cell(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
        if not isinstance(value, list):
            return value
        odd = next((number for number in value if not isinstance(number, int | float | None)), None)
        if odd is None:
            return np.array([_as_float(number) for number in value], np.float64).astype(np.float32)
        if any(isinstance(number, int | float) for number in value):
            self.faults.setdefault(name, {})[self.n] = f"holds {str(odd)[:20]!r} among its numbers"
        return None

    def arrow(self) -> pa.Table:
        """Return all columns as an Arrow table."""
        return pa.table({name: self._array(name, cells) for name, cells in self.cells.items()})

    def _array(self, name: str, cells: list[Any]) -> pa.Array:
        cells = cells + [None] * (self.n - len(cells))
        is_vector = [isinstance(cell, np.ndarray) for cell in cells]
        others = [(row, cell) for row, cell in enumerate(cells) if cell is not None and not is_vector[row]]
        if sum(is_vector) > len(others):
            for row, cell in others:
                self.faults.setdefault(name, {})[row] = f"is {str(cell)[:20]!r}, which is no list of numbers"
            vectors = [cell if vector else None for cell, vector in zip(cells, is_vector)]
            return pa.array(vectors, pa.list_(pa.float32()))
        single = [None if vector else cell for cell, vector in zip(cells, is_vector)]
        kinds = {"number" if type(cell) in (int, float) else type(cell).__name__ for _, cell in others}
        return _values(single if len(kinds) < 2 else [None if cell is None else str(cell) for cell in single])


def _as_float(number: float | None) -> float:
    if number is None:
        return np.nan
    try:
        return float(number)
    except OverflowError:  # a whole number beyond float64
        return np.inf if number > 0 else -np.inf


def _values(cells: list[Any]) -> pa.Array:
    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError, UnicodeError):  # whole numbers beyond 64 bits, halves of characters
        texts = [None if cell is None else str(cell).encode("utf-8", "replace").decode() for cell in cells]
        return pa.array(texts, pa.string())
