"""What lets several processes train as one would: a batch's statistics and its padding are those of all of it.

The losses of `gram.losses` gather the items of all ranks themselves. Encoders need two things more: batch
normalisation over the whole batch, and the padding of the whole batch, which batch normalisation sees.
"""

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gram.losses.distributed import mean_over_ranks, sum_gradient_over_ranks
from gram.models import Batch


class BatchNormOverRanks(_BatchNorm):
    """Batch normalisation whose mean and variance are those of all ranks together, on any device.

    `torch.nn.SyncBatchNorm` is for GPUs alone. Every rank has the same number of values, and takes part in the forward
    and in the backward pass.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"input: expected at least 2 dimensions, got {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:
        """Return (b, channels, ...) normalised; by the running statistics outside training."""
        self._check_input_dim(input)
        if not self.training:
            return super().forward(input)
        axes = [axis for axis in range(input.ndim) if axis != 1]
        shape = [1, -1, *[1] * (input.ndim - 2)]
        mean = _mean(input.mean(axes))
        centred = input - mean.view(shape)
        variance = _mean(centred.square().mean(axes))
        self._keep(mean.detach(), variance.detach(), input.numel() // len(mean) * dist.get_world_size())
        scaled = centred * (variance + self.eps).rsqrt().view(shape)
        return scaled * self.weight.view(shape) + self.bias.view(shape)

    def _keep(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Take a batch's statistics into the running ones, the variance unbiased."""
        if self.momentum is None or self.running_mean is None or self.running_var is None:
            raise ValueError("momentum: expected a number and running statistics; cumulative averages are not kept")
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def _mean(value: Tensor) -> Tensor:
    """Return the mean over ranks; each rank gets the gradient from what all of them made of it."""
    return sum_gradient_over_ranks(mean_over_ranks(value))


def normalized_over_ranks(module: nn.Module) -> nn.Module:
    """Replace batch normalisation inside a module by one over all ranks, the parameters kept; return the module."""
    if next(module.parameters()).device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                setattr(parent, name, _converted(child))
    return module


def _converted(norm: _BatchNorm) -> BatchNormOverRanks:
    made = BatchNormOverRanks(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    made.weight, made.bias = norm.weight, norm.bias
    made.running_mean, made.running_var = norm.running_mean, norm.running_var
    made.num_batches_tracked = norm.num_batches_tracked
    return made.train(norm.training)


def padded_over_ranks(batches: Mapping[str, Batch]) -> dict[str, Batch]:
    """Return batches padded to the longest of all ranks."""
    device = next(iter(batches.values())).values.device
    longest = torch.tensor([batch.values.shape[-1] for batch in batches.values()], device=device)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return {
        name: Batch(nn.functional.pad(batch.values, (0, size - batch.values.shape[-1])), batch.lengths)
        for (name, batch), size in zip(batches.items(), longest.tolist())
    }
