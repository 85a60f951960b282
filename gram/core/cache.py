"""Where computed things are kept between runs, and under what key."""

import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

_PER_DIGEST_BLOCK = 16384


def cache_folder(name: str) -> Path:
    """Return the folder for computed things of one kind: in `$GRAM_CACHE`, else in `gram` in the platform's cache."""
    if named := os.environ.get("GRAM_CACHE"):
        return Path(named).expanduser() / name
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "gram" / name


def forget_oldest(folder: Path, pattern: str, *, keep: int) -> None:
    """Remove all but the newest files of a folder that match a pattern.

    Raises:
        OSError: the disk refused.
    """
    stored = sorted(folder.glob(pattern), key=lambda file: file.stat().st_mtime)
    for old in stored[:-keep]:
        old.unlink(missing_ok=True)


def keep_file(target: Path, write: Callable[[Path], object], *, keep: int) -> Path | None:
    """Write a file whole or not at all, and forget all but the newest of its kind; None if the disk refuses.

    Args:
        target: the file; those of its suffix in its folder are of its kind.
        write: writes it to the path that it is given.
        keep: how many of its kind stay.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        forget_oldest(target.parent, f"*{target.suffix}", keep=keep)
    except OSError:
        return None
    return target


def digest_of(facts: Sequence[Any], vectors: Mapping[str, Float[Tensor, "n d"]]) -> str:
    """Return a digest of vectors by name, in order, and of facts that JSON can hold."""
    digest = hashlib.sha256(json.dumps(list(facts)).encode())
    for name, rows in vectors.items():
        digest.update(json.dumps([name, list(rows.shape)]).encode())
        for block in rows.split(_PER_DIGEST_BLOCK):
            digest.update(block.float().contiguous().numpy().tobytes())
    return digest.hexdigest()
