"""Minus the area of the triangle between the tips of three unit vectors."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import tolerance, unit_rows, widest_dtype
from gram.measures.base import Measure, Parts, register
from gram.measures.volume import minus_volume, paired_minus_volume


@register
class Triangle(Measure):
    """Minus the area of the triangle: half the candidate's edge times the anchor's distance from its line.

    Prepares the line's direction, half the edge, and the line's point nearest to 0. Defined for k = 3 only: a
    candidate that lacks a vector scores -inf, for fewer points would always span an area of 0, the best there is.
    """

    name = "triangle"
    title = "Triangle area"
    formula = r"-\tfrac{1}{2} \lVert (t - m_2) \wedge (t - m_3) \rVert"
    help = "Minus the area of the triangle between the tips of three unit vectors: 0 is aligned. For k = 3."
    fails = (
        "Two of the three that coincide are enough for 0, whatever the third: a candidate whose own two do wins "
        "against every query, a hub."
    )
    # The paper's area has the factor 1/2 and the root; the loss in the authors' code leaves the root out.
    source = (
        "G. Cicchetti, E. Grassucci, D. Comminiello, A TRIANGLE Enables Multimodal Alignment Beyond Cosine "
        "Similarity, NeurIPS 2025, arXiv 2509.24734"
    )
    order = 80
    modalities = 3
    symbol = "area"
    small_is_aligned = True
    uses_candidate_base = True
    compares_by_span = True
    limits = (0.0, 0.75 * 3**0.5)  # the area of the largest triangle in a sphere, which is equilateral
    relative_cost = 1.7

    def _prepare(self, rows: Float[Tensor, "n 2 d"]) -> tuple[Tensor, ...]:
        first, second = unit_rows(rows).to(widest_dtype(rows.device)).unbind(dim=1)
        edge = first - second
        length = torch.linalg.vector_norm(edge, dim=-1)
        length = length.masked_fill(length <= tolerance(2, rows.dtype), 0)
        direction = unit_rows(edge).masked_fill((length == 0).unsqueeze(-1), 0)
        point = first - torch.linalg.vecdot(first, direction).unsqueeze(-1) * direction
        return direction.unsqueeze(1), length / 2, point

    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        return minus_volume(unit_rows(anchor), *tensors)

    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        direction, half, point = tensors
        return paired_minus_volume(unit_rows(anchor).to(point.dtype) - point, direction, half)

    def random_mean(self, k: int, d: int) -> float:
        """Return the mean area of a triangle with its corners on the sphere, exact; NaN for k other than 3.

        (g(d) / g(d + 1))^2 g(d) / g(d - 1) g(3 d - 1) / g(3 d - 2) / 2 with g(x) = Gamma(x / 2).

        Source: R. E. Miles, Isotropic random simplices, Advances in Applied Probability 3 (1971).
        """
        if k != self.modalities:
            return math.nan
        if d == 1:
            return 0.0
        half, one_more, one_less, long, less = (math.lgamma(x / 2) for x in (d, d + 1, d - 1, 3 * d - 1, 3 * d - 2))
        return math.exp(2 * (half - one_more) + half - one_less + long - less) / 2

    def _explain(self, first: Parts, true: Parts) -> str:
        edges = [math.sqrt(max(0.0, 2 - 2 * each.own_cosine)) for each in (first, true)]
        hub = " (its own two vectors nearly coincide: a hub)" if edges[0] < 0.5 * edges[1] else ""
        return (
            f"The triangle of the query with {first.label} is the smaller: "
            f"area {-first.score:.3g} against {-true.score:.3g}; "
            f"between the candidate's own two vectors lie {edges[0]:.3g} against {edges[1]:.3g}{hub}."
        )
