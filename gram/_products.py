"""Candidates too many to be kept ready: their vectors stay where they are, and are read through once a query."""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram._read_through import read_through
from gram._spans import unit_rows

# Numbers of a modality that are read at a time. In float64 they stay in a processor's cache; and torch has its threads
# wait for each other only over more. Products are numpy's, which takes no more threads than the work is worth: those of
# torch were seen to take a hundred times as long on a machine that has other things to do.
_BLOCK = (1 << 15) - 1
_REMEMBERED = 2  # queries whose products are held on to, 16 bytes a candidate for two modalities each
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
        step = max(1, _BLOCK // d)
        asked = query.numpy()
        across = np.empty((n, len(asked), m))
        own = np.empty((n, m, m)) if self._own is None else None

        def read(segment: slice) -> None:
            wide = torch.empty(m, step, d, dtype=torch.float64)
            for start in range(segment.start, segment.stop, step):
                block = slice(start, min(start + step, segment.stop))
                copied = wide[:, : block.stop - start]
                for vectors, into in zip(self.vectors, copied):
                    into.copy_(vectors[block])
                rows = copied.numpy()
                for place in range(m):
                    across[block, :, place] = rows[place] @ asked.T
                    if own is None:
                        continue
                    for other in range(place + 1):
                        products = np.einsum("nd,nd->n", rows[place], rows[other])
                        own[block, place, other] = own[block, other, place] = products

        for segment, _ in read_through(n, m * d, read, elements=32 * _BLOCK):
            if progress is not None:
                progress(segment.stop / n)
        if own is not None:
            self._hold(torch.from_numpy(own))
        found = torch.from_numpy(across)
        return found if self._lengths is None else found.div_(self._lengths.unsqueeze(1))

    def _hold(self, own: Float[Tensor, "n m m"]) -> None:
        if self.normalize:
            self._lengths = own.diagonal(dim1=1, dim2=2).sqrt()
            own /= self._lengths.unsqueeze(2)
            own /= self._lengths.unsqueeze(1)
        self._own = own
