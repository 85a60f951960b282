"""A set that was read, in a folder of its own, with the media files that it names."""

import shutil
from pathlib import Path

import pandas as pd

from gram.data.embedding_set import FeatureSet
from gram.data.importers.inside import file_inside
from gram.data.importers.limits import error_line
from gram.data.storage import check_writable
from gram.data.vector_set import VectorSet
from gram.errors import EmbeddingSetError

MEDIA = "media"


def save(features: FeatureSet, folder: str | Path) -> VectorSet:
    """Save what was read as an embedding set, or as features where sizes differ, and copy its media below media/.

    Returns:
        the saved set, which knows its folder.

    Raises:
        EmbeddingSetError: the folder holds something else, the disk refuses, or a media file is not below the folder
            that was read.
    """
    folder = Path(folder)
    check_writable(folder)
    saved: VectorSet = features.embedding_set() if features.aligned else features.subset(slice(None))
    origin = features.path
    columns = [column for column in features.info.get("media", []) if column in features.items]
    if origin is not None and columns and origin.resolve() != folder.resolve():
        saved.items = saved.items.copy()
        taken: dict[Path, Path] = {}
        for column in columns:
            paths = features.items[column]
            copied = [_copy(origin, path, folder, column, taken) for path in paths]
            saved.items[column] = pd.Series(copied, dtype="str")
    saved.save(folder)
    return saved


def _copy(origin: Path, path: object, folder: Path, column: str, taken: dict[Path, Path]) -> str | None:
    """Copy one media file, and return its path in the new set; `taken` holds what was copied where."""
    if not isinstance(path, str) or not path:
        return None
    file = file_inside(origin, path)
    if file is None:
        raise EmbeddingSetError(
            f"{origin}: column '{column}' names {path[:80]!r}, which is not there; copy the file to that place, or do "
            "not choose the column as media"
        )
    relative = Path(path.replace("\\", "/"))
    relative = relative if relative.parts[0] == MEDIA else MEDIA / relative
    while taken.get(relative, file) != file:  # a.png beside media/a.png
        relative = MEDIA / Path("more") / relative.relative_to(MEDIA)
    if relative not in taken:
        taken[relative] = file
        try:
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).unlink(missing_ok=True)
            shutil.copyfile(file, folder / relative)
        except OSError as error:
            raise EmbeddingSetError(
                f"{folder / relative}: cannot be written ({error_line(error)}); free space"
            ) from error
    return relative.as_posix()
