"""The mean cosine of an anchor with a candidate's vectors."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from gram.geometry.inner_products import paired_projection
from gram.geometry.orthonormal import full_precision, missing_rows, unit_rows
from gram.measures.base import Measure, Parts, query_name, register
from gram.measures.span_bounds import Bounds, SpanCoordinates, linear_bounds


class Projection(Measure):
    """A measure that is linear in the unit anchor; prepares a vector a candidate and, optionally, what to add."""

    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        direction, *own = tensors
        with full_precision(anchor.device):
            scores = unit_rows(anchor) @ direction.to(anchor.dtype).mT
        return scores.add_(own[0]) if own else scores

    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        direction, *own = tensors
        scores = paired_projection(anchor, direction)
        return scores.add_(own[0]) if own else scores

    def random_mean(self, k: int, d: int) -> float:
        """Return 0: products of random directions are as often positive as negative."""
        return 0.0


def sum_of_units(rows: Float[Tensor, "n m d"]) -> Float[Tensor, "n d"]:
    """Return the sum of each candidate's unit vectors."""
    return unit_rows(rows).masked_fill(missing_rows(rows).unsqueeze(-1), 0).sum(dim=1)


def count_present(rows: Float[Tensor, "n m d"]) -> Float[Tensor, "n 1"]:
    """Return how many vectors each candidate has, and 1 where it has none."""
    return (~missing_rows(rows)).sum(dim=1, keepdim=True).clamp_min(1)


def mean_direction(rows: Float[Tensor, "n m d"]) -> Float[Tensor, "n d"]:
    """Return the mean of each candidate's unit vectors."""
    return sum_of_units(rows) / count_present(rows)


@register
class Cosine(Projection):
    """The mean cosine of the anchor with each of the candidate's vectors; prepares the mean of the unit vectors."""

    name = "cosine"
    title = "Mean cosine"
    formula = r"\frac{1}{k-1} \sum_{i=2}^{k} \cos(t, m_i)"
    help = "The mean cosine of the anchor with each of the candidate's vectors: 1 is perfectly aligned."
    fails = (
        "Whether the candidate's vectors agree with each other does not count, and one that is far off is made up "
        "for by the others."
    )
    source = (
        "The usual score of contrastive models (A. Radford and others, CLIP, ICML 2021, arXiv 2103.00020), "
        "averaged over the candidate's modalities"
    )
    order = 30
    limits = (-1.0, 1.0)
    joint_note = (
        "By mean cosine only the {anchor} decides the order: what the {joined} asked with adds is the same for "
        "every item."
    )

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        return (mean_direction(rows),)

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return bounds by the products with the sum of each candidate's vectors."""
        anchor, joined = at.units[-1], at.units[:-1].sum(axis=0)
        low, high = linear_bounds(at, anchor, float(anchor @ joined))
        return low / (at.k - 1), high / (at.k - 1)

    def explain(self, first: Parts, true: Parts, asked: Sequence[str] = ("query",)) -> str:
        """Name the modality in which the true item falls short of the first hit the most."""
        behind = {name: first.cosines[name] - true.cosines[name] for name in true.cosines}
        behind = {name: gap for name, gap in behind.items() if not math.isnan(gap)}
        if not behind:
            return f"{first.label} and {true.label} have no modality in common to compare."
        best = max(value for value in true.cosines.values() if not math.isnan(value))
        if best < -0.2:
            return (
                f"{true.label} points away from {query_name(asked)} (its best cosine is {best:.3g}): "
                "cosine counts that as far, volume ignores the sign."
            )
        worst = max(behind, key=lambda name: behind[name])
        if behind[worst] <= 0:
            return (
                f"No single modality of {true.label} falls short of {first.label}'s; "
                f"all together, {first.label} scores {first.score:.3g} against {true.score:.3g}."
            )
        return (
            f"The {worst} of {true.label} is what falls short: cosine {true.cosines[worst]:.3g} with "
            f"{query_name(asked)}, against {first.cosines[worst]:.3g} for {first.label}."
        )
