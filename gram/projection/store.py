"""Stored layouts: next to the set if they ship with it, else in the user's cache."""

from pathlib import Path

from gram.core.cache import Cache
from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.projection.layout import Layout, Settings

SHIPPED_FOLDER = "layouts"
CACHE = Cache("layouts", ".safetensors", keep=64)


def find_layout(embedding_set: EmbeddingSet, settings: Settings) -> Layout | None:
    """Return the stored layout of exactly these embeddings and settings, or None.

    Searches `layouts/` next to the set's folder, then the cache. Files that cannot be read, or that show other
    embeddings, are ignored.
    """
    key = settings.key(embedding_set)
    files = [layout_file(key)]
    if embedding_set.path is not None:
        files.insert(0, embedding_set.path.parent / SHIPPED_FOLDER / shipped_name(settings))
    for path in files:
        if Layout.key_in(path) == key:
            try:
                return Layout.load(path)
            except GramError:
                continue
    return None


def store_layout(layout: Layout) -> Path | None:
    """Write a layout to the cache, which keeps the 64 newest; return its path, None if the disk refuses."""
    return CACHE.put(layout.key, layout.write)


def layout_file(key: str) -> Path:
    """Return the path in the cache of the layout with this key, whether it exists or not."""
    return CACHE.path(key)


def shipped_name(settings: Settings) -> str:
    """Return the file name of a layout that ships with a set."""
    return f"{settings.method}-{settings.dims}d.safetensors"
