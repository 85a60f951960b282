"""Candidates too many to be kept ready: their vectors stay where they are, and are read through once a query."""

import functools
from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram.data.segments import map_segments
from gram.geometry.orthonormal import unit_rows

# Numbers of a modality that are read at a time. In float64 they stay in a processor's cache; and torch has its threads
# wait for each other only over more. Products are numpy's, which takes no more threads than the work is worth: those of
# torch were seen to take a hundred times as long on a machine that has other things to do.
_BLOCK = (1 << 15) - 1
_COMPILED_BLOCK = 1 << 18  # so many stay in the cache as they are stored
_COMPILED_FROM = 1 << 26  # numbers in all: fewer are read through in the time that compiling takes
_REMEMBERED = 2  # queries whose products are held on to, 16 bytes a candidate for two modalities each
Array = np.ndarray
Progress = Callable[[float], None]  # is told the share that is done


class InnerProducts:
    """Inner products of the vectors of n candidates in m modalities: with each other, and with a query.

    Products are taken in float64, of vectors of any length that are brought to length one if that is asked for. What
    is held on to is m x m numbers a candidate, and the products with the last queries: several measures may ask for
    them one after the other.
    """

    def __init__(
        self, vectors: Sequence[Float[Tensor, "n d"]], *, device: torch.device, normalize: bool = False
    ) -> None:
        """Take the vectors as they are; nothing is read yet."""
        self.vectors = tuple(vectors)
        self.device = device
        self.normalize = normalize
        self._own: Float[Tensor, "n m m"] | None = None
        self._lengths: Float[Tensor, "n m"] | None = None
        self._recent: dict[bytes, Float[Tensor, "n p m"]] = {}
        self._one_at_a_time = Lock()

    def __len__(self) -> int:
        """Return n."""
        return len(self.vectors[0])

    def rows(self, which: slice | Int[Tensor, " b"]) -> list[Float[Tensor, "b d"]]:
        """Return the vectors of some candidates, one tensor a modality, in float64."""
        wide = [vectors[which].to(self.device, torch.float64) for vectors in self.vectors]
        return [unit_rows(rows) for rows in wide] if self.normalize else wide

    def with_query(
        self, query: Float[Tensor, "p d"], progress: Progress | None = None
    ) -> tuple[Float[Tensor, "n p m"], Float[Tensor, "n m m"]]:
        """Return the products of all candidates' vectors with those of a query, and with each other.

        NaN where a vector is missing. Treat both as read-only.
        """
        query = query.to("cpu", torch.float64)
        key = query.numpy().tobytes()
        with self._one_at_a_time:
            if key not in self._recent:
                found = self._read_through(query, progress)
                while len(self._recent) >= _REMEMBERED:
                    self._recent.pop(next(iter(self._recent)))
                self._recent[key] = found
            assert self._own is not None  # read along with the first query
            return self._recent[key], self._own

    def _read_through(self, query: Float[Tensor, "p d"], progress: Progress | None) -> Float[Tensor, "n p m"]:
        n, m, d = len(self), len(self.vectors), query.shape[1]
        across = np.empty((n, len(query), m))
        own = np.empty((n, m, m)) if self._own is None else None
        read = self._reader(n * m * d)
        step = max(1, (_BLOCK if read.func is _read_widened else _COMPILED_BLOCK) // d)

        def read_segment(segment: slice) -> None:
            for start in range(segment.start, segment.stop, step):
                block = slice(start, min(start + step, segment.stop))
                read(block, query.numpy(), across[block], None if own is None else own[block])

        for segment, _ in map_segments(n, m * d, read_segment, elements=32 * _BLOCK):
            if progress is not None:
                progress(segment.stop / n)
        if own is not None:
            self._hold(torch.from_numpy(own))
        found = torch.from_numpy(across)
        return found if self._lengths is None else found.div_(self._lengths.unsqueeze(1))

    def _reader(self, numbers: int) -> functools.partial[None]:
        """Return what writes a block's products with a query (b, p, m), and (b, m, m) with each other unless None."""
        if numbers >= _COMPILED_FROM and all(vectors.device.type == "cpu" for vectors in self.vectors):
            from gram.retrieval import compiled_products as _compiled_products

            stored = [vectors.numpy() for vectors in self.vectors]
            if all(_compiled_products.reads(rows.dtype) for rows in stored):
                return functools.partial(_read_compiled, [_compiled_products.as_stored(rows) for rows in stored])
        return functools.partial(_read_widened, self.vectors)

    def _hold(self, own: Float[Tensor, "n m m"]) -> None:
        if self.normalize:
            self._lengths = own.diagonal(dim1=1, dim2=2).sqrt()
            own /= self._lengths.unsqueeze(2)
            own /= self._lengths.unsqueeze(1)
        self._own = own


def _read_widened(vectors: Sequence[Tensor], block: slice, query: Array, across: Array, own: Array | None) -> None:
    wide = torch.empty(len(vectors), block.stop - block.start, query.shape[1], dtype=torch.float64)
    for each, into in zip(vectors, wide):
        into.copy_(each[block])
    rows = wide.numpy()
    for place in range(len(rows)):
        across[:, :, place] = rows[place] @ query.T
        if own is None:
            continue
        for other in range(place + 1):
            own[:, place, other] = own[:, other, place] = np.einsum("nd,nd->n", rows[place], rows[other])


def _read_compiled(stored: Sequence[Array], block: slice, query: Array, across: Array, own: Array | None) -> None:
    from gram.retrieval.compiled_products import with_each_other, with_vectors

    rows = [each[block] for each in stored]
    for place in range(len(rows)):
        with_vectors(rows[place], query, across[:, :, place])
        if own is None:
            continue
        for other in range(place + 1):
            with_each_other(rows[place], rows[other], own[:, place, other])
            own[:, other, place] = own[:, place, other]
