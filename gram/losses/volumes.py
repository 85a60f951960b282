"""Losses of the volume: GRAM's own, that of its logarithm, and GRAM beside pairwise InfoNCE."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry import pairwise_volume
from gram.losses.base import Batch, ContrastiveLoss, contrast
from gram.losses.cosines import pairwise_info_nce


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

    def loss(batch: Batch) -> Tensor:
        return batch.cross_entropy(batch.both_ways(lambda t, *rest: [-pairwise_volume(t, *rest)]))

    return contrast(loss, anchor, others, temperature, label_smoothing, gather, ddp)


def log_volume_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    temperature: float | Float[Tensor, ""] = 0.07,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
) -> Float[Tensor, ""]:
    """Return `gram_loss` with the logarithm of the volume in the volume's place.

    With eps that of the vectors' precision,

        L = 1/2 (CE(-S / tau, i) + CE(-S^T / tau, i)),   S = 1/2 log(V^2 + eps),

    which is log V down to a floor of log sqrt(eps), -8 in float32. det G of unit vectors is itself known to about eps,
    and at an angle of sqrt(eps) a cosine rounds to 1: no loss of that precision sees a closer alignment. The gradient
    of S is V / (V^2 + eps) times that of V: about 1 / V above the floor, at most 1 / (2 sqrt(eps)), 1.4e3 in float32,
    at V = sqrt(eps), and from there down to 0 at perfect alignment, where log V alone has none.

    Unlike the volume's, the gradient by the anchor does not fade with the base: log V = log base + log height. Lengths
    that all items share cancel in the cross-entropy, above the floor.

    Args, errors and missing rows: as `gram_loss`.

    Source: the volume is that of Cicchetti et al., arXiv 2412.11959; its logarithm in the loss is this project's own
    variation.
    """

    def loss(batch: Batch) -> Tensor:
        return batch.cross_entropy(batch.both_ways(_minus_log_volume))

    return contrast(loss, anchor, others, temperature, label_smoothing, gather, ddp)


def _minus_log_volume(anchor: Tensor, *others: Tensor) -> list[Tensor]:
    volume = pairwise_volume(anchor, *others)
    return [(volume.square() + torch.finfo(volume.dtype).eps).log() / -2]


def gram_pairwise_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    temperature: float | Float[Tensor, ""] = 0.07,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
    pairwise_weight: float = 1.0,
) -> Float[Tensor, ""]:
    """Return the GRAM loss and a weight times the anchor's pairwise InfoNCE, 1 to 1 unless told otherwise.

        L = gram_loss + w pairwise_info_nce,

    both under the same temperature. The volume does not know v from -v; the cosines do. A row of NaN makes the loss
    NaN, as the cosines do.

    Args: as `gram_loss`, and
        pairwise_weight: w, from 0.

    Raises:
        ValueError: when the shapes do not fit, or a number is out of its range.

    Source: see `gram_loss` and `pairwise_info_nce`; their sum is this project's own variation.
    """
    _check_weight(pairwise_weight)
    settings: dict[str, Any] = {
        "temperature": temperature,
        "label_smoothing": label_smoothing,
        "gather": gather,
        "ddp": ddp,
    }
    return gram_loss(anchor, *others, **settings) + pairwise_weight * pairwise_info_nce(anchor, *others, **settings)


def _check_weight(pairwise_weight: float) -> None:
    if not 0 <= pairwise_weight < math.inf:
        raise ValueError(f"pairwise_weight: expected a number from 0, got {pairwise_weight}")


class GramLoss(ContrastiveLoss):
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


class LogVolumeLoss(ContrastiveLoss):
    """`log_volume_loss` with a temperature that is learned; arguments and errors as `GramLoss`."""

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return log_volume_loss(anchor, *others, **self._settings())


class GramPairwiseLoss(ContrastiveLoss):
    """`gram_pairwise_loss` with one temperature that is learned.

    Args and errors: as `GramLoss`, and
        pairwise_weight: the weight of the pairwise part, from 0; that of the GRAM loss is 1.
    """

    def __init__(self, *args: Any, pairwise_weight: float = 1.0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        _check_weight(pairwise_weight)
        self.pairwise_weight = pairwise_weight

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return gram_pairwise_loss(anchor, *others, pairwise_weight=self.pairwise_weight, **self._settings())

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{super().extra_repr()}, pairwise_weight={self.pairwise_weight}"
