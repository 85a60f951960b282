"""Minus the height of an anchor above the span of a candidate's vectors."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from gram.geometry import random_volume
from gram.geometry.orthonormal import orthonormalize
from gram.measures.base import GRAM_PAPER, Parts, joined_names, query_name, register
from gram.measures.span_bounds import Bounds, SpanCoordinates, height_bounds
from gram.measures.volume import SpanMeasure, join_basis


@register
class Height(SpanMeasure):
    """Minus the distance of the anchor from the span of the candidate's vectors: the volume without its base."""

    name = "height"
    title = "Height"
    formula = r"-\min_a \lVert t - \textstyle\sum_i a_i m_i \rVert"
    help = "Minus the distance of the anchor from the span of the candidate's vectors, whatever their own volume."
    fails = (
        "An anchor that a mixture of the candidate's vectors gives, with any signs and sizes, scores full marks "
        "though it is near to none of them."
    )
    source = f"The height in volume = base × height; the volume is that of {GRAM_PAPER}"
    order = 20
    span_size = "height"

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        basis = orthonormalize(rows).basis
        return basis, basis.new_ones(len(basis))

    def _join(self, vector: Float[Tensor, " d"], tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        basis, ones = tensors
        return join_basis(vector, basis)[0], ones

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return bounds by the angles between the spans."""
        low, high = height_bounds(at)
        return -high, -low

    def random_mean(self, k: int, d: int) -> float:
        """Return the expected height, exact: base and height of random directions are independent."""
        below = float(random_volume(k - 1, d))
        return float(random_volume(k, d)) / below if below > 0 else 0.0

    def explain(self, first: Parts, true: Parts, asked: Sequence[str] = ("query",)) -> str:
        """Compare the two heights."""
        return (
            f"{query_name(asked).capitalize()} lies nearer to the span of {first.label}'s vectors"
            f"{joined_names(asked)}: height {first.height:.3g} against {true.height:.3g}."
        )
