"""InfoNCE by cosine between all pairs of modalities."""

from itertools import combinations
from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from gram.losses.base import Batch, ContrastiveLoss, Settings, contrast, register
from gram.losses.info_nce import pairwise_cosines


def all_pairs_info_nce(
    anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"], **settings: Unpack[Settings]
) -> Float[Tensor, ""]:
    """Return InfoNCE by cosine between all k (k - 1) / 2 pairs of modalities, in both directions, averaged.

    With C_mn[i, j] = cos(modality m of item i, modality n of item j), the anchor being one of the modalities,

        L = mean over m < n of 1/2 (CE(C_mn / tau, i) + CE(C_mn^T / tau, i)).

    No modality is special: the order in which they are given changes nothing. For k = 2 it is `pairwise_info_nce`. A
    vector of zeros has cosine 0 and gradient 0. A row of NaN makes the loss NaN.

    Args and errors: as `gram_loss`.

    Source: Tian, Krishnan and Isola, "Contrastive Multiview Coding", ECCV 2020, arXiv 1906.05849, section 3.3, its
    full graph, which sums over the pairs where this is their mean.
    """

    def loss(batch: Batch) -> Tensor:
        pairs = list(combinations(range(len(batch.own)), 2))
        forwards = [pairwise_cosines(batch.own[one], batch.everything[other]) for one, other in pairs]
        if batch.everything is batch.own:
            return batch.cross_entropy(forwards + [matrix.mT for matrix in forwards])
        return batch.cross_entropy(
            forwards + [pairwise_cosines(batch.own[other], batch.everything[one]) for one, other in pairs]
        )

    return contrast(loss, anchor, others, **settings)


@register
class AllPairsInfoNCE(ContrastiveLoss):
    """`all_pairs_info_nce` with a temperature that is learned; arguments as `ContrastiveLoss`."""

    name = "all-pairs"
    title = "cosines of all pairs"
    measure = "cosine"  # the mean of all pairs would add the candidate's own, the same for every query
    order = 30
    function = staticmethod(all_pairs_info_nce)
