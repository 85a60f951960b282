"""Ranks against sorting, and what ties give against drawing them at random."""

import numpy as np
import pytest
import torch

from gram.retrieval.ranks import Ranks, rank_true_items


def test_ranks_are_those_of_sorting():
    rng = np.random.default_rng(0)
    anchors, image = (torch.from_numpy(rng.normal(size=(30, 5))) for _ in range(2))
    unit = [each / each.norm(dim=1, keepdim=True) for each in (anchors, image)]
    cosines = (unit[0] @ unit[1].T).numpy()
    true = torch.from_numpy(rng.permutation(30))
    forward = rank_true_items("cosine", anchors, [image], true)
    expected = [1 + int((row > row[place]).sum()) for row, place in zip(cosines, true.tolist())]
    assert forward.ranks().tolist() == expected
    backward = rank_true_items("cosine", anchors, [image], true, by_anchor=False)
    assert backward.ranks().tolist() == [1 + int((c > c[place]).sum()) for c, place in zip(cosines.T, true.tolist())]


def test_ties_are_the_mean_over_random_orders():
    ranks = Ranks(better=torch.tensor([0, 2, 5]), tied=torch.tensor([1, 4, 3]))
    spans = [range(1, 2), range(3, 7), range(6, 9)]
    assert ranks.ranks().tolist() == [np.mean(span) for span in spans]
    for k in (1, 4, 7):
        assert ranks.recall_at(k).tolist() == pytest.approx([np.mean([rank <= k for rank in span]) for span in spans])
    expected = [np.mean([1 / rank for rank in span]) for span in spans]
    assert ranks.reciprocal_ranks().tolist() == pytest.approx(expected)


def test_a_collapsed_set_ties_throughout():
    same = torch.ones(6, 3)
    found = rank_true_items("volume", same, [same, same], torch.arange(6))
    assert found.better.tolist() == [0] * 6
    assert found.tied.tolist() == [6] * 6
