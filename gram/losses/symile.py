"""Symile: the multilinear inner product of an item's vectors, contrasted with that of mismatched vectors."""

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import full_precision, missing_rows, unit_rows
from gram.losses.base import Batch, ContrastiveLoss, Draws, Settings, contrast, register


def symile_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    generator: torch.Generator | None = None,
    **settings: Unpack[Settings],
) -> Float[Tensor, ""]:
    """Return the Symile loss: each modality in turn finds, by multilinear inner product, the rest of its item.

    For k unit vectors in d dimensions the product is

        <v_1, ..., v_k> = d^((k - 2) / 2) sum over coordinates c of v_1c ... v_kc.

    With modality m as the anchor, row i has its own tuple at place i, and at every other place j the vectors of the
    other modalities of unlike items: item p_n(j) for modality n, with a permutation p_n drawn for each. L is the mean
    over m of the cross-entropy of the rows over tau. There is no second direction: every modality is an anchor.

    This is the O(N) sampling of negatives, the default of the authors' code, where all N^(k - 1) tuples are the other
    choice; as there, a permutation may now and then put a row's own tuple among its negatives. For two modalities
    nothing is permuted, and the loss is that of CLIP.

    What differs: the factor d^((k - 2) / 2), which makes the product of random vectors spread as a cosine does, by
    1 / sqrt(d), so that one range of temperatures serves all losses (the authors start from a temperature of their own
    for each data set); and the label smoothing.

    The vectors are divided by their length. A missing modality (a row of NaN) counts as a factor of 1, as in the
    measure; as an anchor it scores how well the remaining vectors agree. An item that lacks all modalities
    makes the loss NaN. A vector of zeros has products 0.

    Args and errors: as `gram_loss`, and
        generator: draws the permutations, on the CPU. torch's global generator if None. Give every
            rank one of the same state, and `gather` gives the value of one process.

    Source: Saporta, Puli, Goldstein and Ranganath, "Contrasting with Symile: Simple Model-Agnostic Representation
    Learning for Unlimited Modalities", NeurIPS 2024, arXiv 2411.01053, section 3; code: github.com/rajesh-lab/symile.
    """

    def loss(batch: Batch) -> Tensor:
        own = _factors(batch.own)
        everything = own if batch.everything is batch.own else _factors(batch.everything)
        places = range(len(own))
        return batch.cross_entropy([_products(own, everything, place, batch.first, generator) for place in places])

    return contrast(loss, anchor, others, **settings)


def _factors(rows: Sequence[Float[Tensor, "b d"]]) -> Float[Tensor, "k b d"]:
    """Return vectors scaled to length sqrt(d); ones in place of a missing vector, unless the item lacks all."""
    given = torch.stack(list(rows))
    missing = missing_rows(given)
    neutral = missing & ~missing.all(dim=0)
    return (given.shape[-1] ** 0.5 * unit_rows(given)).masked_fill(neutral.unsqueeze(-1), 1)


def _products(
    own: Float[Tensor, "k b d"],
    everything: Float[Tensor, "k n d"],
    place: int,
    first: int,
    generator: torch.Generator | None,
) -> Float[Tensor, "b n"]:
    """Return the products of one modality's vectors with tuples of the others; row i's own is at column `first` + i."""
    others = [other for other in range(len(own)) if other != place]
    mixed = torch.ones_like(everything[0])
    for other in others:
        rows = everything[other]
        if len(others) > 1:
            rows = rows[torch.randperm(len(rows), generator=generator).to(rows.device)]
        mixed = mixed * rows
    d = own.shape[-1]
    with full_precision(own.device):
        products = own[place] @ mixed.mT / d
    matched = own.prod(dim=0).sum(dim=-1) / d
    columns = torch.arange(products.shape[1], device=products.device)
    diagonal = columns == first + torch.arange(len(products), device=products.device).unsqueeze(1)
    return torch.where(diagonal, matched.unsqueeze(1), products)


@register
class SymileLoss(ContrastiveLoss):
    """`symile_loss` with a temperature that is learned, and permutations that repeat.

    Args and errors: as `ContrastiveLoss`, and
        seed: of the permutations. Each call draws the next; how many were drawn is part of the state.
    """

    name = "symile"
    title = "products of all"
    measure = "symile"
    order = 90
    function = staticmethod(symile_loss)

    def __init__(self, *args: Any, seed: int = 0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.draws = Draws(seed)

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return symile_loss(anchor, *others, generator=self.draws.next(), **self._settings())
