"""Files below a chosen folder, and none outside it."""

from pathlib import Path

from gram.data.validation import stays_inside


def file_inside(folder: Path, path: object) -> Path | None:
    """Return the file that a relative path names below `folder`; None if there is none, or links lead out."""
    if not stays_inside(path) or not path:
        return None
    file = folder / str(path)
    try:
        inside = file.resolve().is_relative_to(folder.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long, a loop of links
        return None
    return file if inside else None
