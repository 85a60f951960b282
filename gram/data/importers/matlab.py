"""MATLAB's .mat files, old and new: a matrix a view, or cells of matrices, whichever way round they lie."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gram.data.importers.limits import Limits, one_line
from gram.data.importers.table import HEAD, Loaded, Source, Table, from_array
from gram.errors import EmbeddingSetError

HDF5 = b"\x89HDF\r\n\x1a\n"
REMEDY = "save the matrices alone: save('views.mat', 'text', 'image', '-v7.3')"


@dataclass(frozen=True)
class Part:
    """A matrix or vector of a file, with its shape as MATLAB shows it."""

    name: str
    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    load: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Texts:
    """A cell of texts, one an item."""

    name: str
    values: list[str]


def read_matlab(path: Path, limits: Limits) -> Table:
    """Return the views and labels of a .mat file; which side counts the items is what all views share.

    Raises:
        EmbeddingSetError: no .mat file of version 5 or 7.3, or one with function handles or objects.
    """
    limits.check_file(path)
    with path.open("rb") as file:
        head = file.read(520)
    if head.startswith(HDF5) or head[512:520] == HDF5:
        from gram.data.importers.mat73 import read_parts

        version = "7.3"
    elif len(head) >= 128 and head[126:128] in (b"IM", b"MI") and 1 in (head[124], head[125]):
        from gram.data.importers.mat5 import read_parts

        version = "5"
    else:
        raise EmbeddingSetError(f"{path}: is no .mat file of version 5 or 7.3; in MATLAB, {REMEDY}")
    table = Table(f"MATLAB {version} (.mat)")
    parts = read_parts(path, limits, table)
    _add(table, parts, limits)
    return table


def _add(table: Table, parts: list[Part | Texts], limits: Limits) -> None:
    numeric = [part for part in parts if isinstance(part, Part)]
    views = [part for part in numeric if len(part.shape) == 2 and min(part.shape) > 1]
    lengths = {max(part.shape) for part in numeric if part.shape and part not in views}
    lengths |= {len(part.values) for part in parts if isinstance(part, Texts)}
    n = _items(table, views, lengths)
    for part in parts:
        if isinstance(part, Texts):
            _add_texts(table, part)
        elif len(part.shape) != 2 or 0 in part.shape:
            shape = " x ".join(map(str, part.shape))
            table.leave_out(part.name, f"its shape is {shape}; a view has two sides, samples and features")
        elif 1 in part.shape:
            _add_turned(table, part, turned=part.shape[0] == 1, limits=limits)
        else:
            _add_turned(table, part, turned=part.shape[0] != n and part.shape[1] == n, limits=limits)


def _add_texts(table: Table, part: Texts) -> None:
    series = pd.Series(part.values, dtype="str")
    table.add(part.name, Source((len(series),), "text", lambda: Loaded(series), series.head(HEAD)))


def _add_turned(table: Table, part: Part, *, turned: bool, limits: Limits) -> None:
    shape = part.shape[::-1] if turned else part.shape
    if turned and min(shape) > 1:
        size = " x ".join(f"{side:,}" for side in part.shape)
        table.notes.append(f"'{one_line(part.name)}' is {size}: its columns are the items.")
    from_array(table, part.name, shape, part.dtype, lambda: part.load().T if turned else part.load(), limits)


def _items(table: Table, views: list[Part], lengths: set[int]) -> int:
    """Return the number of items: the size that all views share, told apart by the labels where two are shared."""
    if not views:
        return 0
    shared = set.intersection(*({*view.shape} for view in views))
    if not shared:
        counts = Counter(size for view in views for size in {*view.shape})
        return counts.most_common(1)[0][0]
    if len(shared & lengths) == 1:
        return min(shared & lengths)
    if len(shared) == 1:
        return min(shared)
    for side, told in ((0, "rows"), (1, "columns")):
        sizes = {view.shape[side] for view in views}
        if len(sizes) == 1:
            other = " x ".join(f"{size:,}" for size in views[0].shape)
            table.notes.append(f"Every view is {other}, so either side could count the items; the {told} are taken.")
            return min(sizes)
    return views[0].shape[0]
