"""Autograd functions with closed-form gradients: volumes of sets of rows, distances from spans.

Gradients are taken on the orthonormal basis: exact for nearly dependent rows, finite for dependent ones, and once
differentiable. Volumes and heights of sets of rows save only their inputs and orthonormalise again in the backward
pass. Heights of all pairs save the k - 1 matrices of products of anchors with basis vectors, with which the backward
pass takes two further products each.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from gram.geometry.orthonormal import (
    blocks,
    distances_from_squares,
    full_precision,
    missing_rows,
    orthonormalize,
    paired_distances,
    pairs,
    pairwise_distances,
    pullback_,
    residuals,
    tolerance,
)

_MAX_SAVED = 1 << 28  # numbers of products saved for a gradient: 1 GiB in float32
_MIN_ROWS = 256  # vectors of which weighted products are taken at a time


class SavedProducts(NamedTuple):
    """Tensors saved for the gradients of distances; in float64 where too many heights are small for float32."""

    basis: Float[Tensor, "m n d"]  # of the spans
    products: Float[Tensor, "q m n"]  # of every vector with every basis vector
    small: Bool[Tensor, "q n"] | None  # heights that are not accurate as a difference of squares; None for none


def _first_derivative_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the saved tensors to `backward`, and make a second derivative an error instead of a silent zero."""
    guarded = once_differentiable(backward)

    @wraps(backward)
    def call(ctx: Any, *gradients: Tensor) -> Any:
        return guarded(ctx, *ctx.saved_tensors, *gradients)

    return call


class Volume(torch.autograd.Function):
    """(n, k, d) -> (n,): the volume V of each set of rows, or log V; NaN where every row is missing.

    dV/dv_i = V (L^-T Q)_i for rows = L Q: the unit direction of row i's height times the volume of the other rows. The
    gradient of dependent rows is 0.
    """

    @staticmethod
    def forward(ctx: Any, rows: Float[Tensor, "n k d"], logarithm: bool) -> Float[Tensor, "n"]:
        ctx.save_for_backward(rows)
        ctx.logarithm = logarithm
        result = rows.new_empty(len(rows))
        for block in blocks(len(rows), rows[:1].numel(), rows.device):
            spans = orthonormalize(rows[block])
            value = spans.lengths.log().sum(dim=-1) if logarithm else spans.volume
            result[block] = value.masked_fill(missing_rows(rows[block]).all(dim=-1), torch.nan)
        return result

    @staticmethod
    @_first_derivative_only
    def backward(
        ctx: Any, rows: Float[Tensor, "n k d"], gradient: Float[Tensor, "n"]
    ) -> tuple[Float[Tensor, "n k d"], None]:
        for_rows = torch.empty_like(rows)
        for block in blocks(len(rows), rows[:1].numel(), rows.device):
            spans = orthonormalize(rows[block])
            weight = gradient[block] if ctx.logarithm else gradient[block] * spans.volume
            weight = weight.masked_fill((spans.lengths == 0).any(dim=-1), 0)
            for_rows[block] = weight[:, None, None] * spans.pullback(spans.basis)
        return for_rows, None


