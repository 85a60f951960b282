"""Collapse: a modality whose vectors lie on one point or on a few dimensions, or all modalities on one point."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, CleanSet, Finding, log_uniform, register, unit
from gram.diagnostics.dataset.context import DiagnosisContext, join_names
from gram.diagnostics.dataset.sign_flips import PairCosines, find_sign_flips

# Vectors of a cone have a mean cosine of 0.4 to 0.6, in untrained models and in trained ones (Liang and others, 2022).
# At 0.9 nine tenths of every vector's square are the same for all items.
POINT_COSINE = 0.9
# Trained spaces use tens of dimensions.
FEW_DIMENSIONS = 4
HELD = 0.9  # of the variance, what `dimensions` hold: the rest may be noise
_NUMBERS = ("mean_cosine", "effective_rank", "dimensions")


@dataclass(frozen=True, kw_only=True)
class ModalitySpread:
    """Spread of a modality's vectors.

    Attributes:
        name: the modality.
        items: how many items have it.
        mean_cosine: mean cosine of two different items' vectors; NaN for a single item.
        effective_rank: effective number of dimensions around their mean, from 1 to d; 0 where all are equal.
        dimensions: number of principal axes that hold 90 % of the variance; 0 where all are equal.
    """

    name: str
    items: int
    mean_cosine: float
    effective_rank: float
    dimensions: int

    @property
    def on_a_point(self) -> bool:
        """Whether the vectors are nearly equal."""
        return self.mean_cosine >= POINT_COSINE


@dataclass(frozen=True, kw_only=True)
class Collapse:
    """Spread of the modalities of a set, each alone and together.

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
        """The modalities whose vectors are nearly equal."""
        return tuple(spread.name for spread in self.modalities if spread.on_a_point)

    @property
    def on_few_dimensions(self) -> tuple[str, ...]:
        """The modalities with nine tenths of their variance in at most 3 dimensions, and not on a point.

        None is named in fewer than 10 dimensions or with fewer than 20 items, where that is to be expected.
        """
        return tuple(
            spread.name
            for spread in self.modalities
            if spread.dimensions < FEW_DIMENSIONS and min(spread.items / 2, self.d) >= 10 and not spread.on_a_point
        )

    @property
    def together(self) -> bool:
        """Whether all modalities lie on the same point."""
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
    units = embedding_set.normalized()
    spreads = []
    for name, rows in units.modalities.items():
        present = rows[units.present(name)].double()
        rank, axes = _effective_rank_and_dimensions(present)
        cosine = _mean_cosine(present)
        spreads.append(
            ModalitySpread(name=name, items=len(present), mean_cosine=cosine, effective_rank=rank, dimensions=axes)
        )
    return Collapse(d=units.d, modalities=tuple(spreads), pairs=find_sign_flips(embedding_set).pairs)


def _mean_cosine(rows: Float[Tensor, "n d"]) -> float:
    """Return the mean product of two different unit rows; NaN for fewer than two."""
    n = len(rows)
    return float((rows.sum(dim=0).square().sum() - rows.square().sum()) / (n * (n - 1))) if n > 1 else float("nan")


def _effective_rank_and_dimensions(rows: Float[Tensor, "n d"]) -> tuple[float, int]:
    """Return the effective rank of the centred rows, and how many principal axes hold 90 % of their variance.

    Both are 0 where the rows differ by no more than rounding.
    """
    if not len(rows):
        return 0.0, 0
    rest = rows - rows.mean(dim=0)
    gram = rest.mT @ rest if rest.shape[0] > rest.shape[1] else rest @ rest.mT
    values = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(0)
    # Rows stored in float32 differ by 1e-7 of their length even where they are equal.
    values = values[values > 1e-6 * len(rows) ** 0.5]
    if not len(values):
        return 0.0, 0
    share, variances = values / values.sum(), values.square()
    axes = int((variances.cumsum(0) < HELD * variances.sum()).sum()) + 1
    return float(torch.exp(-(share * share.log()).sum())), axes


def collapse_of(context: DiagnosisContext) -> Collapse:
    """Return the spread of the ranked items."""
    return find_collapse(context.part)


def plant_collapse(clean: CleanSet) -> dict[str, Any]:
    """Move one modality, or all, to a point, or one to 1 to 3 dimensions; 2 to 25 % of the rest stays."""
    kind = str(clean.rng.choice(["point", "dimensions", "together"]))
    names = list(clean.rows) if kind == "together" else [str(clean.rng.choice(list(clean.rows)))]
    point = unit(clean.rng.normal(size=clean.rows[clean.anchor].shape[1:]))
    left, shrunk = int(clean.rng.integers(1, 4)), log_uniform(clean.rng, (0.02, 0.25))
    for name in names:
        rows = clean.rows[name]
        if kind == "dimensions":
            *_, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
            flat = unit(rows @ axes[:left].T @ axes[:left])
            clean.rows[name] = unit(flat + shrunk * rows)  # no training leaves exact zeros
        else:
            clean.rows[name] = unit(point + shrunk * rows)
    return {"modalities": names, "kind": kind, "distances": shrunk}


@register("collapse", order=80, plant=plant_collapse)
def check_collapse(context: DiagnosisContext) -> Checked:
    """Check whether modalities lie on a point or on few dimensions."""
    collapse = context.once(collapse_of)
    spreads = [spread for spread in collapse.modalities if spread.items] or collapse.modalities
    looked_at = (
        f"mean cosine of different items at most {max(spread.mean_cosine for spread in spreads):.2f}, effective rank "
        f"at least {min(spread.effective_rank for spread in spreads):.0f} of {collapse.d}"
    )
    lost, findings = max(0.5, 1 - context.before.recall[1]), []
    if collapse.on_a_point:
        findings.append(_on_a_point(collapse, lost))
    if collapse.on_few_dimensions:
        findings.append(_on_few_dimensions(collapse, lost))
    return looked_at, findings


def _numbers(collapse: Collapse) -> dict[str, Any]:
    return {spread.name: {key: getattr(spread, key) for key in _NUMBERS} for spread in collapse.modalities}


def _on_a_point(collapse: Collapse, lost: float) -> Finding:
    names = collapse.on_a_point
    cosine = min(spread.mean_cosine for spread in collapse.modalities if spread.name in names)
    where = f"{join_names(names).capitalize()} on one point"
    return Finding(
        cause="collapse", severity=1.0 if collapse.together else lost,
        title="All modalities lie on one point" if collapse.together else where,
        text=f"Two different items' vectors have a mean cosine of {cosine:.3f} or more in {join_names(names)}: little "
        "is left to tell items apart.",
        modalities=names, numbers=_numbers(collapse),
        remedy="Centre each modality, which keeps what is left, and look at the loss that let them collapse.",
    )  # fmt: skip


def _on_few_dimensions(collapse: Collapse, lost: float) -> Finding:
    names = collapse.on_few_dimensions
    most = max(spread.dimensions for spread in collapse.modalities if spread.name in names)
    return Finding(
        cause="collapse", severity=lost, title=f"{join_names(names).capitalize()} on few dimensions",
        text=f"{most} of {collapse.d} {'dimension' if most == 1 else 'dimensions'} hold nine tenths of the variance of "
        f"{join_names(names)}: items cannot be told apart by that.",
        modalities=names, numbers=_numbers(collapse),
        remedy=f"Leave {join_names(names)} out, and train its encoder again.",
    )  # fmt: skip
