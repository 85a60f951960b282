"""What a retrieval task takes, ranks and refuses."""

import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet, EmbeddingSetError
from gram.retrieval.task import RetrievalTask, check_candidates, rows_with_candidates

NAMES = ("text", "image", "speech")


def make_set(missing=(), **columns):
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(5, 4)).astype(np.float32) for name in NAMES}
    for name, row in missing:
        arrays[name][row] = np.nan
    return EmbeddingSet(modalities=arrays, items=pd.DataFrame({"id": list("abcde"), **columns}))


def test_defaults_are_the_anchor_and_the_rest():
    data = make_set()
    task = RetrievalTask(data)
    assert (task.query, task.candidates, task.measure) == ("text", ("image", "speech"), "volume")
    assert len(task) == 5
    assert task.left_out == 0
    assert task.anchors is data.modalities["text"]  # not copied where all are ranked
    assert task.names == NAMES
    assert "text -> image + speech by volume" in repr(task)


def test_rows_have_the_query_and_enough_candidates():
    data = make_set([("text", 0), ("image", 1), ("image", 2), ("speech", 2)], label=list("vwxyz"))
    task = RetrievalTask(data)
    assert task.rows.tolist() == [1, 3, 4]
    assert task.left_out == 2
    assert task.ids == ["b", "d", "e"]
    assert task.labels == ["w", "y", "z"]
    assert task.position("d") == 1
    assert torch.equal(task.anchors, data.modalities["text"][[1, 3, 4]])
    assert task.others[0][0].isnan().all()
    assert RetrievalTask(data, measure="triangle").rows.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": "smell"}, "modality 'smell' is not in this set"),
        ({"query": "image", "candidates": ["image"]}, "query: 'image' is also a candidate"),
        ({"candidates": []}, "candidates: expected one modality or more"),
        ({"candidates": ["smell"]}, "candidates: 'smell' is not in this set"),
        ({"candidates": ["image", "image"]}, "candidates: 'image' is named twice"),
        ({"measure": "area"}, "measure: expected one of"),
        ({"measure": "triangle", "candidates": ["image"]}, "triangle needs 2 candidate modalities"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        RetrievalTask(make_set(), **arguments)


def test_refuses_what_leaves_no_item():
    data = make_set([("image", row) for row in range(3)] + [("text", 3), ("text", 4)])
    with pytest.raises(EmbeddingSetError, match="no item has text together with image; choose others"):
        RetrievalTask(data, candidates=["image"])
    with pytest.raises(EmbeddingSetError, match="no item has image and speech"):
        rows_with_candidates(data.subset([0, 1]), ["image", "speech"], at_least=2)
    with pytest.raises(EmbeddingSetError, match="item 'a' is not ranked: it lacks text or image"):
        RetrievalTask(make_set([("image", 0)]), candidates=["image"]).position("a")


def test_one_name_is_one_candidate():
    assert check_candidates(make_set(), "image") == ("image",)
