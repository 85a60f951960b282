"""The order of scores: exact ties of integer vectors, bounds against exact scores, and hits block by block."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet, Searcher
from gram.retrieval.top_k import Ranking, TopK, order_hits


def brute_order(scores, margin=1e-9):
    """Return positions, best first, where scores that differ by less than the margin rank by position."""
    rounded = np.round(scores / margin)
    return sorted(range(len(scores)), key=lambda place: (-rounded[place], place))


@pytest.fixture(params=[False, True], ids=["exact", "bounded"])
def ranking(request):
    rng = np.random.default_rng(0)
    scores = rng.choice(rng.normal(size=60), size=5000)
    if not request.param:
        return Ranking(scores.copy(), scores, 1.0), scores, None
    asked = []
    reach = rng.random(5000) * 0.3

    def score(positions):
        asked.extend(positions.tolist())
        return scores[positions]

    def refine(positions):
        return scores[positions] - 1e-3, scores[positions] + 1e-3

    return Ranking(scores - reach, scores + reach, 1.0, score, refine), scores, asked


def test_the_best_and_the_ranks_are_those_of_sorting(ranking):
    found, scores, asked = ranking
    order = brute_order(scores)
    assert found.best(300).tolist() == order[:300]
    if asked is not None:
        assert len(asked) == len(set(asked)) < 2500  # no item twice, and not all
    positions = np.array([order[0], order[299], order[2500], order[-1], 7])
    expected = [
        (scores > scores[p] + 1e-9).sum() + ((np.abs(scores - scores[p]) <= 1e-9).sum() + 1) / 2 for p in positions
    ]
    assert found.ranks(positions).tolist() == expected
    assert found.best(10_000).tolist() == order


def test_rounding_does_not_order():
    scores = np.array([0.5, 0.3 + 1e-15, 0.5 - 1e-14, 0.3])
    assert order_hits(scores, np.arange(4), 1.0).tolist() == [0, 2, 1, 3]
    assert order_hits(scores[::-1].copy(), np.arange(4), 1.0).tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("held", [1, 1 << 16])
def test_hits_that_come_block_by_block_are_those_of_all(held, monkeypatch):
    monkeypatch.setattr("gram.retrieval.top_k._HELD", held)
    rng = np.random.default_rng(1)
    scores = torch.from_numpy(rng.choice(rng.normal(size=30), size=(4, 500)) + 1e-15 * rng.normal(size=(4, 500)))
    best = TopK(4, 45, 1.0, torch.device("cpu"))
    for start in range(0, 500, 40):
        best.add_block(torch.arange(4), slice(start, start + 40), scores[:, start : start + 40])
    positions, values = best.hits()
    assert positions.tolist() == [brute_order(row)[:45] for row in scores.numpy()]
    np.testing.assert_allclose(values, np.take_along_axis(scores.numpy(), positions, axis=1), rtol=1e-6)


def test_no_query_has_no_hit():
    positions, scores = TopK(0, 5, 1.0, torch.device("cpu")).hits()
    assert positions.shape == scores.shape == (0, 5)


def squared_volumes(query, rows):
    """Return det of the Gram matrix, and of the candidate's own, of integer vectors: exact."""
    g = [[int(np.dot(a, b)) for b in (query, *rows)] for a in (query, *rows)]
    own = g[1][1] * g[2][2] - g[1][2] ** 2
    whole = (
        g[0][0] * own
        - g[0][1] * (g[0][1] * g[2][2] - g[0][2] * g[1][2])
        + g[0][2] * (g[0][1] * g[1][2] - g[0][2] * g[1][1])
    )
    return whole, own


@pytest.mark.parametrize("measure", ["volume", "height"])
@pytest.mark.parametrize("compressed", [False, True])
def test_exact_ties_rank_by_row_on_every_path(measure, compressed):
    rng = np.random.default_rng(0)
    rows = np.rint(rng.normal(size=(2, 600, 4)) * 2)
    queries = np.rint(rng.normal(size=(8, 4)) * 2)
    for each in (*rows, queries):
        each[(each == 0).all(axis=1), 0] = 1
    gallery = EmbeddingSet(dict(zip("ab", rows)), pd.DataFrame({"id": range(600)}))
    hits = Searcher(gallery, ["a", "b"], measure, compressed=compressed).search(queries.astype(np.float32), k=150)
    for query, found in zip(queries, hits.indices):
        pairs = [squared_volumes(query, pair) for pair in rows.transpose(1, 0, 2)]
        if measure == "volume":
            keys = [whole for whole, _ in pairs]
        else:  # the distance from what span there is: a line where two vectors are one
            keys = [
                Fraction(whole, own) if own else height_of_line(query, *pair)
                for (whole, own), pair in zip(pairs, rows.transpose(1, 0, 2))
            ]
        assert found.tolist() == sorted(range(600), key=lambda row: (keys[row], row))[:150]


def height_of_line(query, row, _):
    q, r, along = (int(np.dot(a, b)) for a, b in ((query, query), (row, row), (query, row)))
    return Fraction(q * r - along * along, r)
