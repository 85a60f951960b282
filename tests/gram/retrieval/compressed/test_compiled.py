"""Compiled cosines of stored rows against numpy's, and what packing keeps of a span."""

import numpy as np
import pytest

from gram.retrieval.compressed import byte_products, codes, compiled

pytestmark = pytest.mark.skipif(not byte_products.available(), reason="this processor does not multiply bytes")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("d", [1, 7, 64, 515])
def test_cosines_of_stored_rows_are_numpys(dtype, d):
    rng = np.random.default_rng(d)
    stored = [(rng.normal(size=(40, d)) * 10.0 ** rng.integers(-2, 3, size=(40, 1))).astype(dtype) for _ in range(2)]
    stored[0][3], stored[1][5] = np.nan, 0
    query, rows = rng.normal(size=(3, d)), np.array([3, 39, 0, 5, 5])
    found = np.empty((5, 2, 3))
    compiled.stored_cosines(tuple(compiled.as_stored(each) for each in stored), rows, query, found)
    with np.errstate(invalid="ignore"):
        wide = [each[rows].astype(float) for each in stored]
        expected = [np.nan_to_num(each @ query.T / np.linalg.norm(each, axis=1, keepdims=True)) for each in wide]
    expected = np.stack(expected, axis=1)
    expected[0, 0] = np.nan
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_other_dtypes_are_not_read():
    assert compiled.as_stored(np.zeros((2, 2), dtype=np.int32)) is None


def test_packing_keeps_the_span_to_within_the_rest():
    rng = np.random.default_rng(1)
    n, m, d = 20, 2, 12
    vectors = rng.normal(size=(n, m, d))
    vectors[4, 1] = np.nan
    vectors[5, 1] = 2 * vectors[5, 0]
    stored = codes._aligned((2, m, 3, 16, 4), np.uint8)
    stored.fill(byte_products.OFFSET)
    scale, rest = np.zeros((2, 32), dtype=np.float32)
    base, inside, present = np.empty(n), np.empty((n, m, m), dtype=np.float32), np.empty((n, m), dtype=bool)
    compiled.pack(vectors, 1e-15, False, stored, scale[:n], rest[:n], base, inside, present)
    rows = (stored.transpose(0, 3, 1, 2, 4).reshape(32, m, d)[:n].astype(float) - 128) * scale[:n, None, None]
    for item in range(n):
        lengths = np.linalg.norm(vectors[item], axis=1, keepdims=True)
        if item in (4, 5):
            assert present[item].tolist() == [True, item == 5]
            assert np.abs(rows[item, 1]).max() == 0
            assert base[item] == pytest.approx(0 if item == 5 else lengths[0, 0])
            continue
        basis = np.linalg.solve(inside[item].astype(float), vectors[item] / lengths)
        np.testing.assert_allclose(basis @ basis.T, np.eye(m), atol=1e-5)
        assert np.linalg.norm(basis - rows[item], ord=2) <= rest[item] + 1e-5
        assert base[item] == pytest.approx(np.sqrt(np.linalg.det(vectors[item] @ vectors[item].T)))
