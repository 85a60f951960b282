"""Minus the volume that an anchor and a candidate span: base times height."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry import random_volume
from gram.geometry.autograd import candidate_blocks
from gram.geometry.orthonormal import (
    orthonormalize,
    paired_distances,
    pairwise_distances,
    residuals,
    tolerance,
    unit_rows,
)
from gram.measures.base import GRAM_PAPER, Measure, Parts, joined_names, query_name, register
from gram.measures.span_bounds import Bounds, SpanCoordinates, volume_bounds


def minus_volume(
    anchor: Float[Tensor, "q d"],
    basis: Float[Tensor, "n m d"],
    base: Float[Tensor, "n"],
    points: Float[Tensor, "n d"] | None = None,
) -> Float[Tensor, "q n"]:
    """Return minus base times the anchor's distance from the span; with points, from the span moved there."""
    limit = tolerance(basis.shape[1] + 1, anchor.dtype)
    scores = anchor.new_empty(len(anchor), len(basis))
    for block in candidate_blocks(anchor, basis.shape[1], len(basis)):
        at = None if points is None else points[block]
        pairwise_distances(anchor, basis[block], limit, at, out=scores[:, block])
    return scores.mul_(-base.to(anchor.dtype))


def paired_minus_volume(
    anchor: Float[Tensor, "n d"], basis: Float[Tensor, "n m d"], base: Float[Tensor, "n"]
) -> Float[Tensor, "n"]:
    """Return the diagonal of `minus_volume`."""
    return paired_distances(anchor, basis, tolerance(basis.shape[1] + 1, anchor.dtype)) * -base


def join_basis(
    vector: Float[Tensor, "d"], basis: Float[Tensor, "n m d"]
) -> tuple[Float[Tensor, "n m+1 d"], Float[Tensor, "n"]]:
    """Return the bases extended by a vector's direction out of each span, 0 where it has none, and its distance."""
    residual, _ = residuals(vector.expand(len(basis), -1), basis)
    distance = torch.linalg.vector_norm(residual, dim=-1)
    limit = tolerance(basis.shape[1] + 1, vector.dtype) * torch.linalg.vector_norm(vector)
    distance = distance.masked_fill(distance <= limit, 0)
    direction = unit_rows(residual).masked_fill((distance == 0).unsqueeze(-1), 0)
    return torch.cat([basis, direction.unsqueeze(1)], dim=1), distance


class SpanMeasure(Measure):
    """Minus the distance of the anchor from the candidate's span, times a base; prepares a basis and that base."""

    small_is_aligned = True
    sign_invariant = True
    compares_by_span = True
    limits = (0.0, 1.0)  # dependent, and orthogonal
    relative_cost = 1.7

    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        return minus_volume(anchor, *tensors)

    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        return paired_minus_volume(anchor, *tensors)


@register
class Volume(SpanMeasure):
    """Minus the volume sqrt(det G) of the parallelotope that all vectors span.

    Prepares each candidate's orthonormal basis and the volume of its own vectors, the base.
    """

    name = "volume"
    title = "Volume"
    formula = r"-\sqrt{\det G(t, m_2, \dots, m_k)}"
    help = "Minus the volume of the parallelotope that the vectors span: 0 is perfectly aligned."
    fails = (
        "A candidate whose own vectors are nearly dependent wins against every query, a hub; and a vector turned "
        "into its opposite changes nothing."
    )
    source = GRAM_PAPER
    order = 10
    symbol = "V"
    uses_candidate_base = True
    span_size = "volume"
    comparable_across_k = False

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        spans = orthonormalize(rows)
        return spans.basis, spans.volume

    def _join(self, vector: Float[Tensor, " d"], tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        basis, base = tensors
        joined, distance = join_basis(vector, basis)
        return joined, base * distance

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return bounds by the angles between the spans."""
        low, high = volume_bounds(at)
        return -high, -low

    def random_mean(self, k: int, d: int) -> float:
        """Return the expected volume of k random directions, exact."""
        return float(random_volume(k, d))

    def explain(self, first: Parts, true: Parts, asked: Sequence[str] = ("query",)) -> str:
        """Name the factor that decides: the ratio of the volumes is that of the bases times that of the heights."""
        nearer = f"height {first.height:.3g} against {true.height:.3g}"
        bases = f"base {first.base:.3g} against {true.base:.3g}"
        if len(asked) > 1:  # a small base may mean that the item fits what was asked with
            bases += f", its vectors{joined_names(asked)}"
        elif first.base < 0.5 * true.base:
            bases += " (its own vectors are nearly dependent: a hub)"
        if true.height <= first.height:
            return (
                f"{true.label} is nearer {query_name(asked)}, height {true.height:.3g} against {first.height:.3g}, "
                f"yet {first.label} wins by {bases}."
            )
        tiny = np.finfo(np.float64).tiny  # a base or height of exactly 0 has no logarithm
        by_base = math.log(max(true.base, tiny) / max(first.base, tiny))
        by_height = math.log(max(true.height, tiny) / max(first.height, tiny))
        if by_base > by_height:
            return f"{first.label} wins mostly by {bases}; {nearer}."
        return f"{first.label} lies nearer {query_name(asked)}, {nearer}; {bases}."
