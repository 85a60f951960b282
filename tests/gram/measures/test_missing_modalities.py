"""Sets whose items lack modalities, against plain numpy that drops the missing vectors item by item."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import gram
from app.jobs.failure_store import Part, find_part
from app.jobs.failures import FailureJob
from gram import measures
from gram.cli import main
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import compare_outcomes, diagnose, find_cases
from gram.errors import EmbeddingSetError
from gram.retrieval.distributions import distributions
from gram.retrieval.evaluate import DIRECTIONS
from gram.retrieval.query import JointQuery, Query
from gram.retrieval.search import Searcher
from tests.helpers import oracle

N, NAMES = 60, ("text", "image", "speech", "tones")
CANDIDATES = NAMES[1:]


def make(seed=0, n=N, absent=(), complete=False):
    """A set in which a third of the rows lacks, of the anchor a tenth; two items have the anchor alone."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n, 12))
    vectors = {}
    for name in NAMES:
        rows = centres + 0.9 * rng.normal(size=centres.shape)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        if not complete:
            rows[rng.random(n) < (0.1 if name == "text" else 0.33)] = np.nan
            rows[[5, 9]] = rows[[5, 9]] if name == "text" else np.nan
        rows[:] = np.nan if name in absent else rows
        vectors[name] = rows.astype(np.float32)
    return EmbeddingSet(vectors, pd.DataFrame({"id": [f"i{row}" for row in range(n)]}))


def side(anchor, candidate):
    """Minus the k-th root of the volume of the k vectors that are there."""
    rows = np.vstack([anchor[None], candidate[~np.isnan(candidate).any(axis=1)]])
    return -(oracle.volume(rows) ** (1 / len(rows)))


def by_hand(measure, made, query, candidates):
    """Scores (q, n) of all items that have the query with all that have a candidate, and both groups of rows."""
    arrays = {name: rows.double().numpy() for name, rows in made.modalities.items()}
    asks = np.flatnonzero(~np.isnan(arrays[query][:, 0]))
    stacked = np.stack([arrays[name] for name in candidates], axis=1)
    found = np.flatnonzero(~np.isnan(stacked[:, :, 0]).all(axis=1))
    pair = side if measure == "normalized-volume" else lambda t, rows: oracle.pair_score(measure, t, rows)
    scores = np.array([[pair(arrays[query][row], stacked[other]) for other in found] for row in asks])
    return scores, asks, found


MEASURES = ["volume", "normalized-volume", "height", "cosine", "centroid"]


def test_on_complete_sets_it_ranks_exactly_as_volume():
    made = make(complete=True)
    for direction in DIRECTIONS:
        ranks = [gram.evaluate(made, measure=name, direction=direction).ranks for name in MEASURES[:2]]
        assert ranks[0].tolist() == ranks[1].tolist()


def test_a_vector_joins_what_is_prepared_as_if_prepared_with_it():
    measure, made = measures.get("normalized-volume"), make()
    others = [made.modalities[name].double() for name in CANDIDATES]
    vector, anchor = oracle.draw(3, 12), oracle.draw(4, 2, 12)
    joined = measure.scores(anchor, measure.join(vector, measure.prepare(*others)))
    anew = measure.scores(anchor, measure.prepare(vector.expand(N, -1), *others))
    torch.testing.assert_close(joined, anew)


