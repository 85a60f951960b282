import numpy as np
import pytest

from gram.diagnostics import find_duplicates
from tests.helpers.made import aligned, as_set, unit


def same_by_hand(arrays, names):
    """Return the sets of rows within 0.001 of each other in every one of these modalities, by comparing all."""
    n = len(arrays[names[0]])
    near = np.ones((n, n), dtype=bool)
    for name in names:
        rows = unit(arrays[name])
        near &= np.linalg.norm(rows[:, None] - rows[None], axis=2) <= 1e-3
    return {frozenset(np.flatnonzero(row)) for row in near if row.sum() > 1}


def groups(numbers):
    return {frozenset(np.flatnonzero(numbers == group)) for group in range(numbers.max() + 1)}


def test_duplicates_are_those_of_comparing_all_items():
    arrays, rng = aligned(n=150, d=16), np.random.default_rng(2)
    for name in arrays:
        arrays[name][[10, 20]] = arrays[name][0]
    for name in ("image", "speech"):
        arrays[name][[30, 40]] = arrays[name][[31, 41]].astype(np.float16)
    arrays["text"][50] = arrays["text"][51]
    arrays["text"][60] = unit(arrays["text"][61] + 0.01 * unit(rng.normal(size=16)))  # near, and another one
    arrays["speech"][70] = arrays["speech"][71]
    aside = unit(np.cross(arrays["image"][71][:3], [0, 0, 1]) @ np.eye(3, 16))
    arrays["image"][70] = unit(arrays["image"][71] + 1.2e-3 * aside)  # too far, if not by much
    found = find_duplicates(as_set(arrays))
    assert groups(found.items) == same_by_hand(arrays, ["text", "image", "speech"]) == {frozenset({0, 10, 20})}
    assert groups(found.candidates) == same_by_hand(arrays, ["image", "speech"])
    assert groups(found.query) == same_by_hand(arrays, ["text"])
    assert (found.items >= 0).sum() == 3
    alone = 150 - 3 - 4 - 2
    assert found.ceiling == pytest.approx((alone + 3 / 3 + 4 / 2 + 2 / 2) / 150)


def test_no_duplicates_leave_the_ceiling_where_it_is():
    found = find_duplicates(as_set(aligned(n=50)))
    assert found.ceiling == 1
    assert (found.items.max(), found.candidates.max(), found.query.max()) == (-1, -1, -1)


def test_a_collapsed_modality_is_not_full_of_duplicates():
    arrays = aligned(n=80, k=2)
    arrays["image"] = unit(np.ones(32) / 32**0.5 + 1e-4 * arrays["image"])
    assert find_duplicates(as_set(arrays)).candidates.max() == -1
    arrays["image"][1] = arrays["image"][0]
    assert groups(find_duplicates(as_set(arrays)).candidates) == {frozenset({0, 1})}


def test_items_that_lack_the_same_are_compared_and_empty_ones_are_not():
    arrays = aligned(n=20)
    for name in ("image", "speech"):
        arrays[name][1] = arrays[name][0]
        arrays[name][[5, 6]] = np.nan
    arrays["speech"][[0, 1]] = np.nan
    arrays["image"][2] = arrays["image"][0]  # it has speech too
    assert groups(find_duplicates(as_set(arrays)).candidates) == {frozenset({0, 1})}


def test_errors():
    with pytest.raises(ValueError, match="'smell' is not in this set"):
        find_duplicates(as_set(aligned(n=5)), candidates=["smell"])
    with pytest.raises(ValueError, match="is also a candidate"):
        find_duplicates(as_set(aligned(n=5)), "image", ["image"])
