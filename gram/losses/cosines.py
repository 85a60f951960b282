"""InfoNCE by cosine: between the anchor and each other modality, or between all pairs of modalities."""

from itertools import combinations

from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import full_precision, unit_rows
from gram.losses.base import Batch, ContrastiveLoss, contrast


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

    def loss(batch: Batch) -> Tensor:
        return batch.cross_entropy(batch.both_ways(lambda t, *rest: [_cosines(t, other) for other in rest]))

    return contrast(loss, anchor, others, temperature, label_smoothing, gather, ddp)


def all_pairs_info_nce(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    temperature: float | Float[Tensor, ""] = 0.07,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
) -> Float[Tensor, ""]:
    """Return InfoNCE by cosine between all k (k - 1) / 2 pairs of modalities, in both directions, averaged.

    With C_mn[i, j] = cos(modality m of item i, modality n of item j), the anchor being one of the modalities,

        L = mean over m < n of 1/2 (CE(C_mn / tau, i) + CE(C_mn^T / tau, i)).

    No modality is special: the order in which they are given changes nothing. For k = 2 it is `pairwise_info_nce`. A
    vector of zeros has cosine 0 and gradient 0. A row of NaN makes the loss NaN.

    Args and errors: as `pairwise_info_nce`.

    Source: Tian, Krishnan and Isola, "Contrastive Multiview Coding", ECCV 2020, arXiv 1906.05849, section 3.3, its
    full graph, which sums over the pairs where this is their mean.
    """

    def loss(batch: Batch) -> Tensor:
        pairs = list(combinations(range(len(batch.own)), 2))
        forwards = [_cosines(batch.own[one], batch.everything[other]) for one, other in pairs]
        if batch.everything is batch.own:
            return batch.cross_entropy(forwards + [matrix.mT for matrix in forwards])
        return batch.cross_entropy(
            forwards + [_cosines(batch.own[other], batch.everything[one]) for one, other in pairs]
        )

    return contrast(loss, anchor, others, temperature, label_smoothing, gather, ddp)


def _cosines(one: Float[Tensor, "q d"], other: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
    with full_precision(one.device):
        return unit_rows(one) @ unit_rows(other).mT


class PairwiseInfoNCE(ContrastiveLoss):
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


class AllPairsInfoNCE(ContrastiveLoss):
    """`all_pairs_info_nce` with a temperature that is learned; arguments and errors as `PairwiseInfoNCE`."""

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return all_pairs_info_nce(anchor, *others, **self._settings())
