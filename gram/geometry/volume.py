"""The geometry of a few vectors: Gram matrix, volume, base and height.

Everything is computed on the vectors as given (nothing is normalised) and holds for any number k >= 1 of them.
Arguments are torch tensors or numpy arrays and results are of the same kind. Results are float64 where an argument is,
and float32 otherwise: float16 and bfloat16 are widened first. Inside, numbers that cancellation would spoil are
computed in float64, so that the volume of nearly dependent float32 vectors is theirs, and never noise.

A row that is NaN throughout is a missing vector. It is left out: the volume is that of the vectors that are there. A
vector counts as dependent on others when its distance from their span is at most 2 k eps of its length, with eps that
of the argument's precision: less than that is rounding.
"""

import math
from functools import partial
from numbers import Integral

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.arrays import ArrayT, as_pairs, as_vectors, through_torch
from gram.geometry.autograd import BaseAndHeight, PairedHeight, PairwiseVolume, Volume
from gram.geometry.orthonormal import full_precision


def gram_matrix(vectors: Float[ArrayT, "*batch k d"]) -> Float[ArrayT, "*batch k k"]:
    """Return the inner products of all pairs of rows, G = V V^T.

    Args:
        vectors: (*batch, k, d), each row a vector; rows that are NaN give NaN entries.

    Returns:
        (*batch, k, k), symmetric and positive semidefinite up to rounding. Its determinant is the squared volume,
        but take `volume` for that: in float32 the determinant of a nearly singular matrix is noise.

    Raises:
        ValueError: when `vectors` has fewer than two axes, or no rows or columns.
    """
    return through_torch(_gram_matrix, vectors)


def _gram_matrix(vectors: Tensor) -> Tensor:
    vectors = as_vectors(vectors)
    with full_precision(vectors.device):
        return vectors @ vectors.mT


def volume(vectors: Float[ArrayT, "*batch k d"]) -> Float[ArrayT, "*batch"]:
    """Return the volume of the parallelotope that the rows span, V = sqrt(det(V V^T)) >= 0.

    It is the product of the diagonal of a triangular factor (each row's distance from the span of the rows before
    it), never a determinant: for k = 1 the length, for k = 2 the area, 0 for k > d. Unit vectors give at most 1.

    The gradient by row i is the volume of the other rows times the unit direction of row i's height. Where the rows
    are dependent the volume has a kink, and the gradient is the subgradient 0. It can be taken once, not twice.

    Args:
        vectors: (*batch, k, d), each row a vector. A row of NaN is left out; when all are, the result is NaN.

    Returns:
        (*batch), in the unit of the vectors to the power k.

    Raises:
        ValueError: when `vectors` has fewer than two axes, or no rows or columns.

    Example:
        >>> import torch
        >>> volume(torch.tensor([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0]]))
        tensor(6.)

    Source: Cicchetti et al., "Gramian Multimodal Representation Learning and Alignment", ICLR 2025,
    arXiv 2412.11959.
    """
    return through_torch(partial(_volume, logarithm=False), vectors)


def log_volume(vectors: Float[ArrayT, "*batch k d"]) -> Float[ArrayT, "*batch"]:
    """Return the natural logarithm of the volume, as the sum of the logarithms of the factor's diagonal.

    It neither under- nor overflows with k. Where the rows are dependent it is -inf with gradient 0 (there is no
    slope to follow: the true one is infinite); elsewhere the gradient is that of the volume over the volume.

    Args:
        vectors: (*batch, k, d), each row a vector. A row of NaN is left out; when all are, the result is NaN.

    Returns:
        (*batch).

    Raises:
        ValueError: when `vectors` has fewer than two axes, or no rows or columns.
    """
    return through_torch(partial(_volume, logarithm=True), vectors)


def _volume(vectors: Tensor, logarithm: bool) -> Tensor:
    vectors = as_vectors(vectors)
    flat = vectors.reshape(-1, *vectors.shape[-2:])
    return Volume.apply(flat, logarithm).reshape(vectors.shape[:-2])


def heights(vectors: Float[ArrayT, "*batch k d"]) -> Float[ArrayT, "*batch k"]:
    """Return the distance of each row from the span of the other rows, h_i = V / volume of the others.

    It is taken from the residual of the row, so it is right where that quotient is 0 / 0: of two equal rows and one
    independent row, the equal ones have height 0 and the third its distance from their line. For k = 1 it is the
    length. The gradient by the row is the unit direction of its height; at height 0 it is the subgradient 0, and a
    row that is dependent on those before it passes no gradient to the other rows' heights.

    Args:
        vectors: (*batch, k, d), each row a vector. A row of NaN has height NaN, and is left out for the others.

    Returns:
        (*batch, k), in the unit of the vectors.

    Raises:
        ValueError: when `vectors` has fewer than two axes, or no rows or columns.
    """
    return through_torch(_heights, vectors)


