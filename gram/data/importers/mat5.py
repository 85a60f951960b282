"""MATLAB 5 files (version 7 too), read element by element, each held to what its header claims.

Not by `scipy.io.loadmat`: it trusts types and sizes in the file, and a damaged one ends the whole process. The layout
is MathWorks, "MAT-File Format": a header of 128 bytes, then elements of a tag (type, length) and content, the matrices
among them made of flags, dimensions, a name and numbers, and packed by zlib if need be.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gram.data.importers.limits import Limits, format_bytes, one_line, reraise_as_set_error
from gram.data.importers.matlab import REMEDY, Part, Texts
from gram.data.importers.table import Table
from gram.errors import EmbeddingSetError

_ERRORS = (ValueError, OSError, EOFError, OverflowError, zlib.error, struct.error, UnicodeError)
_MATRIX, _COMPRESSED, _INT8, _INT32, _UINT32 = 14, 15, 1, 5, 6
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR, _SPARSE, _DOUBLE, _SINGLE = 1, 2, 4, 5, 6, 7
_NUMBERS = range(6, 16)
_REFUSED = {3: "an object", 16: "a function handle", 17: "an object, such as a string or a table"}
_COMPLEX, _LOGICAL = 0x0800, 0x0200


class _Matrix(NamedTuple):
    """One variable or cell: its name, and its numbers, texts or cells; or why it is not read."""

    name: str
    content: "np.ndarray | list[str] | list[_Matrix] | None"
    why_not: str = ""


def read_parts(path: Path, limits: Limits, table: Table) -> list[Part | Texts]:
    """Return the matrices and texts of a MATLAB 5 file.

    Raises:
        EmbeddingSetError: damaged, too large, or with function handles or objects.
    """
    with reraise_as_set_error(path, "a .mat file", REMEDY, *_ERRORS):
        variables = [_matrix(data, order, path, limits, in_cell=False) for data, order in _variables(path, limits)]
    named = [variable for variable in variables if variable.name]  # MATLAB's own data has no name
    return [part for variable in named for part in _parts(variable, table)]


def _parts(variable: _Matrix, table: Table) -> list[Part | Texts]:
    name, content, why_not = variable
    if isinstance(content, np.ndarray):
        return [_part(name, content)]
    if not content:
        table.leave_out(name, why_not or "it is empty")
        return []
    texts = [cell for cell in content if isinstance(cell, str)]
    if texts:
        return [Texts(name, texts)]
    cells = [cell for cell in content if isinstance(cell, _Matrix)]
    words = [_word(cell) for cell in cells]
    if all(word is not None for word in words):
        return [Texts(name, [word or "" for word in words])]
    parts: list[Part | Texts] = []
    for number, cell in enumerate(cells, 1):
        if isinstance(cell.content, np.ndarray):
            parts.append(_part(f"{name}{{{number}}}", cell.content))
        else:
            table.leave_out(f"{name}{{{number}}}", cell.why_not or "it is no matrix")
    return parts


def _part(name: str, values: np.ndarray) -> Part:
    return Part(name, values.shape, values.dtype, lambda: values)


def _word(cell: _Matrix) -> str | None:
    """Return the one line of text in a cell; None if it holds anything else."""
    if not isinstance(cell.content, list) or len(cell.content) > 1:
        return None
    return next((word for word in cell.content if isinstance(word, str)), "")


def _variables(path: Path, limits: Limits) -> Iterator[tuple[memoryview, str]]:
    """Yield the content of each variable, unpacked within the limits, and the order of its bytes."""
    size = limits.check_file(path)
    left = limits.unpack_at_most(size)
    with path.open("rb") as file:
        order = "<" if file.read(128)[126:128] == b"IM" else ">"
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{order}LL", tag)
            if length > size - file.tell():
                raise EOFError("cut short")
            data = file.read(length)
            if kind == _COMPRESSED:
                data = _unpacked(path, data, left)
                left -= len(data)
                kind, length = struct.unpack_from(f"{order}LL", data)
                if length > len(data) - 8:
                    raise EOFError("cut short")
                data = data[8 : 8 + length]
            if kind != _MATRIX:
                raise ValueError(f"an element of kind {kind} where a variable starts")
            yield memoryview(data), order


def _unpacked(path: Path, data: bytes, most: int) -> bytes:
    unpacked = zlib.decompressobj().decompress(data, most + 1)
    if len(unpacked) > most:
        raise EmbeddingSetError(
            f"{path}: {format_bytes(len(data))} unpack to more than {format_bytes(most)}; "
            "leave items out, or save with -v7.3"
        )
    return unpacked


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield type and content of each element; content of up to four bytes lies within the tag."""
    place = 0
    while place + 8 <= len(data):
        kind, length = struct.unpack_from(f"{order}LL", data, place)
        if kind >> 16:
            if kind >> 16 > 4:
                raise ValueError("a damaged tag")
            yield kind & 0xFFFF, data[place + 4 : place + 4 + (kind >> 16)]
            place += 8
            continue
        if length > len(data) - place - 8:
            raise EOFError("cut short")
        yield kind, data[place + 8 : place + 8 + length]
        place += 8 + length + (-length % 8)


