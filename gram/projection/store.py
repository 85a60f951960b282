"""Where layouts are kept: beside the set they show when they ship with it, else in the user's cache."""

from collections.abc import Callable, Iterator
from pathlib import Path

from gram.core import cache
from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.projection.layout import METHODS, Layout, Settings

SHIPPED_FOLDER = "layouts"
_KEPT = 64


def cache_folder() -> Path:
    """Return the folder for computed layouts: `$GRAM_CACHE`, else `gram` in the platform's cache folder."""
    return cache.cache_folder(SHIPPED_FOLDER)


def find_layout(embedding_set: EmbeddingSet, settings: Settings) -> Layout | None:
    """Return the stored layout of exactly these embeddings and settings, or None.

    Looked for in `layouts/` beside the set's folder, then in `cache_folder()`. Files that cannot be read, or
    that show other embeddings, are passed over.
    """
    key = settings.key(embedding_set)
    for path in _places(embedding_set, settings, key):
        if Layout.key_in(path) == key:
            try:
                return Layout.load(path)
            except GramError:
                continue
    return None


def store_layout(layout: Layout) -> Path | None:
    """Write a layout to the cache, forget the oldest beyond 64, and return its path; None if the disk refuses."""
    path = layout_file(layout.key)
    try:
        layout.save(path)
        cache.forget_oldest(path.parent, "*.safetensors", keep=_KEPT)
    except OSError:
        return None
    return path


def write_layouts(
    set_dir: str | Path,
    out_dir: str | Path,
    *,
    seed: int = 0,
    progress: Callable[[str, float, str], None] | None = None,
) -> list[Path]:
    """Compute and write the layouts that ship with a set: every method in two and three dimensions.

    Args:
        set_dir: folder of an embedding set.
        out_dir: folder for the layouts; `layouts` beside `set_dir` is where `find_layout` looks.
        seed: UMAP's.
        progress: called with the layout's name, the share done of it, and the stage.

    Raises:
        EmbeddingSetError: the set cannot be read.
    """
    from gram.projection.fit import compute_layout

    embedding_set = EmbeddingSet.load(set_dir)
    written = []
    for method in METHODS:
        for dims in (2, 3):
            settings = Settings(method=method, dims=dims, seed=seed)
            name = _shipped_name(settings)
            report = None if progress is None else lambda share, stage, name=name: progress(name, share, stage)
            path = Path(out_dir) / name
            compute_layout(embedding_set, settings, progress=report).save(path)
            written.append(path)
    return written


def _shipped_name(settings: Settings) -> str:
    return f"{settings.method}-{settings.dims}d.safetensors"


def layout_file(key: str) -> Path:
    """Return where the layout of a key is kept once it was computed, if it is."""
    return cache_folder() / f"{key[:40]}.safetensors"


def _places(embedding_set: EmbeddingSet, settings: Settings, key: str) -> Iterator[Path]:
    if embedding_set.path is not None:
        yield embedding_set.path.parent / SHIPPED_FOLDER / _shipped_name(settings)
    yield layout_file(key)
