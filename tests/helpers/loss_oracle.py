"""The rival losses in plain float64 numpy: loops over pairs, whole singular value decompositions, entropies in full."""

from itertools import combinations

import numpy as np
import torch


def cross_entropy(logits: np.ndarray, smoothing: float) -> float:
    """Rows are to find their own number; a share of each target is spread over all."""
    highest = logits.max(axis=1, keepdims=True)
    logarithms = logits - highest - np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
    targets = (1 - smoothing) * np.eye(len(logits)) + smoothing / len(logits)
    return float(-(targets * logarithms).sum(axis=1).mean())


def both_ways(scores: np.ndarray, temperature: float, smoothing: float) -> float:
    return (cross_entropy(scores / temperature, smoothing) + cross_entropy(scores.T / temperature, smoothing)) / 2


def units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def of_pairs(score, vectors: np.ndarray) -> np.ndarray:
    """Return the score of every anchor with every candidate, from the rows that they make together without NaN."""
    anchor, *others = vectors
    result = np.empty((len(anchor), len(anchor)))
    for i, j in np.ndindex(result.shape):
        rows = np.stack([anchor[i], *(other[j] for other in others)])
        result[i, j] = score(rows[~np.isnan(rows).any(axis=1)])
    return result


def minus_volume(rows: np.ndarray) -> float:
    return -np.prod(np.linalg.svd(rows, compute_uv=False))


def minus_log_volume(rows: np.ndarray) -> float:
    return -np.log(minus_volume(rows) ** 2 + np.finfo(np.float64).eps) / 2


def minus_area(rows: np.ndarray) -> float:
    """Heron's formula, from the lengths of the sides."""
    a, b, c = (np.linalg.norm(one - other) for one, other in combinations(units(rows), 2))
    half = (a + b + c) / 2
    return -np.sqrt(half * (half - a) * (half - b) * (half - c))


def largest_singular(rows: np.ndarray) -> float:
    return np.linalg.svd(units(rows), compute_uv=False)[0]


def all_pairs(vectors: np.ndarray, temperature: float, smoothing: float) -> float:
    pairs = combinations(units(vectors), 2)
    return float(np.mean([both_ways(one @ other.T, temperature, smoothing) for one, other in pairs]))


def gram_and_pairwise(vectors: np.ndarray, temperature: float, smoothing: float, weight: float = 1) -> float:
    volume = both_ways(of_pairs(minus_volume, vectors), temperature, smoothing)
    anchor, *others = units(vectors)
    return volume + weight * np.mean([both_ways(anchor @ other.T, temperature, smoothing) for other in others])


def pmrl(vectors: np.ndarray, temperature: float, smoothing: float, of_values: float = 0.05) -> float:
    alone, leading = [], []
    for item in np.swapaxes(vectors, 0, 1):
        there = units(item[~np.isnan(item).any(axis=1)])
        _, values, directions = np.linalg.svd(there, full_matrices=False)
        logits = values / of_values
        alone.append(np.log(np.exp(logits - logits[0]).sum()))
        along_mean = directions[0] @ there.mean(axis=0)
        side = along_mean if abs(along_mean) > 1e-9 else directions[0] @ there[0]
        leading.append(np.sign(side) * directions[0])
    return np.mean(alone) + cross_entropy(np.stack(leading) @ np.stack(leading).T / temperature, smoothing)


def symile(vectors: np.ndarray, temperature: float, smoothing: float, seed: int = 0) -> float:
    """The permutations are drawn as the loss says: one for each other modality, in order, anchor after anchor."""
    generator = torch.Generator().manual_seed(seed)
    k, b, d = vectors.shape
    unit = units(vectors)
    unit[np.isnan(unit)] = d**-0.5
    each = []
    for anchor in range(k):
        others = [place for place in range(k) if place != anchor]
        drawn = [torch.randperm(b, generator=generator).numpy() if k > 2 else np.arange(b) for _ in others]
        logits = np.empty((b, b))
        for i, j in np.ndindex(b, b):
            chosen = [i if i == j else order[j] for order in drawn]
            product = unit[anchor, i].copy()
            for place, row in zip(others, chosen, strict=True):
                product *= unit[place, row]
            logits[i, j] = product.sum() * d ** ((k - 2) / 2)
        each.append(cross_entropy(logits / temperature, smoothing))
    return float(np.mean(each))


ORACLES = {
    "all-pairs": all_pairs,
    "gram-cosine": gram_and_pairwise,
    "log-volume": lambda vectors, *rest: both_ways(of_pairs(minus_log_volume, vectors), *rest),
    "triangle": lambda vectors, *rest: both_ways(of_pairs(minus_area, vectors), *rest),
    "singular": lambda vectors, *rest: both_ways(of_pairs(largest_singular, vectors), *rest),
    "pmrl": pmrl,
    "symile": symile,
}
