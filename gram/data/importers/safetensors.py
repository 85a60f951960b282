"""safetensors: the header is read by its library, and tensors are mapped into memory when they are loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors

from gram.data.importers.base import FLOATS, HEAD, INTEGERS, Loaded, Source, Table, from_array, rows_and_size
from gram.data.importers.limits import Limits, format_bytes, one_line, reraise_as_set_error
from gram.data.importers.parquet import INFO, ITEMS, METADATA, parse_info
from gram.data.importers.sandbox import PrivateFolder, read_file
from gram.errors import EmbeddingSetError

SUFFIXES = (".safetensors",)
READS_HEADERS = True

_LONGEST_HEADER = 2**22  # bytes; some 40,000 tensors
_ERRORS = (safetensors.SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError, OverflowError)
_REMEDY = "save it again with safetensors"
_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8",
    "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
}  # fmt: skip


def read(path: Path, limits: Limits) -> Table:
    """Return the tensors of a .safetensors file, mapped into memory when they are loaded.

    Raises:
        EmbeddingSetError: no such file, a header that claims what is not there, or one that is too long.
    """
    limits.check_file(path)
    with path.open("rb") as start:
        length = int.from_bytes(start.read(8), "little")
    if _LONGEST_HEADER < length < path.stat().st_size:
        raise EmbeddingSetError(f"{path}: its header has {format_bytes(length)}; save fewer tensors in a file")
    table = Table("safetensors")
    with _opened(path, path, "np") as file:
        metadata = file.metadata() or {}
        parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 no mapping
        shapes = {name: (tuple(part.get_shape()), str(part.get_dtype())) for name, part in parts.items()}
        packed = shapes.get(ITEMS, ((), ""))[1] == "U8"
        items = file.get_tensor(ITEMS) if packed else None
    for name, (shape, dtype) in shapes.items():
        if name != ITEMS or not packed:
            _add(table, name, shape, _DTYPES.get(dtype, dtype), partial(load_tensor, path, name), limits)
    info = metadata.get(METADATA.decode())
    table.info = parse_info(None if info is None else info.encode(), f"{path}: '{INFO}'")
    if items is not None:
        _add_items(table, items, f"{path}: '{ITEMS}'", limits)
    return table


def _add(table: Table, name: str, shape: tuple[int, ...], dtype: str, load: Any, limits: Limits) -> None:
    rows = rows_and_size(shape)
    if rows is None or len(rows) == 2 or dtype not in FLOATS | INTEGERS | {"bool"}:
        return from_array(table, name, shape, dtype, load, limits)
    limits.check_items(f"'{one_line(name)}'", rows[0])

    def load_values() -> Loaded:
        tensor = load().reshape(rows)
        return Loaded(pd.Series((tensor.float() if tensor.is_floating_point() else tensor).numpy()))

    return table.add(name, Source(rows, dtype, load_values, load_values().values.head(HEAD)))


def _add_items(table: Table, items: Any, where: str, limits: Limits) -> None:
    """Add the columns of a Parquet file's bytes, read in the sandbox as any other."""
    folder = PrivateFolder()
    file = folder.path / ITEMS
    file.write_bytes(items.tobytes())
    read = read_file(file, limits, where=where)
    table.add_items(read)
    table.held = (folder, read.held)


def load_tensor(path: Path, name: str) -> Any:
    """Return one tensor of a .safetensors file, read as it is used.

    Raises:
        EmbeddingSetError: it cannot be read any more.
    """
    with _opened(path, f"{path}: '{one_line(name)}'", "pt") as file:
        return file.get_tensor(name)


@contextmanager
def _opened(path: Path, where: object, framework: str) -> Iterator[Any]:
    with reraise_as_set_error(where, "safetensors", _REMEDY, *_ERRORS), safetensors.safe_open(path, framework) as file:
        yield file
