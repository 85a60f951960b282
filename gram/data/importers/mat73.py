"""MATLAB 7.3 files, which are HDF5 with every matrix turned round."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gram.data.importers.limits import Limits, one_line, reraise_as_set_error
from gram.data.importers.matlab import REMEDY, Part, Texts
from gram.data.importers.table import Table
from gram.errors import EmbeddingSetError

_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError)
_CELLS = 2_000_000
_TEXT = 100_000  # characters of one label


def read_parts(path: Path, limits: Limits, table: Table) -> list[Part | Texts]:
    """Return the matrices and texts of a MATLAB 7.3 file; numbers are read when they are loaded.

    Raises:
        EmbeddingSetError: damaged, too large, pointing to other files, or with function handles or objects.
    """
    parts: list[Part | Texts] = []
    with reraise_as_set_error(path, "a .mat file", REMEDY, *_ERRORS), h5py.File(path, "r") as file:
        for name in file:
            if name.startswith("#"):
                continue
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise EmbeddingSetError(f"{path}: '{one_line(name)}' points elsewhere; {REMEDY}")
            parts += _parts(file, name, file[name], limits, table, path)
    return parts


def _kind(item: Any) -> str:
    kind = item.attrs.get("MATLAB_class", b"")
    return kind.decode("ascii", "replace") if isinstance(kind, bytes) else ""


def _parts(file: Any, name: str, item: Any, limits: Limits, table: Table, path: Path) -> list[Part | Texts]:
    where = f"{path}: '{one_line(name)}'"
    kind = _kind(item)
    if kind in ("function_handle", "string", "table", "datetime") or "MATLAB_object_decode" in item.attrs:
        raise EmbeddingSetError(f"{where} is a {kind or 'MATLAB object'}, which is not read; {REMEDY}")
    if not isinstance(item, h5py.Dataset):
        sparse = "MATLAB_sparse" in item.attrs
        table.leave_out(name, "it is sparse; save full(…)" if sparse else "it is a struct; save its matrices alone")
        return []
    if "MATLAB_empty" in item.attrs:
        return []
    if kind != "cell":
        part = _matrix(name, item, limits, where)
        if kind == "char":
            return [Texts(name, _rows_of_text(item, limits, where))]
        return [] if part is None else [part]
    if item.dtype != h5py.ref_dtype or item.size > _CELLS:
        raise EmbeddingSetError(f"{where} is a cell of too many or unreadable parts; {REMEDY}")
    _check_size(item, limits, where)
    cells = [file[reference] if reference else None for reference in item[()].reshape(-1)]
    if cells and all(isinstance(cell, h5py.Dataset) and _kind(cell) == "char" for cell in cells):
        return [Texts(name, ["".join(_rows_of_text(cell, limits, where)) for cell in cells])]
    parts: list[Part | Texts] = []
    for number, cell in enumerate(cells, 1):
        label = f"{name}{{{number}}}"
        plain = isinstance(cell, h5py.Dataset) and _kind(cell) not in ("cell", "char", "function_handle")
        part = _matrix(label, cell, limits, where) if plain else None
        if part is None:
            table.leave_out(label, "it is no matrix")
        else:
            parts.append(part)
    return parts


def _check_size(item: Any, limits: Limits, where: str) -> None:
    if item.external or item.is_virtual:
        raise EmbeddingSetError(f"{where} is kept in another file; {REMEDY}")
    size = math.prod(item.shape or ()) * item.dtype.itemsize
    limits.check_unpacked(where, size, item.id.get_storage_size())


def _matrix(name: str, item: Any, limits: Limits, where: str) -> Part | None:
    if item.shape is None or item.dtype.kind not in "fiub":
        return None
    _check_size(item, limits, where)
    path, inner = Path(item.file.filename), item.name

    def load() -> np.ndarray:
        with reraise_as_set_error(where, "a matrix", REMEDY, *_ERRORS), h5py.File(path, "r") as file:
            return np.asarray(file[inner][()]).T

    if inner is None:  # nothing but the cell points to it
        with reraise_as_set_error(where, "a matrix", REMEDY, *_ERRORS):
            values = np.asarray(item[()]).T
        return Part(name, values.shape, values.dtype, lambda: values)
    return Part(name, item.shape[::-1], item.dtype, load)


def _rows_of_text(item: Any, limits: Limits, where: str) -> list[str]:
    """Return the rows of a matrix of characters, which HDF5 keeps as columns of UTF-16 numbers."""
    if "MATLAB_empty" in item.attrs:
        return [""]
    if len(item.shape or ()) != 2 or item.dtype.kind not in "ui" or item.shape[0] > _TEXT:
        raise EmbeddingSetError(f"{where} holds text that is not readable; {REMEDY}")
    _check_size(item, limits, where)
    codes = item[()].T.astype("<u2")
    return [row.tobytes().decode("utf-16-le", "replace").rstrip("\0 ") for row in codes]
