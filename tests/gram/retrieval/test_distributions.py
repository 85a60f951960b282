"""Matched against mismatched, checked against the brute-force matrix of all pairs and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

import gram
from gram import measures
from gram.retrieval.distributions import distributions, matched_values, mismatched_in, pair_value

NAMES = ("text", "image", "speech")


def make_set(n=40, d=8, seed=0, noise=0.8, unit=True, missing=(), dtype=np.float32):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n, d))
    modalities = {name: centres + noise * rng.normal(size=(n, d)) for name in NAMES}
    if unit:
        modalities = {name: v / np.linalg.norm(v, axis=1, keepdims=True) for name, v in modalities.items()}
    for name, row in missing:
        modalities[name][row] = np.nan
    return gram.EmbeddingSet(
        modalities={name: v.astype(dtype) for name, v in modalities.items()},
        items=pd.DataFrame({"id": [f"{i:04d}" for i in range(n)]}),
    )


def all_volumes(data, rows=None):
    """sqrt det of every pair's Gram matrix, one pair at a time, in float64."""
    t, a, b = (data.modalities[name].double().numpy() for name in NAMES)
    n = len(data)
    volumes = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            r = np.linalg.qr(np.stack([t[i], a[j], b[j]]).T, mode="r")
            volumes[i, j] = np.abs(np.diag(r)).prod()
    return volumes


def all_cosines(data):
    t, a, b = (data.modalities[name].double().numpy() for name in NAMES)
    t, a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (t, a, b))
    return (t @ a.T + t @ b.T) / 2


def split(matrix):
    return np.diag(matrix), matrix[~np.eye(len(matrix), dtype=bool)]


def brute_auc(matched, mismatched, sign):
    truth = np.r_[np.ones(len(matched)), np.zeros(len(mismatched))]
    return roc_auc_score(truth, sign * np.r_[matched, mismatched])


@pytest.mark.parametrize(("measure", "oracle", "sign"), [("volume", all_volumes, -1), ("cosine", all_cosines, 1)])
def test_counts_auc_and_overlap_are_those_of_the_whole_matrix(measure, oracle, sign):
    data = make_set()
    matched, mismatched = split(oracle(data))
    found = distributions(data, candidates=["image", "speech"], measure=measure)
    low, high = (0, 1) if measure == "volume" else (-1, 1)
    edges = np.linspace(low, high, 51)
    np.testing.assert_allclose(found.edges, edges)
    np.testing.assert_allclose(found.matched, matched, atol=1e-12)
    np.testing.assert_array_equal(found.matched_counts, np.histogram(matched, edges)[0])
    np.testing.assert_array_equal(found.mismatched_counts, np.histogram(mismatched, edges)[0])
    assert found.auc == pytest.approx(brute_auc(matched, mismatched, sign), abs=1e-12)
    truth = np.r_[np.ones(40), np.zeros(40 * 39)]
    false, true, thresholds = roc_curve(truth, sign * np.r_[matched, mismatched], drop_intermediate=False)
    assert found.overlap == pytest.approx(1 - (true - false).max(), abs=1e-12)
    assert found.threshold == pytest.approx(sign * thresholds[(true - false).argmax()], abs=1e-12)
    assert (found.pairs, found.is_exact, found.left_out) == (40 * 39, True, 0)
    assert found.mismatched_median == pytest.approx(np.median(mismatched), abs=edges[1] - edges[0])
    assert found.query == "text"


@pytest.mark.parametrize("block", [7, 1024])
def test_blocks_do_not_show(block, monkeypatch):
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", block)
    found = distributions(make_set(n=30), candidates=["image"], measure="volume")
    monkeypatch.undo()
    whole = distributions(make_set(n=30), candidates=["image"], measure="volume")
    np.testing.assert_array_equal(found.mismatched_counts, whole.mismatched_counts)
    assert found.auc == pytest.approx(whole.auc, abs=1e-14)
    assert found.auc_interval == pytest.approx(whole.auc_interval, abs=1e-12)


def test_the_interval_is_that_of_leaving_out_each_item_in_turn():
    data = make_set(n=25, noise=1.5)
    volumes = all_volumes(data)
    auc = brute_auc(*split(volumes), -1)
    without = []
    for item in range(25):
        kept = np.delete(np.arange(25), item)
        without.append(brute_auc(*split(volumes[np.ix_(kept, kept)]), -1))
    error = np.sqrt(24 / 25 * ((without - np.mean(without)) ** 2).sum())
    centre, reach = np.log(auc / (1 - auc)), 1.959964 * error / (auc * (1 - auc))
    expected = [1 / (1 + np.exp(-(centre + side * reach))) for side in (-1, 1)]
    found = distributions(data, candidates=["image", "speech"])
    assert found.auc_interval == pytest.approx(expected, abs=1e-9)
    assert found.auc_interval[0] < found.auc < found.auc_interval[1]


