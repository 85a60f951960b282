"""The arithmetic of the measures: what each prepares of a candidate, and what it then makes of an anchor.

`prepare_*` take the candidates' rows (n, m, d), NaN where one is missing, to tensors with a row a candidate. The rest
take anchors and these: (q, d) to scores (q, n), and `*_paired`, (n, d) to (n,). No step holds more than a few numbers
a pair: a product with each prepared vector, one at a time.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram.geometry.autograd import candidate_blocks
from gram.geometry.inner_products import paired_projection, scores_in_blocks
from gram.geometry.orthonormal import (
    full_precision,
    missing_rows,
    orthonormalize,
    paired_distances,
    put_distances,
    residuals,
    tolerance,
    unit_rows,
    widest_dtype,
)
from gram.geometry.singular_value import largest_singular_value, paired_largest_singular_value, prepare_principal_axes

__all__ = [
    "largest_singular_value",
    "paired_largest_singular_value",
    "paired_projection",
    "prepare_principal_axes",
]  # beside what is defined here

Sides = tuple[Tensor, ...]


# minus a volume: base x height


def prepare_span_and_base(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return each candidate's orthonormal basis, and the volume of its vectors."""
    spans = orthonormalize(rows)
    return spans.basis, spans.volume


def prepare_span(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return each candidate's orthonormal basis, and 1 for its volume."""
    basis = orthonormalize(rows).basis
    return basis, basis.new_ones(len(basis))


def join_to_span_and_base(vector: Float[Tensor, "d"], basis: Float[Tensor, "n m d"], base: Float[Tensor, "n"]) -> Sides:
    """Return what `prepare_span_and_base` gives of candidates that one more vector joins, each the same one."""
    basis, distance = _joined(vector, basis)
    return basis, base * distance


def join_to_span(vector: Float[Tensor, "d"], basis: Float[Tensor, "n m d"], base: Float[Tensor, "n"]) -> Sides:
    """Return what `prepare_span` gives of candidates that one more vector joins, each the same one."""
    return _joined(vector, basis)[0], base


def _joined(
    vector: Float[Tensor, "d"], basis: Float[Tensor, "n m d"]
) -> tuple[Float[Tensor, "n m+1 d"], Float[Tensor, "n"]]:
    """Return the bases with the direction in which a vector leaves each span, 0 where it does not, and how far."""
    residual, _ = residuals(vector.expand(len(basis), -1), basis)
    distance = torch.linalg.vector_norm(residual, dim=-1)
    limit = tolerance(basis.shape[1] + 1, vector.dtype) * torch.linalg.vector_norm(vector)
    distance = distance.masked_fill(distance <= limit, 0)
    direction = unit_rows(residual).masked_fill((distance == 0).unsqueeze(-1), 0)
    return torch.cat([basis, direction.unsqueeze(1)], dim=1), distance


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
        put_distances(scores[:, block], anchor, basis[block], limit, at)
    return scores.mul_(-base.to(anchor.dtype))


def minus_volume_paired(
    anchor: Float[Tensor, "n d"], basis: Float[Tensor, "n m d"], base: Float[Tensor, "n"]
) -> Float[Tensor, "n"]:
    """Return the diagonal of `minus_volume`."""
    return paired_distances(anchor, basis, tolerance(basis.shape[1] + 1, anchor.dtype)) * -base


# minus the side of a cube of that volume: (base x height) to the power of 1 / k, for k vectors that are there


def prepare_span_base_and_count(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return what `prepare_span_and_base` does, and how many vectors there are, one for the anchor included."""
    return *prepare_span_and_base(rows), 1 + (~missing_rows(rows)).sum(dim=1)


def join_to_span_base_and_count(
    vector: Float[Tensor, "d"], basis: Float[Tensor, "n m d"], base: Float[Tensor, "n"], count: Int[Tensor, "n"]
) -> Sides:
    """Return what `prepare_span_base_and_count` gives of candidates that one more vector joins, each the same one."""
    return *join_to_span_and_base(vector, basis, base), count + 1


def minus_side(
    anchor: Float[Tensor, "q d"], basis: Float[Tensor, "n m d"], base: Float[Tensor, "n"], count: Int[Tensor, "n"]
) -> Float[Tensor, "q n"]:
    """Return minus the volume to the power of 1 / count."""
    return minus_volume(anchor, basis, base).neg_().pow_(1 / count.to(anchor.dtype)).neg_()


def minus_side_paired(
    anchor: Float[Tensor, "n d"], basis: Float[Tensor, "n m d"], base: Float[Tensor, "n"], count: Int[Tensor, "n"]
) -> Float[Tensor, "n"]:
    """Return the diagonal of `minus_side`."""
    return -(-minus_volume_paired(anchor, basis, base)).pow(1 / count.to(base.dtype))


# minus the area of a triangle: half its base times its height


def prepare_edge(rows: Float[Tensor, "n 2 d"]) -> Sides:
    """Return the direction of the line through two unit vectors, half their distance, the line's point nearest to 0."""
    first, second = unit_rows(rows).to(widest_dtype(rows.device)).unbind(dim=1)
    edge = first - second
    length = torch.linalg.vector_norm(edge, dim=-1)
    length = length.masked_fill(length <= tolerance(2, rows.dtype), 0)
    direction = unit_rows(edge).masked_fill((length == 0).unsqueeze(-1), 0)
    point = first - torch.linalg.vecdot(first, direction).unsqueeze(-1) * direction
    return direction.unsqueeze(1), length / 2, point


def minus_area(
    anchor: Float[Tensor, "q d"],
    direction: Float[Tensor, "n 1 d"],
    half: Float[Tensor, "n"],
    point: Float[Tensor, "n d"],
) -> Float[Tensor, "q n"]:
    """Return minus half the edge's length times the unit anchor's distance from its line."""
    return minus_volume(unit_rows(anchor), direction, half, point)


def minus_area_paired(
    anchor: Float[Tensor, "n d"],
    direction: Float[Tensor, "n 1 d"],
    half: Float[Tensor, "n"],
    point: Float[Tensor, "n d"],
) -> Float[Tensor, "n"]:
    """Return the diagonal of `minus_area`."""
    return minus_volume_paired(unit_rows(anchor).to(point.dtype) - point, direction, half)


# products with one vector a candidate


def prepare_mean_direction(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return the mean of each candidate's unit vectors."""
    return (_sum_of_units(rows) / _there(rows),)


def prepare_centroid(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return the direction of the mean of each candidate's unit vectors."""
    return (unit_rows(*prepare_mean_direction(rows)),)


def prepare_product(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return the product of each candidate's unit vectors, coordinate by coordinate."""
    return (unit_rows(rows).masked_fill(missing_rows(rows).unsqueeze(-1), 1).prod(dim=1),)


def projection(anchor: Float[Tensor, "q d"], direction: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
    """Return the product of the unit anchor with each candidate's vector."""
    with full_precision(anchor.device):
        return unit_rows(anchor) @ direction.to(anchor.dtype).mT


# the mean over all pairs: what the anchor adds, and what is the candidate's own


def prepare_sum_and_own(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return the sum of each candidate's unit vectors and that of its own cosines, both over the number of pairs.

    The cosines of m vectors with each other add up to (|their sum|^2 - sum of their squares) / 2.
    """
    there = _there(rows)
    pairs = there * (there + 1) / 2
    wide = rows.to(widest_dtype(rows.device))
    total = _sum_of_units(wide)
    squares = unit_rows(wide).square().sum(dim=-1).masked_fill(missing_rows(rows), 0).sum(dim=1)
    own = (torch.linalg.vecdot(total, total) - squares) / 2
    return (total / pairs).to(rows.dtype), (own / pairs.squeeze(1)).to(rows.dtype)


def projection_and_own(
    anchor: Float[Tensor, "q d"], total: Float[Tensor, "n d"], own: Float[Tensor, "n"]
) -> Float[Tensor, "q n"]:
    """Return the product of the unit anchor with the sum, and the candidate's own part added."""
    return projection(anchor, total).add_(own)


def projection_and_own_paired(
    anchor: Float[Tensor, "n d"], total: Float[Tensor, "n d"], own: Float[Tensor, "n"]
) -> Float[Tensor, "n"]:
    """Return the diagonal of `projection_and_own`."""
    return paired_projection(anchor, total).add_(own)


# the largest cosine


def prepare_units(rows: Float[Tensor, "n m d"]) -> Sides:
    """Return each candidate's unit vectors, a missing one replaced by another of its own, which no maximum sees."""
    missing = missing_rows(rows)
    first = (~missing).int().argmax(dim=1)
    filled = torch.where(missing.unsqueeze(-1), rows[torch.arange(len(rows), device=rows.device), first, None], rows)
    return (unit_rows(filled),)


def largest_projection(anchor: Float[Tensor, "q d"], units: Float[Tensor, "n m d"]) -> Float[Tensor, "q n"]:
    """Return the largest product of the unit anchor with the candidate's vectors."""
    return scores_in_blocks(anchor, units, lambda products, block: _largest(products))


def largest_projection_paired(anchor: Float[Tensor, "n d"], units: Float[Tensor, "n m d"]) -> Float[Tensor, "n"]:
    """Return the diagonal of `largest_projection`."""
    return _largest(paired_projection(anchor, each) for each in units.unbind(dim=1))


# the largest singular value


def _largest(products: Iterable[Tensor]) -> Tensor:
    products = iter(products)
    largest = next(products)
    for product in products:
        largest = torch.maximum(largest, product)
    return largest


def _sum_of_units(rows: Float[Tensor, "n m d"]) -> Float[Tensor, "n d"]:
    return unit_rows(rows).masked_fill(missing_rows(rows).unsqueeze(-1), 0).sum(dim=1)


def _there(rows: Float[Tensor, "n m d"]) -> Float[Tensor, "n 1"]:
    """Return how many vectors each candidate has, and 1 where it has none."""
    return (~missing_rows(rows)).sum(dim=1, keepdim=True).clamp_min(1)
