"""The modality gap: modalities that keep to regions of their own, and what centring them would change.

Source: W. Liang, Y. Zhang, Y. Kwon, S. Yeung, J. Zou, Mind the Gap, NeurIPS 2022, arXiv 2203.02053.
"""

import torch

from gram.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError

_LEAST_REST = 1e-6  # of a unit row: what is left of float32 rows that are equal but for rounding


def centred(embedding_set: EmbeddingSet) -> EmbeddingSet:
    """Return the set with each modality's mean taken from its unit rows, and the rows normalised again.

        x_i -> (x_i - mean x) / |x_i - mean x|,    x_i unit rows

    The gap between centroids is then 0, and cosines compare what is special about an item. Rows are float32; NaN rows
    stay, and a row at the mean itself, which has no direction left, becomes one. `info["centred"]` is True.

    Raises:
        EmbeddingSetError: all vectors of a modality lie on one point, so that centring leaves nothing.
    """
    modalities = {}
    for name, rows in embedding_set.normalized().modalities.items():
        wide = rows.double()
        rest = wide - wide.nanmean(dim=0)
        length = torch.linalg.vector_norm(rest, dim=1, keepdim=True)
        if not (length > _LEAST_REST).any():
            raise EmbeddingSetError(f"modality '{name}' has all its vectors on one point; centring leaves nothing")
        modalities[name] = (rest / length).masked_fill(length <= _LEAST_REST, torch.nan).float()
    return EmbeddingSet(modalities, embedding_set.items, {**embedding_set.info, "centred": True})
