"""Search of compressed items: its bounds, and that hits are those of brute force in float64, on many kinds of sets."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from numba.core.codegen import get_host_cpu_features

from gram import EmbeddingSet, Index, measures
from gram.retrieval.compressed import codes as _compressed
from gram.retrieval.compressed.codes import SpanCodes
from gram.retrieval.scoring import Candidates
from tests.helpers import oracle

pytestmark = pytest.mark.skipif(
    not _compressed.supports(measures.get("volume"), Candidates([torch.zeros(1, 8)])),
    reason="this processor does not multiply bytes: every search is the plain one",
)
AVX2_ALONE = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
NAMES = ("image", "speech", "tones", "video")
N, D = 700, 24


def units(rng, *shape):
    vectors = rng.normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random(rng, m):
    return units(rng, m, N, D)


def clustered(rng, m):
    return np.stack([units(rng, 9, D)[rng.integers(0, 9, N)] + 0.02 * rng.normal(size=(N, D)) for _ in range(m)])


def with_hubs(rng, m):
    vectors = units(rng, m, N, D)
    vectors[-1, ::25] = vectors[0, ::25] + 10.0 ** rng.uniform(-4, -1, (N // 25, 1)) * units(rng, N // 25, D)
    return vectors


def nearly_collinear(rng, m):
    return units(rng, 1, N, D) + 1e-3 * units(rng, m, N, D)


def in_a_cone(rng, m):
    return units(rng, D) + 0.05 * rng.normal(size=(m, N, D))


def duplicated(rng, m):
    return units(rng, m, N // 7, D)[:, rng.integers(0, N // 7, N)]


def of_unlike_lengths(rng, m):
    return units(rng, m, N, D) * 10.0 ** rng.uniform(-3, 3, (m, N, 1))


def along_axes(rng, m):
    return np.eye(D)[rng.integers(0, D, (m, N))] + 1e-2 * rng.normal(size=(m, N, D)) * (rng.random((m, N, D)) < 0.1)


def all_as_good(rng, m):
    """Items at the same distance from the first axis, which the tests ask for: bounds of all hold the same value."""
    vectors = units(rng, m, N, D)
    vectors[..., 0] = 0
    first = vectors[0] / np.linalg.norm(vectors[0], axis=-1, keepdims=True)
    vectors[0] = 0.8 * first
    vectors[0, :, 0] = 0.6
    return vectors


KINDS = [
    random, clustered, with_hubs, nearly_collinear, in_a_cone, duplicated, of_unlike_lengths, along_axes, all_as_good
]  # fmt: skip


def make_set(vectors, dtype=np.float32):
    modalities = {name: torch.from_numpy(rows.astype(dtype)) for name, rows in zip(NAMES, vectors)}
    return EmbeddingSet(modalities=modalities, items=pd.DataFrame({"id": range(len(vectors[0]))}))


def brute_force(measure, queries, vectors):
    """Volumes or heights (q, n) by LAPACK's QR in float64, of the candidates' vectors and then with the query."""
    rows = np.stack([np.asarray(each, dtype=np.float64) for each in vectors], axis=1)
    scores = np.empty((len(queries), len(rows)))
    for at, query in enumerate(np.asarray(queries, dtype=np.float64)):
        whole = np.concatenate([rows, np.broadcast_to(query, (len(rows), 1, len(query)))], axis=1)
        factor = np.abs(np.diagonal(np.linalg.qr(whole.transpose(0, 2, 1), mode="r"), axis1=1, axis2=2))
        scores[at] = -factor[:, -1] if measure == "height" else -factor.prod(axis=1)
    return -((-scores) ** (1 / whole.shape[1])) if measure == "normalized-volume" else scores


def check_identical(hits, expected, k, power=1):
    """Same items in the same order, but for those whose scores, to a power, differ by less than float64 can tell."""
    expected, scores = -((-expected) ** power), -((-np.asarray(hits.scores)) ** power)
    order = np.argsort(-expected, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(expected, order, axis=1)
    found = np.take_along_axis(expected, np.asarray(hits.indices), axis=1)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, best, rtol=1e-9, atol=1e-12 * scale)
    np.testing.assert_allclose(scores, best, rtol=1e-6, atol=1e-6 * scale)
    assert all(len(set(row)) == k for row in np.asarray(hits.indices).tolist())


def ask(kind, m, seed=0):
    rng = np.random.default_rng(seed)
    vectors = kind(rng, m).astype(np.float32)
    near = vectors[0, rng.integers(0, len(vectors[0]), 6)] + 0.1 * rng.normal(size=(6, vectors.shape[-1]))
    queries = np.concatenate([np.eye(vectors.shape[-1])[:1], units(rng, 12, vectors.shape[-1]), near])
    return vectors, queries.astype(np.float32)


@pytest.mark.parametrize("measure", ["volume", "height", "normalized-volume"])
@pytest.mark.parametrize("kind", KINDS)
def test_hits_are_those_of_brute_force(kind, measure):
    vectors, queries = ask(kind, 2)
    index = Index(make_set(vectors), NAMES[:2], measure, compressed=True)
    expected = brute_force(measure, queries, vectors)
    power = 3 if measure == "normalized-volume" else 1  # a root makes a lot of what rounding leaves of 0
    check_identical(index.search(queries, k=10), expected, 10, power)
    check_identical(index.search(queries[3], k=10), expected[3:4], 10, power)
    assert index._engine.compressed


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("d", [5, 24, 130])
def test_any_number_of_modalities_and_of_dimensions(m, d):
    rng = np.random.default_rng(m * d)
    vectors, queries = units(rng, m, 333, d).astype(np.float32), units(rng, 17, d).astype(np.float32)
    hits = Index(make_set(vectors), NAMES[:m], compressed=True).search(queries, k=7)
    check_identical(hits, brute_force("volume", queries, vectors), 7)


def test_bounds_are_narrow_enough_to_leave_few():
    rng = np.random.default_rng(3)
    vectors = [torch.from_numpy(units(rng, 20_000, 128).astype(np.float32)) for _ in range(2)]
    codes = SpanCodes(Candidates(vectors))
    codes.pack()
    found = codes.likely_best(torch.from_numpy(units(rng, 32, 128)), 10, by_base=True, scale=1.0)
    assert all(len(items) < 200 for items, _ in found)


def test_equal_items_rank_by_row():
    rng = np.random.default_rng(4)
    vectors = np.repeat(units(rng, 2, 40, D), 50, axis=1)[:, rng.permutation(2000)].astype(np.float32)
    queries = units(rng, 5, D).astype(np.float32)
    hits = Index(make_set(vectors), NAMES[:2], compressed=True).search(queries, k=120)
    expected = np.round(brute_force("volume", queries, vectors), 9)
    assert np.array_equal(hits.indices, np.argsort(-expected, axis=1, kind="stable")[:, :120])


def test_items_whose_own_vectors_are_dependent_come_first_by_row():
    rng = np.random.default_rng(5)
    vectors = units(rng, 2, 9000, D).astype(np.float32)
    vectors[1, 17::3] = vectors[0, 17::3]
    hits = Index(make_set(vectors), NAMES[:2], compressed=True).search(units(rng, 20, D).astype(np.float32), k=30)
    assert (hits.indices == np.arange(17, 17 + 90, 3)).all()
    assert (hits.scores == 0).all()


@pytest.mark.parametrize("threads", [1, 3])
def test_items_in_the_worst_order_and_by_threads(threads):
    rng = np.random.default_rng(6)
    vectors, queries = units(rng, 2, 20_000, 32).astype(np.float32), units(rng, 3, 32).astype(np.float32)
    expected = brute_force("volume", queries[:1], vectors)[0]
    vectors = vectors[:, np.argsort(expected)]  # the best last: every item looks promising when it is met
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        hits = Index(make_set(vectors), NAMES[:2], compressed=True).search(queries, k=10)
    finally:
        torch.set_num_threads(before)
    check_identical(hits, brute_force("volume", queries, vectors), 10)


def test_queries_that_bounds_do_not_help_are_searched_plainly(monkeypatch):
    monkeypatch.setattr(_compressed, "_ROOM", 64)
    vectors, queries = ask(all_as_good, 1)
    index = Index(make_set(vectors), NAMES[:1], compressed=True)
    hits = index.search(queries, k=10)
    likely = index._engine.codes.likely_best(torch.from_numpy(queries).double(), 10, by_base=True, scale=1.0)
    assert likely[0] is None
    expected = brute_force("volume", queries, vectors)
    found = np.take_along_axis(expected, hits.indices, axis=1)
    np.testing.assert_allclose(found, -np.sort(-expected, axis=1)[:, :10], atol=1e-5)


def test_a_query_of_zeros_and_more_hits_than_items():
    vectors, queries = ask(random, 2)
    index = Index(make_set(vectors[:, :40]), NAMES[:2], compressed=True)
    nothing = index.search(np.zeros((2, D), dtype=np.float32), k=3)
    assert (nothing.indices == [0, 1, 2]).all()
    assert (nothing.scores == 0).all()
    hits = index.search(queries, k=500)
    assert hits.indices.shape == (len(queries), 40)
    check_identical(hits, brute_force("volume", queries, vectors[:, :40]), 40)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_storage_searches_the_rounded_vectors(dtype):
    vectors, queries = ask(random, 2)
    hits = Index(make_set(vectors), NAMES[:2], dtype=dtype, compressed=True).search(queries, k=10)
    rounded = [torch.from_numpy(rows).to(dtype).double().numpy() for rows in vectors]
    check_identical(hits, brute_force("volume", queries, rounded), 10)


@pytest.mark.parametrize(("measure", "scanned"), [("volume", True), ("height", True), ("normalized-volume", False)])
def test_missing_modalities_are_left_out(measure, scanned):
    vectors, queries = ask(random, 2)
    rng = np.random.default_rng(7)
    for rows in vectors:
        rows[rng.random(N) < 0.3] = np.nan
    index = Index(make_set(vectors), NAMES[:2], measure, compressed=True)
    hits = index.search(queries[:4], k=10)
    assert (index._engine.codes.power(index._measure) is not None) == scanned
    there = ~np.isnan(vectors[..., 0]).all(axis=0)
    expected = np.full((4, N), -np.inf)
    for at, item in itertools.product(range(4), there.nonzero()[0]):
        kept = vectors[:, item][~np.isnan(vectors[:, item, 0])]
        score = oracle.pair_score("height" if measure == "height" else "volume", queries[at], kept)
        expected[at, item] = -((-score) ** (1 / (1 + len(kept)))) if measure == "normalized-volume" else score
    found = np.take_along_axis(expected, hits.indices, axis=1)
    np.testing.assert_allclose(found, -np.sort(-expected, axis=1)[:, :10], atol=1e-12)


def test_many_items_are_compressed_and_few_are_not(monkeypatch):
    vectors, queries = ask(random, 2)
    few, plain = Index(make_set(vectors), NAMES[:2]), Index(make_set(vectors), NAMES[:2], compressed=False)
    monkeypatch.setattr("gram.retrieval.engine.COMPRESSED_FROM", N)
    many, other = Index(make_set(vectors), NAMES[:2]), Index(make_set(vectors), NAMES[:2], "singular")
    hits = [index.search(queries, k=5) for index in (few, plain, many, other)]
    assert [index._engine.compressed for index in (few, plain, many, other)] == [False, False, True, False]
    assert np.array_equal(hits[0].indices, hits[2].indices)
    assert np.array_equal(hits[0].scores, hits[2].scores)


def test_processors_that_do_not_multiply_bytes_and_many_hits_search_plainly(monkeypatch):
    vectors, queries = ask(random, 2)
    expected = brute_force("volume", queries, vectors)
    monkeypatch.setattr("gram.retrieval.engine.LARGEST_K", 9)
    check_identical(Index(make_set(vectors), NAMES[:2], compressed=True).search(queries, k=10), expected, 10)
    monkeypatch.setattr("gram.retrieval.compressed.byte_products.available", lambda: False)
    index = Index(make_set(vectors), NAMES[:2], compressed=True)
    check_identical(index.search(queries, k=10), expected, 10)
    assert not index._engine.compressed


@pytest.mark.timeout(600)
@pytest.mark.skipif("NUMBA_CPU_FEATURES" in os.environ, reason="this is the run for one kind of processor")
def test_all_of_this_holds_with_avx2_alone():
    if "+avx2" not in get_host_cpu_features().split(","):
        pytest.skip("this processor lacks AVX2")
    code = "from gram.retrieval.compressed import byte_products; print(byte_products._INSTRUCTION.name)"
    environment = {**os.environ, **AVX2_ALONE}
    run = {"capture_output": True, "text": True, "env": environment}
    assert subprocess.run([sys.executable, "-c", code], **run).stdout.strip() == "llvm.x86.avx2.pmadd.wd"
    tests = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    done = subprocess.run(tests, **run)
    assert done.returncode == 0, done.stdout
    assert " passed, 1 skipped" in done.stdout
