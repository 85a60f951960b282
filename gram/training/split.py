"""Training and held-out items of an alignment."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from gram.data.embedding_set import FeatureSet
from gram.training.align_config import AlignConfig

TRAIN, HELD_OUT, UNUSED = "train", "held-out", "unused"
_TEST = {"test", "eval", "held-out", "heldout"}
_VALIDATION = {"val", "valid", "validation", "dev"}


class Split(NamedTuple):
    """Masks of training and held-out items; an item may be in neither."""

    train: Bool[Tensor, " n"]
    held_out: Bool[Tensor, " n"]

    def names(self) -> np.ndarray:
        """Return "train", "held-out" or "unused" for each item."""
        return np.where(self.train.numpy(), TRAIN, np.where(self.held_out.numpy(), HELD_OUT, UNUSED))


def split_of(features: FeatureSet, settings: AlignConfig) -> Split:
    """Return the split by the column "split": test items are held out, else validation items, else a random share.

    If there are test items, validation items are neither trained on nor ranked: they are for choosing settings.
    """
    if "split" in features.items:
        named = features.items["split"].astype(str).str.strip().str.lower()
        test, validation = (
            torch.from_numpy(named.isin(names).to_numpy(bool, copy=True)) for names in (_TEST, _VALIDATION)
        )
        train, held_out = ~(test | validation), test if test.any() else validation
        if train.any() and held_out.any():
            return Split(train, held_out)
    n = len(features)
    drawn = torch.randperm(n, generator=torch.Generator().manual_seed(settings.seed))
    held_out = torch.zeros(n, dtype=torch.bool)
    held_out[drawn[: max(1, round(n * settings.held_out))]] = True
    return Split(~held_out, held_out)
