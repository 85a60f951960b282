"""MATLAB .mat files (5 and 7.3), by scipy and h5py: matrices or cells of matrices, items in rows or columns."""

import math
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse
from scipy.io import matlab

from gram.data.importers.base import Table, dtype_name, from_array
from gram.data.importers.limits import Limits, format_bytes, one_line, reraise_as_set_error
from gram.errors import EmbeddingSetError

SUFFIXES = (".mat",)

_HDF5 = b"\x89HDF\r\n\x1a\n"
_REMEDY = "save the matrices alone: save('views.mat', 'text', 'image', '-v7.3')"
_REFUSED = {"function": "a function handle", "object": "an object", "opaque": "an object, such as a string or a table"}
_OBJECTS = (matlab.MatlabFunction, matlab.MatlabObject, matlab.MatlabOpaque)
_CELLS = 2_000_000
_TEXT = 100_000  # characters of one label


@dataclass(frozen=True)
class _Part:
    """A matrix or vector of a file, with its shape as MATLAB shows it."""

    name: str
    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    load: Callable[[], np.ndarray]
    eager: bool = False


@dataclass(frozen=True)
class _Texts:
    """A cell of texts, one an item."""

    name: str
    values: list[str]


def read(path: Path, limits: Limits) -> Table:
    """Return the views and labels of a .mat file; which side counts the items is what all views share.

    Raises:
        EmbeddingSetError: no .mat file of version 5 or 7.3, or one with function handles or objects.
    """
    size = limits.check_file(path)
    with path.open("rb") as file:
        head = file.read(520)
    if head.startswith(_HDF5) or head[512:520] == _HDF5:
        table = Table("MATLAB 7.3 (.mat)")
        with reraise_as_set_error(path, "a .mat file", _REMEDY, Exception), h5py.File(path, "r") as file:
            parts = [part for name in file for part in _variable_73(file, name, limits, table)]
    elif len(head) >= 128 and head[126:128] in (b"IM", b"MI") and 1 in (head[124], head[125]):
        table = Table("MATLAB 5 (.mat)")
        with reraise_as_set_error(path, "a .mat file", _REMEDY, Exception):
            parts = [part for name, value in _variables_5(path, size, limits) for part in _parts_5(name, value, table)]
    else:
        raise EmbeddingSetError(f"{path}: is no .mat file of version 5 or 7.3; in MATLAB, {_REMEDY}")
    _add(table, parts, limits)
    return table


# version 5, and 7 with it


def _variables_5(path: Path, size: int, limits: Limits) -> list[tuple[str, Any]]:
    """Return the named variables, whose sizes were checked before they were read."""
    with warnings.catch_warnings(action="ignore"):
        listed = scipy.io.whosmat(str(path))
        refused = next((_REFUSED[kind] for _, _, kind in listed if kind in _REFUSED), None)
        unpacked = sum(math.prod(shape) * (8 if kind == "double" else 1) for _, shape, kind in listed)
        if unpacked > (most := limits.unpack_at_most(size)):
            raise EmbeddingSetError(
                f"{path}: {format_bytes(size)} unpack to more than {format_bytes(most)}; "
                "leave items out, or save with -v7.3"
            )
        variables = {} if refused else scipy.io.loadmat(str(path), mat_dtype=True)
    if refused or any(isinstance(value, _OBJECTS) for value in variables.values()):
        raise EmbeddingSetError(f"{path}: holds {refused or 'an object'}, which is not read; {_REMEDY}")
    return [(one_line(name), value) for name, value in variables.items() if not name.startswith("__")]


