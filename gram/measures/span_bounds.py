"""Bounds on scores from where a query's directions lie in each candidate's span.

The query's p vectors have an orthonormal basis f_1 ... f_p, the joined parts first and the anchor last; a candidate's m
vectors have e_1 ... e_m. What is bounded here are functions of S = (e_i . f_j) and of what no query changes; S is known
to within `reach` in the spectral norm, so its singular values s_i are too (Weyl). With the query's volume B_q and the
candidate's base B,

    V = B_q B sqrt(det(I - S^T S)) = B_q B prod_i sqrt(1 - s_i^2),

and the cosines of a unit vector t of the query's span with the candidate's are L S t, where L holds the coordinates of
the candidate's unit vectors in its basis.

Source: H. Weyl (1912), for singular values; A. Bjorck, G. Golub, Numerical methods for computing angles between linear
subspaces (1973).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from gram.geometry.orthonormal import OrthonormalBasis, orthonormalize, unit_rows

_ROUNDING = {"float32": 4e-6, "float64": 1e-6}  # of a few products of numbers of at most 1 or so; L is float32
_TINY = 1e-30
Values = Float[np.ndarray, " n"]
Bounds = tuple[Values, Values]


class SpanCoordinates(NamedTuple):
    """A query and n candidates in each other's orthonormal bases."""

    products: Float[np.ndarray, "n m p"]  # S, about
    reach: Values  # how far off it is at most, in the spectral norm
    directions: Float[np.ndarray, "n m m"]  # L: unit vectors of each candidate in its basis; 0 where missing
    base: Values  # volume of each candidate's own vectors
    present: Bool[np.ndarray, "n m"]
    total: Float[np.ndarray, "n m"]  # sum of each candidate's unit vectors, in its basis
    count_own: Values  # how many vectors it has
    query: OrthonormalBasis  # of the query's vectors, the anchor's row last
    units: Float[np.ndarray, "p p"]  # the query's vectors, of length one, in its basis

    @property
    def k(self) -> Values:
        """How many vectors there are, the query's included."""
        return self.count_own + len(self.units)

    @property
    def rounding(self) -> float:
        """By how much a sum of products with `directions` may be off."""
        return _ROUNDING[self.products.dtype.name]

    def along(self, vector: Float[np.ndarray, " p"]) -> Float[np.ndarray, "n m"]:
        """Return the coordinates of a vector of the query's span in each candidate's."""
        return self.products @ vector.astype(self.products.dtype)


def query_basis(query: Float[Tensor, "p d"]) -> tuple[OrthonormalBasis, Float[np.ndarray, "p p"]]:
    """Return the basis of a query's vectors, whose anchor comes first, and these as `SpanCoordinates` has both."""
    found = orthonormalize(query.roll(-1, dims=0))
    return found, unit_rows(found.lower).numpy()


def _singular_values(rows: Float[np.ndarray, "n m p"]) -> Float[np.ndarray, "n r"]:
    if rows.shape[2] == 1:
        return _lengths(rows[:, :, 0])[:, None]
    if rows.shape[2] > 2:
        return np.linalg.svd(rows, compute_uv=False)
    first, second = rows.astype(np.float64).transpose(2, 0, 1)
    one, other, both = (np.einsum("nm,nm->n", *pair) for pair in ((first, first), (second, second), (first, second)))
    apart = np.sqrt(np.square((one - other) / 2) + both * both)
    return np.sqrt(np.maximum(np.stack([(one + other) / 2 + apart, (one + other) / 2 - apart], axis=1), 0))


def _heights(at: SpanCoordinates, parts: int) -> Bounds:
    """Return bounds on sqrt(det(I - S^T S)), of the first directions of the query."""
    values = _singular_values(at.products[:, :, :parts])
    low = np.clip(values - at.reach[:, None], 0, 1)
    high = np.clip(np.pad(values, ((0, 0), (0, parts - values.shape[1]))) + at.reach[:, None], 0, 1)
    return np.sqrt((1 - high) * (1 + high)).prod(axis=1), np.sqrt((1 - low) * (1 + low)).prod(axis=1)


def volume_bounds(at: SpanCoordinates) -> Bounds:
    """Return bounds on the volumes of the query's and each candidate's vectors."""
    low, high = _heights(at, len(at.units))
    size = at.base * float(at.query.volume)
    return size * low, size * high


def height_bounds(at: SpanCoordinates) -> Bounds:
    """Return bounds on the anchor's distances from the spans of all others."""
    low, high = _heights(at, len(at.units))
    whole = float(at.query.lengths[-1])
    if len(at.units) > 1:
        others = _heights(at, len(at.units) - 1)
        low, high = low / np.maximum(others[1], _TINY), np.minimum(high / np.maximum(others[0], _TINY), 1)
    return whole * low, whole * high


def linear_bounds(at: SpanCoordinates, vector: Float[np.ndarray, " p"], constant: float | Values = 0.0) -> Bounds:
    """Return bounds on a constant and the products of a vector of the query's span with the sum of each one's units."""
    middle = np.einsum("nm,nm->n", at.total, at.along(vector)) + constant
    reach = at.reach * (_lengths(at.total) * np.linalg.norm(vector)) + at.rounding
    return middle - reach, middle + reach


def _lengths(rows: Float[np.ndarray, "n m"]) -> Values:
    return np.sqrt(np.einsum("nm,nm->n", rows, rows))
