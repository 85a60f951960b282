"""Which reader opens what: a suffix, or what a folder holds."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from gram.data.importers.limits import Limits
from gram.data.importers.table import Table
from gram.errors import EmbeddingSetError

Reader = Callable[[Path, Limits], Table]

# suffix -> module of this package and its function; imported when a file of the kind is opened
READERS = {
    ".npy": ("arrays", "read_npy"),
    ".npz": ("arrays", "read_npz"),
    ".safetensors": ("safetensors", "read_safetensors"),
    ".pt": ("torch", "read_torch"),
    ".pth": ("torch", "read_torch"),
    ".parquet": ("frames", "read_parquet"),
    ".feather": ("frames", "read_feather"),
    ".arrow": ("frames", "read_feather"),
    ".jsonl": ("json_lines", "read_json_lines"),
    ".ndjson": ("json_lines", "read_json_lines"),
    ".json": ("json_lines", "read_json"),
    ".csv": ("csv", "read_csv"),
    ".tsv": ("csv", "read_csv"),
    ".mat": ("matlab", "read_matlab"),
}
TABLES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".feather")


def suffixes() -> list[str]:
    """Return all suffixes that are read, of archives too."""
    return [*READERS, ".gz", ".zip"]


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file, by its suffix; None if its kind is not read."""
    home = READERS.get(path.suffix.lower())
    if home is None:
        return None
    reader: Reader = getattr(import_module(f"gram.data.importers.{home[0]}"), home[1])
    return reader


def open_path(path: Path, limits: Limits) -> tuple[Table, Path]:
    """Return the columns of a file or folder, and the folder below which its media are.

    Raises:
        EmbeddingSetError: as `inspect` says.
    """
    from gram.data.importers import folder as _folders

    if path.is_dir():
        return _folders.read_folder(path, limits), path
    if path.suffix.lower() in (".zip", ".gz"):
        return _folders.read_packed(path, limits)
    return open_file(path, limits), path.parent


def open_file(path: Path, limits: Limits) -> Table:
    """Return the columns of a file that is no archive.

    Raises:
        EmbeddingSetError: as `inspect` says.
    """
    reader = reader_of(path)
    limits.check_file(path)
    if reader is None:
        raise EmbeddingSetError(
            f"{path}: files of the kind '{path.suffix}' are not read; give one of {' '.join(suffixes())}, or a folder"
        )
    return reader(path, limits)


def open_paths(paths: Sequence[Path], limits: Limits) -> tuple[Table, Path]:
    """Return the columns of several files together, and the folder below which their media are.

    Raises:
        EmbeddingSetError: as `inspect` says.
    """
    from gram.data.importers import folder as _folders

    if len(paths) == 1:
        return open_path(paths[0], limits)
    return _folders.join(list(paths), limits), paths[0].parent
