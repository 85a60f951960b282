"""The largest cosine of an anchor with any of a candidate's vectors."""

import math
from functools import cache, reduce

import numpy as np
import torch
from jaxtyping import Float
from scipy.integrate import quad
from scipy.special import betainc
from torch import Tensor

from gram.geometry.inner_products import paired_projection, scores_in_blocks
from gram.geometry.orthonormal import missing_rows, unit_rows
from gram.measures.base import Measure, Parts, present_cosines, register
from gram.measures.span_bounds import Bounds, SpanCoordinates


@register
class CosineMax(Measure):
    """The cosine of the anchor with the nearest of the candidate's vectors; prepares the unit vectors.

    A missing vector is replaced by another of the candidate's own, which changes no maximum.
    """

    name = "cosine-max"
    title = "Largest cosine"
    formula = r"\max_{2 \le i \le k} \cos(t, m_i)"
    help = "The cosine of the anchor with the nearest of the candidate's vectors: 1 is perfectly aligned."
    fails = (
        "One modality that fits is enough, whatever the others say; and the more there are, the higher a candidate "
        "scores by chance."
    )
    source = "The usual cosine score, of the best modality"
    order = 60
    limits = (-1.0, 1.0)
    comparable_across_k = False
    relative_cost = 1.5
    joint_note = (
        "By largest cosine only the {anchor} is compared, and the {joined} asked with stands in for all: "
        "items whose own vectors are further from the {anchor} tie."
    )

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        missing = missing_rows(rows)
        first = (~missing).int().argmax(dim=1)
        own = rows[torch.arange(len(rows), device=rows.device), first, None]
        return (unit_rows(torch.where(missing.unsqueeze(-1), own, rows)),)

    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        (units,) = tensors
        return scores_in_blocks(anchor, units, lambda products, block: reduce(torch.maximum, products))

    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        (units,) = tensors
        return reduce(torch.maximum, (paired_projection(anchor, each) for each in units.unbind(dim=1)))

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return the largest cosine, as it is known, and by how much it may be off."""
        anchor = at.units[-1]
        cosines = np.einsum("nkm,nm->nk", at.directions, at.along(anchor))
        largest = np.where(at.present, cosines, -np.inf).max(axis=1)
        if len(at.units) > 1:
            largest = np.maximum(largest, float((at.units[:-1] @ anchor).max()))
        return largest - at.reach - at.rounding, largest + at.reach + at.rounding

    def random_mean(self, k: int, d: int) -> float:
        """Return the expected largest of k - 1 independent cosines, exact.

        Given the anchor the cosines c are independent, with P(c <= x) = F(x) = I_((1 + x) / 2)((d - 1) / 2,
        (d - 1) / 2), so E max = 1 - integral of F^(k - 1) over [-1, 1].
        """
        return _expected_largest(k - 1, d)

    def _explain(self, first: Parts, true: Parts) -> str:
        best, own = (max(cosines, key=lambda name: cosines[name]) for cosines in map(present_cosines, (first, true)))
        return (
            f"The {best} of {first.label} alone decides: its cosine with the query is {first.score:.3g}, "
            f"against {true.score:.3g} for the {own} of {true.label}, its best."
        )


@cache
def _expected_largest(count: int, d: int) -> float:
    if d == 1:
        return 1 - 2 * 0.5**count
    half = (d - 1) / 2
    under, _ = quad(lambda x: betainc(half, half, (1 + x) / 2) ** count, -1, 1, points=[0, 3 / math.sqrt(d + 6)])
    return 1 - float(under)
