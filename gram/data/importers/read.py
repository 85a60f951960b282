"""Sets made of a file's columns, and the faults of its rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gram.core.paths import file_inside, stays_inside
from gram.data.importers.base import Source
from gram.data.importers.folder import is_embedding_set
from gram.data.importers.guess import ColumnRoles
from gram.data.importers.inspect import Inspection, inspect
from gram.data.importers.limits import Limits, one_line
from gram.errors import EmbeddingSetError

if TYPE_CHECKING:  # torch is imported by what needs it, for processes of the sandbox must start soon
    from torch import Tensor

    from gram.data.embedding_set import EmbeddingSet, FeatureSet

_MOST = 300
_FRESH = ("modalities", "columns", "media", "anchor", "version", "kind")


@dataclass(frozen=True)
class RowError:
    """A fault that keeps a set from being made: its row (None for the whole file), the row's id, and what is wrong."""

    row: int | None
    id: str
    what: str


def read(inspection: Inspection, roles: ColumnRoles | None = None, *, without: Collection[int] = ()) -> FeatureSet:
    """Return the set that the roles make of a file; vectors on disk stay mapped where possible.

    Integers, bfloat16 and float64 become float32; float16 stays. Null cells and masked rows become rows of NaN.

    Args:
        inspection: from `inspect`.
        roles: which column is what; the guess if None.
        without: rows to leave out, such as those of `row_errors`.

    Raises:
        EmbeddingSetError: the roles name a column that is absent or does not fit, or a row is faulty: the first
            of `row_errors`, in one line.
    """
    import torch

    from gram.data.embedding_set import FeatureSet
    from gram.data.validation import Sources

    roles = roles or inspection.roles
    _check_roles(inspection, roles)
    without = frozenset(without)
    tensors = {}
    for name, column in roles.modalities.items():
        tensor, faults = _vectors(inspection, roles, name)
        first = min((row for row in faults if row not in without), default=None)
        if first is not None:
            where = f"{inspection.path}: '{column}', row {first} (id '{_ids(inspection, roles).iloc[first]}')"
            raise EmbeddingSetError(f"{where} {faults[first]}; repair it, or leave the row out")
        tensors[name] = tensor
    items, info = _items(inspection, roles), _info(inspection, roles)
    if without:
        kept = np.setdiff1d(np.arange(inspection.n), list(without))
        items = items.iloc[kept].reset_index(drop=True)
        tensors = {name: tensor[torch.from_numpy(kept)] for name, tensor in tensors.items()}
    return FeatureSet._from_parts(
        tensors, items, info, Sources(*[str(inspection.path)] * 3), inspection.folder, inspection.table.held
    )


def load(path: str | Path, *, limits: Limits | None = None) -> EmbeddingSet | FeatureSet:
    """Return the set in a file or folder of any kind that is read: `inspect` and `read`, with the guessed roles.

    Args:
        path: a file or a folder.
        limits: what may be spent on it.

    Returns:
        an `EmbeddingSet` for the folder of one, else a `FeatureSet` (which `.embedding_set()` turns into one where
        all modalities share a space).

    Raises:
        EmbeddingSetError: there is nothing that is read, or the guessed roles do not make a set.
    """
    from gram.data.embedding_set import EmbeddingSet

    path = Path(path)
    return EmbeddingSet.load(path) if is_embedding_set(path) else read(inspect(path, limits=limits))


def row_errors(inspection: Inspection, roles: ColumnRoles | None = None) -> list[RowError]:
    """Return the faults that keep `read` from making a set, by row; at most 300.

    Raises:
        EmbeddingSetError: the file itself cannot be read.
    """
    roles = roles or inspection.roles
    try:
        _check_roles(inspection, roles)
    except EmbeddingSetError as error:
        return [RowError(None, "", str(error))]
    ids = _ids(inspection, roles)
    errors: list[RowError] = []
    for row, what in _all_errors(inspection, roles, ids):
        errors.append(RowError(row, str(ids.iloc[row]), what))
        if len(errors) == _MOST:
            break
    return sorted(errors, key=lambda error: error.row or 0)


