"""What a person uploads, written into a folder of their session alone."""

import secrets
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.data import collections
from gram.errors import EmbeddingSetError

MAX_FILES = 20_000
_LONGEST_NAME = 200


def store(files: Sequence[UploadedFile]) -> Path:
    """Write uploaded files into a new folder of this session; return the one file, or the folder of several.

    Raises:
        EmbeddingSetError: too many files, a name that leaves the folder, or the disk refuses.
    """
    if len(files) > MAX_FILES:
        raise EmbeddingSetError(
            f"{len(files):,} files were given, and at most {MAX_FILES:,} are taken: pack them into a zip file"
        )
    folder = collections.private_folder() / "uploads" / secrets.token_hex(6)
    try:
        for file in files:
            target = folder / inside(file.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.getbuffer())
    except OSError as error:
        raise EmbeddingSetError(f"the upload cannot be kept ({error.strerror or error}); free space") from error
    if len(files) == 1:
        return folder / inside(files[0].name)
    inner = list(folder.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else folder  # a folder was given as a whole


def inside(name: str) -> PurePosixPath:
    """Return a file's name as a path that stays below the folder it is put in.

    Raises:
        EmbeddingSetError: it does not: it is absolute, climbs, or is no name at all.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    bad = path.is_absolute() or PureWindowsPath(name).anchor or ".." in path.parts or "\0" in name
    if bad or not path.parts or any(len(part) > _LONGEST_NAME for part in path.parts):
        raise EmbeddingSetError(f"a file is called {name[:80]!r}, which is no name below a folder: rename it")
    return path
