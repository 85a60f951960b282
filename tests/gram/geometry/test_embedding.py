"""Exact coordinates for pictures, and the expected volume of random vectors."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from gram.geometry import embed_in_3d, random_volume
from tests.helpers.oracle import draw, qr_volume

seeds = st.integers(0, 2**31 - 1)


def angles(points: np.ndarray) -> np.ndarray:
    return points @ points.T


@given(seeds, st.integers(1, 3), st.integers(1, 9))
def test_up_to_three_vectors_are_drawn_exactly(seed: int, k: int, d: int) -> None:
    vectors = draw(seed, k, d).numpy()
    points, distortion = embed_in_3d(vectors)
    assert points.shape == (k, 3)
    assert distortion == 0.0
    np.testing.assert_allclose(angles(points), angles(vectors), atol=1e-12)
    assert points[0, 0] > 0
    assert not points[0, 1:].any()
    assert k < 2 or (points[1, 1] >= 0 and points[1, 2] == 0)
    assert k < 3 or points[2, 2] >= 0


@given(seeds, st.integers(4, 7))
@settings(max_examples=30)
def test_more_vectors_are_drawn_as_well_as_three_dimensions_allow(seed: int, k: int) -> None:
    vectors = draw(seed, k, 8).numpy()
    points, distortion = embed_in_3d(vectors)
    values, directions = np.linalg.eigh(vectors @ vectors.T)
    best = (directions[:, -3:] * values[-3:]) @ directions[:, -3:].T
    np.testing.assert_allclose(angles(points), best, atol=1e-10)
    assert distortion == pytest.approx(values[:-3].sum() / values.sum())
    assert points[0, 0] > 0
    assert not points[0, 1:].any()
    assert points[1, 1] > 0
    assert points[1, 2] == 0
    assert points[2, 2] > 0


def test_degenerate_pictures() -> None:
    first, second = draw(17, 2, 6)
    points, distortion = embed_in_3d(torch.stack([first, 2 * first, second]))
    torch.testing.assert_close(points[1], 2 * points[0])
    assert points[2, 1] > 0
    points, distortion = embed_in_3d(torch.zeros(5, 6))
    assert not points.any()
    assert distortion == 0
    points, _ = embed_in_3d(torch.stack([first, torch.full_like(first, torch.nan), second]))
    assert points[1].isnan().all()
    assert points[[0, 2]].isfinite().all()


def test_a_picture_is_of_one_set() -> None:
    with pytest.raises(ValueError, match="vectors: expected one set of vectors"):
        embed_in_3d(torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match=r"vectors: expected shape"):
        embed_in_3d(torch.zeros(0, 4))


@pytest.mark.parametrize(("k", "d"), [(2, 2), (2, 3), (3, 3), (4, 16)])
def test_random_volume_is_the_mean_of_many(k: int, d: int) -> None:
    drawn = qr_volume(normalize(draw(18, 40_000, k, d), dim=-1))
    assert random_volume(k, d) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / 200)


def test_random_volume_where_it_is_known() -> None:
    assert random_volume(2, 2) == pytest.approx(2 / math.pi)
    assert random_volume(2, 3) == pytest.approx(math.pi / 4)
    assert random_volume(1, 7) == 1
    assert random_volume(4, 3) == 0
    assert random_volume(3, 10**6) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("k", "d", "name"), [(0, 3, "k"), (2, 0, "d"), (1.5, 3, "k"), (2, "8", "d")])
def test_random_volume_names_a_wrong_number(k, d, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a whole number of at least 1"):
        random_volume(k, d)
