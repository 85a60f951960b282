"""MATLAB files: which side of a view counts the items, labels and truth values."""

import numpy as np
import pytest
import scipy.io

from gram.data.importers import inspect, read


@pytest.mark.parametrize("shapes", [((9, 4), (4, 7)), ((4, 9), (7, 4)), ((9, 4), (7, 4))])
def test_which_side_of_a_view_is_the_items(shapes, tmp_path):
    rng = np.random.default_rng(0)
    views = {f"X{i}": rng.normal(size=shape) for i, shape in enumerate(shapes)}
    scipy.io.savemat(tmp_path / "a.mat", views)
    features = read(inspect(tmp_path / "a.mat"))
    assert features.sizes == {"X0": 9, "X1": 7}
    for name, view in views.items():
        turned = view if len(view) == 4 else view.T
        np.testing.assert_allclose(features.modalities[name].numpy(), turned, rtol=1e-6)


def test_labels_tell_the_sides_apart(tmp_path):
    views = {"X1": np.ones((4, 9)), "X2": np.ones((4, 9)), "gt": np.arange(9)}
    scipy.io.savemat(tmp_path / "a.mat", views)
    found = inspect(tmp_path / "a.mat")
    assert (found.n, found.roles.label) == (9, "gt")
    del views["gt"]
    scipy.io.savemat(tmp_path / "a.mat", views)
    found = inspect(tmp_path / "a.mat")
    assert found.n == 4
    assert "Every view is 4 x 9, so either side could count the items; the rows are taken." in found.notes


def test_texts_and_truths_of_matlab(tmp_path):
    names = np.empty((3, 1), object)
    names[:, 0] = ["one", "", "drei é"]
    content = {
        "X": np.eye(3, 2) + 1,
        "label": names,
        "id": np.array(["a ", "bb", "c "]),
        "X_mask": np.array([1, 0, 1]) > 0,
    }
    scipy.io.savemat(tmp_path / "a.mat", content)
    features = read(inspect(tmp_path / "a.mat"))
    assert features.items["label"].tolist() == ["one", "", "drei é"]
    assert features.items["id"].tolist() == ["a", "bb", "c"]
    assert features.missing() == {"X": 1}
