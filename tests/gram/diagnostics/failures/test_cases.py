"""Cases against brute force in numpy: every column, samples, blocks, missing modalities, what is refused."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import gram
from gram import EmbeddingSet, EmbeddingSetError
from gram.diagnostics import CAUSES, find_cases
from tests.helpers import made_sets, oracle

MEASURES = ["volume", "height", "cosine", "centroid", "pairwise-mean"]


@pytest.mark.parametrize("measure", MEASURES)
def test_every_number_is_that_of_brute_force(measure):
    arrays = made_sets.sound(noise=0.8)
    cases = find_cases(made_sets.as_set(arrays), measure=measure)
    table, scores = cases.table, made_sets.matrix(measure, arrays)
    n, own = len(scores), np.arange(len(scores))
    ranks, winners = made_sets.ranks(scores), made_sets.winners(scores)
    assert table["rank"].tolist() == ranks.tolist()
    assert table["right"].tolist() == (ranks == 1).tolist()
    assert 3 < table["right"].sum() < n - 3
    assert table["winner"].tolist() == [f"i{row}" for row in winners]
    assert table["winner_label"].tolist() == [f"item {row}" for row in winners]
    assert table["margin"].to_numpy() == pytest.approx(scores[own, own] - scores[own, winners], abs=1e-12)
    firsts = np.bincount(np.where(ranks == 1, own, winners), minlength=n)
    assert table["winner_occurrences"].tolist() == firsts[winners].tolist()
    assert cases.statistics.top1_counts.tolist() == firsts.tolist()
    for column, rows in (("true", own), ("winner", winners)):
        pairs = [np.stack([arrays[name][row] for name in made_sets.NAMES[1:]]).astype(float) for row in rows]
        assert table[f"base_{column}"].to_numpy() == pytest.approx([oracle.volume(pair) for pair in pairs], abs=1e-12)
        heights = [oracle.span_distance(anchor, pair) for anchor, pair in zip(arrays["text"].astype(float), pairs)]
        assert table[f"height_{column}"].to_numpy() == pytest.approx(heights, abs=1e-12)
    assert (cases.query, cases.candidates, cases.gallery, cases.left_out) == ("text", ("image", "speech"), n, 0)
    assert not cases.sampled


@pytest.mark.parametrize("measure", MEASURES)
def test_ranks_after_single_changes_are_those_of_brute_force(measure):
    arrays = made_sets.sound(noise=0.8)
    table = find_cases(made_sets.as_set(arrays), measure=measure).table
    assert table["rank_by_height"].tolist() == made_sets.ranks(made_sets.matrix("height", arrays)).tolist()
    for name, other in (("image", "speech"), ("speech", "image")):
        alone = made_sets.ranks(made_sets.matrix(measure, arrays, names=[other]))
        assert table[f"without_{name}"].tolist() == alone.tolist()
    if measure != "volume":
        assert table["rank_same_base"].isna().all()
        return
    scores, expected = made_sets.matrix("volume", arrays), []
    for row, winner in enumerate(made_sets.winners(scores)):
        changed = scores[row].copy()
        changed[winner] = -table["base_true"][row] * table["height_winner"][row]
        expected.append(made_sets.ranks(np.stack([changed] * len(scores)))[row])
    assert table["rank_same_base"].tolist() == expected
    assert (table["rank_same_base"] != table["rank"]).sum() > 3


@pytest.mark.parametrize("measure", gram.measures.names(3))
def test_ranks_are_those_of_evaluate(measure):
    s = made_sets.as_set(made_sets.sound(noise=1.0, n=60))
    cases, report = find_cases(s, "image", ["speech", "text"], measure), gram.evaluate(s, "image", measure=measure)
    assert cases.table["rank"].tolist() == report.ranks.tolist()
    assert set(cases.table["cause"]) <= set(CAUSES)
    assert cases.table["without_text"].isna().all() == (measure == "triangle")  # it is defined for three vectors only
    assert sum(cases.counts.values()) == len(cases) == 60
    assert cases.failures["rank"].tolist() == [rank for rank in report.ranks.tolist() if rank != 1]


@pytest.mark.parametrize("measure", MEASURES)
def test_blocks_do_not_matter(measure, monkeypatch):
    arrays = made_sets.sound(noise=1.0, n=50)
    arrays["image"][9] = arrays["image"][31]
    arrays["speech"][9] = arrays["speech"][31]
    whole = find_cases(made_sets.as_set(arrays), measure=measure).table
    for module in ("retrieval.scoring", "diagnostics.failures.statistics"):
        monkeypatch.setattr(f"gram.{module}.BLOCK", 7)
    parts = find_cases(made_sets.as_set(arrays), measure=measure).table
    exact = [column for column in whole if whole[column].dtype.kind != "f" or "rank" in column or "without" in column]
    assert whole[exact].equals(parts[exact])
    assert parts["margin"].to_numpy() == pytest.approx(whole["margin"].to_numpy(), abs=1e-11)


@pytest.mark.parametrize("measure", ["volume", "cosine", "pairwise-mean"])
def test_items_that_lack_something_are_ranked_by_the_rest(measure):
    arrays = made_sets.sound(noise=0.6, n=60)
    rng = np.random.default_rng(3)
    for name in made_sets.NAMES:
        arrays[name][rng.random(60) < 0.2] = np.nan
    cases = find_cases(made_sets.as_set(arrays), measure=measure)
    lacks = {name: np.isnan(array[:, 0]) for name, array in arrays.items()}
    kept = np.flatnonzero(~lacks["text"] & ~(lacks["image"] & lacks["speech"]))
    assert cases.left_out == 60 - len(kept) > 5
    assert cases.table["id"].tolist() == [f"i{row}" for row in kept]
    there = {name: array[kept] for name, array in arrays.items()}
    assert cases.table["rank"].tolist() == made_sets.ranks(made_sets.matrix(measure, there)).tolist()
    for name, other in (("image", "speech"), ("speech", "image")):
        alone = made_sets.ranks(made_sets.matrix(measure, there, names=[other]))
        assert cases.table[f"without_{name}"].to_numpy() == pytest.approx(alone, nan_ok=True)
        assert np.isnan(alone).sum() == lacks[other][kept].sum() > 3


def test_one_candidate():
    arrays = made_sets.sound(noise=1.0)
    table = find_cases(made_sets.as_set(arrays), "text", ["image"]).table
    assert table["without_image"].isna().all()
    assert table["rank"].tolist() == made_sets.ranks(made_sets.matrix("volume", arrays, names=["image"])).tolist()
    assert table["base_true"].to_numpy() == pytest.approx(np.ones(40), abs=1e-6)
    assert set(table["cause"]) == {"right", "several"}


def test_a_sample_of_queries_is_ranked_against_all():
    s = made_sets.as_set(made_sets.sound(noise=0.8, n=50))
    whole, some = find_cases(s), find_cases(s, sample=20, seed=3)
    assert some.sampled
    assert (len(some), some.gallery) == (20, 50)
    rows = whole.table.set_index("id").loc[some.table["id"]]
    for column in ("rank", "winner", "without_image", "rank_same_base"):
        assert some.table[column].tolist() == rows[column].tolist()
    assert some.table["id"].tolist() == [item for item in whole.table["id"] if item in set(some.table["id"])]
    assert some.statistics.asked == some.statistics.top1_counts.sum() == 20
    assert find_cases(s, sample=20, seed=3).table.equals(some.table)
    assert find_cases(s, sample=20, seed=4).table["id"].tolist() != some.table["id"].tolist()


def test_what_items_are_called():
    arrays = made_sets.sound(n=6)
    named = find_cases(made_sets.as_set(arrays, split=["a", "b"] * 3)).table
    assert named["split"].tolist() == ["a", "b"] * 3
    plain = EmbeddingSet(arrays, made_sets.as_set(arrays).items[["id"]])
    table = find_cases(plain).table
    assert table["label"].tolist() == table["id"].tolist() == [f"i{row}" for row in range(6)]
    assert table["winner_label"].tolist() == table["winner"].tolist()
    assert set(table["split"]) == {""}


def test_half_precision_is_ranked_as_stored():
    arrays = made_sets.sound(noise=0.8, dtype=np.float16)
    table = find_cases(made_sets.as_set(arrays)).table
    assert table["rank"].tolist() == made_sets.ranks(made_sets.matrix("volume", arrays)).tolist()


def test_progress_goes_to_the_end():
    told = []
    find_cases(made_sets.as_set(made_sets.sound()), progress=lambda share, stage: told.append((share, stage)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert "ranking without image" in {stage for _, stage in told}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": "video"}, "'video' is not in this set"),
        ({"candidates": ["text"]}, "query: 'text' is also a candidate"),
        ({"measure": "area"}, "measure: expected one of"),
        ({"measure": "triangle", "candidates": ["image"]}, "triangle needs 2 candidate modalities"),
        ({"device": "abacus"}, "device: 'abacus' is not available"),
        ({"sample": 0}, "sample: expected at least 1, got 0"),
    ],
)
def test_arguments_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        find_cases(made_sets.as_set(made_sets.sound()), **options)


def test_a_failure_takes_two_items():
    arrays = made_sets.sound(n=3)
    arrays["text"][1:] = np.nan
    with pytest.raises(
        EmbeddingSetError, match="only one item has text together with image or speech; a failure takes two"
    ):
        find_cases(made_sets.as_set(arrays))


def test_the_set_is_left_as_it_is():
    s = made_sets.as_set(made_sets.sound(noise=0.8))
    before = {name: rows.clone() for name, rows in s.modalities.items()}
    find_cases(s, measure="cosine")
    assert all(torch.equal(before[name], s.modalities[name]) for name in before)


MEMORY = """
import numpy as np, pandas as pd
import gram, gram.retrieval.scoring
gram.retrieval.scoring.BLOCK = 256
from gram.diagnostics import find_cases
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
def make(n):
    rng = np.random.default_rng(0)
    arrays = {m: rng.normal(size=(n, 16)).astype(np.float32) for m in ("text", "image", "speech")}
    return gram.EmbeddingSet(arrays, pd.DataFrame({"id": range(n)}))
