"""Minus the height of an anchor above the span of a candidate's vectors."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from gram.geometry import random_volume
from gram.geometry.orthonormal import orthonormalize
from gram.measures.base import GRAM_PAPER, Measure, Parts, joined_names, query_name, register
from gram.measures.span_bounds import Bounds, SpanCoordinates, height_bounds
from gram.measures.volume import join_basis, minus_volume, paired_minus_volume


@register
class Height(Measure):
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
    small_is_aligned = True
    sign_invariant = True
    compares_by_span = True
    span_size = "height"
    relative_cost = 1.7

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        basis = orthonormalize(rows).basis
        return basis, basis.new_ones(len(basis))

    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        return minus_volume(anchor, *tensors)

    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        return paired_minus_volume(anchor, *tensors)

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

    def value_range(self, k: int) -> tuple[float, float]:
        """Return 0, in the span, and 1, at right angles to it."""
        return 0.0, 1.0

    def explain(self, first: Parts, true: Parts, asked: Sequence[str] = ("query",)) -> str:
        """Compare the two heights."""
        return (
            f"{query_name(asked).capitalize()} lies nearer to the span of {first.label}'s vectors"
            f"{joined_names(asked)}: height {first.height:.3g} against {true.height:.3g}."
        )
