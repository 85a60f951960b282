"""Ranks computed in another process: those that this one would compute, once for all who ask."""

import numpy as np
import pandas as pd
import pytest

import gram
from app.jobs.ranking import RankingJob
from gram.errors import GramError
from gram.retrieval.evaluate import ranks_of

NAMES = ("text", "image", "speech")
ROWS = [3, 0, 30, 7]


def make_set(n=40, d=8):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, d))
    vectors = {name: (shared + 2 * rng.normal(size=(n, d))).astype(np.float32) for name in NAMES}
    vectors["speech"][7] = np.nan
    return gram.EmbeddingSet(modalities=vectors, items=pd.DataFrame({"id": range(n)}), info={"anchor": "text"})


def start(done, *, candidates=NAMES[1:], measure="volume", identity="a", device="cpu"):
    options = {"identity": identity, "on_done": lambda *found: done.append(found), "device": device}
    return RankingJob(make_set(), ROWS, candidates, measure, **options)


@pytest.mark.parametrize(
    ("candidates", "measure"), [(NAMES[1:], "volume"), (("image",), "cosine"), (NAMES[1:], "triangle")]
)
def test_ranks_are_those_of_the_same_call_here(candidates, measure):
    done = []
    start(done, candidates=candidates, measure=measure).wait()
    [(ranks, among)] = done
    expected, expected_among = ranks_of(make_set(), ROWS, candidates=candidates, measure=measure, device="cpu")
    np.testing.assert_array_equal(ranks, expected.numpy())
    assert among == expected_among


def test_the_same_ranking_is_computed_once_and_another_sets_is_not_it():
    done = []
    jobs = [start(done), start(done), start(done, identity="b")]
    for job in jobs:
        job.wait()
    assert len(done) == 2


def test_a_ranking_that_fails_says_why():
    with pytest.raises(GramError, match=r"ranking failed: .*device"):
        start([], device="none").wait()
