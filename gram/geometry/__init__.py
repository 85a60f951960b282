"""Volume, base and height of the parallelotope that vectors span: torch and nothing else."""

from gram.geometry.embedding import embed_in_3d
from gram.geometry.volume import (
    base_and_height,
    gram_matrix,
    heights,
    log_volume,
    pairwise_volume,
    random_volume,
    volume,
)

__all__ = [
    "base_and_height", "embed_in_3d", "gram_matrix", "heights",
    "log_volume", "pairwise_volume", "random_volume", "volume",
]  # fmt: skip
