"""Looking into files, and taking what they hold over into the session: called by the page, it draws nothing."""

import re
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import streamlit as st

from app.data import collections
from app.state import alignment
from app.views.your_data.session_file import Kept
from gram.data.embedding_set import FeatureSet
from gram.data.importers import (
    ColumnRoles,
    Inspection,
    Limits,
    RowError,
    export,
    inspect,
    read,
    row_errors,
    sandbox,
    save,
    suffixes,
)
from gram.errors import EmbeddingSetError, GramError

FAULT, GO = "your_data_fault", "your_data_go"
_KEPT = "your_data_kept"
_GIB = 2**30
UPLOADED = Limits(file=2 * _GIB, unpacked=4 * _GIB, items=2_000_000)
_MOST = 500  # files and folders of files that are offered
_DATASET = ("dataset_dict.json", "state.json")  # of a data set as `datasets` saves it


def prepare() -> None:
    """Start the process that reads files, while a person chooses some."""
    sandbox.start(wait=False)


def look_at(path: Callable[[], Path], *, title: str, uploaded: bool) -> None:
    """Look into a file or folder and keep what was found; on a fault, keep what was there and say it.

    Args:
        path: gives it; what that raises is said too.
        title: what the set will be called.
        uploaded: whether a stranger may have made it, so that less is spent on it.
    """
    try:
        where = path()
        found = inspect(where, limits=UPLOADED if uploaded else Limits())
        st.session_state[_KEPT] = Kept(collections.new_key(), title, where, found)
    except GramError as error:
        st.session_state[FAULT] = without_paths(str(error))
    _clear_uploads()


def current() -> Kept | None:
    """Return what was looked into last; None if there is nothing, or it was opened."""
    return st.session_state.get(_KEPT)


def forget() -> None:
    """Forget what was looked into."""
    if st.session_state.pop(_KEPT, None) is not None:
        _clear_uploads()


def faults(kept: Kept, plan: ColumnRoles) -> list[RowError]:
    """Return what keeps a plan from making a set, row by row.

    Raises:
        EmbeddingSetError: the file itself cannot be read.
    """
    try:
        return row_errors(kept.found, plan)
    except EmbeddingSetError as error:
        raise EmbeddingSetError(without_paths(str(error))) from error


def sizes(found: Inspection, plan: ColumnRoles) -> dict[str, int]:
    """Return the number of dimensions of each modality of a plan."""
    shapes = {column.name: column.shape for column in found.columns}
    return {name: (*shapes[column], 1)[1] for name, column in plan.modalities.items()}


def open_set(kept: Kept, plan: ColumnRoles, without: Collection[int] = ()) -> collections.Collection:
    """Take vectors of one space over into the session, and make them a collection.

    Raises:
        EmbeddingSetError: modalities of unlike size, a faulty row, or the disk refuses.
    """
    features = _read(kept, plan, without)
    key = collections.new_key()
    folder = collections.private_folder() / "sets" / key
    save(features, folder)
    found = collections.Collection(key, kept.title, (collections.Variant(collections.GIVEN, folder),), private=True)
    collections.add(found)
    return found


def open_features(kept: Kept, plan: ColumnRoles, without: Collection[int] = ()) -> collections.Features:
    """Take vectors over that are to be aligned.

    Raises:
        EmbeddingSetError: a faulty row, or the disk refuses.
    """
    return alignment.keep_features(_read(kept, plan, without), kept.title)


def below_data_folder() -> dict[str, Path]:
    """Return what may hold embeddings below the data folder, but collections, by its path below it.

    These are single files, and, with a slash at their end, folders to be looked into as a whole: features that this
    program saved, data sets of `datasets`, and files of an array each.
    """
    root = collections.data_folder()
    found: dict[str, Path] = {}
    for folder in collections.folders_of_files():
        files, whole = _files_in(folder, Path(root or folder))
        name = folder.relative_to(root or folder).as_posix()
        if whole:
            found[f"{name}/"] = folder
        found |= {path.relative_to(root or folder).as_posix(): path for path in files}
        if len(found) >= _MOST:
            break
    return dict(list(found.items())[:_MOST])


def _files_in(folder: Path, root: Path) -> tuple[list[Path], bool]:
    """Return the files of a folder that are offered one by one, and whether it is offered as a whole."""
    inside = [path for path in sorted(folder.glob("*")) if path.is_file() and path.resolve().is_relative_to(root)]
    if any(path.name in ("embeddings.safetensors", *_DATASET) for path in inside):
        return [], True
    known = suffixes()
    files = [path for path in inside if path.suffix.lower() in known]
    return files, len(files) > 1 and any(path.suffix.lower() == ".npy" for path in files)


def exported(variant: collections.Variant, kind: str) -> bytes:
    """Return a variant's set as a file of one of the kinds parquet, npz and safetensors."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"set.{kind}"
        found = FeatureSet.load(variant.folder)
        found.info.pop("encoders", None)  # they name folders of this computer
        export(found, target)
        return target.read_bytes()


def _read(kept: Kept, plan: ColumnRoles, without: Collection[int]) -> FeatureSet:
    try:
        features = read(kept.found, plan, without=without)
    except EmbeddingSetError as error:
        raise EmbeddingSetError(without_paths(str(error))) from error
    features.info["name"] = kept.title
    return features


def without_paths(line: str) -> str:
    """Return a message without the folders of this session and the data folder, which tell a person nothing."""
    uploads, data = re.escape(f"{collections.private_folder() / 'uploads'}"), collections.data_folder()
    line = re.sub(rf"{uploads}/[0-9a-f]+/?|\S*/gram-import-[^/]+/\w+/\d+/unpacked/?", "", line).strip()
    return line.replace(f"{data}/", "") if data is not None else line


def _clear_uploads() -> None:
    """Remove what was uploaded, but what was looked into last."""
    kept = current()
    for folder in (collections.private_folder() / "uploads").glob("*"):
        if kept is None or not kept.path.is_relative_to(folder):
            shutil.rmtree(folder, ignore_errors=True)
