"""Intervals over seeds and items, and the table that is made of observations."""

import numpy as np
import pytest
from scipy import stats

from gram.experiments.table import Observation, bootstrap_interval, difference, single_row, t_interval, tabulate


def test_the_interval_over_seeds_is_student_s() -> None:
    values = [0.2, 0.5, 0.3, 0.6]
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert t_interval(values) == pytest.approx(expected)
    assert np.isnan(t_interval([0.3])).all()
    frame = tabulate(Observation({"loss": "gram"}, "R@1", seed, given=value) for seed, value in enumerate(values))
    row = single_row(frame, loss="gram", metric="R@1")
    assert (row["low"], row["high"]) == pytest.approx(expected)
    assert (row["interval"], row["seeds"], row["value"]) == ("seeds", 4, pytest.approx(0.4))


def test_the_interval_of_a_share_stays_a_share_and_that_of_a_difference_does_not() -> None:
    values = [0.0, 0.1, 0.02]
    low, high = t_interval(values)
    assert low < 0
    frame = tabulate(
        Observation({}, metric, seed, given=value)
        for metric in ("hit", "R@1 gain")
        for seed, value in enumerate(values)
    )
    assert single_row(frame, metric="hit")[["low", "high"]].tolist() == pytest.approx([0, high])
    assert single_row(frame, metric="R@1 gain")[["low", "high"]].tolist() == pytest.approx([low, high])


def test_the_interval_over_items_is_the_percentile_bootstrap() -> None:
    items = (np.random.default_rng(0).random(300) < 0.3).astype(float)
    low, high = bootstrap_interval(items)
    expected = stats.bootstrap((items,), np.mean, method="percentile", n_resamples=5000, rng=1).confidence_interval
    assert (low, high) == pytest.approx(tuple(expected), abs=0.01)
    assert bootstrap_interval(np.append(items, np.nan)) == pytest.approx((low, high), abs=0.01)
    assert np.isnan(bootstrap_interval(np.array([np.nan]))).all()


def test_two_seeds_are_one_mean_over_the_same_items() -> None:
    rng = np.random.default_rng(0)
    both = rng.random((2, 200))
    frame = tabulate(Observation({"loss": "gram"}, "R@1", seed, items=items) for seed, items in enumerate(both))
    row = single_row(frame, metric="R@1")
    assert row["interval"] == "items of all seeds"
    assert (row["low"], row["high"]) == pytest.approx(bootstrap_interval(both.mean(axis=0)))
    assert row["high"] - row["low"] < 0.8 * (frame["high"][0] - frame["low"][0])
    with pytest.raises(ValueError, match="expected one row with"):
        single_row(frame, metric="R@5")


def test_a_paired_difference_is_narrower_than_the_two_apart() -> None:
    items = np.random.default_rng(0).random(500)
    one, other = (Observation({}, "R@1", 0, items=each) for each in (items + 0.1, items))
    change = difference({}, "change", 0, one, other)
    assert bootstrap_interval(change.items) == pytest.approx((0.1, 0.1))
