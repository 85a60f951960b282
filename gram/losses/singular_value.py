"""The largest singular value of an item's vectors in the volume's place."""

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import full_precision, missing_rows, tolerance, unit_rows, widest_dtype
from gram.geometry.singular_value import largest_singular_value, prepare_principal_axes
from gram.losses.base import ContrastiveLoss, Settings, contrast_both_ways, register


def singular_loss(
    anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"], **settings: Unpack[Settings]
) -> Float[Tensor, ""]:
    """Return the mean of the two cross-entropies, over rows and columns, of the largest singular value / temperature.

    With S[i, j] the largest singular value of anchor i's and candidate j's unit vectors, stacked,

        L = 1/2 (CE(S / tau, i) + CE(S^T / tau, i)).

    This is the GRAM loss with PMRL's measure of alignment in the volume's place. S lies between 1, all at right angles,
    and sqrt(k), all on one line; -v counts as v.

    The vectors are divided by their length. By a unit vector the gradient is the leading direction times that vector's
    part in it: finite everywhere, and one of the subgradients where a second singular value is as large. It can be
    taken once, not twice. A missing modality (a row of NaN) of a candidate is left out; an anchor of NaN makes the loss
    NaN. Vectors of zeros have singular values 0 and gradient 0.

    Args and errors: as `gram_loss`.

    Source: the measure is that of Liu et al., arXiv 2507.17343 (see `pmrl_loss`); its contrast is this project's own
    variation.
    """
    return contrast_both_ways(lambda t, *rest: [_largest(t, *rest)], anchor, others, **settings)


def _largest(anchor: Float[Tensor, "q d"], *others: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
    """Return the largest singular value of every anchor with every candidate, in float64 inside.

    Its square is q^T G q for the leading eigenvector q, which is taken without gradient: the derivative is q^T dG q.
    """
    wide = widest_dtype(anchor.device)
    tips, rows = unit_rows(anchor.to(wide)), unit_rows(torch.stack(others, dim=1).to(wide))
    rows = rows.masked_fill(missing_rows(rows).unsqueeze(-1), 0)
    with full_precision(anchor.device):
        cosines = [tips @ each.mT for each in rows.unbind(dim=1)]
        own = rows @ rows.mT
    first, weights = _leading_weights(tips, rows, cosines)
    squared = first.square() * torch.linalg.vecdot(tips, tips).unsqueeze(1)
    for place, weight in enumerate(weights):
        inside = sum(own[:, place, other] * weights[other] for other in range(len(weights)))
        squared = squared + weight * (2 * first * cosines[place] + inside)
    nothing = squared <= 0
    return squared.masked_fill(nothing, 1).sqrt().masked_fill(nothing, 0).to(anchor.dtype)


@torch.no_grad()
def _leading_weights(
    tips: Float[Tensor, "q d"], rows: Float[Tensor, "n m d"], cosines: list[Float[Tensor, "q n"]]
) -> tuple[Float[Tensor, "q n"], list[Float[Tensor, "q n"]]]:
    """Return the unit eigenvector of the largest eigenvalue lambda of each pair's Gram matrix, an entry a modality.

    On the candidate's principal axes a_i, of squared length s_i, it is (1, z_i / (lambda - s_i)) for z_i = t . a_i, and
    entry m of the rows is (m . (t + sum_i a_i z_i / (lambda - s_i))) / lambda. Where lambda is s_max, the anchor has no
    part in it, and the eigenvector is the candidate's own.
    """
    axes, squares = prepare_principal_axes(rows)
    largest = largest_singular_value(tips, axes, squares).square()
    tiny = tolerance(rows.shape[1] + 1, tips.dtype)
    gaps = [largest - square for square in squares.unbind(dim=1)]
    alone = gaps[-1] <= tiny
    with full_precision(tips.device):
        parts = [tips @ axis.mT / gap for axis, gap in zip(axes.unbind(dim=1), gaps)]
        shares = rows @ axes.mT
    first = (~alone).to(tips.dtype)
    weights = []
    for place, cosine in enumerate(cosines):
        mixed = cosine + sum(shares[:, place, axis] * part for axis, part in enumerate(parts))
        weights.append(torch.where(alone, shares[:, place, -1], mixed) / largest.clamp_min(tiny))
    length = torch.stack([first, *weights]).square().sum(dim=0).sqrt().clamp_min(tiny)
    return first / length, [weight / length for weight in weights]


@register
class SingularLoss(ContrastiveLoss):
    """`singular_loss` with a temperature that is learned; arguments as `ContrastiveLoss`."""

    name = "singular"
    title = "largest singular value"
    measure = "singular"
    order = 70
    function = staticmethod(singular_loss)