def test_the_interval_of_a_sample_leaves_out_only_what_was_counted():
    data = make_set(n=25, noise=1.5)
    found = distributions(data, candidates=["image", "speech"], max_items=12)
    volumes = all_volumes(data)
    off = ~np.eye(12, dtype=bool)

    def auc_of(matched_rows, pair_rows):
        block = volumes[np.ix_(pair_rows, pair_rows)]
        return brute_auc(volumes[matched_rows, matched_rows], block[off[: len(pair_rows), : len(pair_rows)]], -1)

    everything = np.arange(25)
    assert len(found.sample) == 12
    assert found.pairs == 12 * 11
    assert not found.is_exact
    assert found.mismatched_counts.sum() == 132
    auc = auc_of(everything, found.sample)
    assert found.auc == pytest.approx(auc, abs=1e-12)
    without = np.array([auc_of(np.delete(everything, item), found.sample[found.sample != item]) for item in everything])
    error = np.sqrt(24 / 25 * ((without - without.mean()) ** 2).sum())
    centre, reach = np.log(auc / (1 - auc)), 1.959964 * error / (auc * (1 - auc))
    assert found.auc_interval[1] == pytest.approx(1 / (1 + np.exp(-(centre + reach))), abs=1e-9)


def test_a_collapsed_set_scores_chance():
    row = np.random.default_rng(0).normal(size=8)
    row = (row / np.linalg.norm(row)).astype(np.float32)
    same = np.tile(row, (30, 1))
    data = gram.EmbeddingSet(dict.fromkeys(NAMES, same), pd.DataFrame({"id": range(30)}))
    for measure in ("volume", "height", "cosine", "centroid"):
        found = distributions(data, candidates=["image", "speech"], measure=measure)
        assert found.auc == 0.5
        assert found.auc_interval == (0.5, 0.5)
        assert found.overlap == 1.0


def test_perfect_separation_is_one_with_nothing_in_common():
    data = make_set(n=30, d=64, noise=0.01)
    found = distributions(data, candidates=["image", "speech"])
    assert (found.auc, found.auc_interval, found.overlap) == (1.0, (1.0, 1.0), 0.0)


def test_volume_and_height_are_shown_small_when_aligned_and_scores_as_they_are():
    data = make_set(noise=0.1)
    for measure, small in (("volume", True), ("height", True), ("cosine", False), ("centroid", False)):
        found = distributions(data, candidates=["image", "speech"], measure=measure)
        scores = np.diag(gram.score(measure, *(data.modalities[name].numpy() for name in NAMES)))
        np.testing.assert_allclose(found.matched, -scores if small else scores, atol=1e-6)
        assert found.small_is_aligned is small


def test_vectors_of_other_lengths_get_an_axis_of_their_own():
    data = make_set(unit=False)
    matrix = all_volumes(data)
    found = distributions(data, candidates=["image", "speech"])
    assert (found.edges[0], found.edges[-1]) == pytest.approx((matrix.min(), matrix.max()), rel=1e-9)
    assert found.mismatched_counts.sum() == 40 * 39
    assert found.mismatched_counts[[0, -1]].min() >= 0


def test_rows_stored_in_half_precision_count_as_unit_rows():
    found = distributions(make_set(dtype=np.float16), candidates=["image", "speech"])
    assert (found.edges[0], found.edges[-1]) == (0.0, 1.0)


def test_items_without_a_query_or_any_candidate_are_left_out_and_counted():
    data = make_set(missing=[("text", 3), ("image", 5), ("image", 8), ("speech", 8)])
    found = distributions(data, candidates=["image", "speech"])
    assert found.left_out == 2
    assert not {3, 8} & set(found.rows.tolist())
    assert 5 in found.rows
    alone = gram.volume(np.stack([data.modalities[name][5].numpy() for name in ("text", "speech")]))
    assert found.matched[found.rows.tolist().index(5)] == pytest.approx(alone, abs=1e-6)


