"""Failure rates in bins against pandas and scipy, and confusions counted by hand."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from gram.diagnostics import confusions, failure_rate, find_cases
from tests.helpers import made_sets


def table_of(right):
    return pd.DataFrame({"right": right})


def test_bins_hold_as_many_items_each():
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 6, size=803)
    right = rng.random(803) > values / 8
    found = failure_rate(table_of(right), values, bins=5)
    bins = pd.qcut(values, 5, labels=False)
    for row, (_, part) in enumerate(pd.DataFrame({"value": values, "right": right}).groupby(bins)):
        n, failures = len(part), int((~part["right"]).sum())
        theirs = scipy.stats.binomtest(failures, n).proportion_ci(method="wilson")
        assert found.loc[row, ["low", "high"]].tolist() == [part["value"].min(), part["value"].max()]
        assert found.loc[row, ["items", "failures"]].tolist() == [n, failures]
        assert found.loc[row, ["rate", "rate_low", "rate_high"]].tolist() == pytest.approx(
            [failures / n, theirs.low, theirs.high], abs=1e-8
        )
    assert len(found) == 5
    assert found["rate"].is_monotonic_increasing


def test_few_values_have_a_bin_each():
    values = pd.Series([-1, 2, -1, 0, 2, 2], index=[9, 8, 7, 6, 5, 4])
    found = failure_rate(table_of([True, False, False, True, True, False]), values, bins=2)
    assert found["low"].tolist() == found["high"].tolist() == [-1, 0, 2]
    assert found["items"].tolist() == [2, 1, 3]
    assert found["failures"].tolist() == [1, 0, 2]


def test_ties_do_not_split_a_bin():
    values = np.array([0.0] * 50 + [*range(1, 51)])
    found = failure_rate(table_of(np.ones(100, dtype=bool)), values, bins=4)
    assert found["items"].sum() == 100
    assert found["items"].max() >= 50
    assert (found["high"].to_numpy()[:-1] < found["low"].to_numpy()[1:]).all()


def test_edges_that_are_given():
    values = np.array([0.0, 1.0, 1.0, 2.0, 3.0, 5.0, -1.0])
    found = failure_rate(table_of([True, True, False, False, True, False, False]), values, bins=[0, 1, 2.5, 3, 4])
    assert found[["low", "high"]].to_numpy().tolist() == [[0, 1], [1, 2.5], [2.5, 3], [3, 4]]
    assert found["items"].tolist() == [1, 3, 0, 1]  # 5 and -1 are outside
    assert found["failures"].tolist() == [0, 2, 0, 0]
    assert found.loc[2, ["rate", "rate_low", "rate_high"]].isna().all()
    assert failure_rate(table_of([True]), [4.0], bins=[0, 2, 4])["items"].tolist() == [0, 1]


def test_items_without_a_value_are_left_out():
    found = failure_rate(table_of([True, False, False]), [1.0, np.nan, 1.0])
    assert found["items"].tolist() == [2]
    assert failure_rate(table_of([True]), [np.nan]).empty


@pytest.mark.parametrize(
    ("values", "bins", "message"),
    [
        ([1.0], 8, r"values: expected one number for each of 2 cases, got shape \(1,\)"),
        (["a", "b"], 8, "values: expected numbers, got text"),
        ([1.0, 2.0], 0, "bins: expected at least 1, got 0"),
        ([1.0, 2.0], [1.0], "bins: expected at least 2 edges that ascend"),
        ([1.0, 2.0], [1.0, 1.0], "bins: expected at least 2 edges that ascend"),
    ],
)
def test_what_is_refused(values, bins, message):
    with pytest.raises(ValueError, match=message):
        failure_rate(table_of([True, False]), values, bins=bins)


def test_confusions_counted_by_hand():
    table = pd.DataFrame(
        {
            "id": ["1", "2", "3", "4"],
            "winner": ["2", "1", "1", "2"],
            "label": ["4721", "4791", "1111", "12"],
            "winner_label": ["4791", "4721", "4721", "4791"],
            "right": [False, True, False, False],
        }
    )
    found = confusions(table)
    assert found.index.tolist() == found.columns.tolist() == ["1", "2", "4", "7", "9"]
    expected = {("4", "4"): 1, ("7", "7"): 1, ("2", "9"): 1, ("1", "1"): 2, ("1", "4"): 1, ("1", "7"): 1, ("1", "2"): 1}
    for true in found.index:
        for winner in found.columns:
            assert found.loc[true, winner] == expected.get((true, winner), 0)
    named = confusions(table, {"1": "ab", "2": "ac"})  # of failures, only case 1 has both names
    assert named.to_numpy().tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert (named.index.name, named.columns.name) == ("true", "winner")


def test_confusions_of_cases():
    cases = find_cases(made_sets.as_set(made_sets.sound(noise=0.8)))
    assert confusions(cases).equals(confusions(cases.table))
    assert confusions(cases).loc["m", "m"] == sum(
        len(a) == len(b) for a, b in zip(cases.failures["label"], cases.failures["winner_label"])
    )


def test_no_failures_no_confusions():
    found = confusions(find_cases(made_sets.as_set(made_sets.sound(noise=0.1))))
    assert found.shape == (0, 0)
