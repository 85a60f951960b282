"""Limits on what reading a file may cost, and errors of libraries as one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gram.errors import EmbeddingSetError

REPLY = "reply.json"  # the reply of a worker, in the folder of its columns
HEADER = 4096  # bytes that name an importer's module to the server
GIB = 2**30
_RATIO, _ALWAYS_FINE = 200, 64 * 2**20  # embeddings hardly compress: 200-fold is a bomb, but small files may
_MESSAGE = 160


@dataclass(frozen=True)
class Limits:
    """What may be spent on a file: checked against its headers, and enforced by the sandbox.

    Attributes:
        file: bytes of one file on disk.
        unpacked: bytes that its content may take once it is decompressed or converted.
        items: rows.
        seconds: of processor time for reading a small file; each further MiB has one more.
    """

    file: int = 64 * GIB
    unpacked: int = 16 * GIB
    items: int = 20_000_000
    seconds: int = 2

    def check_file(self, path: Path) -> int:
        """Return the size of a plain file.

        Raises:
            EmbeddingSetError: it is absent, no plain file, empty, or larger than `file`.
        """
        try:
            exists, plain = path.exists(), path.is_file()
            size = path.stat().st_size if plain else 0
        except (OSError, ValueError) as error:
            raise EmbeddingSetError(f"{path}: cannot be opened ({error_line(error)}); give another path") from error
        if not exists:
            raise EmbeddingSetError(f"{path}: does not exist; give the path of a file or a folder with embeddings")
        if not plain:
            raise EmbeddingSetError(f"{path}: is neither a file nor a folder; give one of these")
        if size == 0:
            raise EmbeddingSetError(f"{path}: is empty; write or copy it again")
        if size > self.file:
            raise EmbeddingSetError(
                f"{path}: has {format_bytes(size)}, and at most {format_bytes(self.file)} are read; "
                "leave items out, or store float16"
            )
        return size

    def check_unpacked(self, where: object, size: int, packed: int | None = None) -> None:
        """Check what content will take; `packed` is its size on disk, where it was compressed.

        Raises:
            EmbeddingSetError: more than `unpacked`, or so much more than `packed` that it must be a bomb.
        """
        if size > self.unpacked:
            raise EmbeddingSetError(
                f"{where}: unpacks to {format_bytes(size)}, and at most {format_bytes(self.unpacked)} are read; "
                "leave items out, or store float16"
            )
        if packed is not None and size > max(_ALWAYS_FINE, _RATIO * packed):
            raise EmbeddingSetError(
                f"{where}: {format_bytes(packed)} unpack to {format_bytes(size)}, which no embeddings do; "
                "store it uncompressed if it is sound"
            )

    def unpack_at_most(self, packed: int) -> int:
        """Return how many bytes `packed` bytes may unpack to."""
        return min(self.unpacked, max(_ALWAYS_FINE, _RATIO * packed))

    def check_items(self, where: object, n: int) -> None:
        """Check a number of rows.

        Raises:
            EmbeddingSetError: more than `items`.
        """
        if n > self.items:
            raise EmbeddingSetError(f"{where}: has {n:,} rows, and at most {self.items:,} are read; leave items out")


class Allowance(NamedTuple):
    """What a worker may use: bytes of memory (beyond its libraries) and output, seconds of processor and wall clock."""

    memory: int
    output: int
    processor: int
    wall: float

    @classmethod
    def of(cls, size: int, limits: Limits) -> "Allowance":
        """Return what reading `size` bytes may take."""
        unpacked = limits.unpack_at_most(size)
        processor = limits.seconds + size // 2**20  # 1 MB/s is slow for every format
        return cls(2**27 + unpacked + unpacked // 4 + 2 * size, 2**24 + 2 * unpacked, processor, 2 * processor + 0.5)

    @property
    def too_slow(self) -> str:
        """The message about a worker that used up its time."""
        return f"takes more than {self.processor} s to read, which no sound file of its size does; write it again"

    @property
    def crashed(self) -> str:
        """The message about a worker that died."""
        memory = f"needs more than {format_bytes(self.memory)} of memory"
        return f"is damaged, or {memory}, which no sound file of its size does; write it again"


def format_bytes(size: int) -> str:
    """Format a byte count, e.g. 1.2 GB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:,.3g} {unit}" if size < 1000 * factor else f"{size / factor:,.0f} {unit}"
    return f"{size} bytes"


def error_line(error: BaseException) -> str:
    """Return an error's message as one short line."""
    text = one_line(getattr(error, "strerror", None) or str(error)) or type(error).__name__
    return text if len(text) <= _MESSAGE else f"{text[:_MESSAGE]} …"


def one_line(text: str) -> str:
    """Return text without line breaks and other control characters."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", text).strip()


@contextmanager
def reraise_as_set_error(where: object, what: str, remedy: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn errors of a library into one line: `where` is not readable as `what`; `remedy`. Other errors are bugs.

    Caught are `errors`, and, always, too little memory and too deep nesting.
    """
    try:
        yield
    except EmbeddingSetError:
        raise
    except MemoryError as error:
        message = f"{where}: needs more memory than it may take; leave items out, or store float16"
        raise EmbeddingSetError(message) from error
    except RecursionError as error:
        raise EmbeddingSetError(f"{where}: is nested too deeply to be {what}; {remedy}") from error
    except errors as error:
        raise EmbeddingSetError(f"{where}: is not readable as {what} ({error_line(error)}); {remedy}") from error
