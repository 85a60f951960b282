"""Where computed things are kept between runs, and under what key."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
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


def digest_of(facts: Sequence[Any], vectors: Mapping[str, Float[Tensor, "n d"]]) -> str:
    """Return a digest of vectors by name, in order, and of facts that JSON can hold."""
    digest = hashlib.sha256(json.dumps(list(facts)).encode())
    for name, rows in vectors.items():
        digest.update(json.dumps([name, list(rows.shape)]).encode())
        for block in rows.split(_PER_DIGEST_BLOCK):
            digest.update(block.float().contiguous().numpy().tobytes())
    return digest.hexdigest()