def _parts_5(name: str, value: Any, table: Table) -> list[_Part | _Texts]:
    why_not = _why_not(value)
    if why_not:
        table.leave_out(name, why_not)
        return []
    if value.dtype.kind == "U":
        return [_Texts(name, [text.rstrip(" \0") for text in value.reshape(-1).tolist()])]
    if value.dtype.kind != "O":
        return [_Part(name, value.shape, value.dtype, lambda: value, eager=True)]
    cells = value.reshape(-1, order="F").tolist()
    if all(isinstance(cell, np.ndarray) and cell.dtype.kind == "U" and cell.size < 2 for cell in cells):
        return [_Texts(name, [str(cell.reshape(-1)[0]).rstrip(" \0") if cell.size else "" for cell in cells])]
    parts: list[_Part | _Texts] = []
    for number, cell in enumerate(cells, 1):
        why_not = _why_not(cell) or ("it is no matrix" if cell.dtype.kind in "UO" else "")
        if why_not:
            table.leave_out(f"{name}{{{number}}}", why_not)
        else:
            parts.append(_Part(f"{name}{{{number}}}", cell.shape, cell.dtype, partial(np.asarray, cell), eager=True))
    return parts


def _why_not(value: Any) -> str:
    """Return why a value of scipy's is not read; nothing if it may be."""
    if scipy.sparse.issparse(value):
        return "it is sparse; save its matrices on their own"
    if not isinstance(value, np.ndarray) or isinstance(value, _OBJECTS) or value.dtype.names is not None:
        return "it is a struct; save its matrices on their own"
    if value.dtype.kind == "c":
        return "its numbers are complex"
    return "it is empty" if value.size == 0 and value.dtype.kind in "UO" else ""


# version 7.3, which is HDF5 with every matrix transposed


def _variable_73(file: Any, name: str, limits: Limits, table: Table) -> list[_Part | _Texts]:
    where = f"{file.filename}: '{one_line(name)}'"
    if name.startswith("#"):
        return []
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise EmbeddingSetError(f"{where} points elsewhere; {_REMEDY}")
    item = file[name]
    kind = _kind(item)
    if kind in ("function_handle", "string", "table", "datetime") or "MATLAB_object_decode" in item.attrs:
        raise EmbeddingSetError(f"{where} is a {kind or 'MATLAB object'}, which is not read; {_REMEDY}")
    if not isinstance(item, h5py.Dataset):
        sparse = "MATLAB_sparse" in item.attrs
        table.leave_out(name, "it is sparse; save full(…)" if sparse else "it is a struct; save its matrices alone")
        return []
    if "MATLAB_empty" in item.attrs:
        return []
    if kind == "char":
        return [_Texts(name, _rows_of_text(item, limits, where))]
    if kind != "cell":
        part = _matrix(name, item, limits, where)
        return [] if part is None else [part]
    if item.dtype != h5py.ref_dtype or item.size > _CELLS:
        raise EmbeddingSetError(f"{where} is a cell of too many or unreadable parts; {_REMEDY}")
    _check_size(item, limits, where)
    return _cells_73(name, [file[cell] if cell else None for cell in item[()].reshape(-1)], limits, table, where)


def _cells_73(name: str, cells: list[Any], limits: Limits, table: Table, where: str) -> list[_Part | _Texts]:
    if cells and all(isinstance(cell, h5py.Dataset) and _kind(cell) == "char" for cell in cells):
        return [_Texts(name, ["".join(_rows_of_text(cell, limits, where)) for cell in cells])]
    parts: list[_Part | _Texts] = []
    for number, cell in enumerate(cells, 1):
        label = f"{name}{{{number}}}"
        plain = isinstance(cell, h5py.Dataset) and _kind(cell) not in ("cell", "char", "function_handle")
        part = _matrix(label, cell, limits, where) if plain else None
        if part is None:
            table.leave_out(label, "it is no matrix")
        else:
            parts.append(part)
    return parts


def _kind(item: Any) -> str:
    kind = item.attrs.get("MATLAB_class", b"")
    return kind.decode("ascii", "replace") if isinstance(kind, bytes) else ""


