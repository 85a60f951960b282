"""Checks that relative paths from untrusted files stay below a folder."""

from pathlib import Path, PurePosixPath, PureWindowsPath


def stays_inside(path: object) -> bool:
    """Return whether a path is relative and has no parent step, by POSIX and Windows rules alike."""
    if not isinstance(path, str) or "\0" in path:
        return False
    windows = PureWindowsPath(path)
    return not (PurePosixPath(path).is_absolute() or windows.anchor or ".." in windows.parts)


def file_inside(folder: Path, path: object) -> Path | None:
    """Return the file that a relative path names below `folder`, links followed; None if there is none."""
    if not stays_inside(path) or not path:
        return None
    file = folder / str(path)
    try:
        inside = file.resolve().is_relative_to(folder.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long, a loop of links
        return None
    return file if inside else None