find_cases(make(1000), sample=600)
before = peak()
find_cases(make(12000), sample=600)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a process from /proc")
def test_memory_is_that_of_one_block():
    in_use = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}  # freed memory goes back to the system
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, env={**os.environ, **in_use}
    )
    assert float(done.stdout) < 30  # MB; the scores of all pairs would take 57 MB


def test_a_winner_as_high_ties_once_its_base_is_the_true_items():
    x, y, _ = np.eye(3, dtype=np.float32)
    query = np.array([0.5, 0, np.sqrt(0.75)], np.float32)  # as high over the plane of x and y whoever spans it
    arrays = {
        "text": np.stack([query, x]),
        "image": np.stack([x, x]),
        "speech": np.stack([y, made_sets.unit(2 * x + y)]),
    }
    case = find_cases(made_sets.as_set(arrays)).table.loc[0]
    assert (case["rank"], case["rank_same_base"]) == (2, 1.5)


@pytest.mark.parametrize(("n", "turned"), [(9, ()), (10, ("image",))])
def test_a_modality_counts_as_turned_from_ten_items_on(n, turned):
    arrays = made_sets.sound(n=n, noise=0.1)
    arrays["image"] = -arrays["image"]
    assert find_cases(made_sets.as_set(arrays)).statistics.sign_flipped == turned
