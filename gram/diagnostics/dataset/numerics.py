"""What no measure can make good: vectors that are equal or nearly so, missing, or too close for their precision."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.task import Task, task_of
from gram.geometry import heights
from gram.geometry.orthonormal import tolerance

# Storing a unit vector in float16 moves it by 3e-4 or so, and vectors of different items are farther apart than 0.01.
SAME = 1e-3
_SAME_SHARE = 0.01  # of the usual distance, where a collapsed modality has that below 0.1
# Of two unit vectors det G = sin^2: below this sine it is less than float32 can tell from 0.
COLLINEAR = torch.finfo(torch.float32).eps ** 0.5
_AT_ONCE = 1 << 13  # items, whose vectors are widened to float64
_PROJECTED = 8  # dimensions in which near neighbours are looked for before they are compared
_USUAL_SAMPLE = 512


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
class Numerics:
    """What is wrong with single items of a set.

    Attributes:
        dtype: the precision of the least precise modality.
        limit: the sine up to which two vectors count as lying on one line.
        collinear: pairs of modalities with items whose two vectors do.
        below_precision: (m,) rows of the items whose volume over the task's modalities cannot be told from 0: a vector
            is no farther from the span of the others than rounding has moved it.
        missing: by modality of the task, how many items lack it.
        incomplete: (m,) rows of the items that lack any of them.
    """

    dtype: torch.dtype
    limit: float
    collinear: tuple[CollinearPair, ...]
    below_precision: Int[np.ndarray, " m"]
    missing: dict[str, int]
    incomplete: Int[np.ndarray, " m"]


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Items with the same vectors.

    Attributes:
        items: (n,) group of each item with the same vectors in all modalities of the task, -1 where it is alone.
        candidates: (n,) the same for the candidates.
        query: (n,) the same for the query.
        ceiling: the largest R@1 there can be: of m items that the query or the candidates cannot tell apart, one is
            right.
    """

    items: Int[np.ndarray, " n"]
    candidates: Int[np.ndarray, " n"]
    query: Int[np.ndarray, " n"]
    ceiling: float


def find_numerics(
    embedding_set: EmbeddingSet, query: str | None = None, candidates: Sequence[str] | None = None
) -> Numerics:
    """Return the items with collinear vectors, with volumes that are not resolved, and with missing modalities.

    Args:
        embedding_set: n items in k modalities; vectors are used as given.
        query: name of a modality; the set's anchor if None.
        candidates: names of one modality or more; all but the query if None.

    Raises:
        ValueError: an unknown modality, or a query that is also a candidate.
        EmbeddingSetError: no item has the query and a candidate.
    """
    task = task_of(embedding_set, query, candidates, "volume")
    vectors = {name: embedding_set.modalities[name] for name in task.names}
    dtype = max((rows.dtype for rows in vectors.values()), key=lambda stored: torch.finfo(stored).eps)
    limit = max(COLLINEAR, tolerance(2, dtype))
    lacking = {name: ~embedding_set.present(name) for name in task.names}
    return Numerics(
        dtype=dtype,
        limit=limit,
        collinear=tuple(_collinear(vectors, limit)),
        below_precision=_below_precision(list(vectors.values()), dtype),
        missing={name: int(rows.sum()) for name, rows in lacking.items()},
        incomplete=torch.stack(list(lacking.values())).any(dim=0).nonzero().flatten().numpy(),
    )


def _collinear(vectors: dict[str, Float[Tensor, "n d"]], limit: float) -> list[CollinearPair]:
    found = []
    for (first, x), (second, y) in combinations(vectors.items(), 2):
        both, near = [], []
        for one, other in zip(x.split(_AT_ONCE), y.split(_AT_ONCE)):
            unit, beside = (torch.nn.functional.normalize(rows.double(), dim=1) for rows in (one, other))
            cosine = (unit * beside).sum(dim=1, keepdim=True)
            both.append(~cosine[:, 0].isnan())
            near.append(torch.linalg.vector_norm(beside - cosine * unit, dim=1) <= limit)
        rows = torch.cat(near).nonzero().flatten().numpy()
        if len(rows):
            found.append(CollinearPair(first=first, second=second, rows=rows, items=int(torch.cat(both).sum())))
    return found


