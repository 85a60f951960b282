"""Zip and gzip archives, unpacked to a folder; zip archives of other formats (.npz, .pt) are opened here too."""

import gzip
import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from shutil import copyfileobj

from gram.core.paths import stays_inside
from gram.data.importers.limits import Limits, format_bytes, one_line, reraise_as_set_error
from gram.errors import EmbeddingSetError

SUFFIXES = (".gz", ".zip")

MAX_ENTRIES = 200_000
ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError, LookupError,
          struct.error)  # fmt: skip
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_REMEDY = "pack it again as plain zip"
_LOCAL_HEADER = 30


def unpack(path: Path, folder: Path, limits: Limits) -> None:
    """Write the files of a zip archive, or the one of a gzip file, below a folder.

    Raises:
        EmbeddingSetError: whatever `open_archive` refuses, an entry that is damaged, or more than `limits` allow.
    """
    if path.suffix.lower() == ".gz":
        return _gunzip(path, folder / path.stem, limits)
    with open_archive(path, limits, "a zip archive", _REMEDY) as archive:
        for entry in archive.infolist():
            parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
            if entry.is_dir() or parts[0] == "__MACOSX":
                continue
            target = folder.joinpath(*parts)
            with reraise_as_set_error(f"{path}: '{one_line(entry.filename)}'", "a packed file", _REMEDY, *ERRORS):
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("wb") as copy:
                    copyfileobj(source, copy, 2**20)
    return None


def _gunzip(path: Path, target: Path, limits: Limits) -> None:
    size = limits.check_file(path)
    most = left = limits.unpack_at_most(size)
    with (
        reraise_as_set_error(path, "a gzip file", "pack it again", OSError, EOFError, zlib.error),
        gzip.open(path) as source,
        target.open("xb") as copy,
    ):
        while block := source.read(2**20):
            left -= len(block)
            if left < 0:
                what = f"{format_bytes(size)} unpack to more than {format_bytes(most)}"
                raise EmbeddingSetError(f"{path}: {what}; unpack it yourself")
            copy.write(block)


def open_archive(path: Path, limits: Limits, what: str, remedy: str) -> zipfile.ZipFile:
    """Return an archive whose entries are known to stay inside it, in number and in unpacked size.

    Raises:
        EmbeddingSetError: no zip archive, too many entries, an entry that is encrypted, a link, has an absolute
            path or climbs by .., or more unpacked bytes than `limits` allow.
    """
    limits.check_file(path)
    with reraise_as_set_error(path, what, remedy, *ERRORS):
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
    seen: set[str] = set()
    for entry in entries:
        name = one_line(entry.filename)
        if entry.filename in seen:
            raise EmbeddingSetError(f"{path}: holds '{name}' twice; pack it once")
        seen.add(entry.filename)
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


def start_of(path: Path, entry: zipfile.ZipInfo) -> int:
    """Return where the content of a stored entry starts in the archive.

    Raises:
        zipfile.BadZipFile: the content is not as long as the table of contents says.
    """
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER)
        name, extra = struct.unpack_from("<HH", header, 26)
        start = entry.header_offset + _LOCAL_HEADER + name + extra
        if start + entry.file_size > file.seek(0, 2):
            raise zipfile.BadZipFile("an entry is cut short")
    return int(start)
