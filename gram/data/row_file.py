"""Some rows of a large file of vectors, read one by one: a map into memory would bring in much around each of them."""

import json
import os
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

_SPARSE = 8  # rows are read one by one where fewer than one in so many is wanted; else the file is read through


class RowFile:
    """A file in the format of safetensors, open for as long as this object lives: what replaces it changes nothing.

    Such a file is the length of a header in 8 bytes, the header as JSON, and the tensors.
    """

    def __init__(self, file: Path) -> None:
        """Open the file and read its header.

        Raises:
            OSError, ValueError: it cannot be read so.
        """
        self._descriptor = os.open(file, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        length = int.from_bytes(os.pread(self._descriptor, 8, 0), "little")
        header = json.loads(os.pread(self._descriptor, length, 8))
        self._begins = {
            name: 8 + length + entry["data_offsets"][0] for name, entry in header.items() if name != "__metadata__"
        }

    @classmethod
    def opened(cls, file: Path) -> Self | None:
        """Return the file, opened; None where the system does not read so, or the file is not of this format."""
        if not hasattr(os, "preadv") or not hasattr(os, "posix_fadvise"):
            return None
        try:
            return cls(file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # what is wrong with it is said by whoever reads it whole

    def take(
        self, tensors: dict[str, Float[Tensor, "n d"]], names: Iterable[str], rows: Int[Tensor, " m"]
    ) -> dict[str, Float[Tensor, "m d"]]:
        """Return rows of some of the tensors in this file, in the order asked for; none of any where many are wanted.

        All are asked of the disk at once, so that it fetches the next while one is waited for.

        Args:
            tensors: the tensors of the file as they are mapped into memory, which is not touched.
            names: which of them.
            rows: which rows, from 0.
        """
        chosen = [name for name in names if name in self._begins and len(rows) * _SPARSE <= len(tensors[name])]
        ordered = rows.sort()
        for name in chosen:
            size = _row_bytes(tensors[name])
            for row in ordered.values.tolist():
                os.posix_fadvise(self._descriptor, self._begins[name] + row * size, size, os.POSIX_FADV_WILLNEED)
        return {name: self._read(tensors[name], self._begins[name], ordered.values, ordered.indices) for name in chosen}

    def _read(
        self, tensor: Float[Tensor, "n d"], begin: int, rows: Int[Tensor, " m"], places: Int[Tensor, " m"]
    ) -> Float[Tensor, "m d"]:
        taken = torch.empty(len(rows), tensor.shape[1], dtype=tensor.dtype)
        size, into = _row_bytes(tensor), taken.numpy().data.cast("B")
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            got = os.preadv(self._descriptor, [into[place * size : (place + 1) * size]], begin + row * size)
            if got != size:
                raise OSError(f"row {row}: {got} of {size} bytes could be read")
        return taken


def _row_bytes(tensor: Float[Tensor, "n d"]) -> int:
    return tensor.shape[1] * tensor.element_size()
