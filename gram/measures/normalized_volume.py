"""Minus the side of a cube with the volume of the vectors that are there."""

import math

from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import missing_rows, orthonormalize
from gram.measures.base import GRAM_PAPER, Parts, present_cosines, register
from gram.measures.span_bounds import Bounds, SpanCoordinates, volume_bounds
from gram.measures.volume import SpanMeasure, join_basis


@register
class NormalizedVolume(SpanMeasure):
    """Minus the volume to the power of 1 / k, for the k vectors that are there, the anchor's included."""

    name = "normalized-volume"
    title = "Normalised volume"
    formula = r"-\sqrt[k]{V(t, m_2, \dots, m_k)}, \quad V = \sqrt{\det G}"
    help = (
        "Minus the side of a cube with the volume of the vectors that are there: ranks as volume does where items "
        "are complete, and compares those that lack a modality."
    )
    fails = (
        "A hub by volume is one here too. And as the same cosines give a smaller side the more vectors there are, "
        "items with all modalities are still favoured a little."
    )
    source = (
        "The geometric mean of each vector's distance from the span of those before it; the volume is that of "
        f"{GRAM_PAPER}"
    )
    order = 50
    symbol = "V^(1/k)"
    uses_candidate_base = True
    span_size = "volume"
    relative_cost = 2.0

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        spans = orthonormalize(rows)
        return spans.basis, spans.volume, 1 + (~missing_rows(rows)).sum(dim=1)

    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        basis, base, k = tensors
        return super()._scores(anchor, (basis, base)).neg_().pow_(1 / k.to(anchor.dtype)).neg_()

    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        basis, base, k = tensors
        return -(-super()._paired_scores(anchor, (basis, base))).pow(1 / k.to(base.dtype))

    def _join(self, vector: Float[Tensor, " d"], tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        basis, base, k = tensors
        joined, distance = join_basis(vector, basis)
        return joined, base * distance, k + 1

    def span_power(self, k: int) -> float:
        """Return 1 / k."""
        return 1 / k

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return the roots of the bounds on volumes."""
        low, high = volume_bounds(at)
        return -(high ** (1 / at.k)), -(low ** (1 / at.k))

    def random_mean(self, k: int, d: int) -> float:
        """Return the expected k-th root of the volume, exact; fewer vectors come nearer to 1, by hundredths for d > 30.

        V^2 is a product of independent Beta((d - i) / 2, i / 2), i = 1 ... k - 1, of which the moment of order
        1 / (2 k) is taken: prod_i G((d - i + 1/k) / 2) G(d / 2) / (G((d - i) / 2) G((d + 1/k) / 2)).

        Source: A. M. Mathai, Jacobians of Matrix Transformations (1997), section 4.2.
        """
        if k > d:
            return 0.0
        order = 1 / k
        factors = (_log_gammas(d - i + order, d) - _log_gammas(d - i, d + order) for i in range(1, k))
        return math.exp(sum(factors))

    def _explain(self, first: Parts, true: Parts) -> str:
        sides = [
            f"(base {each.base:.3g} × height {each.height:.3g})^(1/{1 + len(present_cosines(each))})"
            for each in (first, true)
        ]
        return (
            f"{first.label} has the smaller side, {sides[0]} = {-first.score:.3g} against "
            f"{sides[1]} = {-true.score:.3g}."
        )


def _log_gammas(one: float, other: float) -> float:
    """Return log G(one / 2) + log G(other / 2)."""
    return math.lgamma(one / 2) + math.lgamma(other / 2)
