"""Collapse: a modality whose vectors lie on one point or on a few dimensions, or all modalities on one point."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.sign_flips import PairCosines, find_sign_flips

# Vectors of a cone have a mean cosine of 0.4 to 0.6, in untrained models and in trained ones (Liang and others, 2022).
# At 0.9 nine tenths of every vector's square are the same for all items.
POINT_COSINE = 0.9
# Trained spaces use tens of dimensions; three show no more of an item than a point in a room.
FEW_DIMENSIONS = 4
HELD = 0.9  # of the variance, what `dimensions` hold: the rest may be noise


@dataclass(frozen=True, kw_only=True)
class ModalitySpread:
    """How far a modality's vectors spread.

    Attributes:
        name: the modality.
        items: how many items have it.
        mean_cosine: mean cosine of two different items' vectors; NaN for a single item.
        effective_rank: how many dimensions the vectors use around their mean, from 1 to d; 0 where all are equal.
        dimensions: how many principal axes hold 90 % of the variance; 0 where all are equal.
    """

    name: str
    items: int
    mean_cosine: float
    effective_rank: float
    dimensions: int

    @property
    def on_a_point(self) -> bool:
        """Whether the vectors are nearly all one."""
        return self.mean_cosine >= POINT_COSINE


@dataclass(frozen=True, kw_only=True)
class Collapse:
    """How far the modalities of a set spread, each for itself and together.

    Attributes:
        d: of the space.
        modalities: each modality, in order.
        pairs: the cosines of each pair of modalities; `mismatched` is that of different items.
    """

    d: int
    modalities: tuple[ModalitySpread, ...]
    pairs: tuple[PairCosines, ...]

    @property
    def on_a_point(self) -> tuple[str, ...]:
        """The modalities whose vectors are nearly all one."""
        return tuple(spread.name for spread in self.modalities if spread.on_a_point)

    @property
    def on_few_dimensions(self) -> tuple[str, ...]:
        """The modalities that have nine tenths of their variance in 3 dimensions or fewer, and are not on a point.

        In spaces of fewer than 10 dimensions, and with fewer than 20 items, that is no surprise and none is named.
        """
        return tuple(
            spread.name
            for spread in self.modalities
            if spread.dimensions < FEW_DIMENSIONS and min(spread.items / 2, self.d) >= 10 and not spread.on_a_point
        )

    @property
    def together(self) -> bool:
        """Whether all modalities lie on the same point: different items are as near across modalities as within."""
        everywhere = len(self.on_a_point) == len(self.modalities)
        return everywhere and all(pair.mismatched >= POINT_COSINE for pair in self.pairs)


def find_collapse(embedding_set: EmbeddingSet) -> Collapse:
    """Return the mean cosine and the effective rank of each modality, and of the modalities with each other.

    The effective rank is exp(-sum_i p_i log p_i) with p_i = s_i / sum_j s_j, for the singular values s of the unit rows
    with their mean taken out (O. Roy, M. Vetterli, The effective rank, EUSIPCO 2007). The mean cosine of n unit rows is
    that of all pairs of different ones, (|sum of rows|^2 - n) / (n (n - 1)).

    Args:
        embedding_set: n items in k modalities; rows are normalised here, and missing ones left out.
    """
    unit = embedding_set.normalized()
    spreads = []
    for name, rows in unit.modalities.items():
        there = rows[unit.present(name)].double()
        spreads.append(
            ModalitySpread(
                name=name,
                items=len(there),
                mean_cosine=mean_cosine(there),
                effective_rank=effective_rank(there),
                dimensions=dimensions(there),
            )
        )
    return Collapse(d=unit.d, modalities=tuple(spreads), pairs=find_sign_flips(embedding_set).pairs)


def mean_cosine(unit: Float[Tensor, "n d"]) -> float:
    """Return the mean product of two different unit rows; NaN for fewer than two."""
    n = len(unit)
    return float((unit.sum(dim=0).square().sum() - unit.square().sum()) / (n * (n - 1))) if n > 1 else float("nan")


def effective_rank(rows: Float[Tensor, "n d"]) -> float:
    """Return the effective rank of the rows around their mean; 0 where they do not differ by more than rounding."""
    values = _singular_values(rows)
    if not len(values):
        return 0.0
    share = values / values.sum()
    return float(torch.exp(-(share * share.log()).sum()))


def dimensions(rows: Float[Tensor, "n d"]) -> int:
    """Return how many principal axes hold `HELD` of the rows' variance; 0 where they do not differ."""
    variances = _singular_values(rows).square()
    if not len(variances):
        return 0
    return int((variances.cumsum(0) < HELD * variances.sum()).sum()) + 1


def _singular_values(rows: Float[Tensor, "n d"]) -> Float[Tensor, " r"]:
    """Return the singular values of the rows with their mean taken out that are not rounding, the largest first."""
    if not len(rows):
        return rows.new_empty(0)
    rest = rows - rows.mean(dim=0)
    gram = rest.mT @ rest if rest.shape[0] > rest.shape[1] else rest @ rest.mT
    values = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(0)
    # Rows stored in float32 differ by 1e-7 of their length even where they are equal.
    return values[values > 1e-6 * len(rows) ** 0.5]
