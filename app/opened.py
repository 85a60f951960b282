"""The collections that this session can show: the built-in one, those below the data folder, and what was opened here.

A collection holds one variant or more: embeddings of the same items by different models. Pages call a variant by its
name ("gram"), which means what it means in the collection that is open. What a person uploads lives in a folder of
their session alone, and goes with it.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from gram.errors import EmbeddingSetError

BUILT_IN = "numbers"
_OPENED, _CURRENT, _FOLDER = "opened_collections", "opened_current", "opened_folder"
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
    return Path(os.environ.get("GRAM_ASSETS") or Path(__file__).parents[1] / "assets")


def data_folder() -> Path | None:
    """Return the folder whose sets this app may open, $GRAM_DATA_DIR; None where none was given."""
    named = os.environ.get("GRAM_DATA_DIR")
    return Path(named).expanduser().resolve() if named else None


def built_in() -> Collection:
    """Return the spoken numbers with the two twins."""
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
    """Forget a collection that was opened here."""
    st.session_state[_OPENED] = {each.key: each for each in collections()[1:] if each.key != key}


def choose(key: str) -> bool:
    """Open a collection; return whether it is known here or lies below the data folder."""
    found = _find(key)
    if found is None:
        return False
    if key != BUILT_IN:
        add(found)
    st.session_state[_CURRENT] = key
    return True


def new_key() -> str:
    """Return a key that nobody guesses, for a collection of this session alone."""
    return f"own-{secrets.token_urlsafe(9)}"


def private_folder() -> Path:
    """Return a folder of this session alone; it is removed with the session."""
    if _FOLDER not in st.session_state:
        st.session_state[_FOLDER] = tempfile.TemporaryDirectory(prefix="gram-session-", ignore_cleanup_errors=True)
    return Path(st.session_state[_FOLDER].name)


# folders


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
    folder, root = folder.resolve(), root.resolve()
    if not folder.is_relative_to(root) or not folder.is_dir():
        return None
    key = folder.relative_to(root).as_posix()
    if (folder / _SET_FILE).is_file():
        if folder.name == "test" and folder != root:  # its parent folder is the collection, with the model
            return None
        return Collection(key, folder.name, (Variant("given", folder, _model_in(folder)),))
    if own := _trained(folder, "given"):
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
