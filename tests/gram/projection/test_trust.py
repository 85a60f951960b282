"""The trustworthiness of a picture, beside scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from gram.projection.trust import _picture_neighbors, trustworthiness


def unit(*shape, seed):
    return torch.nn.functional.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_trustworthiness_is_one_for_a_faithful_picture_and_about_half_for_a_random_one():
    angles = torch.rand(400, generator=torch.Generator().manual_seed(0)) * 3
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert trustworthiness(circle, circle).mean() == 1.0
    shuffled = circle[torch.randperm(400, generator=torch.Generator().manual_seed(1))]
    assert trustworthiness(circle, shuffled).mean() == pytest.approx(0.5, abs=0.06)


def test_trustworthiness_of_many_points_is_estimated_from_a_stated_sample(monkeypatch):
    monkeypatch.setattr("gram.projection.trust._MAX_POINTS", 500)
    rows = unit(900, 6, seed=0)
    trust = trustworthiness(rows, rows[:, :2])
    exact = sklearn_trustworthiness(rows.numpy(), rows[:, :2].numpy(), n_neighbors=15, metric="cosine")
    assert (trust.neighbors, len(trust.looked_at)) == (15, 500)
    assert trust.mean() == pytest.approx(exact, abs=0.02)


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


def test_more_equal_places_than_neighbours_leave_each_point_itself_out():
    rows = unit(60, 5, seed=7)
    heap = torch.zeros(60, 2)
    heap[40:] = rows[40:, :2]
    neighbors = _picture_neighbors(heap, torch.arange(60), 15)
    assert not (neighbors == torch.arange(60)[:, None]).any()
    assert all(len(set(each)) == 15 for each in neighbors.tolist())
    assert 0 <= trustworthiness(rows, heap).mean() <= 1


def test_a_point_without_a_place_does_not_stop_the_count():
    rows = unit(60, 5, seed=8)
    places = rows[:, :2].clone()
    places[3] = torch.nan
    assert trustworthiness(rows, places).mean() == pytest.approx(trustworthiness(rows, rows[:, :2]).mean(), abs=0.05)
