"""Retrieval metrics against numpy, scipy and scikit-learn; ties, collapse, missing modalities, memory."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score

import gram
from gram import EmbeddingSet, EmbeddingSetError, Index, evaluate
from gram.retrieval.evaluate import ranks_of
from tests.helpers import oracle

MEASURES = ["volume", "height", "cosine", "centroid"]
DIRECTIONS = ["query-to-candidates", "candidates-to-query"]


def as_set(arrays):
    return EmbeddingSet(modalities=arrays, items=pd.DataFrame({"id": range(len(next(iter(arrays.values()))))}))


def make_arrays(n=50, d=6, noise=1.0, seed=0, missing=0.0):
    """Return three modalities that share a meaning, more or less."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, d))
    arrays = {
        name: (meaning + noise * rng.normal(size=(n, d))).astype(np.float32) for name in ("text", "image", "speech")
    }
    for array in arrays.values():
        array[rng.random(n) < missing] = np.nan
    return arrays


def oracle_matrix(measure, direction, arrays):
    """Return scores with one row for each ranking, the true item on the diagonal."""
    matrix = oracle.scores(measure, arrays["text"], arrays["image"], arrays["speech"])
    return matrix if direction == "query-to-candidates" else matrix.T


def oracle_ranks(matrix):
    return np.array([scipy.stats.rankdata(-row, method="average")[i] for i, row in enumerate(matrix)])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("measure", MEASURES)
def test_every_number_is_that_of_brute_force(measure, direction):
    arrays = make_arrays()
    report = evaluate(
        as_set(arrays), query="text", candidates=["image", "speech"], measure=measure, direction=direction
    )
    matrix = oracle_matrix(measure, direction, arrays)
    ranks, labels = oracle_ranks(matrix), np.arange(50)
    assert report.ranks.tolist() == ranks.tolist()
    assert set(report.recall) == {1, 5, 10}
    for k, value in report.recall.items():
        assert value == pytest.approx(top_k_accuracy_score(labels, matrix, k=k, labels=labels))
    assert report.mrr == pytest.approx(label_ranking_average_precision_score(np.eye(50), matrix))
    assert report.median_rank == np.median(ranks)
    assert report.mean_rank == pytest.approx(ranks.mean())
    assert 0.01 < report.recall[1] < 0.99
    assert (report.n, report.left_out) == (50, 0)


def test_directions_differ_for_volume_alone():
    arrays = make_arrays(noise=2.0)
    forth, back = (
        {m: evaluate(as_set(arrays), "text", ["image", "speech"], m, direction).ranks for m in ("volume", "height")}
        for direction in DIRECTIONS
    )
    assert torch.equal(back["volume"], back["height"])
    assert not torch.equal(forth["volume"], forth["height"])


def test_defaults_are_the_anchor_against_all_else():
    s = as_set(make_arrays())
    report = evaluate(s)
    assert (report.query, report.candidates, report.measure) == ("text", ("image", "speech"), "volume")
    assert report.direction == "query-to-candidates"
    assert torch.equal(report.ranks, evaluate(s, query="text", candidates=["image", "speech"], measure="volume").ranks)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_index_gives_the_same_ranks(measure):
    s = as_set(make_arrays())
    report = evaluate(s, "text", ["image", "speech"], measure)
    ix = Index(s, ["image", "speech"], measure)
    ranks = ix.ranks(s.modalities["text"], range(50))
    assert torch.equal(ranks, report.ranks)
    hits = ix.search(s.modalities["text"], k=50).indices
    found = (hits == torch.arange(50)[:, None]).nonzero()[:, 1] + 1
    assert torch.equal(found.double(), ranks)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_blocks_do_not_matter(direction, monkeypatch):
    s = as_set(make_arrays(noise=2.0))
    whole = evaluate(s, "text", ["image", "speech"], direction=direction)
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", 7)
    parts = evaluate(s, "text", ["image", "speech"], direction=direction)
    assert torch.equal(whole.ranks, parts.ranks)


