"""What a worker writes is what the library reads."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gram.data.importers import sandbox, worker
from gram.data.importers.base import Loaded, Source

VALUES = {
    "text": pd.Series(["a", None, "c"], dtype="str"),
    "numbers": pd.Series([1, 2, 3]),
    "gaps": pd.Series([1.5, np.nan, 3]),
    "truths": pd.Series([True, False, True]),
    "truths with gaps": pd.Series([True, None, False], dtype=object),
    "categories": pd.Series(pd.Categorical(["x", "y", "x"])),
    "times": pd.Series(pd.to_datetime(["2026-01-02", None, "2026-01-04"])),
    "half": pd.Series(np.array([1, 2, 3], np.float16)),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_as_they_were(name, tmp_path):
    values = VALUES[name]
    with worker._Writer(tmp_path) as writer:
        first = writer.loaded(Loaded(pd.Series(["another"])))
        told = json.loads(json.dumps(writer.loaded(Loaded(values, {1: "is odd"}))))
    pd.testing.assert_series_equal(sandbox._values(tmp_path, told["values"]), values, check_names=False)
    assert sandbox._values(tmp_path, first["values"]).tolist() == ["another"]
    assert sandbox._table(tmp_path, told["faults"]) == pa.table({"row": [1], "what": ["is odd"]})


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int64", "bool"])
def test_vectors_come_back_as_they_were(dtype, tmp_path):
    vectors = np.arange(12).reshape(4, 3).astype(dtype)
    with worker._Writer(tmp_path) as writer:
        told = writer.loaded(Loaded(vectors.T))
    read = np.load(tmp_path / told["vectors"], mmap_mode="c")
    assert read.dtype == vectors.dtype
    np.testing.assert_array_equal(read, vectors.T)


def test_columns_are_written_early_only_where_that_is_asked_for_or_they_are_in_memory(tmp_path):
    lazy = Source((2,), "text", lambda: Loaded(pd.Series(["a", "b"])))
    eager = Source((2,), "text", lambda: Loaded(pd.Series(["a", "b"])), eager=True)
    with worker._Writer(tmp_path) as writer:
        assert writer.column("a", lazy, early=False)["data"] is None
        assert writer.column("a", lazy, early=True)["data"] is not None
        assert writer.column("a", eager, early=False)["data"] is not None
