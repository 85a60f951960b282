"""Arrow files of both formats, compressed or not."""

import numpy as np
import pyarrow as pa
import pytest

from gram import EmbeddingSetError
from gram.data.importers import inspect, read

TABLE = pa.table({"id": ["a", "b", "c"], "text": pa.array([[1.5, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2))})


@pytest.mark.parametrize("opened", [pa.ipc.new_stream, pa.ipc.new_file])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_both_formats_give_what_was_written(opened, compression, tmp_path):
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with opened(str(tmp_path / "a.arrow"), TABLE.schema, options=options) as out:
        out.write_table(TABLE, max_chunksize=2)
    features = read(inspect(tmp_path / "a.arrow"))
    np.testing.assert_array_equal(features.modalities["text"].numpy(), [[1.5, 2], [3, 4], [5, 6]])
    assert features.items["id"].tolist() == ["a", "b", "c"]


def test_no_rows_is_one_line(tmp_path):
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), TABLE.schema):
        pass
    with pytest.raises(EmbeddingSetError, match="has no rows; a set holds at least one item"):
        inspect(tmp_path / "a.arrow")
