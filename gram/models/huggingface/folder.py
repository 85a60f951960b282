"""The items in a folder of media: files of one stem, a sub-folder a modality, or a table with paths and texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from gram.core.paths import stays_inside
from gram.errors import EmbeddingSetError

SUFFIXES = {
    "image": (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    "audio": (".wav", ".flac", ".ogg", ".mp3"),
    "text": (".txt",),
}
TABLES: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: pd.read_csv(path, dtype_backend="numpy_nullable"),
    ".parquet": pd.read_parquet,
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
}
TEXT_COLUMNS = ("text", "caption", "description", "sentence", "transcript", "prompt")
_KINDS = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}


class Medium(NamedTuple):
    """One modality of the items on disk.

    Attributes:
        name: its kind, sub-folder or column.
        kind: text, image or audio.
        inputs: for each item the path of its file below the folder, or its text; None where missing.
        in_files: whether the inputs are paths.
    """

    name: str
    kind: str
    inputs: tuple[str | None, ...]
    in_files: bool


@dataclass(frozen=True)
class Items:
    """The items of a folder, in order, and their media.

    Attributes:
        folder: root of the paths.
        table: one row an item: "id" and any other columns.
        media: the modalities, text first.
        notes: sentences on what was left out.
    """

    folder: Path
    table: pd.DataFrame
    media: tuple[Medium, ...]
    notes: tuple[str, ...] = ()


def scan_folder(path: str | Path, *, text: str | None = None) -> Items:
    """Return the items in a folder, or in a table with paths and texts; only the table is opened.

    A folder with `items.csv`, `.jsonl` or `.parquet` is read by that table. Otherwise files of one stem are one item
    (`cat1.jpg`, `cat1.wav`, `cat1.txt`); if the folder itself holds none, each sub-folder is a modality and files of
    one stem in them are one item. Items follow the order of the table, or of their stems.

    Args:
        path: the folder, or the table.
        text: column of the table that holds texts; by default those named text, caption, ...

    Raises:
        EmbeddingSetError: no such folder, no media, two files for one modality of one item, a table that cannot be
            read, or a path that leaves its folder.
    """
    path = Path(path)
    if path.is_file() and path.suffix in TABLES:
        return _of_table(path, text)
    if not path.is_dir():
        raise EmbeddingSetError(f"{path}: is neither a folder nor a table; give a folder of media, or its items.csv")
    tables = [path / f"items{suffix}" for suffix in TABLES if (path / f"items{suffix}").is_file()]
    if tables:
        return _of_table(tables[0], text)
    return _of_files(path)


def _of_files(folder: Path) -> Items:
    flat = _media_files(folder)
    found: dict[tuple[str, str], dict[str, str]] = {}  # (name, kind) -> stem -> path
    for file in flat or [file for inner in _folders(folder) for file in _media_files(inner)]:
        kind = _KINDS[file.suffix.lower()]
        name = kind if flat else file.parent.name
        held = found.setdefault((name, kind), {})
        inside = file.relative_to(folder).as_posix()
        if file.stem in held:
            raise EmbeddingSetError(
                f"{folder}: {held[file.stem]} and {inside} would both be the {name} of item '{file.stem}'; "
                "rename one, or put each kind in a sub-folder of its own"
            )
        held[file.stem] = inside
    if not found:
        known = ", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
        raise EmbeddingSetError(f"{folder}: no media in it; give a folder with files such as {known}")
    names = [name for name, _ in found]
    stems = sorted({stem for held in found.values() for stem in held})
    media = [
        Medium(name if names.count(name) == 1 else f"{name}-{kind}", kind, tuple(map(held.get, stems)), True)
        for (name, kind), held in found.items()
    ]
    ignored = [inner.name for inner in _folders(folder) if _media_files(inner)] if flat else []
    notes = (f"sub-folders ignored, since the folder itself holds files: {', '.join(ignored)}",) if ignored else ()
    return Items(folder, pd.DataFrame({"id": stems}), _text_first(media), notes)


def _of_table(file: Path, text: str | None) -> Items:
    try:
        table = TABLES[file.suffix](file)
    except Exception as error:  # pandas, pyarrow and json each raise their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EmbeddingSetError(f"{file}: cannot be read as a table ({reason}); save it again") from error
    table.columns = table.columns.map(str)
    if text is not None and text not in table.columns:
        raise EmbeddingSetError(f"{file}: no column {text!r}; it has {', '.join(table.columns)}")
    media = []
    for column in table.columns:
        values = [str(value).strip() or None if pd.notna(value) else None for value in table[column]]
        kinds = {_KINDS.get(Path(value).suffix.lower(), "") for value in values if value is not None}
        if text == column or (text is None and column.lower() in TEXT_COLUMNS and kinds != {"text"}):
            media.append(Medium(column, "text", tuple(values), False))
        elif len(kinds) == 1 and "" not in kinds and column != "id":
            _check_inside(file, column, values)
            media.append(Medium(column, kinds.pop(), tuple(values), True))
    if not media or table.empty:
        raise EmbeddingSetError(f"{file}: no column with paths of media, nor one called text; name one with --text")
    if "id" not in table.columns:
        table.insert(0, "id", _ids(media, len(table)))
    kept = table.drop(columns=[medium.name for medium in media])
    return Items(file.parent, kept.reset_index(drop=True), _text_first(media))


def _check_inside(file: Path, column: str, values: list[str | None]) -> None:
    for row, value in enumerate(values):
        if value is not None and not stays_inside(value):
            raise EmbeddingSetError(
                f"{file}: column '{column}', row {row} is {value!r}, which is not a path inside {file.parent}; "
                "put the file there and give its relative path"
            )


def _ids(media: list[Medium], n: int) -> list[str]:
    """Return the stems of the first column of paths where they are unique, else row numbers."""
    for medium in media:
        stems = [Path(value).stem for value in medium.inputs if value is not None]
        if medium.in_files and len(stems) == n == len(set(stems)):
            return stems
    return [str(row) for row in range(n)]


def _media_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in _KINDS and not file.name.startswith(".") and file.is_file()
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(inner for inner in folder.iterdir() if inner.is_dir() and not inner.name.startswith("."))


def _text_first(media: list[Medium]) -> tuple[Medium, ...]:
    return tuple(sorted(media, key=lambda medium: ("text", "image", "audio").index(medium.kind)))