def _all_errors(inspection: Inspection, roles: ColumnRoles, ids: pd.Series[Any]) -> Iterator[tuple[int, str]]:
    for row in np.flatnonzero(ids.isna()).tolist():
        yield row, "has no id"
    for row in np.flatnonzero(ids.astype(str).duplicated() & ids.notna()).tolist():
        yield row, f"repeats the id '{ids.iloc[row]}'"
    for name in roles.modalities:
        tensor, faults = _vectors(inspection, roles, name)
        for row in sorted(faults):
            yield row, f"'{name}' {faults[row]}"
        for row, what in _faulty_rows(tensor):
            if row not in faults:
                yield row, f"'{name}' {what}"
    for column in roles.media:
        values = inspection.table.columns[column].load().values
        for row, path in enumerate(values):
            if not _is_empty(path) and file_inside(inspection.folder, path) is None:
                where = "is not there" if stays_inside(path) else "lies outside the folder"
                yield row, f"'{column}' names {one_line(str(path))[:80]!r}, which {where}"


def _faulty_rows(tensor: Tensor) -> Iterator[tuple[int, str]]:
    import torch

    from gram.data.segments import blocks

    for block in blocks(*tensor.shape):
        rows = tensor[block]
        norms = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float32)
        for place in torch.nonzero(~torch.isfinite(norms) | (norms == 0)).flatten().tolist():
            nan = rows[place].isnan()
            if rows[place].isinf().any():
                yield block.start + place, "has an infinite value"
            elif nan.any() and not nan.all():
                yield block.start + place, f"is NaN in part ({int(nan.sum()):,} of {len(nan):,} numbers)"
            elif (rows[place] == 0).all():
                yield block.start + place, "is all zeros, and has no direction"


def _check_roles(inspection: Inspection, roles: ColumnRoles) -> None:
    where, columns = inspection.path, inspection.table.columns
    if not roles.modalities:
        raise EmbeddingSetError(f"{where}: no modality is chosen; choose at least one column of vectors")
    single = (roles.id, roles.label, roles.split, *roles.media, *roles.masks.values())
    used = [(name, True) for name in roles.modalities.values()] + [(name, False) for name in single if name is not None]
    for name, vectors in used:
        if name not in columns:
            raise EmbeddingSetError(f"{where}: has no column '{name}'; it has {', '.join(list(columns)[:20])}")
        rows = columns[name].shape[0]
        if rows != inspection.n:
            raise EmbeddingSetError(
                f"{where}: '{name}' has {rows:,} rows, and the others have {inspection.n:,}; give "
                "each item one row, NaN where it is missing, or leave the column out"
            )
        if not (columns[name].is_vector if vectors else not columns[name].is_matrix):
            kind = "a vector" if columns[name].is_matrix else "a single value"
            raise EmbeddingSetError(f"{where}: '{name}' holds {kind} an item; choose another column for this")
    for modality in (roles.anchor, *roles.masks):
        if modality is not None and modality not in roles.modalities:
            raise EmbeddingSetError(f"{where}: '{modality}' is not among the modalities {', '.join(roles.modalities)}")


def _vectors(inspection: Inspection, roles: ColumnRoles, name: str) -> tuple[Tensor, dict[int, str]]:
    """Return a modality's rows, NaN where its mask says so, and the faults of single rows."""
    import torch

    source = inspection.table.columns[roles.modalities[name]]
    if source.dtype not in ("float16", "float32"):
        inspection.limits.check_unpacked(f"{inspection.path}: '{name}'", 4 * math.prod(source.shape))
    loaded = source.load()
    tensor = _as_tensor(loaded.values if source.is_matrix else _one_number(loaded.values), source)
    faults = dict(loaded.faults)
    if name in roles.masks:
        absent = torch.from_numpy(~_present(inspection, roles.masks[name]))
        if absent.any():
            tensor = tensor.clone()
            tensor[absent] = float("nan")
            faults = {row: what for row, what in faults.items() if not absent[row]}
    return tensor, faults


