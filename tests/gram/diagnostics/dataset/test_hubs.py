import numpy as np
import pytest
from scipy.stats import skew, spearmanr

from gram.diagnostics import find_hubs
from tests.helpers import oracle
from tests.helpers.made import aligned, as_set, unit


def counted(scores, k):
    """Return N_k and what each candidate's own query gives, ties at the last place shared, from a table of scores."""
    occurrences, own = np.zeros(len(scores)), np.zeros(len(scores))
    for query, row in enumerate(scores):
        last = np.sort(row)[::-1][k - 1]
        above, tied = row > last + 1e-9, np.abs(row - last) <= 1e-9
        places = above + tied * (k - above.sum()) / tied.sum()
        occurrences += places
        own[query] = places[query]
    return occurrences, own


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("measure", ["volume", "cosine"])
def test_occurrences_are_those_of_sorted_scores(measure, k):
    arrays = aligned(n=40, d=6, noise=1.0)
    hubs = find_hubs(as_set(arrays), measure=measure, k=k)
    occurrences, own = counted(oracle.scores(measure, *(rows.astype(np.float32) for rows in arrays.values())), k)
    np.testing.assert_allclose(hubs.occurrences, occurrences)
    np.testing.assert_allclose(hubs.own, own)
    assert hubs.occurrences.sum() == pytest.approx(40 * k)
    assert hubs.skewness == pytest.approx(skew(occurrences))
    assert hubs.base_correlation == pytest.approx(spearmanr(occurrences, hubs.base).statistic)
    height, _ = counted(oracle.scores("height", *(rows.astype(np.float32) for rows in arrays.values())), k)
    np.testing.assert_allclose(hubs.under_height.occurrences, height)


def test_blocks_of_queries_and_candidates_give_what_the_whole_gives(monkeypatch):
    made = as_set(aligned(n=40, d=6, noise=1.0))
    whole = find_hubs(made)
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", 7)
    monkeypatch.setattr("gram.diagnostics.dataset.hubs._SCORES_AT_ONCE", 40 * 9)
    blocks = find_hubs(made)
    np.testing.assert_array_equal(blocks.occurrences, whole.occurrences)
    np.testing.assert_array_equal(blocks.own, whole.own)


def test_ties_share_their_places():
    arrays = aligned(n=10, d=8)
    for rows in arrays.values():
        rows[1] = rows[0]
    hubs = find_hubs(as_set(arrays))
    np.testing.assert_allclose(hubs.occurrences[:2], [1.0, 1.0])
    np.testing.assert_allclose(hubs.own[:2], [0.5, 0.5])
    assert hubs.wrong_share == pytest.approx(0.1)


def test_collinear_candidates_take_first_places_and_height_does_not_give_them_any():
    arrays = aligned(n=300, d=32)
    for row in (7, 8):
        arrays["speech"][row] = unit(arrays["image"][row] + 0.01 * arrays["speech"][row])
    hubs = find_hubs(as_set(arrays))
    assert set(hubs.rows[hubs.top][:2]) == {7, 8}
    assert hubs.taken > 0.9
    assert hubs.crowded
    assert hubs.base_costs
    assert hubs.base[7] == pytest.approx(oracle.volume(np.stack([arrays["image"][7], arrays["speech"][7]])), rel=1e-3)
    assert hubs.under_height.taken < 0.05
    assert hubs.even_share == pytest.approx(3 / 300)
    assert hubs.top_share >= hubs.taken


def test_a_set_in_order_has_no_hubs():
    hubs = find_hubs(as_set(aligned(n=300)))
    assert hubs.wrong_share == 0 == hubs.taken == hubs.taken_by_chance() == hubs.skewness
    assert not hubs.crowded
    assert not hubs.base_costs


def test_what_chance_takes_is_the_luckiest_hundredth_of_an_even_spread():
    arrays = aligned(n=200, d=4, noise=3.0)
    hubs = find_hubs(as_set(arrays), measure="cosine")
    wrong = round((hubs.occurrences - hubs.own).sum())
    rng = np.random.default_rng(5)
    drawn = [np.sort(np.bincount(rng.integers(200, size=wrong), minlength=200))[-2:].sum() / 200 for _ in range(2000)]
    assert hubs.taken_by_chance() == pytest.approx(np.mean(drawn), rel=0.05)


def test_a_single_candidate_has_no_base_and_height_is_not_compared_with_itself():
    hubs = find_hubs(as_set(aligned(k=2)), measure="height")
    assert np.isnan(hubs.base_correlation)
    assert hubs.under_height is None


def test_items_without_the_query_are_left_out():
    arrays = aligned(n=30)
    arrays["text"][4] = np.nan
    arrays["image"][5] = np.nan
    hubs = find_hubs(as_set(arrays))
    assert hubs.rows.tolist() == [row for row in range(30) if row != 4]
    assert hubs.occurrences.sum() == pytest.approx(29)


def test_errors():
    made = as_set(aligned(n=10))
    with pytest.raises(ValueError, match="k: expected at least 1 place, got 0"):
        find_hubs(made, k=0)
    with pytest.raises(ValueError, match="query: 'text' is also a candidate"):
        find_hubs(made, "text", ["text"])
    with pytest.raises(ValueError, match="measure: expected one of"):
        find_hubs(made, measure="nearness")
