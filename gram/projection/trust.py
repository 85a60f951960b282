"""Neighbours by cosine, exactly, and how far a picture keeps them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.projection.rows import AnyRows

_COSINES_AT_ONCE = 1 << 22  # 16 MB: what is larger the system takes back each time, and hands out anew in empty pages
_TRUST_NEIGHBORS = 15
_TRUST_POINTS = 10_000
_TRUST_BLOCK = 64
_PLACES_AT_ONCE = 65_536  # points of the picture that a block is held against, 16 MB
_ROWS_AT_ONCE = 4096
_DRAWN_SHARE = 0.3  # of the time, what is drawn takes about so much
_QUERIES_AT_ONCE = 512
_CHUNK = 64  # columns of which the largest is looked at first
_FEW = 0.25  # share of cosines above which all are counted
SAME = 1e-6  # cosines that differ by less are taken as equal: rounding in float32 is of some 1e-7


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
    for block in _blocks(len(rows), max(1, _COSINES_AT_ONCE // len(gallery))):
        cosines = rows[block] @ gallery.T
        if among is None:
            own = torch.arange(len(cosines))
            cosines[own, own + block.start] = torch.inf
        largest, columns = _largest(cosines, neighbors)
        indices.append(columns)
        distances.append((1 - largest).clamp(min=0))
        if progress is not None:
            progress(block.stop / len(rows))
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
    rows: AnyRows,
    coordinates: Float[Tensor, "p dims"],
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Trust:
    """Return how far the picture's neighbours are true neighbours: T, as `Trust.mean` of all or of some points.

    T = 1 - 2 / (m k (2 p - 3 k - 1)) sum_i sum_{j in U_i} (r(i, j) - k), where U_i are the k points nearest to i in
    the picture that are not among its k nearest by cosine, r(i, j) is j's rank by cosine among all others, and m is
    the number of points i: all p of them up to 10,000, else a seeded sample. Ranks are always among all p, whose rows
    are gone through once, in blocks.

    Args:
        rows: p unit rows.
        coordinates: their places in the picture.
        seed: of the sample.
        progress: called with the share done.

    Returns:
        T in [0, 1] for k = min(15, (p - 1) // 2). Ties in cosine, to within 1e-6, take the better rank, so p equal rows
        give 1.

    Source:
        Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods", equation 1.
    """
    p = len(rows)
    k = min(_TRUST_NEIGHBORS, (p - 1) // 2)
    looked_at = torch.arange(p)
    if p > _TRUST_POINTS:
        generator = torch.Generator().manual_seed(seed)
        looked_at = torch.randperm(p, generator=generator)[:_TRUST_POINTS]
    tell = progress or (lambda share: None)
    drawn = _drawn_nearest(coordinates, looked_at, k, lambda share: tell(_DRAWN_SHARE * share))
    own = rows[looked_at]
    asked = torch.empty(len(looked_at), k)
    for block in _blocks(len(looked_at), _QUERIES_AT_ONCE):
        neighbours = rows[drawn[block].flatten()].unflatten(0, (-1, k))  # (b, k, d)
        asked[block] = torch.linalg.vecdot(own[block].unsqueeze(1), neighbours)
    ranks = _ranks(rows, own, looked_at, asked, lambda share: tell(_DRAWN_SHARE + (1 - _DRAWN_SHARE) * share))
    return Trust(looked_at, (ranks - k).clamp(min=0).sum(dim=1), k, p)


def _blocks(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _drawn_nearest(
    coordinates: Float[Tensor, "p dims"], looked_at: Int[Tensor, " m"], k: int, tell: Callable[[float], None]
) -> Int[Tensor, "m k"]:
    """Return the k points nearest to each of those looked at in the picture, itself left out."""
    found = []
    for done, block in enumerate(blocks := looked_at.split(_TRUST_BLOCK)):
        distances, indices = torch.empty(len(block), 0), torch.empty(len(block), 0, dtype=torch.long)
        for part in _blocks(len(coordinates), _PLACES_AT_ONCE):
            apart = torch.cdist(coordinates[block], coordinates[part], compute_mode="donot_use_mm_for_euclid_dist")
            _leave_out(apart, block - part.start, torch.inf)
            nearest, places = _largest(apart.neg_(), min(k, apart.shape[1]))
            distances = torch.cat([distances, -nearest], dim=1)
            indices = torch.cat([indices, places + part.start], dim=1)
            best = distances.topk(min(k, distances.shape[1]), largest=False)
            distances, indices = best.values, indices.gather(1, best.indices)
        found.append(indices)
        tell((done + 1) / len(blocks))
    return torch.cat(found)


def _ranks(
    rows: AnyRows,
    own: Float[Tensor, "m d"],
    looked_at: Int[Tensor, " m"],
    asked: Float[Tensor, "m k"],
    tell: Callable[[float], None],
) -> Int[Tensor, "m k"]:
    """Return the ranks that some cosines have among those of each point looked at with all others, in ascending order.

    Tied cosines take the better rank.
    """
    bars = asked.sort(dim=1).values + SAME
    counts = torch.zeros(len(own), asked.shape[1] + 1, dtype=torch.long)  # of how many of those asked for rows beat
    for done, part in enumerate(parts := _blocks(len(rows), _ROWS_AT_ONCE)):
        gallery = rows[part]
        for block in _blocks(len(own), _QUERIES_AT_ONCE):
            cosines = own[block] @ gallery.T
            _leave_out(cosines, looked_at[block] - part.start, -torch.inf)
            _count_beaten(cosines, bars[block], counts[block])
        tell((done + 1) / len(parts))
    return 1 + counts.flip(1).cumsum(dim=1).flip(1)[:, 1:]


def _count_beaten(cosines: Float[Tensor, "b m"], bars: Float[Tensor, "b k"], counts: Int[Tensor, "b l"]) -> None:
    """Add to `counts` of each row how many of its cosines beat 1, 2, ... of its ascending bars; 0 may be left out.

    In a good picture all bars are high, and few cosines beat even the lowest.
    """
    row, column = (cosines > bars[:, :1]).nonzero(as_tuple=True)
    if len(row) > _FEW * cosines.numel():
        beaten = torch.searchsorted(bars, cosines, out_int32=True).long()
        counts.scatter_add_(1, beaten, beaten.new_ones(1, 1).expand_as(beaten))
        return
    beaten = (cosines[row, column].unsqueeze(1) > bars[row]).sum(dim=1)
    counts += torch.bincount(row * counts.shape[1] + beaten, minlength=counts.numel()).view_as(counts)


def _largest(values: Float[Tensor, "b m"], k: int) -> tuple[Float[Tensor, "b k"], Int[Tensor, "b k"]]:
    """Return what `values.topk(k)` does, in less time: the k largest lie in the k chunks whose largest are largest."""
    whole = values.shape[1] // _CHUNK * _CHUNK
    if whole < 4 * k * _CHUNK:
        best = values.topk(k)
        return best.values, best.indices
    chunks = values[:, :whole].unflatten(1, (-1, _CHUNK)).amax(dim=2).topk(k, sorted=False).indices
    columns = (chunks.unsqueeze(2) * _CHUNK + torch.arange(_CHUNK)).flatten(1)
    columns = torch.cat([columns, torch.arange(whole, values.shape[1]).expand(len(values), -1)], dim=1)
    best = values.gather(1, columns).topk(k)
    return best.values, columns.gather(1, best.indices)


def _leave_out(values: Float[Tensor, "b m"], own: Int[Tensor, " b"], by: float) -> None:
    """Put a value in the place of each row's own column, where that is among the columns."""
    here = torch.nonzero((own >= 0) & (own < values.shape[1])).flatten()
    values[here, own[here]] = by
