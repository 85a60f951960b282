"""The cosine of an anchor with the mean direction of a candidate's vectors."""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import unit_rows
from gram.measures.base import register
from gram.measures.cosine import Cosine, Projection, mean_direction
from gram.measures.span_bounds import Bounds, SpanCoordinates, linear_bounds


@register
class Centroid(Projection):
    """The cosine of the anchor with the mean of the candidate's unit vectors; prepares that mean's direction."""

    name = "centroid"
    title = "Centroid cosine"
    formula = r"\cos\bigl(t, \textstyle\sum_{i=2}^{k} m_i / \lVert m_i \rVert\bigr)"
    help = "The cosine of the anchor with the mean direction of the candidate's vectors."
    fails = (
        "A candidate whose vectors contradict each other is judged by the little that is left of their mean, as "
        "sternly as one whose vectors agree."
    )
    source = "The mean cosine divided by the length of the mean of the candidate's unit vectors"
    order = 40
    limits = (-1.0, 1.0)
    explain = Cosine.explain

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        return (unit_rows(mean_direction(rows)),)

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return bounds on the product with the sum of the vectors, over those on the length of this sum."""
        anchor, joined = at.units[-1], at.units[:-1].sum(axis=0)
        low, high = linear_bounds(at, anchor, float(anchor @ joined))
        own = np.einsum("nm,nm->n", at.total, at.total) + float(joined @ joined)
        short, long = (np.sqrt(np.maximum(own + 2 * each, 1e-30)) for each in linear_bounds(at, joined))
        low, high = low / np.where(low < 0, short, long), high / np.where(high > 0, short, long)
        return np.clip(low, -1, 1), np.clip(high, -1, 1)
