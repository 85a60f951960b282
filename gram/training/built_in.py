"""The built-in validation and test items, and their embedding by a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from gram.embedding_set import EmbeddingSet
from gram.models import MultimodalModel
from gram.numbers import MODALITIES, draw_recipes, numbers_of
from gram.training.pool import raw_inputs

_BLOCK = 256
_SEEDS = {"validation": 1, "test": 2}
_INFO = {
    "name": "spoken numbers",
    "description": "Four-digit numbers in words, handwritten, spoken and dialled, with recorded corruptions",
    "anchor": "text",
    "source": "handwriting: scikit-learn's load_digits (UCI); speech: espeak-ng; tones: DTMF, ITU-T Q.23",
    "licence": "handwriting CC BY 4.0",
}


def split_items(split: str) -> pd.DataFrame:
    """Return the recipes of the built-in validation or test set, shuffled, always the same.

    Raises:
        ValueError: if `split` is not validation or test.
    """
    if split not in _SEEDS:
        raise ValueError(f"split must be validation or test; got {split!r}")
    recipes = draw_recipes(numbers_of(split), split, seed=_SEEDS[split])
    return recipes.sample(frac=1, random_state=_SEEDS[split]).reset_index(drop=True)


def prepare_items(model: MultimodalModel, items: pd.DataFrame) -> dict[str, list[Tensor]]:
    """Return what the encoders of a model take, of each modality of each item, rendered from its recipe."""
    inputs = [raw_inputs({str(key): value for key, value in item.items()}) for item in items.to_dict("records")]
    return {name: [model.prepare(name, value[name]) for value in inputs] for name in MODALITIES}


def embed_prepared(
    model: MultimodalModel,
    items: pd.DataFrame,
    examples: Mapping[str, Sequence[Tensor]],
    *,
    info: Mapping[str, Any] | None = None,
) -> EmbeddingSet:
    """Return the embedding set of items that `prepare_items` prepared."""
    vectors = {name: model.encode_prepared(name, values) for name, values in examples.items()}
    return EmbeddingSet(modalities=vectors, items=items, info={**_INFO, **(info or {})})


def embed_items(
    model: MultimodalModel,
    items: pd.DataFrame,
    *,
    info: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> EmbeddingSet:
    """Return the embedding set of built-in items: each rendered from its recipe and encoded in every modality."""
    parts: dict[str, list[Tensor]] = {name: [] for name in MODALITIES}
    for start in range(0, len(items), _BLOCK):
        block = prepare_items(model, items.iloc[start : start + _BLOCK])
        for name, examples in block.items():
            parts[name].append(model.encode_prepared(name, examples))
        progress(min(start + _BLOCK, len(items)), len(items))
    vectors = {name: torch.cat(part) for name, part in parts.items()}
    return EmbeddingSet(modalities=vectors, items=items, info={**_INFO, **(info or {})})


def half_precision(embedding_set: EmbeddingSet) -> EmbeddingSet:
    """Return the set with float16 vectors: half the size, each number to about three digits."""
    halves = {name: vectors.half() for name, vectors in embedding_set.modalities.items()}
    return EmbeddingSet(modalities=halves, items=embedding_set.items, info=embedding_set.info)
