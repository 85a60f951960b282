"""Largest singular values, beside numpy's SVD of each stack."""

import numpy as np
import pytest
import torch

from gram.geometry.singular_value import largest_singular_value, paired_largest_singular_value, prepare_principal_axes


def stacked(anchor, rows):
    units = [row / np.linalg.norm(row) for row in (anchor, *rows) if not np.isnan(row).any() and row.any()]
    return np.linalg.svd(np.array(units), compute_uv=False)[0]


@pytest.mark.parametrize("m", [1, 2, 3, 5])
@pytest.mark.parametrize(("dtype", "rel"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_it_is_numpys(m, dtype, rel):
    generator = torch.Generator().manual_seed(m)
    anchor = torch.randn(9, 12, generator=generator, dtype=dtype)
    rows = torch.randn(7, m, 12, generator=generator, dtype=dtype)
    rows[2, 0] = torch.nan
    rows[3, :] = anchor[3]  # a pole of the secular equation
    axes, squares = prepare_principal_axes(rows)
    expected = np.array([[stacked(t, each) for each in rows.double().numpy()] for t in anchor.double().numpy()])
    np.testing.assert_allclose(largest_singular_value(anchor, axes, squares).numpy(), expected, rtol=rel)
    paired = paired_largest_singular_value(anchor[:7], axes, squares)
    np.testing.assert_allclose(paired.numpy(), expected.diagonal(), rtol=rel)


def test_a_zero_anchor_contributes_nothing():
    rows = torch.eye(3, dtype=torch.float64)[None, :2]
    axes, squares = prepare_principal_axes(rows)
    assert largest_singular_value(torch.zeros(1, 3, dtype=torch.float64), axes, squares) == pytest.approx(1.0)
