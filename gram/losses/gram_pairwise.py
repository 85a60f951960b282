"""The GRAM loss plus pairwise InfoNCE."""

import math
from typing import Any, Unpack

from jaxtyping import Float
from torch import Tensor

from gram.losses.base import ContrastiveLoss, Settings, register
from gram.losses.gram import gram_loss
from gram.losses.info_nce import pairwise_info_nce


def gram_pairwise_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    pairwise_weight: float = 1.0,
    **settings: Unpack[Settings],
) -> Float[Tensor, ""]:
    """Return the GRAM loss plus w times the anchor's pairwise InfoNCE.

        L = gram_loss + w pairwise_info_nce,

    both under the same temperature. The volume is invariant to the sign of a vector; the cosines are not. A row of NaN
    makes the loss NaN, as the cosines do.

    Args and errors: as `gram_loss`, and
        pairwise_weight: w >= 0; 1 by default.

    Source: see `gram_loss` and `pairwise_info_nce`; their sum is this project's own variation.
    """
    _check_weight(pairwise_weight)
    return gram_loss(anchor, *others, **settings) + pairwise_weight * pairwise_info_nce(anchor, *others, **settings)


def _check_weight(pairwise_weight: float) -> None:
    if not 0 <= pairwise_weight < math.inf:
        raise ValueError(f"pairwise_weight: expected a number from 0, got {pairwise_weight}")


@register
class GramPairwiseLoss(ContrastiveLoss):
    """`gram_pairwise_loss` with one temperature that is learned.

    Args and errors: as `ContrastiveLoss`, and
        pairwise_weight: the weight of the pairwise part, from 0; that of the GRAM loss is 1.
    """

    name = "gram-cosine"
    title = "volume and cosines"
    measure = "volume"
    own_settings = ("pairwise_weight",)
    order = 40
    function = staticmethod(gram_pairwise_loss)

    def __init__(self, *args: Any, pairwise_weight: float = 1.0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        _check_weight(pairwise_weight)
        self.pairwise_weight = pairwise_weight
