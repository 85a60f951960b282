"""Two rankings compared: cells, McNemar's test, Wilson's and Newcombe's intervals against scipy and simulation."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSetError
from gram.diagnostics import CELLS, compare_outcomes, find_cases, wilson
from tests.helpers import made_sets


@pytest.fixture(scope="module")
def base():
    return find_cases(made_sets.as_set(made_sets.sound(n=4)))


def cases_of(base, right):
    """Return cases of which only the ids and what is right matter."""
    return replace(base, table=pd.DataFrame({"id": list(right), "right": list(right.values())}))


def compared(base, a, b, c, d):
    """Return the outcomes of so many items in each cell."""
    cells = np.repeat(np.arange(4), [a, b, c, d])
    ids = [f"i{place}" for place in range(len(cells))]
    left = cases_of(base, {item: bool(cell in (0, 1)) for item, cell in zip(ids, cells)})
    right = cases_of(base, {item: bool(cell in (0, 2)) for item, cell in zip(ids, cells)})
    return compare_outcomes(left, right)


def test_cells_of_two_measures():
    s = made_sets.as_set(made_sets.sound(noise=0.8))
    left, right = find_cases(s, measure="volume"), find_cases(s, measure="cosine")
    found = compare_outcomes(left, right)
    arrays = made_sets.sound(noise=0.8)
    first = {m: made_sets.ranks(made_sets.matrix(m, arrays)) == 1 for m in ("volume", "cosine")}
    expected = {
        "both right": first["volume"] & first["cosine"],
        "only left": first["volume"] & ~first["cosine"],
        "only right": ~first["volume"] & first["cosine"],
        "both wrong": ~first["volume"] & ~first["cosine"],
    }
    assert found.ids == {cell: tuple(f"i{row}" for row in np.flatnonzero(mask)) for cell, mask in expected.items()}
    assert found.counts == {cell: mask.sum() for cell, mask in expected.items()}
    assert min(found.counts["only right"], found.counts["both right"]) > 2
    assert (found.n, found.left_out) == (40, 0)
    assert found.left.value == first["volume"].mean()
    assert found.right.value == first["cosine"].mean()
    assert found.difference.value == pytest.approx(first["volume"].mean() - first["cosine"].mean())


def test_only_items_that_both_ranked(base):
    left = cases_of(base, {"a": True, "b": False, "c": True})
    right = cases_of(base, {"d": True, "c": False, "b": True})
    found = compare_outcomes(left, right)
    assert (found.n, found.left_out) == (2, 2)
    assert found.ids == {"both right": (), "only left": ("c",), "only right": ("b",), "both wrong": ()}
    with pytest.raises(EmbeddingSetError, match="no item is ranked on both sides"):
        compare_outcomes(left, cases_of(base, {"x": True}))


@pytest.mark.parametrize(("only_left", "only_right"), [(0, 0), (5, 0), (3, 12), (12, 3), (40, 41)])
def test_mcnemar_is_the_sum_of_its_binomial_terms(base, only_left, only_right):
    found = compared(base, 20, only_left, only_right, 30)
    n = only_left + only_right
    terms = [math.comb(n, i) / 2**n for i in range(n + 1)]
    expected = sum(term for term in terms if term <= terms[only_left] * (1 + 1e-9))
    assert found.p_value == pytest.approx(expected)
    assert list(found.shares) == list(CELLS)
    assert found.shares["only left"].value == only_left / found.n


@pytest.mark.parametrize(("count", "n"), [(0, 10), (1, 10), (7, 20), (10, 10), (450, 2000)])
def test_wilson_ends_where_the_count_is_at_the_edge_of_the_normal_approximation(count, n):
    share, z = wilson(count, n), 1.959963984540054
    assert share.value == count / n
    ends = np.sort(np.roots([1 + z**2 / n, -(2 * count / n + z**2 / n), (count / n) ** 2]).real)
    assert (share.low, share.high) == pytest.approx(tuple(ends), abs=1e-12)
    assert (share.low == 0, share.high == 1) == (count == 0, count == n)


def test_wilson_of_nothing():
    assert all(math.isnan(part) for part in wilson(0, 0))


def test_the_interval_of_the_difference_covers_it_19_times_of_20(base):
    rng = np.random.default_rng(0)
    covered = []
    for shares in ([0.6, 0.15, 0.05, 0.2], [0.9, 0.02, 0.05, 0.03], [0.2, 0.1, 0.1, 0.6]):
        truth = shares[1] - shares[2]
        found = [compared(base, *rng.multinomial(80, shares)).difference for _ in range(100)]
        covered += [each.low <= truth <= each.high for each in found]
        assert all(each.low <= each.value <= each.high for each in found)
    assert 0.92 < np.mean(covered) <= 0.99


def test_the_interval_turns_round_with_the_sides(base):
    forth, back = compared(base, 30, 9, 4, 7).difference, compared(base, 30, 4, 9, 7).difference
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low))
    assert forth.low < 0 < forth.high


def test_pairing_narrows_the_interval(base):
    # The same shares right, 50 of 100 and 44: of items that mostly agree, and of items that do not.
    agreeing, apart = compared(base, 42, 8, 2, 48).difference, compared(base, 22, 28, 22, 28).difference
    assert agreeing.value == apart.value == 0.06
    assert agreeing.high - agreeing.low < 0.6 * (apart.high - apart.low)


@pytest.mark.parametrize("cells", [(10, 0, 0, 0), (0, 0, 0, 10), (0, 10, 0, 0), (0, 0, 10, 0)])
def test_extremes_stay_within_their_bounds(base, cells):
    found = compared(base, *cells).difference
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
