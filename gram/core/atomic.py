"""Atomic writes: one file, or several files of one folder; a reader sees all of the old or all of the new.

A file system can replace one file atomically, but not several. So several new files are written and flushed to a
hidden folder next to the old ones, and *one* rename of that folder, to `.committed`, commits them. Only then are they
moved into place. A reader looks in `.committed` first, so a crash before the rename leaves the old files in force and a
crash after it the new ones; the next save finishes the move. Nothing else in the folder changes, and reading needs no
repair (a read-only disk will do).

One process may write at a time; any number may read meanwhile.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

COMMITTED = ".committed"
PENDING = ".pending-"
_RETRY_SECONDS = 10.0

T = TypeVar("T")


def replace_file(target: Path, write: Callable[[Path], object]) -> None:
    """Replace one file by what `write` writes to the path given to it, whole or not at all; create its folder.

    Raises:
        OSError: the disk refused; `target` is as it was.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def replace_files(folder: Path, write: Callable[[Path], None]) -> None:
    """Replace files of a folder by those that `write` writes, all of them or none.

    Args:
        folder: created if it does not exist; its other files stay.
        write: writes plain files to the empty folder, on the same file system, that it is given.

    Raises:
        OSError: the disk refused; `folder` is as it was, unless the commit was done.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    _finish(folder)
    for abandoned in folder.glob(f"{PENDING}*"):
        shutil.rmtree(abandoned)
    pending = folder / f"{PENDING}{secrets.token_hex(8)}"
    try:
        pending.mkdir()
        write(pending)
        for path in pending.iterdir():
            _flush(path)
        _flush(pending)
        pending.rename(folder / COMMITTED)
    except BaseException:
        shutil.rmtree(pending, ignore_errors=True)
        if is_new:
            folder.rmdir()
        raise
    _flush(folder)
    _finish(folder)


def current_file(folder: Path, name: str) -> Path:
    """Return the path of the file `name` in force: in `.committed` while a save is unfinished, else in place."""
    committed = folder / COMMITTED / name
    return committed if committed.exists() else folder / name


def read_consistently(folder: Path, read: Callable[[], T], *, witness: str) -> T:
    """Return what `read` returns, from the files of one save; torn reads are repeated.

    Beside a writer that saves again and again, one read after another is torn: they are repeated for up to 10 seconds,
    after which the last one's result or error stands. `read` opens files of a folder that `replace_files` writes, by
    `current_file`; `witness` is the name of a file that every save writes.
    """
    end = time.monotonic() + _RETRY_SECONDS
    while time.monotonic() < end:
        save, unmoved = _save_in_force(folder, witness), _unmoved(folder)
        try:
            result = read()
        except Exception:
            if _unmoved(folder) == unmoved and _save_in_force(folder, witness) == save:
                raise
            continue
        if _save_in_force(folder, witness) == save:
            return result
    return read()


def _save_in_force(folder: Path, witness: str) -> tuple[int, ...]:
    """Return what identifies the save in force; () if there is none."""
    try:
        stat = current_file(folder, witness).stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _unmoved(folder: Path) -> list[Path]:
    """Return the committed files not yet in place; within one save they only become fewer."""
    try:
        return sorted((folder / COMMITTED).iterdir())
    except OSError:
        return []


def _finish(folder: Path) -> None:
    """Move committed files into place; safe to repeat from any point."""
    committed = folder / COMMITTED
    if not committed.is_dir():
        return
    for path in sorted(committed.iterdir()):
        path.replace(folder / path.name)
    _flush(folder)
    committed.rmdir()


def _flush(path: Path) -> None:
    """Flush a file's bytes, or a folder's entries, to the disk."""
    if os.name == "nt":  # Windows flushes neither folders nor files that are open for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
