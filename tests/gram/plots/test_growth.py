import numpy as np
import pytest

from gram.plots import volume_by_k


def test_volumes_and_their_roots_as_vectors_join():
    vectors = np.random.default_rng(0).normal(size=(4, 9))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    figure = volume_by_k(vectors, ["a", "b", "c", "d"], d=9)
    factor = np.abs(np.diag(np.linalg.qr(vectors.T)[1]))
    volumes = np.cumprod(factor)
    np.testing.assert_allclose(figure.data[0].y, volumes, atol=1e-12)
    np.testing.assert_allclose(figure.data[1].y, volumes ** (1 / np.arange(1, 5)), atol=1e-12)


def test_the_reference_is_what_random_vectors_give():
    figure = volume_by_k(np.eye(3), ["a", "b", "c"], d=5)
    draws = np.random.default_rng(1).normal(size=(20_000, 3, 5))
    draws /= np.linalg.norm(draws, axis=-1, keepdims=True)
    means = [np.sqrt(np.linalg.det(draws[:, :k] @ draws[:, :k].transpose(0, 2, 1))).mean() for k in (1, 2, 3)]
    np.testing.assert_allclose(figure.data[2].y, means, atol=0.01)
    assert "d = 5" in figure.data[2].name


def test_a_name_a_vector():
    with pytest.raises(ValueError, match="names: expected 3, one a vector, got 2"):
        volume_by_k(np.eye(3), ["a", "b"], d=5)
