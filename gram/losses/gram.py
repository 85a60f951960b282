"""GRAM: the volume of an item's vectors against those of mismatched items."""

from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from gram.geometry import pairwise_volume
from gram.losses.base import ContrastiveLoss, Settings, contrast_both_ways, register


def gram_loss(
    anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"], **settings: Unpack[Settings]
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
        **settings: see `Settings`.

    Raises:
        ValueError: the shapes do not fit, or a number is out of its range.

    Source: Cicchetti et al., "Gramian Multimodal Representation Learning and Alignment", ICLR 2025,
    arXiv 2412.11959.
    """
    return contrast_both_ways(lambda t, *rest: [-pairwise_volume(t, *rest)], anchor, others, **settings)


@register
class GramLoss(ContrastiveLoss):
    """`gram_loss` with a temperature that is learned; arguments as `ContrastiveLoss`."""

    name = "gram"
    title = "volume of all"
    measure = "volume"
    order = 10
    function = staticmethod(gram_loss)
