"""The collections that this session can show: the built-in one, those below the data folder, and what was opened here.

A collection holds one variant or more: embeddings of the same items by different models. Pages call a variant by its
name ("gram"), which means what it means in the collection that is open. What a person uploads lives in a folder of
their session alone, and goes with it.
"""

import os
import secrets
import shutil
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import streamlit as st

from app.jobs.folders import new_folder
from app.jobs.job import Job
from gram.data.importers import is_embedding_set
from gram.errors import EmbeddingSetError

AnyJob = TypeVar("AnyJob", bound=Job)

BUILT_IN = "numbers"
GIVEN = "given"  # the one variant of embeddings that no model of ours made
_OPENED, _CURRENT, _FOLDER = "opened_collections", "opened_current", "opened_folder"
_FEATURES = "opened_features"
_SET_FILE = "embeddings.safetensors"
_MODEL_FILE = "config.json"
_DEEPEST, _MOST = 4, 200  # folders below the data folder that are looked into, and sets that are offered


class Variant(NamedTuple):
    """One model's embeddings of a collection's items.

    Attributes:
        name: what pages and addresses call it.
        folder: its embedding set.
        model: the folder of the model that made it, which answers live queries; None where there is none.
        trajectory: the folder of its checkpoints (`step-*`); None where training was not recorded.
    """

    name: str
    folder: Path
    model: Path | None = None
    trajectory: Path | None = None


class Collection(NamedTuple):
    """Embeddings of the same items, by one model or several.

    Attributes:
        key: its name in the address.
        title: what pages call it.
        variants: one or more.
        private: whether it is this session's alone.
    """

    key: str
    title: str
    variants: tuple[Variant, ...]
    private: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variants."""
        return tuple(variant.name for variant in self.variants)


def assets() -> Path:
    """Return the folder of the built-in sets and models: $GRAM_ASSETS, else `assets/` of this project."""
    return Path(os.environ.get("GRAM_ASSETS") or Path(__file__).parents[2] / "assets")


def data_folder() -> Path | None:
    """Return the folder whose sets this app may open, $GRAM_DATA_DIR; None where none was given."""
    named = os.environ.get("GRAM_DATA_DIR")
    return Path(named).expanduser().resolve() if named else None


def built_in() -> Collection:
    """Return the spoken numbers with the two models."""
    folders = {name: assets() / "numbers" / name for name in ("gram", "cosine")}
    variants = [
        Variant(name, folder / "test", folder / "model", folder / "trajectory") for name, folder in folders.items()
    ]
    return Collection(BUILT_IN, "Spoken numbers", tuple(variants))


def current() -> Collection:
    """Return the collection that is open in this session; the built-in one at first."""
    return _find(st.session_state.get(_CURRENT, BUILT_IN)) or built_in()


def variant(name: str) -> Variant:
    """Return a variant of the collection that is open.

    Raises:
        EmbeddingSetError: it has no variant of this name.
    """
    for each in current().variants:
        if each.name == name:
            return each
    raise EmbeddingSetError(f"there is no model {name!r} in this collection; it has {', '.join(current().names)}")


def collections() -> tuple[Collection, ...]:
    """Return what this session knows already: the built-in collection, and those that were opened here."""
    return (built_in(), *st.session_state.get(_OPENED, {}).values())


def add(collection: Collection) -> None:
    """Make a collection known to this session, in place of one of the same key."""
    st.session_state[_OPENED] = {**st.session_state.get(_OPENED, {}), collection.key: collection}


def remove(key: str) -> None:
    """Forget a collection that was opened here; the files of one that is this session's alone are removed."""
    known: dict[str, Collection] = dict(st.session_state.get(_OPENED, {}))
    gone = known.pop(key, None)
    st.session_state[_OPENED] = known
    if gone is not None and gone.private:
        for each in gone.variants:
            shutil.rmtree(each.folder, ignore_errors=True)


def choose(key: str) -> bool:
    """Open a collection; return whether it is known here or lies below the data folder."""
    found = _find(key)
    if found is None:
        return False
    if key != BUILT_IN:
        add(found)
    st.session_state[_CURRENT] = key
    return True


class Features(NamedTuple):
    """Vectors of a session's items by encoders trained apart: each modality in a space of its own, until aligned.

    Attributes:
        key: names them in the session.
        title: what pages call them.
        folder: their feature set.
    """

    key: str
    title: str
    folder: Path


def features() -> dict[str, Features]:
    """Return the feature sets that were opened in this session, by key, in order."""
    return dict(st.session_state.get(_FEATURES, {}))


def add_features(found: Features) -> None:
    """Make a feature set known to this session, in place of one of the same key."""
    st.session_state[_FEATURES] = {**features(), found.key: found}


def remove_features(key: str) -> None:
    """Forget a feature set that was opened here, and remove its files."""
    known = features()
    gone = known.pop(key, None)
    st.session_state[_FEATURES] = known
    if gone is not None:
        shutil.rmtree(gone.folder, ignore_errors=True)


def new_key() -> str:
    """Return a key that nobody guesses, for a collection of this session alone."""
    return f"own-{secrets.token_urlsafe(9)}"


