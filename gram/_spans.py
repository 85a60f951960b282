"""Orthonormal bases of a few rows, and distances from their spans: the numerics under the geometry.

Rows are made orthonormal by Gram-Schmidt, in float64 where the device has it. A row of which little is left is
projected a second time ("twice is enough", Giraud et al., Numerische Mathematik 101, 2005). Against QR this buys two
things: it runs as k steps over the whole batch on any device, and a dependent or missing row takes no direction of
its own, so that the rows after it are still measured against the span that is really there.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_ACCURACY = {torch.float32: 1e-5, torch.float64: 1e-10}  # relative error of a height taken from |t|^2 - |projection|^2
_CROWDED = 1 / 32  # share of small heights above which a block is cheaper as float64 products than pair by pair
_CLOSE = 0.7  # project again a row of which less than this is left; else no more than rounding is (Daniel et al., 1976)
_WORKSPACE = {"cpu": 1 << 18, "cuda": 1 << 25}  # numbers in one block: stays in a CPU's cache, fills a GPU


class Spans(NamedTuple):
    """The spans of `m` rows each, for a batch of them."""

    basis: Float[Tensor, "*batch m d"]  # orthonormal rows; zeros where a row is dependent or missing
    lower: Float[Tensor, "*batch m m"]  # rows = lower @ basis
    lengths: Float[Tensor, "*batch m"]  # distance of each row from the span of those before it; 1 where missing

    @property
    def volume(self) -> Float[Tensor, "*batch"]:
        """The volume of the parallelotope of the rows, missing ones left out."""
        return self.lengths.prod(dim=-1)

    def pull_back(self, gradient: Float[Tensor, "*batch m d"]) -> Float[Tensor, "*batch m d"]:
        """Return L^-T gradient: what a turn of the span means for the rows; 0 for dependent and missing rows."""
        dropped = self.lower.diagonal(dim1=-2, dim2=-1) == 0
        identity = torch.eye(self.lower.shape[-1], dtype=self.lower.dtype, device=self.lower.device)
        lower = torch.where(dropped.unsqueeze(-1), identity, self.lower)
        pulled = torch.linalg.solve_triangular(lower.mT, gradient, upper=True)
        return pulled.masked_fill(dropped.unsqueeze(-1), 0)


def tolerance(rows: int, dtype: torch.dtype) -> float:
    """Return the distance from a span, relative to the row, that counts as 0 among `rows` rows.

    Storing a row rounds it by eps / 2 of its length, and forming it from the others by as much for each term, so
    a distance under a few eps a row is rounding and not geometry. The length d does not come in: sums are float64.
    """
    return 2 * rows * torch.finfo(dtype).eps


def missing_rows(rows: Float[Tensor, "*batch d"]) -> Bool[Tensor, "*batch"]:
    """Return which rows are NaN throughout: the modality is not there."""
    return rows.isnan().all(dim=-1)


def unit_rows(vectors: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Return the rows divided by their length; a row of zeros stays, with gradient 0."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return (vectors / length.masked_fill(length == 0, 1)).masked_fill(length == 0, 0)


def widest(device: torch.device) -> torch.dtype:
    """Return the most precise dtype of the device: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def blocks(count: int, size_of_one: int, device: torch.device, smallest: int = 1) -> Iterator[slice]:
    """Cut `count` things, each of so many numbers, into blocks that fit the workspace."""
    step = max(smallest, _WORKSPACE.get(device.type, 1 << 18) // max(1, size_of_one))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def spans_of(rows: Float[Tensor, "*batch m d"]) -> Spans:
    """Return an orthonormal basis of the rows, and the rows in it. Carries no gradient."""
    limit = tolerance(rows.shape[-2], rows.dtype)
    missing = missing_rows(rows)
    basis = torch.empty_like(rows, dtype=widest(rows.device)).copy_(rows).masked_fill_(missing.unsqueeze(-1), 0)
    lower = basis.new_zeros(*rows.shape[:-1], rows.shape[-2])
    for place, row in enumerate(basis.unbind(dim=-2)):
        whole = torch.linalg.vector_norm(row, dim=-1)
        length = _take_out(row, basis[..., :place, :], lower[..., place, :])
        if (length < _CLOSE * whole).any():
            length = _take_out(row, basis[..., :place, :], lower[..., place, :])
        length = length.masked_fill(length <= limit * whole, 0)
        lower[..., place, place] = length
        row.mul_((1 / length).masked_fill_(length == 0, 0).unsqueeze(-1))
    return Spans(basis, lower, lower.diagonal(dim1=-2, dim2=-1).masked_fill(missing, 1))


def _take_out(
    vectors: Float[Tensor, "*batch d"], basis: Float[Tensor, "*batch m d"], inside: Float[Tensor, "*batch m"]
) -> Float[Tensor, "*batch"]:
    """Take the part inside the span out of the vectors, add its coordinates to `inside`; return what length is left."""
    along = [torch.linalg.vecdot(direction, vectors) for direction in basis.unbind(dim=-2)]
    for place, direction in enumerate(basis.unbind(dim=-2)):
        vectors.addcmul_(along[place].unsqueeze(-1), direction, value=-1)
        inside[..., place] += along[place]
    return torch.linalg.vector_norm(vectors, dim=-1)


def residuals(
    vectors: Float[Tensor, "*batch d"], basis: Float[Tensor, "*batch m d"]
) -> tuple[Float[Tensor, "*batch d"], Float[Tensor, "*batch m"]]:
    """Return what is left of each vector outside its span, and its coordinates inside."""
    residual = torch.empty_like(vectors, dtype=basis.dtype).copy_(vectors)
    inside = basis.new_zeros(basis.shape[:-1])
    for _ in range(2):
        _take_out(residual, basis, inside)
    return residual, inside


def paired_distances(
    vectors: Float[Tensor, "*batch d"], basis: Float[Tensor, "*batch m d"], limit: float
) -> Float[Tensor, "*batch"]:
    """Return the distance of vector i from span i; below `limit` of its length it is 0."""
    residual, _ = residuals(vectors, basis)
    distance = torch.linalg.vector_norm(residual, dim=-1)
    return distance.masked_fill(distance <= limit * torch.linalg.vector_norm(vectors.to(basis.dtype), dim=-1), 0)


def full_precision(device: torch.device) -> torch.autocast:
    """Return a context in which products keep their dtype, whatever autocast is on outside."""
    return torch.autocast(device.type, enabled=False)


def pairwise_distances(
    vectors: Float[Tensor, "q d"],
    basis: Float[Tensor, "n m d"],
    limit: float,
    points: Float[Tensor, "n d"] | None = None,
) -> Float[Tensor, "q n"]:
    """Return the distance of every vector from every span, in the precision of the vectors.

    |t|^2 - sum_i (t . e_i)^2, one matrix product for each basis vector; pairs with a small height, for which this
    difference keeps too few digits, are worked out again in float64. Below `limit` of the vector it is 0.

    With points p, each span is moved to its own: |t|^2 - 2 t . p + |p|^2 - sum_i (t . e_i)^2, for p at right angles
    to its span and of the length of the vectors or less.
    """
    with full_precision(vectors.device):
        squared_norms = torch.linalg.vecdot(vectors, vectors).unsqueeze(1)
        squared = squared_norms.repeat(1, len(basis))
        if points is not None:
            near = points.to(vectors.dtype)
            squared.addmm_(vectors, near.mT, alpha=-2).add_(torch.linalg.vecdot(near, near))
        for direction in basis.to(vectors.dtype).unbind(dim=1):
            inside = vectors @ direction.mT
            squared.addcmul_(inside, inside, value=-1)
    small = squared <= _small(vectors.dtype) * squared_norms
    if _crowded(small, vectors.dtype):
        return pairwise_distances(vectors.double(), basis, limit, points).to(vectors.dtype)
    distances = squared.clamp_min_(0).sqrt_()
    for rows, columns in _pairs(small, basis):
        moved = vectors[rows] if points is None else vectors[rows].to(points.dtype) - points[columns]
        distances[rows, columns] = paired_distances(moved, basis[columns], limit).to(vectors.dtype)
    return distances


def pairwise_distance_gradients(
    vectors: Float[Tensor, "q d"],
    basis: Float[Tensor, "n m d"],
    distances: Float[Tensor, "q n"],
    gradient: Float[Tensor, "q n"],
) -> tuple[Float[Tensor, "q d"], Float[Tensor, "n m d"]]:
    """Return the gradients of the distances: for the vectors, and for a turn of the basis out of its span.

    With residual r and unit residual u = r / |r|: dh/dt = u and dh/de_i = -(t . e_i) u; 0 where the distance is 0.
    """
    small = distances.square() <= _small(vectors.dtype) * vectors.square().sum(dim=1, keepdim=True)
    if _crowded(small, vectors.dtype):
        wide = (tensor.double() for tensor in (vectors, basis, distances, gradient))
        for_vectors, for_basis = pairwise_distance_gradients(*wide)
        return for_vectors.to(vectors.dtype), for_basis
    weights = (gradient / distances).masked_fill_(small, 0)
    with full_precision(vectors.device):
        for_vectors, for_basis = _gradients_by_products(vectors, basis, weights)
    for rows, columns in _pairs(small, basis):
        residual, inside = residuals(vectors[rows], basis[columns])
        length = torch.linalg.vector_norm(residual, dim=-1)
        flat = (distances[rows, columns] == 0) | (length == 0)
        unit = (gradient[rows, columns] / length).masked_fill(flat, 0).unsqueeze(-1) * residual
        for_vectors.index_add_(0, rows, unit.to(for_vectors.dtype))
        for_basis.index_add_(0, columns, -inside.unsqueeze(-1) * unit.unsqueeze(-2))
    return for_vectors, for_basis


def _gradients_by_products(vectors: Tensor, basis: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    directions = basis.to(vectors.dtype).unbind(dim=1)
    insides = [vectors @ direction.mT for direction in directions]
    for_vectors = weights.sum(dim=1, keepdim=True) * vectors
    for_basis = torch.zeros_like(basis)
    for place, (inside, direction) in enumerate(zip(insides, directions)):
        weighted = weights * inside
        for_vectors.addmm_(weighted, direction, alpha=-1)
        turned = -(weighted.mT @ vectors)
        for other_inside, other_direction in zip(insides, directions):
            turned.addcmul_((weighted * other_inside).sum(dim=0).unsqueeze(-1), other_direction)
        for_basis[:, place] = turned
    return for_vectors, for_basis


def _small(dtype: torch.dtype) -> float:
    """Return the squared height, relative to |t|^2, under which the difference is not accurate enough.

    The difference is off by about eps |t|^2, so a height whose square is x |t|^2 by about eps / (2 x) of itself.
    """
    return torch.finfo(dtype).eps / _ACCURACY[dtype]


def _crowded(small: Bool[Tensor, "q n"], dtype: torch.dtype) -> bool:
    if dtype == widest(small.device):
        return False
    return int(small.count_nonzero()) > _CROWDED * small.numel()


def _pairs(small: Bool[Tensor, "q n"], basis: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    if not small.any():
        return
    found = small.nonzero()
    for block in blocks(len(found), math.prod(basis.shape[1:]), small.device):
        yield found[block, 0], found[block, 1]
