"""Distances of every vector from every span, with what their gradients need, and the gradients.

Saved are the products of vectors with basis vectors: the k - 1 matrices that any way has to compute. With them the way
back takes two further products for each, and no more.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gram.geometry.orthonormal import blocks, distances_from_squares, full_precision, orthonormalize, pairs, residuals

_MIN_ROWS = 256  # vectors at a time, of whose weights products are made


class SavedProducts(NamedTuple):
    """What the gradients of distances need; in float64 where so many heights are small that float32 would not do."""

    basis: Float[Tensor, "m n d"]  # of the spans
    products: Float[Tensor, "q m n"]  # of every vector with every basis vector
    small: Bool[Tensor, "q n"] | None  # heights that are not accurate as a difference of squares; None for none


def distances_with_products(
    vectors: Float[Tensor, "q d"], basis: Float[Tensor, "n m d"], limit: float
) -> tuple[Float[Tensor, "q n"], SavedProducts]:
    """Return what `pairwise_distances` returns, and what the gradients need."""
    turned = torch.empty_like(basis.transpose(0, 1), dtype=vectors.dtype, memory_format=torch.contiguous_format)
    turned.copy_(basis.transpose(0, 1))
    with full_precision(vectors.device):
        products = (vectors @ turned.flatten(0, 1).mT).unflatten(1, turned.shape[:2])
        squared_norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).square_()
    squared = squared_norms.repeat(1, len(basis))
    for inside in products.unbind(dim=1):
        squared.addcmul_(inside, inside, value=-1)
    found = distances_from_squares(squared, squared_norms, vectors, basis, limit)
    if found is None:
        distances, kept = distances_with_products(vectors.double(), basis, limit)
        return distances.to(vectors.dtype), kept
    distances, small = found
    return distances, SavedProducts(turned, products, small)


def distance_gradients(
    vectors: Float[Tensor, "q d"],
    others: Sequence[Float[Tensor, "n d"]],
    kept: SavedProducts,
    distances: Float[Tensor, "q n"],
    gradient: Float[Tensor, "q n"],
    scale: Float[Tensor, "n"] | None = None,
) -> tuple[Float[Tensor, "q d"], Float[Tensor, "m n d"]]:
    """Return the gradients of the distances: for the vectors, and for a turn of the basis out of its span.

    With residual r and unit residual u = r / |r|: dh/dt = u and dh/de_i = -(t . e_i) u; 0 where the distance is 0.
    Summed over vectors with weights w / |r|, the second is -W^T T less its part inside the span. A scale multiplies
    the gradient by a number of each span.
    """
    basis = kept.basis
    vectors = vectors.to(basis.dtype)
    for_vectors, for_basis = torch.empty_like(vectors), torch.zeros_like(basis)
    for rows in blocks(len(vectors), basis[..., 0].numel(), vectors.device, smallest=_MIN_ROWS):
        weights = gradient[rows].to(basis.dtype) / distances[rows]
        if scale is not None:
            weights *= scale
        if kept.small is not None:
            weights.masked_fill_(kept.small[rows], 0)
        weighted = (kept.products[rows] * weights.unsqueeze(1)).flatten(1)
        with full_precision(vectors.device):
            own = torch.mul(weights.sum(dim=1, keepdim=True), vectors[rows], out=for_vectors[rows])
            own.addmm_(weighted, basis.flatten(0, 1), alpha=-1)
            for_basis.flatten(0, 1).addmm_(weighted.mT, vectors[rows], alpha=-1)
    for turned in for_basis:
        for direction in basis:
            turned.addcmul_(torch.linalg.vecdot(turned, direction).unsqueeze(-1), direction, value=-1)
    if kept.small is not None:
        whole = gradient if scale is None else gradient * scale
        _add_one_by_one(vectors, others, kept.small, distances, whole, for_vectors, for_basis)
    return for_vectors, for_basis


def _add_one_by_one(
    vectors: Tensor,
    others: Sequence[Tensor],
    small: Tensor,
    distances: Tensor,
    gradient: Tensor,
    for_vectors: Tensor,
    for_basis: Tensor,
) -> None:
    """Add the gradients of the pairs with a small height, whose residuals are taken in float64."""
    some = small.any(dim=0).nonzero().squeeze(1)
    basis = orthonormalize(torch.stack([other[some] for other in others], dim=1)).basis
    for places, columns in pairs(small[:, some], basis):
        residual, inside = residuals(vectors[places], basis[columns])
        length = torch.linalg.vector_norm(residual, dim=-1)
        candidates = some[columns]
        flat = (distances[places, candidates] == 0) | (length == 0)
        unit = (gradient[places, candidates] / length).masked_fill(flat, 0).unsqueeze(-1) * residual
        for_vectors.index_add_(0, places, unit.to(for_vectors.dtype))
        for turned, along in zip(for_basis, inside.unbind(dim=-1)):
            turned.index_add_(0, candidates, (-along.unsqueeze(-1) * unit).to(turned.dtype))
