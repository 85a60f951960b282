"""PMRL: the share of an item's largest singular value, and the contrast of leading directions."""

import math
from collections.abc import Sequence
from typing import Any, Unpack

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import full_precision, missing_rows, tolerance, unit_rows, widest_dtype
from gram.losses.base import Batch, ContrastiveLoss, Settings, contrast, register

_TEMPERATURE = 0.1  # the source's, fixed there
_LEVEL = 1e-6  # a sum of a unit eigenvector's entries that is rounding, as that of (1, -1) is, and no side to stand on


def pmrl_loss(
    anchor: Float[Tensor, "b d"],
    *others: Float[Tensor, "b d"],
    singular_temperature: float = 0.05,
    **settings: Unpack[Settings],
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

    Args and errors: as `gram_loss`, and
        temperature: tau_2.
        singular_temperature: tau_1, above 0.

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

    chosen: Settings = {"temperature": _TEMPERATURE, **settings}
    return contrast(loss, anchor, others, **chosen)


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


@register
class PMRLLoss(ContrastiveLoss):
    """`pmrl_loss` with its two temperatures, fixed as in the source.

    Args and errors: as `ContrastiveLoss`, and
        temperature: tau_2, of the contrast of items; 0.1 as in the source.
        learn_temperature: whether it trains; not in the source, see `pmrl_loss`.
        singular_temperature: tau_1, of the singular values; it never trains.
    """

    name = "pmrl"
    title = "largest singular value as a share"
    measure = "singular"
    own_settings = ("singular_temperature",)
    order = 80
    function = staticmethod(pmrl_loss)

    def __init__(
        self,
        temperature: float = _TEMPERATURE,
        learn_temperature: bool = False,
        label_smoothing: float = 0.1,
        *,
        singular_temperature: float = 0.05,
        **settings: Any,
    ) -> None:
        super().__init__(temperature, learn_temperature, label_smoothing, **settings)
        _check_singular_temperature(singular_temperature)
        self.singular_temperature = singular_temperature
