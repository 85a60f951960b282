"""Losses of the largest singular value of an item's vectors: PMRL's, and the value in the volume's place."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import full_precision, missing_rows, tolerance, unit_rows, widest_dtype
from gram.geometry.singular_value import largest_singular_value, prepare_principal_axes
from gram.losses.base import Batch, ContrastiveLoss, contrast

_LEVEL = 1e-6  # a sum of a unit eigenvector's entries that is rounding, as that of (1, -1) is, and no side to stand on


def pmrl_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    temperature: float | Float[Tensor, ""] = 0.1,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
    singular_temperature: float = 0.05,
) -> Float[Tensor, ""]:
    """Return PMRL's two terms: the share of the largest singular value, and the contrast of leading directions.

    With sigma_1 >= ... >= sigma_k the singular values of item i's unit vectors, stacked, and u_i the unit direction
    that belongs to sigma_1,

        L = mean_i CE((sigma_1, ..., sigma_k) / tau_1, 1) + CE(U U^T / tau_2, i).

    The first is least when an item's vectors lie on one line; the second pushes items' directions apart. No modality
    is an anchor, and both directions of the second term are the same. The temperature is tau_2, fixed in the source as
    tau_1 is: the diagonal of U U^T is 1 whatever the embeddings, so without label smoothing a learned one only falls.

    The vectors are divided by their length. A missing modality (a row of NaN) is left out of its item's singular
    values; an item that lacks all of them makes the loss NaN. A singular value of 0 and a direction that is not
    determined (as large a second singular value) have the subgradient 0. The gradient can be taken once, not twice.

    What differs from the authors' code: a direction is determined up to its sign, which they leave to the SVD and which
    here is that of the vectors' mean, or of the anchor where the mean is at right angles to it; the second term
    compares with the items of all ranks, and has label smoothing. Their third term, matching by a cross-encoder, is not
    in here: see `AnchorMatching`.

    The first term is met once sigma_1 stands out by a few tau_1, whether or not the vectors of other items would fit as
    well: neither term compares modalities across items. The source starts from encoders that a cosine has aligned;
    from scratch it learns slowly, and better with a larger tau_1. `singular_loss` has no such limit.

    Args: as `gram_loss`, and
        temperature: tau_2.
        singular_temperature: tau_1, above 0.

    Raises:
        ValueError: when the shapes do not fit, or a number is out of its range.

    Source: Liu, Xia, Ng and Chua, "Principled Multimodal Representation Learning", arXiv 2507.17343; both terms and the
    temperatures 0.05 and 0.1 are checked against the authors' code, github.com/Xiaohao-Liu/PMRL, `model/pmrl.py` and
    `utils/args.py`.
    """
    _check_singular_temperature(singular_temperature)

    def loss(batch: Batch) -> Tensor:
        values, leading = _singular(batch.own)
        everything = leading if batch.everything is batch.own else _singular(batch.everything)[1]
        with full_precision(leading.device):
            separate = batch.cross_entropy([leading @ everything.mT])
        largest = torch.zeros(len(values), dtype=torch.long, device=values.device)
        return F.cross_entropy(values / singular_temperature, largest) + separate

    return contrast(loss, anchor, others, temperature, label_smoothing, gather, ddp)


def _singular(rows: Sequence[Float[Tensor, "b d"]]) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b d"]]:
    """Return the singular values of each item's unit vectors, the largest first, and the leading direction.

    The eigenvectors q_i of the Gram matrix are taken without gradient. sigma_i = |q_i^T V| then has the right one; that
    of the leading direction needs the turn of q_1 too, sum over j of q_j (q_j^T dG q_1) / (lambda_1 - lambda_j). The
    gradient of a general SVD would be NaN at perfect alignment, where all singular values but one are 0.
    """
    given = torch.stack(list(rows), dim=1)
    missing = missing_rows(given)
    units = unit_rows(given.to(widest_dtype(given.device))).masked_fill(missing.unsqueeze(-1), 0)
    limit = tolerance(given.shape[1], given.dtype)
    with full_precision(given.device):
        products = units @ units.mT
        with torch.no_grad():
            squares, turn = torch.linalg.eigh(products.nan_to_num())
            squares, turn = squares.flip(-1), turn.flip(-1)
            gaps = squares[:, :1] - squares[:, 1:]
            inverse = (1 / gaps).masked_fill(gaps <= limit, 0).unsqueeze(-1)
        values = torch.linalg.vector_norm(turn.mT @ units, dim=-1)
        first, rest = turn[:, :, :1], turn[:, :, 1:]
        first = first + rest @ (inverse * (rest.mT @ ((products - products.detach()) @ first)))
        leading = unit_rows((first.mT @ units).squeeze(1))
    values = values.masked_fill(values <= limit, 0)
    values = values.masked_fill(
        torch.arange(len(rows), device=given.device) >= (~missing).sum(1, keepdim=True), -math.inf
    )
    side = turn[:, :, 0].sum(dim=1, keepdim=True)
    side = torch.where(side.abs() <= _LEVEL, turn[:, :1, 0], side)
    leading = torch.where(side < 0, -leading, leading)
    return values.to(given.dtype), leading.to(given.dtype)


def _check_singular_temperature(singular_temperature: float) -> None:
    if not 0 < singular_temperature < math.inf:
        raise ValueError(f"singular_temperature: expected a number above 0, got {singular_temperature}")


def singular_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    temperature: float | Float[Tensor, ""] = 0.07,
    label_smoothing: float = 0.1,
    gather: bool = False,
    ddp: bool = False,
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

    def loss(batch: Batch) -> Tensor:
        return batch.cross_entropy(batch.both_ways(lambda t, *rest: [_largest(t, *rest)]))

    return contrast(loss, anchor, others, temperature, label_smoothing, gather, ddp)


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


class PMRLLoss(ContrastiveLoss):
    """`pmrl_loss` with its two temperatures, fixed as in the source.

    Args and errors: as `GramLoss`, and
        temperature: tau_2, of the contrast of items; 0.1 as in the source.
        learn_temperature: whether it trains; not in the source, see `pmrl_loss`.
        singular_temperature: tau_1, of the singular values; it never trains.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        learn_temperature: bool = False,
        label_smoothing: float = 0.1,
        *,
        singular_temperature: float = 0.05,
        **settings: Any,
    ) -> None:
        super().__init__(temperature, learn_temperature, label_smoothing, **settings)
        _check_singular_temperature(singular_temperature)
        self.singular_temperature = singular_temperature

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return pmrl_loss(anchor, *others, singular_temperature=self.singular_temperature, **self._settings())

    def extra_repr(self) -> str:
        """Return the settings, for printing."""
        return f"{super().extra_repr()}, singular_temperature={self.singular_temperature}"


class SingularLoss(ContrastiveLoss):
    """`singular_loss` with a temperature that is learned; arguments and errors as `GramLoss`."""

    def forward(self, anchor: Float[Tensor, "b d"], *others: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch of matched items."""
        return singular_loss(anchor, *others, **self._settings())
