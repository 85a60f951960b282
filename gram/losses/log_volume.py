"""The logarithm of the volume in the GRAM loss."""

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry import pairwise_volume
from gram.losses.base import ContrastiveLoss, Settings, contrast_both_ways, register


def log_volume_loss(
    anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"], **settings: Unpack[Settings]
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
    return contrast_both_ways(_minus_log_volume, anchor, others, **settings)


def _minus_log_volume(anchor: Tensor, *others: Tensor) -> list[Tensor]:
    volume = pairwise_volume(anchor, *others)
    return [(volume.square() + torch.finfo(volume.dtype).eps).log() / -2]


@register
class LogVolumeLoss(ContrastiveLoss):
    """`log_volume_loss` with a temperature that is learned; arguments as `ContrastiveLoss`."""

    name = "log-volume"
    title = "logarithm of the volume"
    measure = "volume"
    order = 50
    function = staticmethod(log_volume_loss)
