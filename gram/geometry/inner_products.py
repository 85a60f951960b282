"""Inner products of unit anchors with candidates' vectors, block by block."""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.autograd import candidate_blocks
from gram.geometry.orthonormal import full_precision, unit_rows


def scores_in_blocks(
    anchor: Float[Tensor, "q d"], vectors: Float[Tensor, "n m d"], compare: Callable[[Iterable[Tensor], slice], Tensor]
) -> Float[Tensor, "q n"]:
    """Return scores from the inner products of anchors, made unit here, with m vectors a candidate, block by block.

    `compare` turns the products (q, block) of each of the m vectors and the block of candidates into scores (q, block).
    """
    units = unit_rows(anchor)
    scores = anchor.new_empty(len(anchor), len(vectors))
    for block in candidate_blocks(anchor, vectors.shape[1], len(vectors)):
        with full_precision(anchor.device):
            products = (units @ each.to(anchor.dtype).mT for each in vectors[block].unbind(dim=1))
            scores[:, block] = compare(products, block)
    return scores


def paired_projection(anchor: Float[Tensor, "n d"], direction: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
    """Return the inner product of unit anchor i with direction i."""
    with full_precision(anchor.device):
        return torch.linalg.vecdot(unit_rows(anchor), direction.to(anchor.dtype))
