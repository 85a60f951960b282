"""Contrastive losses over matched batches: item i of every modality belongs to item i of the others.

Each loss is a function, and a module that holds its learned temperature:

>>> import torch
>>> from gram import GramLoss
>>> text, image, speech = torch.nn.functional.normalize(torch.randn(3, 8, 16), dim=-1)
>>> loss = GramLoss(temperature=0.07)(text, image, speech)
>>> bool(loss > 0)
True

The batch may be spread over processes (`gather=True`). Each rank then compares its own anchors with all
candidates and all anchors with its own candidates, and the gradients travel back to the ranks that the embeddings
came from. Value and gradients on every rank are those of one process that holds the whole batch.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gram._arrays import as_pairs
from gram._distributed import gather_rows, mean_over_ranks, sum_gradient_over_ranks
from gram._spans import full_precision, unit_rows
from gram.geometry import pairwise_volume

TEMPERATURE_RANGE = (0.01, 1.0)

Logits = Callable[..., list[Tensor]]  # anchor and others to one matrix (q, n), or several to be averaged over


def gram_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    temperature: float | Float[Tensor, ""] = 0.07,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
) -> Float[Tensor, ""]:
    """Return the mean of the two cross-entropies, over rows and over columns, of -volume / temperature.

    With V[i, j] the volume of anchor i with candidate j and tau the temperature,

        L = 1/2 (CE(-V / tau, i) + CE(-V^T / tau, i)).

    The vectors are taken as given; the loss is meant for unit vectors. At dependent vectors the gradient is the
    volume's subgradient 0. A missing modality (a row of NaN) of a candidate is left out of its Gram matrix; an
    anchor of NaN makes the loss NaN.

    Args:
        anchor: (b, d), row i belongs to row i of the others.
        *others: one (b, d) a modality.
        temperature: what the volumes are divided by, above 0.
        label_smoothing: the share of each target that is spread over all candidates, from 0 to below 1.
        gather: compare with the items of all ranks of torch.distributed; without a process group it changes nothing.
            Every rank must hold the same number of items (`drop_last=True`) and call backward.
        ddp: multiply the embeddings' gradient by the number of ranks, because DistributedDataParallel divides by it.

    Raises:
        ValueError: when the shapes do not fit, or a number is out of its range.

    Source: Cicchetti et al., "Gramian Multimodal Representation Learning and Alignment", ICLR 2025,
    arXiv 2412.11959.
    """
    return _contrast(_volume_logits, anchor, others, temperature, label_smoothing, gather, ddp)


def pairwise_info_nce(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    temperature: float | Float[Tensor, ""] = 0.07,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
) -> Float[Tensor, ""]:
    """Return InfoNCE by cosine between the anchor and each other modality, in both directions, averaged.

    With C_m[i, j] = cos(anchor i, modality m of item j) and tau the temperature,

        L = mean over m of 1/2 (CE(C_m / tau, i) + CE(C_m^T / tau, i)).

    A vector of zeros has cosine 0 and gradient 0. A row of NaN makes the loss NaN.

    Args:
        anchor: (b, d), row i belongs to row i of the others.
        *others: one (b, d) a modality.
        temperature: what the cosines are divided by, above 0.
        label_smoothing: the share of each target that is spread over all candidates, from 0 to below 1.
        gather: compare with the items of all ranks of torch.distributed; without a process group it changes nothing.
            Every rank must hold the same number of items (`drop_last=True`) and call backward.
        ddp: multiply the embeddings' gradient by the number of ranks, because DistributedDataParallel divides by it.

    Raises:
        ValueError: when the shapes do not fit, or a number is out of its range.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", arXiv 1807.03748,
    equation 4; both directions as in Radford et al., arXiv 2103.00020.
    """
    return _contrast(_cosine_logits, anchor, others, temperature, label_smoothing, gather, ddp)


def _volume_logits(anchor: Tensor, *others: Tensor) -> list[Tensor]:
    return [-pairwise_volume(anchor, *others)]


def _cosine_logits(anchor: Tensor, *others: Tensor) -> list[Tensor]:
    with full_precision(anchor.device):
        return [unit_rows(anchor) @ unit_rows(other).mT for other in others]


def _contrast(
    logits: Logits,
    anchor: Tensor,
    others: tuple[Tensor, ...],
    temperature: float | Tensor,
    label_smoothing: float,
    gather: bool,
    ddp: bool,
) -> Tensor:
    anchor, others = as_pairs(anchor, *others)
    if len(anchor) != len(others[0]) or len(anchor) == 0:
        raise ValueError(
            f"anchor: expected as many items as the others, at least one; got {len(anchor)} and {len(others[0])}"
        )
    _check_smoothing(label_smoothing)
    if not isinstance(temperature, Tensor) and not 0 < temperature < math.inf:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}")
    if gather and dist.is_available() and dist.is_initialized():
        return _contrast_over_ranks(logits, torch.stack([anchor, *others]), temperature, label_smoothing, ddp)
    matrices = logits(anchor, *others)
    by_rows = _cross_entropy(matrices, temperature, label_smoothing)
    by_columns = _cross_entropy([matrix.mT for matrix in matrices], temperature, label_smoothing)
    return (by_rows + by_columns) / 2


def _contrast_over_ranks(
    logits: Logits, stacked: Float[Tensor, "k b d"], temperature: float | Tensor, label_smoothing: float, ddp: bool
) -> Tensor:
    if isinstance(temperature, Tensor):
        temperature = sum_gradient_over_ranks(temperature)
    scale = dist.get_world_size() if ddp else 1
    (anchor, *others), (all_anchors, *all_others) = gather_rows(stacked, gradient_scale=scale)
    first = dist.get_rank() * len(anchor)
    by_rows = _cross_entropy(logits(anchor, *all_others), temperature, label_smoothing, first)
    matrices = [matrix.mT for matrix in logits(all_anchors, *others)]
    by_columns = _cross_entropy(matrices, temperature, label_smoothing, first)
    return mean_over_ranks((by_rows + by_columns) / 2)


def _cross_entropy(
    matrices: list[Tensor], temperature: float | Tensor, label_smoothing: float, first: int = 0
) -> Tensor:
    """Return the mean over the matrices, whose row i is to find column `first` + i."""
    targets = torch.arange(first, first + len(matrices[0]), device=matrices[0].device)
    each = [F.cross_entropy(matrix / temperature, targets, label_smoothing=label_smoothing) for matrix in matrices]
    return torch.stack(each).mean()


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number from 0 to below 1, got {label_smoothing}")


class _ContrastiveLoss(nn.Module):
    """A loss with its temperature, kept as a logarithm so that it stays positive.

    A learned temperature is kept in TEMPERATURE_RANGE by moving the parameter back to the bound, outside the graph,
    before each use. The gradient at a bound is therefore the true one, and a step inwards is never lost.
    """

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


class GramLoss(_ContrastiveLoss):
    """`gram_loss` with a temperature that is learned, in the range TEMPERATURE_RANGE.

    Args:
        temperature: what the volumes are divided by, at the start or for good.
        learn_temperature: whether it is a parameter that trains.
        label_smoothing: the share of each target that is spread over all candidates, from 0 to below 1.
        gather: compare with the items of all ranks of torch.distributed; see `gram_loss`.
        ddp: scale the embeddings' gradient for DistributedDataParallel; see `gram_loss`.

    Raises:
        ValueError: when a number is out of its range.
    """

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return gram_loss(anchor, *others, **self._settings())


class PairwiseInfoNCE(_ContrastiveLoss):
    """`pairwise_info_nce` with a temperature that is learned, in the range TEMPERATURE_RANGE.

    Args:
        temperature: what the cosines are divided by, at the start or for good.
        learn_temperature: whether it is a parameter that trains.
        label_smoothing: the share of each target that is spread over all candidates, from 0 to below 1.
        gather: compare with the items of all ranks of torch.distributed; see `pairwise_info_nce`.
        ddp: scale the embeddings' gradient for DistributedDataParallel; see `pairwise_info_nce`.

    Raises:
        ValueError: when a number is out of its range.
    """

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return pairwise_info_nce(anchor, *others, **self._settings())
