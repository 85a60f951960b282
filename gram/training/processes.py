"""Several processes that train as one: rank and world size, batch normalisation and padding over the whole batch.

The losses of `gram.losses` gather the items of all processes themselves.
"""

from collections.abc import Mapping
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gram.models import Batch


def world_size() -> int:
    """Return the number of processes; 1 outside a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the rank of this process; 0 outside a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


class GatheredBatchNorm(_BatchNorm):
    """Batch normalisation over the items of all processes, for devices that `torch.nn.SyncBatchNorm` does not support.

    Every process has as many items; it gathers those of all, normalises them as one batch and keeps its own.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"input: expected at least 2 dimensions, got {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:
        """Return (b, channels, ...) normalised; by the running statistics outside training."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        from torch.distributed._functional_collectives import all_gather_single  # torch.distributed.nn is deprecated

        everything = all_gather_single(input.contiguous(), 0, cast(dist.ProcessGroup, dist.group.WORLD))
        return super().forward(everything).chunk(world_size())[rank()]


def synchronize_batch_norm(module: nn.Module) -> nn.Module:
    """Make batch normalisation inside a module run over all processes, in place; return the module."""
    if next(module.parameters()).device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            child.__class__ = GatheredBatchNorm  # type: ignore[assignment]  # the same state, another forward
    return module


def pad_to_longest(batches: Mapping[str, Batch]) -> dict[str, Batch]:
    """Return batches padded to the longest of all processes: batch normalisation includes the padding."""
    if world_size() == 1:
        return dict(batches)
    device = next(iter(batches.values())).values.device
    longest = torch.tensor([batch.values.shape[-1] for batch in batches.values()], device=device)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return {
        name: Batch(nn.functional.pad(batch.values, (0, size - batch.values.shape[-1])), batch.lengths)
        for (name, batch), size in zip(batches.items(), longest.tolist())
    }
