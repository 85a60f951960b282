"""The largest singular value of an anchor's and a candidate's stacked unit vectors."""

from functools import cache

import numpy as np
from jaxtyping import Float
from torch import Tensor

from gram.geometry.singular_value import largest_singular_value, paired_largest_singular_value, prepare_principal_axes
from gram.measures.base import Measure, Parts, register

_DRAWS = 1 << 16


@register
class SingularValue(Measure):
    """The largest singular value of the stacked unit vectors; prepares each candidate's principal axes."""

    name = "singular"
    title = "Largest singular value"
    formula = r"\sigma_1(t, m_2, \dots, m_k) = \sqrt{\lambda_{\max} G(t, m_2, \dots, m_k)}"
    help = (
        "The largest singular value of the stacked unit vectors: from 1, all at right angles, to √k, all on one line."
    )
    fails = (
        "A candidate whose own vectors lie on one line scores √(k − 1) or more with every query, a hub; and a "
        "vector turned into its opposite changes nothing."
    )
    source = (
        "X. Liu, X. Xia, S.-K. Ng, T.-S. Chua, Principled Multimodal Representation Learning (PMRL), 2025, "
        "arXiv 2507.17343"
    )
    order = 90
    sign_invariant = True
    uses_candidate_base = True
    compares_by_span = True
    comparable_across_k = False
    relative_cost = 10.0

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        return prepare_principal_axes(rows)

    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        return largest_singular_value(anchor, *tensors)

    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        return paired_largest_singular_value(anchor, *tensors)

    def random_mean(self, k: int, d: int) -> float:
        """Return the mean of 65,536 draws, with a standard error below 0.001: there is no closed form.

        Drawn is the triangular factor of normal vectors, whose size is that of k and not of d.

        Source: A. M. Mathai, Jacobians of Matrix Transformations (1997), section 4.2.
        """
        return _drawn_mean(k, d)

    def value_range(self, k: int) -> tuple[float, float]:
        """Return 1, all at right angles, and sqrt(k), all on one line."""
        return 1.0, k**0.5

    def _explain(self, first: Parts, true: Parts) -> str:
        return (
            f"Query and vectors of {first.label} come nearer to one line, signs aside: largest singular value "
            f"{first.score:.3g} against {true.score:.3g}. Base {first.base:.3g} against {true.base:.3g}, "
            f"height {first.height:.3g} against {true.height:.3g}."
        )


@cache
def _drawn_mean(k: int, d: int) -> float:
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
