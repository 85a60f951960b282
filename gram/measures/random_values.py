"""What each measure gives on average for independent random directions."""

import math
from functools import cache

import numpy as np
from scipy.integrate import quad
from scipy.special import betainc

from gram.geometry import random_volume

_DRAWS = 1 << 16


@cache
def random_value(measure: str, k: int, d: int) -> float:
    """Return what a measure gives on average for k independent random directions in d dimensions; NaN if unknown.

    Exact but for "singular", and positive where small is aligned. The expected volume for "volume"; since base and
    height of random directions are independent, the ratio of the expected volumes of k and of k - 1 for "height"; 0
    for the means of cosines and for "symile", which are as often positive as negative.

    "normalized-volume": V^2 is a product of independent Beta((d - i) / 2, i / 2), i = 1 ... k - 1, of which the moment
    of order 1 / (2 k) is taken: E V^(1/k) = prod_i G((d - i + 1/k) / 2) G(d / 2) / (G((d - i) / 2) G((d + 1/k) / 2)).
    It is that of k vectors; with fewer it is nearer to 1, by a few hundredths at most for d of 30 or more.

    "cosine-max": given the anchor its cosines c with the others are independent, with
    P(c <= x) = F(x) = I_((1 + x) / 2)((d - 1) / 2, (d - 1) / 2), so E max = 1 - integral of F^(k - 1) over [-1, 1].

    "triangle": E = (g(d) / g(d + 1))^2 g(d) / g(d - 1) g(3 d - 1) / g(3 d - 2) / 2 with g(x) = Gamma(x / 2): the mean
    area of a triangle with its corners on the sphere.

    "singular" has no closed form; it is the mean of 65,536 draws of the vectors' triangular factor, whose size is that
    of k and not of d, with a standard error below 0.001.

    Source: R. E. Miles, Isotropic random simplices, Advances in Applied Probability 3 (1971), for the triangle; A. M.
    Mathai, Jacobians of Matrix Transformations (1997), section 4.2, for the triangular factor of normal vectors, of
    which the Beta factors of the volume follow.
    """
    if measure in ("cosine", "centroid", "pairwise-mean", "symile"):
        return 0.0
    if measure == "volume":
        return float(random_volume(k, d))
    if measure == "height":
        below = float(random_volume(k - 1, d))
        return float(random_volume(k, d)) / below if below > 0 else 0.0
    if measure == "normalized-volume":
        return _side(k, d)
    if measure == "cosine-max":
        return _largest_of(k - 1, d)
    if measure == "triangle" and k == 3:
        return _triangle(d)
    return _singular(k, d) if measure == "singular" else math.nan


def _side(k: int, d: int) -> float:
    """Return the expected k-th root of the volume."""
    if k > d:
        return 0.0
    order = 1 / k
    factors = (_gammas(d - i + order, d) - _gammas(d - i, d + order) for i in range(1, k))
    return math.exp(sum(factors))


def _gammas(one: float, other: float) -> float:
    """Return log G(one / 2) + log G(other / 2)."""
    return math.lgamma(one / 2) + math.lgamma(other / 2)


def _largest_of(count: int, d: int) -> float:
    """Return the expected largest of so many independent cosines."""
    if d == 1:
        return 1 - 2 * 0.5**count
    half = (d - 1) / 2
    under, _ = quad(lambda x: betainc(half, half, (1 + x) / 2) ** count, -1, 1, points=[0, 3 / math.sqrt(d + 6)])
    return 1 - under


def _triangle(d: int) -> float:
    if d == 1:
        return 0.0
    half, one_more, one_less, long, less = (math.lgamma(x / 2) for x in (d, d + 1, d - 1, 3 * d - 1, 3 * d - 2))
    return math.exp(2 * (half - one_more) + half - one_less + long - less) / 2


def _singular(k: int, d: int) -> float:
    """Return the mean largest singular value of rows L / |row|: normal below the diagonal, chi of d - i on it."""
    rng = np.random.default_rng(0)
    factor = np.zeros((_DRAWS, k, k))
    for row in range(k):
        factor[:, row, : min(row, d)] = rng.standard_normal((_DRAWS, min(row, d)))
        if row < d:
            factor[:, row, row] = np.sqrt(rng.chisquare(d - row, _DRAWS))
    factor /= np.linalg.norm(factor, axis=2, keepdims=True)
    largest = np.linalg.eigvalsh(factor @ factor.transpose(0, 2, 1))[:, -1]
    return float(np.sqrt(largest).mean())
