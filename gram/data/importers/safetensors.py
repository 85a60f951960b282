"""safetensors and torch's .pt: tensors are mapped into memory, and nothing but tensors is ever rebuilt."""

from functools import partial
from pathlib import Path

import safetensors
import torch

from gram.data.importers.limits import Limits, one_line, reraise_as_set_error
from gram.data.importers.packed_items import ITEMS, METADATA, add_packed
from gram.data.importers.table import Table, from_tensor

_SAFE_ERRORS = (safetensors.SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError, OverflowError)
_SAFE_REMEDY = "save it again with safetensors"
_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8",
    "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
}  # fmt: skip


def read_safetensors(path: Path, limits: Limits) -> Table:
    """Return the tensors of a .safetensors file, mapped into memory when they are loaded.

    Raises:
        EmbeddingSetError: no such file, or a header that claims what is not there.
    """
    limits.check_file(path)
    table = Table("safetensors")
    packed = None
    with (
        reraise_as_set_error(path, "safetensors", _SAFE_REMEDY, *_SAFE_ERRORS),
        safetensors.safe_open(path, "pt") as file,
    ):
        names, metadata = list(file.keys()), file.metadata() or {}
        parts = {name: file.get_slice(name) for name in names}
        shapes = {name: (tuple(part.get_shape()), str(part.get_dtype())) for name, part in parts.items()}
        if shapes.get(ITEMS, ((), ""))[1] == "U8":
            packed = file.get_tensor(ITEMS).numpy().tobytes()
    for name, (shape, dtype) in shapes.items():
        if name != ITEMS or packed is None:
            from_tensor(table, name, shape, _DTYPES.get(dtype, dtype), partial(load_tensor, path, name), limits)
    info = metadata.get(METADATA.decode())
    add_packed(table, path, packed, None if info is None else info.encode(), limits)
    return table


def load_tensor(path: Path, name: str) -> torch.Tensor:
    """Return one tensor of a .safetensors file, read as it is used.

    Raises:
        EmbeddingSetError: it cannot be read any more.
    """
    where = f"{path}: '{one_line(name)}'"
    with (
        reraise_as_set_error(where, "safetensors", _SAFE_REMEDY, *_SAFE_ERRORS),
        safetensors.safe_open(path, "pt") as file,
    ):
        return file.get_tensor(name)
