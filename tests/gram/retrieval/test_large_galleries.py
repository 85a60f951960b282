"""Sets that stay on disk: opened without being read, and searched where they lie."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch

from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.comparison import compare
from gram.retrieval.query import JointQuery, Query
from gram.retrieval.scoring import Candidates, score_all
from gram.retrieval.search import Searcher
from tests.helpers.oracle import cosine, pair_score, volume

N, D, NAMES = 900, 12, ("text", "image", "speech", "tones")
MEASURES = ("volume", "height", "normalized-volume", "cosine", "centroid", "cosine-max", "pairwise-mean")


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


@pytest.fixture(params=["plain", "compressed"])
def compressed(monkeypatch, request):
    monkeypatch.setattr("gram.retrieval.engine.KEPT", 0)
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", 128)
    return request.param == "compressed"


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
def test_a_set_on_disk_is_answered_as_brute_force_does(folder, compressed, measure):
    made = EmbeddingSet.load(folder, lazily=True)
    candidates = ("image", "speech", "tones")
    searcher = Searcher(made, candidates, measure, normalize=True, compressed=compressed)
    for row in (3, 45, 70):
        answer = searcher.search(Query("text", id=str(10 * row)), k=20)
        scores = by_hand(made, measure, [unit(made, "text", row)], candidates, range(N))
        assert answer.size == N - 1  # item 7 has none
        order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
        assert [hit.row for hit in answer.hits] == order[:20].tolist()
        assert answer.true.rank == 1 + np.sum(scores > scores[row] + 1e-9)
        np.testing.assert_allclose([hit.score for hit in answer.hits], scores[order[:20]], rtol=1e-6, atol=1e-9)
        assert answer.true.id == str(10 * row)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_joint_query_is_answered_as_brute_force_does(folder, compressed, measure):
    made = EmbeddingSet.load(folder, lazily=True)
    candidates = ("speech", "tones")
    searcher = Searcher(made, candidates, measure, normalize=True, compressed=compressed)
    answer = searcher.search(JointQuery((Query("text", id="30"), Query("image", id="40"))), k=5)
    scores = by_hand(made, measure, [unit(made, "text", 3), unit(made, "image", 4)], candidates, range(N))
    order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
    assert [hit.row for hit in answer.hits] == order[:5].tolist()


def test_two_measures_share_one_compressed_copy_and_a_query_again_is_known(folder, monkeypatch):
    made = EmbeddingSet.load(folder, lazily=True)
    left = Searcher(made, NAMES[1:], normalize=True, compressed=True)
    right = Searcher(made, NAMES[1:], "cosine", normalize=True, compressed=True, share_with=left)
    shares = []
    first = compare(Query("text", id="30"), left, right, progress=lambda share, stage="": shares.append(share))
    assert shares == [0.5]  # all was packed for the left one, and nothing read for the right
    taken = []
    take = Candidates.take
    monkeypatch.setattr(Candidates, "take", lambda self, rows: taken.append(rows) or take(self, rows))
    again = compare(Query("text", id="30"), left, right, k=10)
    assert sum(map(len, taken)) <= 40  # the hits of both, to be taken apart
    assert again.left.hits == first.left.hits
    other = Searcher(made, ("image",), "cosine", normalize=True, share_with=left)
    assert other._engine.codes is not left._engine.codes
    answer = other.search(Query("text", id="30"))
    scores = by_hand(made, "cosine", [unit(made, "text", 3)], ("image",), [hit.row for hit in answer.hits])
    np.testing.assert_allclose([hit.score for hit in answer.hits], scores, rtol=1e-9)
    unlisted = left.search(Query("text", id="70"))  # item 7 has none of the candidates, and so has no rank
    assert unlisted.true is None
    assert left.ranks_of(unlisted.embedding, ["70", "30", "none"]).keys() == {"30"}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_ranks_of_all_are_those_of_brute_force(folder, compressed, measure):
    made = EmbeddingSet.load(folder, lazily=True)
    searcher = Searcher(made, NAMES[1:], measure, normalize=True, compressed=compressed)
    scores = by_hand(made, measure, [unit(made, "text", 3)], NAMES[1:], range(N))
    ids = [str(10 * row) for row in range(N)]
    ranks = searcher.ranks_of(torch.from_numpy(unit(made, "text", 3)), ids)
    assert "70" not in ranks
    for row in (*range(0, 7), *range(40, 60), 899):
        assert ranks[ids[row]] == 1 + np.sum(scores > scores[row] + 1e-10), row


@pytest.mark.parametrize("measure", MEASURES)
def test_the_scores_of_all_are_those_of_brute_force(folder, measure):
    made = EmbeddingSet.load(folder).normalized()
    vectors = [made.modalities[name] for name in NAMES[1:]]
    found = score_all(measure, made.modalities["text"][[3]], vectors)
    told = by_hand(made, measure, [unit(made, "text", 3)], NAMES[1:], range(N))
    told[7] = -np.inf  # it has none of the candidates
    np.testing.assert_allclose(found, told, rtol=1e-5, atol=1e-7)
    assert np.isnan(score_all(measure, made.modalities["text"][[5]], vectors)).all()


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
