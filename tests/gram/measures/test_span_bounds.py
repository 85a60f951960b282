"""Bounds hold the scores of all measures that have them, on many kinds of sets and for joint queries."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gram import measures
from gram.measures.span_bounds import query_basis
from gram.retrieval.compressed import codes as compressed
from gram.retrieval.compressed.codes import SpanCodes
from gram.retrieval.scoring import Candidates, score_all
from tests.gram.retrieval.compressed.test_codes import KINDS, ask

pytestmark = pytest.mark.skipif(
    not compressed.supports(measures.get("volume"), Candidates([torch.zeros(1, 8)])),
    reason="this processor does not multiply bytes",
)


ALL = ("volume", "height", "normalized-volume", "cosine", "centroid", "cosine-max", "pairwise-mean")


def test_the_measures_with_bounds():
    assert {name for name in measures.names() if measures.get(name).can_bound} == set(ALL)


def test_the_anchor_is_the_last_of_a_query():
    query = torch.tensor([[3.0, 4.0, 0.0], [0.0, 2.0, 0.0]], dtype=torch.float64)
    basis, units = query_basis(query)
    np.testing.assert_allclose(units @ basis.basis.numpy(), [[0, 1, 0], [0.6, 0.8, 0]], atol=1e-15)
    assert basis.lengths.tolist() == [2.0, 3.0]


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    m=st.integers(1, 4),
    parts=st.integers(1, 3),
    measure=st.sampled_from(ALL),
    length=st.sampled_from([1e-6, 1.0, 300.0]),
    missing=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_bounds_hold_the_score(seed, kind, m, parts, measure, length, missing):
    vectors, queries = ask(kind, m, seed)
    rows = vectors[:, :50].copy()
    if missing and m > 1:
        lacking = np.random.default_rng(seed).random((m, 50)) < 0.3
        lacking[0] &= ~lacking.all(axis=0)
        rows[lacking] = np.nan
    candidates = Candidates([torch.from_numpy(each) for each in rows])
    codes = SpanCodes(candidates)
    codes.pack()
    for picked in ([0, 1, 2], [-1, -2, 0], [1, 1, -1]):
        query = torch.from_numpy(queries[picked[:parts]] * np.float32(length)).double()
        scores = score_all(measure, query, candidates)
        slack = 1e-12 * max(1.0, np.abs(scores).max())
        some = np.arange(0, 50, 3)
        wide = codes.bounds(measures.get(measure), query)
        narrow = codes.refine(measures.get(measure), query, some)
        for (lower, upper), expected in ((wide, scores), (narrow, scores[some])):
            assert (lower <= expected + slack).all()
            assert (expected <= upper + slack).all()
