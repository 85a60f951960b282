"""TRIANGLE: the area between the tips of three vectors in place of the volume."""

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import full_precision, tolerance, unit_rows, widest_dtype
from gram.losses.base import ContrastiveLoss, Settings, contrast_both_ways, register

_SMALL = 1e-6  # of a squared height: below it |t - p|^2 - (t . e)^2 keeps too few of float64's digits


def triangle_loss(
    anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"], **settings: Unpack[Settings]
) -> Float[Tensor, ""]:
    """Return the mean of the two cross-entropies, over rows and over columns, of -area / temperature. For k = 3.

    With u = t_i - m_2j and v = t_i - m_3j of unit vectors, and A[i, j] = 1/2 sqrt(|u|^2 |v|^2 - (u . v)^2) the area of
    the triangle,

        L = 1/2 (CE(-A / tau, i) + CE(-A^T / tau, i)).

    The vectors are divided by their length. At an area of 0 (two of three tips coincide, or all are on one line) there
    is a kink, and the gradient is the subgradient 0. A row of NaN makes the loss NaN: a triangle needs all three.

    The area and its use are the paper's, as are both directions and the label smoothing; the loss in the code that its
    authors released leaves the root out and takes A to be (|u|^2 |v|^2 - (u . v)^2) / 2, which is flat where aligned.
    Their matching loss is not in here: see `AnchorMatching`.

    Args: as `gram_loss`, with two others.

    Raises:
        ValueError: there are not two other modalities, the shapes do not fit, or a number is out of its range.

    Source: Cicchetti, Grassucci and Comminiello, "A TRIANGLE Enables Multimodal Alignment Beyond Cosine Similarity",
    NeurIPS 2025, arXiv 2509.24734; code: github.com/ispamm/TRIANGLE, `utils/area.py`.
    """
    if others and len(others) != 2:
        raise ValueError(f"others: a triangle needs two beside the anchor, got {len(others)}: choose two modalities")
    return contrast_both_ways(lambda t, first, second: [-_areas(t, first, second)], anchor, others, **settings)


def _areas(
    anchor: Float[Tensor, "q d"], first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]
) -> Float[Tensor, "q n"]:
    """Return half of each candidate's edge times the anchors' distances from its line, computed in float64.

    An edge or a distance that is only rounding is 0, with gradient 0.
    """
    limit = tolerance(2, anchor.dtype)
    tips, start, end = (unit_rows(rows.to(widest_dtype(rows.device))) for rows in (anchor, first, second))
    edge = end - start
    flat = torch.linalg.vector_norm(edge, dim=-1, keepdim=True) <= limit
    edge = edge.masked_fill(flat, 0)
    direction = unit_rows(edge)
    length = torch.linalg.vecdot(edge, direction)
    heights = _heights(tips, start - torch.linalg.vecdot(start, direction).unsqueeze(-1) * direction, direction, limit)
    return (heights * length / 2).to(anchor.dtype)


def _heights(
    tips: Float[Tensor, "q d"], points: Float[Tensor, "n d"], directions: Float[Tensor, "n d"], limit: float
) -> Float[Tensor, "q n"]:
    """Return the distance of every tip from every line through a point p, at right angles to its direction e.

    h^2 = |t|^2 - 2 t . p + |p|^2 - (t . e)^2; where that is small, h is taken from the residual.
    """
    with full_precision(tips.device):
        along = tips @ directions.mT
        squared = -2 * (tips @ points.mT) + torch.linalg.vecdot(points, points) - along.square()
    squared = squared + torch.linalg.vecdot(tips, tips).unsqueeze(1)
    small = squared <= _SMALL
    heights = squared.masked_fill(small, 1).sqrt()
    rows, columns = small.nonzero(as_tuple=True)
    moved = tips[rows] - points[columns]
    residual = moved - torch.linalg.vecdot(moved, directions[columns]).unsqueeze(-1) * directions[columns]
    exact = torch.linalg.vector_norm(residual, dim=-1)
    return heights.index_put((rows, columns), exact.masked_fill(exact <= limit, 0))


@register
class TriangleLoss(ContrastiveLoss):
    """`triangle_loss` with a temperature that is learned; arguments as `ContrastiveLoss`."""

    name = "triangle"
    title = "area of a triangle"
    measure = "triangle"
    order = 60
    modalities = 3
    function = staticmethod(triangle_loss)