def _matrix(data: memoryview, order: str, path: Path, limits: Limits, *, in_cell: bool) -> _Matrix:
    """Return a variable, or a cell of one.

    Raises:
        EmbeddingSetError: a function handle or an object.
        ValueError, EOFError: parts that do not fit together.
    """
    if len(data) == 0 and in_cell:
        return _Matrix("", [])
    elements = _elements(data, order)
    flags = struct.unpack_from(f"{order}L", _next(elements, _UINT32))[0]
    kind = flags & 0xFF
    if kind in _REFUSED:
        raise EmbeddingSetError(f"{path}: holds {_REFUSED[kind]}, which is not read; {REMEDY}")
    sizes = np.frombuffer(_next(elements, _INT32), np.dtype(f"{order}i4")).tolist()
    name = one_line(bytes(_next(elements, _INT8)).decode("latin-1"))
    if len(sizes) < 2 or min(sizes) < 0:
        raise ValueError(f"the shape {sizes[:8]}")
    count = math.prod(sizes)
    if kind in _NUMBERS:
        if flags & _COMPLEX:
            return _Matrix(name, None, "its numbers are complex")
        limits.check_unpacked(path, 8 * count if kind in (_DOUBLE, _SINGLE) else count)
        return _Matrix(name, _numbers(elements, kind, flags, order, count).reshape(sizes, order="F"))
    if kind == _CHAR:
        return _Matrix(name, _texts(elements, order, sizes[0], count) if len(sizes) == 2 else None, "it is text")
    if kind != _CELL or in_cell:
        held = {_STRUCT: "a struct", _SPARSE: "sparse", _CELL: "a cell within a cell"}.get(kind, "of an unknown kind")
        return _Matrix(name, None, f"it is {held}; save its matrices on their own")
    cells = [_matrix(content, order, path, limits, in_cell=True) for inner, content in elements if inner == _MATRIX]
    if len(cells) != count:
        raise EOFError(f"{count:,} cells are claimed, and {len(cells):,} are there")
    return _Matrix(name, cells)


def _next(elements: Iterator[tuple[int, memoryview]], kind: int) -> memoryview:
    found, content = next(elements, (None, memoryview(b"")))
    if found != kind:
        raise ValueError(f"an element of kind {found} where {kind} belongs")
    return content


def _numbers(elements: Iterator[tuple[int, memoryview]], kind: int, flags: int, order: str, count: int) -> np.ndarray:
    """Return a matrix's numbers; MATLAB stores whole ones in fewer bytes than their class has."""
    stored, content = next(elements, (0, memoryview(b"")))
    if stored not in _TYPES:
        raise ValueError(f"numbers of kind {stored}")
    values = np.frombuffer(content, np.dtype(f"{order}{_TYPES[stored]}"))
    if len(values) != count:
        raise EOFError(f"{count:,} numbers are claimed, and {len(values):,} are there")
    if flags & _LOGICAL:
        return values != 0
    if kind in (_DOUBLE, _SINGLE) and values.dtype.kind != "f":
        return values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    return values


def _texts(elements: Iterator[tuple[int, memoryview]], order: str, rows: int, count: int) -> list[str]:
    """Return the rows of a matrix of characters, which lie column by column."""
    stored, content = next(elements, (0, memoryview(b"")))
    if count == 0:
        return []
    if stored not in _ENCODINGS:
        raise ValueError(f"text of kind {stored}")
    encoding = _ENCODINGS[stored]
    side = ("-le" if order == "<" else "-be") if encoding in ("utf-16", "utf-32") else ""
    text = bytes(content).decode(encoding + side, "replace")
    if len(text) != count:
        raise EOFError(f"{count:,} characters are claimed, and {len(text):,} are there")
    return [text[row::rows].rstrip(" \0") for row in range(rows)]
