"""Sets that stay on disk: opened without being read, and asked by inner products that are read through once a query."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch

from gram.data.embedding_set import EmbeddingSet
from gram.retrieval import compiled_products as _compiled_products
from gram.retrieval import products as _products
from gram.retrieval.one_query import Candidates
from gram.retrieval.product_scores import MEASURES
from gram.retrieval.query import JointQuery, Query
from gram.retrieval.retriever import Retriever, compare, scores_of_all
from tests.helpers.oracle import cosine, pair_score, volume

N, D, NAMES = 900, 12, ("text", "image", "speech", "tones")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set in float16 with rows of any length, of items that lack modalities, and some whose vectors nearly depend."""
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(N, D))
    vectors = {name: (shared + rng.normal(size=(N, D))) * rng.uniform(0.2, 5, size=(N, 1)) for name in NAMES}
    vectors["speech"][40:60] = -2 * vectors["image"][40:60] + 1e-3 * rng.normal(size=(20, D))
    vectors["image"][70] = 3 * vectors["text"][70]
    for place, name in enumerate(NAMES[1:]):
        vectors[name][100 * place : 100 * place + 150 : 3] = np.nan
    vectors["text"][5] = np.nan
    for name in NAMES[1:]:
        vectors[name][7] = np.nan
    folder = tmp_path_factory.mktemp("large") / "set"
    arrays = {name: rows.astype(np.float16) for name, rows in vectors.items()}
    EmbeddingSet(arrays, pd.DataFrame({"id": np.arange(N) * 10})).save(folder)
    return folder


@pytest.fixture(params=["widened", "compiled"])
def streamed(monkeypatch, request):
    monkeypatch.setattr("gram.retrieval.one_query.KEEP", 0)
    monkeypatch.setattr(_products, "_BLOCK", 8 * D)  # many blocks, in several segments
    monkeypatch.setattr(_products, "_COMPILED_BLOCK", 8 * D)
    monkeypatch.setattr(_products, "_COMPILED_FROM", 0 if request.param == "compiled" else np.inf)


def score(measure, anchor, candidate):
    """Return the score of an anchor with a candidate, for the measures that the oracle lacks too."""
    everything = np.vstack([anchor[None], candidate])
    if measure == "normalized-volume":
        return -(volume(everything) ** (1 / len(everything)))
    if measure == "cosine-max":
        return max(cosine(anchor, vector) for vector in candidate)
    if measure == "pairwise-mean":
        return np.mean([cosine(one, other) for one, other in combinations(everything, 2)])
    if measure == "singular":
        return np.linalg.norm(everything, ord=2)
    return pair_score(measure, anchor, candidate)


def by_hand(made, measure, asked, candidates, rows):
    """Return the scores of rows by the oracle, from unit vectors in float64; NaN where an item has no candidate."""
    found = []
    for row in rows:
        own = [made.modalities[name][row].double().numpy() for name in candidates]
        own = [vector / np.linalg.norm(vector) for vector in own if not np.isnan(vector).any()]
        found.append(score(measure, asked[0], np.stack([*asked[1:], *own])) if own else np.nan)
    return np.array(found)


def unit(made, name, row):
    vector = made.modalities[name][row].double().numpy()
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("measure", [*MEASURES, "singular"])
def test_a_set_on_disk_is_answered_as_brute_force_does(folder, streamed, measure):
    made = EmbeddingSet.load(folder, lazily=True)
    candidates = ("image", "speech", "tones")
    retriever = Retriever(made, candidates=candidates, measure=measure, normalize=True)
    for row in (3, 45, 70):
        answer = retriever.ask(Query("text", id=str(10 * row)), k=20)
        scores = by_hand(made, measure, [unit(made, "text", row)], candidates, range(N))
        assert answer.size == N - 1  # item 7 has none
        order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
        assert [hit.row for hit in answer.hits] == order[:20].tolist()
        assert answer.true.rank == 1 + np.sum(scores > scores[row] + 1e-9)
        np.testing.assert_allclose([hit.score for hit in answer.hits], scores[order[:20]], rtol=1e-6, atol=1e-9)
        assert answer.true.id == str(10 * row)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("d", [1, 7, 64, 515])
def test_compiled_products_are_numpys(dtype, d):
    rng = np.random.default_rng(d)
    rows = (rng.normal(size=(2, 40, d)) * 10.0 ** rng.integers(-7, 3, size=(2, 40, d))).astype(dtype)  # subnormal too
    rows[0, 3], rows[1, 4, 0] = np.nan, np.inf
    vectors = rng.normal(size=(3, d))
    wide = rows.astype(float)
    stored = [_compiled_products.as_stored(each) for each in rows]
    assert _compiled_products.reads(rows.dtype)
    across, within = np.zeros((40, 3, 2)), np.zeros((40, 2, 2))
    _compiled_products.with_vectors(stored[0], vectors, across[:, :, 1])
    _compiled_products.with_each_other(stored[0], stored[1], within[:, 1, 0])
    sizes = np.abs(wide[0]) @ np.abs(vectors.T), (np.abs(wide[0]) * np.abs(wide[1])).sum(axis=1)
    told = wide[0] @ vectors.T, (wide[0] * wide[1]).sum(axis=1)
    for found, expected, size in zip((across[:, :, 1], within[:, 1, 0]), told, sizes):
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        finite = np.isfinite(expected)
        assert (np.abs(found[finite] - expected[finite]) <= 1e-13 * size[finite]).all()
        np.testing.assert_array_equal(found[~finite], expected[~finite])
    assert not across[:, :, 0].any()


