"""Scores and the cross-entropy of both directions in plain numpy."""

import numpy as np
import torch


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def expected_cross_entropy(logits: np.ndarray, smoothing: float) -> float:
    """Rows are to find their own number; a share of each target is spread over all."""
    logarithms = logits - np.log(np.exp(logits - logits.max()).sum(axis=1, keepdims=True)) - logits.max()
    targets = (1 - smoothing) * np.eye(len(logits)) + smoothing / len(logits)
    return float(-(targets * logarithms).sum(axis=1).mean())


def expected_loss(scores: np.ndarray, temperature: float, smoothing: float) -> float:
    both = (expected_cross_entropy(one / temperature, smoothing) for one in (scores, scores.T))
    return sum(both) / 2


def minus_volumes(anchor: np.ndarray, *others: np.ndarray) -> np.ndarray:
    result = np.empty((len(anchor), len(others[0])))
    for i, j in np.ndindex(result.shape):
        rows = np.stack([anchor[i], *(other[j] for other in others)])
        result[i, j] = -np.sqrt(np.linalg.det(rows @ rows.T))
    return result


def cosines(anchor: np.ndarray, other: np.ndarray) -> np.ndarray:
    return anchor @ other.T / np.outer(np.linalg.norm(anchor, axis=1), np.linalg.norm(other, axis=1))
