"""MATLAB 5 files, by scipy, after a walk through their elements that bounds size and depth."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from gram.errors import EmbeddingSetError
from gram.importers._limits import Limits, refusing, told
from gram.importers._matlab import REMEDY, Part, Texts
from gram.importers._table import Table

_ERRORS = (
    MatReadError,
    ValueError,
    TypeError,
    OSError,
    EOFError,
    KeyError,
    IndexError,
    OverflowError,
    AttributeError,
    NotImplementedError,
    zlib.error,
    struct.error,
)
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5
_REFUSED = {3: "an object", 16: "a function handle", 17: "an object"}
_DEEPEST = 2  # a cell of matrices, or of cells of text
_READ = ("double", "single", "logical", "char", "cell", *(f"{u}int{b}" for u in ("", "u") for b in (8, 16, 32, 64)))


def read_parts(path: Path, limits: Limits, table: Table) -> list[Part | Texts]:
    """Return the matrices and texts of a MATLAB 5 file.

    Raises:
        EmbeddingSetError: damaged, too large, too deep, or with function handles or objects.
    """
    _walk_file(path, limits)
    with refusing(path, "a .mat file", REMEDY, *_ERRORS), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kinds = {name: kind for name, _, kind in scipy.io.whosmat(str(path))}
        wanted = [name for name, kind in kinds.items() if kind in _READ and not name.startswith("__")]
        loaded = scipy.io.loadmat(str(path), variable_names=wanted, chars_as_strings=True)
    for name, kind in kinds.items():
        if name not in wanted:
            table.leave_out(name, f"it is a {kind}; save its matrices on their own")
    parts: list[Part | Texts] = []
    for name in wanted:
        if isinstance(loaded.get(name), np.ndarray):
            parts += _parts(name, loaded[name], table)
    return parts


def _parts(name: str, value: np.ndarray, table: Table) -> list[Part | Texts]:
    if value.dtype.kind == "U":
        return [Texts(name, [str(text).rstrip() for text in value.reshape(-1)])]
    if value.dtype.kind != "O":
        return [_part(name, value)]
    cells = list(value.reshape(-1, order="F"))
    texts = [_text(cell) for cell in cells]
    if cells and all(text is not None for text in texts):
        return [Texts(name, [str(text) for text in texts])]
    parts: list[Part | Texts] = []
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, np.ndarray) and cell.dtype.kind in "fiub":
            parts.append(_part(f"{name}{{{number}}}", cell))
        else:
            table.leave_out(f"{name}{{{number}}}", "it is no matrix")
    return parts


def _part(name: str, value: np.ndarray) -> Part:
    return Part(name, value.shape, value.dtype, lambda: value)


def _text(cell: Any) -> str | None:
    if isinstance(cell, np.ndarray) and cell.dtype.kind == "U" and cell.size <= 1:
        return str(cell.reshape(-1)[0]).rstrip() if cell.size else ""
    return None


def _walk_file(path: Path, limits: Limits) -> None:
    """Look at every element of the file, unpacked within the limits, before scipy does."""
    size = limits.check_file(path)
    left = limits.unpack_at_most(size) if size else 0
    with refusing(path, "a .mat file", REMEDY, *_ERRORS), path.open("rb") as file:
        order = "<" if file.read(128)[126:128] == b"IM" else ">"
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{order}LL", tag)
            if kind not in (_MATRIX, _COMPRESSED):
                raise ValueError(f"an element of kind {kind}")
            if length > size - file.tell():
                raise EOFError("cut short")
            data = file.read(length)
            if kind == _COMPRESSED:
                data = _unpacked(path, data, left)
                left -= len(data)
                kind, length = struct.unpack(f"{order}LL", data[:8])
                if kind != _MATRIX or length > len(data) - 8:
                    raise EOFError("cut short")
                data = data[8 : 8 + length]
            _walk(path, memoryview(data), order, 0)


def _unpacked(path: Path, data: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    unpacked = stream.decompress(data, most + 1)
    if len(unpacked) > most:
        raise EmbeddingSetError(
            f"{path}: {told(len(data))} unpack to more than {told(most)}; leave items out, or save with -v7.3"
        )
    return unpacked


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield kind and content of each element."""
    place = 0
    while place + 8 <= len(data):
        kind, length = struct.unpack_from(f"{order}LL", data, place)
        if kind >> 16:  # a small element: both in four bytes, the content in the next four
            yield kind & 0xFFFF, data[place + 4 : place + 4 + (kind >> 16)]
            place += 8
            continue
        if length > len(data) - place - 8:
            raise EOFError("cut short")
        yield kind, data[place + 8 : place + 8 + length]
        place += 8 + length + (-length % 8)


def _walk(path: Path, data: memoryview, order: str, depth: int) -> None:
    """Check that a matrix holds nothing that is refused, nests little and has no more cells than content."""
    elements = _elements(data, order)
    _, flags = next(elements, (0, memoryview(b"")))
    if len(flags) < 4:
        if len(data) == 0 and depth:
            return  # an empty cell
        raise EOFError("cut short")
    kind = struct.unpack_from(f"{order}L", flags)[0] & 0xFF
    if kind in _REFUSED or (depth and kind in (_STRUCT, _SPARSE)):
        held = _REFUSED.get(kind, "a struct or a sparse matrix in a cell")
        raise EmbeddingSetError(f"{path}: holds {held}, which is not read; {REMEDY}")
    if kind not in (_CELL, _STRUCT):
        return
    if depth == _DEEPEST:
        raise EmbeddingSetError(f"{path}: its cells are nested too deeply; {REMEDY}")
    _, sizes = next(elements, (0, memoryview(b"")))
    count = 1
    for size in struct.unpack(f"{order}{len(sizes) // 4}l", sizes[: len(sizes) // 4 * 4]):
        count *= size
    if not 0 <= count <= len(data) // 8:
        raise EOFError(f"{count:,} cells are claimed, which are not there")
    for inner, content in elements:
        if inner == _MATRIX and kind == _CELL:
            _walk(path, content, order, depth + 1)
