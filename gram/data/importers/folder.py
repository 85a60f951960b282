"""Folders and archives: sets of this program, datasets of Hugging Face, and files that make a set together."""

from collections.abc import Sequence
from pathlib import Path

from gram.core.atomic import COMMITTED, current_file
from gram.core.paths import file_inside
from gram.data.importers import hf_datasets
from gram.data.importers.base import FLOATS, Importer, Table, importers
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.data.importers.sandbox import Job, read_file, read_isolated
from gram.errors import EmbeddingSetError

_EMBEDDINGS, _ITEMS, _INFO, _FEATURES = "embeddings.safetensors", "items.parquet", "info.json", "features"
_ARCHIVES = (".zip", ".gz")


def read_paths(paths: Sequence[Path], limits: Limits) -> tuple[Table, Path]:
    """Return the columns of a file, a folder or several files together, and the folder below which their media are.

    Raises:
        EmbeddingSetError: as `inspect` says.
    """
    if len(paths) > 1:
        return _join(list(paths), limits), paths[0].parent
    path = paths[0]
    if path.is_dir():
        with reraise_as_set_error(path, "a folder", "give another one", OSError):
            return _read_folder(path, limits), path
    if path.suffix.lower() in _ARCHIVES:
        return _read_packed(path, limits)
    return read_file(path, limits), path.parent


def is_embedding_set(folder: Path) -> bool:
    """Return whether a folder holds an embedding set that this program saved, and not features."""
    from gram.data.storage import read_info

    try:
        return _is_own(folder) and read_info(folder).get("kind") != _FEATURES
    except EmbeddingSetError:
        return True  # a damaged one
    except OSError:
        return False  # the user may not look into it


def _is_own(folder: Path) -> bool:
    return (folder / _EMBEDDINGS).exists() or (folder / COMMITTED).is_dir()


def _read_folder(folder: Path, limits: Limits) -> Table:
    """Return the columns of what a folder holds.

    Raises:
        EmbeddingSetError: nothing that is read, several tables, or a file that its importer refuses.
    """
    if _is_own(folder):
        return _read_own(folder, limits)
    if hf_datasets.is_dataset(folder):
        return _read_dataset(folder, limits)
    children = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
    known = set(importers()) - {*_ARCHIVES}
    files = [path for path in children if path.suffix.lower() in known and path.is_file()]
    if not files:
        raise EmbeddingSetError(
            f"{folder}: holds no file that is read; put one there for each modality, such as text.npy, or give a file"
        )
    for path in files:
        if file_inside(folder, path.name) is None:
            raise EmbeddingSetError(f"{path}: leads out of the folder; copy the file itself there")
    return read_file(files[0], limits) if len(files) == 1 else _join(files, limits)


def _read_own(folder: Path, limits: Limits) -> Table:
    """Return the columns of a set that this program saved."""
    from gram.data.storage import read_info

    for name in (_EMBEDDINGS, _ITEMS, _INFO):
        file = current_file(folder, name)
        if file.exists() and file_inside(folder, str(file.relative_to(folder))) is None:
            raise EmbeddingSetError(f"{folder / name}: leads out of the folder; copy the file itself there")
    info = read_info(folder)
    table = read_file(current_file(folder, _EMBEDDINGS), limits)
    table.format = "features, saved by this program" if info.get("kind") else "embedding set"
    table.info = {"modalities": list(table.columns)} | {key: value for key, value in info.items() if key != "kind"}
    items = read_file(current_file(folder, _ITEMS), limits, where=folder / _ITEMS)
    table.add_items(items)
    table.held = (table.held, items.held)
    return table


def _read_dataset(folder: Path, limits: Limits) -> Table:
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return read_isolated(Importer(hf_datasets.__name__, ()), folder, sum(sizes), limits)


def _join(paths: list[Path], limits: Limits) -> Table:
    """Return the columns of files that hold one modality or more each, and of one table of the items at the most.

    Raises:
        EmbeddingSetError: several tables and nothing else, or a file that its importer refuses.
    """
    known = importers()
    tables = [path for path in paths if (s := path.suffix.lower()) in known and s in known[s].holds_items]
    names = ", ".join(path.name for path in tables[:4])
    if len(tables) == len(paths):
        raise EmbeddingSetError(
            f"{paths[0].parent}: holds several tables ({names}) and no arrays; give one of the files"
        )
    if len(tables) > 1:
        raise EmbeddingSetError(f"{paths[0].parent}: holds several tables of items ({names}); leave one")
    kinds = sorted({path.suffix.lower() for path in paths})
    joined, held = Table(f"{len(paths)} files ({', '.join(kinds)})"), []
    for path in sorted(paths, key=lambda path: path in tables):
        part = read_file(path, limits)
        held.append(part.held)
        vectors = len(part.columns)
        for name, source in part.columns.items():
            single = vectors == 1 and path not in tables
            clash = name in joined.columns
            if single and not source.is_matrix and source.dtype in FLOATS:
                part.notes.append("one number an item, kept with the items; use it as a modality if it is one.")
            joined.add(path.stem if single else f"{path.stem}.{name}" if clash else name, source)
        joined.notes += [f"{path.name}: {note}" for note in part.notes]
    joined.held = held
    return joined


def _read_packed(path: Path, limits: Limits) -> tuple[Table, Path]:
    """Return the columns of a zip or gz archive, unpacked to a private folder, and that folder.

    Raises:
        EmbeddingSetError: the archive is damaged or unsafe, or what is in it is refused.
    """
    job = Job(importers()[path.suffix.lower()], path, limits.check_file(path), limits)
    folder = unpacked = job.run("unpack")[1] / "unpacked"
    try:
        while not any(child.is_file() for child in folder.iterdir()):
            inner = [child for child in folder.iterdir() if child.is_dir()]
            if len(inner) != 1:
                break
            folder = inner[0]
        table = _read_folder(folder, limits)
    except EmbeddingSetError as error:
        raise EmbeddingSetError(str(error).replace(str(unpacked), str(path))) from error
    table.held, table.format = (job, table.held), f"{table.format}, packed"
    return table, folder
