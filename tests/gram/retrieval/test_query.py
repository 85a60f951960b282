"""What a query is told as, what is refused, and which modalities are left to judge items by."""

import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet
from gram.retrieval.query import JointQuery, Query, candidates_for, embed


def make_set():
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(4, 3)).astype(np.float32) for name in ("image", "text", "speech")}
    arrays["speech"][2] = np.nan
    return EmbeddingSet(arrays, pd.DataFrame({"id": list("abcd")}), {"anchor": "text"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "Query('image', id='4721')"),
        ("four seven", "Query('image', content='four seven', id='4721')"),
        (b"\x89PNG" * 50_000, "Query('image', content=<200,000 bytes>, id='4721')"),
        (np.zeros((8, 32)), "Query('image', content=<ndarray of shape (8, 32)>, id='4721')"),
        (torch.zeros(24), "Query('image', content=<Tensor of shape (24,)>, id='4721')"),
    ],
)
def test_a_query_is_told_in_a_short_line_whatever_it_holds(content, told):
    assert repr(Query("image", content, "4721")) == told


def test_long_words_are_cut_short():
    assert len(repr(Query("text", "word " * 1000))) < 100


class Model:
    """Embeds words as a vector of as many ones."""

    def __init__(self, d=3):
        self.d = d

    def encode(self, modality, inputs):
        return torch.full((len(inputs), self.d), float(len(inputs[0])))


def test_vectors_come_anchor_first_from_items_and_from_content():
    data = make_set()
    query = JointQuery((Query("image", id="b"), Query("text", "ab", id="b")))
    found = embed(query, gallery=data, candidates=["speech"], model=Model(), normalize=False)
    assert list(found) == ["text", "image"]
    assert found["text"].tolist() == [2.0] * 3
    assert torch.equal(found["image"], data.modalities["image"][1])
    unit = embed(Query("image", id="b"), gallery=data, candidates=["speech"], model=None, normalize=True)["image"]
    assert unit.dtype == torch.float64
    assert unit.norm().item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("query", "model", "message"),
    [
        (Query("speech", id="a"), None, "both have 'speech': use candidates_for"),
        (Query("text"), None, "content to encode or the id of an item; it has neither"),
        (Query("text", "one"), None, "a query with content needs a model"),
        (Query("text", "one"), Model(4), "model embeds in 4 dimensions and the gallery has 3"),
        (Query("text", id="z"), None, "'z', which is not in the gallery"),
        (Query("smell", id="a"), None, "modality 'smell'; the gallery has image, text, speech"),
    ],
)
def test_queries_that_cannot_be_embedded(query, model, message):
    with pytest.raises(ValueError, match=message):
        embed(query, gallery=make_set(), candidates=["speech"], model=model, normalize=False)


def test_an_item_without_the_modality_is_refused():
    with pytest.raises(ValueError, match="item 'c', which lacks speech"):
        embed(Query("speech", id="c"), gallery=make_set(), candidates=["image"], model=None, normalize=False)


def test_what_is_left_to_judge_by():
    data = make_set()
    assert candidates_for("image", ["speech"], gallery=data) == ("text", "speech")
    assert candidates_for(("image", "text"), ["image", "speech"], gallery=data) == ("speech",)
    with pytest.raises(ValueError, match="nothing is left to judge items by"):
        candidates_for(("text", "image"), ["image"], gallery=data)


def test_a_joint_query_has_each_modality_once():
    with pytest.raises(ValueError, match="expected one query or more"):
        JointQuery(())
    with pytest.raises(ValueError, match="'text' comes twice"):
        JointQuery((Query("text"), Query("text")))
