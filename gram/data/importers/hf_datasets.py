"""Datasets of Hugging Face, as `save_to_disk` writes them: Arrow files, a split a folder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from gram.data.importers.arrow import Rows, add_rows
from gram.data.importers.frames import ipc_rows
from gram.data.importers.inside import file_inside
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.data.importers.table import HEAD, Loaded, Source, Table
from gram.errors import EmbeddingSetError

_REMEDY = "save it again with save_to_disk"
_METADATA = 64 * 2**20


def read_dataset(folder: Path, limits: Limits) -> Table:
    """Return the columns of a dataset, or of all splits of one, with a column "split".

    Raises:
        EmbeddingSetError: a file that is absent, damaged or outside the folder, or splits with unlike columns.
    """
    table = Table("Hugging Face dataset")
    if not (folder / "dataset_dict.json").exists():
        rows = ipc_rows(_files(folder, folder, limits), str(folder), limits)
        add_rows(table, rows)
    else:
        splits = _strings(_json(folder, "dataset_dict.json", limits), "splits", folder)
        parts = [ipc_rows(_files(folder, folder / split, limits), str(folder / split), limits) for split in splits]
        rows = _together(parts, folder, limits)
        add_rows(table, rows)
        names = [split for split, part in zip(splits, parts) for _ in range(part.n)]
        table.add("split", _split_column(names, limits))
        table.format = f"Hugging Face dataset, splits {', '.join(splits)}"
    _name_classes(table, rows.schema)
    return table


def _split_column(names: list[str], limits: Limits) -> Source:
    column = pa.chunked_array([pa.array(names, pa.string())]).to_pandas()
    return Source((len(names),), "text", lambda: Loaded(column), column.head(HEAD))


def _json(folder: Path, name: str, limits: Limits) -> dict[str, Any]:
    file = file_inside(folder, name)
    if file is None:
        raise EmbeddingSetError(f"{folder / name}: is missing, or leads out of the folder; {_REMEDY}")
    if limits.check_file(file) > _METADATA:
        raise EmbeddingSetError(f"{folder / name}: is too long for a list of files; {_REMEDY}")
    with reraise_as_set_error(file, "JSON", _REMEDY, ValueError, OSError):
        content = json.loads(file.read_bytes())
    if not isinstance(content, dict):
        raise EmbeddingSetError(f"{file}: holds no JSON object; {_REMEDY}")
    return content


def _strings(content: dict[str, Any], key: str, where: Path) -> list[str]:
    values = content.get(key)
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise EmbeddingSetError(f"{where}: its '{key}' are not listed as names; {_REMEDY}")
    return values


def _files(root: Path, folder: Path, limits: Limits) -> list[Path]:
    """Return the Arrow files of one split, which must be below `root`."""
    relative = folder.relative_to(root) if folder != root else Path()
    if file_inside(root, str(relative / "state.json")) is None:
        raise EmbeddingSetError(f"{folder / 'state.json'}: is missing, or leads out of the folder; {_REMEDY}")
    listed = _json(folder, "state.json", limits).get("_data_files")
    names = (
        [entry.get("filename") if isinstance(entry, dict) else None for entry in listed or []]
        if (isinstance(listed, list))
        else []
    )
    if not names:
        raise EmbeddingSetError(f"{folder / 'state.json'}: lists no files; {_REMEDY}")
    files = []
    for name in names:
        file = file_inside(folder, name)
        if file is None:
            raise EmbeddingSetError(
                f"{folder}: its file {str(name)[:80]!r} is missing or outside the folder; {_REMEDY}"
            )
        limits.check_file(file)
        files.append(file)
    return files


def _together(parts: list[Rows], folder: Path, limits: Limits) -> Rows:
    first = parts[0].schema
    for part in parts:
        if not part.schema.equals(first):
            raise EmbeddingSetError(f"{part.where}: its columns differ from those of {parts[0].where}; write all alike")

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        for part in parts:
            yield from part.read(names)

    return Rows(str(folder), first, sum(part.n for part in parts), read, limits)


def _name_classes(table: Table, schema: pa.Schema) -> None:
    """Show the classes of a ClassLabel by their names."""
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
