"""Checks of an embedding set; messages name the source, the modality and the first bad row."""

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.core.paths import stays_inside
from gram.data.segments import BLOCK_ELEMENTS, CACHED_ELEMENTS, blocks, map_segments
from gram.errors import EmbeddingSetError

STORED_DTYPES = (torch.float32, torch.float16)
_MEDIA_NAME = re.compile(r"media(_.*)?|.*_media")
_INFO_FIELDS = (  # of an info, with what each must hold if it is there
    ("name", str, "a text"),
    ("model", str, "a text"),
    ("encoders", list, "a list"),
    ("media_of", dict, "an object of columns and modalities"),
    ("sampled_from", int, "a whole number"),
)


@dataclass(frozen=True)
class Sources:
    """Names of the parts of a set in messages: paths, or arguments of the constructor."""

    embeddings: str = "modalities"
    items: str = "items"
    info: str = "info"

    def modality(self, name: str) -> str:
        """Return the name of a modality in messages."""
        return f"{self.embeddings}: modality '{name}'"


def check_set(
    modalities: Mapping[str, Float[Tensor, "n d"]],
    items: pd.DataFrame,
    info: Mapping[str, Any],
    sources: Sources,
    *,
    one_space: bool = True,
) -> "pd.Index[Any]":
    """Check all but the values of the modalities, for which see `check_rows`; return the index of ids.

    All modalities must have the same d if `one_space`.

    Raises:
        EmbeddingSetError: on the first thing that is wrong.
    """
    if not modalities:
        raise EmbeddingSetError(f"{sources.embeddings}: no modality; give at least one array of shape (n, d)")
    for name in modalities:
        if not isinstance(name, str) or not name:
            raise EmbeddingSetError(f"{sources.embeddings}: a modality is called {name!r}; give it a word as its name")
    index = _check_items(items, sources)
    _check_info(info, modalities, items.columns, sources)
    _check_media(items, info, sources)
    first, d = next(iter(modalities)), 0
    for name, tensor in modalities.items():
        where = sources.modality(name)
        _check_shape(tensor, len(items), where, sources)
        d = d or tensor.shape[1]
        if one_space and tensor.shape[1] != d:
            raise EmbeddingSetError(
                f"{where} has d = {tensor.shape[1]}, but '{first}' has d = {d}; "
                "all modalities of a set live in one space: project them to the same d"
            )
    return index


def _check_shape(tensor: Tensor, n: int, where: str, sources: Sources) -> None:
    if tensor.dtype not in STORED_DTYPES:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise EmbeddingSetError(f"{where} is {kind}; store it as float32 or float16")
    if tensor.ndim != 2 or tensor.shape[1] == 0:
        shape = tuple(tensor.shape)
        raise EmbeddingSetError(f"{where} has shape {shape}; expected (n, d), one row an item, with d >= 1")
    if len(tensor) != n:
        end = f"row {min(len(tensor), n)} is the first without its counterpart"
        raise EmbeddingSetError(
            f"{where} has {len(tensor)} rows, but {sources.items} has {n}; {end}: give each item one row "
            "(NaN where the modality is missing)"
        )


def check_rows(
    tensor: Float[Tensor, "n d"], ids: "pd.Series[Any]", where: str, *, numbers: Int[Tensor, " n"] | None = None
) -> Bool[Tensor, " n"]:
    """Return which rows are NaN; only rows whose norm is 0 or not finite are read twice.

    `tensor` has the rows `numbers` of a modality, all by default; `ids` are those of all its items. Messages call it
    `where`.

    Raises:
        EmbeddingSetError: a row with an infinite value, NaN in part, or of zeros alone.
    """
    missing = torch.zeros(len(tensor), dtype=torch.bool)
    for _, suspects in map_segments(
        len(tensor), tensor.shape[1], lambda part: _suspects(tensor, part), elements=BLOCK_ELEMENTS
    ):
        if len(suspects):
            named = suspects if numbers is None else numbers[suspects]
            missing[suspects] = _check_suspects(tensor[suspects], named, ids, where)
    return missing


def _suspects(tensor: Float[Tensor, "n d"], part: slice) -> Int[Tensor, " s"]:
    """Return which rows of a part have a norm that is 0 or not finite.

    float16 is first copied to float32, in cached memory: four times as fast.
    """
    norms = torch.empty(part.stop - part.start)
    wide = torch.empty(0)
    for block in blocks(len(norms), tensor.shape[1], elements=CACHED_ELEMENTS):
        rows = tensor[part][block]
        if rows.dtype != torch.float32:
            wide = wide if wide.numel() else torch.empty(rows.shape)
            rows = wide[: len(rows)].copy_(rows)
        torch.linalg.vector_norm(rows, dim=1, out=norms[block])
    return part.start + torch.nonzero(~torch.isfinite(norms) | (norms == 0)).flatten()


