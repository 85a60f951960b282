"""A set made of a file's columns, and what stands against it, row by row."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gram.data.embedding_set import FeatureSet
from gram.data.importers.guess import Plan
from gram.data.importers.inside import file_inside
from gram.data.importers.inspect import Found
from gram.data.importers.limits import one_line
from gram.data.importers.table import Source, as_tensor
from gram.data.validation import Sources, blocks, media_columns, stays_inside
from gram.errors import EmbeddingSetError

_MOST = 300
_FRESH = ("modalities", "columns", "media", "anchor", "version", "kind")


@dataclass(frozen=True)
class Problem:
    """Something that keeps a set from being made: a row (None if it is no single one), its id, and what is wrong."""

    row: int | None
    id: str
    what: str


def read(found: Found, plan: Plan | None = None, *, without: Collection[int] = ()) -> FeatureSet:
    """Return the set that a plan makes of what was found; vectors on disk stay there, mapped, where that is possible.

    Integers, bfloat16 and float64 become float32; float16 stays. Null cells and masked rows become rows of NaN.

    Args:
        found: from `look`.
        plan: which column is what; the guess if None.
        without: rows to leave out, such as those with problems.

    Raises:
        EmbeddingSetError: the plan names a column that is not there or does not fit, or a row is faulty: the first
            of `problems`, in one line.
    """
    plan = plan or found.plan
    _check_plan(found, plan)
    without = frozenset(without)
    tensors = {}
    for name, column in plan.modalities.items():
        tensor, faults = _vectors(found, plan, name)
        first = min((row for row in faults if row not in without), default=None)
        if first is not None:
            raise EmbeddingSetError(
                f"{found.path}: '{column}', row {first} (id '{_ids(found, plan).iloc[first]}') {faults[first]}; repair "
                "it, or leave the row out"
            )
        tensors[name] = tensor
    items, info = _items(found, plan), _info(found, plan)
    if without:
        kept = np.setdiff1d(np.arange(found.n), list(without))
        items = items.iloc[kept].reset_index(drop=True)
        tensors = {name: tensor[torch.from_numpy(kept)] for name, tensor in tensors.items()}
    return FeatureSet._of(tensors, items, info, Sources(*[str(found.path)] * 3), found.folder, found.table.held)


def problems(found: Found, plan: Plan | None = None) -> list[Problem]:
    """Return what keeps `read` from making a set, in words and by row; some hundred at most.

    Raises:
        EmbeddingSetError: the file itself cannot be read.
    """
    plan = plan or found.plan
    try:
        _check_plan(found, plan)
    except EmbeddingSetError as error:
        return [Problem(None, "", str(error))]
    ids = _ids(found, plan)
    told = []
    for row, what in _all_problems(found, plan, ids):
        told.append(Problem(row, str(ids.iloc[row]), what))
        if len(told) == _MOST:
            break
    return sorted(told, key=lambda problem: problem.row or 0)


def _all_problems(found: Found, plan: Plan, ids: "pd.Series[Any]") -> Iterator[tuple[int, str]]:
    for row in np.flatnonzero(ids.isna()).tolist():
        yield row, "has no id"
    for row in np.flatnonzero(ids.astype(str).duplicated() & ids.notna()).tolist():
        yield row, f"repeats the id '{ids.iloc[row]}'"
    for name in plan.modalities:
        tensor, faults = _vectors(found, plan, name)
        for row in sorted(faults):
            yield row, f"'{name}' {faults[row]}"
        for row, what in _faulty_rows(tensor):
            if row not in faults:
                yield row, f"'{name}' {what}"
    for column in plan.media:
        values = found.table.columns[column].load().values
        for row, path in enumerate(values):
            if not _is_empty(path) and file_inside(found.folder, path) is None:
                where = "is not there" if stays_inside(path) else "lies outside the folder"
                yield row, f"'{column}' names {one_line(str(path))[:80]!r}, which {where}"


def _faulty_rows(tensor: Tensor) -> Iterator[tuple[int, str]]:
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


def _check_plan(found: Found, plan: Plan) -> None:
    where, columns = found.path, found.table.columns
    if not plan.modalities:
        raise EmbeddingSetError(f"{where}: no modality is chosen; choose at least one column of vectors")
    single = (plan.id, plan.label, plan.split, *plan.media, *plan.masks.values())
    used = [(name, True) for name in plan.modalities.values()] + [(name, False) for name in single if name is not None]
    for name, vectors in used:
        if name not in columns:
            raise EmbeddingSetError(f"{where}: has no column '{name}'; it has {', '.join(list(columns)[:20])}")
        rows = columns[name].shape[0]
        if rows != found.n:
            raise EmbeddingSetError(
                f"{where}: '{name}' has {rows:,} rows, and the others have {found.n:,}; give each item one row, NaN "
                "where it is missing, or leave the column out"
            )
        if not (columns[name].is_vector if vectors else not columns[name].is_matrix):
            kind = "a vector" if columns[name].is_matrix else "a single value"
            raise EmbeddingSetError(f"{where}: '{name}' holds {kind} an item; choose another column for this")
    for modality in (plan.anchor, *plan.masks):
        if modality is not None and modality not in plan.modalities:
            raise EmbeddingSetError(f"{where}: '{modality}' is not among the modalities {', '.join(plan.modalities)}")


def _vectors(found: Found, plan: Plan, name: str) -> tuple[Tensor, dict[int, str]]:
    """Return a modality's rows, NaN where its mask says so, and what is wrong with single ones."""
    source = found.table.columns[plan.modalities[name]]
    if source.dtype not in ("float16", "float32"):
        found.limits.check_unpacked(f"{found.path}: '{name}'", 4 * math.prod(source.shape))
    loaded = source.load()
    tensor, faults = as_tensor(loaded.values if source.is_matrix else _one_number(loaded.values)), dict(loaded.faults)
    if name in plan.masks:
        absent = torch.from_numpy(~_present(found, plan.masks[name]))
        if absent.any():
            tensor = tensor.clone()
            tensor[absent] = float("nan")
            faults = {row: what for row, what in faults.items() if not absent[row]}
    return tensor, faults