@pytest.mark.parametrize("absent", [(), ("tones",)])
@pytest.mark.parametrize("query", ["text", "image"])
@pytest.mark.parametrize("measure", MEASURES)
def test_search_evaluation_and_distributions_drop_missing_vectors(measure, query, absent):
    made = make(absent=absent)
    candidates = [name for name in NAMES if name != query]
    scores, asks, found = by_hand(measure, made, query, candidates)
    index = gram.Index(made, candidates, measure)
    assert index.rows.tolist() == found.tolist()
    hits = index.search(made.modalities[query][asks], k=1)
    np.testing.assert_allclose(hits.scores[:, 0].numpy(), scores.max(axis=1), atol=1e-5)
    both = np.intersect1d(asks, found)
    ranked = scores[np.ix_(np.isin(asks, both), np.isin(found, both))]
    for direction, table in zip(DIRECTIONS, (ranked, ranked.T)):
        report = gram.evaluate(made, query, candidates, measure, direction)
        assert (report.rows.tolist(), report.left_out) == (both.tolist(), N - len(both))
        own = table.diagonal()[:, None]
        assert report.ranks.tolist() == (1 + (table > own).sum(axis=1)).tolist()
    spread = distributions(made, query=query, candidates=candidates, measure=measure)
    off = ranked[~np.eye(len(both), dtype=bool)]
    wins = np.mean([(off < own).mean() for own in ranked.diagonal()])
    assert spread.left_out == N - len(both)
    assert spread.auc == pytest.approx(wins, abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_query_of_two_parts_is_joined_to_the_vectors_that_an_item_has(measure):
    made = make()
    item = next(row for row in range(N) if all(made.present(name)[row] for name in ("text", "image")))
    searcher = Searcher(made, candidates=["speech", "tones"], measure=measure)
    answer = searcher.search(JointQuery((Query("text", id=f"i{item}"), Query("image", id=f"i{item}"))), k=N)
    arrays = {name: rows.double().numpy() for name, rows in made.modalities.items()}
    pair = side if measure == "normalized-volume" else lambda t, rows: oracle.pair_score(measure, t, rows)
    assert answer.size == int((made.present("speech") | made.present("tones")).sum())
    for hit in answer.hits:
        own = np.stack([arrays["image"][item], arrays["speech"][hit.row], arrays["tones"][hit.row]])
        assert hit.score == pytest.approx(pair(arrays["text"][item], own), abs=1e-9)


def test_why_by_normalised_volume_names_both_roots():
    made = make()
    searcher, rows = Searcher(made, measure="normalized-volume"), gram.evaluate(made).rows.tolist()
    answers = (searcher.search(Query("text", id=f"i{row}")) for row in rows)
    wrong = next(answer for answer in answers if not answer.found)
    first = wrong.hits[0]
    k = 1 + sum(not np.isnan(value) for value in first.cosines.values())
    assert f"(base {first.base:.3g} × height {first.height:.3g})^(1/{k}) = {-first.score:.3g}" in wrong.why()


def test_failures_are_counted_against_what_was_ranked(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path))
    made, ranked, right = make(), {}, {}
    parts = [Part("cases", "here", measure) for measure in ("normalized-volume", "cosine")]
    parts.append(Part("findings", "here", "normalized-volume"))
    job = FailureJob({"here": made}, "text", CANDIDATES, parts, device="cpu")
    job.result()
    kept = [find_part(job.keys[each], each.kind) for each in parts]
    for cases in kept[:2]:
        scores, asks, found = by_hand(cases.measure, made, "text", CANDIDATES)
        both = np.intersect1d(asks, found)
        table = scores[np.ix_(np.isin(asks, both), np.isin(found, both))]
        ranked[cases.measure], right[cases.measure] = both, table.argmax(axis=1) == np.arange(len(both))
        assert cases.table["id"].tolist() == [f"i{row}" for row in both]
        assert cases.table["right"].tolist() == right[cases.measure].tolist()
        assert (cases.gallery, cases.left_out) == (len(both), N - len(both))
        assert sum(cases.counts.values()) == len(both) < N - 4
    outcomes = compare_outcomes(*kept[:2])
    first, second = right.values()
    assert (outcomes.n, outcomes.left_out) == (len(first), 0)
    assert outcomes.left.value == pytest.approx(first.mean())
    assert outcomes.shares["only left"].value == pytest.approx((first & ~second).mean())
    lacks = {name: int(np.isnan(rows[:, 0].numpy()).sum()) for name, rows in made.modalities.items()}
    assert kept[2].of("missing").numbers["missing"] == lacks


def test_a_modality_that_no_item_has_is_named_and_passed_over():
    made = make(absent=["tones"])
    told = diagnose(made)
    assert "tones (60)" in told.of("missing").text
    assert find_cases(made, measure="normalized-volume").left_out == gram.evaluate(made).left_out
    for call in (lambda: gram.evaluate(made, "tones"), lambda: gram.Index(made, ["tones"])):
        with pytest.raises(EmbeddingSetError, match="no item has tones"):
            call()


def test_the_command_line_warns_and_counts(tmp_path, capsys):
    made = make()
    made.save(tmp_path / "set")
    assert main(["evaluate", str(tmp_path / "set")]) == 0
    assert "Volume is not comparable" in capsys.readouterr().out
    item = next(row for row in range(N) if made.present("text")[row])
    asked = ["search", "--set", str(tmp_path / "set"), "--item", f"i{item}", "--json"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert "Volume is not comparable" in found["caution"]
    assert found["left_out"] == N - found["items"] > 0
    assert main([*asked[:-1], "--measure", "height"]) == 0
    out = capsys.readouterr().out
    assert f"({found['left_out']} left out)" in out
    assert "not comparable" not in out