def test_a_joint_query_is_answered_as_brute_force_does(folder, streamed):
    made = EmbeddingSet.load(folder, lazily=True)
    candidates = ("speech", "tones")
    retriever = Retriever(made, candidates=candidates, normalize=True)
    answer = retriever.ask(JointQuery((Query("text", id="30"), Query("image", id="40"))), k=5)
    scores = by_hand(made, "volume", [unit(made, "text", 3), unit(made, "image", 4)], candidates, range(N))
    order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
    assert [hit.row for hit in answer.hits] == order[:5].tolist()


@pytest.mark.parametrize("measure", MEASURES)
def test_products_leave_open_what_they_do_not_tell(measure, streamed):
    rng = np.random.default_rng(0)
    anchor = rng.normal(size=D)
    first = rng.normal(size=(400, D))
    second = -first + 10.0 ** rng.uniform(-9, 1, size=(400, 1)) * rng.normal(size=(400, D))
    first[::7] = anchor + 10.0 ** rng.uniform(-6, 0, size=(len(first[::7]), 1)) * rng.normal(size=D)
    stacked = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    asked = anchor / np.linalg.norm(anchor)
    found = Candidates(measure, [torch.from_numpy(each) for each in stacked], device=torch.device("cpu"))
    scores = found.rank(torch.from_numpy(asked)[None]).scores
    told = np.array([score(measure, asked, np.stack(pair)) for pair in zip(*stacked)])
    base = np.linalg.norm(stacked[0] + stacked[1], axis=1)  # about: the two are nearly opposite
    np.testing.assert_allclose(scores[base > 1e-4], told[base > 1e-4], rtol=1e-7, atol=1e-9)


def test_two_measures_read_a_gallery_once_and_a_question_again_not_at_all(folder, streamed, monkeypatch):
    made = EmbeddingSet.load(folder, lazily=True)
    left = Retriever(made, candidates=NAMES[1:], normalize=True)
    right = Retriever(made, candidates=NAMES[1:], measure="cosine", normalize=True, beside=left)
    shares = []
    first = compare(Query("text", id="30"), left, right, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 3
    assert shares[-1] == 0.5  # all of it was read for the left one
    again = compare(Query("text", id="30"), left, right, k=25, progress=shares.append)
    assert shares[-1] == 0.5
    assert again.left.hits[:10] == first.left.hits
    other = Retriever(made, candidates=("image",), measure="cosine", normalize=True, beside=left)
    answer = other.ask(Query("text", id="30"))
    scores = by_hand(made, "cosine", [unit(made, "text", 3)], ("image",), [hit.row for hit in answer.hits])
    np.testing.assert_allclose([hit.score for hit in answer.hits], scores, rtol=1e-9)
    unlisted = left.ask(Query("text", id="70"))  # item 7 has none of the candidates, and so has no rank
    assert unlisted.true is None
    assert left.ranks_of(unlisted.embedding, ["70", "30", "none"]).keys() == {"30"}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_scores_of_all_are_those_of_brute_force(folder, measure):
    made = EmbeddingSet.load(folder).normalized()
    found = scores_of_all(made.modalities["text"][3], made, NAMES[1:], measure=measure)
    told = by_hand(made, measure, [unit(made, "text", 3)], NAMES[1:], range(N))
    told[7] = -np.inf  # it has none of the candidates
    np.testing.assert_allclose(found, told, rtol=1e-5, atol=1e-7)
    assert np.isnan(scores_of_all(made.modalities["text"][5], made, NAMES[1:], measure=measure)).all()


def test_a_set_opened_lazily_is_what_it_is_when_read(folder):
    lazily, read = EmbeddingSet.load(folder, lazily=True), EmbeddingSet.load(folder)
    rows = [7, 0, 140, 899]
    for one, other in ((lazily.subset(rows), read.subset(rows)), (lazily, read)):
        assert one.missing() == other.missing()
        for name in NAMES:
            assert torch.equal(one.present(name), other.present(name))
    assert EmbeddingSet.load(folder, lazily=True).normalized().missing() == read.missing()


def test_another_table_of_the_same_items_is_taken(folder):
    made = EmbeddingSet.load(folder)
    named = made.with_items(made.items.assign(label="x"))
    assert named.items["label"].eq("x").all()
    assert "label" not in made.items
    assert named.modalities["text"] is made.modalities["text"]
    turned = made.with_items(made.items[::-1].reset_index(drop=True))
    assert (named.find("30"), turned.find("30")) == (3, N - 4)
    with pytest.raises(ValueError, match="expected 900 rows with a column 'id', got 2"):
        made.with_items(made.items.head(2))
