"""InfoNCE by cosine between the anchor and each other modality."""

from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import full_precision, unit_rows
from gram.losses.base import ContrastiveLoss, Settings, contrast_both_ways, register


def pairwise_cosines(one: Float[Tensor, "q d"], other: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
    """Return the cosine of every row with every row."""
    with full_precision(one.device):
        return unit_rows(one) @ unit_rows(other).mT


def pairwise_info_nce(
    anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"], **settings: Unpack[Settings]
) -> Float[Tensor, ""]:
    """Return InfoNCE by cosine between the anchor and each other modality, in both directions, averaged.

    With C_m[i, j] = cos(anchor i, modality m of item j) and tau the temperature,

        L = mean over m of 1/2 (CE(C_m / tau, i) + CE(C_m^T / tau, i)).

    A vector of zeros has cosine 0 and gradient 0. A row of NaN makes the loss NaN.

    Args and errors: as `gram_loss`.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", arXiv 1807.03748,
    equation 4; both directions as in Radford et al., arXiv 2103.00020.
    """
    return contrast_both_ways(
        lambda t, *rest: [pairwise_cosines(t, other) for other in rest], anchor, others, **settings
    )


@register
class PairwiseInfoNCE(ContrastiveLoss):
    """`pairwise_info_nce` with a temperature that is learned; arguments as `ContrastiveLoss`."""

    name = "cosine"
    title = "cosine with the anchor"
    measure = "cosine"
    order = 20
    function = staticmethod(pairwise_info_nce)
