"""The mean cosine over all pairs of an anchor's and a candidate's vectors."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import missing_rows, unit_rows, widest_dtype
from gram.measures.base import Parts, present_cosines, register
from gram.measures.cosine import Projection, count_present, sum_of_units
from gram.measures.span_bounds import Bounds, SpanCoordinates, linear_bounds


@register
class PairwiseMean(Projection):
    """The mean cosine over all k (k - 1) / 2 pairs: what the anchor adds, and what is the candidate's own.

    Prepares the sum of each candidate's unit vectors and that of its own cosines, both over the number of pairs. The
    cosines of m vectors with each other add up to (|their sum|^2 - sum of their squares) / 2.
    """

    name = "pairwise-mean"
    title = "Mean of all cosines"
    formula = r"\frac{2}{k(k-1)} \sum_{i<j} \cos(m_i, m_j), \quad m_1 = t"
    help = "The mean cosine over all pairs of the vectors, the anchor's and the candidate's own: 1 is all alike."
    fails = (
        "Only 2/k of the pairs have the anchor in them, so a candidate whose own vectors agree gains with every "
        "query: a hub."
    )
    source = "The mean of the Gram matrix of the unit vectors off its diagonal"
    order = 70
    limits = (-1.0, 1.0)
    uses_candidate_base = True

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        present = count_present(rows)
        pairs = present * (present + 1) / 2
        wide = rows.to(widest_dtype(rows.device))
        total = sum_of_units(wide)
        squares = unit_rows(wide).square().sum(dim=-1).masked_fill(missing_rows(rows), 0).sum(dim=1)
        own = (torch.linalg.vecdot(total, total) - squares) / 2
        return (total / pairs).to(rows.dtype), (own / pairs.squeeze(1)).to(rows.dtype)

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return bounds by the products with the sum of each candidate's vectors; the other pairs are known."""
        query = at.units.sum(axis=0)
        own = np.einsum("nm,nm->n", at.total, at.total) - np.einsum("nkm,nkm->n", at.directions, at.directions)
        own += float(query @ query - np.square(at.units).sum())
        low, high = linear_bounds(at, query, own / 2)
        pairs = at.k * (at.k - 1) / 2
        return low / pairs, high / pairs

    def _explain(self, first: Parts, true: Parts) -> str:
        with_query = [sum(present_cosines(each).values()) / _pairs(each) for each in (first, true)]
        own = [each.score - part for each, part in zip((first, true), with_query)]
        by_query, by_own = with_query[0] - with_query[1], own[0] - own[1]
        asked = f"the query's cosines give it {with_query[0]:.3g} against {with_query[1]:.3g}"
        among = f"the cosines among its own vectors {own[0]:.3g} against {own[1]:.3g}"
        if by_own > by_query:
            hub = "" if by_query > 0 else f"; {true.label} fits the query as well or better"
            return f"{first.label} wins by how its own vectors agree: {among}, where {asked}{hub}."
        return f"{first.label} wins by how it fits the query: {asked}, {among}."


def _pairs(parts: Parts) -> float:
    present = len(present_cosines(parts))
    return present * (present + 1) / 2
