"""Which items are held out."""

from dataclasses import replace

import numpy as np

from gram.training.align import align
from tests.helpers.planted_features import QUICK, planted


def test_a_split_column_says_what_is_held_out():
    features = planted()
    features.items["split"] = np.where(np.arange(500) % 5 == 0, "Test", "train")
    made = align(features, replace(QUICK, steps=2, evaluations=1))
    assert made.held_out.tolist() == list(range(0, 500, 5))
    assert set(made.embedding_set.items["aligned"][made.held_out.tolist()]) == {"held-out"}


def test_validation_items_beside_test_items_are_neither_learned_from_nor_ranked():
    features = planted()
    features.items["split"] = np.array(["train", "val", "test", "train", "dev"])[np.arange(500) % 5]
    made = align(features, replace(QUICK, steps=2, evaluations=1))
    assert made.held_out.tolist() == list(range(2, 500, 5))
    assert made.heads.info["train"] == 200
    assert made.embedding_set.items["aligned"].tolist()[:5] == ["train", "unused", "held-out", "train", "unused"]
    features.items["split"] = features.items["split"].replace("test", "train")
    made = align(features, replace(QUICK, steps=2, evaluations=1))
    assert made.held_out.tolist() == [row for row in range(500) if row % 5 in (1, 4)]
