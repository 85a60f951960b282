"""The differentiable steps under the geometry: volumes of sets of rows, distances from spans.

Volumes and heights of sets of rows keep nothing but their inputs and outputs for the gradient and orthonormalise again
on the way back; heights of all pairs keep their products. The gradients are closed forms on the orthonormal
basis, so that they stay exact for nearly dependent rows and finite for dependent ones; second derivatives are not
offered.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from gram.geometry.orthonormal import (
    blocks,
    missing_rows,
    orthonormalize,
    paired_distances,
    pullback_,
    put_distances,
    residuals,
    tolerance,
)
from gram.geometry.pair_gradients import SavedProducts, distance_gradients, distances_with_products

_MAX_SAVED = 1 << 28  # numbers of products that are kept for a gradient: 1 GiB in float32


def _first_derivative_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Hand `backward` what was saved, and make a second derivative an error where a zero would go unseen."""
    guarded = once_differentiable(backward)

    @wraps(backward)
    def call(ctx: Any, *gradients: Tensor) -> Any:
        return guarded(ctx, *ctx.saved_tensors, *gradients)

    return call


class Volume(torch.autograd.Function):
    """(n, k, d) -> (n,): the volume of each set of rows, or its logarithm; NaN where every row is missing.

    dV/dv_i = V times row i of L^-T Q, for rows = L Q: the height's unit direction times the volume of the rest.
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
    """(n, d), (n, m, d) -> (n,): the distance of vector i from the span of rows i; NaN where it is missing."""

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
    """(q, d), (n, d)... -> (n,), (q, n): each candidate's own volume, each anchor's distance from its span.

    With `keeps`, the bases and the products of the anchors with them are kept for the gradient, up to `_MAX_SAVED`
    numbers of products; else they are computed anew on the way back.
    """

    @staticmethod
    def forward(
        ctx: Any, keeps: bool, anchor: Float[Tensor, "q d"], *others: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "n"], Float[Tensor, "q n"]]:
        return _base_and_height(ctx, keeps, anchor, *others)

    @staticmethod
    @_first_derivative_only
    def backward(ctx: Any, *saved_and_gradients: Tensor) -> tuple[Tensor | None, ...]:
        *saved, base_gradient, height_gradient = saved_and_gradients
        return None, *_pair_gradients(ctx.modalities, saved, base_gradient, height_gradient)


class PairwiseVolume(torch.autograd.Function):
    """(q, d), (n, d)... -> (q, n): base times height, see `BaseAndHeight`; neither has a gradient of its own."""

    @staticmethod
    def forward(
        ctx: Any, keeps: bool, anchor: Float[Tensor, "q d"], *others: Float[Tensor, "n d"]
    ) -> Float[Tensor, "q n"]:
        base, height = _base_and_height(ctx, keeps, anchor, *others)
        return height * base if keeps else height.mul_(base)

    @staticmethod
    @_first_derivative_only
    def backward(ctx: Any, *saved_and_gradients: Tensor) -> tuple[Tensor | None, ...]:
        *saved, gradient = saved_and_gradients
        _, base, height, *_ = saved
        base_gradient = torch.zeros_like(base)
        for rows in blocks(len(height), len(base), height.device):
            base_gradient += (gradient[rows] * height[rows]).sum(dim=0)
        return None, *_pair_gradients(ctx.modalities, saved, base_gradient, gradient, scale=base)


def _base_and_height(ctx: Any, keeps: bool, anchor: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    """Return base and height; save with them what `_pair_gradients` takes."""
    limit = tolerance(len(others) + 1, anchor.dtype)
    base = anchor.new_empty(len(others[0]))
    height = anchor.new_empty(len(anchor), len(others[0]))
    keeps = keeps and len(others) * height.numel() <= _MAX_SAVED
    kept: list[Tensor | None] = []
    for block in candidate_blocks(anchor, len(others), len(others[0]), whole=keeps):
        spans = orthonormalize(torch.stack([other[block] for other in others], dim=1))
        base[block] = spans.volume
        if keeps:
            height[:, block], found = distances_with_products(anchor, spans.basis, limit)
            kept += [spans.lower, *found]
        else:
            put_distances(height[:, block], anchor, spans.basis, limit)
        del spans  # before the next are made
    ctx.save_for_backward(anchor, base, height, *others, *kept)
    ctx.modalities = len(others)
    return base, height


def _pair_gradients(
    modalities: int,
    saved: Sequence[Tensor],
    base_gradient: Float[Tensor, "n"],
    height_gradient: Float[Tensor, "q n"],
    scale: Float[Tensor, "n"] | None = None,
) -> tuple[Tensor, ...]:
    """Return the gradients for anchors and candidates, from those for base and height, this times a scale if any."""
    anchor, base, height, *rest = saved
    others, kept = rest[:modalities], rest[modalities:]
    for_anchor = torch.zeros_like(anchor)
    for_others = [torch.empty_like(other) for other in others]
    for place, block in enumerate(candidate_blocks(anchor, modalities, len(others[0]), whole=bool(kept))):
        each = [other[block] for other in others]
        if kept:
            lower, *products = kept[4 * place : 4 * place + 4]
            found = SavedProducts(*products)
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
    """Return blocks of candidates for which products with all anchors, and the candidates' bases, stay small.

    With `whole`, blocks of sixteen times the size, for what is kept of all of them anyway.
    """
    size = max(len(anchor), modalities * anchor.shape[1])
    return list(blocks(count, max(1, size // 16) if whole else size, anchor.device, smallest=64))
