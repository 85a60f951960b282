import numpy as np
import pytest

from gram.diagnostics import find_swapped, misaligned_rows
from tests.helpers.made import aligned, as_set, unit


def moved(arrays, name, rows, sources):
    arrays = {other: array.copy() for other, array in arrays.items()}
    arrays[name][rows] = arrays[name][sources]
    return arrays


def test_exchanged_rows_are_named_with_the_items_they_belong_to():
    rows, sources = np.array([3, 10, 50, 90]), np.array([10, 3, 90, 50])
    (found,) = misaligned_rows(find_swapped(as_set(moved(aligned(), "image", rows, sources))))
    assert found.name == "image"
    assert found.rows.tolist() == rows.tolist()
    assert found.belongs.tolist() == sources.tolist()
    assert found.exchanged == found.suspects == 4
    assert found.shift == 0
    assert found.items == 120


@pytest.mark.parametrize("by", [1, -3])
def test_rows_that_are_late_are_said_to_be_shifted(by):
    rows = np.arange(20, 60)
    (found,) = misaligned_rows(find_swapped(as_set(moved(aligned(), "speech", rows, rows - by))))
    assert (found.name, found.shift) == ("speech", by)
    inner = rows[5:-5]
    assert set(inner) <= set(found.rows)
    assert all(found.belongs[found.rows.tolist().index(row)] == row - by for row in inner)


def test_a_permutation_of_some_rows_is_found():
    rng = np.random.default_rng(1)
    rows = rng.choice(120, size=30, replace=False)
    (found,) = misaligned_rows(find_swapped(as_set(moved(aligned(), "text", rows, np.roll(rows, 1)))))
    assert found.name == "text"
    assert set(found.rows) == set(rows)


def test_with_two_modalities_it_may_be_either():
    arrays = moved(aligned(k=2), "image", [1, 2, 3, 4], [2, 1, 4, 3])
    assert [found.name for found in misaligned_rows(find_swapped(as_set(arrays)))] == ["text", "image"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_corrupted_vectors_are_not_swapped_ones(seed, noise):
    arrays, rng = aligned(n=300, noise=noise, seed=seed), np.random.default_rng(seed)
    rows = rng.choice(300, size=80, replace=False)
    arrays["image"][rows] = unit(rng.normal(size=(80, 32)))
    assert misaligned_rows(find_swapped(as_set(arrays))) == ()


@pytest.mark.parametrize("seed", range(3))
def test_only_swapped_rows_are_named_beside_corrupted_ones(seed):
    arrays, rng = aligned(n=300, noise=1.0, seed=seed), np.random.default_rng(seed + 50)
    rows = rng.permutation(300)
    pairs, corrupted = rows[:40].reshape(-1, 2), rows[40:130]
    arrays = moved(arrays, "image", pairs, pairs[:, ::-1])
    arrays["image"][corrupted] = unit(rng.normal(size=(90, 32)))
    (found,) = misaligned_rows(find_swapped(as_set(arrays)))
    source = dict(pairs.tolist()) | dict(pairs[:, ::-1].tolist())
    right = [source.get(row) == item for row, item in zip(found.rows.tolist(), found.belongs.tolist())]
    assert len(right) >= 8
    assert all(right)


def test_a_set_in_order_and_one_pair_of_items_are_not_named():
    assert misaligned_rows(find_swapped(as_set(aligned()))) == ()
    assert misaligned_rows(find_swapped(as_set(moved(aligned(), "image", [3, 10], [10, 3])))) == ()


def test_a_flipped_modality_hides_no_swap():
    arrays = moved(aligned(), "image", [3, 10, 50, 90], [10, 3, 90, 50])
    arrays["image"], arrays["speech"] = -arrays["image"], -arrays["speech"]
    (found,) = misaligned_rows(find_swapped(as_set(arrays)))
    assert (found.name, found.exchanged) == ("image", 4)


def test_missing_rows_are_passed_over_and_keep_their_numbers():
    arrays = moved(aligned(), "image", [30, 40, 50, 90], [40, 30, 90, 50])
    arrays["image"][:10] = np.nan
    (found,) = misaligned_rows(find_swapped(as_set(arrays)))
    assert found.rows.tolist() == [30, 40, 50, 90]
    assert found.items == 110


def test_unrelated_modalities_say_nothing():
    rng = np.random.default_rng(0)
    arrays = {name: unit(rng.normal(size=(200, 16))) for name in ("text", "image", "speech")}
    assert find_swapped(as_set(arrays)) == ()