def _check_suspects(
    rows: Float[Tensor, "m d"], numbers: Tensor, ids: "pd.Series[Any]", where: str
) -> Bool[Tensor, " m"]:
    nan = rows.isnan()
    faults = {
        "has an infinite value": (
            rows.isinf().any(1),
            "repair or remove the item, or make its whole row NaN if it lacks this modality",
        ),
        "is NaN in part": (
            nan.any(1) & ~nan.all(1),
            "repair it, or make the whole row NaN if the item lacks this modality",
        ),
        "is all zeros": (
            (rows == 0).all(1),
            "a zero vector has no direction: repair it, or make the row NaN if the item lacks this modality",
        ),
    }
    first = {what: int(bad.nonzero()[0]) for what, (bad, _) in faults.items() if bad.any()}
    if first:
        what = min(first, key=first.__getitem__)
        row = int(numbers[first[what]])
        raise EmbeddingSetError(f"{where}, row {row} (id '{ids.iloc[row]}') {what}; {faults[what][1]}")
    return nan.all(1)


def _check_items(items: pd.DataFrame, sources: Sources) -> "pd.Index[Any]":
    if "id" not in items.columns:
        raise EmbeddingSetError(
            f"{sources.items}: no column 'id' (columns: {', '.join(map(str, items.columns)) or 'none'}); "
            "add one with a unique value for each item"
        )
    if items.columns.has_duplicates:
        name = items.columns[items.columns.duplicated()][0]
        raise EmbeddingSetError(f"{sources.items}: two columns are called '{name}'; rename one")
    if items.empty:
        raise EmbeddingSetError(f"{sources.items}: no items; a set holds at least one")
    empty = items["id"].isna().to_numpy()
    if empty.any():
        raise EmbeddingSetError(f"{sources.items}: row {empty.argmax()} has no id; give each item a unique one")
    index = index_of(items["id"])
    if not index.is_unique:
        ids = items["id"].astype(str)
        row = int(ids.duplicated().to_numpy().argmax())
        earlier = int((ids == ids.iloc[row]).to_numpy().argmax())
        raise EmbeddingSetError(
            f"{sources.items}: row {row} repeats the id '{ids.iloc[row]}' of row {earlier}; make each id unique"
        )
    return index


def index_of(ids: "pd.Series[Any]") -> "pd.Index[Any]":
    """Return an index of ids: as text, or as integers where they are integers, which takes less memory."""
    is_number = isinstance(ids.dtype, np.dtype) and ids.dtype.kind == "i"
    return pd.Index(ids if is_number else ids.astype(str))


def _check_info(info: Mapping[str, Any], modalities: Mapping[str, Tensor], columns: pd.Index, sources: Sources) -> None:
    for field, kind, expected in _INFO_FIELDS:
        if field in info and (not isinstance(info[field], kind) or isinstance(info[field], bool)):
            raise EmbeddingSetError(f"{sources.info}: '{field}' must be {expected}, got {_brief(info[field])}")
    anchor = info.get("anchor", next(iter(modalities)))
    if not isinstance(anchor, str) or anchor not in modalities:
        names = ", ".join(modalities)
        raise EmbeddingSetError(
            f"{sources.info}: the anchor {_brief(anchor)} is not a modality of this set; use one of {names}"
        )
    media = info.get("media", [])
    if not isinstance(media, list) or not all(isinstance(name, str) and name in columns for name in media):
        raise EmbeddingSetError(f"{sources.info}: 'media' must list columns of the items, got {_brief(media)}")


def _brief(value: object) -> str:
    """Return a value as a message quotes it: on one line, cut where it is long."""
    return reprlib.repr(value).replace("\n", " ")


def media_columns(items: pd.DataFrame, info: Mapping[str, Any]) -> list[str]:
    """Return the columns that hold paths of media files.

    They are those that `info["media"]` lists, those called `media`, `media_*` or `*_media`, and text columns
    with a value that starts with `media/`.
    """
    named = info.get("media", [])
    return [
        str(column)
        for column in items.columns
        if column in named or _MEDIA_NAME.fullmatch(str(column)) or _holds_media(items[column])
    ]


def _holds_media(column: "pd.Series[Any]") -> bool:
    if not (pd.api.types.is_string_dtype(column) or pd.api.types.is_object_dtype(column)):
        return False
    if isinstance(column.dtype, pd.StringDtype):
        return bool(column.str.startswith("media/").fillna(False).any())
    return any(isinstance(value, str) and value.startswith("media/") for value in column)


def _check_media(items: pd.DataFrame, info: Mapping[str, Any], sources: Sources) -> None:
    for column in media_columns(items, info):
        for row, path in enumerate(items[column]):
            if not (pd.api.types.is_scalar(path) and pd.isna(path)) and not stays_inside(path):
                raise EmbeddingSetError(
                    f"{sources.items}: column '{column}', row {row} (id '{items['id'].iloc[row]}') is "
                    f"{path!r}, which is not a path inside the set's folder; put the file under media/ and "
                    "give its relative path"
                )
