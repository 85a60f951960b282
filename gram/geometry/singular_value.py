"""The largest singular value of an anchor's and a candidate's stacked unit vectors."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.inner_products import paired_projection, scores_in_blocks
from gram.geometry.orthonormal import full_precision, missing_rows, unit_rows, widest_dtype

_MAX_STEPS = 30  # of the root search; convergence is quadratic, 4 steps are usual
_ROOTS_AT_ONCE = 1 << 15  # on a CPU: fits its cache


def prepare_principal_axes(rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
    """Return each candidate's unit vectors rotated onto their principal axes, and the squared lengths s there.

    With the unit rows U and U U^T = Q diag(s) Q^T, these are Q^T U and s. The rows of Q^T U are orthogonal, so the Gram
    matrix of an anchor t and them is an arrowhead: 1 at the corner, their products with t beside it, diag(s) below.
    Rotating the rows among themselves keeps all singular values. Missing and zero rows count as 0.
    """
    missing = missing_rows(rows).unsqueeze(-1)
    units = unit_rows(rows.to(widest_dtype(rows.device))).masked_fill(missing, 0)
    with full_precision(rows.device):
        squares, turn = torch.linalg.eigh((units @ units.mT).nan_to_num())
        axes = turn.mT @ units
    return axes.to(rows.dtype), squares.clamp_min(0).to(rows.dtype)


def largest_singular_value(
    anchor: Float[Tensor, "q d"], axes: Float[Tensor, "n m d"], squares: Float[Tensor, "n m"]
) -> Float[Tensor, "q n"]:
    """Return the largest singular value of each unit anchor stacked with each candidate's unit vectors.

    `prepare_principal_axes` gives axes and squares. An anchor of zeros contributes nothing.
    """
    length = anchor.ne(0).any(dim=1).to(anchor.dtype).unsqueeze(1)
    wide = squares.to(anchor.dtype)

    def compare(products: Iterable[Tensor], block: slice) -> Tensor:
        step = len(anchor) if anchor.is_cuda else max(1, _ROOTS_AT_ONCE // len(wide[block]))
        parts = zip(length.split(step), *(product.split(step) for product in products))
        return torch.cat([_largest_root(corner, part, wide[block]) for corner, *part in parts]).sqrt_()

    return scores_in_blocks(anchor, axes, compare)


def paired_largest_singular_value(
    anchor: Float[Tensor, "n d"], axes: Float[Tensor, "n m d"], squares: Float[Tensor, "n m"]
) -> Float[Tensor, "n"]:
    """Return the diagonal of `largest_singular_value`."""
    length = anchor.ne(0).any(dim=1).to(anchor.dtype)
    products = [paired_projection(anchor, axis) for axis in axes.unbind(dim=1)]
    return _largest_root(length, products, squares.to(anchor.dtype)).sqrt()


def _largest_root(length: Tensor, products: list[Tensor], squares: Float[Tensor, "n m"]) -> Tensor:
    """Return the largest eigenvalue of [[length, z], [z^T, diag(s)]], for z = products and s = squares, ascending.

    It is the root x > max s_i of x - length - sum_i z_i^2 / (x - s_i). The search starts from the largest eigenvalue of
    the 2 x 2 blocks: a lower bound, and for one product the answer. Each step replaces the sum by r + w / (x - s_m) of
    the same value and slope, and solves the quadratic equation: unlike Newton's method, it converges fast near s_m too.

    Source: J. R. Bunch, C. P. Nielsen, D. C. Sorensen, Numerische Mathematik 31 (1978), section 3.
    """
    squared = [product.square_() for product in products]
    poles = squares.unbind(dim=-1)
    least = _root_of_two(length, poles[-1], squared[-1])
    for square, pole in zip(squared[:-1], poles[:-1]):
        least = torch.maximum(least, _root_of_two(length, pole, square))
    found, eps = least, torch.finfo(least.dtype).eps
    for _ in range(_MAX_STEPS if len(poles) > 1 else 0):
        total, slope = torch.zeros_like(found), torch.zeros_like(found)
        for square, pole in zip(squared, poles):
            inverse = (found - pole).clamp_min_(eps).reciprocal_()
            term = square * inverse
            total += term
            slope.addcmul_(term, inverse)
        gap = (found - poles[-1]).clamp_min_(eps)
        weight = slope.mul_(gap)  # w / (x - s_m)
        nearer = torch.maximum(_root_of_two(total.sub_(weight).add_(length), poles[-1], weight.mul_(gap)), least)
        moved = (nearer - found).abs_() > 4 * eps * nearer
        found = nearer
        if not moved.any():
            break
    return found


def _root_of_two(corner: Tensor, other: Tensor, square: Tensor) -> Tensor:
    """Return the largest eigenvalue of [[corner, z], [z, other]], for square = z^2."""
    return ((corner - other) / 2).square().add_(square).sqrt_().add_((corner + other) / 2)
