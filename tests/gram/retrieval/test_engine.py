"""Two ways to the same hits and rankings: every candidate scored, and bounds first."""

import numpy as np
import pytest
import torch

from gram import measures
from gram.retrieval import engine as subject
from gram.retrieval.compressed.codes import SpanCodes
from gram.retrieval.engine import Engine
from gram.retrieval.scoring import Candidates, score_all

N, D = 3000, 16


@pytest.fixture(scope="module")
def codes():
    rng = np.random.default_rng(0)
    return SpanCodes(Candidates([torch.from_numpy(rng.normal(size=(N, D)).astype(np.float32)) for _ in range(2)]))


def queries(count):
    return torch.from_numpy(np.random.default_rng(1).normal(size=(count, D)))


@pytest.mark.parametrize("measure", ["volume", "cosine", "pairwise-mean", "singular"])
@pytest.mark.parametrize("count", [1, 20])
def test_both_ways_give_the_same_hits(codes, measure, count):
    plain, compressed = (Engine(measures.get(measure), codes, way) for way in (False, True))
    assert compressed.compressed <= measures.get(measure).can_bound
    asked = queries(count)
    expected, found = plain.hits(asked, 25), compressed.hits(asked, 25)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6)
    for row, query in zip(expected[0], asked[:2]):
        scores = score_all(measure, query[None], codes.candidates)
        assert row.tolist() == np.argsort(-scores, kind="stable")[:25].tolist()


@pytest.mark.parametrize("way", [False, True])
def test_a_prepared_gallery_is_read_no_more(way, monkeypatch):
    rng = np.random.default_rng(0)
    candidates = Candidates([torch.from_numpy(rng.normal(size=(N, D)).astype(np.float32)) for _ in range(2)])
    engine, shares = Engine(measures.get("volume"), SpanCodes(candidates), way), []
    engine.prepare(lambda share, stage="": shares.append(share))
    assert (not shares) != engine.compressed
    monkeypatch.setattr(subject.SpanCodes, "_pack", lambda self, progress: pytest.fail("read again"))
    monkeypatch.setattr(Candidates, "prepare_blocks", lambda *args: pytest.fail("read again"))
    assert engine.hits(queries(1), 3)[0].shape == (1, 3)


def test_a_query_that_is_asked_again_is_known(codes):
    engine = Engine(measures.get("volume"), codes, False)
    first = engine.ranking(queries(1), lambda share, stage="": None)
    assert engine.ranking(queries(1), lambda share, stage="": pytest.fail("read again")) is first


def test_scales_are_kept_for_queries_of_the_same_lengths(codes, monkeypatch):
    asked = []
    monkeypatch.setattr(subject, "score_scale", lambda *args: asked.append(args) or torch.tensor(1.0))
    engine, unit = Engine(measures.get("volume"), codes, False), torch.nn.functional.normalize(queries(4), dim=1)
    for query in (*unit, 2 * unit[0]):
        engine.hits(query[None], 3)
    assert len(asked) == 2


def test_more_candidates_than_are_kept_are_prepared_anew(codes, monkeypatch):
    kept = Engine(measures.get("volume"), codes, False)
    monkeypatch.setattr(subject, "KEPT", 0)
    anew = Engine(measures.get("volume"), codes, False)
    np.testing.assert_array_equal(kept.hits(queries(3), 9)[0], anew.hits(queries(3), 9)[0])
    assert anew._prepared is None