def test_the_rows_of_a_run_of_bins_come_best_aligned_first():
    data = make_set()
    matched = np.diag(all_volumes(data))
    found = distributions(data, candidates=["image", "speech"])
    run = range(10, 30)
    inside = np.flatnonzero((matched >= 0.2) & (matched < 0.6))
    np.testing.assert_array_equal(found.matched_in(run), inside[np.argsort(matched[inside])])
    cosines = np.diag(all_cosines(data))
    by_cosine = distributions(data, candidates=["image", "speech"], measure="cosine")
    np.testing.assert_array_equal(by_cosine.matched_in(range(50)), np.argsort(-cosines))


@pytest.mark.parametrize("block", [9, 1024])
def test_mismatched_pairs_of_a_run_of_bins_are_counted_and_the_best_are_named(block, monkeypatch):
    monkeypatch.setattr("gram.retrieval.scoring.BLOCK", block)
    data = make_set()
    volumes = all_volumes(data)
    found = distributions(data, candidates=["image", "speech"])
    pairs = mismatched_in(data, found, range(5, 20), limit=7)
    off = ~np.eye(40, dtype=bool)
    inside = off & (volumes >= 0.1) & (volumes < 0.4)
    assert pairs.total == inside.sum() == found.mismatched_counts[5:20].sum()
    order = np.argsort(np.where(inside, volumes, 9).ravel())[:7]
    np.testing.assert_array_equal(pairs.queries * 40 + pairs.candidates, order)
    np.testing.assert_allclose(pairs.values, volumes.ravel()[order], atol=1e-12)


@pytest.mark.parametrize(
    ("span", "bins"),
    [((0.1, 0.4), range(5, 20)), ((0.105, 0.106), range(5, 6)), ((-3, 9), range(50))],
)
def test_a_span_takes_the_bins_whose_middle_it_covers_and_never_none(span, bins):
    found = distributions(make_set(n=5), candidates=["image"])
    assert found.bins_within(*span) == bins


def test_a_run_of_bins_without_pairs_is_empty():
    data = make_set()
    found = distributions(data, candidates=["image", "speech"])
    pairs = mismatched_in(data, found, range(3, 3))
    assert (pairs.total, len(pairs.queries), len(pairs.values)) == (0, 0, 0)
    assert len(found.matched_in(range(3, 3))) == 0


def test_the_value_of_one_pair_is_that_of_the_matrix():
    data = make_set(missing=[("text", 3)])
    found = distributions(data, candidates=["image", "speech"])
    volumes = all_volumes(data)
    assert pair_value(data, found, 4, 9) == pytest.approx(volumes[4, 9], abs=1e-12)
    assert np.isnan(pair_value(data, found, 3, 9))


@pytest.mark.parametrize("measure", ["volume", "height", "cosine", "centroid"])
def test_the_value_of_random_directions_is_what_sampling_gives(measure):
    data = make_set(n=3000, d=6, noise=1e6)
    found = distributions(data, candidates=["image", "speech"], measure=measure, max_items=3)
    assert measures.get(measure).random_mean(3, 6) == pytest.approx(found.matched.mean(), abs=0.02)


def test_the_value_of_random_directions_is_known_only_where_there_is_a_formula():
    assert np.isnan(measures.get("triangle").random_mean(4, 6))
    assert measures.get("height").random_mean(8, 3) == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 0}, r"bins: expected at least 1, got 0"),
        ({"query": "image"}, r"query: 'image' is also a candidate"),
        ({"query": "smell"}, r"'smell'"),
        ({"candidates": ["smell"]}, r"'smell'"),
        ({"measure": "beauty"}, r"beauty"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        distributions(make_set(), **({"candidates": ["image", "speech"]} | options))


def test_too_few_items_are_refused():
    with pytest.raises(ValueError, match=r"expected 3 items or more with a query and a candidate, got 2"):
        distributions(make_set(n=2), candidates=["image"])


@pytest.mark.parametrize(("measure", "oracle"), [("volume", all_volumes), ("cosine", all_cosines)])
def test_matched_values_are_the_diagonal_with_nothing_where_an_item_has_none(measure, oracle):
    data = make_set()
    values = matched_values(data, candidates=["image", "speech"], measure=measure)
    np.testing.assert_allclose(values, np.diag(oracle(data)), atol=1e-12)
    holed = make_set(missing=[("text", 3), ("image", 5), ("speech", 5)])
    found = matched_values(holed, candidates=["image", "speech"], measure=measure)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 5]
    np.testing.assert_allclose(np.delete(found, [3, 5]), np.delete(values, [3, 5]), atol=1e-12)