def test_blocks_do_not_matter_at_full_size():
    n = 2300
    arrays = make_arrays(n=n, d=16, noise=1.5)
    wide = [torch.from_numpy(arrays[name]).double() for name in ("text", "image", "speech")]
    matrix = gram.score("height", *wide).numpy()
    report = evaluate(as_set(arrays), measure="height")
    expected = 1 + (matrix > np.diag(matrix)[:, None]).sum(axis=1)
    assert (report.ranks.numpy() == expected).all()


# --- ties ---


def collapsed(kind, n, d=32):
    rng = np.random.default_rng(0)
    one = rng.normal(size=(3, d)).astype(np.float32)
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    if kind == "orthogonal":
        one = np.linalg.qr(one.T.astype(np.float64))[0].T.astype(np.float32)  # cosines of 1e-9, not of 0
    if kind == "all modalities alike":
        one[:] = one[0]
    scale = 1e4 if kind == "long vectors" else 1.0
    return as_set({name: np.tile(scale * one[i], (n, 1)) for i, name in enumerate(("text", "image", "speech"))})


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", ["all modalities alike", "each its own", "orthogonal", "long vectors"])
def test_a_collapsed_set_scores_chance(kind, measure, direction, monkeypatch):
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", 64)  # blocks of unlike sizes round unlike
    n = 150
    report = evaluate(collapsed(kind, n), "text", ["image", "speech"], measure, direction)
    assert report.recall == pytest.approx({1: 1 / n, 5: 5 / n, 10: 10 / n}, rel=1e-12)
    assert report.ranks.unique().tolist() == [(n + 1) / 2]
    assert report.median_rank == report.mean_rank == (n + 1) / 2
    assert report.mrr == pytest.approx(np.mean(1 / np.arange(1, n + 1)), rel=1e-12)
    assert report.interval("R@1") == pytest.approx((1 / n, 1 / n))


@pytest.mark.parametrize("measure", MEASURES)
def test_an_index_of_a_collapsed_set_ranks_at_chance(measure):
    s = collapsed("all modalities alike", 150)
    ranks = Index(s, ["image", "speech"], measure).ranks(s.modalities["text"], range(150))
    assert ranks.unique().tolist() == [75.5]


@pytest.mark.parametrize("measure", MEASURES)
def test_twins_in_different_blocks_tie(measure):
    rng = np.random.default_rng(0)
    half = {name: rng.normal(size=(1100, 24)).astype(np.float32) for name in ("text", "image", "speech")}
    report = evaluate(as_set({name: np.concatenate([x, x]) for name, x in half.items()}), measure=measure)
    single = evaluate(as_set(half), measure=measure)
    assert torch.equal(report.true_ranks.tied, torch.full((2200,), 2))
    assert torch.equal(report.ranks[:1100], 2 * single.ranks - 0.5)


@pytest.mark.parametrize("measure", ["volume", "height"])
def test_tiny_volumes_are_no_ties(measure):
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(40, 16))
    arrays = {
        name: (meaning + 1e-5 * rng.normal(size=(40, 16))).astype(np.float32) for name in ("text", "image", "speech")
    }
    matrix = oracle_matrix(measure, "query-to-candidates", arrays)
    report = evaluate(as_set(arrays), measure=measure)
    assert np.abs(np.diag(matrix)).max() < 1e-3
    assert (report.true_ranks.tied == 1).all()
    assert report.ranks.tolist() == oracle_ranks(matrix).tolist()


def test_ties_are_shared_out():
    corners = np.eye(3, dtype=np.float32)
    s = as_set({"text": corners[[0, 0, 1, 2]], "image": corners[[0, 0, 1, 0]]})
    report = evaluate(s, measure="cosine")
    # Items 0 and 1 tie with 3 ahead of all; item 2 is alone in front; item 3 ties with all, at nothing.
    assert report.ranks.tolist() == [2.0, 2.0, 1.0, 2.5]
    assert report.per_item("R@1").tolist() == pytest.approx([1 / 3, 1 / 3, 1, 1 / 4])
    assert report.recall == pytest.approx({1: (2 / 3 + 1 + 1 / 4) / 4, 5: 1.0, 10: 1.0})
    third, fourth = (1 + 1 / 2 + 1 / 3) / 3, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    assert report.mrr == pytest.approx((2 * third + 1 + fourth) / 4)


