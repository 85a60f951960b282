"""Zip archives, and what is built on them (.npz, .pt): what they hold is checked before anything is unpacked."""

import lzma
import stat
import struct
import tempfile
import weakref
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from shutil import copyfileobj, rmtree

from gram.data.importers.limits import Limits, format_bytes, one_line, reraise_as_set_error
from gram.data.validation import stays_inside
from gram.errors import EmbeddingSetError

MAX_ENTRIES = 200_000
ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    KeyError,
    IndexError,
    struct.error,
)
_DIRECTORY = 128 * 2**20  # bytes of an archive's table of contents
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_archive(path: Path, limits: Limits, what: str, remedy: str) -> zipfile.ZipFile:
    """Return an archive whose entries are known to stay inside it, in number and in unpacked size.

    Raises:
        EmbeddingSetError: no zip archive, too many entries, an entry that is encrypted, a link, has an absolute
            path or climbs by .., or more unpacked bytes than `limits` allow.
    """
    size = limits.check_file(path)
    with reraise_as_set_error(path, what, remedy, *ERRORS):
        contents = _size_of_contents(path, size)
        if contents > _DIRECTORY:
            raise EmbeddingSetError(f"{path}: its table of contents has {format_bytes(contents)}; pack fewer files")
        archive = zipfile.ZipFile(path)
    try:
        _check_entries(path, archive, limits)
    except BaseException:
        archive.close()
        raise
    return archive


def _check_entries(path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise EmbeddingSetError(f"{path}: holds {len(entries):,} files; at most {MAX_ENTRIES:,} are read: pack fewer")
    for entry in entries:
        name = one_line(entry.filename)
        if not stays_inside(entry.filename) or not name:
            raise EmbeddingSetError(f"{path}: holds '{name}', which lies outside the archive; pack it with plain names")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise EmbeddingSetError(f"{path}: holds '{name}', which is a link or a device; pack plain files alone")
        if entry.flag_bits & 0x1:
            raise EmbeddingSetError(f"{path}: '{name}' is encrypted; pack it without a password")
        if entry.compress_type not in _METHODS:
            raise EmbeddingSetError(f"{path}: '{name}' is packed in an unusual way; pack it again as plain zip")
        limits.check_unpacked(f"{path}: '{name}'", entry.file_size, max(1, entry.compress_size))
    packed = sum(entry.compress_size for entry in entries)
    limits.check_unpacked(path, sum(entry.file_size for entry in entries), max(1, packed))


def _size_of_contents(path: Path, size: int) -> int:
    """Return how long the archive's table of contents claims to be, from its end record."""
    with path.open("rb") as file:
        file.seek(max(0, size - 2**16 - 22 - 76))
        tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + 22:
        raise zipfile.BadZipFile("no end record")
    claimed = struct.unpack_from("<L", tail, end + 12)[0]
    large = tail.rfind(b"PK\6\6", 0, end)
    if large >= 0 and len(tail) >= large + 48:
        claimed = max(claimed if claimed != 0xFFFFFFFF else 0, struct.unpack_from("<Q", tail, large + 40)[0])
    return min(int(claimed), size)


class Unpacked:
    """A private folder with an archive's files; it goes when nothing holds this object any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gram-unpacked-"))
        weakref.finalize(self, rmtree, self.folder, ignore_errors=True)


def unpack(path: Path, limits: Limits) -> Unpacked:
    """Return the files of a zip archive in a folder of their own.

    Raises:
        EmbeddingSetError: whatever `open_archive` refuses, or an entry that is damaged.
    """
    remedy = "pack it again as plain zip"
    unpacked = Unpacked()
    with open_archive(path, limits, "a zip archive", remedy) as archive:
        for entry in archive.infolist():
            parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
            if entry.is_dir() or parts[0] == "__MACOSX":
                continue
            target = unpacked.folder.joinpath(*parts)
            with reraise_as_set_error(f"{path}: '{one_line(entry.filename)}'", "a packed file", remedy, *ERRORS):
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as copy:
                    copyfileobj(source, copy, 2**20)
    return unpacked
