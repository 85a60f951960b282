"""Exact 3D coordinates of up to three vectors, and a least-squares projection of more."""

import torch
from jaxtyping import Float
from torch import Tensor

from gram.geometry.arrays import ArrayT, as_vectors, through_torch
from gram.geometry.orthonormal import missing_rows, orthonormalize, widest_dtype


def embed_in_3d(vectors: Float[ArrayT, "k d"]) -> tuple[Float[ArrayT, "k 3"], float]:
    """Return the vectors in 3D coordinates, and the share of their squared length that is lost.

    Up to three vectors keep every length and angle, and the distortion is exactly 0.0. More than three are first
    projected on the three dimensions that keep most of them in the least-squares sense (Eckart and Young, 1936), and
    the distortion is 1 - sum |projected v_i|^2 / sum |v_i|^2, from 0 (nothing lost) up to 1.

    The orientation is fixed: the first vector points along +x, the second lies in the xy plane with y >= 0, the third
    has z >= 0. A vector that is dependent on those before it leaves its axis to the next.

    Args:
        vectors: (k, d), each row a vector; a row of NaN stays NaN. Any d: coordinates are padded with zeros.

    Returns:
        coordinates (k, 3), without gradient, and the distortion.

    Raises:
        ValueError: when `vectors` is not a matrix, or has no rows or columns.
    """
    coordinates, distortion = through_torch(_embed_in_3d, vectors)
    return coordinates, float(distortion)


@torch.no_grad()
def _embed_in_3d(vectors: Tensor) -> tuple[Tensor, Tensor]:
    if vectors.ndim != 2:
        raise ValueError(f"vectors: expected one set of vectors, shape (k, d), got {tuple(vectors.shape)}")
    vectors = as_vectors(vectors)
    missing = missing_rows(vectors).unsqueeze(-1)
    wide = vectors.masked_fill(missing, 0).to(widest_dtype(vectors.device))
    distortion = wide.new_zeros(())
    if len(wide) > 3:
        weights, stretches, _ = torch.linalg.svd(wide, full_matrices=False)
        total = stretches.square().sum()
        distortion = torch.where(total > 0, stretches[3:].square().sum() / total, 0)
        wide = weights[:, :3] * stretches[:3]
    lower = orthonormalize(wide).lower
    axes = lower[:, lower.diagonal() != 0][:, :3]
    coordinates = torch.nn.functional.pad(axes, (0, 3 - axes.shape[1]))
    return coordinates.to(vectors.dtype).masked_fill(missing, torch.nan), distortion
