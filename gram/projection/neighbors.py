"""Neighbours by cosine, exactly, and how far a picture keeps them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_BLOCK = 512
_TRUST_NEIGHBORS = 15
_TRUST_POINTS = 10_000
_TRUST_BLOCK = 64


def nearest_by_cosine(
    rows: Float[Tensor, "p d"],
    neighbors: int,
    *,
    among: Float[Tensor, "m d"] | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Int[np.ndarray, "p k"], Float[np.ndarray, "p k"]]:
    """Return each unit row's nearest rows and their cosine distances, nearest first; exact, in blocks of memory.

    Args:
        rows: p unit rows.
        neighbors: how many to find of each.
        among: unit rows to find them in; by default `rows`, and then each row comes first among its own.
        progress: called with the share done.
    """
    gallery = rows if among is None else among
    indices, distances = [], []
    for start in range(0, len(rows), _BLOCK):
        cosines = rows[start : start + _BLOCK] @ gallery.T
        if among is None:
            own = torch.arange(len(cosines))
            cosines[own, own + start] = torch.inf
        best = cosines.topk(neighbors)
        indices.append(best.indices)
        distances.append((1 - best.values).clamp(min=0))
        if progress is not None:
            progress(min(1.0, (start + _BLOCK) / len(rows)))
    return torch.cat(indices).numpy(), torch.cat(distances).numpy()


@dataclass(frozen=True)
class Trust:
    """How far the points looked at keep their neighbours.

    Attributes:
        looked_at: which points of the picture.
        penalties: of each, the sum of r - k over false neighbours; see `trustworthiness`.
        neighbors: k.
        points: p, how many the picture has.
    """

    looked_at: Int[Tensor, " m"]
    penalties: Int[Tensor, " m"]
    neighbors: int
    points: int

    def mean(self, among: Bool[Tensor, " p"] | None = None) -> float | None:
        """Return T of the points looked at, or of those in the mask `among`; None where that holds none of them."""
        penalties = self.penalties if among is None else self.penalties[among[self.looked_at]]
        if len(penalties) == 0:
            return None
        p, k = self.points, self.neighbors
        return 1 - 2 * int(penalties.sum()) / (len(penalties) * k * (2 * p - 3 * k - 1))


def trustworthiness(
    rows: Float[Tensor, "p d"],
    coordinates: Float[Tensor, "p dims"],
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Trust:
    """Return how far the picture's neighbours are true neighbours: T, as `Trust.mean` of all or of some points.

    T = 1 - 2 / (m k (2 p - 3 k - 1)) sum_i sum_{j in U_i} (r(i, j) - k), where U_i are the k points nearest to i in
    the picture that are not among its k nearest by cosine, r(i, j) is j's rank by cosine among all others, and m is
    the number of points i: all p of them up to 10,000, else a seeded sample. Ranks are always among all p.

    Args:
        rows: p unit rows.
        coordinates: their places in the picture.
        seed: of the sample.
        progress: called with the share done.

    Returns:
        T in [0, 1] for k = min(15, (p - 1) // 2). Ties in cosine take the better rank, so p equal rows give 1.

    Source:
        Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods", equation 1.
    """
    p = len(rows)
    k = min(_TRUST_NEIGHBORS, (p - 1) // 2)
    looked_at = torch.arange(p)
    if p > _TRUST_POINTS:
        generator = torch.Generator().manual_seed(seed)
        looked_at = torch.randperm(p, generator=generator)[:_TRUST_POINTS]
    penalties = torch.empty(len(looked_at), dtype=torch.long)
    cosines = torch.empty(_TRUST_BLOCK, p, dtype=rows.dtype)  # made once: memory would fragment
    for start in range(0, len(looked_at), _TRUST_BLOCK):
        block = looked_at[start : start + _TRUST_BLOCK]
        own = (torch.arange(len(block)), block)
        distances = torch.cdist(coordinates[block], coordinates, compute_mode="donot_use_mm_for_euclid_dist")
        distances[own] = torch.inf
        drawn = distances.topk(k, largest=False).indices  # (b, k)
        found = torch.mm(rows[block], rows.T, out=cosines[: len(block)])
        found[own] = -torch.inf
        penalties[start : start + len(block)] = (_ranks(found, drawn) - k).clamp(min=0).sum(dim=1)
        if progress is not None:
            progress((start + len(block)) / len(looked_at))
    return Trust(looked_at, penalties, k, p)


def _ranks(scores: Float[Tensor, "b p"], columns: Int[Tensor, "b k"]) -> Int[Tensor, "b k"]:
    """Return the ranks of some columns' scores in their rows, in ascending order; tied scores take the better rank."""
    asked = scores.gather(1, columns).sort(dim=1).values
    beaten = torch.searchsorted(asked, scores, out_int32=True).long()  # (b, p): how many of those asked for are less
    counts = torch.zeros(len(scores), columns.shape[1] + 1, dtype=torch.long)
    counts.scatter_add_(1, beaten, torch.ones(1, 1, dtype=torch.long).expand_as(beaten))
    return 1 + counts.flip(1).cumsum(dim=1).flip(1)[:, 1:]
