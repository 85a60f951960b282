"""Rows of the table of measures: what leads, what differs, and what a row of JSON comes back as."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet, evaluate
from gram.retrieval.measure_table import Row, against, leading, measure_row, table, tasks


def row(measure, value, low, high, metric="R@1"):
    return Row(
        measure=measure, direction="query-to-candidates", values={metric: value}, intervals={metric: (low, high)}
    )


def test_intervals_that_meet_lead_together():
    rows = [
        row("a", 0.5, 0.4, 0.6),
        row("b", 0.45, 0.41, 0.5),
        row("c", 0.2, 0.1, 0.3),
        Row(measure="d", direction="x"),
    ]
    assert leading(rows, "R@1") == [True, True, False, False]
    assert [against(rows[0], other, "R@1") for other in rows[1:]] == [0, 1, 0]
    assert against(rows[2], rows[0], "R@1") == -1
    slow, fast = (row(name, *values, metric="median_rank") for name, values in (("a", (9, 8, 10)), ("b", (2, 1, 3))))
    assert against(fast, slow, "median_rank") == 1


def test_a_row_is_that_of_evaluate_and_survives_json():
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(30, 6)).astype(np.float32) for name in ("text", "image", "speech")}
    data = EmbeddingSet(arrays, pd.DataFrame({"id": range(30)}))
    made = measure_row(data, "text", ["image", "speech"], "volume", "query-to-candidates", "cpu")
    report = evaluate(data, "text", ["image", "speech"])
    assert made.values["R@5"] == report.recall[5]
    assert made.intervals["median_rank"] == report.interval("median_rank")
    assert Row.from_dict(json.loads(json.dumps(asdict(made)))) == made
    found = table({"m": [made]})
    assert found.loc[0, "R@1_low"] == made.intervals["R@1"][0]
    assert isinstance(found, pd.DataFrame)


def test_tasks_begin_with_the_quickest():
    assert tasks(3)[-1][0] == "singular"
    assert ("triangle", "query-to-candidates") not in tasks(4)


def test_a_measure_that_no_item_fits_says_why():
    arrays = {name: np.ones((2, 3), dtype=np.float32) for name in ("text", "image", "speech")}
    arrays["speech"][:] = np.nan
    data = EmbeddingSet(arrays, pd.DataFrame({"id": range(2)}))
    found = measure_row(data, "text", ["image", "speech"], "triangle", "query-to-candidates", "cpu")
    assert found.reason.startswith("no item has image and speech")
    with pytest.raises(ValueError, match="measure"):
        measure_row(data, "text", ["image"], "beauty", "query-to-candidates", "cpu")