# --- missing ---


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("measure", MEASURES)
def test_items_that_lack_something(measure, direction):
    arrays = make_arrays(n=80, missing=0.3)
    lacks = {name: np.isnan(array).any(axis=1) for name, array in arrays.items()}
    kept = ~lacks["text"] & ~(lacks["image"] & lacks["speech"])
    report = evaluate(as_set(arrays), "text", ["image", "speech"], measure, direction)
    assert report.rows.tolist() == np.flatnonzero(kept).tolist()
    assert report.left_out == (~kept).sum() > 10
    matrix = oracle_matrix(measure, direction, {name: array[kept] for name, array in arrays.items()})
    assert report.ranks.tolist() == oracle_ranks(matrix).tolist()
    assert f"({report.left_out} left out)" in str(report)


def test_no_item_with_both():
    arrays = {"text": np.ones((4, 2)), "image": np.ones((4, 2))}
    arrays["text"][:2] = np.nan
    arrays["image"][2:] = np.nan
    with pytest.raises(EmbeddingSetError, match="no item has text together with image; choose others"):
        evaluate(as_set(arrays))


# --- intervals ---


def test_interval_is_that_of_scipy():
    report = evaluate(as_set(make_arrays(n=120)), measure="cosine")
    for metric, statistic in (
        ("R@1", np.mean),
        ("mrr", np.mean),
        ("mean_rank", np.mean),
        ("median_rank", np.median),
    ):
        values = report.per_item(metric).numpy()
        theirs = scipy.stats.bootstrap(
            (values,), statistic, method="percentile", n_resamples=4000, rng=np.random.default_rng(7)
        ).confidence_interval
        ours = report.interval(metric, resamples=4000)
        spread = theirs.high - theirs.low
        assert ours == pytest.approx(tuple(theirs), abs=0.15 * spread)
        assert ours[0] <= report.value(metric) <= ours[1]


def test_interval_is_seeded_and_widens_with_the_level():
    report = evaluate(as_set(make_arrays()), measure="cosine")
    assert report.interval("mrr") == report.interval("mrr")
    assert report.interval("mrr") != report.interval("mrr", seed=1)
    (low, high), (lower, higher) = report.interval("mrr", level=0.5), report.interval("mrr", level=0.99)
    assert lower < low < high < higher


def test_interval_is_drawn_in_parts(monkeypatch):
    report = evaluate(as_set(make_arrays()), measure="cosine")
    whole = report.interval("mean_rank")
    monkeypatch.setattr("gram.retrieval.evaluate._RESAMPLED_AT_ONCE", 350)
    assert report.interval("mean_rank") == pytest.approx(whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "R@3"}, "metric: expected one of R@1, R@5, .*, got 'R@3'"),
        ({"metric": "mrr", "level": 1.0}, "level: expected a number between 0 and 1, got 1.0"),
        ({"metric": "mrr", "resamples": 0}, "resamples: expected at least 1, got 0"),
    ],
)
def test_intervals_that_are_refused(options, message):
    report = evaluate(as_set(make_arrays(n=5)))
    with pytest.raises(ValueError, match=message):
        report.interval(**options)


# --- the report ---


