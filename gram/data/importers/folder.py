"""Folders and archives: our own sets, datasets of Hugging Face, and files that make a set together."""

import gzip
import zlib
from dataclasses import replace
from pathlib import Path

from gram.core.atomic import COMMITTED, current_file
from gram.data.importers.archives import Unpacked, unpack
from gram.data.importers.inside import file_inside
from gram.data.importers.limits import Limits, format_bytes, reraise_as_set_error
from gram.data.importers.registry import READERS, TABLES, open_file
from gram.data.importers.table import FLOATS, Table
from gram.data.storage import EMBEDDINGS, FEATURES, INFO, ITEMS, read_info
from gram.errors import EmbeddingSetError


def read_folder(folder: Path, limits: Limits) -> Table:
    """Return the columns of what a folder holds.

    Raises:
        EmbeddingSetError: nothing that is read, several tables, or a file that its reader refuses.
    """
    if (folder / EMBEDDINGS).exists() or (folder / COMMITTED).is_dir():
        return _read_own(folder, limits)
    if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
        from gram.data.importers.hf_datasets import read_dataset

        return read_dataset(folder, limits)
    with reraise_as_set_error(folder, "a folder", "give another one", OSError):
        children = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
    files = [path for path in children if path.suffix.lower() in READERS and path.is_file()]
    if not files:
        raise EmbeddingSetError(
            f"{folder}: holds no file that is read; put one there for each modality, such as text.npy, or give a file"
        )
    for path in files:
        if file_inside(folder, path.name) is None:
            raise EmbeddingSetError(f"{path}: leads out of the folder; copy the file itself there")
    return open_file(files[0], limits) if len(files) == 1 else join(files, limits)


def is_embedding_set(folder: Path) -> bool:
    """Return whether a folder holds an embedding set that this program saved, and not features."""
    if not ((folder / EMBEDDINGS).exists() or (folder / COMMITTED).is_dir()):
        return False
    try:
        return read_info(folder).get("kind") != FEATURES
    except EmbeddingSetError:
        return True  # a damaged one


def _read_own(folder: Path, limits: Limits) -> Table:
    """Return the columns of a set that this program saved."""
    from gram.data.importers.frames import parquet_rows
    from gram.data.importers.packed_items import add_items
    from gram.data.importers.safetensors import read_safetensors

    for name in (EMBEDDINGS, ITEMS, INFO):
        if (
            current_file(folder, name).exists()
            and file_inside(folder, str(current_file(folder, name).relative_to(folder))) is None
        ):
            raise EmbeddingSetError(f"{folder / name}: leads out of the folder; copy the file itself there")
    info = read_info(folder)
    table = read_safetensors(current_file(folder, EMBEDDINGS), limits)
    limits.check_file(current_file(folder, ITEMS))
    table.format = "features, saved by this program" if info.get("kind") else "embedding set"
    table.info = {"modalities": list(table.columns)} | {key: value for key, value in info.items() if key != "kind"}
    add_items(table, parquet_rows(current_file(folder, ITEMS), str(folder / ITEMS), limits))
    return table


def join(paths: list[Path], limits: Limits) -> Table:
    """Return the columns of files that hold one modality or more each, and of one table of the items at the most.

    Raises:
        EmbeddingSetError: several tables and nothing else, or a file that its reader refuses.
    """
    tables = [path for path in paths if path.suffix.lower() in TABLES]
    if len(tables) == len(paths):
        names = ", ".join(path.name for path in tables[:4])
        raise EmbeddingSetError(
            f"{paths[0].parent}: holds several tables ({names}) and no arrays; give one of the files"
        )
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables[:4])
        raise EmbeddingSetError(f"{paths[0].parent}: holds several tables of items ({names}); leave one")
    kinds = sorted({path.suffix.lower() for path in paths})
    joined = Table(f"{len(paths)} files ({', '.join(kinds)})")
    for path in sorted(paths, key=lambda path: path in tables):
        part = open_file(Path(path), limits)
        vectors = len(part.columns)
        for name, source in part.columns.items():
            single = vectors == 1 and path not in tables
            clash = name in joined.columns
            if single and not source.is_matrix and source.dtype in FLOATS:
                part.notes.append("one number an item, kept with the items; use it as a modality if it is one.")
            joined.add(path.stem if single else f"{path.stem}.{name}" if clash else name, replace(source))
        joined.notes += [f"{path.name}: {note}" for note in part.notes]
    return joined


def read_packed(path: Path, limits: Limits) -> tuple[Table, Path]:
    """Return the columns of a zip or gz archive, unpacked to a private folder, and that folder.

    Raises:
        EmbeddingSetError: the archive is damaged or unsafe, or what is in it is refused.
    """
    held = unpack(path, limits) if path.suffix.lower() == ".zip" else _gunzip(path, limits)
    folder = held.folder
    try:
        while not (children := [child for child in folder.iterdir() if child.is_file()]):
            inner = [child for child in folder.iterdir() if child.is_dir()]
            if len(inner) != 1:
                break
            folder = inner[0]
        del children
        table = read_folder(folder, limits)
    except EmbeddingSetError as error:
        raise EmbeddingSetError(str(error).replace(str(held.folder), str(path))) from error
    table.held, table.format = held, f"{table.format}, packed"
    return table, folder


def _gunzip(path: Path, limits: Limits) -> Unpacked:
    size = limits.check_file(path)
    left = limits.unpack_at_most(size)
    held = Unpacked()
    with (
        reraise_as_set_error(path, "a gzip file", "pack it again", OSError, EOFError, zlib.error),
        gzip.open(path) as source,
        (held.folder / path.stem).open("xb") as copy,
    ):
        while block := source.read(2**20):
            left -= len(block)
            if left < 0:
                raise EmbeddingSetError(
                    f"{path}: {format_bytes(size)} unpack to more than {format_bytes(limits.unpack_at_most(size))}; "
                    "unpack it yourself"
                )
            copy.write(block)
    return held
