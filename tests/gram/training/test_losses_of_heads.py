"""Heads by every loss of `gram.losses`: each ranked by its own measure too, and refused where it is not defined."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from gram.data.embedding_set import FeatureSet
from gram.errors import EmbeddingSetError
from gram.losses import LOSSES, names
from gram.training.align import align
from tests.helpers.planted_features import QUICK, planted


def score_by_hand(measure: str, query: np.ndarray, rest: list[np.ndarray]) -> np.ndarray:
    """Return one query's scores (n,) with all candidates, in float64."""
    stacks = np.stack([np.broadcast_to(query, rest[0].shape), *rest], axis=1)
    if measure == "singular":
        return np.linalg.svd(stacks, compute_uv=False)[:, 0]
    if measure == "triangle":
        first, second = query - rest[0], query - rest[1]
        dots = (first * second).sum(1)
        return -np.sqrt(np.maximum((first**2).sum(1) * (second**2).sum(1) - dots**2, 0)) / 2
    if measure == "symile":
        return stacks.prod(axis=1).sum(axis=1)
    if measure == "volume":
        return -np.abs(np.linalg.svd(stacks, compute_uv=False)).prod(axis=1)
    return sum(rows @ query for rows in rest)


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"pmrl"}))  # pmrl learns slowly; it is ranked as singular is
def test_heads_by_any_loss_find_by_the_measure_it_trains(loss: str):
    own = {
        "triangle": "triangle",
        "singular": "singular",
        "symile": "symile",
        "cosine": "cosine",
        "all-pairs": "cosine",
    }
    measure = own.get(loss, "volume")
    made = align(planted(), replace(QUICK, loss=loss))
    anchor, *rest = (rows[made.held_out].double().numpy() for rows in made.embedding_set.modalities.values())
    found = np.mean([np.argmax(score_by_hand(measure, query, rest)) == row for row, query in enumerate(anchor)])
    last = made.history.iloc[-1]
    assert last["recall"] == last[f"recall_{measure}"] == pytest.approx(found, abs=1.5 / len(anchor))
    assert found > (0.1 if loss == "symile" else 0.5)  # chance is 1 in 100; products of three learn slowly


def test_pmrl_is_ranked_by_the_singular_value():
    made = align(planted(), replace(QUICK, loss="pmrl", steps=20))
    assert made.history.iloc[-1]["recall"] == made.history.iloc[-1]["recall_singular"]


def test_a_loss_for_three_is_offered_and_taken_for_three_alone():
    two = planted(sizes={"text": 6, "image": 24})
    assert set(names(3)) == set(LOSSES)
    assert set(names(2)) == set(LOSSES) - {"triangle"}
    with pytest.raises(EmbeddingSetError, match=re.escape("the loss triangle is for 3 modalities, and these are 2")):
        align(two, replace(QUICK, loss="triangle"))


def test_items_that_lack_a_modality_take_no_part_in_a_loss_for_three():
    whole = planted()
    views = {name: rows.numpy().copy() for name, rows in whole.modalities.items()}
    views["audio"][::2] = np.nan
    made = align(FeatureSet(views, whole.items, whole.info), replace(QUICK, loss="triangle"))
    there = made.embedding_set.present("audio") & made.embedding_set.present("image")
    there &= torch.zeros(len(whole), dtype=torch.bool).index_fill(0, made.held_out, True)
    anchor, *rest = (rows[there].double().numpy() for rows in made.embedding_set.modalities.values())
    found = np.mean([np.argmax(score_by_hand("triangle", query, rest)) == row for row, query in enumerate(anchor)])
    assert found > 0.5


def test_with_too_few_whole_items_a_loss_for_three_says_so():
    whole = planted()
    views = {name: rows.numpy().copy() for name, rows in whole.modalities.items()}
    views["audio"][1:] = np.nan
    with pytest.raises(EmbeddingSetError, match="no t"):
        align(FeatureSet(views, whole.items, whole.info), replace(QUICK, loss="triangle"))