def test_report_as_a_dictionary_and_as_text():
    report = evaluate(as_set(make_arrays()), "text", ["image", "speech"], "cosine", "candidates-to-query")
    content = json.loads(json.dumps(report.to_dict()))
    assert content["R@1"] == report.recall[1]
    assert content["intervals"]["mrr"] == list(report.interval("mrr"))
    assert (content["items"], content["left_out"], content["direction"]) == (50, 0, "candidates-to-query")
    assert "intervals" not in report.to_dict(intervals=False)
    lines = str(report).splitlines()
    assert lines[0] == "image + speech -> text by cosine, 50 items"
    assert len(lines) == 7
    assert lines[1].split()[:2] == ["R@1", f"{report.recall[1]:.3g}"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": "video"}, "'video' is not in this set; it has text, image, speech"),
        ({"candidates": ["video"]}, "candidates: 'video' is not in this set"),
        ({"candidates": ["text", "image"]}, "query: 'text' is also a candidate"),
        ({"candidates": []}, "candidates: expected one modality or more"),
        ({"measure": "area"}, "area"),
        (
            {"direction": "sideways"},
            "direction: expected one of query-to-candidates, candidates-to-query, got 'sideways'",
        ),
        ({"device": "abacus"}, "device: 'abacus' is not available"),
    ],
)
def test_arguments_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(as_set(make_arrays()), **options)


MEMORY = """
import numpy as np, pandas as pd, torch
import gram, gram.retrieval.evaluate, gram.retrieval.scoring
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
def make(n):
    rng = np.random.default_rng(0)
    arrays = {m: rng.normal(size=(n, 16)).astype(np.float32) for m in ("text", "image", "speech")}
    return gram.EmbeddingSet(arrays, pd.DataFrame({"id": range(n)}))
def work(s):
    gram.evaluate(s, measure="volume").interval("median_rank")
    gram.Index(s, ["image", "speech"]).search(s.modalities["text"], k=10)
gram.retrieval.evaluate._RESAMPLED_AT_ONCE, gram.retrieval.scoring.BLOCK = 1 << 16, 256
work(make(600))
before = peak()
work(make(3000))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a process from /proc")
def test_memory_does_not_grow_with_the_square():
    in_use = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}  # freed memory goes back to the system
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, env={**os.environ, **in_use}
    )
    assert float(done.stdout) < 25  # MB; the scores of all pairs would take 36 MB even in float32


def test_public_name():
    assert gram.evaluate is evaluate


@pytest.mark.parametrize("measure", [*MEASURES, "triangle"])
def test_ranks_of_some_items_are_those_of_all(measure):
    arrays = make_arrays(missing=0.2, n=70)
    data = as_set(arrays)
    rows = [69, 3, 3, 12, *range(20, 50)]
    ranks, among = ranks_of(data, rows, "text", ["image", "speech"], measure)
    report = evaluate(data, query="text", candidates=["image", "speech"], measure=measure)
    known = dict(zip(report.rows.tolist(), report.ranks.tolist(), strict=True))
    expected = [known.get(row, np.nan) for row in rows]
    np.testing.assert_array_equal(ranks.numpy(), expected)
    assert among == report.n < 70
    assert np.isnan(expected).any()


def test_ranks_of_one_item_that_is_not_ranked_are_no_ranks():
    arrays = make_arrays()
    arrays["text"][4] = np.nan
    ranks, among = ranks_of(as_set(arrays), [4])
    assert ranks.isnan().all()
    assert among == 49


def test_ranking_tells_how_far_it_is_and_stops_when_told(monkeypatch):
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", 16)
    data, told = as_set(make_arrays()), []
    plain, _ = ranks_of(data, range(50))
    ranks, _ = ranks_of(data, range(50), progress=told.append)
    np.testing.assert_array_equal(ranks.numpy(), plain.numpy())
    assert len(told) == 16  # four blocks of four
    np.testing.assert_allclose(
        told[:5], [16 * 16 / 2500, 16 * 32 / 2500, 16 * 48 / 2500, 16 / 50, (16 + 16 * 16 / 50) / 50]
    )
    assert told == sorted(told)
    assert told[-1] == 1

    def refuse(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ranks_of(data, range(50), progress=refuse)


def test_ranks_of_refuses_what_evaluate_refuses():
    with pytest.raises(ValueError, match="smell"):
        ranks_of(as_set(make_arrays()), [0], "text", ["smell"])