def _check_size(item: Any, limits: Limits, where: str) -> None:
    if item.external or item.is_virtual:
        raise EmbeddingSetError(f"{where} is kept in another file; {_REMEDY}")
    limits.check_unpacked(where, math.prod(item.shape or ()) * item.dtype.itemsize, item.id.get_storage_size())


def _matrix(name: str, item: Any, limits: Limits, where: str) -> _Part | None:
    if item.shape is None or item.dtype.kind not in "fiub":
        return None
    _check_size(item, limits, where)
    if item.name is None:  # nothing but the cell points to it
        values = np.asarray(item[()]).T
        return _Part(name, values.shape, values.dtype, lambda: values, eager=True)
    path, inner = item.file.filename, item.name

    def load() -> np.ndarray:
        with reraise_as_set_error(where, "a matrix", _REMEDY, Exception), h5py.File(path, "r") as file:
            return np.asarray(file[inner][()]).T

    return _Part(name, item.shape[::-1], item.dtype, load)


def _rows_of_text(item: Any, limits: Limits, where: str) -> list[str]:
    """Return the rows of a matrix of characters, which HDF5 keeps as columns of UTF-16 numbers."""
    if "MATLAB_empty" in item.attrs:
        return [""]
    if len(item.shape or ()) != 2 or item.dtype.kind not in "ui" or item.shape[0] > _TEXT:
        raise EmbeddingSetError(f"{where} holds text that is not readable; {_REMEDY}")
    _check_size(item, limits, where)
    return [row.tobytes().decode("utf-16-le", "replace").rstrip("\0 ") for row in item[()].T.astype("<u2")]


# views of both versions


def _add(table: Table, parts: list[_Part | _Texts], limits: Limits) -> None:
    numeric = [part for part in parts if isinstance(part, _Part)]
    views = [part for part in numeric if len(part.shape) == 2 and min(part.shape) > 1]
    lengths = {max(part.shape) for part in numeric if part.shape and part not in views}
    lengths |= {len(part.values) for part in parts if isinstance(part, _Texts)}
    n = _count_items(table, views, lengths)
    for part in parts:
        if isinstance(part, _Texts):
            table.add_values(part.name, pd.Series(part.values, dtype="str"))
        elif len(part.shape) != 2 or 0 in part.shape:
            shape = " x ".join(map(str, part.shape))
            table.leave_out(part.name, f"its shape is {shape}; a view has two sides, samples and features")
        elif 1 in part.shape:
            _add_matrix(table, part, limits, transposed=part.shape[0] == 1)
        else:
            _add_matrix(table, part, limits, transposed=part.shape[0] != n and part.shape[1] == n)


def _add_matrix(table: Table, part: _Part, limits: Limits, *, transposed: bool) -> None:
    shape = part.shape[::-1] if transposed else part.shape
    if transposed and min(shape) > 1:
        size = " x ".join(f"{side:,}" for side in part.shape)
        table.notes.append(f"'{one_line(part.name)}' is {size}: its columns are the items.")

    def load() -> np.ndarray:
        return part.load().T if transposed else part.load()

    from_array(table, part.name, shape, dtype_name(part.dtype), load, limits, eager=part.eager)


def _count_items(table: Table, views: list[_Part], lengths: set[int]) -> int:
    """Return the number of items: the size that all views share; where they share two, the one that labels have."""
    if not views:
        return 0
    shared = set.intersection(*({*view.shape} for view in views))
    if not shared:
        counts = Counter(size for view in views for size in {*view.shape})
        return counts.most_common(1)[0][0]
    if len(shared & lengths) == 1:
        return min(shared & lengths)
    if len(shared) == 1:
        return min(shared)
    for side, which in ((0, "rows"), (1, "columns")):
        sizes = {view.shape[side] for view in views}
        if len(sizes) == 1:
            other = " x ".join(f"{size:,}" for size in views[0].shape)
            table.notes.append(f"Every view is {other}, so either side could count the items; the {which} are taken.")
            return min(sizes)
    return views[0].shape[0]
