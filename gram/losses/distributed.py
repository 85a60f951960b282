"""Collectives of torch.distributed that a gradient passes through as if one process held everything.

Every rank must take part in the forward and in the backward pass, with tensors of the same shape.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(stacked: Tensor, *, gradient_scale: float = 1) -> tuple[Tensor, Tensor]:
    """Return `stacked` (k, b, d) itself and that of all ranks (k, world * b, d); gradients go back to their rank.

    The gradient of both is multiplied by `gradient_scale`.
    """
    own = _ScaleGradient.apply(stacked, gradient_scale)
    return own, _GatherRows.apply(own)


def mean_over_ranks(value: Tensor) -> Tensor:
    """Return the mean of `value` over the ranks; each rank's own value gets its share of the gradient."""
    return _MeanOverRanks.apply(value)


def sum_gradient_over_ranks(value: Tensor) -> Tensor:
    """Return `value`, the same on every rank, whose gradient on every rank is the sum of all."""
    return _SumGradient.apply(value)


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.scale, None


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, stacked: Tensor) -> Tensor:
        ctx.rows = stacked.shape[1]
        parts = [torch.empty_like(stacked) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, stacked.contiguous())
        return torch.cat(parts, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient.narrow(1, dist.get_rank() * ctx.rows, ctx.rows)


class _MeanOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient / dist.get_world_size()


class _SumGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
