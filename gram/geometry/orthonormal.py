"""Orthonormal bases of a few rows, and distances from their spans: the numerics of the geometry.

Gram-Schmidt with re-orthogonalisation (twice is enough), in float64 where the device has it. It runs as k steps over
the whole batch on any device; and unlike QR, it gives a dependent or missing row no direction of its own, so later rows
are still measured against the span that is there.

Source: L. Giraud, J. Langou, M. Rozložník, J. van den Eshof, "Rounding error analysis of the classical Gram-Schmidt
orthogonalization process", Numerische Mathematik 101, 2005.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_ACCURACY = {torch.float32: 1e-5, torch.float64: 1e-10}  # relative error of a height taken from |t|^2 - |projection|^2
_CROWDED = 1 / 32  # share of small heights above which float64 products are cheaper than residuals pair by pair
_CLOSE = 0.7  # a row is projected again where less than this share of it is left (Daniel et al., 1976)
_WORKSPACE = {"cpu": 1 << 18, "cuda": 1 << 25}  # numbers in one block: fits a CPU's cache, fills a GPU


class OrthonormalBasis(NamedTuple):
    """Orthonormal bases Q of `m` rows each, and the rows in them: rows = L Q."""

    basis: Float[Tensor, "*batch m d"]  # orthonormal rows; zeros where a row is dependent or missing
    lower: Float[Tensor, "*batch m m"]  # L: rows = lower @ basis
    lengths: Float[Tensor, "*batch m"]  # distance of each row from the span of those before it; 1 where missing

    @property
    def volume(self) -> Float[Tensor, "*batch"]:
        """The volume of the parallelotope of the rows, missing ones left out: the product of the lengths."""
        return self.lengths.prod(dim=-1)

    def pullback(self, gradient: Float[Tensor, "*batch m d"]) -> Float[Tensor, "*batch m d"]:
        """Return L^-T gradient: from the basis vectors' gradient to the rows'; 0 for dependent and missing rows."""
        pulled = gradient.to(self.lower.dtype, copy=True)
        pullback_(self.lower, pulled.unbind(dim=-2))
        return pulled


def tolerance(rows: int, dtype: torch.dtype) -> float:
    """Return the distance from a span, relative to the row, that counts as 0 among `rows` rows: 2 rows eps.

    Storing a row rounds it by eps / 2 of its length, and forming it from the others by as much a term, so less than a
    few eps a row is rounding. It does not depend on d: sums are float64.
    """
    return 2 * rows * torch.finfo(dtype).eps


def pullback_(lower: Float[Tensor, "*batch m m"], gradient: Sequence[Float[Tensor, "*batch d"]]) -> None:
    """Solve L^T x = gradient in place, by back substitution; see `OrthonormalBasis.pullback`."""
    for place in reversed(range(len(gradient))):
        for after in range(place + 1, len(gradient)):
            gradient[place].addcmul_(lower[..., after, place].unsqueeze(-1), gradient[after], value=-1)
        own = lower[..., place, place].unsqueeze(-1)
        gradient[place].mul_((1 / own).masked_fill(own == 0, 0))


def missing_rows(rows: Float[Tensor, "*batch d"]) -> Bool[Tensor, "*batch"]:
    """Return which rows are NaN throughout: missing modalities."""
    return rows.isnan().all(dim=-1)


def unit_rows(vectors: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Return the rows divided by their length; a row of zeros stays, with gradient 0."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return (vectors / length.masked_fill(length == 0, 1)).masked_fill(length == 0, 0)


def widest_dtype(device: torch.device) -> torch.dtype:
    """Return the most precise dtype of the device: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def blocks(count: int, size_of_one: int, device: torch.device, smallest: int = 1) -> Iterator[slice]:
    """Yield blocks of `count` things, each of `size_of_one` numbers, that fit the workspace."""
    step = max(smallest, _WORKSPACE.get(device.type, 1 << 18) // max(1, size_of_one))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def orthonormalize(rows: Float[Tensor, "*batch m d"]) -> OrthonormalBasis:
    """Return an orthonormal basis of each set of rows, and the rows in it; without gradient.

    A row within `tolerance` of the span of the rows before it is dependent: its basis vector is 0.
    """
    limit = tolerance(rows.shape[-2], rows.dtype)
    basis = torch.empty_like(rows, dtype=widest_dtype(rows.device)).copy_(rows)
    missing = _zero_missing_(basis)
    lower = basis.new_zeros(*rows.shape[:-1], rows.shape[-2])
    for place, row in enumerate(basis.unbind(dim=-2)):
        whole = torch.linalg.vector_norm(row, dim=-1)
        length = _project_out_(row, basis[..., :place, :], lower[..., place, :])
        if (length < _CLOSE * whole).any():
            length = _project_out_(row, basis[..., :place, :], lower[..., place, :])
        length = length.masked_fill(length <= limit * whole, 0)
        lower[..., place, place] = length
        row.mul_((1 / length).masked_fill_(length == 0, 0).unsqueeze(-1))
    return OrthonormalBasis(basis, lower, lower.diagonal(dim1=-2, dim2=-1).masked_fill(missing, 1))


def _zero_missing_(rows: Float[Tensor, "*batch m d"]) -> Bool[Tensor, "*batch m"]:
    """Replace missing rows by zeros in place; return which they are."""
    missing = rows[..., :1].isnan().squeeze(-1)
    if missing.any():
        missing = missing_rows(rows)
        rows.masked_fill_(missing.unsqueeze(-1), 0)
    return missing


def _project_out_(
    vectors: Float[Tensor, "*batch d"], basis: Float[Tensor, "*batch m d"], inside: Float[Tensor, "*batch m"]
) -> Float[Tensor, "*batch"]:
    """Subtract the projections on the span in place and add their coordinates to `inside`; return the lengths left."""
    along = [torch.linalg.vecdot(direction, vectors) for direction in basis.unbind(dim=-2)]
    for place, direction in enumerate(basis.unbind(dim=-2)):
        vectors.addcmul_(along[place].unsqueeze(-1), direction, value=-1)
        inside[..., place] += along[place]
    return torch.linalg.vector_norm(vectors, dim=-1)


def residuals(
    vectors: Float[Tensor, "*batch d"], basis: Float[Tensor, "*batch m d"]
) -> tuple[Float[Tensor, "*batch d"], Float[Tensor, "*batch m"]]:
    """Return each vector's residual outside its span, and its coordinates inside."""
    residual = torch.empty_like(vectors, dtype=basis.dtype).copy_(vectors)
    inside = basis.new_zeros(basis.shape[:-1])
    for _ in range(2):
        _project_out_(residual, basis, inside)
    return residual, inside


def paired_distances(
    vectors: Float[Tensor, "*batch d"], basis: Float[Tensor, "*batch m d"], limit: float
) -> Float[Tensor, "*batch"]:
    """Return the distance of vector i from span i; 0 below `limit` of its length."""
    residual, _ = residuals(vectors, basis)
    distance = torch.linalg.vector_norm(residual, dim=-1)
    return distance.masked_fill(distance <= limit * torch.linalg.vector_norm(vectors.to(basis.dtype), dim=-1), 0)


def full_precision(device: torch.device) -> torch.autocast:
    """Return a context without autocast: products keep their dtype."""
    return torch.autocast(device.type, enabled=False)


def pairwise_distances(
    vectors: Float[Tensor, "q d"],
    basis: Float[Tensor, "n m d"],
    limit: float,
    points: Float[Tensor, "n d"] | None = None,
    *,
    out: Float[Tensor, "q n"] | None = None,
) -> Float[Tensor, "q n"]:
    """Return the distance of every vector from every span, in the precision of the vectors.

    h^2 = |t|^2 - sum_i (t . e_i)^2, one matrix product a basis vector; pairs whose height is too small for this
    difference are recomputed from residuals in float64. Below `limit` of the vector the distance is 0.

    Args:
        vectors: (q, d).
        basis: orthonormal rows of each span, or zeros.
        limit: see `tolerance`.
        points: moves each span to its own point p: h^2 = |t|^2 - 2 t . p + |p|^2 - sum_i (t . e_i)^2, for p at right
            angles to its span and no longer than the vectors.
        out: where to write the result; at most one more product is allocated.
    """
    squared = vectors.new_empty(len(vectors), len(basis)) if out is None else out
    with full_precision(vectors.device):
        squared_norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).square_()
        squared.copy_(squared_norms)
        if points is not None:
            near = points.to(vectors.dtype)
            squared.addmm_(vectors, near.mT, alpha=-2).add_(torch.linalg.vecdot(near, near))
        for direction in basis.to(vectors.dtype).unbind(dim=1):
            inside = vectors @ direction.mT
            squared.addcmul_(inside, inside, value=-1)
            del inside  # before the next is allocated
    if distances_from_squares(squared, squared_norms, vectors, basis, limit, points) is None:
        squared.copy_(pairwise_distances(vectors.double(), basis, limit, points))
    return squared


