"""Where computed things are kept between runs."""

import os
import sys
from pathlib import Path


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
