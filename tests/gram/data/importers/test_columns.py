"""Columns of Arrow data as vectors."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gram import EmbeddingSetError
from gram.data.importers import inspect, read


@pytest.mark.parametrize("kind", ["lists", "fixed", "text", "wide"])
def test_null_cells_of_tables(kind, tmp_path):
    expected = np.array([[1, 2], [np.nan, np.nan], [5, 6]], np.float32)
    lists = [[1.0, 2.0], None, [5.0, 6.0]]
    path = tmp_path / ("a.csv" if kind in ("text", "wide") else "a.parquet")
    if kind == "wide":
        path.write_text("id,text.0,text.1\n00,1.0,2\n01,,\n02,5,6\n")
    elif kind == "text":
        path.write_text('id,text\n00,"[1, 2]"\n01,\n02,5 6\n')
    else:
        of = pa.list_(pa.float32(), 2) if kind == "fixed" else pa.large_list(pa.float64())
        pq.write_table(pa.table({"id": ["00", "01", "02"], "text": pa.array(lists, of)}), path)
    features = read(inspect(path))
    np.testing.assert_array_equal(features.modalities["text"].numpy(), expected)
    assert features.items["id"].tolist() == ["00", "01", "02"]


def test_a_column_that_pandas_refuses_is_left_out(tmp_path):
    times = pa.array([0, 1], pa.timestamp("ms", tz="Mars/Utopia"))
    pq.write_table(pa.table({"text": [[1.5, 2.0], [3.0, 4.0]], "time": times}), tmp_path / "a.parquet")
    inspection = inspect(tmp_path / "a.parquet")
    assert [column.name for column in inspection.columns] == ["text"]
    assert inspection.notes[0].startswith("'time' is left out: it is not readable as a column")


def test_too_many_columns_are_refused_with_the_file(tmp_path):
    pq.write_table(pa.table({f"a{i}b": [1.0] for i in range(10_001)}), tmp_path / "a.parquet")
    with pytest.raises(EmbeddingSetError, match=r"a\.parquet: Parquet: more than 10,000 columns; leave some out"):
        inspect(tmp_path / "a.parquet")
