"""Datasets of Hugging Face, as `save_to_disk` writes them: Arrow files, a split a folder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from gram.core.paths import file_inside
from gram.data.importers.arrow import arrow_rows
from gram.data.importers.base import Loaded, Source, Table
from gram.data.importers.columns import Rows, add_rows
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.errors import EmbeddingSetError

_SPLITS, _STATE = "dataset_dict.json", "state.json"
_REMEDY = "save it again with save_to_disk"
_METADATA = 64 * 2**20


def is_dataset(folder: Path) -> bool:
    """Return whether a folder was written by `save_to_disk`."""
    return (folder / _SPLITS).exists() or (folder / _STATE).exists()


def read(folder: Path, limits: Limits) -> Table:
    """Return the columns of a dataset, or of all splits of one, with a column "split".

    Raises:
        EmbeddingSetError: a file that is absent, damaged or outside the folder, or splits with unlike columns.
    """
    table = Table("Hugging Face dataset")
    if not (folder / _SPLITS).exists():
        rows = arrow_rows(_files(folder, "", limits), str(folder), limits)
        add_rows(table, rows)
    else:
        splits = _json(folder, _SPLITS, limits).get("splits")
        if not isinstance(splits, list) or not splits or not all(isinstance(split, str) for split in splits):
            raise EmbeddingSetError(f"{folder}: its 'splits' are not listed as names; {_REMEDY}")
        parts = [arrow_rows(_files(folder, f"{split}/", limits), str(folder / split), limits) for split in splits]
        rows = _together(parts, folder, limits)
        add_rows(table, rows)
        names = [split for split, part in zip(splits, parts) for _ in range(part.n)]
        table.add_values("split", pd.Series(names, dtype="str"))
        table.format = f"Hugging Face dataset, splits {', '.join(splits)}"
    _name_classes(table, rows.schema)
    return table


def _json(folder: Path, name: str, limits: Limits) -> dict[str, Any]:
    file = file_inside(folder, name)
    if file is None:
        raise EmbeddingSetError(f"{folder / name}: is missing, or leads out of the folder; {_REMEDY}")
    if limits.check_file(file) > _METADATA:
        raise EmbeddingSetError(f"{file}: is too long for a list of files; {_REMEDY}")
    with reraise_as_set_error(file, "JSON", _REMEDY, ValueError, OSError):
        content = json.loads(file.read_bytes())
    if not isinstance(content, dict):
        raise EmbeddingSetError(f"{file}: holds no JSON object; {_REMEDY}")
    return content


def _files(root: Path, split: str, limits: Limits) -> list[Path]:
    """Return the Arrow files of one split, which must be below `root`."""
    listed = _json(root, f"{split}{_STATE}", limits).get("_data_files")
    if not isinstance(listed, list) or not listed:
        raise EmbeddingSetError(f"{root / split / _STATE}: lists no files; {_REMEDY}")
    files = []
    for name in (entry.get("filename") if isinstance(entry, dict) else None for entry in listed):
        file = file_inside(root / split, name)
        if file is None:
            where = f"{root / split}: its file {str(name)[:80]!r}"
            raise EmbeddingSetError(f"{where} is missing or outside the folder; {_REMEDY}")
        limits.check_file(file)
        files.append(file)
    return files


def _together(parts: list[Rows], folder: Path, limits: Limits) -> Rows:
    first = parts[0].schema
    for part in parts:
        if not part.schema.equals(first):
            raise EmbeddingSetError(f"{part.where}: its columns differ from those of {parts[0].where}; write all alike")

    def read_batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        for part in parts:
            yield from part.read(names)

    return Rows(str(folder), first, sum(part.n for part in parts), read_batches, limits)


def _name_classes(table: Table, schema: pa.Schema) -> None:
    """Replace the class numbers of a ClassLabel by their names."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        named = {name: feature["names"] for name, feature in features.items() if feature["_type"] == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # written without datasets, or by another version: the numbers stay
    for name, words in named.items():
        source = table.columns.get(name)
        if source is not None and not source.is_matrix and isinstance(words, list):
            table.columns[name] = _named_column(source, {number: str(word) for number, word in enumerate(words)})


def _named_column(source: Source, words: dict[int, str]) -> Source:
    def load() -> Loaded:
        values, faults = source.load()
        return Loaded(values.map(words), faults)

    head = None if source.head is None else source.head.map(words)
    return replace(source, dtype="text", load=load, head=head)
