"""Trustworthiness: how far neighbours in a picture are neighbours by cosine.

The tests compare it with scikit-learn's `trustworthiness`, which holds p x p matrices (2 GB for 10,000 points) and
gives one number for all points; this one works in blocks and tells fitted from placed points.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.core.progress import Progress, no_progress
from gram.projection.rows import AnyRows

_NEIGHBORS = 15
_MAX_POINTS = 10_000
_ROWS_AT_ONCE, _QUERIES_AT_ONCE = 4096, 512
_FEW = 0.25  # share of products above which all are counted
TIE = 1e-6  # cosines that differ by less are equal: rounding in float32 is about 1e-7


@dataclass(frozen=True)
class Trust:
    """Trustworthiness point by point."""

    looked_at: Int[Tensor, " m"]  # which points of the picture
    penalties: Int[Tensor, " m"]  # of each, the sum of r - k over false neighbours; see `trustworthiness`
    neighbors: int  # k
    points: int  # p, how many the picture has

    def mean(self, among: Bool[Tensor, " p"] | None = None) -> float | None:
        """Return T of the points looked at, or of those in the mask `among`; None where that holds none of them."""
        penalties = self.penalties if among is None else self.penalties[among[self.looked_at]]
        if len(penalties) == 0:
            return None
        p, k = self.points, self.neighbors
        return 1 - 2 * int(penalties.sum()) / (len(penalties) * k * (2 * p - 3 * k - 1))


def trustworthiness(
    rows: AnyRows, coordinates: Float[Tensor, "p dims"], *, seed: int = 0, progress: Progress = no_progress
) -> Trust:
    """Return the trustworthiness T of a picture, as `Trust.mean` of all or of some points.

    T = 1 - 2 / (m k (2 p - 3 k - 1)) sum_i sum_{j in U_i} (r(i, j) - k), where U_i are the k points nearest to i in
    the picture that are not among its k nearest by cosine, r(i, j) is j's rank by cosine among all others, and m is
    the number of points i: all p up to 10,000, else a seeded sample. Ranks are always among all p, whose rows are read
    once, in blocks.

    Returns:
        T in [0, 1] for k = min(15, (p - 1) // 2). Ties in cosine, to within 1e-6, take the better rank, so p equal rows
        give 1.

    Source:
        Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods", equation 1.
    """
    p = len(rows)
    k = min(_NEIGHBORS, (p - 1) // 2)
    looked_at = torch.arange(p)
    if p > _MAX_POINTS:
        looked_at = torch.randperm(p, generator=torch.Generator().manual_seed(seed))[:_MAX_POINTS]
    neighbors = _picture_neighbors(coordinates, looked_at, k)
    own = rows[looked_at]
    cosines = torch.empty(len(own), k)
    for block in torch.arange(len(own)).split(_QUERIES_AT_ONCE):
        others = rows[neighbors[block].flatten()].unflatten(0, (-1, k))  # (b, k, d)
        cosines[block] = torch.linalg.vecdot(own[block].unsqueeze(1), others)
    ranks = _ranks(rows, own, looked_at, cosines, progress)
    return Trust(looked_at, (ranks - k).clamp(min=0).sum(dim=1), k, p)


def _picture_neighbors(
    coordinates: Float[Tensor, "p dims"], looked_at: Int[Tensor, " m"], k: int
) -> Int[Tensor, "m k"]:
    """Return the k points nearest to each of those looked at in the picture, itself left out."""
    from sklearn.neighbors import NearestNeighbors  # slow to import

    places = np.nan_to_num(coordinates.numpy())  # UMAP gives NaN to a point that has no neighbours
    search = NearestNeighbors(n_neighbors=k + 1).fit(places)
    found = search.kneighbors(places[looked_at.numpy()], return_distance=False)
    itself = found == looked_at.numpy()[:, None]
    itself[:, -1] |= ~itself.any(axis=1)  # more than k others may lie at the same place
    return torch.from_numpy(found[~itself].reshape(-1, k))


def _ranks(
    rows: AnyRows,
    own: Float[Tensor, "m d"],
    looked_at: Int[Tensor, " m"],
    cosines: Float[Tensor, "m k"],
    progress: Progress,
) -> Int[Tensor, "m k"]:
    """Return the rank that each cosine has among those of its row of `own` with all other rows; ties rank best."""
    bars = cosines.sort(dim=1).values + TIE
    counts = torch.zeros(len(own), cosines.shape[1] + 1, dtype=torch.long)  # of others that exceed so many of the bars
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        gallery = rows[start : start + _ROWS_AT_ONCE]
        for block in torch.arange(len(own)).split(_QUERIES_AT_ONCE):
            products = own[block] @ gallery.T
            column = looked_at[block] - start
            here = torch.nonzero((column >= 0) & (column < len(gallery))).flatten()
            products[here, column[here]] = -torch.inf
            counts[block] += _count_exceeded(products, bars[block])
        progress(min(1.0, (start + _ROWS_AT_ONCE) / len(rows)))
    return 1 + counts.flip(1).cumsum(dim=1).flip(1)[:, 1:]


def _count_exceeded(products: Float[Tensor, "b m"], bars: Float[Tensor, "b k"]) -> Int[Tensor, "b l"]:
    """Return how many products of each row exceed exactly 0, 1, ... k of its ascending bars; 0 may be left out.

    In a good picture all bars are high and few products exceed even the lowest: only those are compared.
    """
    places = torch.arange(len(bars)).unsqueeze(1) * (bars.shape[1] + 1)
    row, column = (products > bars[:, :1]).nonzero(as_tuple=True)
    if len(row) > _FEW * products.numel():
        found = torch.searchsorted(bars, products) + places
    else:
        found = (products[row, column].unsqueeze(1) > bars[row]).sum(dim=1) + places[row, 0]
    return torch.bincount(found.flatten(), minlength=len(bars) * (bars.shape[1] + 1)).view(len(bars), -1)