def private_folder() -> Path:
    """Return a folder of this session alone; it is removed with the session."""
    return _belongings().folder


def ends_with_session(job: Job) -> None:
    """See to it that work on this session's own data ends with the session, before its files are removed."""
    _belongings().jobs.append(job)


def works_on_open_data(job: AnyJob) -> AnyJob:
    """Return a job; where this session's own data are open, it ends with the session."""
    if current().private:
        ends_with_session(job)
    return job


def goes_with_session(file: Path) -> None:
    """See to it that a file computed from this session's own data, if such are open, is removed with the session."""
    if current().private:
        _belongings().files.add(file)


class Belongings:
    """A folder and files that are removed when this object is: it lives in the state of a session.

    Attributes:
        folder: a new folder.
        files: files elsewhere, which may be there or not.
        jobs: processes that are stopped first, for they write.
    """

    def __init__(self) -> None:
        self.folder = new_folder("session")
        self.files: set[Path] = set()
        self.jobs: list[Job] = []
        weakref.finalize(self, _remove_all, self.folder, self.files, self.jobs)


def _remove_all(folder: Path, files: set[Path], jobs: list[Job]) -> None:
    for job in jobs:
        job.stop()
    shutil.rmtree(folder, ignore_errors=True)
    for file in files:
        with suppress(OSError):
            file.unlink()


def _belongings() -> Belongings:
    if _FOLDER not in st.session_state:
        st.session_state[_FOLDER] = Belongings()
    found: Belongings = st.session_state[_FOLDER]
    return found


# folders


def folders_of_files() -> Iterator[Path]:
    """Yield the data folder and those below it that hold no collection; none where there is no such folder."""
    root = data_folder()
    if root is not None and root.is_dir():
        yield from (folder for folder in _folders(root, _DEEPEST) if in_folder(folder, root) is None)


def below_data_folder() -> list[Collection]:
    """Return the collections of embedding sets below the data folder, by path; none where there is no such folder."""
    root = data_folder()
    if root is None or not root.is_dir():
        return []
    found: list[Collection] = []
    for folder in _folders(root, _DEEPEST):
        if len(found) == _MOST:
            break
        if collection := in_folder(folder, root):
            found.append(collection)
    return found


def in_folder(folder: Path, root: Path) -> Collection | None:
    """Return the collection in a folder: a set, what `gram train` wrote, or several of these beside each other.

    Args:
        folder: where to look.
        root: the folder that nothing may leave; the collection's key is the path below it.
    """
    try:
        folder, root = folder.resolve(), root.resolve()
        if not folder.is_relative_to(root) or not folder.is_dir():
            return None
    except OSError:  # no path of this system: a name too long, say
        return None
    found = _collection_in(folder, root)
    parts = [] if found is None else [part for each in found.variants for part in each[1:] if part is not None]
    return found if all(_stays_in(part, root) for part in parts) else None


def _stays_in(folder: Path, root: Path) -> bool:
    """Return whether a set, a model or checkpoints, links followed, are below `root`; media are checked when used."""
    files = (folder, *folder.glob("*"), *folder.glob("step-*/*"))
    return all(path.resolve().is_relative_to(root) for path in files)


def _collection_in(folder: Path, root: Path) -> Collection | None:
    key = folder.relative_to(root).as_posix()
    if (folder / _SET_FILE).is_file():
        if not is_embedding_set(folder):  # features, which share no space yet
            return None
        if folder.name == "test" and folder != root:  # its parent folder is the collection, with the model
            return None
        return Collection(key, folder.name, (Variant(GIVEN, folder, _model_in(folder)),))
    if own := _trained(folder, GIVEN):
        return Collection(key, folder.name, (own,))
    trained = [each for sub in _subfolders(folder) if (each := _trained(sub, sub.name))]
    return Collection(key, folder.name, tuple(trained)) if trained else None


def _find(key: str) -> Collection | None:
    if key == BUILT_IN:
        return built_in()
    known: dict[str, Collection] = st.session_state.get(_OPENED, {})
    if key in known:
        return known[key]
    root = data_folder()
    return in_folder(root / key, root) if root and "\0" not in key else None


def _trained(folder: Path, name: str) -> Variant | None:
    """Return what a folder of `gram train` or `gram align` holds, as a variant; None if it is none."""
    if not (folder / "test" / _SET_FILE).is_file():
        return None
    stops = folder / "trajectory"
    return Variant(name, folder / "test", _model_in(folder), stops if stops.is_dir() else None)


def _model_in(folder: Path) -> Path | None:
    model = folder / "model"
    return model if (model / _MODEL_FILE).is_file() else None


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, but hidden ones and links, by name."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return []
    return [each for each in inside if each.is_dir() and not each.is_symlink() and not each.name.startswith(".")]


def _folders(root: Path, deepest: int) -> Iterator[Path]:
    """Yield a folder and those below it, but what is inside a collection."""
    yield root
    if deepest and in_folder(root, root) is None:
        for each in _subfolders(root):
            yield from _folders(each, deepest - 1)
