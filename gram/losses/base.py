"""What all losses share: the batch on one process or several, the cross-entropies, the temperature.

A loss compares the items of this process with those of all of them: each row of a matrix finds its own column, and
the value is the mean over the ranks. A loss that is not symmetric in its modalities gives one matrix a direction.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gram.geometry.arrays import as_pairs
from gram.losses.distributed import gather_rows, mean_over_ranks, sum_gradient_over_ranks

TEMPERATURE_RANGE = (0.01, 1.0)
_APART = 1_000_000_007  # torch's generator on the CPU keeps 32 bits of a seed: two seeds' draws start this far apart

Compare = Callable[..., list[Tensor]]  # anchors (q, d) and others (n, d)... to matrices (q, n)


@dataclass(frozen=True)
class Batch:
    """A batch of matched items, the anchor first: those of this process and those of all.

    Attributes:
        own: one (b, d) a modality.
        everything: one (world * b, d) a modality; `own` itself where there is one process.
        first: the place of the first own item among all.
        temperature: what scores are divided by.
        label_smoothing: the share of each target that is spread over all candidates.
    """

    own: Sequence[Float[Tensor, "b d"]]
    everything: Sequence[Float[Tensor, "n d"]]
    first: int
    temperature: float | Tensor
    label_smoothing: float

    def both_ways(self, compare: Compare) -> list[Float[Tensor, "b n"]]:
        """Return the matrices of own anchors with all candidates, and of own candidates with all anchors."""
        by_rows = compare(self.own[0], *self.everything[1:])
        if self.everything is self.own:
            return by_rows + [matrix.mT for matrix in by_rows]
        return by_rows + [matrix.mT for matrix in compare(self.everything[0], *self.own[1:])]

    def cross_entropy(self, matrices: list[Float[Tensor, "b n"]]) -> Float[Tensor, ""]:
        """Return the mean over matrices of scores, whose row i is to find column `first` + i."""
        targets = torch.arange(self.first, self.first + len(matrices[0]), device=matrices[0].device)
        each = [
            F.cross_entropy(matrix / self.temperature, targets, label_smoothing=self.label_smoothing)
            for matrix in matrices
        ]
        return torch.stack(each).mean()


def contrast(
    loss: Callable[[Batch], Tensor],
    anchor: Tensor,
    others: tuple[Tensor, ...],
    temperature: float | Tensor,
    label_smoothing: float,
    gather: bool,
    ddp: bool,
) -> Tensor:
    """Return the loss of the batch, or the mean over the ranks, each with a share of the items of all.

    Raises:
        ValueError: when the shapes do not fit, or a number is out of its range.
    """
    anchor, others = as_pairs(anchor, *others)
    if len(anchor) != len(others[0]) or len(anchor) == 0:
        raise ValueError(
            f"anchor: expected as many items as the others, at least one; got {len(anchor)} and {len(others[0])}"
        )
    _check_smoothing(label_smoothing)
    if not isinstance(temperature, Tensor) and not 0 < temperature < math.inf:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}")
    if not (gather and dist.is_available() and dist.is_initialized()):
        rows = (anchor, *others)
        return loss(Batch(rows, rows, 0, temperature, label_smoothing))
    if isinstance(temperature, Tensor):
        temperature = sum_gradient_over_ranks(temperature)
    scale = dist.get_world_size() if ddp else 1
    own, everything = gather_rows(torch.stack([anchor, *others]), gradient_scale=scale)
    first = dist.get_rank() * len(anchor)
    return mean_over_ranks(loss(Batch(own.unbind(), everything.unbind(), first, temperature, label_smoothing)))


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number from 0 to below 1, got {label_smoothing}")


class ContrastiveLoss(nn.Module):
    """A loss with its temperature, kept as a logarithm so that it stays positive.

    A learned temperature is kept in TEMPERATURE_RANGE by moving the parameter back to the bound, outside the graph,
    before each use. The gradient at a bound is therefore the true one, and a step inwards is never lost.

    Attributes:
        modalities: the number of modalities, the anchor's included, that the loss is defined for; None for any.
    """

    modalities: ClassVar[int | None] = None

    def __init__(
        self,
        temperature: float = 0.07,
        learn_temperature: bool = True,
        label_smoothing: float = 0.1,
        *,
        gather: bool = False,
        ddp: bool = False,
    ) -> None:
        super().__init__()
        low, high = TEMPERATURE_RANGE if learn_temperature else (math.ulp(0), math.inf)
        if not (low <= temperature <= high and temperature < math.inf):
            expected = f"from {low} to {high} when it is learned" if learn_temperature else "above 0"
            raise ValueError(f"temperature: expected a number {expected}, got {temperature}")
        _check_smoothing(label_smoothing)
        logarithm = torch.tensor(math.log(temperature))
        self.log_temperature = nn.Parameter(logarithm, requires_grad=learn_temperature)
        self.label_smoothing = label_smoothing
        self.gather = gather
        self.ddp = ddp

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """What the scores are divided by; carries the gradient to `log_temperature`."""
        if self.log_temperature.requires_grad:
            with torch.no_grad():
                self.log_temperature.clamp_(*map(math.log, TEMPERATURE_RANGE))
        return self.log_temperature.exp()

    def _settings(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "label_smoothing": self.label_smoothing,
            "gather": self.gather,
            "ddp": self.ddp,
        }

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return (
            f"temperature={self.log_temperature.exp().item():.4g}, "
            f"learn_temperature={self.log_temperature.requires_grad}, "
            f"label_smoothing={self.label_smoothing}, gather={self.gather}, ddp={self.ddp}"
        )


class Draws(nn.Module):
    """Random draws that repeat: the n-th of a seed, on any device and any rank, and after `load_state_dict` too."""

    count: Tensor

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def next(self) -> torch.Generator:
        """Return the generator of the next draw."""
        place = (self.seed * _APART + int(self.count)) % (1 << 32)
        generator = torch.Generator().manual_seed(place)
        self.count += 1
        return generator

    def extra_repr(self) -> str:
        """Return the seed, for printing."""
        return f"seed={self.seed}"
