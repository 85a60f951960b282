"""Several files of one folder replaced as one: whoever reads sees all the old files or all the new ones.

A file system can replace one file atomically, but not three. So the new files are written and flushed in a
hidden folder beside the old ones, and *one* rename of that folder, to `.committed`, makes them count. Only
then are they moved into place. A reader looks in `.committed` first, so a crash before the rename leaves
the old files in force and a crash after it the new ones; the next save finishes the move. Nothing else in
the folder is touched, and nothing has to be repaired before reading (a read-only disk will do).

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
_READ_AGAIN_FOR = 10.0  # seconds

T = TypeVar("T")


def replace_files(folder: Path, write: Callable[[Path], None]) -> None:
    """Put the files that `write` makes in an empty folder into `folder`, all of them or none.

    Args:
        folder: made if it does not exist.
        write: called with the path of an empty folder on the same file system; makes plain files there.

    Raises:
        OSError: the disk refused; unless the rename that commits was done, `folder` is as it was.
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
    """Return where the file `name` in force is: in `.committed` while a save is unfinished, else in place."""
    committed = folder / COMMITTED / name
    return committed if committed.exists() else folder / name


def read_consistently(folder: Path, read: Callable[[], T], *, witness: str) -> T:
    """Return what `read` gives, read again if a save went through meanwhile, so that no two saves are mixed.

    Beside a writer that saves again and again, one reading after another is torn. They go on until one is
    whole, for 10 seconds at most; then the next one's result or error stands.

    Args:
        folder: the folder that `replace_files` writes.
        read: opens files of the folder by `current`.
        witness: name of a file that every save writes.
    """
    end = time.monotonic() + _READ_AGAIN_FOR
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
    """Return what tells the save whose files are in force from every other; () if there is none."""
    try:
        stat = current_file(folder, witness).stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _unmoved(folder: Path) -> list[Path]:
    """Return the committed files that are not in place yet; within one save it only shrinks."""
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
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    if os.name == "nt":  # Windows flushes neither folders nor files that are open for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
