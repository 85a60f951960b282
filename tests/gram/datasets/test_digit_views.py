"""Five views of the digits of scikit-learn, each computed again by hand."""

import numpy as np
from scipy.fft import dctn
from sklearn.datasets import load_digits

from gram.datasets.digit_views import digit_views


def test_the_views_are_those_of_the_same_pictures_in_scales_of_their_own():
    features, digits = digit_views(), load_digits()
    assert features.sizes == {"pixels": 64, "frequencies": 16, "sums": 16, "components": 6, "random": 240}
    assert len(features) == 1797
    assert features.anchor == "pixels"
    assert features.items["digit"].tolist() == digits.target.tolist()
    views = {name: rows.numpy() for name, rows in features.modalities.items()}
    picture = digits.images[100]
    np.testing.assert_array_equal(views["pixels"][100], picture.ravel())
    np.testing.assert_allclose(views["sums"][100], 1e4 * np.r_[picture.sum(axis=1), picture.sum(axis=0)], rtol=1e-6)
    np.testing.assert_allclose(views["frequencies"][100], 1e-3 * dctn(picture, norm="ortho")[:4, :4].ravel(), atol=1e-6)
    centred = digits.data - digits.data.mean(axis=0)
    shares = np.linalg.svd(centred, compute_uv=False)[:6]
    np.testing.assert_allclose(np.linalg.norm(views["components"], axis=0), shares, rtol=1e-3)


def test_the_seed_draws_the_random_features_alone():
    first, other = digit_views(seed=0), digit_views(seed=1)
    assert not np.array_equal(first.modalities["random"], other.modalities["random"])
    assert np.array_equal(first.modalities["sums"], other.modalities["sums"])
