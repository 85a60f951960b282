import numpy as np
import pytest

from gram.diagnostics import find_collapse
from tests.helpers.made import aligned, as_set, unit


def test_effective_rank_is_the_exponential_of_the_entropy_of_singular_values():
    arrays = aligned(n=50, d=12)
    rows = arrays["image"].astype(np.float32)
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    share = values / values.sum()
    (spread,) = [spread for spread in find_collapse(as_set(arrays)).modalities if spread.name == "image"]
    assert spread.effective_rank == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-4)
    held = np.cumsum(values**2) / (values**2).sum()
    assert spread.dimensions == 1 + np.flatnonzero(held >= 0.9)[0]


def test_equal_singular_values_count_as_their_number():
    corners = np.vstack([np.eye(6)[:3], -np.eye(6)[:3]])
    spread = find_collapse(as_set({"text": corners, "image": corners})).modalities[0]
    assert spread.effective_rank == pytest.approx(3, rel=1e-5)
    assert spread.dimensions == 3


def test_the_mean_cosine_is_that_of_all_pairs():
    rows = aligned(n=25, d=5)["text"]
    table = rows @ rows.T
    spread = find_collapse(as_set({"text": 4 * rows, "image": rows})).modalities[0]
    assert spread.mean_cosine == pytest.approx(table[~np.eye(25, dtype=bool)].mean(), abs=1e-6)


def test_one_modality_on_a_point():
    arrays = aligned(k=3)
    arrays["speech"] = unit(unit(np.ones(32)) + 0.1 * arrays["speech"])
    collapse = find_collapse(as_set(arrays))
    assert collapse.on_a_point == ("speech",)
    assert not collapse.together
    assert collapse.on_few_dimensions == ()


def test_all_modalities_on_the_same_point_or_each_on_its_own():
    arrays, axes = aligned(k=3), np.eye(32)
    same = {name: unit(axes[0] + 0.1 * rows) for name, rows in arrays.items()}
    own = {name: unit(axes[place] + 0.1 * rows) for place, (name, rows) in enumerate(arrays.items())}
    assert find_collapse(as_set(same)).together
    assert find_collapse(as_set(own)).on_a_point == ("text", "image", "speech")
    assert not find_collapse(as_set(own)).together


def test_one_modality_on_two_dimensions():
    arrays = aligned(k=3)
    arrays["image"] = unit(arrays["image"] * np.r_[1.0, 1.0, np.full(30, 0.01)])
    collapse = find_collapse(as_set(arrays))
    assert collapse.on_few_dimensions == ("image",)
    assert collapse.modalities[1].dimensions == 2


def test_few_items_or_a_small_space_are_no_collapse():
    assert find_collapse(as_set(aligned(n=4))).on_few_dimensions == ()
    assert find_collapse(as_set(aligned(d=3))).on_few_dimensions == ()


def test_equal_vectors_and_missing_ones():
    arrays = aligned(n=20, k=2)
    arrays["text"] = np.tile(arrays["text"][:1], (20, 1))
    arrays["image"][1:] = np.nan
    text, image = find_collapse(as_set(arrays)).modalities
    assert (text.effective_rank, text.dimensions) == (0, 0)
    assert text.mean_cosine == pytest.approx(1)
    assert image.items == 1
    assert np.isnan(image.mean_cosine)