def _as_tensor(values: Any, source: Source) -> Tensor:
    """Return numbers as a float tensor: float16 and float32 as they are, all else as float32."""
    import torch

    if not isinstance(values, torch.Tensor):
        array = values.astype(values.dtype.newbyteorder("="), copy=False)
        if source.dtype == "bfloat16" and array.dtype == np.uint16:  # mapped: numpy has no such type
            return torch.from_numpy(np.require(array, requirements=["C", "W"])).view(torch.bfloat16).float()
        if array.dtype.kind in "iub" or array.dtype.itemsize > 4:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is then named by row
                array = array.astype(np.float32)
        values = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    return values if values.dtype in (torch.float16, torch.float32) else values.to(torch.float32)


def _one_number(values: pd.Series[Any]) -> np.ndarray:
    """Return one number an item as vectors with d = 1, NaN where there is none."""
    half = values.dtype == np.float16
    return values.to_numpy(np.float16 if half else np.float64, na_value=np.nan)[:, None]


def _present(inspection: Inspection, column: str) -> np.ndarray:
    values = inspection.table.columns[column].load().values
    numbers = pd.to_numeric(values.map({True: 1, False: 0}) if values.dtype == object else values, errors="coerce")
    given = numbers.fillna(0).to_numpy()
    if not np.isin(given, (0, 1)).all():
        raise EmbeddingSetError(
            f"{inspection.path}: the mask '{column}' holds more than 0 and 1; choose another column"
        )
    return (given == 0) if "missing" in column.lower() else (given == 1)


def _ids(inspection: Inspection, roles: ColumnRoles) -> pd.Series[Any]:
    if roles.id is None:
        return pd.Series([str(row) for row in range(inspection.n)], dtype="str")
    ids: pd.Series[Any] = inspection.table.columns[roles.id].load().values
    return ids


def _items(inspection: Inspection, roles: ColumnRoles) -> pd.DataFrame:
    """Return the items: id, label and split under these names, all other single values under their own."""
    own = {roles.id: "id", roles.label: "label", roles.split: "split"}
    used = {*roles.modalities.values(), *roles.masks.values()}
    columns = {} if roles.id is not None else {"id": _ids(inspection, roles)}
    for name, source in inspection.table.columns.items():
        if source.is_matrix or name in used or source.shape[0] != inspection.n:
            continue
        called = own.get(name) or _called(source, name, {*own.values()} - {None}, columns)
        columns[called] = source.load().values
    taken = pd.DataFrame(columns)
    renamed = {column: f"({column})" for column in _no_media(taken, roles)}
    return taken.rename(columns=renamed)


def _called(source: Source, name: str, reserved: set[str], columns: dict[str, Any]) -> str:
    called = source.original or name
    while called in columns or called in reserved - {name} or (called == "id" and "id" in columns):
        called = f"{called} (column)"
    return called


def _no_media(items: pd.DataFrame, roles: ColumnRoles) -> list[str]:
    """Return columns that a set would take for media by their names, though they hold something else."""
    from gram.data.validation import media_columns

    return [
        column
        for column in media_columns(items, {})
        if column not in roles.media and not all(_is_empty(value) or stays_inside(value) for value in items[column])
    ]


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _info(inspection: Inspection, roles: ColumnRoles) -> dict[str, Any]:
    info = {key: value for key, value in inspection.table.info.items() if key not in _FRESH}
    if roles.media:
        info["media"] = [inspection.table.columns[column].original or column for column in roles.media]
        info["media_of"] = {inspection.table.columns[c].original or c: shown for c, shown in roles.media.items()}
    own = inspection.table.info.get("media")
    if isinstance(own, list) and not own:
        info["media"] = []
    if not inspection.table.info or "anchor" in inspection.table.info or roles.anchor != next(iter(roles.modalities)):
        info["anchor"] = roles.anchor or next(iter(roles.modalities))
    if "name" not in info and not inspection.table.info:
        info["name"] = one_line(inspection.path.stem)
    return info