def _one_number(values: "pd.Series[Any]") -> np.ndarray:
    """Return one number an item as vectors with d = 1, NaN where there is none."""
    half = values.dtype == np.float16
    return values.to_numpy(np.float16 if half else np.float64, na_value=np.nan)[:, None]


def _present(found: Found, column: str) -> np.ndarray:
    values = found.table.columns[column].load().values
    numbers = pd.to_numeric(values.map({True: 1, False: 0}) if values.dtype == object else values, errors="coerce")
    given = numbers.fillna(0).to_numpy()
    if not np.isin(given, (0, 1)).all():
        raise EmbeddingSetError(f"{found.path}: the mask '{column}' holds more than 0 and 1; choose another column")
    return (given == 0) if "missing" in column.lower() else (given == 1)


def _ids(found: Found, plan: Plan) -> "pd.Series[Any]":
    if plan.id is None:
        return pd.Series([str(row) for row in range(found.n)], dtype="str")
    ids: pd.Series[Any] = found.table.columns[plan.id].load().values
    return ids


def _items(found: Found, plan: Plan) -> pd.DataFrame:
    """Return the items: id, label and split under these names, all other single values under their own."""
    own = {plan.id: "id", plan.label: "label", plan.split: "split"}
    used = {*plan.modalities.values(), *plan.masks.values()}
    columns = {} if plan.id is not None else {"id": _ids(found, plan)}
    for name, source in found.table.columns.items():
        if source.is_matrix or name in used or source.shape[0] != found.n:
            continue
        called = own.get(name) or _called(source, name, {*own.values()} - {None}, columns)
        columns[called] = source.load().values
    taken = pd.DataFrame(columns)
    renamed = {column: f"({column})" for column in _no_media(taken, plan)}
    return taken.rename(columns=renamed)


def _called(source: Source, name: str, reserved: set[str], columns: dict[str, Any]) -> str:
    called = source.original or name
    while called in columns or called in reserved - {name} or (called == "id" and "id" in columns):
        called = f"{called} (column)"
    return called


def _no_media(items: pd.DataFrame, plan: Plan) -> list[str]:
    """Return columns that a set would take for media by their names, though they hold something else."""
    return [
        column
        for column in media_columns(items, {})
        if column not in plan.media and not all(_is_empty(value) or stays_inside(value) for value in items[column])
    ]


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _info(found: Found, plan: Plan) -> dict[str, Any]:
    info = {key: value for key, value in found.table.info.items() if key not in _FRESH}
    if plan.media:
        info["media"] = [found.table.columns[column].original or column for column in plan.media]
        info["media_of"] = {found.table.columns[c].original or c: shown for c, shown in plan.media.items()}
    own = found.table.info.get("media")
    if isinstance(own, list) and not own:
        info["media"] = []
    if not found.table.info or "anchor" in found.table.info or plan.anchor != next(iter(plan.modalities)):
        info["anchor"] = plan.anchor or next(iter(plan.modalities))
    if "name" not in info and not found.table.info:
        info["name"] = found.path.stem
    return info
