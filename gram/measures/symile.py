"""The multilinear inner product of an anchor's and a candidate's unit vectors."""

from jaxtyping import Float
from torch import Tensor

from gram.geometry.orthonormal import missing_rows, unit_rows
from gram.measures.base import Parts, register
from gram.measures.cosine import Projection


@register
class Symile(Projection):
    """The sum over coordinates of the product of all unit vectors; prepares the product of each candidate's own.

    A missing vector counts as a factor of 1.
    """

    name = "symile"
    title = "Multilinear product"
    formula = r"\sum_{c=1}^{d} t_c \prod_{i=2}^{k} m_{ic}"
    help = "The product of all unit vectors, coordinate by coordinate, summed: large when all agree on a coordinate."
    fails = (
        "It depends on the axes: turn all vectors alike and it changes, so it says little of a model that was not "
        "trained with it. Two opposite signs cancel."
    )
    source = "A. Saporta, A. Puli, M. Goldstein, R. Ranganath, Contrasting with Symile, NeurIPS 2024, arXiv 2411.01053"
    order = 100
    sign_invariant = True  # of two vectors at once: their signs cancel
    comparable_across_k = False

    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        return (unit_rows(rows).masked_fill(missing_rows(rows).unsqueeze(-1), 1).prod(dim=1),)

    def _explain(self, first: Parts, true: Parts) -> str:
        return (
            f"The products of the coordinates add up to {first.score:.3g} for {first.label} and to {true.score:.3g} "
            f"for {true.label}: the sum goes by axes, and no angle tells it."
        )
