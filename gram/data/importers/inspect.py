"""Inspection of a file or a folder: columns and guessed roles, without reading the vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gram.data.importers.base import INTEGERS, Source, Table
from gram.data.importers.folder import read_paths
from gram.data.importers.guess import ColumnRoles, count_rows, guess
from gram.data.importers.limits import Limits, one_line
from gram.errors import EmbeddingSetError

_SAMPLES, _SAMPLE = 3, 60


@dataclass(frozen=True)
class Column:
    """A column of a file: its name, its shape ((n,) or (n, d)), its type, what it seems to be, and some values.

    `role` is "modality", "id", "label", "split", "media", "mask", or "" for anything else.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    sample: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """Columns of a file or a folder, and their guessed roles.

    Attributes:
        path: of the file or folder; the first of several files.
        format: in a few words.
        n: number of items.
        columns: in the file's order.
        roles: which column is guessed to be what.
        notes: sentences on what was left out, or made up.
        folder: below which media files may be.
        limits: what may be spent on reading it.
    """

    path: Path
    format: str
    n: int
    columns: tuple[Column, ...]
    roles: ColumnRoles
    notes: tuple[str, ...]
    folder: Path
    limits: Limits
    table: Table = field(repr=False, compare=False)


def inspect(path: str | Path | Sequence[str | Path], *, limits: Limits | None = None) -> Inspection:
    """Return the columns of a file, a folder or several files, from headers and first rows where they say enough.

    Args:
        path: a file, a folder, or files that make one set together (an .npy for each modality, a table).
        limits: what may be spent on it.

    Raises:
        EmbeddingSetError: it does not exist, is of a kind that is not read, is damaged, too large or unsafe, or
            holds no vectors; one line that says what to do.
    """
    limits = limits or Limits()
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(part) for part in path]
    if not paths:
        raise EmbeddingSetError("no file was given; give the path of one with embeddings")
    first = paths[0]
    table, folder = read_paths(paths, limits)
    if not any(source.is_matrix for source in table.columns.values()):
        raise EmbeddingSetError(f"{first}: no vectors in it ({_contents(table)}); give one of shape (n, d) a modality")
    n = count_rows(table)
    roles = guess(table, n, folder)
    if not roles.modalities:
        table.notes.append("No column looks like embeddings; say which are.")
    if roles.id is None:
        table.notes.append(f"No column of ids: the items are numbered 0 to {n - 1:,}.")
    for name, column in roles.modalities.items():
        if table.columns[column].dtype in INTEGERS:
            table.notes.append(f"'{name}' holds whole numbers ({table.columns[column].dtype}); they become float32.")
    columns = tuple(_column(name, source, roles) for name, source in table.columns.items())
    return Inspection(first, table.format, n, columns, roles, tuple(table.notes), folder, limits, table)


def _contents(table: Table) -> str:
    kept = [f"'{name}' has one value an item" for name in table.columns]
    return "; ".join(kept[:3] + [note.removesuffix(".") for note in table.notes[:3]]) or "it is empty"


def _column(name: str, source: Source, roles: ColumnRoles) -> Column:
    head = () if source.head is None else source.head.dropna().head(_SAMPLES)
    sample = tuple(one_line(str(value))[:_SAMPLE] for value in head)
    return Column(name, source.shape, source.dtype, _role(name, roles), sample)


def _role(name: str, roles: ColumnRoles) -> str:
    if name in roles.modalities.values():
        return "modality"
    named = {roles.id: "id", roles.label: "label", roles.split: "split"}
    if name in named:
        return named[name]
    return "media" if name in roles.media else "mask" if name in roles.masks.values() else ""
