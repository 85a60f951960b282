"""Scores of one query with many candidates from inner products alone: the Gram matrix of each set of vectors.

A vector of a query of one part meets a candidate in one product a modality; what the candidate's own vectors have to
do with each other does not change with the query. So a gallery of any size is asked with one product a vector, in
float64. What a Gram matrix does not tell well enough is said to be open, and is for `Measure.compare`.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# Products of unit vectors are off by a few 1e-16. The squared height is then off by about that over the least
# eigenvalue of the others' Gram matrix, which is no less than their squared base over e; and its root by that over
# twice the height. With base^2 x height above this all scores are right to 1e-12, a tenth of what counts as a tie.
_FLAT = 1e-3
_AT_ONCE = (1 << 15) - 1  # numbers of Gram matrices: torch has its threads wait for each other only over more

Scores = Float[Tensor, "n"]
Open = Bool[Tensor, "n"]


def scores_of(
    measure: str,
    query: Float[Tensor, "p d"],
    across: Float[Tensor, "n p m"],
    own: Float[Tensor, "n m m"],
) -> tuple[Scores, Open]:
    """Return the scores that `gram.measures` gives, and which of them are open; see the head of this module.

    Args:
        measure: one of `MEASURES`.
        query: the vectors of the query, the anchor first.
        across: products of these with each candidate's vectors; NaN where one is missing.
        own: products of each candidate's vectors with each other; NaN likewise.
    """
    if query.isnan().any():  # a query that is missing has no answer
        return own.new_full((len(own),), torch.nan), torch.zeros(len(own), dtype=torch.bool)
    asked = query @ query.mT
    found = []
    step = max(1, _AT_ONCE // (len(query) + own.shape[-1]) ** 2)
    for at in range(0, len(own), step):
        cosines, lengths, there = _cosines(asked, across[at : at + step], own[at : at + step])
        scores, still_open = MEASURES[measure](cosines, lengths, there)
        has_none = ~there[1:].any(dim=0)
        found.append((scores.masked_fill(has_none, -torch.inf), still_open & ~has_none))
    all_scores, all_open = zip(*found)
    return torch.cat(all_scores), torch.cat(all_open)


def _cosines(asked: Tensor, across: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return cosines (k, k, n), 0 where a vector is missing, lengths (k, n), 1 there, and which vectors are there."""
    p, k = len(asked), len(asked) + own.shape[-1]
    whole = own.new_empty(k, k, len(own))
    whole[:p, :p], whole[p:, p:] = asked.unsqueeze(2), own.permute(1, 2, 0)
    whole[:p, p:], whole[p:, :p] = across.permute(1, 2, 0), across.permute(2, 1, 0)
    squares = whole.diagonal().mT
    there = ~squares.isnan()
    lengths = torch.where(there, squares, 1).sqrt()
    scale = lengths.masked_fill(lengths == 0, 1)
    cosines = (whole / scale.unsqueeze(1) / scale.unsqueeze(0)).nan_to_num_(nan=0.0)
    cosines.diagonal().fill_(1)
    return cosines, lengths, there


def _base_and_height(cosines: Float[Tensor, "k k n"]) -> tuple[Scores, Scores]:
    """Return base and height of unit vectors by Cholesky's factors of their Gram matrix, the anchor's row last."""
    k = len(cosines)
    order = [*range(1, k), 0]
    lower: list[list[Tensor]] = []
    base = torch.ones_like(cosines[0, 0])
    for row, name in enumerate(order):
        factors: list[Tensor] = []
        for column in range(row):
            left = cosines[name, order[column]].clone()
            for each, other in zip(factors, lower[column]):
                left -= each * other
            pivot = lower[column][column]
            factors.append(torch.where(pivot > 0, left / pivot, 0))
        pivot = (1 - sum((each.square() for each in factors), torch.zeros_like(base))).clamp_min(0).sqrt()
        lower.append([*factors, pivot])
        if row < k - 1:
            base = base * pivot
    return base, lower[-1][-1]


def _volume(cosines: Tensor, lengths: Tensor, there: Tensor) -> tuple[Scores, Open]:
    base, height = _base_and_height(cosines)
    return -(base * height * lengths.prod(dim=0)), base.square() * height < _FLAT


def _height(cosines: Tensor, lengths: Tensor, there: Tensor) -> tuple[Scores, Open]:
    base, height = _base_and_height(cosines)
    return -(height * lengths[0]), base.square() * height < _FLAT


def _normalized_volume(cosines: Tensor, lengths: Tensor, there: Tensor) -> tuple[Scores, Open]:
    scores, still_open = _volume(cosines, lengths, there)
    return -((-scores) ** (1 / there.sum(dim=0))), still_open


def _cosine(cosines: Tensor, lengths: Tensor, there: Tensor) -> tuple[Scores, Open]:
    scores = cosines[0, 1:].sum(dim=0) / there[1:].sum(dim=0)
    return scores, torch.zeros_like(there[0])


def _centroid(cosines: Tensor, lengths: Tensor, there: Tensor) -> tuple[Scores, Open]:
    both = there[1:, None] & there[None, 1:]
    squared = (cosines[1:, 1:] * both).sum(dim=(0, 1))
    return cosines[0, 1:].sum(dim=0) / squared.clamp_min(_FLAT).sqrt(), squared < _FLAT


def _cosine_max(cosines: Tensor, lengths: Tensor, there: Tensor) -> tuple[Scores, Open]:
    largest = cosines[0, 1:].masked_fill(~there[1:], -torch.inf).amax(dim=0)
    return largest, torch.zeros_like(there[0])


def _pairwise_mean(cosines: Tensor, lengths: Tensor, there: Tensor) -> tuple[Scores, Open]:
    count = there.sum(dim=0)
    return (cosines.sum(dim=(0, 1)) - len(cosines)) / 2 / (count * (count - 1) / 2), torch.zeros_like(there[0])


MEASURES: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Scores, Open]]] = {
    "volume": _volume,
    "height": _height,
    "normalized-volume": _normalized_volume,
    "cosine": _cosine,
    "centroid": _centroid,
    "cosine-max": _cosine_max,
    "pairwise-mean": _pairwise_mean,
}