def distances_from_squares(
    squared: Float[Tensor, "q n"],
    squared_norms: Float[Tensor, "q 1"],
    vectors: Float[Tensor, "q d"],
    basis: Float[Tensor, "n m d"],
    limit: float,
    points: Float[Tensor, "n d"] | None = None,
) -> tuple[Float[Tensor, "q n"], Bool[Tensor, "q n"] | None] | None:
    """Turn squared distances into distances in place, recompute the small ones, and return both distances and mask.

    The mask is None where no distance is small; the result is None where so many are that float64 is cheaper.
    """
    small = squared <= _small_height(vectors.dtype) * squared_norms
    if _crowded(small, vectors.dtype):
        return None
    distances = squared.clamp_min_(0).sqrt_()
    if not small.any():
        return distances, None
    for rows, columns in pairs(small, basis):
        moved = vectors[rows] if points is None else vectors[rows].to(points.dtype) - points[columns]
        distances[rows, columns] = paired_distances(moved, basis[columns], limit).to(vectors.dtype)
    return distances, small


def _small_height(dtype: torch.dtype) -> float:
    """Return the squared height, relative to |t|^2, below which the difference of squares is not accurate enough.

    The difference is off by about eps |t|^2, so a height with h^2 = x |t|^2 by about eps / (2 x) of itself.
    """
    return torch.finfo(dtype).eps / _ACCURACY[dtype]


def _crowded(small: Bool[Tensor, "q n"], dtype: torch.dtype) -> bool:
    """Return whether so many heights are small that all pairs in float64 are cheaper than these one by one."""
    if dtype == widest_dtype(small.device):
        return False
    return int(small.count_nonzero()) > _CROWDED * small.numel()


def pairs(small: Bool[Tensor, "q n"], basis: Float[Tensor, "n m d"]) -> Iterator[tuple[Tensor, Tensor]]:
    """Return rows and columns of the pairs with a small height, in blocks whose bases fit the workspace."""
    if not small.any():
        return
    found = small.nonzero()
    for block in blocks(len(found), math.prod(basis.shape[1:]), small.device):
        yield found[block, 0], found[block, 1]