def _heights(vectors: Tensor) -> Tensor:
    vectors = as_vectors(vectors)
    flat = vectors.reshape(-1, *vectors.shape[-2:])
    places = range(vectors.shape[-2])
    each = [
        PairedHeight.apply(flat[:, place], flat[:, [other for other in places if other != place]]) for place in places
    ]
    return torch.stack(each, dim=-1).reshape(vectors.shape[:-1])


def base_and_height(
    anchor: Float[ArrayT, "q d"], *others: Float[ArrayT, "n d"]
) -> tuple[Float[ArrayT, "n"], Float[ArrayT, "q n"]]:
    """Return the two factors of every anchor's volume with every candidate, V = base * height.

    The base is the volume of candidate j's own vectors (m_2, ..., m_k), and the height the distance of anchor i from
    their span: h^2 = |t|^2 - sum (t . e)^2 over an orthonormal basis of that span. This costs k - 1 matrix products and
    memory for the result only. Heights too small for that difference are taken from their residual in float64, so they
    are accurate to about 1e-5 (1e-10 in float64) down to the dependence limit, below which they are 0. Where a gradient
    may be taken, the k - 1 products (q, n) are saved for it, up to 2^28 numbers.

    Gradients are closed forms and finite everywhere: 0 by the anchor where the height is 0, and 0 by a candidate's
    vector that is dependent on those before it. They can be taken once, not twice.

    Args:
        anchor: (q, d), one anchor a row. A row of NaN has height NaN with everything.
        *others: the candidates, one (n, d) a modality; row j of each is candidate j. A row of NaN is left out of
            that candidate; one that has no vector at all has base 1 and height |t|.

    Returns:
        base (n,) and height (q, n).

    Raises:
        ValueError: when there is no other modality, or the shapes or devices do not fit.
    """
    return through_torch(_base_and_height, anchor, *others)


def _base_and_height(anchor: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    anchor, others = as_pairs(anchor, *others)
    base, height = BaseAndHeight.apply(_needs_gradient(anchor, *others), anchor, *others)
    return base, height


def _needs_gradient(*vectors: Tensor) -> bool:
    """Return whether a gradient may be taken, for which products are saved."""
    return torch.is_grad_enabled() and any(each.requires_grad for each in vectors)


def pairwise_volume(anchor: Float[ArrayT, "q d"], *others: Float[ArrayT, "n d"]) -> Float[ArrayT, "q n"]:
    """Return the volume of every anchor with every candidate: `base_and_height` multiplied.

    No (q, n, k, k) Gram matrices are built; see `base_and_height` for cost, accuracy, gradients and missing rows.

    Args:
        anchor: (q, d), one anchor a row.
        *others: the candidates, one (n, d) a modality; row j of each is candidate j.

    Returns:
        (q, n); small where aligned.

    Raises:
        ValueError: when there is no other modality, or the shapes or devices do not fit.

    Example:
        >>> import torch
        >>> text, image, speech = torch.eye(3).unsqueeze(1)
        >>> pairwise_volume(text, image, speech)
        tensor([[1.]])
    """
    return through_torch(_pairwise_volume, anchor, *others)


def _pairwise_volume(anchor: Tensor, *others: Tensor) -> Tensor:
    anchor, others = as_pairs(anchor, *others)
    volumes: Tensor = PairwiseVolume.apply(_needs_gradient(anchor, *others), anchor, *others)
    return volumes


def random_volume(k: int, d: int) -> float:
    """Return the expected volume of k independent, uniformly distributed unit vectors in d dimensions.

    Given the first i vectors, the squared distance of the next from their span is Beta((d - i) / 2, i / 2), and these
    distances are independent; the product of their means telescopes to

        E[V] = (Gamma(d/2) / Gamma((d+1)/2))^(k-1) * Gamma(d/2) / Gamma((d-k+1)/2).

    It is 1 for k = 1, 2 / pi for k = d = 2, 0 for k > d, and tends to 1 as d grows.

    Args:
        k: how many vectors, at least 1.
        d: how many dimensions, at least 1.

    Raises:
        ValueError: when `k` or `d` is not a whole number of at least 1.

    Source: R. J. Muirhead, "Aspects of Multivariate Statistical Theory", Wiley, 1982, section 3.2 (the determinant of
    a Wishart matrix as a product of independent factors).
    """
    for name, value in (("k", k), ("d", d)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name}: expected a whole number of at least 1, got {value!r}")
    if k > d:
        return 0.0
    step = math.lgamma(d / 2) - math.lgamma((d + 1) / 2)
    return math.exp((k - 1) * step + math.lgamma(d / 2) - math.lgamma((d - k + 1) / 2))
