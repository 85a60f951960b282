"""Scores of a collection's items against `gram.score`, and which items are fetched, by a collection in memory."""

import numpy as np
import pytest
import torch

from gram import measures
from gram.core.progress import no_progress
from gram.geometry import volume
from gram.retrieval.milvus.collection import Layout
from gram.retrieval.milvus.scorer import CollectionScorer

N, D = 50, 6
LAYOUT = Layout(("image", "speech"), D)


class Memory:
    """A collection that finds the very nearest items of its arrays."""

    def __init__(self):
        rows = np.random.default_rng(0).normal(size=(N, 2, D))
        self.vectors = (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float32)
        self.ids = [f"{i:02d}" for i in np.random.default_rng(1).permutation(N)]

    def count(self, where=""):
        return N

    def scan(self, layout, where=""):
        for start in range(0, N, 16):
            yield self.ids[start : start + 16], self.vectors[start : start + 16]

    def take(self, layout, ids):
        ids = sorted(ids)
        return ids, self.vectors[[self.ids.index(item) for item in ids]]

    def nearest(self, modality, queries, limit, where=""):
        rows = self.vectors[:, LAYOUT.modalities.index(modality)]
        return [[self.ids[row] for row in np.argsort(-(rows @ query))[:limit]] for query in queries]

    def smallest_bases(self, limit, where=""):
        bases = volume(torch.from_numpy(self.vectors)).numpy()
        return [self.ids[row] for row in np.argsort(bases)[:limit]]


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def anchors():
    rows = torch.randn(40, D, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return torch.nn.functional.normalize(rows, dim=1)


def by_id(memory, name, anchors, joined=()):
    own = torch.from_numpy(memory.vectors).double().unbind(dim=1)
    table = measures.score(name, anchors, *(each.expand(N, -1) for each in joined), *own).numpy()
    return table[:, np.argsort(memory.ids)]


@pytest.mark.parametrize("name", ["volume", "cosine"])
def test_all_items_are_scored_in_the_order_of_their_ids(memory, anchors, name, monkeypatch):
    monkeypatch.setattr("gram.retrieval.milvus.scorer._SCORES", 7 * N)
    shares = []
    scorer = CollectionScorer(memory, LAYOUT, measures.get(name), anchors[:0])
    scored = scorer.score(anchors, 3, N, lambda share, stage="": shares.append(share))
    assert (scored.items, scored.exact) == (N, True)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    expected = by_id(memory, name, anchors)
    for (ids, ranking), row in zip(scored.of_queries, expected, strict=True):
        assert ids == sorted(memory.ids)
        np.testing.assert_allclose(ranking.lower, row, atol=1e-12)


@pytest.mark.parametrize("name", ["volume", "cosine"])
def test_fetched_items_are_the_nearest_of_every_part_and_the_smallest_bases(memory, anchors, name):
    joined, anchor = anchors[1:2], anchors[:1]
    measure = measures.get(name)
    scored = CollectionScorer(memory, LAYOUT, measure, joined).score(anchor, 2, 4, no_progress)
    ((ids, ranking),) = scored.of_queries
    expected = set(memory.smallest_bases(4))
    queries = anchors[:2].numpy()
    for query in (queries, -queries) if measure.sign_invariant else (queries,):
        for modality in LAYOUT.modalities:
            expected.update(*memory.nearest(modality, query, 4))
    assert not scored.exact
    assert ids == sorted(expected)
    table = by_id(memory, name, anchor, joined)[0]
    np.testing.assert_allclose(ranking.lower, table[[int(item) for item in ids]], atol=1e-12)


def test_numbers_that_cannot_be_are_refused(memory, anchors, monkeypatch):
    monkeypatch.setattr("gram.retrieval.milvus.scorer.MOST", 20)
    scorer = CollectionScorer(memory, LAYOUT, measures.get("volume"), anchors[:0])
    for k, fetch, match in ((0, 5, "k: expected at least 1"), (6, 5, "at least k = 6"), (2, 30, "up to 20 candidates")):
        with pytest.raises(ValueError, match=match):
            scorer.score(anchors, k, fetch, no_progress)
