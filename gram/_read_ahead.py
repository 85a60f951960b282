"""Hints to the system on what will be read of a file that is mapped into memory."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from jaxtyping import Int
from torch import Tensor

_SPARSE = 8  # rows are asked for one by one where fewer than one in so many is wanted; else the file is read through


def rows_ahead(file: Path, names: Iterable[str], rows: Int[Tensor, " m"], n: int) -> None:
    """Ask the system to read some rows of each tensor of a safetensors file, all at once and nothing between them.

    Without it each row that is not in the system's cache is waited for, and much around it is read too. It changes no
    result, and does nothing where the system takes no hints.

    Args:
        file: in the format of safetensors: the length of a header in 8 bytes, the header as JSON, the tensors.
        names: of the tensors, (n, d) each.
        rows: which rows, ascending.
        n: how many rows there are.
    """
    if not hasattr(os, "posix_fadvise") or len(rows) * _SPARSE > n:
        return
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length))
            for name in names:
                first, last = (8 + length + offset for offset in header[name]["data_offsets"])
                size = (last - first) // n
                for row in rows.tolist():
                    os.posix_fadvise(opened.fileno(), first + row * size, size, os.POSIX_FADV_WILLNEED)
    except (OSError, ValueError, KeyError):
        return  # it is a hint: what is wrong with the file is said by whoever reads it
