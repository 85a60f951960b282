"""Orthonormal bases and distances from spans, beside numpy's QR in float64."""

import numpy as np
import pytest
import torch

from gram.geometry.orthonormal import (
    blocks,
    missing_rows,
    orthonormalize,
    paired_distances,
    pairwise_distances,
    tolerance,
    unit_rows,
)


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def qr_distance(vector, rows):
    q, _ = np.linalg.qr(rows.T)
    return np.linalg.norm(vector - q @ (q.T @ vector))


def test_the_basis_is_orthonormal_and_gives_the_rows_back():
    rows = random(20, 4, 9)
    found = orthonormalize(rows)
    torch.testing.assert_close(found.basis @ found.basis.mT, torch.eye(4).double().expand(20, 4, 4))
    torch.testing.assert_close(found.lower @ found.basis, rows)
    torch.testing.assert_close(found.lower, found.lower.tril())
    torch.testing.assert_close(found.volume, torch.linalg.det(rows @ rows.mT).sqrt())


@pytest.mark.parametrize("shift", [1e-3, 1e-7, 1e-12])
def test_nearly_dependent_rows_keep_an_orthonormal_basis(shift):
    rows = random(50, 3, 30)
    rows[:, 1] = rows[:, 0] + shift * rows[:, 1]
    basis = orthonormalize(rows).basis
    assert ((basis @ basis.mT) - torch.eye(3)).abs().max() < 1e-14


def test_dependent_and_missing_rows_have_no_direction_and_later_rows_keep_theirs():
    rows = random(4, 5)
    rows[1] = 2 * rows[0]
    rows[2] = torch.nan
    found = orthonormalize(rows)
    assert (found.basis[1:3] == 0).all()
    assert found.lengths[1] == 0
    assert found.lengths[2] == 1
    expected = qr_distance(rows[3].numpy(), rows[:1].numpy())
    assert found.lengths[3] == pytest.approx(expected, rel=1e-12)


def test_the_pullback_solves_with_the_transposed_triangle():
    rows, gradient = random(6, 3, 8), random(6, 3, 8, seed=1)
    found = orthonormalize(rows)
    expected = torch.linalg.solve_triangular(found.lower.mT, gradient, upper=True)
    torch.testing.assert_close(found.pullback(gradient), expected)
    assert torch.equal(gradient, random(6, 3, 8, seed=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distances_are_those_of_qr_row_by_row_and_for_all_pairs(dtype):
    vectors, rows = random(12, 10, dtype=dtype), random(7, 3, 10, seed=1, dtype=dtype)
    basis, limit = orthonormalize(rows).basis, tolerance(4, dtype)
    expected = np.array([[qr_distance(t, m) for m in rows.double().numpy()] for t in vectors.double().numpy()])
    rel = 1e-5 if dtype == torch.float32 else 1e-12
    np.testing.assert_allclose(pairwise_distances(vectors, basis, limit).numpy(), expected, rtol=rel)
    np.testing.assert_allclose(paired_distances(vectors[:7], basis, limit).numpy(), expected.diagonal(), rtol=rel)


def test_small_heights_are_recomputed_from_residuals():
    rows = random(40, 2, 16, dtype=torch.float32)
    vectors = random(40, 16, seed=1, dtype=torch.float32)
    vectors[:3] = rows[:3, 0] + 1e-5 * vectors[:3]
    basis = orthonormalize(rows).basis
    expected = [qr_distance(t, m) for t, m in zip(vectors[:3].double().numpy(), rows[:3].double().numpy())]
    found = pairwise_distances(vectors, basis, tolerance(3, torch.float32)).diagonal()[:3]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_points_move_the_spans_and_out_takes_the_result():
    rows, vectors = random(5, 2, 9), random(6, 9, seed=1)
    basis = orthonormalize(rows).basis
    points = random(5, 9, seed=2)
    points -= torch.einsum("nmd,nm->nd", basis, torch.einsum("nmd,nd->nm", basis, points))
    out = torch.full((6, 5), 7.0, dtype=torch.float64)
    assert pairwise_distances(vectors, basis, 0.0, points, out=out) is out
    expected = np.array([[qr_distance((t - p).numpy(), m.numpy()) for m, p in zip(rows, points)] for t in vectors])
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-9)


def test_unit_rows_and_missing_rows():
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0], [torch.nan, torch.nan], [torch.nan, 1.0]])
    assert torch.equal(unit_rows(rows)[:2], torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    assert missing_rows(rows).tolist() == [False, False, True, False]


def test_blocks_cover_everything_once_and_hold_at_least_the_smallest():
    cpu = torch.device("cpu")
    cut = list(blocks(1000, 1 << 20, cpu, smallest=64))
    assert [number for block in cut for number in range(1000)[block]] == list(range(1000))
    assert {block.stop - block.start for block in cut[:-1]} == {64}
    assert list(blocks(10, 1, cpu)) == [slice(0, 10)]
