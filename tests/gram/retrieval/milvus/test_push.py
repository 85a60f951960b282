"""Rows of a collection: unit vectors, zeros where one is missing, digests, bases, and queries of length one."""

import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet, EmbeddingSetError
from gram.retrieval.milvus.collection import SLOTS, Layout, has_field, vector_field
from gram.retrieval.milvus.push import check_items, digests_of, rows_of, unit_vectors
from gram.retrieval.milvus.search import unit_queries

LAYOUT = Layout(("image", "speech"), 3)


def make_set(ids=("a", "b")):
    arrays = {"image": np.float32([[3, 0, 0], [0, 2, 0]]), "speech": np.float32([[0, 4, 0], [np.nan] * 3])}
    return EmbeddingSet(arrays, pd.DataFrame({"id": ids}))


def test_rows_hold_unit_vectors_and_what_is_there():
    vectors = unit_vectors(make_set(), LAYOUT, [0, 1])
    whole, lacking = rows_of(LAYOUT, ["a", "b"], vectors)
    assert whole["base"] == pytest.approx(1)
    assert (whole["there"], lacking["there"]) == (2, 1)
    assert whole[vector_field("speech")].tolist() == [0, 1, 0]
    assert lacking[vector_field("speech")].tolist() == [0, 0, 0]
    assert (lacking[has_field("image")], lacking[has_field("speech")]) == (True, False)
    assert 0 <= whole["slot"] < SLOTS
    assert whole["slot"] != lacking["slot"]


def test_digests_tell_vectors_apart():
    vectors = unit_vectors(make_set(), LAYOUT, [0, 1, 0])
    first, other, again = digests_of(vectors)
    assert first == again != other


def test_ids_longer_than_milvus_holds_are_refused():
    assert check_items(make_set((7, 8)), LAYOUT) == ([0, 1], ["7", "8"])
    with pytest.raises(EmbeddingSetError, match=r"row 1: its id 'xxx.*1,025 bytes long"):
        check_items(make_set(("a", "x" * 1025)), LAYOUT)


def test_queries_come_to_length_one():
    np.testing.assert_allclose(unit_queries(np.float32([3, 4, 0]), 3), [[0.6, 0.8, 0]])
    with pytest.raises(ValueError, match=r"expected floating numbers of shape \(q, 3\)"):
        unit_queries(np.zeros((1, 2)), 3)
    with pytest.raises(ValueError, match="row 1 is of zeros"):
        unit_queries(torch.tensor([[1.0, 0, 0], [0, 0, 0]]), 3)
