"""Exact neighbours by cosine, beside brute force, and the sample that UMAP is fitted on."""

import numpy as np
import pytest
import torch

from gram.projection.umap import nearest_by_cosine


def unit(*shape, seed):
    return torch.nn.functional.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_neighbours_are_exact_and_start_with_the_point_itself():
    rows = unit(700, 8, seed=3)
    indices, distances = nearest_by_cosine(rows, 6)
    truth = 1 - rows.double().numpy() @ rows.double().numpy().T
    np.fill_diagonal(truth, -1)
    order = np.argsort(truth, axis=1)[:, :6]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(distances[:, 0], 0)
    np.testing.assert_allclose(distances[:, 1:], np.take_along_axis(truth, order, 1)[:, 1:], atol=1e-6)


@pytest.mark.parametrize(("rows", "gallery"), [(5003, None), (300, 9001), (70, 4032)])
def test_neighbours_among_many_are_those_of_brute_force(rows, gallery):
    asked = unit(rows, 12, seed=4)
    among = None if gallery is None else unit(gallery, 12, seed=5)
    indices, distances = nearest_by_cosine(asked, 15, among=among)
    truth = 1 - asked.double().numpy() @ (asked if among is None else among).double().numpy().T
    if among is None:
        np.fill_diagonal(truth, 0)
    np.testing.assert_allclose(distances, np.sort(np.partition(truth, 15, axis=1)[:, :15], axis=1), atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(truth, indices, axis=1), distances, atol=1e-6)
    assert all(len(set(row)) == 15 for row in indices)
