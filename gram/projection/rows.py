"""The embeddings of a set as unit rows, one modality after another, computed on access."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet, unit_rows


class UnitRows:
    """p unit rows in float32 that are indexed as a tensor of shape (p, d) is; the set's own may stay on disk."""

    def __init__(self, embedding_set: EmbeddingSet, present: Mapping[str, Bool[np.ndarray, " n"]]) -> None:
        """Take the present rows of the modalities that `present` names."""
        self._vectors = [embedding_set.modalities[name] for name in present]
        self._at = [torch.from_numpy(np.flatnonzero(mask)) for mask in present.values()]
        self._ends = np.cumsum([0, *map(len, self._at)]).tolist()
        self.shape = (int(self._ends[-1]), embedding_set.d)

    def __len__(self) -> int:
        """Return p."""
        return self.shape[0]

    def __getitem__(self, which: slice | Int[Tensor, " m"] | Bool[Tensor, " p"]) -> Float[Tensor, "m d"]:
        """Return some of the rows, in the given order."""
        if isinstance(which, slice):
            which = torch.arange(*which.indices(len(self)))
        elif which.dtype == torch.bool:
            which = torch.nonzero(which).flatten()
        rows = torch.empty(len(which), self.shape[1])
        for vectors, at, begin, end in zip(self._vectors, self._at, self._ends, self._ends[1:], strict=False):
            mine = (which >= begin) & (which < end)
            if bool(mine.any()):
                rows[mine] = unit_rows(vectors[at[which[mine] - begin]])
        return rows


AnyRows = Float[Tensor, "p d"] | UnitRows  # read in blocks: in memory, or computed on access
