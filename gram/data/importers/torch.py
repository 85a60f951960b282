"""torch's .pt and .pth: a tensor, or a dict of tensors, in the zip form that torch writes since 1.6.

Tensors are mapped where they lie in the file. What describes them is a pickle, of which an unpickler that resolves the
functions that rebuild tensors, and nothing else, makes shapes and places; torch itself is not needed, and no other
object is ever built.
"""

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gram.data.importers.base import Mapped, Table, from_array
from gram.data.importers.limits import Limits, one_line, reraise_as_set_error
from gram.data.importers.zip import ERRORS as ZIP_ERRORS
from gram.data.importers.zip import open_archive, start_of
from gram.errors import EmbeddingSetError

SUFFIXES = (".pt", ".pth")

_REMEDY = "save tensors alone: torch.save({'text': text, 'video': video}, path)"
_DTYPES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip
_ERRORS = (*ZIP_ERRORS, pickle.UnpicklingError, AttributeError, TypeError, ArithmeticError, ImportError)


class _Storage(NamedTuple):
    dtype: str
    key: str
    length: int


class _Tensor(NamedTuple):
    """A tensor that is not read: its storage, and where its numbers lie there, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: object) -> _Tensor:
    numbers = [offset, *shape, *strides]
    if not isinstance(storage, _Storage) or len(shape) != len(strides) or not _all(numbers, int) or min(numbers) < 0:
        raise pickle.UnpicklingError("a damaged tensor")
    end = offset + 1 + sum((size - 1) * stride for size, stride in zip(shape, strides))
    if 0 not in shape and end > storage.length:
        raise pickle.UnpicklingError("a tensor that is larger than its storage")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _rebuild_parameter(tensor: Any, *_: object) -> Any:
    return tensor


class _Unpickler(pickle.Unpickler):
    """Resolves what rebuilds tensors, and refuses every other name before it is imported."""

    def __init__(self, data: bytes, path: Path) -> None:
        super().__init__(io.BytesIO(data))
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name.

        Raises:
            EmbeddingSetError: it is none of those that describe tensors.
        """
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        known = {("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor, ("collections", "OrderedDict"): OrderedDict,
                 ("torch._utils", "_rebuild_parameter"): _rebuild_parameter}  # fmt: skip
        if (module, name) not in known:
            held = one_line(f"{module}.{name}")[:80]
            raise EmbeddingSetError(f"{self.path}: holds {held}, which is never unpickled; {_REMEDY}")
        return known[module, name]

    def persistent_load(self, saved: Any) -> _Storage:
        """Return the storage that a tensor names."""
        kind, dtype, key, _, count = saved
        if kind != "storage" or dtype not in _DTYPES.values() or not isinstance(count, int):
            raise pickle.UnpicklingError("a damaged storage")
        return _Storage(dtype, str(key), count)


def read(path: Path, limits: Limits) -> Table:
    """Return the tensors of a .pt file, and its lists of text or numbers; nested dicts give 'outer.inner'.

    Raises:
        EmbeddingSetError: an old or foreign form, anything in it but tensors, or more than `limits` allow.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            raise EmbeddingSetError(
                f"{path}: is not in the form that torch writes since 1.6, and older ones are not unpickled; load it "
                "where you trust it, and save it again with torch.save"
            )
    with open_archive(path, limits, "a file of torch", _REMEDY) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [name for name in entries if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise EmbeddingSetError(f"{path}: is not a file of tensors; {_REMEDY}")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise EmbeddingSetError(f"{path}: was packed anew, which torch cannot map; save it with torch.save")
        root = pickles[0].removesuffix("data.pkl")
        with reraise_as_set_error(path, "tensors", _REMEDY, *_ERRORS):
            big = f"{root}byteorder" in entries and archive.read(f"{root}byteorder") == b"big"
            content = _Unpickler(archive.read(pickles[0]), path).load()
    table = Table("PyTorch tensors")
    unpacked = 0
    for name, value in _flat(content, path.stem, table):
        if isinstance(value, _Tensor):
            with reraise_as_set_error(path, "tensors", _REMEDY, *_ERRORS):
                mapped = _place(path, value, entries[f"{root}data/{value.storage.key}"], big=big)
            size = _itemsize(value.storage) * math.prod(value.shape)
            unpacked += size if size > _itemsize(value.storage) * value.storage.length else 0
            limits.check_unpacked(f"{path}: '{one_line(name)}'", unpacked, path.stat().st_size)
            load = partial(_load_bfloat16 if value.storage.dtype == "bfloat16" else Mapped.load, mapped)
            from_array(table, name, value.shape, value.storage.dtype, load, limits, mapped=mapped)
        else:
            _add_list(table, name, value, limits)
    return table


def _itemsize(storage: _Storage) -> int:
    return 2 if storage.dtype == "bfloat16" else np.dtype(storage.dtype).itemsize


def _place(path: Path, tensor: _Tensor, entry: zipfile.ZipInfo, *, big: bool) -> Mapped:
    """Return where a tensor lies in the file; bfloat16 as the uint16 of the same bits."""
    size = _itemsize(tensor.storage)
    if entry.file_size < size * tensor.storage.length:
        raise EOFError("a storage is cut short")
    dtype = np.dtype("uint16" if tensor.storage.dtype == "bfloat16" else tensor.storage.dtype)
    strides = tuple(size * stride for stride in tensor.strides)
    name = dtype.newbyteorder(">" if big else "<").str
    return Mapped(str(path), start_of(path, entry) + size * tensor.offset, name, tensor.shape, strides)


def _load_bfloat16(mapped: Mapped) -> np.ndarray:
    return (mapped.load().astype(np.uint32) << 16).view(np.float32)


def _flat(content: Any, stem: str, table: Table) -> list[tuple[str, Any]]:
    """Return named values: of a tensor, a dict, or a dict of dicts."""
    if not isinstance(content, Mapping):
        return [(stem, content)]
    flat: list[tuple[str, Any]] = []
    for name, value in content.items():
        if not isinstance(value, Mapping):
            flat.append((str(name), value))
            continue
        for inner, nested in value.items():
            if isinstance(nested, Mapping):
                table.leave_out(f"{name}.{inner}", "it is nested more than once")
            else:
                flat.append((f"{name}.{inner}", nested))
    return flat


def _add_list(table: Table, name: str, value: Any, limits: Limits) -> None:
    if not isinstance(value, list | tuple) or not value or not (_all(value, str) or _all(value, int, float)):
        return table.leave_out(name, f"it is a {type(value).__name__}, not a tensor")
    limits.check_items(f"'{one_line(name)}'", len(value))
    texts = isinstance(value[0], str)
    with reraise_as_set_error(f"'{one_line(name)}'", "values", _REMEDY, OverflowError, ValueError, TypeError):
        values = pd.Series(list(value), dtype="str" if texts else None)
    return table.add_values(name, values, "text" if texts else str(values.dtype))


def _all(values: Iterable[Any], *kinds: type) -> bool:
    return all(type(value) in kinds for value in values)