class PairedHeight(torch.autograd.Function):
    """(n, d), (n, m, d) -> (n,): the distance h of vector i from the span of rows i; NaN where the vector is missing.

    With the residual r of the vector and c its coordinates in the basis Q of the rows = L Q: dh/dt = r / h and
    dh/drows = -L^-T (c r^T / h); both 0 where h = 0.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Float[Tensor, "n d"], rows: Float[Tensor, "n m d"]) -> Float[Tensor, "n"]:
        ctx.save_for_backward(vectors, rows)
        limit = tolerance(rows.shape[1] + 1, rows.dtype)
        result = vectors.new_empty(len(vectors))
        for block in blocks(len(rows), vectors[:1].numel() * (rows.shape[1] + 1), rows.device):
            result[block] = paired_distances(vectors[block], orthonormalize(rows[block]).basis, limit)
        return result

    @staticmethod
    @_first_derivative_only
    def backward(
        ctx: Any, vectors: Float[Tensor, "n d"], rows: Float[Tensor, "n m d"], gradient: Float[Tensor, "n"]
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n m d"]]:
        limit = tolerance(rows.shape[1] + 1, rows.dtype)
        for_vectors, for_rows = torch.empty_like(vectors), torch.empty_like(rows)
        for block in blocks(len(rows), vectors[:1].numel() * (rows.shape[1] + 1), rows.device):
            spans = orthonormalize(rows[block])
            residual, inside = residuals(vectors[block], spans.basis)
            length = torch.linalg.vector_norm(residual, dim=-1)
            whole = torch.linalg.vector_norm(vectors[block].to(length.dtype), dim=-1)
            weight = (gradient[block] / length).masked_fill(length <= limit * whole, 0)
            turned = weight.unsqueeze(-1) * residual
            for_vectors[block] = turned
            for_rows[block] = spans.pullback(-inside.unsqueeze(-1) * turned.unsqueeze(-2))
        return for_vectors, for_rows


class BaseAndHeight(torch.autograd.Function):
    """(q, d), (n, d)... -> (n,), (q, n): each candidate's own volume, and each anchor's distance from its span.

    With `needs_gradient`, the bases and the products of the anchors with them are saved, up to `_MAX_SAVED` numbers of
    products; beyond that the backward pass computes them again.
    """

    @staticmethod
    def forward(
        ctx: Any, needs_gradient: bool, anchor: Float[Tensor, "q d"], *others: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "n"], Float[Tensor, "q n"]]:
        return _base_and_height(ctx, needs_gradient, anchor, *others)

    @staticmethod
    @_first_derivative_only
    def backward(ctx: Any, *saved_and_gradients: Tensor) -> tuple[Tensor | None, ...]:
        *saved, base_gradient, height_gradient = saved_and_gradients
        return None, *_pair_gradients(ctx.modalities, saved, base_gradient, height_gradient)


class PairwiseVolume(torch.autograd.Function):
    """(q, d), (n, d)... -> (q, n): base times height; see `BaseAndHeight`."""

    @staticmethod
    def forward(
        ctx: Any, needs_gradient: bool, anchor: Float[Tensor, "q d"], *others: Float[Tensor, "n d"]
    ) -> Float[Tensor, "q n"]:
        base, height = _base_and_height(ctx, needs_gradient, anchor, *others)
        return height * base if needs_gradient else height.mul_(base)

    @staticmethod
    @_first_derivative_only
    def backward(ctx: Any, *saved_and_gradients: Tensor) -> tuple[Tensor | None, ...]:
        *saved, gradient = saved_and_gradients
        _, base, height, *_ = saved
        base_gradient = torch.zeros_like(base)
        for rows in blocks(len(height), len(base), height.device):
            base_gradient += (gradient[rows] * height[rows]).sum(dim=0)
        return None, *_pair_gradients(ctx.modalities, saved, base_gradient, gradient, scale=base)


def _base_and_height(ctx: Any, needs_gradient: bool, anchor: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    """Return base and height; save what `_pair_gradients` needs."""
    limit = tolerance(len(others) + 1, anchor.dtype)
    base = anchor.new_empty(len(others[0]))
    height = anchor.new_empty(len(anchor), len(others[0]))
    saves = needs_gradient and len(others) * height.numel() <= _MAX_SAVED
    products: list[Tensor | None] = []
    for block in candidate_blocks(anchor, len(others), len(others[0]), whole=saves):
        spans = orthonormalize(torch.stack([other[block] for other in others], dim=1))
        base[block] = spans.volume
        if saves:
            height[:, block], saved = distances_with_products(anchor, spans.basis, limit)
            products += [spans.lower, *saved]
        else:
            pairwise_distances(anchor, spans.basis, limit, out=height[:, block])
        del spans  # before the next are allocated
    ctx.save_for_backward(anchor, base, height, *others, *products)
    ctx.modalities = len(others)
    return base, height


def _pair_gradients(
    modalities: int,
    saved: Sequence[Tensor],
    base_gradient: Float[Tensor, "n"],
    height_gradient: Float[Tensor, "q n"],
    scale: Float[Tensor, "n"] | None = None,
) -> tuple[Tensor, ...]:
    """Return the gradients by anchors and candidates, from those by base and by height (times `scale`, if given)."""
    anchor, base, height, *rest = saved
    others, products = rest[:modalities], rest[modalities:]
    for_anchor = torch.zeros_like(anchor)
    for_others = [torch.empty_like(other) for other in others]
    for place, block in enumerate(candidate_blocks(anchor, modalities, len(others[0]), whole=bool(products))):
        each = [other[block] for other in others]
        if products:
            lower, *own = products[4 * place : 4 * place + 4]
            found = SavedProducts(*own)
        else:
            lower, found = _recomputed_products(anchor, each)
        for_vectors, for_basis = distance_gradients(
            anchor, each, found, height[:, block], height_gradient[:, block], None if scale is None else scale[block]
        )
        for_anchor += for_vectors
        for_basis.addcmul_((base_gradient[block] * base[block]).unsqueeze(-1), found.basis)
        for part in blocks(len(lower), modalities * anchor.shape[1], anchor.device):
            pulled = for_basis[:, part].to(lower.dtype).unbind()
            pullback_(lower[part], pulled)
            for for_other, rows in zip(for_others, pulled):
                for_other[block][part] = rows
    return for_anchor, *for_others


def _recomputed_products(
    anchor: Float[Tensor, "q d"], others: Sequence[Float[Tensor, "n d"]]
) -> tuple[Tensor, SavedProducts]:
    spans = orthonormalize(torch.stack(list(others), dim=1))
    return spans.lower, distances_with_products(anchor, spans.basis, tolerance(len(others) + 1, anchor.dtype))[1]


def candidate_blocks(anchor: Float[Tensor, "q d"], modalities: int, count: int, *, whole: bool = False) -> list[slice]:
    """Return blocks of candidates whose products with all anchors, and whose bases, fit the workspace.

    With `whole`, blocks of sixteen times the size: products of all candidates are saved then anyway.
    """
    size = max(len(anchor), modalities * anchor.shape[1])
    return list(blocks(count, max(1, size // 16) if whole else size, anchor.device, smallest=64))


def distances_with_products(
    vectors: Float[Tensor, "q d"], basis: Float[Tensor, "n m d"], limit: float
) -> tuple[Float[Tensor, "q n"], SavedProducts]:
    """Return `pairwise_distances`, and what their gradients need."""
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
        distances, saved = distances_with_products(vectors.double(), basis, limit)
        return distances.to(vectors.dtype), saved
    distances, small = found
    return distances, SavedProducts(turned, products, small)


def distance_gradients(
    vectors: Float[Tensor, "q d"],
    others: Sequence[Float[Tensor, "n d"]],
    saved: SavedProducts,
    distances: Float[Tensor, "q n"],
    gradient: Float[Tensor, "q n"],
    scale: Float[Tensor, "n"] | None = None,
) -> tuple[Float[Tensor, "q d"], Float[Tensor, "m n d"]]:
    """Return the gradients of the distances by the vectors, and by the basis vectors, out of their span.

    With the unit residual u = r / |r|: dh/dt = u and dh/de_i = -(t . e_i) u; 0 where the distance is 0. Summed over
    vectors with weights w / |r|, the second is -W^T T less its part inside the span. `scale` multiplies the gradient by
    a number of each span.
    """
    basis = saved.basis
    vectors = vectors.to(basis.dtype)
    for_vectors, for_basis = torch.empty_like(vectors), torch.zeros_like(basis)
    for rows in blocks(len(vectors), basis[..., 0].numel(), vectors.device, smallest=_MIN_ROWS):
        weights = gradient[rows].to(basis.dtype) / distances[rows]
        if scale is not None:
            weights *= scale
        if saved.small is not None:
            weights.masked_fill_(saved.small[rows], 0)
        weighted = (saved.products[rows] * weights.unsqueeze(1)).flatten(1)
        with full_precision(vectors.device):
            own = torch.mul(weights.sum(dim=1, keepdim=True), vectors[rows], out=for_vectors[rows])
            own.addmm_(weighted, basis.flatten(0, 1), alpha=-1)
            for_basis.flatten(0, 1).addmm_(weighted.mT, vectors[rows], alpha=-1)
    for turned in for_basis:
        for direction in basis:
            turned.addcmul_(torch.linalg.vecdot(turned, direction).unsqueeze(-1), direction, value=-1)
    if saved.small is not None:
        whole = gradient if scale is None else gradient * scale
        _add_one_by_one(vectors, others, saved.small, distances, whole, for_vectors, for_basis)
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
    """Add the gradients of the pairs with a small height, from residuals in float64."""
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
