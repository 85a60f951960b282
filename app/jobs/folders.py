"""Temporary folders that name the server they belong to, so that what a killed one left behind can be removed."""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

_KINDS = ("job", "session")


def new_folder(kind: str) -> Path:
    """Return a new folder, for a "job" or a "session"; the first of a server removes what killed ones left behind."""
    _remove_leftovers()
    return Path(tempfile.mkdtemp(prefix=f"gram-{kind}-{os.getpid()}-"))


@cache
def _remove_leftovers() -> None:
    for kind in _KINDS:
        for folder in Path(tempfile.gettempdir()).glob(f"gram-{kind}-*-*"):
            pid = folder.name.removeprefix(f"gram-{kind}-").partition("-")[0]
            if pid.isdigit() and not _is_running(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # a signal of 0 would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
