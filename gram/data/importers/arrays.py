"""NumPy's .npy and .npz: headers are checked against the size of the file, and nothing is ever unpickled."""

import math
import struct
import tokenize
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from gram.data.importers import archives as _archives
from gram.data.importers.limits import Limits, one_line, reraise_as_set_error
from gram.data.importers.packed_items import INFO, ITEMS, add_packed
from gram.data.importers.table import Table, from_array
from gram.errors import EmbeddingSetError

_ERRORS = (
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    OSError,
    OverflowError,
    KeyError,
    IndexError,
    AttributeError,
    struct.error,
    tokenize.TokenError,
)
_REMEDY = "save it again with np.save"
_OBJECTS = "holds Python objects, which are never unpickled; save numbers: np.save(path, np.stack(list(array)))"


class Header(NamedTuple):
    """What an .npy header says, and where its numbers start."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: "np.dtype[Any]"
    offset: int


def read_npy(path: Path, limits: Limits) -> Table:
    """Return the one array of an .npy file, mapped into memory when it is loaded.

    Raises:
        EmbeddingSetError: no .npy file, Python objects in it, or a header that claims what is not there.
    """
    size = limits.check_file(path)
    with path.open("rb") as file:
        header = read_header(file, size, path)
    table = Table("NumPy array (.npy)")
    from_array(table, path.stem, header.shape, header.dtype, lambda: map_array(path, header), limits)
    return table


def read_header(file: IO[bytes], size: int, where: object) -> Header:
    """Return an array's header, once it is known that exactly its numbers follow in `size` bytes.

    Raises:
        EmbeddingSetError: no such header, Python objects, or other than the claimed number of bytes.
    """
    with reraise_as_set_error(where, "a NumPy array", _REMEDY, *_ERRORS):
        version = np.lib.format.read_magic(file)
        read: Callable[..., Any] = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        if version == (3, 0):  # as 2.0, but UTF-8; only field names need it, and those are not read
            raise ValueError("a structured array")
        shape, fortran_order, dtype = read(file)
        offset = file.tell()
    if dtype.hasobject:
        raise EmbeddingSetError(f"{where}: {_OBJECTS}")
    if dtype.itemsize == 0 or any(length < 0 for length in shape):
        raise EmbeddingSetError(f"{where}: its header is damaged (shape {shape}, {dtype}); {_REMEDY}")
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - offset:
        raise EmbeddingSetError(
            f"{where}: its header says {_shape(shape)} {dtype.name}, {expected:,} bytes, but {size - offset:,} "
            f"follow; it is cut short or damaged: {_REMEDY}"
        )
    return Header(shape, fortran_order, dtype, offset)


def map_array(path: Path, header: Header) -> np.ndarray:
    """Return the array on disk, read as it is used; changes to it stay in memory."""
    with reraise_as_set_error(path, "a NumPy array", _REMEDY, OSError, ValueError):
        return np.asarray(
            np.memmap(
                path,
                dtype=header.dtype,
                mode="c",
                offset=header.offset,
                shape=header.shape,
                order="F" if header.fortran_order else "C",
            )
        )


def read_npz(path: Path, limits: Limits) -> Table:
    """Return the arrays of an .npz file; each is read when it is loaded.

    Raises:
        EmbeddingSetError: no .npz file, or an array that `read_npy` would refuse.
    """
    table = Table("NumPy arrays (.npz)")
    packed: dict[str, bytes] = {}
    remedy = "save it again with np.savez"
    with _archives.open_archive(path, limits, "an .npz archive", remedy) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name == entry.filename:
                table.leave_out(name, "it is no .npy array")
                continue
            where = f"{path}: '{one_line(name)}'"
            with reraise_as_set_error(where, "a NumPy array", remedy, *_archives.ERRORS), archive.open(entry) as file:
                header = read_header(file, entry.file_size, where)
            if name in (ITEMS, INFO) and header.dtype == np.uint8 and len(header.shape) == 1:
                packed[name] = _load(path, entry, where).tobytes()
                continue
            from_array(
                table,
                name,
                header.shape,
                header.dtype,
                partial(_load, path, entry, where),
                limits,
            )
    add_packed(table, path, packed.get(ITEMS), packed.get(INFO), limits)
    return table


def _load(path: Path, entry: zipfile.ZipInfo, where: str) -> np.ndarray:
    remedy = "save it again with np.savez"
    with (
        reraise_as_set_error(where, "a NumPy array", remedy, *_archives.ERRORS, *_ERRORS),
        zipfile.ZipFile(path) as archive,
        archive.open(entry) as file,
    ):
        return np.lib.format.read_array(file, allow_pickle=False)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{length:,}" for length in shape) or "one"
