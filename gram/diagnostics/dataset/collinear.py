"""Collinear vectors: items with two vectors on one line, whose volume is next to 0 for every query."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, Finding, register
from gram.diagnostics.dataset.context import DiagnosisContext
from gram.geometry.orthonormal import tolerance
from gram.retrieval.task import RetrievalTask

# Of two unit vectors det G = sin^2: below this sine it is less than float32 can tell from 0.
COLLINEAR = torch.finfo(torch.float32).eps ** 0.5
ITEMS_AT_ONCE = 1 << 13  # items, whose vectors are widened to float64


@dataclass(frozen=True, kw_only=True)
class CollinearPair:
    """Two modalities, and the items whose two vectors lie on one line.

    Attributes:
        first: one modality.
        second: the other.
        rows: (m,) rows of those items.
        items: how many items have both.
    """

    first: str
    second: str
    rows: Int[np.ndarray, " m"]
    items: int


@dataclass(frozen=True, kw_only=True)
class Collinear:
    """Items with collinear vectors.

    Attributes:
        limit: the sine up to which two vectors count as lying on one line.
        pairs: pairs of modalities with items whose two vectors do.
    """

    limit: float
    pairs: tuple[CollinearPair, ...]

    @property
    def rows(self) -> Int[np.ndarray, " m"]:
        """Rows of the items with any two vectors on one line, ascending."""
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(pair.rows for pair in self.pairs)]))


def find_collinear(
    embedding_set: EmbeddingSet, query: str | None = None, candidates: Sequence[str] | None = None
) -> Collinear:
    """Return the items that have two vectors x, y with sin(x, y) <= sqrt(eps), of the coarsest dtype.

    Args and errors: as `gram.evaluate`; vectors are used as given.
    """
    task = RetrievalTask(embedding_set, query, candidates, "volume")
    vectors = {name: embedding_set.modalities[name] for name in task.names}
    limit = max(COLLINEAR, tolerance(2, coarsest_dtype(vectors.values())))
    found = []
    for (first, x), (second, y) in combinations(vectors.items(), 2):
        both, near = [], []
        for one, other in zip(x.split(ITEMS_AT_ONCE), y.split(ITEMS_AT_ONCE)):
            unit, partner = (torch.nn.functional.normalize(rows.double(), dim=1) for rows in (one, other))
            cosine = (unit * partner).sum(dim=1, keepdim=True)
            both.append(~cosine[:, 0].isnan())
            near.append(torch.linalg.vector_norm(partner - cosine * unit, dim=1) <= limit)
        rows = torch.cat(near).nonzero().flatten().numpy()
        if len(rows):
            found.append(CollinearPair(first=first, second=second, rows=rows, items=int(torch.cat(both).sum())))
    return Collinear(limit=limit, pairs=tuple(found))


def coarsest_dtype(vectors: Iterable[Tensor]) -> torch.dtype:
    """Return the least precise dtype of some tensors."""
    return max((rows.dtype for rows in vectors), key=lambda dtype: torch.finfo(dtype).eps)


def collinear_of(context: DiagnosisContext) -> Collinear:
    """Return the collinear vectors of the whole set."""
    return find_collinear(context.whole, context.query, context.candidates)


@register("degenerate", order=50, stage="collinear vectors")
def check_collinear(context: DiagnosisContext) -> Checked:
    """Check whether items have two vectors on one line."""
    collinear, n = context.once(collinear_of), len(context.whole)
    rows = collinear.rows
    looked_at = f"{len(rows):,} of {n:,} items have two vectors within {collinear.limit:.1g} of one line"
    if not len(rows):
        return looked_at, []
    pairs = {f"{pair.first} and {pair.second}": len(pair.rows) for pair in collinear.pairs}
    most = max(pairs, key=lambda name: pairs[name])
    finding = Finding(
        cause="degenerate", severity=len(rows) / n, title="Vectors of an item on one line",
        text=f"{looked_at}, most often {most} ({pairs[most]:,} items): their volume is next to nothing, whatever is "
        "asked.",
        modalities=tuple(dict.fromkeys(name for pair in collinear.pairs for name in (pair.first, pair.second))),
        items=context.ids(rows, of=context.whole), numbers={"items": len(rows), "of": n, "pairs": pairs},
        remedy="Look for one file or one encoder that stands for two modalities; until then rank by height.",
    )  # fmt: skip
    return looked_at, [finding]
