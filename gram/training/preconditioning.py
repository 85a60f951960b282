"""Preconditioning of nearly collinear features: dominating principal axes are scaled down during training.

If one direction carries nearly all variance, gradients follow what all items share and hardly what distinguishes them.
The first layer of a head is therefore trained as if its features had been rescaled along their principal axes. The
scaling is merged into its weights at the end: a saved head takes unscaled features.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gram.data.segments import blocks

# c below: multiple of the median variance above which an axis is scaled down. On synthetic features, 100 costs
# well-conditioned ones some points of R@1, and 1,000 leaves some nearly collinear ones unlearned.
GENTLENESS = 300.0
_WIDEST, _MOST_ROWS = 2048, 50_000


class Preconditioner(nn.Module):
    """Weights w M on features x, from weights w on preconditioned ones M x, with M = b 1 + V diag(g - b) V'.

    For axes V with variances e_i, of which m is the median (of those that are not 0),

        g_i = a sqrt((1 + c) / (e_i + c m)),   b = a sqrt((1 + c) / (c m)),

    a such that the mean variance of M x is that of x. Axes of variance far below c m are all scaled alike, so noise
    stays small; one far above ends up at no more than 1 + c times the median.
    """

    def __init__(self, variances: Float[Tensor, " r"], axes: Float[Tensor, "size r"]) -> None:
        super().__init__()
        gains, rest = _gains(variances)
        self.register_buffer("axes", axes.float())
        self.register_buffer("offsets", (gains - rest).float())
        self.rest = rest

    def forward(self, weight: Float[Tensor, "h size"]) -> Float[Tensor, "h size"]:
        """Return the weights for the features themselves."""
        axes = self.get_buffer("axes")
        return self.rest * weight + ((weight @ axes) * self.get_buffer("offsets")) @ axes.T


def precondition(layer: nn.Linear, rows: Float[Tensor, "n size"]) -> None:
    """Train a layer on preconditioned features from here on; `rows` are standardised training rows."""
    parametrize.register_parametrization(layer, "weight", Preconditioner(*principal_axes(rows)))


def merge_preconditioner(layers: Iterable[nn.Module]) -> None:
    """Merge the preconditioners of all layers into their weights, in place."""
    for layer in layers:
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def principal_axes(rows: Float[Tensor, "n size"]) -> tuple[Float[Tensor, " r"], Float[Tensor, "size r"]]:
    """Return the variances of centred rows along their principal axes, and these as columns, in float64.

    Directions without variance, up to the rounding of float32, are left out. At most 50,000 evenly spaced rows count;
    with more than 2,048 features, 2,048 rows and their Gram matrix.
    """
    n, size = rows.shape
    wide = size > _WIDEST
    rows = rows[torch.linspace(0, n - 1, min(n, _WIDEST if wide else _MOST_ROWS)).long()]
    if wide:
        exact = rows.double()
        variances, axes = torch.linalg.eigh(exact @ exact.T / len(exact))
    else:
        products = torch.zeros(size, size, dtype=torch.float64)
        for block in blocks(len(rows), size):
            exact = rows[block].double()
            products.addmm_(exact.T, exact, alpha=1 / len(rows))
        variances, axes = torch.linalg.eigh(products)
    seen = variances > size * torch.finfo(torch.float32).eps ** 2 * variances[-1]
    variances, axes = variances[seen], axes[:, seen]
    return variances, (rows.double().T @ axes / (variances * len(rows)).sqrt() if wide else axes)


def _gains(variances: Float[Tensor, " r"]) -> tuple[Float[Tensor, " r"], float]:
    """Return the factor of each axis, and that of a direction without variance; 1 if nothing varies."""
    if not len(variances):
        return torch.ones_like(variances), 1.0
    usual = GENTLENESS * float(variances.median())
    gains = ((1 + GENTLENESS) / (variances + usual)).sqrt()
    scale = float((variances.sum() / (variances * gains.square()).sum()).sqrt())
    return scale * gains, scale * ((1 + GENTLENESS) / usual) ** 0.5
