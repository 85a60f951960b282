"""The measures of any number of modalities in plain numpy, one pair at a time; small sets to rank by them."""

import math

import numpy as np
import pandas as pd
import torch

import gram
from tests.helpers.oracle import draw


def unit(vector):
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def expected_score(name, anchor, candidate):
    """One pair; rows of NaN are left out, and `triangle` needs both."""
    rows = np.array([unit(row) for row in (anchor, *candidate) if not np.isnan(row).all()])
    gram_matrix = rows @ rows.T
    if name == "cosine-max":
        return gram_matrix[0, 1:].max()
    if name == "pairwise-mean":
        return gram_matrix[np.triu_indices(len(rows), 1)].mean()
    if name == "triangle":
        sides = [np.linalg.norm(rows[i] - rows[i - 1]) for i in range(3)]  # Kahan's stable form of Heron's formula
        a, b, c = sorted(sides, reverse=True)
        return -math.sqrt(max(0, (a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c)))) / 4
    if name == "singular":
        return np.linalg.svd(rows, compute_uv=False)[0]
    return sum(math.prod(column) for column in rows.T)


def expected_scores(name, anchor, *others):
    wide = [other.double().numpy() for other in others]
    return np.array(
        [[expected_score(name, row, rows) for rows in zip(*wide, strict=True)] for row in anchor.double().numpy()]
    )


def make_set(n=12, d=6, modalities=3, seed=3):
    names = ("text", "image", "speech", "tones")[:modalities]
    centres = draw(seed, n, d)
    vectors = {
        name: torch.nn.functional.normalize(centres + 0.7 * draw(seed + 1 + place, n, d), dim=1).float()
        for place, name in enumerate(names)
    }
    return gram.EmbeddingSet(modalities=vectors, items=pd.DataFrame({"id": [f"{i}" for i in range(n)]}))


def lacking(data, name, *rows):
    vectors = dict(data.modalities)
    vectors[name] = vectors[name].clone()
    vectors[name][list(rows)] = torch.nan
    return gram.EmbeddingSet(modalities=vectors, items=data.items)
