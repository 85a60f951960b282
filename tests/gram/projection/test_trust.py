"""Neighbours by cosine and the trustworthiness of a picture, beside brute force and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from gram.projection.trust import nearest_by_cosine, trustworthiness


def unit(*shape, seed):
    return torch.nn.functional.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_trustworthiness_is_one_for_a_faithful_picture_and_about_half_for_a_random_one():
    angles = torch.rand(400, generator=torch.Generator().manual_seed(0)) * 3
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert trustworthiness(circle, circle).mean() == 1.0
    shuffled = circle[torch.randperm(400, generator=torch.Generator().manual_seed(1))]
    assert trustworthiness(circle, shuffled).mean() == pytest.approx(0.5, abs=0.06)


def test_trustworthiness_of_many_points_is_estimated_from_a_stated_sample(monkeypatch):
    monkeypatch.setattr("gram.projection.trust._TRUST_POINTS", 500)
    rows = unit(900, 6, seed=0)
    trust = trustworthiness(rows, rows[:, :2])
    exact = sklearn_trustworthiness(rows.numpy(), rows[:, :2].numpy(), n_neighbors=15, metric="cosine")
    assert (trust.neighbors, len(trust.looked_at)) == (15, 500)
    assert trust.mean() == pytest.approx(exact, abs=0.02)


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


@pytest.mark.parametrize("picture", ["good", "half", "random"])
def test_trustworthiness_of_many_points_is_scikit_learns_in_good_and_bad_pictures(picture):
    rng = np.random.default_rng(6)
    centres = 4 * rng.normal(size=(30, 8))
    rows = centres[rng.integers(30, size=4500)] + rng.normal(size=(4500, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    places = {"good": rows[:, :3], "half": rows[:, :1], "random": rng.normal(size=(4500, 2)).astype(np.float32)}[
        picture
    ]
    expected = sklearn_trustworthiness(rows, places, n_neighbors=15, metric="cosine")
    found = trustworthiness(torch.from_numpy(rows), torch.from_numpy(places))
    assert found.mean() == pytest.approx(expected, abs=1e-5)
