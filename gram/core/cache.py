"""A cache of files in the user's cache folder, one kind at a time, and the digests that name them."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from platformdirs import user_cache_path
from torch import Tensor

from gram.core.atomic import replace_file

_KEY_LENGTH = 40  # hexadecimal digits of a key in a file's name
_ROWS_PER_UPDATE = 16384


def cache_folder(kind: str) -> Path:
    """Return the folder of one kind of files: below `$GRAM_CACHE`, else below `gram` in the user's cache folder."""
    root = os.environ.get("GRAM_CACHE")
    return (Path(root).expanduser() if root else user_cache_path("gram", appauthor=False, opinion=False)) / kind


class Cache:
    """Files of one kind by key; the oldest beyond a number are removed.

    Attributes:
        kind: the name of their folder in the cache.
        suffix: of their names, with its dot.
        keep: how many stay.

    Example:
        >>> pictures = Cache("pictures", ".png", keep=64)
        >>> pictures.put(key, lambda path: path.write_bytes(png))  # doctest: +SKIP (writes to the user's cache)
    """

    def __init__(self, kind: str, suffix: str, *, keep: int) -> None:
        """Create a view of the cache; nothing is read or written."""
        self.kind, self.suffix, self.keep = kind, suffix, keep

    @property
    def folder(self) -> Path:
        """The folder of the files, as the environment names it now; it may not exist yet."""
        return cache_folder(self.kind)

    def path(self, key: str) -> Path:
        """Return the path of a key's file, whether the file exists or not."""
        return self.folder / f"{key[:_KEY_LENGTH]}{self.suffix}"

    def put(self, key: str, write: Callable[[Path], object]) -> Path | None:
        """Store what `write` writes to a path as the key's file, and remove the oldest; None if the disk refuses."""
        target = self.path(key)
        try:
            replace_file(target, write)
            self._remove_oldest()
        except OSError:
            return None
        return target

    def _remove_oldest(self) -> None:
        by_age = sorted(self.folder.glob(f"*{self.suffix}"), key=lambda file: file.stat().st_mtime)
        for file in by_age[: -self.keep]:
            file.unlink(missing_ok=True)


def digest(facts: Sequence[Any], vectors: Mapping[str, Float[Tensor, "n d"]]) -> str:
    """Return the SHA-256 of facts that JSON can hold and of named vectors, in order, as float32; in hexadecimal."""
    sha = hashlib.sha256(json.dumps(list(facts)).encode())
    for name, rows in vectors.items():
        sha.update(json.dumps([name, list(rows.shape)]).encode())
        for block in rows.split(_ROWS_PER_UPDATE):
            sha.update(block.float().contiguous().numpy().tobytes())
    return sha.hexdigest()