def _below_precision(vectors: Sequence[Float[Tensor, "n d"]], dtype: torch.dtype) -> Int[np.ndarray, " m"]:
    """Return the rows with a vector whose height over the others is what rounding has made of it.

    The volume is the product of such heights: rounding the vectors moves it by all of itself where one is that small.
    """
    found = []
    for parts in zip(*(rows.split(_AT_ONCE) for rows in vectors)):
        stacked = torch.stack(parts, dim=1).double()
        there = (~stacked.isnan().any(dim=-1)).sum(dim=1)
        # With more vectors than dimensions all heights are 0 by counting, and say nothing of an item.
        counted = (there >= 2) & (there <= stacked.shape[-1])
        rest = heights(stacked) / torch.linalg.vector_norm(stacked, dim=-1)
        found.append(counted & (rest.nan_to_num(1.0).min(dim=1).values <= tolerance(len(vectors), dtype)))
    return torch.cat(found).nonzero().flatten().numpy()


def find_duplicates(
    embedding_set: EmbeddingSet, query: str | None = None, candidates: Sequence[str] | None = None
) -> Duplicates:
    """Return the groups of items that have the same vectors, and the largest R@1 that they leave.

    Two vectors are the same if their unit vectors are at most 0.001 apart, or a hundredth of the usual distance of a
    modality that has collapsed. An item that lacks a modality is the same only as one that lacks it too.

    Args:
        embedding_set: n items in k modalities; rows are normalised here.
        query: name of a modality; the set's anchor if None.
        candidates: names of one modality or more; all but the query if None.

    Raises:
        ValueError: an unknown modality, or a query that is also a candidate.
        EmbeddingSetError: no item has the query and a candidate.
    """
    task = task_of(embedding_set, query, candidates, "volume")
    unit = embedding_set.normalized()
    of_candidates, of_query = _groups(unit, task, task.candidates), _groups(unit, task, (task.query,))
    sizes = np.maximum(_sizes(of_candidates), _sizes(of_query))[task.rows.numpy()]
    return Duplicates(
        items=_groups(unit, task, task.names),
        candidates=of_candidates,
        query=of_query,
        ceiling=float((1 / sizes).mean()),
    )


def _sizes(groups: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return how many items each item's group has, itself included."""
    return np.where(groups >= 0, np.bincount(groups + 1)[groups + 1], 1)


def _groups(unit: EmbeddingSet, task: Task, names: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Return the group of each item, -1 for one that is alone or has none of the modalities."""
    there = torch.stack([unit.present(name) for name in names]).any(dim=0).nonzero().flatten()
    rows = torch.cat([unit.modalities[name][there].nan_to_num(0.0) for name in names], dim=1)
    limits = torch.tensor([_limit(unit.modalities[name][there]) for name in names])
    # Many items may share a caption: equal rows are one from here on, and only different ones are compared.
    as_bytes = np.ascontiguousarray(rows.numpy()).view(np.dtype((np.void, 4 * rows.shape[1]))).reshape(-1)
    _, one_each, kind = np.unique(as_bytes, return_index=True, return_inverse=True)
    labels = _near(rows[torch.from_numpy(one_each)], limits)[kind]
    alone = np.bincount(labels)[labels] == 1
    _, numbered = np.unique(np.where(alone, -1, labels), return_inverse=True)
    groups = np.full(len(unit), -1)
    groups[there.numpy()] = numbered - (1 if alone.any() else 0)
    return groups


def _near(rows: Float[Tensor, "n kd"], limits: Float[Tensor, " k"]) -> Int[np.ndarray, " n"]:
    """Return a number for each row, the same for rows whose k parts are within their limits, or chained by such."""
    turn = torch.randn(rows.shape[1], _PROJECTED, generator=torch.Generator().manual_seed(0))
    turn = torch.linalg.qr(turn).Q if rows.shape[1] >= _PROJECTED else torch.eye(rows.shape[1])
    near = cKDTree((rows @ turn).numpy()).query_pairs(float(limits.square().sum().sqrt()), output_type="ndarray")
    first, second = torch.from_numpy(near.astype(np.int64)).unbind(dim=1)
    parts = rows.split(rows.shape[1] // len(limits), dim=1)
    apart = torch.stack([torch.linalg.vector_norm(part[first] - part[second], dim=1) for part in parts], dim=1)
    edges = near[(apart <= limits).all(dim=1).numpy()]
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(rows), len(rows)))
    return connected_components(graph, directed=False)[1]


def _limit(rows: Float[Tensor, "n d"]) -> float:
    """Return how near two unit vectors are that count as the same: less in a modality that has collapsed."""
    sample = rows[torch.linspace(0, len(rows) - 1, min(_USUAL_SAMPLE, len(rows))).long()]
    rest = sample[~sample.isnan().any(dim=1)].double()
    usual = 2**0.5 * float((rest - rest.mean(dim=0)).square().sum(dim=1).mean().sqrt()) if len(rest) else 0.0
    return min(SAME, _SAME_SHARE * usual)
