"""Blocks of scores against a loop over single pairs, and ties against integer vectors."""

import numpy as np
import pytest
import torch

from gram import measures
from gram.retrieval.scoring import score_blocks, score_pairs, score_scale, tie_margin

Q, N, D = 11, 17, 6


def make_vectors(dtype=torch.float32):
    rng = np.random.default_rng(3)
    anchors, image, speech = (torch.from_numpy(rng.normal(size=(n, D))).to(dtype) for n in (Q, N, N))
    image[4] = torch.nan
    return anchors, [image, speech]


def one_by_one(measure, anchors, candidates):
    scores = np.empty((len(anchors), len(candidates[0])))
    for row in range(scores.shape[0]):
        for column in range(scores.shape[1]):
            own = [each[column : column + 1].double() for each in candidates]
            scores[row, column] = measures.score(measure, anchors[row : row + 1].double(), *own).item()
    return scores


@pytest.mark.parametrize("measure", ["volume", "cosine", "triangle", "singular"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_every_pair_once_in_float64(measure, dtype):
    anchors, candidates = make_vectors(dtype)
    expected = one_by_one(measure, anchors, candidates)
    found, seen = np.full((Q, N), np.nan), np.zeros((Q, N), dtype=int)
    for rows, columns, scores in score_blocks(measure, anchors, candidates, block=4):
        assert scores.dtype == torch.float64
        found[rows, columns] = scores.numpy()
        seen[rows, columns] += 1
    assert (seen == 1).all()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_chosen_rows_in_their_order():
    anchors, candidates = make_vectors()
    rows, columns = torch.tensor([8, 2, 5]), torch.tensor([16, 0, 9, 4, 1])
    found = np.full((3, 5), np.nan)
    blocks = score_blocks("volume", anchors, candidates, anchor_rows=rows, candidate_rows=columns, block=2)
    for block_rows, block_columns, scores in blocks:
        found[block_rows, block_columns] = scores.numpy()
    expected = one_by_one("volume", anchors, candidates)[np.ix_(rows, columns)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_progress_is_the_share_of_pairs():
    anchors, candidates = make_vectors()
    told, sizes = [], []
    for rows, columns, _ in score_blocks("cosine", anchors, candidates, block=5, progress=told.append):
        assert len(told) == len(sizes)  # a block is done when the next is asked for
        sizes.append((rows.stop - rows.start) * (columns.stop - columns.start))
    assert told == pytest.approx(np.cumsum(sizes) / (Q * N))


def test_pairs_are_those_of_the_blocks():
    anchors, candidates = make_vectors()
    rows, columns = torch.tensor([0, 10, 3, 3]), torch.tensor([16, 2, 4, 4])
    found = score_pairs("volume", anchors, candidates, rows, columns).numpy()
    np.testing.assert_allclose(found, one_by_one("volume", anchors, candidates)[rows, columns], rtol=1e-9, atol=1e-12)


def test_scale_goes_with_the_lengths():
    anchors, candidates = make_vectors()
    scale = float(score_scale("volume", anchors, candidates))
    assert float(score_scale("volume", 2 * anchors, [3 * each for each in candidates])) == pytest.approx(18 * scale)
    assert tie_margin(torch.tensor([-2.0, 2.0]), 1.0).tolist() == pytest.approx([3e-11, 3e-11])


def test_equal_directions_tie_and_unlike_ones_do_not():
    eye = torch.eye(4)
    scores = torch.cat([scores for _, _, scores in score_blocks("cosine", eye[:1], [3 * eye], block=2)], dim=1)[0]
    margin = tie_margin(scores[0], float(score_scale("cosine", eye[:1], [eye])))
    assert (scores >= scores[0] - margin).tolist() == [True, False, False, False]
