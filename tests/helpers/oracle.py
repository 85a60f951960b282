"""Scores and volumes in plain float64 numpy: slow, and sharing no code with the library."""

import numpy as np
import torch


def draw(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Return normal numbers, the same for the same seed."""
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def qr_volume(vectors: torch.Tensor) -> np.ndarray:
    """Return the volume of each set (..., k, d): the diagonal of LAPACK's triangular factor, in float64."""
    rows = vectors.detach().double().numpy()
    if rows.shape[-2] > rows.shape[-1]:
        return np.zeros(rows.shape[:-2])
    factor = np.linalg.qr(np.swapaxes(rows, -1, -2), mode="r")
    return np.abs(np.diagonal(factor, axis1=-2, axis2=-1)).prod(-1)


def span_distance(vector, others):
    """Return the distance of a vector from the span of others, by least squares."""
    if not len(others):
        return np.linalg.norm(vector)
    weights, *_ = np.linalg.lstsq(others.T, vector, rcond=None)
    return np.linalg.norm(vector - others.T @ weights)


def volume(vectors):
    """Return the volume as the product of the singular values."""
    return np.prod(np.linalg.svd(vectors, compute_uv=False))


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def pair_score(measure, anchor, candidate):
    """Return the score of an anchor (d,) with a candidate (k - 1, d), whose NaN rows are left out."""
    candidate = candidate[~np.isnan(candidate).any(axis=1)]
    if measure == "volume":
        return -volume(np.vstack([anchor[None], candidate]))
    if measure == "height":
        return -span_distance(anchor, candidate)
    if measure == "cosine":
        return np.mean([cosine(anchor, vector) for vector in candidate])
    if measure == "centroid":
        return cosine(anchor, np.mean([vector / np.linalg.norm(vector) for vector in candidate], axis=0))
    raise AssertionError(measure)


def scores(measure, anchors, *others):
    """Return the (q, n) matrix of scores."""
    wide = [np.asarray(other, dtype=np.float64) for other in others]
    return np.array(
        [
            [pair_score(measure, anchor, np.stack(candidate)) for candidate in zip(*wide, strict=True)]
            for anchor in np.asarray(anchors, dtype=np.float64)
        ]
    )
