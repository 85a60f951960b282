"""The sets that golden values are computed of, and what several subjects share."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gram import EmbeddingSet

Sets = dict[str, EmbeddingSet]
Values = dict[str, Any]

ASSETS = Path(__file__).parents[2] / "assets" / "numbers"
METRICS = ("R@1", "R@5", "R@10", "median_rank", "mean_rank", "mrr")
RANK_ENDS = (1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)  # the last rank of each bin; one more bin lies beyond
BY_MODALITY = ("volume", "height", "cosine", "centroid")
COLUMNS = (
    "image_noise", "image_occluded", "speech_tempo", "speech_snr", "speech_dropped", "tones_seconds", "tones_snr",
    "tones_dropped",
)  # fmt: skip
ASKED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("0108", ("text",)),  # wrong by volume, height and cosine
    ("1371", ("text",)),
    ("8555", ("text",)),  # wrong by volume
    ("6375", ("text",)),  # wrong by cosine
    ("2405", ("image",)),
    ("4181", ("image",)),
    ("1371", ("speech",)),
    ("8033", ("speech",)),
    ("0108", ("text", "image")),
    ("6375", ("image", "speech")),
    ("2405", ("text", "speech", "tones")),
)


def load_sets() -> Sets:
    """Return the two built-in sets, and a third: the first with an image gone in 7 items and speech in 11."""
    sets = {name: EmbeddingSet.load(ASSETS / name / "test") for name in ("gram", "cosine")}
    whole = sets["gram"]
    rows = {name: vectors.clone() for name, vectors in whole.modalities.items()}
    rows["image"][::7] = torch.nan
    rows["speech"][::11] = torch.nan
    return sets | {"lacking": EmbeddingSet(rows, whole.items, whole.info)}


def others(embedding_set: EmbeddingSet, query: str) -> tuple[str, ...]:
    """Return the modalities of a candidate: all but the query."""
    return tuple(name for name in embedding_set.names if name != query)


def digest(*columns: Any) -> str:
    """Return a sha256 of whole numbers, one column after the other."""
    found = hashlib.sha256()
    for column in columns:
        found.update(np.asarray(column).astype("<i8").tobytes())
    return found.hexdigest()


def digest_of_text(words: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
