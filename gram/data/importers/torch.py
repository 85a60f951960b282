"""torch's .pt and .pth: a tensor, or a dict of tensors, in the zip form that torch writes since 1.6.

The list of instructions in the file (its pickle) is read as text first, and may name nothing but the functions that
rebuild tensors; then torch rebuilds them with `weights_only=True`, on the disk's own pages.
"""

import pickle
import pickletools
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from gram.data.importers import archives as _archives
from gram.data.importers.limits import Limits, one_line, reraise_as_set_error
from gram.data.importers.table import HEAD, Loaded, Source, Table, from_tensor
from gram.errors import EmbeddingSetError

_REMEDY = "save tensors alone: torch.save({'text': text, 'video': video}, path)"
_PICKLE = 256 * 2**20
_REBUILDERS = frozenset(
    (
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "collections OrderedDict",
        *(
            f"torch {kind}Storage"
            for kind in ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
        ),
    )
)
_ERRORS = (
    *_archives.ERRORS,
    pickle.UnpicklingError,
    AttributeError,
    TypeError,
    AssertionError,
    OverflowError,
    ImportError,
)


def read_torch(path: Path, limits: Limits) -> Table:
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
    _check(path, limits)
    with reraise_as_set_error(path, "tensors", _REMEDY, *_ERRORS):
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    table = Table("PyTorch tensors")
    for name, value in _flat(content, path.stem, table):
        _add(table, name, value, limits)
    return table


def _check(path: Path, limits: Limits) -> None:
    """Check that the archive is sound and its pickle names only what rebuilds tensors."""
    with _archives.open_archive(path, limits, "a file of torch", _REMEDY) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise EmbeddingSetError(f"{path}: was packed anew, which torch cannot map; save it with torch.save")
        pickles = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
        if len(pickles) != 1 or pickles[0].file_size > _PICKLE:
            raise EmbeddingSetError(f"{path}: is not a file of tensors; {_REMEDY}")
        with reraise_as_set_error(path, "tensors", _REMEDY, *_ERRORS):
            for opcode, argument, _ in pickletools.genops(archive.read(pickles[0])):
                if opcode.name in ("INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "OBJ", "NEWOBJ", "NEWOBJ_EX") or (
                    opcode.name == "GLOBAL" and argument not in _REBUILDERS
                ):
                    held = one_line(str(argument).replace(" ", ".")) if argument else "an object"
                    raise EmbeddingSetError(f"{path}: holds {held[:80]}, which is never unpickled; {_REMEDY}")


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


def _add(table: Table, name: str, value: Any, limits: Limits) -> None:
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.device.type != "cpu":
            return table.leave_out(name, "it is no plain tensor; save tensor.to_dense().cpu()")
        tensor = value.detach()
        if not tensor.is_contiguous():
            limits.check_unpacked(f"'{one_line(name)}'", tensor.numel() * tensor.element_size())
        kind = str(tensor.dtype).removeprefix("torch.")
        return from_tensor(table, name, tuple(tensor.shape), kind, tensor.contiguous, limits)
    if isinstance(value, list | tuple) and value and (_all(value, str) or _all(value, int, float)):
        limits.check_items(f"'{one_line(name)}'", len(value))
        texts = isinstance(value[0], str)
        with reraise_as_set_error(f"'{one_line(name)}'", "values", _REMEDY, OverflowError, ValueError, TypeError):
            values = pd.Series(list(value), dtype="str" if texts else None)
        kind = "text" if texts else str(values.dtype)
        return table.add(name, Source((len(value),), kind, lambda: Loaded(values), values.head(HEAD)))
    return table.leave_out(name, f"it is a {type(value).__name__}, not a tensor")


def _all(values: Iterable[Any], *kinds: type) -> bool:
    return all(type(value) in kinds for value in values)
