"""Duplicates: items that have the same vectors, and the largest R@1 that they leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, CleanSet, Finding, register
from gram.diagnostics.dataset.context import DiagnosisContext, percent
from gram.retrieval.task import RetrievalTask

# Storing a unit vector in float16 moves it by 3e-4 or so, and vectors of different items are farther apart than 0.01.
SAME = 1e-3
_SAME_SHARE = 0.01  # of the usual distance, in a collapsed modality
_PROJECTED = 8  # dimensions in which near neighbours are looked for before they are compared
_USUAL_SAMPLE = 512


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Groups of items with the same vectors.

    Attributes:
        items: (n,) group of each item with the same vectors in all modalities of the task, -1 where it is alone.
        candidates: (n,) the same for the candidates.
        query: (n,) the same for the query.
        ceiling: the largest possible R@1: of m items with the same query or candidates, one is right.
    """

    items: Int[np.ndarray, " n"]
    candidates: Int[np.ndarray, " n"]
    query: Int[np.ndarray, " n"]
    ceiling: float


def find_duplicates(
    embedding_set: EmbeddingSet, query: str | None = None, candidates: Sequence[str] | None = None
) -> Duplicates:
    """Return the groups of items that have the same vectors, and the largest R@1 that they leave.

    Two vectors are the same if their unit vectors are at most 0.001 apart, or a hundredth of the usual distance of a
    modality that has collapsed. An item that lacks a modality is the same only as one that lacks it too.

    Args and errors: as `gram.evaluate`; rows are normalised here.
    """
    task = RetrievalTask(embedding_set, query, candidates, "volume")
    unit = embedding_set.normalized()
    of_candidates, of_query = _groups(unit, task.candidates), _groups(unit, (task.query,))
    sizes = np.maximum(_sizes(of_candidates), _sizes(of_query))[task.rows.numpy()]
    return Duplicates(
        items=_groups(unit, task.names), candidates=of_candidates, query=of_query, ceiling=float((1 / sizes).mean())
    )


def _sizes(groups: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return the size of each item's group."""
    return np.where(groups >= 0, np.bincount(groups + 1)[groups + 1], 1)


def _groups(unit: EmbeddingSet, names: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Return the group of each item, -1 for one that is alone or has none of the modalities."""
    present = torch.stack([unit.present(name) for name in names]).any(dim=0).nonzero().flatten()
    rows = torch.cat([unit.modalities[name][present].nan_to_num(0.0) for name in names], dim=1)
    limits = torch.tensor([_limit(unit.modalities[name][present]) for name in names])
    # Many items may share a caption, so equal rows are merged first and only different ones compared.
    as_bytes = np.ascontiguousarray(rows.numpy()).view(np.dtype((np.void, 4 * rows.shape[1]))).reshape(-1)
    _, one_each, kind = np.unique(as_bytes, return_index=True, return_inverse=True)
    labels = _near(rows[torch.from_numpy(one_each)], limits)[kind]
    alone = np.bincount(labels)[labels] == 1
    _, numbered = np.unique(np.where(alone, -1, labels), return_inverse=True)
    groups = np.full(len(unit), -1)
    groups[present.numpy()] = numbered - (1 if alone.any() else 0)
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
    """Return the largest distance of unit vectors that count as the same: smaller in a collapsed modality."""
    sample = rows[torch.linspace(0, len(rows) - 1, min(_USUAL_SAMPLE, len(rows))).long()]
    rest = sample[~sample.isnan().any(dim=1)].double()
    usual = 2**0.5 * float((rest - rest.mean(dim=0)).square().sum(dim=1).mean().sqrt()) if len(rest) else 0.0
    return min(SAME, _SAME_SHARE * usual)


def plant_duplicates(clean: CleanSet) -> dict[str, Any]:
    """Make 1 to 10 % of the items copies of others, in all modalities or the candidates, exact or in float16."""
    copies = clean.draw_items(0.01, 0.10)
    others = np.setdiff1d(np.arange(len(clean.rows[clean.anchor])), copies)
    originals = clean.rng.choice(others, size=len(copies))
    everywhere, rounded = bool(clean.rng.random() < 0.5), bool(clean.rng.random() < 0.5)
    names = list(clean.rows) if everywhere else clean.candidates
    for name in names:
        rows = clean.rows[name][originals]
        clean.rows[name][copies] = rows.astype(np.float16) if rounded else rows
    return {"modalities": names, "items": np.union1d(copies, originals), "rounded": rounded}


@register("duplicates", order=110, plant=plant_duplicates)
def check_duplicates(context: DiagnosisContext) -> Checked:
    """Check for items with the same vectors."""
    found, everything = find_duplicates(context.whole, context.query, context.candidates), context.whole
    kinds = {
        "in every modality": (found.items, (context.query, *context.candidates)),
        "in the candidates": (found.candidates, context.candidates),
        "in the query": (found.query, (context.query,)),
    }
    counts = {kind: int((groups >= 0).sum()) for kind, (groups, _) in kinds.items()}
    n, most = len(everything), max(counts, key=lambda kind: counts[kind])
    looked_at = (
        f"{counts[most]:,} of {n:,} items have the same vectors as another; R@1 can reach {percent(found.ceiling)}"
    )
    if not counts[most]:
        return looked_at, []
    groups, modalities = kinds[most]
    rows = np.flatnonzero(groups >= 0)
    finding = Finding(
        cause="duplicates", severity=min(1.0, 1 - found.ceiling), title="Items that cannot be told apart",
        text=f"{counts[most]:,} of {n:,} items have the same vectors as another item {most}, so R@1 can be "
        f"{percent(found.ceiling)} at the most.",
        modalities=modalities, items=context.ids(rows[np.argsort(groups[rows], kind="stable")], of=everything),
        numbers={"items": counts, "of": n, "groups": int(groups.max() + 1), "ceiling": found.ceiling},
        remedy="Keep one item of each group, or count any of a group as right.",
    )  # fmt: skip
    return looked_at, [finding]
