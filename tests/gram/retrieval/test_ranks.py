"""Ranks against sorting, ties against random draws; rivals against brute force: missing modalities, skipped items."""

import numpy as np
import pytest
import torch

from gram import measures
from gram.retrieval.ranks import Ranks, rank_true_items, rank_with_rivals, ranks_of, scale_of_scored, true_scores
from gram.retrieval.scoring import score_scale


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


INF = float("inf")


def draw(q=30, n=45, d=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    anchors, *others = (torch.randn(rows, d, generator=generator, dtype=torch.float64) for rows in (q, n, n))
    others[0][3], others[1][3] = others[0][11], others[1][11]  # a tie
    others[0][20] = others[0][21] = others[1][21] = torch.nan
    return anchors, others, torch.randperm(n, generator=generator)[:q]


def by_hand(scores, true):
    """Return what `rank_with_rivals` does from a table of scores."""
    rows = []
    for own, row in zip(true, scores):
        others = row.copy()
        others[own] = -INF
        top = others.max()
        rival = int(np.flatnonzero(others >= top - 1e-9)[0]) if top > -INF else -1
        tied = np.isclose(others, row[own], rtol=0, atol=1e-9)
        rows.append((row[own], int((others > row[own] + 1e-9).sum()), int(tied.sum()), top, rival))
    return map(np.array, zip(*rows))


@pytest.mark.parametrize("measure", ["volume", "cosine", "centroid"])
@pytest.mark.parametrize("block", [7, 1024])
def test_ranks_and_rivals_are_those_of_the_whole_table(measure, block, monkeypatch):
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", block)
    anchors, others, true = draw()
    table = measures.score(measure, anchors, *others).numpy()
    found = rank_with_rivals(measure, anchors, others, true)
    score, better, tied, best, rival = by_hand(table, true.numpy())
    assert found.score.numpy() == pytest.approx(score, abs=1e-12)
    assert found.best.numpy() == pytest.approx(best, abs=1e-12)
    scored = score > -INF
    assert found.better.numpy()[scored].tolist() == better[scored].tolist()
    assert found.tied.numpy()[scored].tolist() == tied[scored].tolist()
    assert found.rival.tolist() == rival.tolist()
    assert found.ranks.isnan().numpy().tolist() == (~scored).tolist()
    assert found.ranks.numpy()[scored] == pytest.approx((1 + better + tied / 2)[scored])


def test_the_margin_is_0_for_a_tie_and_nan_without_a_score():
    anchors, others, _ = draw()
    anchors[0] = others[0][3] + others[1][3]
    found = rank_with_rivals("cosine", anchors, others, torch.tensor([3, 21] + [5] * 28))
    assert (found.margin[0], found.rival[0]) == (0, 11)
    assert found.margin[1].isnan()
    assert found.margin[2] == found.score[2] - found.best[2]


def test_skipped_candidates_are_no_rivals():
    anchors, others, true = draw()
    skip = torch.zeros(45, dtype=torch.bool)
    skip[rank_with_rivals("volume", anchors, others, true).rival] = True
    found = rank_with_rivals("volume", anchors, others, true, skip=skip)
    assert not skip[found.rival].any()
    alone = rank_with_rivals("volume", anchors, others, true, skip=torch.ones(45, dtype=torch.bool))
    assert set(alone.rival.tolist()) == {-1}
    assert set(alone.ranks[~alone.ranks.isnan()].tolist()) == {1.0}


def test_given_scores_replace_the_true_items_own():
    anchors, others, true = draw()
    best = rank_with_rivals("cosine", anchors, others, true, scores=torch.full((30,), 2.0, dtype=torch.float64))
    assert set(best.ranks.tolist()) == {1.0}
    assert best.score.tolist() == [2.0] * 30


def test_true_scores_are_those_of_a_ranking():
    anchors, others, true = draw()
    score, tolerance = true_scores("volume", anchors, others, true)
    found = rank_with_rivals("volume", anchors, others, true)
    assert torch.equal(score, found.score)
    assert torch.equal(tolerance, found.tolerance)


def test_the_scale_is_that_of_candidates_with_a_score():
    anchors, others, _ = draw()
    whole = [each[:20] for each in others]
    assert scale_of_scored("volume", anchors, whole) == score_scale("volume", anchors, whole)
    gone = [torch.full_like(each, torch.nan) for each in whole]
    assert scale_of_scored("volume", anchors, gone) == 0
    mostly_gone = [torch.cat([gone[0]] * 50 + [each]) for each in whole]
    assert scale_of_scored("volume", anchors, mostly_gone) == scale_of_scored("volume", anchors, whole)


def test_ranks_average_over_ties():
    score = torch.tensor([1.0, 1.0, -INF])
    ranks = ranks_of(score, torch.tensor([0, 2, 0]), torch.tensor([1, 0, 3]))
    assert ranks[:2].tolist() == [1.5, 3.0]
    assert ranks[2].isnan()


def test_progress_ends_at_1_and_can_stop():
    anchors, others, true = draw()
    told = []
    rank_with_rivals("volume", anchors, others, true, progress=lambda share, stage="": told.append(share))
    assert told[-1] == 1

    def stop(share, stage=""):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        rank_with_rivals("volume", anchors, others, true, progress=stop)
