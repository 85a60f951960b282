"""The base of embedding sets and feature sets: vectors of n items in k modalities, and a table of the items."""

import copy
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, cast

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike
from torch import Tensor

from gram.core.paths import stays_inside
from gram.data.segments import blocks
from gram.data.storage import EMBEDDINGS, FEATURES, INFO, ITEMS, RowReader, check_kind, read_set, write_set
from gram.data.validation import Sources, check_rows, check_set, index_of, media_columns
from gram.errors import EmbeddingSetError

S = TypeVar("S", bound="VectorSet")

_NARROWED_DTYPES = (torch.float64, torch.bfloat16)
_DIGITS = 19  # a longer id is no 64-bit integer


class VectorSet:
    """n items, each seen in k modalities by a vector; its two kinds are `EmbeddingSet` and `FeatureSet`.

    An item that lacks a modality has a row of NaN there.
    """

    _one_space: ClassVar[bool] = True  # whether all modalities must have the same d

    modalities: dict[str, Float[Tensor, "n d"]]
    items: pd.DataFrame
    info: dict[str, Any]
    path: Path | None
    _missing: dict[str, Bool[Tensor, " n"]]  # of the modalities whose rows have been checked
    _sources: Sources = Sources()
    _keep_alive: object = None  # lives as long as the set: an unpacked archive, say
    _row_reader: RowReader | None = None  # of the vectors, where they are those of a set's folder

    def __init__(
        self, modalities: Mapping[str, ArrayLike | Tensor], items: pd.DataFrame, info: Mapping[str, Any] | None = None
    ) -> None:
        """Check and store the parts; arrays are shared, not copied, where their type allows it.

        Args:
            modalities: name -> (n, d) array or tensor; NaN rows where an item lacks the modality.
            items: n rows with a column "id".
            info: see the class; `anchor` defaults to the first modality.

        Raises:
            EmbeddingSetError: no modality, unlike n or d, d = 0, no items, a row with an infinite value,
                with NaN in part or of zeros alone, a type other than real floating, no "id" column, a
                repeated or empty id, an unknown anchor, a media path that leaves the set's folder.
        """
        tensors = {name: _as_tensor(values, name) for name, values in modalities.items()}
        self._assign(tensors, items, copy.deepcopy(dict(info or {})), Sources())
        self._all_missing()

    def _assign(
        self, modalities: dict[str, Tensor], items: pd.DataFrame, info: dict[str, Any], sources: Sources
    ) -> "pd.Index[Any]":
        """Check and store the parts, but not the rows; return the index of ids."""
        ids = check_set(modalities, items, info, sources, one_space=self._one_space)
        self.modalities = modalities
        self.items = items.reset_index(drop=True)
        self.info = info
        self.path = None
        self._missing, self._sources = {}, sources
        return ids

    def _missing_rows(self, name: str) -> Bool[Tensor, " n"]:
        """Return which items lack a modality; its rows are checked at the first call."""
        if name not in self._missing:
            self._missing[name] = check_rows(self.modalities[name], self.items["id"], self._sources.modality(name))
        return self._missing[name]

    @classmethod
    def _from_parts(
        cls,
        modalities: dict[str, Tensor],
        items: pd.DataFrame,
        info: dict[str, Any],
        sources: Sources,
        path: Path,
        keep_alive: object,
    ) -> Self:
        """Return a checked set of imported parts; `path` is the folder of its media."""
        made = cls.__new__(cls)
        made._assign(modalities, items, info, sources)
        made._all_missing()
        made.path, made._keep_alive = path, keep_alive
        return made

    @classmethod
    def load(cls, path: str | Path, *, lazily: bool = False) -> Self:
        """Return the set in the folder `path`; its vectors stay on disk, mapped into memory, until used.

        Every row is checked once, in blocks, so a bad file is found here and not in later work.

        Args:
            path: the folder.
            lazily: check rows at first use: `subset` checks those it takes, `present`, `missing` and `normalized` all.
                A bad row is refused then. A set of any size opens in the time that its items take.

        Raises:
            EmbeddingSetError: a file that is absent, cut short or unreadable, an unknown version, modalities
                unlike those that `info.json` lists, or anything that the constructor refuses.
        """
        folder = Path(path)
        sources = Sources(*(str(folder / name) for name in (EMBEDDINGS, ITEMS, INFO)))
        modalities, items, info, row_reader = read_set(folder)
        check_kind(info, sources.info, one_space=cls._one_space)
        loaded = cls.__new__(cls)
        ids = loaded._assign(modalities, items, info, sources)
        if lazily:
            loaded.__dict__["_rows_by_id"] = ids  # a million take time to index
        else:
            loaded._all_missing()
        loaded.path, loaded._row_reader = folder, row_reader
        return loaded

    def save(self, path: str | Path) -> None:
        """Write the set to the folder `path`, atomically: a crash at any point leaves the old set or the new one.

        All else in the folder, `media/` included, stays. One process may save at a time; others may load meanwhile.

        Raises:
            EmbeddingSetError: the folder holds files but no set, the disk refuses, or `items` or `info`
                hold what Parquet or JSON cannot.
        """
        kind = {} if self._one_space else {"kind": FEATURES}
        write_set(Path(path), self.modalities, self.items, self.info | kind)
        self.path = Path(path)

    def __len__(self) -> int:
        """Return n, the number of items."""
        return len(self.items)

    @property
    def names(self) -> list[str]:
        """Names of the modalities, in order."""
        return list(self.modalities)

    @property
    def anchor(self) -> str:
        """Name of the anchor modality: `info["anchor"]`, else the first."""
        return str(self.info.get("anchor", self.names[0]))

    def missing(self) -> dict[str, int]:
        """Return the number of items that lack each modality."""
        return {name: int(rows.sum()) for name, rows in self._all_missing().items()}

    def present(self, name: str) -> Bool[Tensor, " n"]:
        """Return which items have the modality `name`.

        Raises:
            ValueError: the set has no such modality.
        """
        if name not in self.modalities:
            raise ValueError(f"modality {name!r} is not in this set; it has {', '.join(self.names)}")
        return ~self._missing_rows(name)

    def has(self, row: int, name: str) -> bool:
        """Return whether the item at a row has a modality; no other row is read.

        Raises:
            ValueError: the set has no such modality.
        """
        if name not in self._missing and name in self.modalities:
            return not bool(self.modalities[name][row].isnan().any())
        return bool(self.present(name)[row])

    def find(self, item_id: object) -> int | None:
        """Return the row of the item with this id, None where no item has it; ids are compared as text.

        The first call indexes the ids, which must not change afterwards; later calls take constant time.
        """
        text = str(item_id)
        if self._rows_by_id.dtype.kind != "i":
            key: str | int = text
        elif text.removeprefix("-").isdecimal() and len(text) < _DIGITS and str(int(text)) == text:
            key = int(text)
        else:
            return None
        try:
            return int(cast(int, self._rows_by_id.get_loc(key)))  # ids are unique
        except KeyError:
            return None

    @cached_property
    def _rows_by_id(self) -> "pd.Index[Any]":
        """The index of ids."""
        return index_of(self.items["id"])

    def row(self, item_id: object) -> int:
        """Return the row of the item with this id; ids are compared as text.

        Raises:
            EmbeddingSetError: no item has this id.
        """
        found = self.find(item_id)
        if found is None:
            examples = ", ".join(self.items["id"].head(3).astype(str))
            raise EmbeddingSetError(f"no item has the id '{item_id}'; give one of the set's, such as {examples}")
        return found

    def lengths(self, name: str) -> Float[Tensor, " n"]:
        """Return the lengths of a modality's vectors, in float64; NaN where it is missing.

        Raises:
            ValueError: the set has no such modality.
        """
        self.present(name)
        rows = self.modalities[name]  # squares of float32 neither over- nor underflow in float64
        return torch.cat([torch.linalg.vector_norm(rows[block].double(), dim=1) for block in blocks(*rows.shape)])

    def subset(self, rows: ArrayLike | Tensor | slice) -> Self:
        """Return the items at `rows`, in that order; a slice shares memory, anything else copies.

        Args:
            rows: row numbers (negative ones count from the end), a boolean mask of n, or a slice.

        Raises:
            EmbeddingSetError: no row, or a row twice (its id would no longer be unique).
            ValueError: a mask of another length, or a row number outside the set.
        """
        index = rows if isinstance(rows, slice) else torch.from_numpy(self._row_numbers(rows))
        items = self.items.iloc[index if isinstance(index, slice) else index.numpy()].reset_index(drop=True)
        if items.empty:
            raise EmbeddingSetError("subset: no rows; a set holds at least one item")
        read: dict[str, Tensor] = {}
        if self._row_reader is not None and not isinstance(index, slice):  # rows not yet checked may be on disk
            read = self._row_reader.take([name for name in self.names if name not in self._missing], index)
        taken = {name: read[name] if name in read else tensor[index] for name, tensor in self.modalities.items()}
        return self._replace(
            taken, items, {name: self._missing_of(name, index, vectors) for name, vectors in taken.items()}
        )

    def _missing_of(
        self, name: str, index: slice | Int[Tensor, " m"], taken: Float[Tensor, "m d"]
    ) -> Bool[Tensor, " m"]:
        """Return which of the rows taken are missing; checked if they were not."""
        if name in self._missing:
            return self._missing[name][index]
        numbers = torch.arange(len(self))[index]
        return check_rows(taken, self.items["id"], self._sources.modality(name), numbers=numbers)

    def with_items(self, items: pd.DataFrame) -> Self:
        """Return the set with another table of the same items in the same order; vectors are shared.

        Raises:
            ValueError: another number of rows, or no column "id".
        """
        if len(items) != len(self) or "id" not in items:
            raise ValueError(f"items: expected {len(self)} rows with a column 'id', got {len(items)}")
        other = self._replace(self.modalities, items, self._missing)
        other._row_reader = self._row_reader
        if self.items["id"].equals(items["id"]):
            other.__dict__["_rows_by_id"] = self._rows_by_id
        return other

    def _row_numbers(self, rows: ArrayLike | Tensor) -> np.ndarray:
        numbers = np.asarray(rows.cpu() if isinstance(rows, Tensor) else rows)
        n = len(self)
        if numbers.dtype == bool:
            if numbers.shape != (n,):
                raise ValueError(f"rows: expected a mask of shape ({n},), got {numbers.shape}")
            return np.flatnonzero(numbers)
        numbers = numbers.reshape(-1).astype(np.int64, casting="same_kind" if numbers.size else "unsafe")
        outside = (numbers < -n) | (numbers >= n)
        if outside.any():
            raise ValueError(f"rows: expected numbers from 0 to {n - 1}, got {numbers[outside.argmax()]}")
        numbers = numbers % n
        if len(np.unique(numbers)) < len(numbers):
            repeated = numbers[pd.Series(numbers).duplicated().to_numpy().argmax()]
            raise EmbeddingSetError(f"subset: row {repeated} comes twice; each item may come once, for ids are unique")
        return numbers

    def _replace(self, modalities: dict[str, Tensor], items: pd.DataFrame, missing: dict[str, Tensor]) -> Self:
        """Return a set of this kind with other parts, not checked again."""
        return self._convert(type(self), modalities, items, missing)

    def _all_missing(self) -> dict[str, Tensor]:
        """Return by modality which items lack it; all rows are checked."""
        return {name: self._missing_rows(name) for name in self.names}

    def _convert(
        self, kind: "type[S]", modalities: dict[str, Tensor], items: pd.DataFrame, missing: dict[str, Tensor]
    ) -> "S":
        """Return a set of another kind with other parts, not checked again."""
        other = kind.__new__(kind)
        other.modalities, other.items, other._missing = modalities, items, missing
        other._sources = self._sources
        other.info, other.path, other._keep_alive = copy.deepcopy(self.info), self.path, self._keep_alive
        return other

    @cached_property
    def media_columns(self) -> list[str]:
        """Columns of `items` that hold paths of media files."""
        return media_columns(self.items, self.info)

    def media_file(self, row: int, column: str) -> Path | None:
        """Return the media file that `column` names for the item at `row`; None where the column is empty.

        Raises:
            EmbeddingSetError: the set is not on disk, or the path, links followed, leaves the set's folder.
        """
        value = self.items[column].iloc[row]
        if pd.isna(value):
            return None
        if self.path is None:
            raise EmbeddingSetError("media: this set has no folder; save it first, then put its media files there")
        folder = self.path.resolve()
        file = folder / str(value)
        if not stays_inside(value) or not file.resolve().is_relative_to(folder):
            raise EmbeddingSetError(
                f"{self.path / ITEMS}: column '{column}', row {row} names {value!r}, which is outside the "
                "set's folder; copy the file under media/"
            )
        return file


def _as_tensor(values: ArrayLike | Tensor, name: str) -> Tensor:
    """Return values as a CPU tensor; float64 and bfloat16 become float32, other types are left to `check_set`."""
    if isinstance(values, Tensor):
        tensor = values.detach().cpu()
    else:
        array = np.asarray(values)
        if array.dtype.kind != "f" or array.dtype.itemsize > 8:
            raise EmbeddingSetError(f"modality '{name}' is an array of {array.dtype}; give float32 or float16")
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    return tensor.to(torch.float32) if tensor.dtype in _NARROWED_DTYPES else tensor
