"""NumPy's .npy: the header is checked against the size of the file, and the numbers are mapped."""

import math
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from gram.data.importers.base import Mapped, Table, dtype_name, from_array
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.errors import EmbeddingSetError

SUFFIXES = (".npy",)
READS_HEADERS = True  # of at most 10,000 characters, by numpy's default

ERRORS = (ValueError, TypeError, SyntaxError, EOFError, OSError, OverflowError, LookupError, AttributeError,
          tokenize.TokenError)  # fmt: skip
_REMEDY = "save it again with np.save"
_OBJECTS = "holds Python objects, which are never unpickled; save numbers: np.save(path, np.stack(list(array)))"


class Header(NamedTuple):
    """What an .npy header says, and where its numbers start."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: "np.dtype[Any]"
    offset: int

    def mapped(self, path: Path, start: int = 0) -> Mapped:
        """Return where the numbers lie in a file, whose part with the array begins at `start`."""
        sizes = self.shape if self.fortran_order else self.shape[::-1]
        steps = [self.dtype.itemsize * math.prod(sizes[:side]) for side in range(len(sizes))]
        strides = tuple(steps if self.fortran_order else steps[::-1])
        return Mapped(str(path), start + self.offset, self.dtype.str, self.shape, strides)


def read(path: Path, limits: Limits) -> Table:
    """Return the one array of an .npy file, mapped into memory when it is loaded.

    Raises:
        EmbeddingSetError: no .npy file, Python objects in it, or a header that claims what is not there.
    """
    size = limits.check_file(path)
    with path.open("rb") as file:
        header = read_header(file, size, path)
    table = Table("NumPy array (.npy)")

    def load() -> np.ndarray:
        with reraise_as_set_error(path, "a NumPy array", _REMEDY, OSError, ValueError):
            return header.mapped(path).load()

    from_array(table, path.stem, header.shape, dtype_name(header.dtype), load, limits)
    return table


def read_header(file: IO[bytes], size: int, where: object) -> Header:
    """Return an array's header, once it is known that exactly its numbers follow in `size` bytes.

    Raises:
        EmbeddingSetError: no such header, Python objects, or other than the claimed number of bytes.
    """
    with reraise_as_set_error(where, "a NumPy array", _REMEDY, *ERRORS):
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
    if dtype.itemsize == 0 or any(type(length) is not int or length < 0 for length in shape):
        raise EmbeddingSetError(f"{where}: its header is damaged (shape {shape}, {dtype}); {_REMEDY}")
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - offset:
        sides = " x ".join(f"{length:,}" for length in shape) or "one"
        raise EmbeddingSetError(
            f"{where}: its header says {sides} {dtype.name}, {expected:,} bytes, but {size - offset:,} "
            f"follow; it is cut short or damaged: {_REMEDY}"
        )
    return Header(shape, fortran_order, dtype, offset)
