"""Exact search against brute force in float64, with ties, halves, blocks and missing modalities."""

import numpy as np
import pandas as pd
import pytest
import torch

import gram
from gram import EmbeddingSet, EmbeddingSetError, Index
from tests.helpers import oracle

MEASURES = ["volume", "height", "cosine", "centroid"]


def make_set(n=60, d=8, seed=0, missing=0.0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    arrays = {name: rng.normal(size=(n, d)).astype(dtype) for name in ("text", "image", "speech")}
    arrays = {
        name: (array / np.linalg.norm(array, axis=1, keepdims=True)).astype(dtype) for name, array in arrays.items()
    }
    for name in ("image", "speech"):
        arrays[name][rng.random(n) < missing] = np.nan
    return EmbeddingSet(modalities=arrays, items=pd.DataFrame({"id": range(n)}))


def make_queries(q=5, d=8, seed=1):
    return np.random.default_rng(seed).normal(size=(q, d)).astype(np.float32)


def check_hits(hits, expected, k, tolerance=1e-5):
    """Check hits against a (q, n) matrix of scores, leaving room only where scores are closer than the tolerance."""
    order = np.argsort(-expected, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(expected, order, axis=1)
    found = np.take_along_axis(expected, np.asarray(hits.indices), axis=1)
    np.testing.assert_allclose(found, best, atol=tolerance)
    np.testing.assert_allclose(np.asarray(hits.scores), best, atol=tolerance)
    clear = (np.abs(np.diff(best, axis=1, prepend=np.inf)) > tolerance) & (
        np.abs(np.diff(best, axis=1, append=-np.inf)) > tolerance
    )
    clear[:, -1] = False  # its neighbour beyond the cut may be as good
    assert clear.mean() > 0.5
    assert (np.asarray(hits.indices) == order)[clear].all()


@pytest.mark.parametrize("block", [1, 7, 60, 4096])
@pytest.mark.parametrize("measure", MEASURES)
def test_hits_are_those_of_brute_force(measure, block, monkeypatch):
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", block)
    s, queries = make_set(), make_queries()
    hits = Index(s, candidates=["image", "speech"], measure=measure).search(queries, k=10)
    assert hits.indices.shape == hits.scores.shape == (5, 10)
    check_hits(hits, oracle.scores(measure, queries, s.modalities["image"], s.modalities["speech"]), 10)


def test_long_vectors_are_taken_few_at_a_time_and_hits_are_those_of_brute_force():
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(6, 3000))
    rows = {name: (rng.normal(size=(300, 6)) @ directions).astype(np.float32) for name in ("image", "speech")}
    rows = {name: each / np.linalg.norm(each, axis=1, keepdims=True) for name, each in rows.items()}
    queries = (rows["image"][[7, 150, 299]] + rows["speech"][[7, 150, 299]]) / 2
    index = Index(gram.EmbeddingSet(rows, pd.DataFrame({"id": range(300)})), ["image", "speech"])
    check_hits(index.search(queries, k=20), oracle.scores("volume", queries, rows["image"], rows["speech"]), 20)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("measure", MEASURES)
def test_half_storage_searches_the_rounded_vectors(measure, dtype):
    s, queries = make_set(n=200), make_queries()
    hits = Index(s, candidates=["image", "speech"], measure=measure, dtype=dtype).search(queries, k=20)
    rounded = [s.modalities[name].to(dtype).double().numpy() for name in ("image", "speech")]
    check_hits(hits, oracle.scores(measure, queries, *rounded), 20)


def test_a_set_of_halves_is_searched_as_it_is():
    s, queries = make_set(dtype=np.float16), make_queries()
    hits = Index(s, candidates=["image", "speech"]).search(queries, k=5)
    check_hits(hits, oracle.scores("volume", queries, s.modalities["image"], s.modalities["speech"]), 5)


@pytest.mark.parametrize("measure", MEASURES)
def test_scores_are_those_of_gram_score(measure):
    s, queries = make_set(missing=0.2), make_queries()
    others = [s.modalities[name] for name in ("image", "speech")]
    expected = gram.score(measure, torch.from_numpy(queries), *others).numpy()
    ix = Index(s, candidates=["image", "speech"], measure=measure)
    hits = ix.search(queries, k=len(ix))
    np.testing.assert_allclose(hits.scores, np.take_along_axis(expected, hits.indices, axis=1), rtol=1e-5, atol=1e-6)
    row = int(ix.rows[3])
    np.testing.assert_allclose(ix.score(queries, row), expected[:, row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_missing_modalities_are_left_out(measure):
    s, queries = make_set(missing=0.4), make_queries()
    lacking = (~s.present("image") & ~s.present("speech")).numpy()
    assert 0 < lacking.sum() < 30
    ix = Index(s, candidates=["image", "speech"], measure=measure)
    hits = ix.search(queries, k=1000)
    assert len(ix) == hits.indices.shape[1] == (~lacking).sum()
    assert not set(np.flatnonzero(lacking)) & set(hits.indices.ravel())
    there = ix.rows.numpy()
    others = [s.modalities[name].numpy()[there] for name in ("image", "speech")]
    expected = np.full((5, len(s)), -np.inf)
    expected[:, there] = oracle.scores(measure, queries, *others)
    check_hits(hits, expected, len(ix))


@pytest.mark.parametrize("block", [1, 3, 8, 100])
def test_equal_scores_rank_by_row(block, monkeypatch):
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", block)
    corners = np.eye(4, dtype=np.float32)[[0, 1, 0, 2, 0, 1, 0, 0, 3, 0, 1, 2]]
    s = EmbeddingSet(modalities={"image": corners}, items=pd.DataFrame({"id": range(12)}))
    hits = Index(s, candidates=["image"], measure="cosine").search(np.eye(4, dtype=np.float32)[:2], k=9)
    assert hits.indices.tolist() == [[0, 2, 4, 6, 7, 9, 1, 3, 5], [1, 5, 10, 0, 2, 3, 4, 6, 7]]
    assert hits.scores[0].tolist() == [1.0] * 6 + [0.0] * 3


@pytest.mark.parametrize("measure", ["volume", "height"])
def test_no_volume_is_a_score_of_plain_zero(measure):
    s = EmbeddingSet(modalities={"image": np.eye(3, dtype=np.float32)}, items=pd.DataFrame({"id": range(3)}))
    hits = Index(s, candidates=["image"], measure=measure).search(np.eye(3, dtype=np.float32), k=1)
    assert hits.indices.tolist() == [[0], [1], [2]]
    assert hits.scores.tolist() == [[0.0]] * 3
    assert not np.signbit(hits.scores).any()


def test_scores_come_back_to_the_last_bit():
    x = np.stack([np.cos(np.linspace(0, 3, 500)), np.sin(np.linspace(0, 3, 500))], axis=1).astype(np.float32)
    s = EmbeddingSet(modalities={"image": x}, items=pd.DataFrame({"id": range(500)}))
    query = torch.tensor([[1.0, 0.0]])
    hits = Index(s, candidates=["image"], measure="cosine").search(query, k=500)
    expected = gram.score("cosine", query.double(), s.modalities["image"].double())[0][hits.indices]
    assert torch.equal(hits.scores, expected.float())
    assert hits.scores.min() < 0 < hits.scores.max()


def test_the_same_search_twice():
    s, queries = make_set(n=500), make_queries(q=40)
    first, second = (Index(s, candidates=["image", "speech"]).search(queries, k=50) for _ in range(2))
    assert np.array_equal(first.indices, second.indices)
    assert np.array_equal(first.scores, second.scores)


def test_many_queries_are_searched_in_blocks():
    s, queries = make_set(), make_queries(q=1300)
    ix = Index(s, candidates=["image"], measure="cosine")
    hits, last = ix.search(queries, k=3), ix.search(queries[1290:], k=3)
    np.testing.assert_array_equal(hits.indices[1290:], last.indices)


def test_shapes_and_kinds():
    s, queries = make_set(), make_queries()
    ix = Index(s, candidates=["image"])
    assert isinstance(ix.search(queries).indices, np.ndarray)
    assert isinstance(ix.search(torch.from_numpy(queries)).scores, torch.Tensor)
    assert ix.search(queries[0], k=4).indices.tolist() == ix.search(queries[:1], k=4).indices.tolist()
    assert ix.search(queries.astype(np.float64), k=4).scores.dtype == np.float32
    assert ix.search(queries, k=1000).indices.shape == (5, 60)
    assert ix.search(queries[:0], k=3).indices.shape == (0, 3)
    assert (ix.measure, ix.candidates, len(ix)) == ("volume", ("image",), 60)
    assert Index(s, candidates="image").candidates == ("image",)


@pytest.mark.parametrize("measure", MEASURES)
def test_ranks_without_ranking(measure):
    s, queries = make_set(missing=0.2), make_queries(q=30)
    ix = Index(s, candidates=["image", "speech"], measure=measure)
    there = ix.rows.numpy()
    true = np.random.default_rng(3).choice(there, size=30)
    matrix = oracle.scores(measure, queries, *(s.modalities[name].numpy()[there] for name in ("image", "speech")))
    own = matrix[np.arange(30), np.searchsorted(there, true)]
    expected = 1 + (matrix > own[:, None]).sum(axis=1)
    assert ix.ranks(queries, true).tolist() == expected.tolist()
    assert torch.equal(ix.ranks(torch.from_numpy(queries), torch.from_numpy(true)), torch.from_numpy(expected).double())


def test_ranks_share_tied_places():
    x = np.eye(3, dtype=np.float32)[[0, 0, 1, 0, 2]]
    s = EmbeddingSet(modalities={"image": x}, items=pd.DataFrame({"id": range(5)}))
    ix = Index(s, candidates=["image"], measure="cosine")
    assert ix.ranks(np.eye(3, dtype=np.float32)[[0, 0, 1]], [3, 2, 2]).tolist() == [2.0, 4.5, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "area"}, "area"),
        ({"candidates": []}, "candidates: expected one modality or more of text, image, speech, got none"),
        ({"candidates": ["video"]}, "candidates: 'video' is not in this set; it has text, image, speech"),
        ({"candidates": ["image", "image"]}, "candidates: 'image' is named twice"),
        ({"dtype": torch.float64}, "dtype: expected float16, bfloat16, float32 or None, got torch.float64"),
        ({"device": "abacus"}, "device: 'abacus' is not available here; use 'auto' or 'cpu'"),
        ({"device": "meta"}, "device: 'meta' is not available"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Index(make_set(), **({"candidates": ["image"]} | options))


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a device that this machine has")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ValueError, match="device: 'cuda' is not available here"):
        Index(make_set(), candidates=["image"], device="cuda")


def test_vectors_too_long_for_float16():
    x = np.ones((5, 3), dtype=np.float32)
    x[3] = 1e6
    s = EmbeddingSet(modalities={"image": x}, items=pd.DataFrame({"id": range(5)}))
    with pytest.raises(
        ValueError, match=r"row 3 of 'image' is too long for float16; normalise the set or use bfloat16"
    ):
        Index(s, candidates=["image"], dtype=torch.float16)
    assert len(Index(s, candidates=["image"], dtype=torch.bfloat16)) == 5


def test_a_set_without_the_candidates():
    s = EmbeddingSet(
        modalities={"text": np.ones((3, 2)), "image": np.full((3, 2), np.nan)},
        items=pd.DataFrame({"id": range(3)}),
    )
    with pytest.raises(EmbeddingSetError, match="no item has image; choose other candidates"):
        Index(s, candidates=["image"])


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (
            np.zeros((2, 7)),
            r"queries: expected floating numbers of shape \(q, 8\) or \(8,\), got .*float64 of shape \(2, 7\)",
        ),
        (np.zeros((1, 2, 8)), r"of shape \(1, 2, 8\)"),
        (np.zeros((2, 8), dtype=int), r"got .*int64 of shape"),
        (np.array([[1.0] * 8, [np.nan] * 8]), "queries: row 1 has values that are not finite; leave out"),
        (np.array([[1.0] * 8, [np.inf] * 8]), "queries: row 1 has values that are not finite"),
    ],
)
def test_queries_that_are_refused(queries, message):
    ix = Index(make_set(), candidates=["image"])
    for call in (ix.search, lambda q: ix.score(q, 0), lambda q: ix.ranks(q, [0, 0])):
        with pytest.raises(ValueError, match=message):
            call(queries)


def test_numbers_that_are_refused():
    s = make_set(missing=0.4)
    ix, queries = Index(s, candidates=["image"]), make_queries()
    lacking = int((~s.present("image")).nonzero()[0])
    with pytest.raises(ValueError, match="k: expected at least 1, got 0"):
        ix.search(queries, k=0)
    with pytest.raises(ValueError, match="row 60 is not in the index: it is outside the set, or its item lacks image"):
        ix.score(queries, 60)
    with pytest.raises(ValueError, match=f"row {lacking} is not in the index"):
        ix.ranks(queries, [lacking] * 5)
    with pytest.raises(ValueError, match="true_indices: expected one for each of 5 queries, got 2"):
        ix.ranks(queries, [int(ix.rows[0])] * 2)


def test_public_name():
    assert gram.Index is Index
